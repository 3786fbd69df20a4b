"""What an array should have produced by the arrays beside it, where nobody measured the light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.park import Array
from core.quality import Reason
from core.timebase import SLOT_HOURS
from models import pv
from models.series import Bools, Floats, Grid, SlotSeries, bit
from models.sky import Sky

FEWEST = 2  # with one alone, its fault would be the other's expectation
DIM_KWH_M2 = 0.02 * SLOT_HOURS  # of a cloudless sky in a slot: with less light the ratio of two planes says nothing
_UNMEASURED = bit(Reason.RUNG_TEMPERATURE) | bit(Reason.RUNG_CLEAR_SKY)


@dataclass(frozen=True)
class Unit:
    """One array: its successive descriptions, peak power per slot in kWp, expectation, and what its own meter counted."""

    id: str
    versions: Sequence[Array]
    peak_kwp: Floats
    expected: SlotSeries
    generation: SlotSeries | None


def filled(units: Sequence[Unit], sky: Sky, grid: Grid) -> dict[str, SlotSeries]:
    r"""Return every array's expectation, by its peers (`rung_peers`) where no irradiance is known.

    .. math:: E_i = P_i H_i \operatorname{median}_{j \ne i} \frac{E_j}{P_j H_j}

    E energy, P peak power, H plane-of-array irradiation of a cloudless sky, which corrects for orientation. At least two
    others must have been measured as good as whole. Blind to what befalls the whole site, such as clouds: that is meant.
    """
    expected = {unit.id: unit.expected for unit in units}
    wanted = [_lacking(unit, sky) for unit in units]
    metered = [unit.generation is not None for unit in units]
    if sum(metered) < FEWEST or not any(lacking.any() for lacking in wanted):
        return expected
    versions = [array for unit in units for array in unit.versions]
    cloudless = dict(zip(map(id, versions), pv.portfolio(versions, {}, sky, grid), strict=True))
    light = np.array([_light(unit, cloudless, grid) for unit in units])
    yields = np.array([_yield(unit, row) for unit, row in zip(units, light, strict=True)])
    for n, unit in enumerate(units):
        others = np.delete(yields, n, axis=0)
        enough = wanted[n] & (np.isfinite(others).sum(axis=0) >= FEWEST) & (light[n] >= DIM_KWH_M2)
        if enough.any():
            expected[unit.id] = _by_others(unit, enough, np.nanmedian(others[:, enough], axis=0), light[n][enough])
    return expected


def _by_others(unit: Unit, where: Bools, ratio: Floats, light: Floats) -> SlotSeries:
    most_kwh = SLOT_HOURS * max(array.ac_kw for array in unit.versions)
    value, coverage, estimated = (
        c.copy() for c in (unit.expected.value, unit.expected.coverage, unit.expected.estimated)
    )
    reasons = unit.expected.reasons.copy()
    value[where] = np.minimum(unit.peak_kwp[where] * light * ratio, most_kwh)
    coverage[where], estimated[where], reasons[where] = 1.0, 0.0, bit(Reason.RUNG_PEERS)
    return replace(unit.expected, value=value, coverage=coverage, estimated=estimated, reasons=reasons)


def _lacking(unit: Unit, sky: Sky) -> Bools:
    return sky.up & ((unit.expected.reasons & _UNMEASURED) > 0)


def _light(unit: Unit, cloudless: dict[int, pv.ArraySeries], grid: Grid) -> Floats:
    return pv.versions_joined([(a, cloudless[id(a)]) for a in unit.versions], grid).irradiation.value


def _yield(unit: Unit, light: Floats) -> Floats:
    """Return energy per kWp and light; NaN where it is not measured or there is too little of it."""
    if unit.generation is None:
        return np.full(len(light), np.nan)
    whole = (unit.generation.coverage >= pv.WHOLE) & (unit.generation.estimated <= 1.0 - pv.WHOLE)
    usable = unit.generation.known & whole & (unit.peak_kwp > 0) & (light >= DIM_KWH_M2)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(usable, unit.generation.value / (unit.peak_kwp * light), np.nan)
    return found
