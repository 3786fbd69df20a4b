"""The plan a day is held against: the mean net balance of comparable earlier days, written once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np

from models.series import Grid, SlotSeries

LOOKBACK_DAYS = 28
MIN_DAYS = 3
MIN_COVERAGE = 0.9
_SATURDAY = 5


def comparable(day: date, other: date) -> bool:
    """Say whether two days are of the same class: workday or weekend."""
    return (day.weekday() >= _SATURDAY) == (other.weekday() >= _SATURDAY)


def day_plan(day: date, balances: Mapping[date, tuple[float, float]]) -> float:
    """Return the planned net balance of a day in kWh (generation minus consumption); NaN where it has no basis.

    The mean of (net balance, coverage) over the days of the same class among the 28 days before, of which at least 90 %
    were measured; at least three of them.
    """
    earlier = [day - timedelta(days=n) for n in range(1, LOOKBACK_DAYS + 1)]
    found = [balances[d] for d in earlier if d in balances and comparable(day, d)]
    values = [value for value, coverage in found if coverage >= MIN_COVERAGE and np.isfinite(value)]
    return float(np.mean(values)) if len(values) >= MIN_DAYS else float("nan")


def part(day: date, slots_elapsed: int, earlier: Grid, net_balance: SlotSeries) -> float:
    """Return what `day` should have come to in kWh after its first `slots_elapsed` slots; NaN without a basis.

    The mean over the comparable days of `earlier` whose net balance is measured well enough for a plan.
    """
    sums = []
    for number, other in enumerate(earlier.days):
        slots = slice(int(earlier.day_at[number]), int(earlier.day_at[number + 1]))
        if comparable(day, other) and net_balance.coverage[slots].mean() >= MIN_COVERAGE:
            sums.append(float(np.nansum(net_balance.value[slots][:slots_elapsed])))
    return float(np.mean(sums)) if len(sums) >= MIN_DAYS else float("nan")


def missing_plans(
    days: Sequence[date], planned: Mapping[date, float], balances: Mapping[date, tuple[float, float]]
) -> dict[date, float]:
    """Return plans for those days that have none yet and have a basis for one."""
    plans = {day: day_plan(day, balances) for day in days if day not in planned}
    return {day: plan for day, plan in plans.items() if np.isfinite(plan)}
