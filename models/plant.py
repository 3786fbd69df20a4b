"""The PV side of a park as a whole: every array's expectation beside what its meter counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from core.park import Array, Park
from core.quantities import Scope
from models import peers, pv
from models.balance import top
from models.rollup import Periods, amount
from models.rows import Row
from models.series import Floats, Grid, SlotSeries, total
from models.sky import Sky

EPI, PR = "energy_performance_index", "performance_ratio"


@dataclass(frozen=True)
class Plant:
    """Per slot: generation by PV point, expected energy and irradiation by array id; in kWh and kWh/m²."""

    generation: Mapping[str, SlotSeries]
    expected: Mapping[str, SlotSeries]
    irradiation: Mapping[str, SlotSeries]


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
) -> Plant:
    """Return expectation and generation; `weather` holds the credible gauges of every weather point."""
    computed = {p.id for p in park.by_role("weather") if p.source == "service"}
    service = next((weather[i] for i in computed if i in weather), None)
    station = next((i for i in weather if i not in computed), None)
    found: dict[int, pv.ArraySeries] = {}
    for point, arrays in _by_weather(park, station, computed).items():
        gauges = weather.get(point, {}) if point else {}
        made = pv.portfolio(arrays, gauges, sky, grid, service)
        found.update(zip(map(id, arrays), made, strict=True))
    whole = {
        array_id: pv.versions_joined([(array, found[id(array)]) for array in versions], grid)
        for array_id, versions in arrays_by_id(park).items()
    }
    irradiation = {array_id: series.irradiation for array_id, series in whole.items()}
    plant = Plant(generation, {array_id: series.expected for array_id, series in whole.items()}, irradiation)
    return replace(plant, expected=peers.filled(_units(park, plant, grid), sky, grid))


def _by_weather(park: Park, station: str | None, computed: set[str]) -> dict[str | None, list[Array]]:
    """Return all descriptions of arrays by the station that serves them; None where only a service does."""
    found: dict[str | None, list[Array]] = {}
    for array in park.arrays:
        point = array.weather or station
        found.setdefault(None if point in computed else point, []).append(array)
    return found


def _units(park: Park, plant: Plant, grid: Grid) -> list[peers.Unit]:
    return [
        peers.Unit(
            array_id,
            versions,
            peak_kwp(versions, grid),
            plant.expected[array_id],
            own_generation(park, plant, array_id),
        )
        for array_id, versions in arrays_by_id(park).items()
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


def day_rows(park: Park, plant: Plant, sky: Sky, grid: Grid, days: Periods) -> Iterable[Row]:
    """Yield the amounts and indices of every array and the park per day."""
    for row in slot_rows(park, plant):
        yield Row(row.scope, row.entity, row.quantity, amount(row.series, days))
    yield from index_rows(park, plant, sky, grid, days)


def index_rows(park: Park, plant: Plant, sky: Sky, grid: Grid, periods: Periods) -> Iterable[Row]:
    """Yield energy performance index and performance ratio of every array with a meter of its own, and the park's."""
    for array_id, versions in arrays_by_id(park).items():
        own = own_generation(park, plant, array_id)
        if own is None or array_id not in plant.expected:
            continue
        yield Row(Scope.ARRAY, array_id, EPI, pv.indices(own, plant.expected[array_id], sky, periods))
        peak = peak_kwp(versions, grid)
        yield Row(Scope.ARRAY, array_id, PR, pv.performance_ratio(peak, own, plant.irradiation[array_id], sky, periods))
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


def peak_kwp(versions: Iterable[Array], grid: Grid) -> Floats:
    """Return the DC peak power of an array per slot."""
    peak = np.zeros(grid.size)
    for array in versions:
        peak += np.where(pv.exists_at(array, grid), array.dc_kwp, 0.0)
    return peak
