"""What an array should produce: each layer by literal values, the chain against NREL's own PVWatts output."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from core.park import Array, Park, Point
from core.quality import Reason
from core.timebase import day_bounds
from models import pv, sensors
from models.rollup import days_of
from models.series import SlotSeries, bit, grid_of, unknown
from models.sky import sky_over, turbidity_of, typical_air

FAR = datetime(2030, 1, 1, tzinfo=UTC)


def park(**changes) -> Park:
    points = (Point(id="grid", role="grid", name="g"), Point(id="pv", role="pv", name="p"))
    terms = {"id": "t", "name": "T", "latitude": 31.2, "longitude": 121.5, "timezone": "Asia/Shanghai"}
    return Park(**{**terms, "points": points, **changes})


def array(**changes) -> Array:
    terms = {"id": "a", "name": "A", "point": "pv", "dc_kwp": 100.0, "ac_kw": 80.0, "tilt": 20.0, "azimuth": 180.0}
    return Array(**{**terms, **changes})


def exact(values) -> SlotSeries:
    values = np.asarray(values, dtype=float)
    size = len(values)
    return SlotSeries(values, np.ones(size), np.zeros(size), np.zeros(size, dtype=np.int64))


def day_of_sky(day=date(2026, 6, 21), **changes):
    where = park(**changes)
    grid = grid_of(day, day, where.zone, FAR)
    return where, grid, sky_over(where, grid)


def test_dc_losses_and_inverter_in_literal_numbers():
    # 500 W/m² at 25 °C: 50 kW DC, 46 after 8 % losses; inverter limit 80 / 0.96 = 83.33 kW DC, load 0.552:
    # efficiency 0.96/0.9637 * (-0.0162*0.552 - 0.0059/0.552 + 0.9858) = 0.9624
    kw = pv.ac_power(array(degradation_per_year=0.0), np.array([500.0]), np.array([25.0]), np.zeros(1))
    assert kw[0] == pytest.approx(46.0 * 0.96246, abs=0.002)


def test_the_inverter_limits_at_its_ac_rating():
    hot = pv.ac_power(array(ac_kw=60.0), np.array([1200.0]), np.array([25.0]), np.zeros(1))
    assert hot[0] == pytest.approx(60.0)


def test_ageing_and_temperature():
    one = pv.ac_power(array(), np.array([400.0]), np.array([25.0]), np.array([0.0]))[0]
    old = pv.ac_power(array(), np.array([400.0]), np.array([25.0]), np.array([10.0]))[0]
    hot = pv.ac_power(array(), np.array([400.0]), np.array([45.0]), np.array([0.0]))[0]
    assert old / one == pytest.approx(0.995**10, abs=0.001)
    assert hot / one == pytest.approx(1 - 0.0035 * 20, abs=0.001)


@pytest.mark.parametrize(
    ("mounting", "windy", "expected"),
    [
        ("freestanding", True, 25 + 800 / (25 + 6.84 * 2)),
        ("freestanding", False, 25 + 0.9 * 800 * 0.9 / 29),
        ("semi_integrated", True, 25 + 0.9 * 800 * 0.9 / 20),
        ("insulated", True, 25 + 0.9 * 800 * 0.9 / 15),
        ("close_mount", True, 25 + 800 * np.exp(-2.98 - 0.0471 * 2) + 0.8),
    ],
)
def test_cell_temperature_by_mounting(mounting, windy, expected):
    one = np.ones(1)
    found = pv.cell_temperature(array(mounting=mounting), 800 * one, 25 * one, 2 * one, one.astype(bool) & windy)
    assert found[0] == pytest.approx(expected)


def test_the_ladder_takes_the_best_that_is_there():
    _, grid, sky = day_of_sky()
    poa = exact(np.where(sky.up, 400.0, 0.0))
    half = np.arange(grid.size) < grid.size // 2
    poa = SlotSeries(np.where(half, poa.value, np.nan), half.astype(float), poa.estimated, poa.reasons)
    found = pv.plane_irradiance(array(), {"poa_wm2": poa, "ghi_wm2": exact(sky.ghi)}, sky)
    day = sky.up
    assert set(found.reasons[day & half]) == {bit(Reason.RUNG_POA)}
    assert set(found.reasons[day & ~half]) == {bit(Reason.RUNG_GHI)}
    assert set(found.reasons[~day]) == {0}
    assert found.value[day & half].tolist() == [400.0] * int((day & half).sum())
    assert found.estimated.max() == 0.0
    bare = pv.plane_irradiance(array(), {}, sky)
    assert set(bare.reasons[day]) == {bit(Reason.RUNG_CLEAR_SKY)}
    assert bare.estimated[day].min() == 1.0
    assert (bare.value[~day] == 0).all()


def test_ghi_through_the_chain_comes_close_to_the_clear_sky_it_was_made_of():
    _, _, sky = day_of_sky()
    by_ghi = pv.plane_irradiance(array(), {"ghi_wm2": exact(sky.ghi)}, sky).value.sum()
    by_clear = pv.plane_irradiance(array(), {}, sky).value.sum()
    assert by_ghi == pytest.approx(by_clear, rel=0.02)


def test_the_sun_of_a_slot_is_that_of_its_middle():
    where, grid, sky = day_of_sky(longitude=120.0)  # the zone's own meridian
    noon = int(np.argmin(sky.zenith))
    start = day_bounds(date(2026, 6, 21), where.zone)[0] + noon * timedelta(minutes=15)
    assert start.hour * 60 + start.minute == 4 * 60  # 12:00 to 12:15 local; solar noon is at 12:02
    assert abs(sky.azimuth[noon] - 180) < 20
    assert grid.size == 96


def test_polar_night_expects_nothing_and_knows_it():
    _, grid, sky = day_of_sky(date(2026, 12, 21), latitude=78.0, longitude=16.0, timezone="Europe/Oslo")
    made = pv.array_series(array(), {}, sky, grid)
    assert made.expected.value.sum() == 0.0
    assert made.expected.coverage.min() == 1.0
    index = pv.indices(exact(np.zeros(grid.size)), made.expected, sky, days_of(grid))
    assert np.isnan(index.value[0])
    assert index.coverage[0] == 0.0


def test_no_thermometer_means_a_typical_temperature_and_says_so():
    _, grid, sky = day_of_sky()
    gauges = {"poa_wm2": exact(np.where(sky.up, 500.0, 0.0))}
    made = pv.array_series(array(), gauges, sky, grid).expected
    noon = int(np.argmin(sky.zenith))
    assert made.reasons[noon] == bit(Reason.RUNG_POA) | bit(Reason.DEFAULT_TEMPERATURE)


def test_nothing_is_expected_before_commissioning():
    _, grid, sky = day_of_sky()
    made = pv.array_series(array(commissioned=date(2026, 6, 22)), {}, sky, grid)
    joined = pv.versions_joined([(array(commissioned=date(2026, 6, 22)), made)], grid)
    assert joined.expected.value.sum() == 0.0
    assert joined.expected.coverage.min() == 1.0


def test_an_index_compares_only_what_is_measured_on_both_sides():
    _, grid, sky = day_of_sky()
    expected = exact(np.where(sky.up, 10.0, 0.0))
    noon = np.arange(grid.size) < 48
    made = SlotSeries(np.where(sky.up, 9.0, 0.0), np.ones(grid.size), np.where(noon, 0.0, 1.0), expected.reasons)
    index = pv.indices(made, expected, sky, days_of(grid))
    assert index.value[0] == pytest.approx(0.9)
    assert index.coverage[0] == pytest.approx((sky.up & noon).sum() / sky.up.sum())


def test_turbidity_and_typical_temperature_are_known_values():
    monthly = turbidity_of(31.2, 121.5, np.array([15.0, 196.0]))
    assert monthly.tolist() == pytest.approx([2.35, 4.70], abs=0.005)
    shanghai = typical_air(31.2, 5.0, np.array([20.0, 200.0]))
    assert shanghai.tolist() == pytest.approx([12.4, 33.0], abs=0.5)
    assert typical_air(-33.9, 0.0, np.array([20.0]))[0] > typical_air(-33.9, 0.0, np.array([200.0]))[0]


# -- sensors


def faults_of(gauges, sky, grid):
    return {(f.quantity, f.check) for f in sensors.find_faults(gauges, None, sky, grid)}


def plausible(sky):
    ghi = np.where(sky.up, 0.7 * sky.ghi, 0.0) + np.linspace(0, 0.1, len(sky.ghi))
    air = sky.typical_air_c + np.linspace(-3, 3, len(ghi))
    return {"ghi_wm2": ghi, "poa_wm2": ghi, "temp_air_c": air, "temp_module_c": air + 0.028 * ghi}


@pytest.mark.parametrize(
    ("column", "change", "fault"),
    [
        ("ghi_wm2", lambda v: v, None),
        ("ghi_wm2", lambda v: v * 2.2, "too_bright"),
        ("poa_wm2", lambda v: v * 2.2, "too_bright"),
        ("poa_wm2", lambda v: v - 40, "impossible"),
        ("ghi_wm2", lambda v: v + 60, "impossible"),
        ("poa_wm2", lambda v: np.where(v > 300, 512.5, v), "stuck"),
        ("temp_air_c", lambda v: np.full(len(v), 21.3), "stuck"),
        ("temp_air_c", lambda v: v - 45, "climate"),
        ("temp_air_c", lambda v: v - 20, "rise"),
        ("temp_air_c", lambda v: (v - 32) / 1.8, "climate"),
        ("temp_module_c", lambda v: v * 1.8 + 32, "rise"),
        ("temp_air_c", lambda v: np.full(len(v), np.nan), None),
    ],
)
def test_physics_finds_the_broken_column(column, change, fault):
    _, grid, sky = day_of_sky()
    gauges = plausible(sky)
    gauges[column] = change(gauges[column])
    found = faults_of(
        {q: SlotSeries(v, np.isfinite(v).astype(float), 0 * v, 0 * grid.edges_us[:-1]) for q, v in gauges.items()},
        sky,
        grid,
    )
    assert found == (set() if fault is None else {(column, fault)})


def test_a_faulty_column_is_left_out_for_its_day_only():
    where = park()
    grid = grid_of(date(2026, 6, 20), date(2026, 6, 21), where.zone, FAR)
    sky = sky_over(where, grid)
    gauges = plausible(sky)
    gauges["temp_air_c"] = np.where(grid.day_numbers() == 1, gauges["temp_air_c"] - 45, gauges["temp_air_c"])
    clean, events = sensors.credible("w", {q: exact(v) for q, v in gauges.items()}, None, sky, grid)
    assert [(e.code, e.start) for e in events] == [("sensor_fault", grid.day_span(1)[0])]
    assert np.isfinite(clean["temp_air_c"].value[:96]).all()
    assert np.isnan(clean["temp_air_c"].value[96:]).all()
    assert clean["temp_air_c"].reasons[100] & bit(Reason.SENSOR_FAULT)
    assert unknown(1).coverage[0] == 0.0
