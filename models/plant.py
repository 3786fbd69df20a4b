"""The PV side of a park as a whole: every array's expectation beside what its meter counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from core.park import Array, Park
from core.quality import Reason
from core.quantities import Scope
from core.timebase import SLOT_HOURS, day_of
from models import band, peers, pv, yields
from models.balance import top
from models.band import DayIndex
from models.calibration import Calibration, builds_of, calibrated, of_build
from models.light import air_of
from models.rollup import Periods, amount, days_of
from models.rows import Row
from models.series import Floats, Grid, SlotSeries, to_us, total
from models.sky import Sky

EPI, PR = "energy_performance_index", "performance_ratio"
PR_25 = "performance_ratio_25c"
P10, P90, FACTOR = "expected_p10_kwh", "expected_p90_kwh", "calibration_factor"


@dataclass(frozen=True)
class Known:
    """What was learned of the arrays, by id: factors, and the index of the days before."""

    calibrations: Mapping[str, Sequence[Calibration]] = field(default_factory=dict)
    indices: Mapping[str, Sequence[DayIndex]] = field(default_factory=dict)


NOTHING_KNOWN = Known()


@dataclass(frozen=True)
class Plant:
    """Per slot: generation by PV point, expected energy and irradiation by array id; in kWh and kWh/m²."""

    generation: Mapping[str, SlotSeries]
    expected: Mapping[str, SlotSeries]
    irradiation: Mapping[str, SlotSeries]
    known: Known = NOTHING_KNOWN
    corrections: Mapping[str, Floats] = field(default_factory=dict)  # 1 + γ (T - 25 °C), by array id
    dc: Mapping[str, SlotSeries] = field(default_factory=dict)  # DC energy in kWh, by PV point


def arrays_by_id(park: Park) -> dict[str, list[Array]]:
    """Return the successive descriptions of every array."""
    found: dict[str, list[Array]] = {}
    for array in park.arrays:
        found.setdefault(array.id, []).append(array)
    return found


def plant_of(
    park: Park,
    generation: Mapping[str, SlotSeries],
    weather: Mapping[str, Mapping[str, SlotSeries]],
    sky: Sky,
    grid: Grid,
    known: Known = NOTHING_KNOWN,
    dc: Mapping[str, SlotSeries] | None = None,
) -> Plant:
    """Return expectation and generation; `weather` holds the credible gauges of every weather point."""
    computed = {p.id for p in park.by_role("weather") if p.source == "service"}
    service = next((weather[i] for i in computed if i in weather), None)
    station = next((i for i in weather if i not in computed), None)
    learned = {i: _learned(versions, known, grid) for i, versions in arrays_by_id(park).items()}
    pieces = {i: [array for array, _ in found] for i, found in learned.items()}
    made: dict[int, pv.ArraySeries] = {}
    cooled: dict[int, Floats] = {}
    for point, arrays in _by_weather((a for some in pieces.values() for a in some), station, computed).items():
        gauges = weather.get(point, {}) if point else {}
        series = pv.portfolio(arrays, gauges, sky, grid, service)
        made.update(zip(map(id, arrays), series, strict=True))
        air = air_of(gauges, sky, service)
        for array, one in zip(arrays, series, strict=True):
            plane_wm2 = np.nan_to_num(one.irradiation.value) * 1000.0 / SLOT_HOURS
            warmer = pv.module_temperature(array, plane_wm2, gauges.get("temp_module_c"), air) - yields.STC_C
            cooled[id(array)] = 1.0 + array.gamma_pdc * warmer
    whole = {i: pv.versions_joined([(a, made[id(a)]) for a in some], grid) for i, some in pieces.items()}
    corrections = {
        i: np.select([pv.exists_at(a, grid) for a in some], [cooled[id(a)] for a in some], 1.0)
        for i, some in pieces.items()
    }
    expected = {array_id: series.expected for array_id, series in whole.items()}
    irradiation = {array_id: series.irradiation for array_id, series in whole.items()}
    plant = Plant(generation, expected, irradiation, known, corrections, dc or {})
    filled = peers.filled(_units(park, pieces, plant, grid), sky, grid)
    return replace(plant, expected={i: _marked(filled[i], found, grid) for i, found in learned.items()})


def _learned(versions: Sequence[Array], known: Known, grid: Grid) -> list[tuple[Array, bool]]:
    """Return the descriptions that concern a grid, each with whether it is calibrated."""
    found = list(learned_versions(versions, known.calibrations.get(versions[0].id, ())))
    return [one for one in found if _touches(one[0], grid)] or found[-1:]


def _marked(expected: SlotSeries, learned: Sequence[tuple[Array, bool]], grid: Grid) -> SlotSeries:
    """Return the expectation, marked where it knows the nameplate only."""
    without = [pv.exists_at(array, grid) for array, calibrated_ in learned if not calibrated_]
    if not without:
        return expected
    return expected.marked(np.any(without, axis=0) & (expected.value > 0), Reason.UNCALIBRATED)


def learned_versions(versions: Sequence[Array], calibrations: Sequence[Calibration]) -> Iterable[tuple[Array, bool]]:
    """Yield the successive descriptions of an array as they count, each with whether it is calibrated."""
    for build in builds_of(versions):
        yield from calibrated(build, of_build(build, calibrations))


def _touches(array: Array, grid: Grid) -> bool:
    return not (
        (array.valid_from and to_us(array.valid_from) >= grid.edges_us[-1])
        or (array.valid_to and to_us(array.valid_to) <= grid.edges_us[0])
    )


def _by_weather(arrays: Iterable[Array], station: str | None, computed: set[str]) -> dict[str | None, list[Array]]:
    """Return all descriptions of arrays by the station that serves them; None where only a service does."""
    found: dict[str | None, list[Array]] = {}
    for array in arrays:
        point = array.weather or station
        found.setdefault(None if point in computed else point, []).append(array)
    return found


def _units(park: Park, pieces: Mapping[str, Sequence[Array]], plant: Plant, grid: Grid) -> list[peers.Unit]:
    return [
        peers.Unit(
            array_id, some, peak_kwp(some, grid), plant.expected[array_id], own_generation(park, plant, array_id)
        )
        for array_id, some in pieces.items()
    ]


def hottest_rise(park: Park, weather_id: str, gauges: Mapping[str, SlotSeries], sky: Sky, grid: Grid) -> Floats | None:
    """Return how far cells are above air, in K, at the hottest of the arrays a weather point serves."""
    first = next((p.id for p in park.by_role("weather") if p.source == "station"), None)
    served = [a for a in park.arrays if (a.weather or first) == weather_id]
    rises = [np.where(pv.exists_at(a, grid), pv.cell_rise(a, gauges, sky), 0.0) for a in served]
    return np.max(rises, axis=0) if rises else None


def slot_rows(park: Park, plant: Plant) -> Iterable[Row]:
    """Yield the series per slot of every array and the park's expectation."""
    for array_id in plant.expected:
        yield Row(Scope.ARRAY, array_id, "expected_kwh", plant.expected[array_id])
        yield Row(Scope.ARRAY, array_id, "irradiation_kwh_m2", plant.irradiation[array_id])
        own = own_generation(park, plant, array_id)
        if own is not None:
            yield Row(Scope.ARRAY, array_id, "generation_kwh", own)
    if plant.expected:
        size = len(next(iter(plant.expected.values())).value)
        yield Row(Scope.PARK, park.id, "expected_kwh", total(list(plant.expected.values()), size))


