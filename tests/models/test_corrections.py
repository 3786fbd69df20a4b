"""Corrections over real stores: what each kind does to slots and days, to the watt-hour, and what undoing gives back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import ManualClock
from core.corrections import Correction, Kind, placed, read
from core.errors import ConfigError
from core.frames import readings_frame
from core.park import CarbonChoice, DeviceAssignment, Park, Point
from core.quantities import Period
from core.timebase import day_bounds
from models.compute import Compute
from models.points import point_series
from models.samples import Samples
from models.series import grid_of, to_us
from store.embedded import EmbeddedStore
from store.state import SqliteState

DAY = date(2026, 7, 1)
SIGNED = {"author": "Li Wei", "reason": "meter check of 3 July"}


def device(name: str, **terms) -> DeviceAssignment:
    return DeviceAssignment(id=name, template="json", **{"rating_kw": 200.0, "interval_s": 900.0, **terms})


HALL = Point(id="hall", role="load", name="Hall", devices=(device("hall-1"),))
PARK = Park(
    id="test", name="Test", latitude=31.2, longitude=121.5, timezone="Asia/Shanghai",
    points=(HALL, Point(id="roof", role="pv", name="Roof", devices=(device("inv-1"),)),
            Point(id="sun", role="weather", name="Sun", devices=(device("met-1"),))),
    carbon=(CarbonChoice(scheme="location", region="CN-SH"),),
)  # fmt: skip
START, END = day_bounds(DAY, PARK.zone)
AFTER = END + timedelta(hours=2)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def correction(kind: str, start: float, end: float | None = None, **terms) -> Correction:
    target = {} if "device" in terms else {"point": "hall"}
    ends = {} if end is None else {"end": at(end)}
    return placed(read({"kind": kind, "start": at(start), **ends, **target, **SIGNED, **terms}), PARK, at(60))


def samples(times, readings) -> Samples:
    return Samples(np.array([to_us(t) for t in times]), np.array(readings, float), np.zeros(len(times), bool))


def hours_of(kw: float = 20.0, first: float = 1000.0, until: float = 24.0) -> Samples:
    """Hourly readings would be gaps: quarter-hourly ones from midnight on."""
    times = [at(n / 4) for n in range(int(4 * until) + 1)]
    return samples(times, [first + kw * n / 4 for n in range(len(times))])


def series(corrections, register: Samples, power: Samples | None = None, point: Point = HALL):
    given = {("energy_import_kwh", ""): register}
    if power is not None:
        given["active_power_kw", ""] = power
    grid = grid_of(DAY, DAY, PARK.zone, AFTER)
    return point_series(point, {point.devices[0].id: given}, grid, corrections)


def hourly(found) -> list[float]:
    return np.round(np.nansum(found.value.reshape(24, 4), axis=1), 6).tolist()


def test_without_a_correction_nothing_is_different():
    plain, asked = series((), hours_of()), series([correction("exclude", 3, 5, point="roof")], hours_of())
    assert plain.imported.value.tolist() == asked.imported.value.tolist() == [5.0] * 96
    assert not asked.imported.reasons.any()


def test_a_ratio_multiplies_energy_and_power_within_its_stretch_only():
    found = series([correction("ratio", 6, 9.125, factor=40.0)], hours_of(1.0), samples([at(0), at(24)], [1.0, 1.0]))
    assert hourly(found.imported) == [1] * 6 + [40] * 3 + [5 + 0.875, *([1] * 14)]
    assert found.imported.coverage.tolist() == [1.0] * 96
    assert set(np.flatnonzero(found.imported.reasons)) == set(range(24, 37))


def test_a_ratio_within_a_slot_gives_the_mean_power_its_time():
    times = [at(n / 4) for n in range(97)]
    found = series([correction("ratio", 6, 9.125, factor=40.0)], hours_of(1.0), samples(times, [1.0] * 97))
    power = found.gauges["active_power_kw"].value
    assert power[[23, 24, 35, 36, 37]].tolist() == [1.0, 40.0, 40.0, 20.5, 1.0]


def test_excluded_readings_leave_a_gap_whose_total_is_measured():
    register = hours_of()
    register.readings[40:60] = 7.0  # nonsense from 10:00 to 14:45 that would cost its energy
    found = series([correction("exclude", 10, 15)], register).imported
    assert hourly(found) == [20.0] * 24
    assert found.estimated[39:60].tolist() == [1.0] * 21  # from 9:45, the last reading that counts
    assert found.coverage[[38, 60]].tolist() == [1.0, 1.0]


def test_only_one_quantity_may_be_excluded():
    spike = samples([at(0), at(0.25), at(0.5), at(0.75)], [20.0, 900.0, 20.0, 20.0])
    found = series([correction("exclude", 0.1, 0.4, quantity="active_power_kw")], hours_of(), spike)
    assert hourly(found.imported) == [20.0] * 24
    assert found.gauges["active_power_kw"].value[0] == 20.0


@pytest.mark.parametrize(("shape", "expected"), [(None, 10.0), ("even", 10.0), ("own", 4.0)])
def test_a_known_total_is_set_evenly_or_by_the_points_own_shape(shape, expected):
    register = hours_of(10.0)
    register.readings[33:] += 10.0 * np.minimum(np.arange(1, 65), 16) / 4  # 20 kW from 8 to 12
    found = series([correction("set", 6, 10, total_kwh=40.0, **({"shape": shape} if shape else {}))], register).imported
    if shape == "own":  # 10, 10, 20, 20 kWh become 40 in all
        assert hourly(found)[6:10] == pytest.approx([40 / 6, 40 / 6, 80 / 6, 80 / 6], abs=0.002)
    else:
        assert hourly(found)[6:10] == [expected] * 4
    assert round(float(found.value[24:40].sum()), 6) == 40.0
    assert found.estimated[24:40].tolist() == [1.0] * 16
    assert found.coverage[24:40].tolist() == [0.0] * 16
    assert (hourly(found)[5], hourly(found)[10]) == (10.0, 20.0)


def test_a_total_fills_what_is_missing():
    found = series([correction("set", 6, 30, total_kwh=100.0)], hours_of(until=6))
    assert round(float(found.imported.value[24:].sum()), 6) == 75.0  # 18 of its 24 hours are today
    assert found.events == ()


def test_a_replaced_meter_books_no_step_and_loses_nothing_with_both_displays_read():
    old, new = hours_of(until=12), hours_of(first=700.0, until=24)
    register = Samples(
        np.concatenate([old.times_us[:-3], new.times_us[50:]]),
        np.concatenate([old.readings[:-3], new.readings[50:] - 240.0]),
        np.zeros(46 + 47, bool),
    )  # 11:15 shows 1225 kWh; from 12:30 on the new meter, 700 kWh at 12:00 when it began to count
    undeclared = series((), register)
    assert [e.code for e in undeclared.events] == ["replaced"]
    assert np.nansum(undeclared.imported.value) == pytest.approx(480 - 25)
    bare = series([correction("replace", 12)], register)
    assert np.nansum(bare.imported.value) == pytest.approx(480 - 25)
    assert [e.code for e in bare.events] == ["missing"]
    read_off = series([correction("replace", 12, last_kwh=1240.0, first_kwh=700.0)], register)
    assert np.nansum(read_off.imported.value) == pytest.approx(480)
    assert np.isfinite(read_off.imported.value).all()
    assert "replaced" not in [e.code for e in read_off.events]


def test_a_wrong_clock_is_put_right():
    register = hours_of()
    late = Samples(np.where((register.times_us > to_us(at(8))) & (register.times_us <= to_us(at(10))),
                            register.times_us + 3_600_000_000 * 20, register.times_us), *register_values(register))  # fmt: skip
    order = np.argsort(late.times_us, kind="stable")
    late = Samples(late.times_us[order], late.readings[order], late.uncertain[order])
    put_right = series([correction("shift", 28.1, 31, seconds=-72_000)], late).imported
    assert hourly(put_right) == [20.0] * 24
    assert put_right.coverage.tolist() == [1.0] * 96


def register_values(found: Samples):
    return found.readings, found.uncertain


def test_an_estimate_keeps_the_total_and_gives_up_the_shape():
    register = hours_of(10.0)
    register.readings[33:] += 30.0
    found = series([correction("estimate", 6, 10)], register).imported
    assert hourly(found)[6:10] == [17.5] * 4
    assert found.estimated[24:40].tolist() == [1.0] * 16


def test_later_corrections_work_on_what_earlier_ones_left():
    both = [correction("ratio", 0, 12, factor=2.0), correction("estimate", 0, 24)]
    assert hourly(series(both, hours_of(10.0)).imported) == [15.0] * 24
    assert hourly(series(both[:1] * 2, hours_of(10.0)).imported) == [40.0] * 12 + [10.0] * 12


@settings(max_examples=60, deadline=None)
@given(
    rises=st.lists(st.integers(0, 20_000), min_size=96, max_size=96),
    bounds=st.lists(st.integers(0, 96), min_size=4, max_size=4),
    factor=st.sampled_from([0.1, 0.5, 3.0, 40.0]),
    total_wh=st.integers(0, 10**7),
    own=st.booleans(),
)
def test_energy_is_accounted_for(rises, bounds, factor, total_wh, own):
    """The slots add up to the register's difference and what the corrections declare beyond it, to the watt-hour."""
    wh = np.concatenate(([5_000_000], 5_000_000 + np.cumsum(rises)))
    register = samples([at(n / 4) for n in range(97)], wh / 1000.0)
    a, b = sorted(bounds[:2])
    c, d = sorted(bounds[2:])
    applied, declared = [], 0.0
    if a < b:
        applied.append(correction("ratio", a / 4, b / 4, factor=factor))
        declared += (factor - 1) * float(wh[b] - wh[a])
    point = HALL.model_copy(update={"devices": (device("hall-1", rating_kw=1e6),)})
    before = series(applied, register, point=point).imported.value
    if c < d:
        shape = "own" if own else "even"
        applied.append(correction("set", c / 4, d / 4, total_kwh=total_wh / 1000.0, shape=shape))
        declared += total_wh - float(before[c:d].sum()) * 1000
        applied.append(correction("estimate", c / 4, d / 4))
    found = series(applied, register, point=point).imported.value
    assert float(found.sum()) * 1000 == pytest.approx(float(wh[-1] - wh[0]) + declared, abs=1e-3)


