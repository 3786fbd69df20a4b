"""What an array should have produced: irradiance -> cell temperature -> DC -> AC, per slot.

Left out on purpose is what the expectation is there to detect: soiling, shading by neighbours, snow, faults,
availability, and orders to deliver less (`curtailed` sets those apart).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from pvlib import temperature

from core.park import Array
from core.rungs import IRRADIANCE_UNCERTAINTY, MODEL_VERSION
from models.light import Air, Gauges, Light, air_of, light_of, measured, split
from models.plane import Dome, Model, Planes, dome_of, on_planes, planes_of
from models.rollup import Periods, ratio
from models.series import HOUR_US, Bools, Floats, Grid, Ints, SlotSeries, joined, to_us
from models.sky import Sky

__all__ = [
    "IRRADIANCE_UNCERTAINTY",
    "MODEL_VERSION",
    "ArraySeries",
    "ac_power",
    "array_series",
    "by_light",
    "cell_rise",
    "cell_temperature",
    "comparable",
    "curtailed",
    "exists_at",
    "indices",
    "module_temperature",
    "performance_ratio",
    "plane_irradiance",
    "portfolio",
    "versions_joined",
]

ETA_NOMINAL = 0.96  # PVWatts inverter; its DC limit is the AC rating divided by this
ETA_REFERENCE = 0.9637
WHOLE = 0.99  # an index compares only slots measured as good as whole
G_STC = 1000.0  # W/m²
FAIMAN_U0, FAIMAN_U1 = 25.0, 6.84  # W/m²K, W s/m³K: at 800 W/m², 20 °C and 1 m/s cells are 45.1 °C
BLOCK = 200_000  # values computed at once: as many as a core keeps close to itself


@dataclass(frozen=True)
class ArraySeries:
    """Expected AC energy in kWh and plane-of-array irradiation in kWh/m², per slot."""

    expected: SlotSeries
    irradiation: SlotSeries


def array_series(array: Array, gauges: Gauges, sky: Sky, grid: Grid, service: Gauges | None = None) -> ArraySeries:
    """Return the expectation of one array, one version of its description."""
    return portfolio([array], gauges, sky, grid, service)[0]


def portfolio(
    arrays: Sequence[Array], gauges: Gauges, sky: Sky, grid: Grid, service: Gauges | None = None
) -> list[ArraySeries]:
    """Return the expectation of arrays that one weather point serves, each one version of its description.

    The light comes by the best rung there is, per slot (`models.light`); measured in the plane it is taken as it is,
    else transposed to each array's plane (`models.plane`): Hay-Davies where beam and diffuse had to be guessed from
    their sum, Perez-Driesse where both are known. DC: PVWatts v5 (Dobos 2014, NREL/TP-6A20-62641), its losses, ageing
    by years since commissioning. All arrays are computed together, so a hundred cost little more than one.
    """
    return by_light(arrays, light_of(gauges, sky, service, grid), air_of(gauges, sky, service), sky, grid)


def by_light(arrays: Sequence[Array], light: Light, air: Air, sky: Sky, grid: Grid) -> list[ArraySeries]:
    """Return the expectation of arrays under a known light and air."""
    if not arrays:
        return []
    poa, ac_kw = _computed(arrays, light, air, sky, _ages(arrays, grid), grid.day_numbers())
    hours = float(grid.edges_us[1] - grid.edges_us[0]) / HOUR_US
    ac_kw *= hours
    found = []
    for row, array in enumerate(arrays):
        exists = exists_at(array, grid)
        plane = SlotSeries(poa[row], light.coverage, light.estimated, light.reasons)
        reasons = light.reasons | np.where(poa[row] > 0, air.reasons, 0)
        expected = replace(plane, value=ac_kw[row], reasons=reasons)
        found.append(ArraySeries(_only(expected, exists), _only(plane.times(hours / 1000.0), exists)))
    return found


def versions_joined(versions: Sequence[tuple[Array, ArraySeries]], grid: Grid) -> ArraySeries:
    """Return one series from the successive descriptions of one array."""
    exists = np.any([exists_at(array, grid) for array, _ in versions], axis=0)

    def one(parts: list[SlotSeries]) -> SlotSeries:
        whole = joined(parts, grid.size)
        return replace(
            whole, coverage=np.where(exists, whole.coverage, 1.0), reasons=np.where(exists, whole.reasons, 0)
        )

    return ArraySeries(one([s.expected for _, s in versions]), one([s.irradiation for _, s in versions]))


def plane_irradiance(
    array: Array, gauges: Gauges, sky: Sky, service: Gauges | None = None, grid: Grid | None = None
) -> SlotSeries:
    """Return plane-of-array irradiance in W/m², slot mean, with the rung it came from among the reasons."""
    light = light_of(gauges, sky, service, grid)
    value = np.zeros(len(sky.zenith))
    for where, poa, _ in _irradiance([array], light, sky):
        value[where] = poa[0]
    return SlotSeries(value, light.coverage, light.estimated, light.reasons)


def cell_temperature(array: Array, poa: Floats, air_c: Floats, wind_ms: Floats, windy: Bools) -> Floats:
    """Return cell temperature in degrees C by the array's mounting.

    Freestanding: Faiman 2008 (u0 25, u1 6.84 W/m²K) where wind is measured, else PVsyst's 29 W/m²K. Semi-integrated
    and insulated: PVsyst's 20 and 15 W/m²K. Close mount: Sandia (King 2004), glass-glass. Where the installed NOCT is
    given: Faiman, both coefficients scaled so that 800 W/m², 20 °C and 1 m/s give it. All are linear in the light.
    """
    return air_c + poa * _heating(array, wind_ms, windy)


def _heating(array: Array, wind_ms: Floats, windy: Bools) -> Floats:
    """Return how many K one W/m² heats the cells above air."""
    if array.noct_c is not None:
        scale = (800.0 / (FAIMAN_U0 + FAIMAN_U1)) / (array.noct_c - 20.0)
        return 1.0 / (scale * (FAIMAN_U0 + FAIMAN_U1 * wind_ms))
    if array.mounting == "close_mount":
        terms = temperature.TEMPERATURE_MODEL_PARAMETERS["sapm"]["close_mount_glass_glass"]
        return np.asarray(temperature.sapm_cell(1.0, 0.0, wind_ms, **terms), dtype=float)
    terms = temperature.TEMPERATURE_MODEL_PARAMETERS["pvsyst"][array.mounting]
    steady = np.asarray(temperature.pvsyst_cell(1.0, 0.0, wind_ms, **terms), dtype=float)
    if array.mounting != "freestanding":
        return steady
    return np.where(windy, temperature.faiman(1.0, 0.0, wind_ms, u0=FAIMAN_U0, u1=FAIMAN_U1), steady)


def cell_rise(array: Array, gauges: Gauges, sky: Sky) -> Floats:
    """Return how far the cells are above air temperature, in K, by the irradiance and wind that were measured."""
    air = air_of(gauges, sky)
    return plane_irradiance(array, gauges, sky).value * _heating(array, air.wind_ms, air.windy)


def module_temperature(array: Array, plane_wm2: Floats, module: SlotSeries | None, air: Air) -> Floats:
    """Return module temperature in degrees C: measured, else that of the cells by the array's mounting."""
    modelled = cell_temperature(array, plane_wm2, air.temp_c, air.wind_ms, air.windy)
    return modelled if module is None else np.where(measured(module, len(plane_wm2)), module.value, modelled)


