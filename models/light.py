"""The best that is known of the light and the air at a weather point, per slot: the ladder, before any plane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from pvlib import irradiance

from core.quality import Reason
from models.series import Bools, Floats, Grid, Ints, SlotSeries, bit, unknown
from models.sky import Sky

Gauges = Mapping[str, SlotSeries]

CALM_WIND_MS = 1.0  # where no anemometer is: on the careful side, cells come out warm
ENOUGH = 0.5  # a sensor speaks for a slot of which it saw at least half
OFFSET_WM2 = -15.0  # thermal offset of a pyranometer stays above this; what is lower is no irradiance
# Nothing outshines the sun above the atmosphere by more: clouds and ground together lift a plane's quarter of an hour.
BRIGHTEST_PLANE = 1.2
INLAND = 0.16  # Hargreaves and Samani 1982, 1/sqrt(K)
DAY_MEASURED = 0.9  # of a day's slots, for its extremes of temperature to be known


@dataclass(frozen=True)
class Light:
    """One value per slot; irradiance in W/m². Exactly one of `by_plane`, `by_split`, `by_clear` holds by day."""

    plane: Floats  # measured in the plane of the arrays
    dni: Floats
    ghi: Floats
    dhi: Floats
    by_plane: Bools
    by_split: Bools  # beam and diffuse told apart from their sum, by Erbs-Driesse
    by_clear: Bools  # both known, of a sky without clouds
    coverage: Floats
    estimated: Floats
    reasons: Ints  # the rung, and `sensor_fault` where a better one was refused

    def at(self, where: Ints) -> Light:
        """Return some slots of it."""
        return Light(*(getattr(self, field.name)[where] for field in fields(self)))


def light_of(gauges: Gauges, sky: Sky, service: Gauges | None = None, grid: Grid | None = None) -> Light:
    """Return the light by the best rung of every slot.

    Measured in the plane (`rung_poa`), measured on the horizontal (`rung_ghi`), computed by a weather service
    (`rung_service`), guessed from the day's range of temperature (`rung_temperature`; needs the grid's days), cloudless
    (`rung_clear_sky`). A single value that cannot be irradiance is refused with `sensor_fault`, and the next rung
    speaks. With the sun down the light is zero, and that is known.
    """
    size = len(sky.zenith)
    plane, horizontal = gauges.get("poa_wm2", unknown(size)), gauges.get("ghi_wm2", unknown(size))
    computed = (service or {}).get("ghi_wm2", unknown(size))
    brightest = _brightest_horizontal(sky)
    chosen = np.zeros(size, dtype=bool)
    ghi, coverage = np.zeros(size), np.where(sky.up, 0.0, 1.0)
    reasons = np.zeros(size, dtype=np.int64)
    taken: dict[Reason, Bools] = {}
    for rung, series, limit in (
        (Reason.RUNG_POA, plane, BRIGHTEST_PLANE * sky.dni_extra),
        (Reason.RUNG_GHI, horizontal, brightest),
        (Reason.RUNG_SERVICE, computed, brightest),
    ):
        usable = sky.up & measured(series, size)
        with np.errstate(invalid="ignore"):
            possible = usable & (series.value >= OFFSET_WM2) & (series.value <= limit)
        where = taken[rung] = possible & ~chosen
        refused = (usable & ~possible) | (sky.up & ((series.reasons & bit(Reason.SENSOR_FAULT)) > 0))
        reasons |= np.where(refused, bit(Reason.SENSOR_FAULT), 0)
        reasons |= np.where(where, bit(rung), 0)
        coverage = np.where(where, series.coverage, coverage)
        if rung is not Reason.RUNG_POA:
            ghi = np.where(where, np.maximum(series.value, 0.0), ghi)
        chosen |= where
    guessed = _by_temperature(_air(gauges, service, size)[0], sky, grid)
    by_temperature = sky.up & ~chosen & np.isfinite(guessed)
    by_clear = sky.up & ~chosen & ~by_temperature
    reasons |= np.where(by_temperature, bit(Reason.RUNG_TEMPERATURE), 0)
    reasons |= np.where(by_clear, bit(Reason.RUNG_CLEAR_SKY), 0)
    by_split = taken[Reason.RUNG_GHI] | taken[Reason.RUNG_SERVICE] | by_temperature
    ghi = np.where(by_temperature, guessed, ghi)
    dni, dhi = split(ghi, sky) if by_split.any() else (np.zeros(size), np.zeros(size))
    by_plane = taken[Reason.RUNG_POA]
    return Light(
        plane=np.where(by_plane, np.maximum(plane.value, 0.0), 0.0),
        dni=np.where(by_clear, sky.dni, dni),
        ghi=np.where(by_clear, sky.ghi, ghi),
        dhi=np.where(by_clear, sky.dhi, dhi),
        by_plane=by_plane,
        by_split=by_split,
        by_clear=by_clear,
        coverage=coverage,
        estimated=(by_clear | by_temperature).astype(float),
        reasons=reasons,
    )


def split(ghi: Floats, sky: Sky) -> tuple[Floats, Floats]:
    """Return beam (normal) and diffuse irradiance, W/m², from their sum on the horizontal: Erbs-Driesse 2024."""
    parts = irradiance.erbs_driesse(ghi, sky.zenith, dni_extra=sky.dni_extra)
    return np.asarray(parts["dni"], dtype=float), np.asarray(parts["dhi"], dtype=float)


@dataclass(frozen=True)
class Air:
    """Air temperature in °C and wind in m/s per slot, and why they are not measured where they are not."""

    temp_c: Floats
    wind_ms: Floats
    windy: Bools  # wind is known
    reasons: Ints


def air_of(gauges: Gauges, sky: Sky, service: Gauges | None = None) -> Air:
    """Return air temperature and wind: measured, else the service's, else what is typical of latitude and season."""
    size = len(sky.zenith)
    air, from_service = _air(gauges, service, size)
    known = measured(air, size)
    wind = gauges.get("wind_speed_ms", unknown(size))
    blown = (service or {}).get("wind_speed_ms", unknown(size))
    at_station, at_service = measured(wind, size), measured(blown, size)
    reasons = np.where(
        known, np.where(from_service, bit(Reason.SERVICE_TEMPERATURE), 0), bit(Reason.DEFAULT_TEMPERATURE)
    )
    faulty = gauges.get("temp_air_c", unknown(size)).reasons & bit(Reason.SENSOR_FAULT)
    wind_ms = np.where(at_station, wind.value, np.where(at_service, blown.value, CALM_WIND_MS))
    return Air(
        np.where(known, air.value, sky.typical_air_c),
        np.maximum(wind_ms, 0.0),
        at_station | at_service,
        reasons | faulty,
    )