# -- what may be asked


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"kind": "ratio", "point": "hall", "start": at(0), "end": at(1)}, "ratio needs factor"),
        ({"kind": "ratio", "point": "hall", "start": at(0), "end": at(1), "factor": 0}, "greater than 0"),
        ({"kind": "set", "device": "hall-1", "start": at(0), "end": at(1), "total_kwh": 1}, "about a point"),
        ({"kind": "exclude", "start": at(0), "end": at(1)}, "either a point or a device"),
        ({"kind": "exclude", "point": "hall", "device": "hall-1", "start": at(0), "end": at(1)}, "either a point"),
        ({"kind": "exclude", "point": "hall", "start": at(0)}, "needs an end"),
        ({"kind": "replace", "point": "hall", "start": at(0), "end": at(1)}, "replace has no end"),
        ({"kind": "exclude", "point": "hall", "start": at(1), "end": at(1)}, "does not lie after"),
        ({"kind": "exclude", "point": "hall", "start": at(1), "end": at(61)}, "lies ahead"),
        ({"kind": "exclude", "point": "hall", "start": at(-9999), "end": at(1)}, "at most 400 days"),
        ({"kind": "estimate", "point": "hall", "start": at(-24 * 93), "end": at(1)}, "at most 92 days"),
        ({"kind": "set", "point": "hall", "start": at(0.1), "end": at(1), "total_kwh": 1}, "full quarter"),
        ({"kind": "exclude", "point": "hangar", "start": at(0), "end": at(1)}, "no point hangar"),
        ({"kind": "exclude", "device": "x", "start": at(0), "end": at(1)}, "no device x"),
        ({"kind": "ratio", "point": "sun", "start": at(0), "end": at(1), "factor": 2}, "this is weather"),
        ({"kind": "replace", "point": "hall", "start": at(0), "quantity": "voltage_v"}, "knows no quantity"),
        ({"kind": "shift", "point": "hall", "start": at(0), "end": at(1), "seconds": 0}, "changes nothing"),
        ({"kind": "exclude", "point": "hall", "start": at(0), "end": at(1), "factor": 2}, "exclude has no factor"),
        ({"kind": "exclude", "point": "hall", "start": at(0), "end": at(1), "reason": "  "}, "reason"),
        ({"kind": "exclude", "point": "hall", "start": "noon", "end": at(1)}, "start"),
    ],
)  # fmt: skip
def test_what_cannot_be_applied_is_refused_in_words(asked, words):
    with pytest.raises(ConfigError, match=words):
        placed(read({**SIGNED, **asked}), PARK, at(60))


