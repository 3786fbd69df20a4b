"""What an array should have produced: irradiance -> cell temperature -> DC -> AC, per slot.

Left out on purpose is what the expectation is there to detect: soiling, shading, snow, faults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from pvlib import inverter, irradiance, pvsystem, temperature

from core.park import Array
from core.quality import Reason
from core.timebase import SLOT_HOURS
from models.rollup import Periods, ratio
from models.series import SLOT_US, Bools, Floats, Grid, SlotSeries, bit, joined, to_us, unknown
from models.sky import Sky

ETA_NOMINAL = 0.96  # PVWatts inverter; its DC limit is the AC rating divided by this
ETA_REFERENCE = 0.9637
CALM_WIND_MS = 1.0  # where no anemometer is: on the careful side, cells come out warm
ENOUGH = 0.5  # a sensor speaks for a slot of which it saw at least half
WHOLE = 0.99  # an index compares only slots measured as good as whole
G_STC = 1000.0  # W/m²


@dataclass(frozen=True)
class ArraySeries:
    """Expected AC energy in kWh and plane-of-array irradiation in kWh/m², per slot."""

    expected: SlotSeries
    irradiation: SlotSeries


def array_series(array: Array, gauges: Mapping[str, SlotSeries], sky: Sky, grid: Grid) -> ArraySeries:
    """Return the expectation of one array, one version of its description.

    Irradiance climbs down a ladder, per slot: measured in the plane of the array (`rung_poa`); measured horizontally,
    split by Erbs-Driesse and transposed by Hay-Davies (`rung_ghi`); cloudless by Ineichen-Perez, which is an upper
    envelope and no estimate (`rung_clear_sky`, marked as estimated). With the sun down it is zero and known.
    DC: PVWatts v5 (Dobos 2014, NREL/TP-6A20-62641). Degradation by years since commissioning.
    """
    poa = plane_irradiance(array, gauges, sky)
    air, wind, temperature_reasons = _air_and_wind(gauges, sky)
    cell = cell_temperature(array, poa.value, air, wind, _measured(gauges.get("wind_speed_ms"), len(air)))
    ac_kw = ac_power(array, poa.value, cell, _years(array, grid))
    exists = exists_at(array, grid)
    reasons = np.bitwise_or(poa.reasons, np.where(poa.value > 0, temperature_reasons, 0))
    expected = replace(poa, value=ac_kw * SLOT_HOURS, reasons=reasons)
    return ArraySeries(_only(expected, exists), _only(poa.times(SLOT_HOURS / 1000.0), exists))


def versions_joined(versions: Sequence[tuple[Array, ArraySeries]], grid: Grid) -> ArraySeries:
    """Return one series from the successive descriptions of one array."""
    exists = np.any([exists_at(array, grid) for array, _ in versions], axis=0)

    def one(parts: list[SlotSeries]) -> SlotSeries:
        whole = joined(parts, grid.size)
        return replace(
            whole, coverage=np.where(exists, whole.coverage, 1.0), reasons=np.where(exists, whole.reasons, 0)
        )

    return ArraySeries(one([s.expected for _, s in versions]), one([s.irradiation for _, s in versions]))


def plane_irradiance(array: Array, gauges: Mapping[str, SlotSeries], sky: Sky) -> SlotSeries:
    """Return plane-of-array irradiance in W/m², slot mean, with the rung it came from among the reasons."""
    size = len(sky.zenith)
    measured = gauges.get("poa_wm2", unknown(size))
    horizontal = gauges.get("ghi_wm2", unknown(size))
    by_plane = sky.up & _measured(measured, size)
    by_horizon = sky.up & ~by_plane & _measured(horizontal, size)
    by_clear = sky.up & ~by_plane & ~by_horizon
    value = np.where(by_plane, np.maximum(measured.value, 0.0), 0.0)
    if by_horizon.any():
        ghi = np.where(by_horizon, np.maximum(horizontal.value, 0.0), 0.0)
        split = irradiance.erbs_driesse(ghi, sky.zenith, dni_extra=sky.dni_extra)
        value = np.where(by_horizon, transposed(array, sky, split["dni"], ghi, split["dhi"]), value)
    if by_clear.any():
        value = np.where(by_clear, transposed(array, sky, sky.dni, sky.ghi, sky.dhi), value)
    rungs = ((by_plane, measured, Reason.RUNG_POA), (by_horizon, horizontal, Reason.RUNG_GHI))
    coverage = np.where(sky.up, 0.0, 1.0)
    reasons = np.where(by_clear, bit(Reason.RUNG_CLEAR_SKY), 0)
    for where, sensor, rung in rungs:
        coverage = np.where(where, sensor.coverage, coverage)
        reasons = np.where(where, bit(rung), reasons)
    faulty = (measured.reasons | horizontal.reasons) & bit(Reason.SENSOR_FAULT)
    reasons = np.bitwise_or(reasons, np.where(sky.up, faulty, 0))
    return SlotSeries(value, coverage, by_clear.astype(float), reasons)


def transposed(array: Array, sky: Sky, dni: Floats, ghi: Floats, dhi: Floats) -> Floats:
    """Return irradiance on the array's plane in W/m², by Hay and Davies 1980 with a ground albedo of 0.25."""
    total = irradiance.get_total_irradiance(
        array.tilt, array.azimuth, sky.zenith, sky.azimuth, dni, ghi, dhi, dni_extra=sky.dni_extra, model="haydavies"
    )
    plane: Floats = np.nan_to_num(np.asarray(total["poa_global"], dtype=float))
    return np.maximum(plane, 0.0)


