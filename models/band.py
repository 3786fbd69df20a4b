"""How sure the expectation is: P10 and P90 around it, first from a budget, then from the array's own past; pure.

Both bounds are correlated through and through: an expectation that is 3 % high is so in every slot. Hence they add up
over slots, days, months and arrays, which is on the careful side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from core.frames import instant
from core.quality import Reason
from core.rungs import IRRADIANCE_UNCERTAINTY, ON_SITE
from core.timebase import day_of
from models.calibration import Calibration
from models.series import Floats, SlotSeries, bit

Z10 = 1.2816  # standard deviations from the median to the tenth percentile of a normal distribution
U_MODEL, U_TEMPERATURE, U_METER = 0.025, 0.01, 0.005
U_NAMEPLATE, U_CALIBRATED = 0.02, 0.01
U_DEFAULT_TEMPERATURE = 0.03  # 8 K off at 0.35 %/K
U_SERVICE_TEMPERATURE = 0.02
OVERCAST = 0.1  # of the cloudless envelope: what nine days in ten exceed

OWN_DAYS = 30  # clean days of its own replace the budget
NEWEST_DAYS = 60  # of them the newest
LOOK_BACK_DAYS = 180
LEAST_SUN = 1.0  # kWh/m²
LEAST_COVERAGE = 0.75  # of the slots with sun; dawn, which weighs little, may be missing
BEYOND_SCATTERS = 5.0
LEAST_BEYOND = 0.12  # farther from 1 a day shows a fault, and no fault widens the band

COARSE = frozenset(IRRADIANCE_UNCERTAINTY) - ON_SITE
_ELSEWHERE = sum(bit(rung) for rung in COARSE)


@dataclass(frozen=True)
class DayIndex:
    """The energy index of a day of enough sun, as it is stored."""

    day: date
    index: float


def history(stored: pd.DataFrame, zone: ZoneInfo) -> dict[str, list[DayIndex]]:
    """Return the days of every array that can be counted, oldest first, from rows of days."""
    suns = stored[stored["quantity"] == "irradiation_kwh_m2"].set_index(["entity", "start"])["value"].to_dict()
    found: dict[str, list[DayIndex]] = {}
    rows = stored[stored["quantity"] == "energy_performance_index"]
    columns = (rows[c] for c in ("start", "entity", "value", "coverage", "reasons"))
    for start, entity, value, coverage, reasons in zip(*columns, strict=True):
        codes = str(reasons).split()
        counts = Reason.PARTIAL not in codes and COARSE.isdisjoint(codes) and coverage >= LEAST_COVERAGE
        if counts and np.isfinite(value) and suns.get((entity, start), 0.0) > LEAST_SUN:
            found.setdefault(str(entity), []).append(DayIndex(day_of(instant(start), zone), float(value)))
    return found


def of_grid(index: SlotSeries, sun: SlotSeries, days: Sequence[date]) -> list[DayIndex]:
    """Return the days of a grid that can be counted."""
    left_out = bit(Reason.PARTIAL) | _ELSEWHERE
    fit = index.known & (index.coverage >= LEAST_COVERAGE) & ((index.reasons & left_out) == 0)
    fit &= np.nan_to_num(sun.value) > LEAST_SUN
    return [DayIndex(days[int(n)], float(index.value[n])) for n in np.flatnonzero(fit)]


def own_quantiles(
    days: Sequence[DayIndex], calibration: Calibration, started: date, built: date | None, day: date
) -> tuple[float, float] | None:
    """Return (P10, P90) of an array's index as known at the beginning of `day`; None with fewer than 30 clean days.

    Only days before `day` count, those before the factor counted (`started`) divided by it; none before `built`.
    Quantiles of (n + 1) p (Weibull): of n + 1 days as good as each other the newest is above the P10 in nine of ten.
    The expectation itself always lies within, also where the array has drifted from it.
    """
    scaled = [
        d.index / (calibration.factor if d.day < started else 1.0)
        for d in days
        if d.day < day and (built is None or d.day >= built) and (day - d.day).days <= LOOK_BACK_DAYS
    ]
    beyond = max(BEYOND_SCATTERS * calibration.scatter, LEAST_BEYOND)
    clean = [value for value in scaled if abs(value - 1.0) <= beyond][-NEWEST_DAYS:]
    if len(clean) < OWN_DAYS:
        return None
    low, high = np.quantile(clean, (0.1, 0.9), method="weibull")
    return min(round(float(low), 5), 1.0), max(round(float(high), 5), 1.0)


def budget(expected: SlotSeries, calibrated: bool) -> tuple[Floats, Floats]:
    r"""Return P10 and P90 as shares of the expectation, per slot.

    .. math:: u = \sqrt{u_{irr}^2 + u_{model}^2 + u_{temp}^2 + u_{cap}^2 + u_{meter}^2}, \quad P_{10, 90} = 1 \mp 1.2816 u

    Irradiance by rung (core.rungs): 2 % in the plane, 4 % from the horizontal and so on; model 2.5 %; temperature 1 %, or 3 % where
    none is measured; capacity 2 %, calibrated 1 %; meter 0.5 %. A cloudless sky is an envelope: the P90 is not above
    it by more than its own uncertainty, the P10 is an overcast day.
    """
    reasons = expected.reasons
    u_irradiance = np.zeros(len(reasons))
    for rung, u in IRRADIANCE_UNCERTAINTY.items():
        u_irradiance = np.where((reasons & bit(rung)) != 0, u, u_irradiance)
    cloudless = (reasons & bit(Reason.RUNG_CLEAR_SKY)) != 0
    u_temperature = np.where((reasons & bit(Reason.SERVICE_TEMPERATURE)) != 0, U_SERVICE_TEMPERATURE, U_TEMPERATURE)
    u_temperature = np.where((reasons & bit(Reason.DEFAULT_TEMPERATURE)) != 0, U_DEFAULT_TEMPERATURE, u_temperature)
    fixed = U_MODEL**2 + (U_CALIBRATED if calibrated else U_NAMEPLATE) ** 2 + U_METER**2
    u = np.sqrt(np.where(cloudless, 0.0, u_irradiance) ** 2 + u_temperature**2 + fixed)
    return np.where(cloudless, OVERCAST, 1.0 - Z10 * u), 1.0 + Z10 * u


def shares(
    expected: SlotSeries, own: Mapping[int, tuple[float, float]], day_numbers: np.ndarray, calibrated: bool
) -> tuple[Floats, Floats]:
    """Return P10 and P90 as shares per slot; `own` holds an array's quantiles by the number of the day."""
    low, high = budget(expected, calibrated)
    measured = (expected.reasons & _ELSEWHERE) == 0
    for number, (p10, p90) in own.items():
        where = measured & (day_numbers == number)
        low, high = np.where(where, p10, low), np.where(where, p90, high)
    return low, high
