"""From horizontal irradiance to the planes of arrays: many arrays at once, each a row, each slot a column.

Every transposition model used here is a sum of few sky quantities, the same for all arrays, times few angles. So the
sky's part is computed once, and an array costs a handful of multiplications.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Literal

import numpy as np
from pvlib import atmosphere, iam, irradiance

from core.park_pv import Array
from models.series import Bools, Floats
from models.sky import Sky

Model = Literal["hay-davies", "perez-driesse"]

ALBEDO = 0.25
_COS_85 = float(np.cos(np.radians(85.0)))  # Perez: the sun is not taken lower than that
_COS_89 = 0.01745  # Hay and Davies, the same
_STEPS = 4096  # of the table of reflection; between them it is straight


@dataclass(frozen=True)
class Dome:
    """The sky as planes see it, W/m² per slot: what comes from where, before any angle of a plane."""

    beam: Floats  # normal to the sun
    circumsolar: Floats  # normal to the sun: diffuse light around it
    isotropic: Floats  # on the horizontal
    horizon: Floats  # Perez's brightening (or darkening) near the horizon
    ground: Floats  # reflected, on a plane that sees nothing but ground

    def where(self, here: Bools, other: Dome) -> Dome:
        """Return this where told, the other elsewhere."""
        return Dome(*(np.where(here, getattr(self, f.name), getattr(other, f.name)) for f in fields(self)))


def dome_of(sky: Sky, dni: Floats, ghi: Floats, dhi: Floats, model: Model) -> Dome:
    """Return the sky's part of a transposition model: Hay and Davies 1980, or Perez in Driesse's continuous form 2024.

    Never isotropic: on tilted planes that is 4 to 5 % low.
    """
    cos_zenith = np.cos(np.radians(sky.zenith))
    ground = ghi * ALBEDO
    if model == "hay-davies":
        share = dni / sky.dni_extra
        around = np.maximum(dhi * share, 0.0) / np.maximum(cos_zenith, _COS_89)
        return Dome(dni, around, np.maximum(dhi * (1.0 - share), 0.0), np.zeros_like(dhi), ground)
    airmass = np.asarray(atmosphere.get_relative_airmass(np.minimum(sky.zenith, 90.0)), dtype=float)
    # A vertical plane shows the model's own coefficients apart: half of the isotropic part, all of the horizon's.
    upright = irradiance.perez_driesse(
        90.0, 180.0, dhi, dni, sky.dni_extra, sky.zenith, sky.azimuth, airmass, return_components=True
    )
    isotropic = np.nan_to_num(2.0 * np.asarray(upright["poa_isotropic"], dtype=float))
    horizon = np.nan_to_num(np.asarray(upright["poa_horizon"], dtype=float))
    return Dome(dni, (dhi - isotropic) / np.maximum(cos_zenith, _COS_85), isotropic, horizon, ground)


@dataclass(frozen=True)
class Planes:
    """The angles of several arrays, each a column vector."""

    cos_tilt: Floats
    sin_tilt: Floats
    azimuth: Floats  # radians
    horizons: tuple[tuple[tuple[float, float], ...], ...]

    def rows(self, numbers: Sequence[int]) -> Planes:
        """Return some arrays of them."""
        picked = list(numbers)
        horizons = tuple(self.horizons[n] for n in picked)
        return Planes(self.cos_tilt[picked], self.sin_tilt[picked], self.azimuth[picked], horizons)

    def cos_incidence(self, sky: Sky) -> Floats:
        """Return the cosine of the sun's angle to every plane's normal, zero where it stands behind; arrays by slots."""
        zenith, azimuth = np.radians(sky.zenith), np.radians(sky.azimuth)
        sun = np.stack([np.cos(zenith), np.sin(zenith) * np.cos(azimuth), np.sin(zenith) * np.sin(azimuth)])
        east, north = np.sin(self.azimuth), np.cos(self.azimuth)
        normals = np.hstack([self.cos_tilt, self.sin_tilt * north, self.sin_tilt * east])
        cosine: Floats = np.maximum(normals @ sun, 0.0)
        return cosine

    def blocked(self, sky: Sky) -> Bools | None:
        """Return where hills or buildings hide the sun; None where no array has a horizon."""
        if not any(self.horizons):
            return None
        hidden = np.zeros((len(self.horizons), len(sky.zenith)), dtype=bool)
        for row, horizon in enumerate(self.horizons):
            if horizon:
                at, up = zip(*sorted(horizon), strict=True)
                hidden[row] = 90.0 - sky.zenith < np.interp(sky.azimuth, at, up, period=360.0)
        return hidden


def planes_of(arrays: Sequence[Array]) -> Planes:
    """Return the planes of some arrays."""
    tilt = np.radians([[a.tilt] for a in arrays])
    azimuth = np.radians([[a.azimuth] for a in arrays])
    return Planes(np.cos(tilt), np.sin(tilt), azimuth, tuple(a.horizon for a in arrays))


def on_planes(planes: Planes, cosine: Floats, blocked: Bools | None, dome: Dome) -> tuple[Floats, Floats]:
    """Return irradiance on the planes and what of it enters the modules, W/m², arrays by slots.

    Reflection is taken off the beam (De Soto 2006: glass of refractive index 1.526, 2 mm thick), as PVWatts and
    ModelChain do. A blocked sun takes the beam and the light around it; the rest of the sky is left whole.
    """
    beam, around = cosine * dome.beam, cosine * dome.circumsolar
    if blocked is not None:
        beam[blocked] = 0.0
        around[blocked] = 0.0
    sky_seen, ground_seen = 0.5 * (1.0 + planes.cos_tilt), 0.5 * (1.0 - planes.cos_tilt)
    around += sky_seen * dome.isotropic
    if dome.horizon.any():
        around += planes.sin_tilt * dome.horizon
        np.maximum(around, 0.0, out=around)
    around += ground_seen * dome.ground
    total = beam + around
    beam *= transmitted(cosine)
    around += beam
    return total, around


def transmitted(cosine: Floats) -> Floats:
    """Return the share of the beam that passes the glass, by the cosine of its angle of incidence."""
    table = _glass()
    at = cosine * _STEPS
    below = at.astype(np.int64)
    share: Floats = table[below]
    share += (at - below) * (table[below + 1] - share)
    return share


@cache
def _glass() -> Floats:
    cosine = np.linspace(0.0, 1.0, _STEPS + 1)
    share = np.asarray(iam.physical(np.degrees(np.arccos(cosine))), dtype=float)
    return np.append(np.nan_to_num(share), 1.0)  # one more for the step that begins at a cosine of exactly 1
