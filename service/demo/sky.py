"""The weather over the park, minute by minute: a measured year's clearness over the park's own clear sky.

The clearness of a satellite weather year (see data/README.md) is laid over the clear sky of the park's place, and
its air temperatures are moved to the monthly means of Shanghai. Between the hours the beam flickers as it does under
broken clouds: most where the sky is neither clear nor covered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from pvlib.atmosphere import alt2pres, get_absolute_airmass, get_relative_airmass
from pvlib.clearsky import ineichen, lookup_linke_turbidity
from pvlib.irradiance import get_extra_radiation
from pvlib.solarposition import get_solarposition

from service.demo import source_years
from service.demo.noise import Floats, generator, smooth

# The source year is sunnier than Shanghai. Raised to this power its clearness gives 1 380 kWh/m2 a year. By Angstrom's
# formula (0.25 + 0.50 n/N of the 3 060 kWh/m2 above the air) 1 340 belong to the 1 638 h of sunshine of Shanghai's
# year 2006, and 1 420 to the 1 878 h of a normal year.
CLEARNESS_POWER = 1.5
# Monthly mean air temperature of Shanghai in 2008, China Statistical Yearbook 2009, table 11-13.
SHANGHAI_TEMP_C = (4.2, 4.0, 11.4, 15.9, 21.6, 24.0, 30.2, 28.4, 25.6, 20.7, 13.1, 7.5)
WIND_SHELTER = 0.75  # the source is an open coast, a park has buildings
SCATTERED_BACK = 0.15  # share of the beam a passing cloud returns as diffuse light
SHIFT_RANGE_DAYS = 12
NORMAL_DAYS = 15  # normal weather is the mean of so many days before and after
MONTH_MIDDLES = (15, 46, 74, 105, 135, 166, 196, 227, 258, 288, 319, 349)  # days of the year
CLOUD_MINUTES = (4.0, 25.0)  # how long clouds and gaps between them last
WET_CLEARNESS = 0.22  # mean clearness of a day below which it is taken for rainy
SOILING_PER_DAY = 0.0006
SOILING_LOOK_BACK_DAYS = 40


@dataclass(frozen=True)
class Sky:
    """One value per minute, for the minute's middle. Irradiance in W/m2, angles in degrees."""

    utc: pd.DatetimeIndex
    zenith: Floats
    azimuth: Floats
    airmass: Floats
    dni_extra: Floats
    ghi: Floats
    dni: Floats
    dhi: Floats
    temp_air_c: Floats
    wind_speed_ms: Floats
    soiling: Floats  # share of light lost to dust, before each array's own exposure


def sky(
    latitude: float,
    longitude: float,
    altitude_m: float,
    seed: int,
    first_minute: int,
    count: int,
    *,
    normal: bool = False,
) -> Sky:
    """Return the sky over a place for `count` minutes from `first_minute` (counted from 1970-01-01 UTC).

    The `normal` one has in every minute the mean of the days around it, and no passing clouds.
    """
    around = range(-NORMAL_DAYS, NORMAL_DAYS + 1) if normal else (0,)
    utc = pd.to_datetime((np.arange(first_minute, first_minute + count) * 60 + 30), unit="s", utc=True)
    solar_local = _standard_time(utc, longitude)
    day = utc.day_of_year.to_numpy()
    sun = get_solarposition(utc, latitude, longitude, altitude_m)
    zenith = sun["apparent_zenith"].to_numpy(dtype=np.float64)
    airmass = np.asarray(get_relative_airmass(zenith), dtype=np.float64)
    dni_extra = np.asarray(get_extra_radiation(day), dtype=np.float64)
    turbidity = np.interp(day, MONTH_MIDDLES, _turbidity(latitude, longitude), period=365)
    absolute = get_absolute_airmass(airmass, alt2pres(altitude_m))
    with np.errstate(divide="ignore", invalid="ignore"):  # the sun on and below the horizon
        clear = ineichen(zenith, absolute, turbidity, altitude_m, dni_extra)
    shift = _shift_days(seed, latitude)
    clearness = _mean(lambda n: _clearness("clearness", solar_local, shift + n), around)
    beam = _mean(lambda n: _clearness("beam_clearness", solar_local, shift + n), around)
    flicker = np.zeros(count) if normal else _flicker(beam, seed, first_minute, count)
    clear_ghi, clear_dni = np.nan_to_num(clear["ghi"]), np.nan_to_num(clear["dni"])
    up = np.maximum(np.cos(np.radians(zenith)), 0.0)
    dni = clear_dni * np.clip(beam + flicker, 0.0, 1.05)
    change = dni - clear_dni * beam
    ghi = np.maximum(clear_ghi * clearness + (1 - SCATTERED_BACK) * change * up, 0.04 * clear_ghi)
    dni = np.minimum(dni, 0.96 * ghi / np.maximum(up, 0.02))
    return Sky(
        utc=utc,
        zenith=zenith,
        azimuth=sun["azimuth"].to_numpy(dtype=np.float64),
        airmass=airmass,
        dni_extra=dni_extra,
        ghi=ghi,
        dni=dni,
        dhi=np.maximum(ghi - dni * up, 0.0),
        temp_air_c=_mean(lambda n: _temperature(solar_local, shift, n), around)
        + (0.0 if normal else 0.3 * smooth(seed, "temp", first_minute, count, 20)),
        wind_speed_ms=_mean(lambda n: _wind(solar_local, shift + n, seed, first_minute, count), around),
        soiling=_soiling(solar_local, shift),
    )


