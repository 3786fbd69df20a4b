"""From readings in a real store to slots, days, months, events and plans, and what a second run changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from core.frames import readings_frame
from core.park import Array, CarbonChoice, DeviceAssignment, Park, Point
from core.quality import ReadingFlag
from core.quantities import Period
from core.timebase import day_bounds
from models.compute import Compute
from store.embedded import EmbeddedStore
from store.state import SqliteState

BERLIN = ZoneInfo("Europe/Berlin")
METERS = {"grid": "grid", "pv-a": "pv", "pv-b": "pv", "hall": "load"}


def device(name: str, **terms) -> DeviceAssignment:
    return DeviceAssignment(id=name, template="json", **{"rating_kw": 200.0, "interval_s": 900.0, **terms})


def make_park(**changes) -> Park:
    points = [Point(id=i, role=r, name=i, devices=(device(f"{i}-1"),)) for i, r in METERS.items()]
    terms = {
        "id": "test",
        "name": "Test",
        "latitude": 52.5,
        "longitude": 13.4,
        "timezone": "Europe/Berlin",
        "points": tuple(points),
        "carbon": (CarbonChoice(scheme="location", region="CN-SH"),),
    }
    return Park(**{**terms, **changes})


class World:
    """A park with its store and state, and constant flows unless told otherwise."""

    def __init__(self, folder, park: Park) -> None:
        self.park = park
        self.store = EmbeddedStore(folder / "park.duckdb", park.id)
        self.state = SqliteState(folder / "state.sqlite")
        self.compute = Compute(park, self.store, self.state)

    def send(self, name, quantity, times, values, flags=0, received_at=None) -> None:
        received = times if received_at is None else received_at
        frame = {"time": times, "device": name, "quantity": quantity, "channel": "", "value": values}
        frame = readings_frame(pd.DataFrame({**frame, "received_at": received, "flags": flags}))
        self.store.append_readings(frame)
        self.state.mark_dirty({(name, t.date()) for t in frame["time"]})

    def constant(self, name, quantity, start, end, kw, first=1000.0, step="15min") -> None:
        times = pd.date_range(start, end, freq=step, unit="us")
        hours = (times - times[0]) / pd.Timedelta(hours=1)
        self.send(name, quantity, times, first + kw * np.asarray(hours))

    def steady_day(self, start, end) -> None:
        """Import 30, export 10, generation 12 + 8 (both halves), hall 25; load is 40 kW."""
        self.constant("grid-1", "energy_import_kwh", start, end, 30.0)
        self.constant("grid-1", "energy_export_kwh", start, end, 10.0)
        self.constant("pv-a-1", "energy_export_kwh", start, end, 12.0)
        self.constant("pv-b-1", "energy_export_kwh", start, end, 8.0)
        self.constant("hall-1", "energy_import_kwh", start, end, 25.0)

    def rows(self, period: Period, day: date | None = None, scope: str = "park"):
        start, end = day_bounds(day, self.park.zone) if day else (datetime(2020, 1, 1, tzinfo=UTC),) * 2
        end = end if day else datetime(2030, 1, 1, tzinfo=UTC)
        found = self.store.slots(period, start, end, scope=scope)
        if scope != "park":
            return found.set_index(["entity", "quantity"]) if period is not Period.SLOT else found
        return found.set_index("quantity")


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, make_park())
    yield made
    made.store.close()
    made.state.close()


def test_a_steady_day_in_literal_numbers(world):
    day = date(2026, 7, 1)
    start, end = day_bounds(day, BERLIN)
    world.steady_day(start, end)
    world.compute.run(end + timedelta(minutes=3))
    found = world.rows(Period.DAY, day)["value"]
    assert found["generation_kwh"] == pytest.approx(480)
    assert found["import_kwh"] == pytest.approx(720)
    assert found["export_kwh"] == pytest.approx(240)
    assert found["load_kwh"] == pytest.approx(960)
    assert found["self_consumed_kwh"] == pytest.approx(240)
    assert found["residual_kwh"] == pytest.approx(360)
    assert found["net_balance_kwh"] == pytest.approx(-480)
    assert found["carbon_kg"] == pytest.approx(720 * 0.5737)
    assert found["self_sufficiency"] == pytest.approx(0.25)
    assert found["self_consumption"] == pytest.approx(0.5)
    assert found["net_zero_ratio"] == pytest.approx(0.5)
    assert found["self_sufficiency_15min"] == pytest.approx(0.5)
    month = world.rows(Period.MONTH)
    month = month[month["start"] == start]
    assert month.loc["self_sufficiency_month", "value"] == pytest.approx(0.5)
    assert month.loc["load_kwh", "value"] == pytest.approx(960)
    assert set(month["reasons"]) == {"partial"}


@pytest.mark.parametrize(("day", "slots"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100)])
def test_days_of_the_clock_change(world, day, slots):
    start, end = day_bounds(day, BERLIN)
    world.steady_day(start, end)
    world.compute.run(end + timedelta(minutes=3))
    assert len(world.rows(Period.SLOT, day).loc["load_kwh"]) == slots
    row = world.rows(Period.DAY, day).loc["load_kwh"]
    assert row["value"] == pytest.approx(slots * 10.0)
    assert row["coverage"] == 1.0


def test_a_running_day_is_partial_and_covers_what_has_elapsed(world):
    day = date(2026, 7, 1)
    start, _ = day_bounds(day, BERLIN)
    now = start + timedelta(hours=6)
    world.steady_day(start, now)
    result = world.compute.run(now + timedelta(minutes=1))  # the last slot is not settled yet
    assert result.computed_until == now - timedelta(minutes=15)
    world.compute.run(now + timedelta(minutes=2))
    row = world.rows(Period.DAY, day).loc["load_kwh"]
    assert (row["value"], row["coverage"], row["reasons"]) == (pytest.approx(240), 1.0, "partial")
    assert len(world.rows(Period.SLOT, day).loc["load_kwh"]) == 24


def test_generation_is_unknown_where_one_meter_is_missing(tmp_path):
    world = World(tmp_path, make_park())
    day = date(2026, 7, 1)
    start, end = day_bounds(day, BERLIN)
    noon = start + timedelta(hours=12)
    for name, quantity, kw in (("grid-1", "energy_import_kwh", 30), ("grid-1", "energy_export_kwh", 10)):
        world.constant(name, quantity, start, end, kw)
    world.constant("pv-a-1", "energy_export_kwh", start, end, 12.0)
    world.constant("pv-b-1", "energy_export_kwh", start, noon, 8.0)
    world.compute.run(end + timedelta(minutes=3))
    slots = world.rows(Period.SLOT, day).loc["generation_kwh"]["value"].to_numpy()
    assert slots[:48].tolist() == pytest.approx([5.0] * 48)
    assert np.isnan(slots[48:]).all()
    daily = world.rows(Period.DAY, day)
    assert daily.loc["generation_kwh", "value"] == pytest.approx(240)
    assert daily.loc["generation_kwh", "coverage"] == 0.5
    assert "missing" in daily.loc["generation_kwh", "reasons"]
    assert daily.loc["import_kwh", "coverage"] == 1.0
    assert daily.loc["self_sufficiency", "value"] == pytest.approx(0.25)  # over the half in which all is known
    (event,) = [e for e in world.state.events(start, end) if e.entity == "pv-b"]
    assert (event.code, event.start, event.end, event.params["hours"]) == ("missing", noon, end, 12.0)
    world.store.close()
    world.state.close()


def test_a_reading_that_ends_a_gap_fills_every_day_of_it(world):
    days = [date(2026, 7, 1) + timedelta(days=n) for n in range(4)]
    start, end = day_bounds(days[0], BERLIN)[0], day_bounds(days[3], BERLIN)[1]
    last_seen = start + timedelta(hours=12)
    world.constant("hall-1", "energy_import_kwh", start, last_seen, 25.0)
    world.compute.run(end - timedelta(hours=6))
    points = world.rows(Period.DAY, days[1], "point")
    assert np.isnan(points.loc[("hall", "load_kwh"), "value"])
    assert points.loc[("hall", "load_kwh"), "coverage"] == 0.0

    back = end - timedelta(hours=4)
    world.send("hall-1", "energy_import_kwh", [back, back + timedelta(minutes=15)], [1000.0 + 80 * 25, 1000.0 + 2010])
    result = world.compute.run(back + timedelta(minutes=20))
    assert (result.first_day, result.last_day) == (days[0], days[3])
    filled = world.rows(Period.DAY, days[1], "point").loc[("hall", "load_kwh")]
    assert filled["value"] == pytest.approx(510)  # 1700 kWh over 80 h
    assert (filled["coverage"], filled["estimated"], filled["reasons"]) == (0.0, 1.0, "gap")
    events = [e for e in world.state.events(start, end) if e.entity == "hall"]
    assert [(e.code, e.start, e.end) for e in events] == [("gap", last_seen, back)]
    # The same join does not make its days dirty again.
    assert world.compute.run(back + timedelta(minutes=36)).first_day == days[3]


def test_running_again_changes_nothing_and_telescopes_over_days(world):
    first = date(2026, 7, 1)
    start = day_bounds(first, BERLIN)[0] + timedelta(minutes=7)
    end = start + timedelta(days=3)
    rng = np.random.default_rng(4)
    times = pd.date_range(start, end, freq="7min", unit="us")
    shown = np.cumsum(rng.integers(0, 9000, len(times))) / 1000
    world.send("hall-1", "energy_import_kwh", times, shown)
    world.send("hall-1", "active_power_kw", times, rng.uniform(0, 50, len(times)))
    now = end + timedelta(hours=1)
    world.compute.run(now)
    slots = world.store.slots(Period.SLOT, start - timedelta(days=1), now, entities=["hall"], quantities=["load_kwh"])
    assert round(float(slots["value"].sum()) * 1000) == round((shown[-1] - shown[0]) * 1000)
    for n in range(4):
        assert world.compute.recompute(first + timedelta(days=n), first + timedelta(days=n), now).changed == 0
    assert world.compute.recompute(first, first + timedelta(days=3), now).changed == 0
    assert world.state.dirty() == []


def test_ratio_direction_and_successor_of_a_device(tmp_path):
    change = datetime(2026, 7, 1, 10, tzinfo=UTC)
    hall = Point(
        id="hall",
        role="load",
        name="Hall",
        devices=(
            device("old", ratio=40.0, direction="reversed", valid_to=change),
            device("new", valid_from=change),
        ),
    )
    world = World(tmp_path, make_park(points=(Point(id="grid", role="grid", name="Grid"), hall)))
    day = date(2026, 7, 1)
    start, end = day_bounds(day, BERLIN)
    world.constant("old", "energy_export_kwh", start, change, 0.5)
    world.send("old", "active_power_kw", [start, start + timedelta(minutes=15)], [-0.5, -0.5])
    world.constant("new", "energy_import_kwh", change, end, 30.0, first=7.0)
    world.compute.run(end + timedelta(minutes=3))
    row = world.rows(Period.DAY, day, "point")
    assert row.loc[("hall", "load_kwh"), "value"] == pytest.approx(12 * 20 + 12 * 30)
    assert row.loc[("hall", "load_kwh"), "coverage"] == 1.0
    assert row.loc[("hall", "active_power_kw"), "value"] == pytest.approx(20.0)
    assert np.isnan(world.rows(Period.DAY, day).loc["load_kwh", "value"])  # the grid has no meter: unknown
    world.store.close()
    world.state.close()


def test_without_a_register_power_counts_split_by_sign_and_unusable_readings_never(tmp_path):
    world = World(tmp_path, make_park())
    day = date(2026, 7, 1)
    start, end = day_bounds(day, BERLIN)
    times = pd.date_range(start, start + timedelta(hours=2), freq="15min", unit="us")
    world.send("grid-1", "active_power_kw", times, [20.0] * 5 + [-20.0] * 4)
    world.send("grid-1", "active_power_kw", [start + timedelta(minutes=5)], [1e5], int(ReadingFlag.OUT_OF_RANGE))
    world.send("grid-1", "active_power_kw", [start + timedelta(minutes=6)], [float("nan")])
    world.compute.run(end + timedelta(minutes=3))
    row = world.rows(Period.DAY, day, "point")
    # 60 min at 20, 15 min from 20 to -20, 45 min at -20
    assert row.loc[("grid", "import_kwh"), "value"] == pytest.approx(20 + 0.5 * 20 * 0.125)
    assert row.loc[("grid", "export_kwh"), "value"] == pytest.approx(15 + 0.5 * 20 * 0.125)
    assert "from_power" in row.loc[("grid", "import_kwh"), "reasons"]
    world.store.close()
    world.state.close()


def test_a_burst_of_uncertain_time_keeps_its_last_register_only(tmp_path):
    world = World(tmp_path, make_park())
    day = date(2026, 7, 1)
    start, end = day_bounds(day, BERLIN)
    world.constant("hall-1", "energy_import_kwh", start, start + timedelta(hours=1), 25.0)
    burst = [start + timedelta(hours=4, seconds=n) for n in range(12)]
    world.send("hall-1", "energy_import_kwh", burst, 1025.0 + 6.25 * np.arange(1, 13), int(ReadingFlag.TIME_UNCERTAIN))
    world.compute.run(end + timedelta(minutes=3))
    row = world.rows(Period.DAY, day, "point").loc[("hall", "load_kwh")]
    assert row["value"] == pytest.approx(25 + 75)
    assert [e.code for e in world.state.events(start, end) if e.entity == "hall"] == ["gap", "missing"]
    world.store.close()
    world.state.close()


def test_a_backlog_of_uncertain_time_in_several_bursts_loses_no_energy(tmp_path):
    world = World(tmp_path, make_park())
    day = date(2026, 7, 1)
    start, end = day_bounds(day, BERLIN)
    world.constant("hall-1", "energy_import_kwh", start, start + timedelta(hours=1), 25.0)
    # Ten hours wait at the broker and come five minutes apart: 100 kWh each time, where 200 kW are the most there can be.
    bursts = [start + timedelta(hours=11, minutes=5 * n) for n in range(3)]
    uncertain = int(ReadingFlag.TIME_UNCERTAIN)
    world.send("hall-1", "energy_import_kwh", bursts, [1125.0, 1225.0, 1325.0], uncertain)
    world.constant("hall-1", "energy_import_kwh", bursts[-1] + timedelta(minutes=15), end, 24.0, first=1331.0)
    world.compute.run(end + timedelta(minutes=3))
    row = world.rows(Period.DAY, day, "point").loc[("hall", "load_kwh")]
    last = world.store.latest()["value"].max()
    assert row["value"] == pytest.approx(last - 1000.0)
    assert [e.code for e in world.state.events(start, end) if e.entity == "hall" and e.code == "implausible"] == []
    world.store.close()
    world.state.close()


def test_old_telegrams_without_time_that_come_again_change_no_energy(tmp_path):
    world = World(tmp_path, make_park())
    day = date(2026, 7, 1)
    start, end = day_bounds(day, BERLIN)
    times = [start + timedelta(minutes=15 * n) for n in range(33)]
    registers = 1000.0 + 6.25 * np.arange(33)
    uncertain = int(ReadingFlag.TIME_UNCERTAIN)
    world.send("hall-1", "energy_import_kwh", times, registers, uncertain)
    # After 4 hours the broker brings again what it had delivered since it last saved, 45 and 30 minutes old.
    again = [start + timedelta(hours=4, minutes=1 + 5 * n) for n in range(2)]
    world.send("hall-1", "energy_import_kwh", again, registers[[13, 14]], uncertain)
    world.compute.run(end + timedelta(minutes=3))
    row = world.rows(Period.DAY, day, "point").loc[("hall", "load_kwh")]
    assert row["value"] == pytest.approx(200)
    world.store.close()
    world.state.close()


def test_sub_meters_that_exceed_the_total_are_an_event(world):
    day = date(2026, 7, 1)
    start, end = day_bounds(day, BERLIN)
    world.steady_day(start, end)
    world.constant("hall-1", "energy_import_kwh", start, end, 42.0)
    world.compute.run(end + timedelta(minutes=3))
    (event,) = [e for e in world.state.events(start, end) if e.code == "balance"]
    assert (event.entity, event.params) == ("test", {"energy": -48.0, "share": "-5.0 %"})


def test_a_plan_is_written_once(world):
    first = date(2026, 6, 1)  # a Monday
    start = day_bounds(first, BERLIN)[0]
    world.steady_day(start, start + timedelta(days=5))
    world.compute.run(start + timedelta(days=4, hours=1))
    thursday = world.rows(Period.DAY, date(2026, 6, 4)).loc["plan_net_balance_kwh", "value"]
    assert thursday == pytest.approx(-480)
    assert "plan_net_balance_kwh" not in world.rows(Period.DAY, date(2026, 6, 3)).index
    world.constant("pv-a-1", "energy_export_kwh", start, start + timedelta(days=5), 24.0, first=5.0)
    world.compute.run(start + timedelta(days=4, hours=2))
    assert world.rows(Period.DAY, date(2026, 6, 2)).loc["net_balance_kwh", "value"] == pytest.approx(-480)
    assert world.rows(Period.DAY, date(2026, 6, 4)).loc["plan_net_balance_kwh", "value"] == pytest.approx(-480)


def test_the_running_month_is_held_against_as_much_of_the_plan(world):
    first = date(2026, 6, 1)  # a Monday; balance -20 kWh an hour, so a workday's plan is -480 kWh
    start = day_bounds(first, BERLIN)[0]
    world.steady_day(start, start + timedelta(days=5))
    world.compute.run(start + timedelta(days=4, hours=6, minutes=3))
    month = world.rows(Period.MONTH, first).loc["plan_net_balance_kwh"]
    assert month["value"] == pytest.approx(-480 - 6 * 20)  # Thursday whole, Friday until six; before, no basis
    assert month["coverage"] == pytest.approx(2 / 5)


def test_an_array_behind_a_shared_meter_has_no_generation_of_its_own(tmp_path):
    terms = {"name": "A", "dc_kwp": 20.0, "ac_kw": 18.0, "tilt": 30.0, "azimuth": 180.0}
    arrays = (Array(id="one", point="pv-a", **terms), Array(id="two", point="pv-a", **terms))
    alone = Array(id="alone", point="pv-b", **terms)
    world = World(tmp_path, make_park(arrays=(*arrays, alone)))
    day = date(2026, 6, 21)
    start, end = day_bounds(day, BERLIN)
    world.steady_day(start, end)
    world.compute.run(end + timedelta(minutes=3))
    rows = world.rows(Period.DAY, day, "array")
    assert ("one", "generation_kwh") not in rows.index
    assert ("alone", "generation_kwh") in rows.index
    assert rows.loc[("one", "expected_kwh"), "reasons"] == "default_temperature rung_clear_sky uncalibrated"
    assert "rung_clear_sky" in rows.loc[("alone", "energy_performance_index"), "reasons"]
    assert rows.loc[("alone", "expected_kwh"), "value"] == pytest.approx(137, abs=8)
    park = world.rows(Period.DAY, day)
    assert park.loc["expected_kwh", "value"] == pytest.approx(3 * rows.loc[("alone", "expected_kwh"), "value"])
    world.store.close()
    world.state.close()


def test_a_slot_that_closed_just_now_is_not_missing_yet(world):
    day = date(2026, 7, 1)
    start, end = day_bounds(day, BERLIN)
    heard_until = start + timedelta(hours=6)
    world.steady_day(start, heard_until)

    def hours_missing(minutes: int) -> dict[str, float]:
        world.compute.run(heard_until + timedelta(minutes=minutes))
        return {e.entity: e.params["hours"] for e in world.state.events(start, end) if e.code == "missing"}

    assert hours_missing(2) == {}
    assert hours_missing(17) == hours_missing(32) == {}  # devices of 15 min: three reports may be on their way
    missing = hours_missing(62)
    assert missing
    assert set(missing.values()) == {1.0}
    world.steady_day(start, heard_until + timedelta(minutes=60))
    assert hours_missing(63) == {}


def test_the_last_slot_of_a_day_is_missing_once_the_next_one_has_closed(world):
    start, end = day_bounds(date(2026, 7, 1), BERLIN)
    world.steady_day(start, end - timedelta(minutes=15))

    def missing(minutes: int) -> set[float]:
        world.compute.run(end + timedelta(minutes=minutes))
        return {e.params["hours"] for e in world.state.events(start, end) if e.code == "missing"}

    assert missing(3) == set()
    assert missing(18) == {0.25}