def test_times_without_an_offset_are_park_time():
    found = placed(read({"kind": "set", "point": "roof", "start": "2026-07-01", "end": "2026-07-01T12:00",
                         "total_kwh": 3, **SIGNED}), PARK, at(60))  # fmt: skip
    assert (found.start, found.end) == (datetime(2026, 6, 30, 16, tzinfo=UTC), datetime(2026, 7, 1, 4, tzinfo=UTC))
    assert found.quantity == "export_kwh"


# -- the whole way through real stores


@pytest.fixture
def world(tmp_path):
    store, state = EmbeddedStore(tmp_path / "p.duckdb", PARK.id), SqliteState(tmp_path / "s.sqlite")
    made = SimpleNamespace(store=store, state=state, compute=Compute(PARK, store, state), clock=ManualClock(at(60)))
    times = pd.date_range(at(-24), at(48), freq="15min", unit="us")
    kwh = 1000.0 + 20.0 * np.arange(len(times)) / 4
    frame = {"time": times, "device": "hall-1", "quantity": "energy_import_kwh", "channel": "", "value": kwh}
    store.append_readings(readings_frame(pd.DataFrame({**frame, "received_at": times, "flags": 0})))
    state.mark_dirty({("hall-1", t.date()) for t in times})
    made.compute.run(at(60))
    yield made
    store.close()
    state.close()


