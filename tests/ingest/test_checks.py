"""What is noticed about readings as they come: literal batches, literal counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from core.frames import readings_frame
from core.park import DeviceAssignment, Park
from core.quality import Event, ReadingFlag
from ingest import checks
from ingest.checks import LiveChecks

NOON = datetime(2026, 10, 2, 4, 0, tzinfo=UTC)
IMPORT, POWER = "energy_import_kwh", "active_power_kw"


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def batch(*rows: tuple[float, float], device: str = "grid-1", quantity: str = IMPORT, **more: object) -> pd.DataFrame:
    """Rows of (minutes after noon, value), received on time unless told otherwise."""
    times = [at(minutes) for minutes, _ in rows]
    frame = {"time": times, "device": device, "quantity": quantity, "channel": "", "value": [v for _, v in rows]}
    return readings_frame(pd.DataFrame({**frame, "received_at": times, "flags": 0, **more}))


@pytest.fixture
def live(small_park: Park) -> LiveChecks:
    return LiveChecks(small_park)


def test_readings_in_order_are_nothing_to_tell(live: LiveChecks) -> None:
    for n in range(3):
        both = pd.concat([batch((n, 10.0 + n), (n + 0.5, 10.5 + n)), batch((n, 1.0), device="inv-a")])
        found = live.look(both)
        assert (dict(found.counts), found.events) == ({}, [])
    assert live.look(readings_frame()).counts == {}


def test_a_reading_again_is_a_duplicate_across_batches_and_within_one(live: LiveChecks) -> None:
    assert dict(live.look(batch((0, 10.0), (1, 11.0))).counts) == {}
    assert dict(live.look(batch((1, 11.0))).counts) == {"duplicate": 1}
    assert dict(live.look(batch((2, 12.0), (3, 13.0), (2, 12.0), (2, 12.0))).counts) == {"duplicate": 2}
    # Of another series the same time and value are nothing special.
    assert dict(live.look(batch((3, 13.0), device="inv-a")).counts) == {}
    assert dict(live.look(batch((4, 14.0))).counts) == {}


def test_another_value_of_a_key_is_a_conflict_with_both_values_and_the_later_one_counts(live: LiveChecks) -> None:
    live.look(batch((0, 10.0)))
    found = live.look(batch((0, 12.5)))
    assert dict(found.counts) == {"conflict": 1}
    params = {"device": "grid-1", "quantity": IMPORT, "channel": "", "before": 10.0, "after": 12.5}
    assert found.events == [Event("grid", "conflict", NOON, NOON, params)]
    # What it is held against from now on is the later value; events come once an hour at most.
    again = live.look(batch((0, 12.5)))
    assert (dict(again.counts), again.events) == ({"duplicate": 1}, [])
    third = live.look(batch((0, 13.0)))
    assert (dict(third.counts), third.events) == ({"conflict": 1}, [])
    late = live.look(batch((0, 14.0), received_at=at(61)))
    assert [e.params["before"] for e in late.events] == [13.0]


def test_conflicts_within_a_batch(live: LiveChecks) -> None:
    found = live.look(batch((0, 1.0), (5, 2.0), (0, 1.5), (6, 3.0), (0, 1.5)))
    assert dict(found.counts) == {"conflict": 1, "duplicate": 1}
    assert (found.events[0].params["before"], found.events[0].params["after"]) == (1.0, 1.5)


def test_older_readings_are_out_of_order_and_move_nothing(live: LiveChecks) -> None:
    assert dict(live.look(batch((10, 5.0), (3, 2.0), (4, 3.0), (11, 6.0))).counts) == {"out_of_order": 2}
    assert dict(live.look(batch((10.5, 5.5))).counts) == {"out_of_order": 1}
    assert dict(live.look(batch((11, 6.0))).counts) == {"duplicate": 1}
    assert dict(live.look(batch((12, 7.0))).counts) == {}


def test_times_that_are_ours_or_ahead_take_no_part(live: LiveChecks) -> None:
    live.look(batch((60, 10.0), flags=int(ReadingFlag.FUTURE)))
    live.look(batch((30, 10.0), flags=int(ReadingFlag.TIME_UNCERTAIN)))
    assert dict(live.look(batch((0, 1.0), (1, 2.0))).counts) == {}


def test_power_beyond_half_more_than_the_rating_before_the_ratio(small_park: Park) -> None:
    load = small_park.point("hall-a")
    meter = DeviceAssignment(id="shelly-a", template="shelly-gen2-em", rating_kw=200.0, ratio=40.0)
    changed = load.model_copy(update={"devices": (meter,)})
    points = tuple(changed if p.id == "hall-a" else p for p in small_park.points)
    live = LiveChecks(small_park.model_copy(update={"points": points}))
    found = live.look(batch((0, 7.5), (1, 7.51), (2, -8.0), (3, 900.0), device="shelly-a", quantity=POWER))
    assert dict(found.counts) == {"over_rating": 3}
    assert dict(live.look(batch((0, 1e9), device="shelly-a")).counts) == {}
    beyond = batch((9, 1e7), device="shelly-a", quantity=POWER, flags=int(ReadingFlag.OUT_OF_RANGE))
    assert dict(live.look(beyond).counts) == {}
    assert dict(live.look(batch((0, 1e5), device="met-1", quantity=POWER)).counts) == {}


def test_a_device_that_sends_live_with_a_clock_a_day_behind(live: LiveChecks) -> None:
    behind = timedelta(hours=30)
    counts, events = 0, []
    for minute in range(0, 40, 2):
        found = live.look(batch((minute, 1.0 + minute), received_at=at(minute) + behind))
        counts += found.counts["stale_time"]
        events += found.events
    assert counts == 15  # from the tenth minute on
    (event,) = events
    assert (event.entity, event.code, event.start) == ("grid", "stale_time", at(10) + behind)
    assert event.params == {"device": "grid-1", "hours": 30.0, "device_time": at(10).isoformat()}
    # Its clock is set: nothing more is said.
    assert dict(live.look(batch((3000, 99.0))).counts) == {}
    assert dict(live.look(batch((3001, 99.0), received_at=at(3001) + behind)).counts) == {}


def test_a_backlog_and_a_retained_message_are_no_stale_clock(live: LiveChecks) -> None:
    for n in range(60):  # two days of backlog within an hour
        found = live.look(batch((48 * n, float(n)), received_at=at(4 * 1440) + timedelta(minutes=n)))
        assert dict(found.counts) == {}
    for hour in range(5):
        found = live.look(batch((0, 1.0), device="inv-a", received_at=at(4 * 1440 + 60 * hour)))
        assert found.counts["stale_time"] == 0


def test_invented_channels_take_no_memory_without_end(live: LiveChecks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MOST_SERIES", 3)
    for n in range(50):
        live.look(batch((n, 1.0), channel=f"c{n}"))
    assert len(live._slots) == 3
    assert dict(live.look(batch((0, 2.0), channel="c0")).counts) == {"conflict": 1}
    assert dict(live.look(batch((0, 2.0), channel="c9")).counts) == {}
    assert dict(live.look(batch((0, 2.0), device="inv-a")).counts) == {}


def test_many_series_at_once(live: LiveChecks) -> None:
    def all_of(minute: float, value: float) -> pd.DataFrame:
        parts = [batch((minute, value), device=f"d{n}") for n in range(1500)]
        return pd.concat(parts, ignore_index=True)

    assert dict(live.look(all_of(0, 1.0)).counts) == {}
    assert dict(live.look(all_of(0, 1.0)).counts) == {"duplicate": 1500}
    found = live.look(all_of(0, 2.0))
    assert dict(found.counts) == {"conflict": 1500}
    assert found.events == []  # of devices that serve no point
