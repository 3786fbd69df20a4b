"""Sun, clear sky and typical temperature of a site: what physics alone says of a slot."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from pvlib import clearsky, irradiance
from pvlib.location import Location

from core.park import Park
from models.series import Bools, Floats, Grid, Ints

HORIZON_DEG = -0.833  # centre of the sun at visible sunrise: its radius and refraction
EQUATOR_MEAN_C = 27.0
MEAN_FALL_C = 0.0075  # per degree of latitude squared
SWING_C = 0.33  # per degree of latitude: half the difference of warmest and coldest month
LAPSE_C_PER_M = 0.0065
WARMEST_DAY = 200  # of the year, northern hemisphere: the ground follows the sun by four weeks
YEAR_DAYS = 365.25
DAYLIGHT_C = 3.0  # PV works by day, when it is warmer than the mean of the day


@dataclass(frozen=True)
class Sky:
    """Sun and cloudless irradiance at the mid-point of every slot; angles in degrees, irradiance in W/m²."""

    zenith: Floats  # apparent
    azimuth: Floats
    dni_extra: Floats
    ghi: Floats
    dni: Floats
    dhi: Floats
    typical_air_c: Floats

    @property
    def up(self) -> Bools:
        """Where the sun is above the horizon."""
        return self.zenith < 90.0 - HORIZON_DEG

    def at(self, where: Ints) -> Sky:
        """Return some slots of it."""
        return Sky(*(getattr(self, field.name)[where] for field in fields(self)))


def sky_over(park: Park, grid: Grid) -> Sky:
    """Return the sky over a park for every slot of a grid: once for all its arrays.

    Solar position (NREL SPA) is taken at slot mid-points: at slot starts it would be half a slot early. Clear sky is
    Ineichen-Perez with the monthly Linke turbidity that pvlib ships (SoDa), so it needs no network.
    """
    times = pd.DatetimeIndex(pd.to_datetime(grid.edges_us[:-1] + np.diff(grid.edges_us) // 2, unit="us", utc=True))
    site = Location(park.latitude, park.longitude, altitude=park.altitude_m)
    sun = site.get_solarposition(times)
    days = np.asarray(times.day_of_year, dtype=float)
    turbidity = pd.Series(turbidity_of(park.latitude, park.longitude, days), index=times)
    dni_extra = pd.Series(irradiance.get_extra_radiation(days), index=times)
    clear = site.get_clearsky(
        times, model="ineichen", solar_position=sun, linke_turbidity=turbidity, dni_extra=dni_extra
    )
    return Sky(
        zenith=np.asarray(sun["apparent_zenith"], dtype=float),
        azimuth=np.asarray(sun["azimuth"], dtype=float),
        dni_extra=np.asarray(dni_extra, dtype=float),
        ghi=np.asarray(clear["ghi"], dtype=float),
        dni=np.asarray(clear["dni"], dtype=float),
        dhi=np.asarray(clear["dhi"], dtype=float),
        typical_air_c=typical_air(park.latitude, park.altitude_m, days),
    )


def turbidity_of(latitude: float, longitude: float, day_of_year: Floats) -> Floats:
    """Return the Linke turbidity, dimensionless, interpolated between the monthly means of the SoDa world map."""
    middles = pd.date_range("2026-01-01", periods=12, freq="MS", tz="UTC") + pd.Timedelta(days=14.5)
    monthly = clearsky.lookup_linke_turbidity(middles, latitude, longitude, interp_turbidity=False)
    at = np.asarray(middles.day_of_year, dtype=float)
    turbidity: Floats = np.interp(day_of_year, at, np.asarray(monthly, dtype=float), period=YEAR_DAYS)
    return turbidity


def typical_air(latitude: float, altitude_m: float, day_of_year: Floats) -> Floats:
    """Return a typical daytime air temperature in degrees C where no credible thermometer is.

    A zonal mean that falls with the square of the latitude, a yearly swing that grows with it, 6.5 K/km of altitude:

    ``T = 27 - 0.0075 φ² + 0.33 |φ| cos(2π (n - 200) / 365.25) - 0.0065 h + 3``

    Within about 8 K of most inhabited places, hence within about 3 % of PV energy (0.35 %/K). Our own simplification;
    good enough to replace a broken sensor, and never stored as a temperature.
    """
    season = np.cos(2 * np.pi * (day_of_year - WARMEST_DAY) / YEAR_DAYS) * np.sign(latitude)
    mean = EQUATOR_MEAN_C - MEAN_FALL_C * latitude**2 - LAPSE_C_PER_M * altitude_m
    temperature: Floats = mean + SWING_C * abs(latitude) * season + DAYLIGHT_C
    return temperature


def night_hours(latitude: float, day_of_year: Floats) -> Floats:
    """Return how long the sun is below the horizon on each day, in hours; 0 on a polar day, 24 in a polar night.

    ``24 - 2/15 acos((sin h - sin φ sin δ) / (cos φ cos δ))`` with ``δ = 23.45° sin(360° (284 + n) / 365)`` (Cooper
    1969) and the visible sunrise h. Within some minutes below 60 degrees of latitude.
    """
    tilt = np.radians(23.45 * np.sin(2 * np.pi * (284.0 + np.asarray(day_of_year, dtype=float)) / 365.0))
    phi = np.radians(np.clip(latitude, -89.9, 89.9))
    reach = (np.sin(np.radians(HORIZON_DEG)) - np.sin(phi) * np.sin(tilt)) / (np.cos(phi) * np.cos(tilt))
    night: Floats = 24.0 - 2.0 / 15.0 * np.degrees(np.arccos(np.clip(reach, -1.0, 1.0)))
    return night