def daily(world) -> list[float]:
    found = world.store.slots(Period.DAY, at(-24), at(48), entities=["hall"], quantities=["load_kwh"])
    return [round(v, 3) for v in found["value"]]


@pytest.mark.parametrize("longest", [1, 31])
def test_a_sum_over_several_days_comes_out_whole_however_the_days_are_computed(world, longest, monkeypatch):
    monkeypatch.setattr("models.compute.CHUNK_DAYS", longest)
    assert daily(world) == [480.0, 480.0, 480.0]
    world.state.add_correction(correction("set", -6, 30, total_kwh=360.0, shape="own"), at(60))
    world.state.add_correction(correction("ratio", 30, 36, factor=2.0), at(60))
    world.compute.recompute(date(2026, 6, 30), date(2026, 7, 2), at(60))
    assert daily(world) == [360.0 + 60.0, 240.0, 60.0 + 240.0 + 240.0]
    world.compute.recompute(date(2026, 7, 1), date(2026, 7, 1), at(60))
    assert daily(world) == [420.0, 240.0, 540.0]


@pytest.mark.parametrize("longest", [1, 31])
def test_days_inside_a_long_exclusion_see_the_readings_at_its_ends(world, longest, monkeypatch):
    monkeypatch.setattr("models.compute.CHUNK_DAYS", longest)
    world.state.add_correction(correction("exclude", -20, 44), at(60))
    world.compute.recompute(date(2026, 6, 30), date(2026, 7, 2), at(60))
    assert daily(world) == [480.0, 480.0, 480.0]
    row = world.store.slots(Period.DAY, at(0), at(24), entities=["hall"], quantities=["load_kwh"]).iloc[0]
    assert (row["coverage"], row["estimated"], row["reasons"]) == (0.0, 1.0, "corrected gap")


