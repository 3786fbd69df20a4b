"""The ladder of the light: the best rung of each slot, by name, and nothing silent on the way down."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from pvlib import irradiance

from core.park import Array, Park, Point
from core.quality import Reason
from core.rungs import ESTIMATED, IRRADIANCE_UNCERTAINTY, RUNG_WORDS, RUNGS, worst_rung
from core.verdict import MIN_COVERAGE
from models import peers, plant, pv, rollup
from models.light import air_of, light_of
from models.plane import ALBEDO
from models.series import bit, grid_of, reason_text
from models.sky import sky_over
from tests.accuracy.plants import array, known

FAR = datetime(2100, 1, 1, tzinfo=UTC)
POINTS = (Point(id="grid", role="grid", name="g"), Point(id="pv", role="pv", name="p"))
PLANT = {"dc_kwp": 100.0, "ac_kw": 80.0, "tilt": 20.0, "azimuth": 180.0}


def place(first=date(2026, 6, 21), last=None, **changes):
    terms = {"id": "t", "name": "T", "latitude": 31.2, "longitude": 121.5, "timezone": "Asia/Shanghai"}
    park = Park(**{**terms, "points": POINTS, **changes})
    grid = grid_of(first, last or first, park.zone, FAR)
    return grid, sky_over(park, grid)


def rungs(made, where):
    return {reason_text(int(r)) for r in made.reasons[where]}


def warm(sky):
    """A day between 20 and 30 °C."""
    return 25.0 + 5.0 * np.sin(np.linspace(0, 2 * np.pi, len(sky.ghi)))


def test_every_rung_is_taken_where_the_better_ones_are_silent():
    grid, sky = place()
    part = np.arange(grid.size) // 8 % 3
    station = {
        "poa_wm2": known(np.where(part == 0, 400.0, np.nan)),
        "ghi_wm2": known(np.where(part <= 1, 0.5 * sky.ghi, np.nan)),
    }
    service = {"ghi_wm2": known(0.4 * sky.ghi), "temp_air_c": known(warm(sky)), "wind_speed_ms": known(0 * sky.ghi + 3)}
    made = pv.array_series(array(**PLANT), station, sky, grid, service)
    day = sky.up
    assert rungs(made.irradiation, day & (part == 0)) == {"rung_poa"}
    assert rungs(made.irradiation, day & (part == 1)) == {"rung_ghi"}
    assert rungs(made.irradiation, day & (part == 2)) == {"rung_service"}
    assert rungs(made.expected, day & (part == 2) & (made.irradiation.value > 0)) == {
        "rung_service service_temperature"
    }
    assert made.expected.estimated.max() == 0.0
    assert made.expected.coverage.min() == 1.0


def test_without_any_light_the_range_of_temperature_speaks_and_is_marked():
    grid, sky = place()
    made = pv.array_series(array(**PLANT), {"temp_air_c": known(warm(sky))}, sky, grid)
    assert rungs(made.expected, sky.up & (made.expected.value > 0)) == {"rung_temperature"}
    assert made.expected.estimated[sky.up].min() == 1.0
    # Hargreaves and Samani: 0.16 * sqrt(10 K) = 0.506 of what comes above the atmosphere
    above = sky.dni_extra * np.maximum(np.cos(np.radians(sky.zenith)), 0.0)
    assert light_of({"temp_air_c": known(warm(sky))}, sky, None, grid).ghi.sum() == pytest.approx(
        0.506 * above.sum(), rel=0.01
    )


def test_a_day_that_is_not_over_has_no_range_of_temperature():
    grid, sky = place()
    running = replace(grid, closed=60)
    made = pv.array_series(array(**PLANT), {"temp_air_c": known(warm(sky))}, sky, running)
    assert rungs(made.expected, sky.up & (made.expected.value > 0)) == {"rung_clear_sky"}


def test_nothing_at_all_is_a_cloudless_sky_with_its_name():
    grid, sky = place()
    made = pv.array_series(array(**PLANT), {}, sky, grid)
    assert rungs(made.expected, sky.up & (made.expected.value > 0)) == {"default_temperature rung_clear_sky"}
    assert made.expected.estimated[sky.up].min() == 1.0


@pytest.mark.parametrize("value", [-40.0, 1e6, 2500.0])
@pytest.mark.parametrize("quantity", ["poa_wm2", "ghi_wm2"])
def test_a_value_that_cannot_be_irradiance_is_refused_and_the_next_rung_speaks(value, quantity):
    grid, sky = place()
    odd = np.arange(grid.size) == 48
    gauges = {quantity: known(np.where(odd, value, 0.6 * sky.ghi))}
    made = pv.array_series(array(**PLANT), gauges, sky, grid, {"ghi_wm2": known(0.5 * sky.ghi)})
    assert rungs(made.irradiation, odd) == {"rung_service sensor_fault"}
    assert rungs(made.irradiation, sky.up & ~odd) == {f"rung_{quantity.split('_')[0]}"}
    assert made.expected.value[48] < 20.0


def test_a_pyranometers_thermal_offset_is_no_fault_and_no_negative_energy():
    grid, sky = place()
    made = pv.array_series(array(**PLANT), {"ghi_wm2": known(np.full(grid.size, -5.0))}, sky, grid)
    assert made.expected.value.min() == 0.0
    assert rungs(made.irradiation, sky.up) == {"rung_ghi"}


def test_polar_night_and_polar_day():
    grid, sky = place(date(2026, 12, 21), latitude=78.2, longitude=15.6, timezone="Europe/Oslo")
    made = pv.array_series(array(**PLANT), {}, sky, grid)
    assert made.expected.value.tolist() == [0.0] * grid.size
    assert made.expected.coverage.tolist() == [1.0] * grid.size
    assert rungs(made.expected, np.ones(grid.size, dtype=bool)) == {""}
    grid, sky = place(date(2026, 6, 21), latitude=78.2, longitude=15.6, timezone="Europe/Oslo")
    made = pv.array_series(array(**PLANT), {"ghi_wm2": known(0.5 * sky.ghi), "temp_air_c": known(warm(sky))}, sky, grid)
    assert sky.up.all()
    assert np.isfinite(made.expected.value).all()
    assert made.expected.value.min() > 0.0


def test_a_leap_day_is_a_day_between_its_neighbours():
    grid, sky = place(date(2028, 2, 28), date(2028, 3, 1))
    made = pv.array_series(array(**PLANT), {"ghi_wm2": known(0.7 * sky.ghi)}, sky, grid)
    days = np.bincount(grid.day_numbers(), weights=made.expected.value)
    assert grid.size == 3 * 96
    assert days[0] < days[1] < days[2]
    assert days[2] / days[0] < 1.02


def test_no_irradiance_is_nan_anywhere_between_the_poles():
    for latitude in (-90.0, -66.6, 0.0, 45.0, 90.0):
        grid, sky = place(date(2026, 3, 20), latitude=latitude)
        for gauges in ({}, {"ghi_wm2": known(0.5 * sky.ghi + 1.0)}, {"poa_wm2": known(sky.ghi)}):
            for model in (None, "hay-davies", "perez-driesse"):
                made = pv.array_series(array(**PLANT, transposition=model), gauges, sky, grid)
                assert np.isfinite(made.expected.value).all()
                assert made.expected.value.min() >= 0.0


# -- planes


@pytest.mark.parametrize(("model", "theirs"), [("hay-davies", "haydavies"), ("perez-driesse", "perez-driesse")])
def test_the_planes_are_pvlibs(model, theirs):
    _grid, sky = place()
    for tilt, azimuth in ((0.0, 180.0), (10.0, 90.0), (45.0, 270.0), (90.0, 0.0)):
        plane = array(**(PLANT | {"tilt": tilt, "azimuth": azimuth}), transposition=model)
        light = light_of({"ghi_wm2": known(0.6 * sky.ghi)}, sky)
        total = irradiance.get_total_irradiance(
            tilt, azimuth, sky.zenith, sky.azimuth, light.dni, light.ghi, light.dhi,
            dni_extra=sky.dni_extra, model=theirs, albedo=ALBEDO,
        )  # fmt: skip
        ours = pv.plane_irradiance(plane, {"ghi_wm2": known(0.6 * sky.ghi)}, sky).value
        high = sky.zenith < 85.0
        assert ours[high] == pytest.approx(np.asarray(total["poa_global"])[high], abs=0.01)


def test_many_arrays_at_once_are_each_as_if_alone():
    grid, sky = place(date(2026, 6, 21), date(2026, 6, 22))
    arrays = [
        array(**PLANT),
        array(**(PLANT | {"tilt": 60.0, "azimuth": 90.0}), mounting="close_mount", transposition="perez-driesse"),
        array(**(PLANT | {"tilt": 5.0}), noct_c=49.0, commissioned=date(2020, 1, 1), horizon=((90, 20), (270, 5))),
    ]
    some = np.arange(grid.size) % 3 == 0
    gauges = {
        "poa_wm2": known(np.where(some, 300.0, np.nan)),
        "ghi_wm2": known(0.5 * sky.ghi),
        "temp_air_c": known(warm(sky)),
    }
    together = pv.portfolio(arrays, gauges, sky, grid)
    for one, made in zip(arrays, together, strict=True):
        alone = pv.array_series(one, gauges, sky, grid)
        assert made.expected.value == pytest.approx(alone.expected.value, abs=1e-9)
        assert made.irradiation.value == pytest.approx(alone.irradiation.value, abs=1e-9)
    assert pv.portfolio([], gauges, sky, grid) == []


def test_below_the_horizon_the_beam_is_blocked_and_the_sky_is_left():
    _grid, sky = place()
    hill = array(**PLANT, horizon=((60, 30), (120, 30), (121, 0), (59, 0)))
    for gauges in ({}, {"ghi_wm2": known(sky.ghi)}, {"poa_wm2": known(sky.ghi)}):
        free = pv.plane_irradiance(array(**PLANT), gauges, sky).value
        behind = pv.plane_irradiance(hill, gauges, sky).value
        hidden = sky.up & (90 - sky.zenith < 30) & (sky.azimuth > 60) & (sky.azimuth < 120)
        bright = hidden & (sky.zenith < 75)
        assert (behind[bright] < 0.7 * free[bright]).all()
        assert (behind[bright] > 0.05 * free[bright]).all()
        assert behind[~hidden] == pytest.approx(free[~hidden])


def test_the_rear_side_and_the_installed_noct():
    grid, sky = place()
    gauges = {"poa_wm2": known(np.full(grid.size, 500.0)), "temp_air_c": known(np.full(grid.size, 20.0))}
    gauges["wind_speed_ms"] = known(np.ones(grid.size))
    plain = array(**(PLANT | {"ac_kw": 200.0}))
    at = 48
    one = pv.array_series(plain, gauges, sky, grid).expected.value[at]
    both = pv.array_series(plain.model_copy(update={"bifacial_gain": 0.06}), gauges, sky, grid).expected.value[at]
    assert both / one == pytest.approx(1.06, abs=0.002)
    air = air_of(gauges, sky)
    noct = plain.model_copy(update={"noct_c": 50.0})
    cell = pv.cell_temperature(noct, 800 * np.ones(1), 20 * np.ones(1), air.wind_ms[:1], air.windy[:1])
    assert cell[0] == pytest.approx(50.0)


# -- orders to deliver less


def test_an_order_limits_the_slots_and_parts_of_slots_it_holds_for():
    grid, sky = place()
    expected = pv.array_series(array(**PLANT), {"poa_wm2": known(np.full(grid.size, 800.0))}, sky, grid).expected
    noon = datetime(2026, 6, 21, 4, tzinfo=UTC)
    order = {"valid_from": noon, "valid_to": noon + timedelta(minutes=20), "limit_kw": 20.0}
    limited = array(**PLANT, curtailments=(order,))
    made = pv.curtailed([limited], expected, grid)
    assert made.value[48] == pytest.approx(5.0)
    assert made.value[49] == pytest.approx(expected.value[49] * 2 / 3 + 5.0 / 3)
    assert made.value[50] == expected.value[50]
    assert pv.curtailed([array(**PLANT)], expected, grid).value.tolist() == expected.value.tolist()


def test_a_logs_times_are_park_time_and_ordered():
    terms = {"id": "t", "name": "T", "latitude": 31.2, "longitude": 121.5, "timezone": "Asia/Shanghai"}
    log = {"valid_from": datetime(2026, 6, 21, 12), "limit_kw": 1.0}  # noqa: DTZ001 - park time
    made = Array(id="a", name="A", point="pv", **PLANT, curtailments=(log,), cleanings=({"day": date(2026, 6, 1)},))
    park = Park(**terms, points=POINTS, arrays=(made,))
    assert park.arrays[0].curtailments[0].valid_from == datetime(2026, 6, 21, 4, tzinfo=UTC)


# -- peers


def units(sky, grid, cloud, broken=1.0):
    """Three arrays of different orientation under one unmeasured sky, their meters telling."""
    arrays = [array(id=n, **(PLANT | {"azimuth": a})) for n, a in (("one", 150.0), ("two", 180.0), ("three", 210.0))]
    real = [pv.array_series(a, {"ghi_wm2": known(cloud)}, sky, grid).expected.value for a in arrays]
    real[0] = real[0] * broken
    nothing = [pv.array_series(a, {}, sky, grid).expected for a in arrays]
    peak = np.full(grid.size, 100.0)
    return [peers.Unit(a.id, (a,), peak, e, known(r)) for a, e, r in zip(arrays, nothing, real, strict=True)], real


def test_arrays_beside_it_stand_in_for_the_light():
    grid, sky = place()
    made, real = units(sky, grid, 0.6 * sky.ghi, broken=0.5)
    filled = peers.filled(made, sky, grid)
    bright = sky.ghi > 300
    assert rungs(filled["one"], bright) == {"rung_peers"}
    assert filled["one"].estimated[bright].max() == 0.0
    # Half of the first is lost; the other two still say what it should have given.
    assert filled["one"].value[bright].sum() == pytest.approx(2 * real[0][bright].sum(), rel=0.05)
    assert "rung_clear_sky" in next(iter(rungs(filled["one"], sky.up & (sky.ghi < 20))))


def test_one_neighbour_alone_or_a_gap_is_no_peer():
    grid, sky = place()
    made, _ = units(sky, grid, 0.6 * sky.ghi)
    assert peers.filled(made[:2], sky, grid)["one"].reasons.tolist() == made[0].expected.reasons.tolist()
    gappy = replace(made[1], generation=replace(made[1].generation, coverage=np.full(grid.size, 0.5)))
    assert not (peers.filled([made[0], gappy, made[2]], sky, grid)["one"].reasons & bit(Reason.RUNG_PEERS)).any()


def test_where_light_is_measured_nobody_asks_the_neighbours():
    grid, sky = place()
    made, _ = units(sky, grid, 0.6 * sky.ghi)
    lit = [
        replace(u, expected=pv.array_series(u.versions[0], {"ghi_wm2": known(sky.ghi)}, sky, grid).expected)
        for u in made
    ]
    filled = peers.filled(lit, sky, grid)
    assert all(filled[u.id] is u.expected for u in lit)


# -- words


def test_every_rung_has_words_an_uncertainty_and_its_place():
    names = [rung.reason.value for rung in RUNGS]
    assert names == ["rung_poa", "rung_ghi", "rung_service", "rung_peers", "rung_temperature", "rung_clear_sky"]
    assert {r.value for r in Reason if r.value.startswith("rung_")} == set(names) == set(IRRADIANCE_UNCERTAINTY)
    assert set(names) <= set(RUNG_WORDS)
    assert min(names.index(n) for n in ESTIMATED) == 4
    assert worst_rung(["rung_poa", "rung_service", "missing"]) == "rung_service"
    assert worst_rung(["missing"]) is None


# -- which weather serves which array


def test_a_station_serves_its_arrays_and_the_service_fills_in():
    meters = (Point(id="grid", role="grid", name="g"), *(Point(id=n, role="pv", name=n) for n in ("pa", "pb", "pc")))
    skies = (
        Point(id="sat", role="weather", name="s", source="service"),
        Point(id="met", role="weather", name="m"),
    )
    arrays = tuple(
        array(id=n, **PLANT).model_copy(update={"point": f"p{n}", "weather": w})
        for n, w in (("a", None), ("b", "met"), ("c", "sat"))
    )
    terms = {"id": "t", "name": "T", "latitude": 31.2, "longitude": 121.5, "timezone": "Asia/Shanghai"}
    park = Park(**terms, points=(*meters, *skies), arrays=arrays)
    assert park.point("sat").devices[0].id == "sat-service"
    grid = grid_of(date(2026, 6, 21), date(2026, 6, 21), park.zone, FAR)
    sky = sky_over(park, grid)
    morning = np.arange(grid.size) < 48
    weather = {
        "sat": {"ghi_wm2": known(0.4 * sky.ghi)},
        "met": {"ghi_wm2": known(np.where(morning, 0.5 * sky.ghi, np.nan))},
    }
    made = plant.plant_of(park, {}, weather, sky, grid)
    for array_id in ("a", "b"):  # the station that is named, or the first one there is
        assert rungs(made.irradiation[array_id], sky.up & morning) == {"rung_ghi"}
        assert rungs(made.irradiation[array_id], sky.up & ~morning) == {"rung_service"}
    assert rungs(made.irradiation["c"], sky.up) == {"rung_service"}
    alone = plant.plant_of(park, {}, {}, sky, grid)
    assert rungs(alone.irradiation["b"], sky.up) == {"rung_clear_sky"}
    assert np.isfinite(alone.expected["b"].value).all()


def test_an_index_by_peers_covers_enough_of_a_winters_day_to_be_judged():
    meters = (Point(id="grid", role="grid", name="g"), *(Point(id=n, role="pv", name=n) for n in ("pa", "pb", "pc")))
    arrays = tuple(array(id=n, **PLANT).model_copy(update={"point": f"p{n}"}) for n in ("a", "b", "c"))
    terms = {"id": "t", "name": "T", "latitude": 31.2, "longitude": 121.5, "timezone": "Asia/Shanghai"}
    park = Park(**terms, points=meters, arrays=arrays)
    grid = grid_of(date(2026, 12, 20), date(2026, 12, 21), park.zone, FAR)
    sky = sky_over(park, grid)
    real = pv.array_series(arrays[0], {"ghi_wm2": known(0.5 * sky.ghi)}, sky, grid).expected.value
    generation = {"pa": known(0.7 * real), "pb": known(real), "pc": known(real)}
    made = plant.plant_of(park, generation, {}, sky, grid)
    rows = {(r.entity, r.quantity): r.series for r in plant.index_rows(park, made, sky, grid, rollup.days_of(grid))}
    index = rows["a", "energy_performance_index"]
    assert index.value.tolist() == pytest.approx([0.7, 0.7], abs=0.005)
    assert index.coverage.min() > MIN_COVERAGE
    # The dimmest light has no peers; nothing was learned of these arrays yet.
    assert {reason_text(int(r)) for r in index.reasons} == {"missing rung_peers uncalibrated"}
    assert np.isnan(rows["a", "performance_ratio"].value).all()  # no irradiance, no performance ratio