def cell_temperature(array: Array, poa: Floats, air_c: Floats, wind_ms: Floats, windy: Bools) -> Floats:
    """Return cell temperature in degrees C by the array's mounting.

    Freestanding: Faiman 2008 (u0 25, u1 6.84 W/m²K) where wind is measured, else PVsyst's 29 W/m²K. Semi-integrated
    and insulated: PVsyst's 20 and 15 W/m²K. Close mount: Sandia (King 2004), glass-glass.
    """
    if array.mounting == "close_mount":
        terms = temperature.TEMPERATURE_MODEL_PARAMETERS["sapm"]["close_mount_glass_glass"]
        return np.asarray(temperature.sapm_cell(poa, air_c, wind_ms, **terms), dtype=float)
    terms = temperature.TEMPERATURE_MODEL_PARAMETERS["pvsyst"][array.mounting]
    cell = np.asarray(temperature.pvsyst_cell(poa, air_c, wind_ms, **terms), dtype=float)
    if array.mounting != "freestanding":
        return cell
    return np.where(windy, temperature.faiman(poa, air_c, wind_ms, u0=25.0, u1=6.84), cell)


def cell_rise(array: Array, gauges: Mapping[str, SlotSeries], sky: Sky) -> Floats:
    """Return how far the cells are above air temperature, in K, by the irradiance and wind that were measured."""
    size = len(sky.zenith)
    poa = plane_irradiance(array, gauges, sky).value
    _, wind, _ = _air_and_wind(gauges, sky)
    return cell_temperature(array, poa, np.zeros(size), wind, _measured(gauges.get("wind_speed_ms"), size))


def ac_power(array: Array, poa: Floats, cell_c: Floats, years: Floats) -> Floats:
    """Return AC power in kW by PVWatts: DC, losses, ageing, inverter.

    The inverter's `pdc0` is its DC input limit, the AC rating divided by its nominal efficiency; neither the AC rating
    nor the array's peak power.
    """
    dc_kw = pvsystem.pvwatts_dc(poa, cell_c, array.dc_kwp, array.gamma_pdc)
    dc_kw = dc_kw * (1.0 - array.losses) * (1.0 - array.degradation_per_year) ** years
    limit_kw = array.ac_kw / ETA_NOMINAL
    ac_kw = inverter.pvwatts(np.maximum(dc_kw, 0.0), limit_kw, eta_inv_nom=ETA_NOMINAL, eta_inv_ref=ETA_REFERENCE)
    return np.asarray(ac_kw, dtype=float)


