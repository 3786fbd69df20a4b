"""What may be said of days without findings: only of those that were searched."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from core.searched import NO_ARRAYS, Searched, lack_of, note, noted, nothing_found

TODAY = date(2026, 11, 20)
SEARCHED = Searched(date(2026, 9, 20), date(2026, 11, 19), datetime(2026, 11, 19, 16, 30, tzinfo=UTC))


class Values(dict[str, str]):
    """The small values of a state file."""

    def set_value(self, key: str, value: str) -> None:
        self[key] = value

    def value(self, key: str) -> str | None:
        return self.get(key)


@pytest.mark.parametrize(
    ("searched", "first", "last", "said"),
    [
        (SEARCHED, date(2026, 11, 1), TODAY, "no faults found"),
        (SEARCHED, date(2020, 1, 1), TODAY, "no faults found"),  # there are no data before it
        (
            Searched(date(2026, 9, 20), TODAY - timedelta(days=1), SEARCHED.at), date(2020, 1, 1), date(2020, 2, 1),
            f"nobody has looked for faults in these days, only in 2026-09-20 to {TODAY - timedelta(days=1)}",
        ),
        (SEARCHED, TODAY, TODAY, "faults are looked for once a day is over"),
        (None, date(2026, 11, 1), TODAY, "nobody has looked for faults yet"),
        (
            Searched(date(2026, 9, 20), date(2026, 11, 10), SEARCHED.at), date(2026, 11, 1), TODAY,
            "no faults found; faults were looked for from 2026-09-20 to 2026-11-10 only",
        ),
        (
            Searched(date(2026, 9, 20), date(2026, 11, 10), SEARCHED.at), date(2026, 11, 11), TODAY,
            "nobody has looked for faults in these days, only in 2026-09-20 to 2026-11-10",
        ),
        (
            Searched(date(2025, 10, 16), date(2026, 11, 19), SEARCHED.at, cut=True), date(2025, 1, 1), date(2025, 10, 15),
            "nobody has looked for faults in these days, only in 2025-10-16 to 2026-11-19",
        ),
    ],
)  # fmt: skip
def test_no_more_is_said_than_is_known(searched, first, last, said):
    assert nothing_found(lack_of(searched, first, last, TODAY)).en == said


def test_a_park_without_arrays_has_nothing_to_search():
    assert nothing_found(NO_ARRAYS).zh == "园区没有光伏阵列"


def test_what_was_searched_is_kept():
    state = Values()
    assert noted(state) is None
    note(state, SEARCHED)
    assert noted(state) == SEARCHED