def late(world, hours: list[float], kwh: list[float]) -> None:
    times = [at(h) for h in hours]
    frame = {"time": times, "device": "hall-1", "quantity": "energy_import_kwh", "channel": "", "value": kwh}
    world.store.append_readings(readings_frame(pd.DataFrame({**frame, "received_at": at(60), "flags": 0})))
    world.state.mark_dirty({("hall-1", t.date()) for t in times})


def everything(world) -> pd.DataFrame:
    return world.store.slots(Period.SLOT, at(-24), at(48), entities=["hall"])


@pytest.mark.parametrize(
    "asked",
    [correction("estimate", -18, 40), correction("set", -18, 40, total_kwh=700.0, shape="own"),
     correction("exclude", -14, 39), correction("shift", -18, -4, seconds=36_000)],
    ids=lambda c: c.kind.value,
)  # fmt: skip
@pytest.mark.parametrize("hour", [-15.9, -13.9, 39.1])
def test_late_readings_carry_as_far_as_corrections_do(world, asked, hour):
    """Whatever comes late, the days that are dirty by it are all that have to be computed again."""
    world.state.add_correction(asked, at(60))
    days = date(2026, 6, 30), date(2026, 7, 2)
    world.compute.recompute(*days, at(60))
    world.compute.run(at(60))
    late(world, [hour], [1000.0 + 20 * (hour + 24) + 0.9])
    world.compute.run(at(60.5))
    found = everything(world)
    assert world.compute.recompute(*days, at(60.5)).changed == 0
    pd.testing.assert_frame_equal(everything(world), found)


def test_data_that_go_on_do_not_make_old_corrections_dirty(world):
    world.state.add_correction(correction("exclude", -14, 39), at(60))
    late(world, [49.0], [1000.0 + 20 * 73])
    assert world.compute.run(at(60)).first_day == date(2026, 6, 30)  # the first look at what is left out
    late(world, [49.25], [1000.0 + 20 * 73.25])
    assert world.compute.run(at(60)).first_day == date(2026, 7, 2)  # as far as that UTC day reaches


def test_old_values_stay_as_revisions(world):
    world.state.add_correction(correction("ratio", 0, 24, factor=0.5), at(60))
    world.compute.recompute(DAY, DAY, at(60))
    assert daily(world)[1] == 240.0
    old = world.store.revisions(at(0), at(24))
    old = old[(old["period"] == "day") & (old["entity"] == "hall") & (old["quantity"] == "load_kwh")]
    assert old["value"].tolist() == [480.0]


# The readings of `world` run from hour -24 to hour 48.
STRETCHES = {
    "long before": (-9000.0, -8990.0), "just before": (-26.0, -24.25), "at the first": (-24.0, -23.0),
    "amid": (5.0, 6.0), "at the last": (48.0, 48.25), "after": (49.0, 50.0), "around all": (-30.0, 54.0),
}  # fmt: skip
TERMS = {
    "ratio": {"factor": 2.0}, "exclude": {}, "set": {"total_kwh": 8.0}, "replace": {}, "shift": {"seconds": 60},
    "estimate": {},
}  # fmt: skip


@pytest.mark.parametrize("kind", list(Kind), ids=lambda k: k.value)
@pytest.mark.parametrize("where", list(STRETCHES))
def test_no_correction_stops_computing_nor_reaches_beyond_its_stretch(world, kind, where):
    first, last = STRETCHES[where]
    before = everything(world)
    end = None if kind is Kind.REPLACE else last
    world.state.add_correction(correction(kind.value, first, end, **TERMS[kind.value]), at(60))
    world.compute.recompute(date(2026, 6, 29), date(2026, 7, 3), at(60))
    world.compute.run(at(60))
    after = everything(world)
    if end is None:
        last = first + 0.25
    if (kind, where) == (Kind.EXCLUDE, "around all"):
        assert after.loc[after["quantity"] == "import_kwh", "value"].isna().all()
    assert len(after) == len(before)
    outside = ((before["start"] < at(first - 0.25)) | (before["start"] >= at(last + 0.25))).to_numpy()
    pd.testing.assert_series_equal(after["value"][outside], before["value"][outside])


def test_every_kind_has_a_test_of_its_own():
    assert {k.value for k in Kind} == {"ratio", "exclude", "set", "replace", "shift", "estimate"}