def indices(generation: SlotSeries, expected: SlotSeries, sky: Sky, periods: Periods) -> SlotSeries:
    r"""Return the energy performance index of every period.

    .. math:: EPI = \sum E_{measured} / \sum E_{expected}

    over the slots in which both are measured as good as whole (IEC 61724-1). Filled slots and the clear-sky envelope
    do not count, unless there is nothing but the envelope: then the index says how much of a cloudless period was
    reached, and carries `rung_clear_sky`. Coverage is the share of the elapsed daylight that was compared.
    """
    valid = _comparable(generation) & expected.known
    measured = valid & (expected.estimated <= 0)
    only_envelope = periods.sums((measured & sky.up).astype(float)) == 0
    chosen = measured | (valid & only_envelope[periods.of])
    return ratio(generation.value, expected.value, chosen, [generation, expected], periods, sky.up)


def performance_ratio(
    peak_kwp: Floats, generation: SlotSeries, irradiation: SlotSeries, sky: Sky, periods: Periods
) -> SlotSeries:
    r"""Return the performance ratio of every period.

    .. math:: PR = \sum E / (\sum P_0 H / G_{STC})

    Final yield over reference yield (IEC 61724-1), E in kWh, P0 (`peak_kwp`) in kWp, H in kWh/m², G_STC 1 kW/m²; a
    ratio of sums over slots in which energy and irradiance are measured. A cloudless envelope is no measurement.
    """
    valid = _comparable(generation) & irradiation.known & (irradiation.estimated <= 0)
    reference = peak_kwp * irradiation.value / (G_STC / 1000.0)
    return ratio(generation.value, reference, valid, [generation, irradiation], periods, sky.up)


def _comparable(generation: SlotSeries) -> Bools:
    return generation.known & (generation.coverage >= WHOLE) & (generation.estimated <= 1.0 - WHOLE)


def _air_and_wind(
    gauges: Mapping[str, SlotSeries], sky: Sky
) -> tuple[Floats, Floats, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    size = len(sky.zenith)
    air = gauges.get("temp_air_c", unknown(size))
    wind = gauges.get("wind_speed_ms", unknown(size))
    has_air, has_wind = _measured(air, size), _measured(wind, size)
    reasons = np.where(has_air, 0, bit(Reason.DEFAULT_TEMPERATURE)) | (air.reasons & bit(Reason.SENSOR_FAULT))
    return (
        np.where(has_air, air.value, sky.typical_air_c),
        np.where(has_wind, np.maximum(wind.value, 0.0), CALM_WIND_MS),
        reasons,
    )


def _measured(series: SlotSeries | None, size: int) -> Bools:
    if series is None:
        return np.zeros(size, dtype=bool)
    return series.known & (series.coverage >= ENOUGH)


def _years(array: Array, grid: Grid) -> Floats:
    if array.commissioned is None:
        return np.zeros(grid.size)
    start = to_us(datetime(array.commissioned.year, array.commissioned.month, array.commissioned.day, tzinfo=UTC))
    return np.maximum((grid.edges_us[:-1] - start) / (365.25 * 86_400e6), 0.0)


def exists_at(array: Array, grid: Grid) -> Bools:
    """Say for every slot whether this description of the array holds and the array is commissioned."""
    starts = grid.edges_us[:-1]
    exists = np.ones(grid.size, dtype=bool)
    if array.valid_from:
        exists &= starts >= to_us(array.valid_from)
    if array.valid_to:
        exists &= starts + SLOT_US <= to_us(array.valid_to)
    if array.commissioned:
        exists &= np.array([d >= array.commissioned for d in grid.days])[grid.day_numbers()]
    return exists


def _only(series: SlotSeries, where: Bools) -> SlotSeries:
    """Return the series where the array exists; where it does not, nothing is expected of it, and that is known."""
    return SlotSeries(
        np.where(where, series.value, 0.0),
        np.where(where, series.coverage, 0.0),
        np.where(where, series.estimated, 0.0),
        np.where(where, series.reasons, 0),
    )
