"""When an array yields less than it should: below expectation, or below what it used to yield. Pure.

The index is energy over expected energy of a day. Against expectation alone a lost string of ten (-10 %) drowns in
the model's own bias of a few percent per array; against the array's own preceding days that bias cancels. The rule
that alarms and the finding that tells size and evidence judge by these same lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from statistics import median
from typing import Protocol

SD_OF_MAD = 1.4826  # standard deviation of a normal distribution over its median absolute deviation
DIM_SHARE = 0.3  # of min_irradiation: such days cannot be judged by, but help to date a change
_MIN_BEFORE = 5  # days, to know their scatter
_BEYOND_SCATTER = 2.5  # robust standard deviations
_MIN_STEP = 0.02  # of the index; less is no sign of anything
_MIN_AFTER = 2  # days; a change is not placed on the very last day, one day is noise


@dataclass(frozen=True)
class SunDay:
    """One day of enough sun: its index (1) and its in-plane irradiation (kWh/m2), which is its weight.

    `factor` is by what the expectation was multiplied: the index times it is the index against the nameplate.
    """

    day: date
    index: float
    sun: float
    rung: frozenset[str]
    factor: float = 1.0
    peak_kwp: float = 0.0

    def at(self, factor: float) -> SunDay:
        """Return the day as it would show against an expectation multiplied by `factor`."""
        return replace(self, index=self.index * self.factor / factor, factor=factor)


@dataclass(frozen=True)
class Judgement:
    """What the newest days say. `reference` is the index the array should have, `level` what ends the fault."""

    active: bool
    index: float
    reference: float
    level: float
    since: date
    fell: bool = False  # against its own past, not only below expectation


@dataclass(frozen=True)
class Baseline:
    """What the array used to show: its median index, and how far below it a fall is beyond its own scatter."""

    index: float
    drop: float


class Thresholds(Protocol):
    """What is held to be a fault; `rules/performance.py` says what each means."""

    @property
    def low(self) -> float: ...
    @property
    def clear(self) -> float: ...
    @property
    def outage(self) -> float: ...
    @property
    def drop(self) -> float: ...
    @property
    def scatter(self) -> float: ...
    @property
    def recovered(self) -> float: ...
    @property
    def days(self) -> int: ...
    @property
    def days_alone(self) -> int: ...
    @property
    def within_days(self) -> int: ...
    @property
    def baseline_days(self) -> int: ...
    @property
    def baseline_min(self) -> int: ...
    @property
    def baseline_within_days(self) -> int: ...
    @property
    def min_irradiation(self) -> float: ...


Beside = Callable[[], Iterable[Sequence[SunDay]]]  # the bright days of the arrays under the same sky


def recent_of(t: Thresholds, sunny: Sequence[SunDay], day: date) -> Sequence[SunDay] | None:
    """Return the days that are judged together on `day`; None where there are too few of them."""
    recent = sunny[-t.days :]
    if len(recent) < t.days or (day - recent[0].day).days >= t.within_days:
        return None
    return recent


def begins(t: Thresholds, days: Sequence[SunDay], beside: Beside) -> Judgement | None:
    """Return the fault that the newest days show, None where they show none.

    `days` are those of enough sun to date a change, oldest first, all on the newest one's source of irradiance.
    """
    sunny = bright(t, days)
    recent = sunny[-t.days :]
    index = median(d.index for d in recent)
    baseline = _baseline(t, sunny, recent[0].day)
    fell = baseline is not None and _depth(recent, baseline) > baseline.drop
    out = recent[-1].index < t.outage
    if not (index < t.low or out or (fell and _clearly_fell(t, sunny, beside))):
        return None
    if baseline is not None and (fell or out):
        # Its own past tells best what it should yield; never so low that `low` would fire again at once.
        level = max(t.recovered * baseline.index, t.low + 0.02)
        since = change_day(days) if fell else recent[-1].day
        return Judgement(True, index, baseline.index, level, since, fell)
    since = recent[-1].day if out and index >= t.low else _first_low_day(t, sunny)
    return Judgement(True, index, 1.0, t.clear, since)


def goes_on(recent: Sequence[SunDay], reference: float, level: float, since: date) -> Judgement:
    """Say whether a fault known since `since` is still there: it is over when all the days lie above `level`."""
    well = all(d.index > level for d in recent) and recent[0].day >= since
    return Judgement(not well, median(d.index for d in recent), reference, level, since)


def bright(t: Thresholds, days: Sequence[SunDay]) -> list[SunDay]:
    """Return the days that may be judged by."""
    return [d for d in days if d.sun > t.min_irradiation]


def scatter_of(values: Sequence[float], usual: float) -> float:
    """Return the robust standard deviation of values around `usual`."""
    return SD_OF_MAD * median(abs(v - usual) for v in values)


def change_day(days: Sequence[SunDay]) -> date:
    """Return the day on which the level fell: the split into two levels that fits best (least squares, weighted by sun).

    A fault in the middle of a day leaves that day between the levels; it counts as the first one where it is lower
    than the days before it scatter.
    """
    splits = [k for k in range(1, len(days) - _MIN_AFTER + 1) if mean_index(days[:k]) > mean_index(days[k:])]
    best = min(splits, key=lambda k: _misfit(days[:k]) + _misfit(days[k:]), default=len(days) - _MIN_AFTER)
    if best > _MIN_BEFORE:
        before = [d.index for d in days[: best - 1]]
        usual = median(before)
        if days[best - 1].index < usual - max(_BEYOND_SCATTER * scatter_of(before, usual), _MIN_STEP):
            return days[best - 1].day
    return days[best].day


def mean_index(days: Sequence[SunDay]) -> float:
    """Return the mean index, weighted by sun."""
    return sum(d.index * d.sun for d in days) / sum(d.sun for d in days)


def _baseline(t: Thresholds, sunny: Sequence[SunDay], until: date) -> Baseline | None:
    """Return what the days before `until` show."""
    before = [d for d in sunny if 0 < (until - d.day).days <= t.baseline_within_days]
    chosen = [d.index for d in before[-t.baseline_days :]]
    usual = median(chosen) if len(chosen) >= t.baseline_min else 0.0
    if usual <= 0.0:
        return None
    return Baseline(usual, max(t.drop, t.scatter * scatter_of(chosen, usual) / usual))


def _clearly_fell(t: Thresholds, sunny: Sequence[SunDay], beside: Beside) -> bool:
    """Say whether every day is low, and clearly lower than on the arrays beside it.

    A fall of all arrays on one weather station is the sensor's or the sky's. Where none can be held against it,
    more days must say the same.
    """
    falls = _falls_beside(t, sunny[-t.days :], beside)
    count = t.days if falls else t.days_alone
    recent = sunny[-count:]
    baseline = _baseline(t, sunny, recent[0].day)
    if baseline is None or (recent[-1].day - recent[0].day).days >= t.within_days:
        return False
    low = all(d.index < (1 - baseline.drop / 2) * baseline.index for d in recent)
    depth = _depth(recent, baseline)
    return low and depth > baseline.drop and (not falls or depth - median(falls) > t.drop / 2)


def _falls_beside(t: Thresholds, recent: Sequence[SunDay], beside: Beside) -> list[float]:
    days = {d.day for d in recent}
    falls = []
    for sunny in beside():
        same, usual = [d for d in sunny if d.day in days], _baseline(t, sunny, recent[0].day)
        if usual is not None and len(same) == len(days):
            falls.append(_depth(same, usual))
    return falls


def _first_low_day(t: Thresholds, sunny: Sequence[SunDay]) -> date:
    """Return the first low day of the unbroken run of low medians that ends now."""
    end = len(sunny)
    while end > t.days and median(d.index for d in sunny[end - 1 - t.days : end - 1]) < t.low:
        end -= 1
    return next(d.day for d in sunny[end - t.days :] if d.index < t.low)


def _depth(recent: Sequence[SunDay], baseline: Baseline) -> float:
    """Return how far the days lie below the baseline (1), by their median or their weighted mean, whichever is less.

    The median withstands one odd day; the mean, weighted by sun, withstands two dim ones.
    """
    return 1.0 - max(median(d.index for d in recent), mean_index(recent)) / baseline.index


def _misfit(days: Sequence[SunDay]) -> float:
    mean = mean_index(days)
    return sum(d.sun * (d.index - mean) ** 2 for d in days)