def ac_power(array: Array, poa: Floats, cell_c: Floats, years: Floats) -> Floats:
    """Return AC power in kW by PVWatts: DC, losses, ageing, inverter.

    The inverter's `pdc0` is its DC input limit, the AC rating divided by its nominal efficiency; neither the AC rating
    nor the array's peak power.
    """
    age = (1.0 - array.degradation_per_year) ** years
    return _inverter(poa * _per_light(array) * (1.0 + array.gamma_pdc * (cell_c - 25.0)) * age, array.ac_kw)


def _per_light(array: Array) -> float:
    """Return DC power at 25 °C per irradiance, in kW per W/m², before ageing."""
    return array.dc_kwp / G_STC * (1.0 - array.losses) * (1.0 + array.bifacial_gain)


def _inverter(dc_kw: Floats, rated_kw: float | Floats) -> Floats:
    """Return AC power in kW of the inverter of PVWatts v5, arrays by slots."""
    limit_kw = np.asarray(rated_kw) / ETA_NOMINAL
    scale = ETA_NOMINAL / ETA_REFERENCE
    dc_kw = np.maximum(dc_kw, 0.0)
    ac_kw: Floats = dc_kw * (-0.0162 * scale / limit_kw)
    ac_kw += 0.9858 * scale
    ac_kw *= dc_kw
    ac_kw -= 0.0059 * scale * limit_kw
    return np.clip(ac_kw, 0.0, rated_kw, out=ac_kw)