def measured(series: SlotSeries | None, size: int) -> Bools:
    """Say for every slot whether a sensor saw enough of it."""
    if series is None:
        return np.zeros(size, dtype=bool)
    return series.known & (series.coverage >= ENOUGH)


def _air(gauges: Gauges, service: Gauges | None, size: int) -> tuple[SlotSeries, Bools]:
    own, other = gauges.get("temp_air_c", unknown(size)), (service or {}).get("temp_air_c", unknown(size))
    from_service = ~measured(own, size) & measured(other, size)
    both = zip((own.value, own.coverage, own.estimated), (other.value, other.coverage, other.estimated), strict=True)
    value, coverage, estimated = (np.where(from_service, b, a) for a, b in both)
    return SlotSeries(value, coverage, estimated, np.where(from_service, other.reasons, own.reasons)), from_service


def _brightest_horizontal(sky: Sky) -> Floats:
    """Return the physically possible limit of BSRN (Long and Dutton 2002) for horizontal irradiance in W/m²."""
    cosine = np.maximum(np.cos(np.radians(sky.zenith)), 0.0)
    limit: Floats = 1.5 * sky.dni_extra * cosine**1.2 + 100.0
    return limit


def _by_temperature(air: SlotSeries, sky: Sky, grid: Grid | None) -> Floats:
    r"""Return horizontal irradiance in W/m² by Hargreaves and Samani 1982; NaN where a day's range is not known.

    .. math:: H = 0.16 \sqrt{T_{max} - T_{min}} \, H_0

    H0 above the atmosphere. Spread over the day as a cloudless sky would, and never brighter than that: days are 20 to
    30 % off, months less, so the numbers are marked as estimated.
    """
    size = len(sky.zenith)
    guessed = np.full(size, np.nan)
    if grid is None or not air.known.any():
        return guessed
    known = measured(air, size)
    above = sky.dni_extra * np.maximum(np.cos(np.radians(sky.zenith)), 0.0)
    for first, end in zip(grid.day_at[:-1].tolist(), grid.day_at[1:].tolist(), strict=True):
        day = slice(first, end)
        clear = float(sky.ghi[day].sum())
        if end > grid.closed or clear <= 0 or known[day].mean() < DAY_MEASURED:
            continue
        reached = air.value[day][known[day]]
        share = INLAND * np.sqrt(np.ptp(reached)) * float(above[day].sum()) / clear
        guessed[day] = min(share, 1.0) * sky.ghi[day]
    return guessed
