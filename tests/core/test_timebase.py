from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from core.timebase import day_bounds, day_of, days_between, month_bounds, slot_index, slot_start

BERLIN = ZoneInfo("Europe/Berlin")
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(("day", "slots"), [(date(2026, 3, 29), 92), (date(2026, 6, 1), 96), (date(2026, 10, 25), 100)])
def test_a_local_day_has_92_96_or_100_slots(day: date, slots: int) -> None:
    assert len(slot_index(*day_bounds(day, BERLIN))) == slots


def test_days_and_months_are_cut_at_local_midnight() -> None:
    assert day_bounds(date(2026, 10, 1), SHANGHAI)[0] == datetime(2026, 9, 30, 16, tzinfo=UTC)
    assert month_bounds(2026, 12, SHANGHAI)[1] == datetime(2026, 12, 31, 16, tzinfo=UTC)
    assert day_of(datetime(2026, 9, 30, 15, 59, tzinfo=UTC), SHANGHAI) == date(2026, 9, 30)
    assert days_between(datetime(2026, 9, 30, 15, tzinfo=UTC), datetime(2026, 9, 30, 16, tzinfo=UTC), SHANGHAI) == [
        date(2026, 9, 30)
    ]


def test_a_slot_is_labelled_by_its_start() -> None:
    assert slot_start(datetime(2026, 1, 1, 0, 29, 59, tzinfo=UTC)) == datetime(2026, 1, 1, 0, 15, tzinfo=UTC)
    assert slot_start(datetime(2026, 1, 1, 0, 30, tzinfo=UTC)) == datetime(2026, 1, 1, 0, 30, tzinfo=UTC)