def _irradiance(arrays: Sequence[Array], light: Light, sky: Sky) -> Iterator[tuple[Ints, Floats, Floats]]:
    """Yield stretches of the daylight slots: which they are, irradiance on the planes, and what enters the modules."""
    planes = planes_of(arrays)
    rows_of: dict[Model | None, list[int]] = {}
    for row, array in enumerate(arrays):
        rows_of.setdefault(array.transposition, []).append(row)
    day = np.flatnonzero(sky.up)
    step = max(1, BLOCK // len(arrays))
    for block in (day[n : n + step] for n in range(0, len(day), step)):
        seen, lit = sky.at(block), light.at(block)
        shape = (len(arrays), len(block))
        poa, entering = np.empty(shape), np.empty(shape)
        for model, rows in rows_of.items():
            some = planes.rows(rows)
            cosine, blocked = some.cos_incidence(seen), some.blocked(seen)
            poa[rows], entering[rows] = on_planes(some, cosine, blocked, _dome(lit, seen, model))
            if lit.by_plane.any():
                poa[rows] = np.where(lit.by_plane, lit.plane, poa[rows])
                entering[rows] = np.where(lit.by_plane, lit.plane, entering[rows])
            if blocked is not None and lit.by_plane.any():
                hidden = blocked & lit.by_plane
                poa[rows] = np.where(hidden, _without_beam(some, cosine, hidden, lit, seen), poa[rows])
                entering[rows] = np.where(hidden, poa[rows], entering[rows])
        yield block, poa, entering


def _dome(light: Light, sky: Sky, wanted: Model | None) -> Dome:
    """Return the sky's part of the transposition; where none is asked for, the model that measures best on the rung.

    Held against pyranometers (docs/accuracy.md): with beam and diffuse guessed from their sum, Hay-Davies scatters less
    than Perez-Driesse; with both known it is the other way round.
    """
    terms = (sky, light.dni, light.ghi, light.dhi)
    if wanted is not None:
        return dome_of(*terms, wanted)
    if not light.by_clear.any():
        return dome_of(*terms, "hay-davies")
    if light.by_clear.all():
        return dome_of(*terms, "perez-driesse")
    return dome_of(*terms, "perez-driesse").where(light.by_clear, dome_of(*terms, "hay-davies"))


def _without_beam(planes: Planes, cosine: Floats, hidden: Bools, light: Light, sky: Sky) -> Floats:
    """Return what a plane gets where a sensor in it sees the sun and the array behind a hill does not, W/m².

    The horizontal irradiance that goes with what the sensor shows, as on a cloudless day, is split; its beam is left out.
    """
    clear, _ = on_planes(planes, cosine, None, dome_of(sky, sky.dni, sky.ghi, sky.dhi, "perez-driesse"))
    found = np.zeros_like(clear)
    for row in np.flatnonzero(hidden.any(axis=1)).tolist():
        with np.errstate(invalid="ignore", divide="ignore"):
            ghi = np.nan_to_num(light.plane * sky.ghi / clear[row], posinf=0.0)
        dni, dhi = split(ghi, sky)
        dome, one = dome_of(sky, dni, ghi, dhi, "hay-davies"), planes.rows([row])
        found[row] = on_planes(one, cosine[[row]], hidden[[row]], dome)[0][0]
    return np.minimum(found, light.plane)


def _computed(
    arrays: Sequence[Array], light: Light, air: Air, sky: Sky, ages: Floats, day_of: Ints
) -> tuple[Floats, Floats]:
    """Return irradiance on the planes in W/m² and AC power in kW; arrays by slots."""
    poa, ac_kw = np.zeros((len(arrays), len(sky.zenith))), np.zeros((len(arrays), len(sky.zenith)))
    heating, kind_of = _heatings(arrays, air)
    per_light, gamma, rated = (
        np.array([[f(a)] for a in arrays]) for f in (_per_light, lambda a: a.gamma_pdc, lambda a: a.ac_kw)
    )
    for block, plane, entering in _irradiance(arrays, light, sky):
        poa[:, block] = plane
        # In place, for at this size memory is what takes time: cell temperature, its effect, DC power.
        dc_kw = heating[:, block][kind_of]
        dc_kw *= plane
        dc_kw += air.temp_c[block] - 25.0
        dc_kw *= gamma
        dc_kw += 1.0
        dc_kw *= entering
        dc_kw *= per_light
        dc_kw *= ages[:, day_of[block]]
        ac_kw[:, block] = _inverter(dc_kw, rated)
    return poa, ac_kw


def _heatings(arrays: Sequence[Array], air: Air) -> tuple[Floats, Ints]:
    """Return the heating of the cells per kind of mounting and slot, and which kind each array is."""
    kinds: dict[tuple[str, float | None], int] = {}
    kind_of = np.array([kinds.setdefault((a.mounting, a.noct_c), len(kinds)) for a in arrays])
    first = [int(np.argmax(kind_of == kind)) for kind in range(len(kinds))]
    return np.stack([_heating(arrays[row], air.wind_ms, air.windy) for row in first]), kind_of


def curtailed(versions: Sequence[Array], expected: SlotSeries, grid: Grid) -> SlotSeries:
    """Return what an array should have produced under the orders to deliver less that its log holds, kWh per slot.

    Nothing but the log limits it: the difference to the expectation is what curtailment cost. An order that holds for
    part of a slot limits that part.
    """
    value, edges = expected.value.copy(), grid.edges_us
    hours = np.diff(edges) / HOUR_US
    for array in versions:
        for order in array.curtailments:
            start = to_us(order.valid_from) if order.valid_from else int(edges[0])
            end = to_us(order.valid_to) if order.valid_to else int(edges[-1])
            if array.valid_from:
                start = max(start, to_us(array.valid_from))
            if array.valid_to:
                end = min(end, to_us(array.valid_to))
            share = np.clip((np.minimum(edges[1:], end) - np.maximum(edges[:-1], start)) / np.diff(edges), 0.0, 1.0)
            value = value - share * np.maximum(value - order.limit_kw * hours, 0.0)
    return replace(expected, value=value)


def indices(generation: SlotSeries, expected: SlotSeries, sky: Sky, periods: Periods) -> SlotSeries:
    r"""Return the energy performance index of every period.

    .. math:: EPI = \sum E_{measured} / \sum E_{expected}

    over the slots in which both are measured as good as whole (IEC 61724-1). Filled slots and the clear-sky envelope
    do not count, unless there is nothing but the envelope: then the index says how much of a cloudless period was
    reached, and carries `rung_clear_sky`. Coverage is the share of the elapsed daylight that was compared.
    """
    valid = comparable(generation) & expected.known
    believed = valid & (expected.estimated <= 0)
    only_envelope = periods.sums((believed & sky.up).astype(float)) == 0
    chosen = believed | (valid & only_envelope[periods.of])
    return ratio(generation.value, expected.value, chosen, [generation, expected], periods, sky.up)


def performance_ratio(
    peak_kwp: Floats, generation: SlotSeries, irradiation: SlotSeries, sky: Sky, periods: Periods
) -> SlotSeries:
    r"""Return the performance ratio of every period.

    .. math:: PR = \sum E / (\sum P_0 H / G_{STC})

    Final yield over reference yield (IEC 61724-1), E in kWh, P0 (`peak_kwp`) in kWp, H in kWh/m², G_STC 1 kW/m²; a
    ratio of sums over slots in which energy and irradiance are measured. A cloudless envelope is no measurement.
    """
    valid = comparable(generation) & irradiation.known & (irradiation.estimated <= 0)
    reference = peak_kwp * irradiation.value / (G_STC / 1000.0)
    return ratio(generation.value, reference, valid, [generation, irradiation], periods, sky.up)


def comparable(generation: SlotSeries) -> Bools:
    """Say where energy is measured as good as whole."""
    return generation.known & (generation.coverage >= WHOLE) & (generation.estimated <= 1.0 - WHOLE)


def _ages(arrays: Sequence[Array], grid: Grid) -> Floats:
    """Return what ageing has left of every array's power; arrays by days."""
    noons = (grid.edges_us[grid.day_at[:-1]] + grid.edges_us[grid.day_at[1:]]) / 2.0
    ages = np.ones((len(arrays), len(grid.days)))
    for row, array in enumerate(arrays):
        if array.commissioned is not None:
            born = datetime(array.commissioned.year, array.commissioned.month, array.commissioned.day, tzinfo=UTC)
            years = np.maximum((noons - to_us(born)) / (365.25 * 86_400e6), 0.0)
            ages[row] = (1.0 - array.degradation_per_year) ** years
    return ages


def exists_at(array: Array, grid: Grid) -> Bools:
    """Say for every slot whether this description of the array holds and the array is commissioned."""
    starts = grid.edges_us[:-1]
    exists = np.ones(grid.size, dtype=bool)
    if array.valid_from:
        exists &= starts >= to_us(array.valid_from)
    if array.valid_to:
        exists &= grid.edges_us[1:] <= to_us(array.valid_to)
    if array.commissioned:
        exists &= np.array([d >= array.commissioned for d in grid.days])[grid.day_numbers()]
    return exists


def _only(series: SlotSeries, where: Bools) -> SlotSeries:
    """Return the series where the array exists; where it does not, nothing is expected of it, and that is known."""
    if where.all():
        return series
    return SlotSeries(
        np.where(where, series.value, 0.0),
        np.where(where, series.coverage, 0.0),
        np.where(where, series.estimated, 0.0),
        np.where(where, series.reasons, 0),
    )