def band_rows(park: Park, plant: Plant, sky: Sky, grid: Grid) -> Iterable[Row]:
    """Yield the P10 and P90 of every array and, added up, of the park, per slot."""
    bands: dict[str, list[SlotSeries]] = {P10: [], P90: []}
    for array_id, versions in arrays_by_id(park).items():
        low, high = _shares(park, plant, array_id, versions, sky, grid)
        for quantity, share in ((P10, low), (P90, high)):
            series = plant.expected[array_id].times(share)
            bands[quantity].append(series)
            yield Row(Scope.ARRAY, array_id, quantity, series)
    for quantity, parts in bands.items():
        if parts:
            yield Row(Scope.PARK, park.id, quantity, total(parts, grid.size))


def _shares(
    park: Park, plant: Plant, array_id: str, versions: Sequence[Array], sky: Sky, grid: Grid
) -> tuple[Floats, Floats]:
    """Return P10 and P90 of an array as shares of its expectation, per slot, each day by the days before it."""
    expected = plant.expected[array_id]
    low, high = band.budget(expected, calibrated=False)
    own = own_generation(park, plant, array_id)
    for build in builds_of(versions):
        learned = of_build(build, plant.known.calibrations.get(array_id, ()))
        if learned is None or own is None:
            continue
        days = days_of(grid)
        index = pv.indices(own, expected, sky, days)
        sun = amount(plant.irradiation[array_id], days)
        known = [*plant.known.indices.get(array_id, ()), *band.of_grid(index, sun, grid.days)]
        started = day_of(learned.start, park.zone)
        built = day_of(build.start, park.zone) if build.start else None
        quantiles = {
            n: found
            for n, day in enumerate(grid.days)
            if day >= started and (found := band.own_quantiles(known, learned, started, built, day))
        }
        starts = grid.edges_us[:-1]
        counts = (starts >= to_us(learned.start)) & (starts < (to_us(build.end) if build.end else 2**62))
        own_low, own_high = band.shares(expected, quantiles, grid.day_numbers(), calibrated=True)
        low, high = np.where(counts, own_low, low), np.where(counts, own_high, high)
    return low, high


