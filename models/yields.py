"""Yields and ratios of IEC 61724-1, per array: always sums over the same valid slots, never means of ratios; pure.

Sources: IEC 61724-1:2021 as quoted by PVsyst's author (Yr, Ya, Yf, PR) and by Solargis (25 °C-corrected PR, EPI).
P0 is the DC peak power of PARK.yaml, never the calibrated one. A yield in kWh/kWp is no performance ratio.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.timebase import SLOT_HOURS
from models.rollup import Periods, amount, ratio
from models.series import Bools, Floats, SlotSeries, combined
from models.sky import Sky

STC_C = 25.0
DEAD_BELOW = 0.01  # of the AC rating, made ...
DEAD_EXPECTED = 0.05  # ... while more than this is expected
DEAD_SLOTS = 2  # in a row
WHOLE = 0.99


@dataclass(frozen=True)
class Measured:
    """One array's slots: energies in kWh, irradiation in kWh/m², peak power in kWp, `correction` is 1 + γ (T - 25)."""

    peak_kwp: Floats
    made: SlotSeries
    irradiation: SlotSeries
    correction: Floats
    dc: SlotSeries | None
    valid: Bools  # energy and irradiance measured as good as whole, and not estimated


def yields(array: Measured, days: Periods) -> Mapping[str, SlotSeries]:
    r"""Return the yields of every day in kWh/kWp; they add up over days, their quotients are the ratios of a month.

    .. math::
        Y_r = \sum G_k \tau / G_{STC}, \quad Y_f = \sum E_k / P_0, \quad Y_a = \sum E_{dc,k} / P_0

    .. math:: Y_{r,25} = \sum C_k G_k \tau / G_{STC}, \quad C_k = 1 + \gamma (T_k - 25 °C)

    All over the same slots. Y_a is given only where DC power is measured in all of them; capture loss is Y_r - Y_a,
    system loss Y_a - Y_f. The specific yield is all energy over P0, whether its irradiance is known or not.
    """
    per_kwp = np.where(array.peak_kwp > 0, 1.0 / np.where(array.peak_kwp > 0, array.peak_kwp, 1.0), np.nan)
    parts = [array.made, array.irradiation]
    final = combined(np.where(array.valid, array.made.value * per_kwp, np.nan), parts)
    reference = combined(np.where(array.valid & (array.peak_kwp > 0), array.irradiation.value, np.nan), parts)
    found = {
        "final_yield": amount(final, days),
        "reference_yield": amount(reference, days),
        "reference_yield_25c": amount(reference.times(array.correction), days),
        "specific_yield": amount(array.made.times(per_kwp), days),
    }
    if array.dc is not None:
        found["array_yield"] = _array_yield(array, array.dc, per_kwp, days)
    return found


def _array_yield(array: Measured, dc: SlotSeries, per_kwp: Floats, days: Periods) -> SlotSeries:
    known = array.valid & dc.known & (dc.coverage >= WHOLE)
    found = amount(combined(np.where(known, dc.value * per_kwp, np.nan), [array.made, array.irradiation, dc]), days)
    sun = np.nan_to_num(array.irradiation.value)
    whole = days.sums(np.where(known, sun, 0.0)) >= WHOLE * days.sums(np.where(array.valid, sun, 0.0))
    return SlotSeries(np.where(whole, found.value, np.nan), found.coverage, found.estimated, found.reasons)


def ratio_25c(array: Measured, sky: Sky, periods: Periods) -> SlotSeries:
    r"""Return the performance ratio corrected to 25 °C.

    .. math:: PR'_{25} = \sum E_k / \sum C_k P_0 G_k \tau / G_{STC}

    T is the module temperature where it is measured, else that of the cells as the model has it.
    """
    bottom = array.peak_kwp * array.irradiation.value * array.correction
    valid = array.valid & np.isfinite(bottom)
    return ratio(array.made.value, bottom, valid, [array.made, array.irradiation], periods, sky.up)


def dead(made: SlotSeries, expected: SlotSeries, rating_kw: Floats) -> Bools:
    """Return where an array stood still: below 1 % of its rating while over 5 % were expected, half an hour or more."""
    rated_kwh = rating_kw * SLOT_HOURS
    with np.errstate(invalid="ignore"):
        still = made.known & (made.value < DEAD_BELOW * rated_kwh) & (expected.value > DEAD_EXPECTED * rated_kwh)
    still &= expected.estimated <= 0
    edges = np.flatnonzero(np.diff(np.concatenate(([False], still, [False])).astype(np.int8)))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start < DEAD_SLOTS:
            still[start:end] = False
    return still


def availability(
    made: SlotSeries, expected: SlotSeries, rating_kw: Floats, comparable: Bools, sky: Sky, periods: Periods
) -> SlotSeries:
    r"""Return the energy availability of every period.

    .. math:: A = E / (E + E_{lost}), \quad E_{lost} = \sum_{dead} E_{expected}

    Over slots in which energy and irradiance are measured: where a meter is silent nobody knows whether the array ran.
    """
    valid = comparable & expected.known & (expected.estimated <= 0)
    lost = np.where(dead(made, expected, rating_kw), expected.value, 0.0)
    return ratio(made.value, made.value + lost, valid, [made, expected], periods, sky.up)
