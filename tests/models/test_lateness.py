"""Late readings: exactly the days they touch are computed anew, everything derived with them, and old values are kept."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from core.quantities import Period
from core.timebase import day_bounds
from tests.models.test_compute import BERLIN, World, make_park

MINUTES = timedelta(minutes=1)


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, make_park())
    yield made
    made.store.close()
    made.state.close()


def at(day: int, hour: int = 0, minute: int = 0, month: int = 7) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN)


def hall(world: World, times: list[datetime], values: list[float]) -> None:
    world.send(
        "hall-1",
        "energy_import_kwh",
        [t.astimezone(day_bounds(date(2026, 1, 1), BERLIN)[0].tzinfo) for t in times],
        values,
    )


def steady(world: World, first: datetime, last: datetime, start: float, kw: float = 4.0) -> None:
    """Send a reading every 15 minutes, both ends included."""
    times = pd.date_range(first, last, freq="15min", unit="us").tz_convert("UTC")
    hours = (times - times[0]) / pd.Timedelta(hours=1)
    world.send("hall-1", "energy_import_kwh", times, start + kw * np.asarray(hours))


def days(world: World, first: int, last: int, month: int = 7) -> list[float]:
    start, end = day_bounds(date(2026, month, first), BERLIN)[0], day_bounds(date(2026, month, last), BERLIN)[1]
    rows = world.store.slots(Period.DAY, start, end, entities=["hall"], quantities=["load_kwh"])
    return [round(v, 3) for v in rows["value"]]


def revised(world: World) -> set[int]:
    """Return the local days of which a value was replaced, months apart."""
    found = world.store.revisions(datetime(2026, 1, 1, tzinfo=BERLIN), datetime(2027, 1, 1, tzinfo=BERLIN))
    return {t.tz_convert(BERLIN).day for t in found[found["period"] != "month"]["start"]}


def codes(world: World, day: int) -> list[str]:
    start, end = day_bounds(date(2026, 7, day), BERLIN)
    found = world.state.events(start, end)
    return [e.code for e in found if e.entity == "hall" and start <= e.start < end]


def test_a_late_reading_inside_a_day_touches_that_day_alone(world):
    for day in (1, 2, 3):
        steady(world, at(day), at(day, 10), 1000.0 + 96 * day)
        steady(world, at(day, 10, 30), at(day, 23, 45), 1042.0 + 96 * day)
    steady(world, at(4), at(4, 6), 1384.0)
    world.compute.run(at(5, 6))
    assert days(world, 1, 3) == [96.0] * 3
    assert revised(world) == set()
    hall(world, [at(2, 10, 15)], [1232.2])  # 0.8 less than the straight line
    result = world.compute.run(at(5, 6))
    assert (result.first_day, result.last_day, days(world, 1, 3)) == (date(2026, 7, 2), date(2026, 7, 5), [96.0] * 3)
    slots = world.store.slots(Period.SLOT, at(2, 10), at(2, 10, 30), entities=["hall"], quantities=["load_kwh"])
    assert slots["value"].tolist() == pytest.approx([0.2, 1.8])
    assert revised(world) == {2}
    old = world.store.revisions(at(2, 10), at(2, 10, 30))
    assert old[(old["entity"] == "hall") & (old["quantity"] == "load_kwh")]["value"].tolist() == pytest.approx(
        [1.0, 1.0]
    )


def test_the_day_before_follows_only_where_midnight_is_interpolated_anew(world):
    steady(world, at(1), at(1, 22), 1000.0)
    steady(world, at(2, 2), at(3), 1104.0)
    world.compute.run(at(3, 6))
    assert days(world, 1, 2) == [96.0, 96.0]  # 22:00 to 2:00 runs evenly
    hall(world, [at(2, 1)], [1091.0])  # 3 kWh until one o'clock: 2 of them before midnight
    world.compute.run(at(3, 6))
    assert days(world, 1, 2) == [90.0, 102.0]
    before = world.store.revisions(at(1), at(3))
    old = before[(before["entity"] == "hall") & (before["quantity"] == "load_kwh") & (before["period"] == "day")]
    assert old["value"].tolist() == [96.0, 96.0]


def test_zeros_across_midnight_that_return_mend_the_day_before(world):
    steady(world, at(1), at(1, 23, 45), 1000.0)
    hall(world, [at(2), at(2, 0, 15), at(2, 0, 30), at(2, 0, 45)], [0.0] * 4)
    world.compute.run(at(2, 0, 50))
    assert days(world, 1, 1) == [95.0]  # the last quarter of an hour is open
    assert codes(world, 1) == ["missing"]
    steady(world, at(2, 1), at(2, 3), 1100.0)
    world.compute.run(at(2, 3, 5))
    assert days(world, 1, 1) == [96.0]
    assert sorted(codes(world, 1)) == ["gap", "spurious"]  # 75 minutes without a reading to be believed
    assert revised(world) == {1, 2}
    assert world.compute.recompute(date(2026, 7, 1), date(2026, 7, 2), at(2, 3, 5)).changed == 0


def test_a_meter_that_begins_anew_across_midnight_is_settled_in_the_morning(world):
    steady(world, at(1), at(1, 23, 50), 1000.0)
    hall(world, [at(2, 0, 5), at(2, 0, 20), at(2, 0, 35)], [0.0, 0.0, 0.0])
    world.compute.run(at(2, 0, 40))
    assert codes(world, 1) == ["missing"]
    hall(world, [at(2, 6, 10), at(2, 6, 25)], [0.5, 1.5])
    world.compute.run(at(2, 6, 30))
    assert codes(world, 1) == ["reset"]
    event = next(e for e in world.state.events(at(1), at(2)) if e.code == "reset")
    assert (event.params["before"], event.params["after"], event.params["energy"]) == (1095.0, 0.0, 0.0)
    assert event.params["unknown_up_to"] > 4.0 * 0.75


def test_a_faulty_reading_between_long_gaps_is_seen_through_from_every_day(world):
    """Days inside the gap see far beyond it: the zero in the middle was none."""
    steady(world, at(1), at(2), 50_000.0)
    hall(world, [at(5, 12)], [0.0])
    steady(world, at(9), at(10), 50_000.0 + 24 * 4 * 8)
    world.compute.run(at(10, 6))
    assert days(world, 1, 9) == [96.0] * 9
    for day in range(1, 10):
        assert world.compute.recompute(date(2026, 7, day), date(2026, 7, day), at(10, 6)).changed == 0
    assert [sorted(codes(world, n)) for n in (2, 5, 9)] == [["gap", "spurious"], [], []]


def test_a_meter_read_by_hand_is_set_right_when_the_next_reading_contradicts_a_wrong_one(world):
    hall(world, [at(1), at(5), at(9)], [50_000.0, 50_384.0, 0.0])
    world.compute.run(at(9, 1))
    assert days(world, 1, 4) == [96.0] * 4
    hall(world, [at(13)], [50_000.0 + 12 * 96])
    world.compute.run(at(13, 1))
    assert days(world, 1, 12) == [96.0] * 12


def test_late_data_into_the_longest_day_move_day_and_month_and_keep_the_old_value(world):
    """25 October has 100 slots; the gap from the 24th, 18:00, to the 26th, 6:00, lasts 37 hours."""
    steady(world, at(24, month=10), at(24, 18, month=10), 1000.0)
    steady(world, at(26, 6, month=10), at(27, month=10), 1072.0 + 148.0)
    world.compute.run(at(27, 6, month=10))
    assert days(world, 24, 26, 10) == [96.0, 100.0, 96.0]
    hall(world, [at(25, month=10), at(25, 23, 45, month=10)], [1072.0 + 12.0, 1072.0 + 12.0 + 99.0])
    world.compute.run(at(27, 6, month=10))
    assert days(world, 24, 26, 10) == [84.0, pytest.approx(100.48), pytest.approx(107.52)]
    month = world.store.slots(
        Period.MONTH, at(1, month=10), at(2, month=10), entities=["hall"], quantities=["load_kwh"]
    )
    assert month["value"].iloc[0] == pytest.approx(292.0)
    old = world.store.revisions(at(24, month=10), at(27, month=10))
    old = old[(old["entity"] == "hall") & (old["quantity"] == "load_kwh") & (old["period"] == "day")]
    assert old["value"].tolist() == [96.0, 100.0, 96.0]


def test_late_data_before_the_shortest_day(world):
    """29 March has 92 slots."""
    steady(world, at(28, month=3), at(28, 12, month=3), 1000.0)
    steady(world, at(29, 12, month=3), at(30, month=3), 1048.0 + 92.0)
    world.compute.run(at(30, 6, month=3))
    assert days(world, 28, 29, 3) == [96.0, 92.0]
    hall(world, [at(29, month=3)], [1048.0 + 40.0])
    world.compute.run(at(30, 6, month=3))
    assert days(world, 28, 29, 3) == [88.0, 100.0]
