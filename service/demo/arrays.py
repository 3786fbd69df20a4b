"""What a PV array really delivers, string by string.

On purpose none of these models is the one the expectation uses: Perez-Driesse for the plane, Martin-Ruiz for the
glass, SAPM for the temperature, Huld's low-light curve, a three-term inverter loss. Every array has its own small
deviations from its data sheet, drawn once from the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from pvlib import iam
from pvlib.irradiance import aoi, get_total_irradiance
from pvlib.temperature import TEMPERATURE_MODEL_PARAMETERS, sapm_cell

from core.park import Array
from service.demo.faults import Curtailment, Outage, StringLoss
from service.demo.noise import Floats, generator
from service.demo.sky import Sky

DEFAULT_STRINGS = 12
ALBEDO = 0.18
SAPM_MOUNTING = {
    "freestanding": "open_rack_glass_polymer",
    "semi_integrated": "close_mount_glass_glass",
    "close_mount": "close_mount_glass_glass",
    "insulated": "insulated_back_glass_polymer",
}
# Relative efficiency of crystalline silicon over ln(G/1000): Huld's model with the coefficients PVGIS 6 uses for modules
# of today. Those of 2011 lose a fifth of a dull day, which plants of today do not.
LOW_LIGHT = (-0.006756, -0.016444)
MIN_LIGHT_WM2 = 8.0  # below this no inverter starts
# Inverter losses as shares of its rating: constant, per load, per load squared.
INVERTER_LOSS = (0.0030, 0.0080, 0.0100)
STANDBY_SHARE = 0.00025  # of the AC rating, drawn at night
STRING_SPREAD = 0.012


@dataclass(frozen=True)
class Traits:
    """How one array deviates from its data sheet."""

    strings: Floats  # output of each string over nominal
    nameplate: float
    wiring_loss: float  # at full power
    gamma_pdc: float  # 1/K
    soiling: float  # exposure to dust, 1 is average
    degradation_per_year: float


def traits(array: Array, seed: int) -> Traits:
    """Draw the deviations of one array."""
    draw = generator(seed, "array", array.id)
    strings = np.clip(draw.normal(1.0, STRING_SPREAD, array.strings or DEFAULT_STRINGS), 0.95, 1.05)
    return Traits(
        strings=strings,
        nameplate=float(draw.uniform(0.96, 0.99)),
        wiring_loss=float(draw.uniform(0.015, 0.025)),
        gamma_pdc=array.gamma_pdc + float(draw.uniform(-0.0003, 0.0002)),
        soiling=float(draw.uniform(0.6, 1.3)),
        degradation_per_year=float(draw.uniform(0.003, 0.006)),
    )


ArrayFault: TypeAlias = StringLoss | Outage | Curtailment


def array_power_kw(array: Array, sky: Sky, seed: int, losses: Sequence[ArrayFault] = ()) -> Floats:
    """Return AC power in kW of each minute; below zero is what the inverters draw at night."""
    own = traits(array, seed)
    light = plane_light_wm2(array, sky) * (1 - np.minimum(own.soiling * sky.soiling, 0.05))
    dc = array.dc_kwp * own.nameplate * _age_factor(array, own, sky) * _string_share(array, own, sky, losses)
    dc = dc * light / 1000 * _low_light(light) * (1 + own.gamma_pdc * (cell_temp_c(array, sky) - 25))
    dc = dc * (1 - own.wiring_loss * np.minimum(light / 1000, 1.0))
    made = _inverter_kw(np.where(light < MIN_LIGHT_WM2, 0.0, dc), array.ac_kw)
    for loss in losses:
        if isinstance(loss, Curtailment) and loss.array == array.id:
            made = np.where(_during(loss, sky), np.minimum(made, loss.limit_kw), made)
    return made


def plane_light_wm2(array: Array, sky: Sky) -> Floats:
    """Return the light in W/m2 that reaches the cells of a clean array, reflection taken off."""
    plane = _plane(array, sky)
    incidence = aoi(array.tilt, array.azimuth, sky.zenith, sky.azimuth)
    glass = iam.martin_ruiz_diffuse(array.tilt)
    light = (
        plane["poa_direct"] * iam.martin_ruiz(incidence)
        + plane["poa_sky_diffuse"] * glass["sky"]
        + plane["poa_ground_diffuse"] * glass["ground"]
    )
    return np.nan_to_num(np.asarray(light, dtype=np.float64)).clip(min=0.0)


def cell_temp_c(array: Array, sky: Sky) -> Floats:
    """Return cell temperature in degrees Celsius."""
    poa = np.nan_to_num(np.asarray(_plane(array, sky)["poa_global"], dtype=np.float64))
    parameters = TEMPERATURE_MODEL_PARAMETERS["sapm"][SAPM_MOUNTING[array.mounting]]
    return np.asarray(sapm_cell(poa, sky.temp_air_c, sky.wind_speed_ms, **parameters), dtype=np.float64)


def _plane(array: Array, sky: Sky) -> dict[str, Floats]:
    plane: dict[str, Floats] = get_total_irradiance(
        array.tilt,
        array.azimuth,
        sky.zenith,
        sky.azimuth,
        sky.dni,
        sky.ghi,
        sky.dhi,
        dni_extra=sky.dni_extra,
        airmass=sky.airmass,
        albedo=ALBEDO,
        model="perez-driesse",
    )
    return plane


def _low_light(light_wm2: Floats) -> Floats:
    logarithm = np.log(np.maximum(light_wm2, MIN_LIGHT_WM2) / 1000)
    return np.asarray(1 + LOW_LIGHT[0] * logarithm + LOW_LIGHT[1] * logarithm**2)


def _age_factor(array: Array, own: Traits, sky: Sky) -> float:
    if array.commissioned is None:
        return 1.0
    years = (sky.utc[0].date() - array.commissioned).days / 365.25
    return 1 - own.degradation_per_year * max(0.0, years)


def _string_share(array: Array, own: Traits, sky: Sky, losses: Sequence[ArrayFault]) -> Floats:
    """Return the output of the strings that are connected over that of all at nominal."""
    share = np.full(len(sky.utc), own.strings.mean())
    for loss in losses:
        if isinstance(loss, StringLoss) and loss.array == array.id:
            gone = own.strings[: loss.strings].sum() / len(own.strings)
            share -= np.where(sky.utc >= pd.Timestamp(loss.start), gone, 0.0)
    for loss in losses:
        if isinstance(loss, Outage) and loss.array == array.id:
            share = np.where(_during(loss, sky), share * (1 - loss.share), share)
    return share


def _during(loss: Outage | Curtailment, sky: Sky) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray((sky.utc >= pd.Timestamp(loss.start)) & (sky.utc < pd.Timestamp(loss.end)))


def _inverter_kw(dc_kw: Floats, rating_kw: float) -> Floats:
    load = dc_kw / rating_kw
    constant, linear, square = INVERTER_LOSS
    ac = dc_kw - rating_kw * (constant + linear * load + square * load**2)
    return np.where(dc_kw > 0, np.minimum(ac, rating_kw), 0.0).clip(min=-STANDBY_SHARE * rating_kw) - np.where(
        dc_kw > 0, 0.0, STANDBY_SHARE * rating_kw
    )