def _mean(of: Callable[[int], Floats], around: Sequence[int]) -> Floats:
    return np.asarray(sum((of(n) for n in around[1:]), of(around[0])) / len(around))


@cache
def _turbidity(latitude: float, longitude: float) -> tuple[float, ...]:
    """Return Linke turbidity in the middle of each month, from the climatology pvlib carries."""
    middles = pd.date_range("2026-01-01", periods=12, freq="MS", tz="UTC") + pd.Timedelta(days=14)
    return tuple(lookup_linke_turbidity(middles, latitude, longitude, interp_turbidity=False))


def _standard_time(utc: pd.DatetimeIndex, longitude: float) -> pd.DatetimeIndex:
    return utc.tz_localize(None) + pd.Timedelta(hours=round(longitude / 15))


def _shift_days(seed: int, latitude: float) -> int:
    """Move the weather year a little, so that another seed has other weather in the same season."""
    moved = 0 if seed == 1 else int(generator(seed, "weather").integers(-SHIFT_RANGE_DAYS, SHIFT_RANGE_DAYS + 1))
    return moved + (source_years.HALF_YEAR_DAYS if latitude < 0 else 0)


def _clearness(name: str, solar_local: pd.DatetimeIndex, shift: int) -> Floats:
    share = source_years.weather(name, solar_local, shift) / source_years.FIXED_POINT
    return np.asarray(share**CLEARNESS_POWER, dtype=np.float64)


def _flicker(beam: Floats, seed: int, first_minute: int, count: int) -> Floats:
    short, long = (smooth(seed, f"cloud-{m:g}", first_minute, count, m) for m in CLOUD_MINUTES)
    middling = np.clip(4 * beam * (1 - beam), 0.0, 1.0)
    return np.asarray(0.45 * middling * np.tanh(0.9 * short + 0.9 * long))


def _temperature(solar_local: pd.DatetimeIndex, shift: int, days: int = 0) -> Floats:
    """Return air temperature in degrees Celsius, its monthly means moved to Shanghai's; that of some days later."""
    offsets = np.array(SHANGHAI_TEMP_C) - np.array(source_years.weather_month_means("temp_air_dc")) / 10
    # A month's offset holds in its middle, with straight lines between.
    position = (solar_local.day_of_year.to_numpy() - 0.5 + shift) % 365 / 365 * 12 - 0.5
    moved = np.interp(position, np.arange(-1, 13), np.concatenate([offsets[-1:], offsets, offsets[:1]]))
    return np.asarray(source_years.weather("temp_air_dc", solar_local, shift + days) / 10 + moved)


def _wind(solar_local: pd.DatetimeIndex, shift: int, seed: int, first_minute: int, count: int) -> Floats:
    mean = source_years.weather("wind_speed_dms", solar_local, shift) / 10 * WIND_SHELTER
    return np.asarray(np.maximum(mean * (1 + 0.25 * smooth(seed, "wind", first_minute, count, 5)), 0.0))


def _soiling(solar_local: pd.DatetimeIndex, shift: int) -> Floats:
    """Return the share lost to dust: it grows from day to day and goes with the next rainy day."""
    days = solar_local.normalize()
    loss = {day: SOILING_PER_DAY * _dry_days(day, shift) for day in days.unique()}
    return days.map(loss).to_numpy(dtype=np.float64)


def _dry_days(day: pd.Timestamp, shift: int) -> int:
    noons = pd.date_range(day - pd.Timedelta(days=SOILING_LOOK_BACK_DAYS), day, freq="D")
    hours = [source_years.weather("clearness", noons + pd.Timedelta(hours=h), shift) for h in (9, 11, 13, 15)]
    wet = np.flatnonzero(np.mean(hours, axis=0) / source_years.FIXED_POINT < WET_CLEARNESS)
    return SOILING_LOOK_BACK_DAYS - int(wet[-1]) if len(wet) else SOILING_LOOK_BACK_DAYS