def factor_rows(park: Park, plant: Plant, grid: Grid) -> Iterable[Row]:
    """Yield by what the expectation of every array is multiplied on every day that has begun."""
    for array_id, versions in arrays_by_id(park).items():
        calibrations = plant.known.calibrations.get(array_id, ())
        factor = np.ones(len(grid.days))
        for build in builds_of(versions):
            learned = of_build(build, calibrations)
            for n in range(len(grid.days)) if learned else ():
                start = grid.day_span(n)[0]
                if learned and start >= learned.start and build.holds(start):
                    valid = next((a for a in build.versions if a.valid_at(start)), build.versions[-1])
                    factor[n] = learned.factor_of(valid)
        size = len(factor)
        nothing = np.zeros(size, dtype=np.int64)
        yield Row(Scope.ARRAY, array_id, FACTOR, SlotSeries(factor, np.ones(size), np.zeros(size), nothing))


def day_rows(park: Park, plant: Plant, sky: Sky, grid: Grid, days: Periods) -> Iterable[Row]:
    """Yield the amounts and indices of every array and the park per day."""
    for row in (*slot_rows(park, plant), *band_rows(park, plant, sky, grid)):
        yield Row(row.scope, row.entity, row.quantity, amount(row.series, days))
    yield from index_rows(park, plant, sky, grid, days)
    yield from factor_rows(park, plant, grid)
    yield from yield_rows(park, plant, sky, grid, days)


def yield_rows(park: Park, plant: Plant, sky: Sky, grid: Grid, days: Periods) -> Iterable[Row]:
    """Yield what IEC 61724-1 says of every array with a meter of its own, per day."""
    for array_id, versions in arrays_by_id(park).items():
        own = own_generation(park, plant, array_id)
        if own is None:
            continue
        sun = plant.irradiation[array_id]
        measured = yields.Measured(
            peak_kwp(versions, grid),
            own,
            sun,
            plant.corrections[array_id],
            plant.dc.get(versions[0].point),
            pv.comparable(own) & sun.known & (sun.estimated <= 0),
        )
        for quantity, series in yields.yields(measured, days).items():
            yield Row(Scope.ARRAY, array_id, quantity, series)
        yield Row(Scope.ARRAY, array_id, PR_25, yields.ratio_25c(measured, sky, days))


def index_rows(park: Park, plant: Plant, sky: Sky, grid: Grid, periods: Periods) -> Iterable[Row]:
    """Yield energy performance index and performance ratio of every array with a meter of its own, and the park's."""
    for array_id, versions in arrays_by_id(park).items():
        own = own_generation(park, plant, array_id)
        if own is None or array_id not in plant.expected:
            continue
        yield Row(Scope.ARRAY, array_id, EPI, pv.indices(own, plant.expected[array_id], sky, periods))
        peak = peak_kwp(versions, grid)
        yield Row(Scope.ARRAY, array_id, PR, pv.performance_ratio(peak, own, plant.irradiation[array_id], sky, periods))
        rating_kw, whole = rated_kw(versions, grid), pv.comparable(own)
        available = yields.availability(own, plant.expected[array_id], rating_kw, whole, sky, periods)
        yield Row(Scope.ARRAY, array_id, "availability", available)
    metered = [p.id for p in top(park, "pv") if park.arrays_of(p.id) and p.id in plant.generation]
    behind = dict.fromkeys(a.id for p in metered for a in park.arrays_of(p))
    if behind and all(i in plant.expected for i in behind):
        size = len(sky.zenith)
        made = total([plant.generation[p] for p in metered], size)
        expected = total([plant.expected[i] for i in behind], size)
        yield Row(Scope.PARK, park.id, EPI, pv.indices(made, expected, sky, periods))


def own_generation(park: Park, plant: Plant, array_id: str) -> SlotSeries | None:
    """Return the generation of an array whose meter serves no other array; None where it cannot be told apart."""
    point = next(a.point for a in park.arrays if a.id == array_id)
    if {a.id for a in park.arrays_of(point)} != {array_id}:
        return None
    return plant.generation.get(point)


def rated_kw(versions: Iterable[Array], grid: Grid) -> Floats:
    """Return the AC rating of an array per slot."""
    rated = np.zeros(grid.size)
    for array in versions:
        rated += np.where(pv.exists_at(array, grid), array.ac_kw, 0.0)
    return rated


def peak_kwp(versions: Iterable[Array], grid: Grid) -> Floats:
    """Return the DC peak power of an array per slot."""
    peak = np.zeros(grid.size)
    for array in versions:
        peak += np.where(pv.exists_at(array, grid), array.dc_kwp, 0.0)
    return peak
