"""An array that yields less than it should for days: strings lost, or nobody knows why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from statistics import median

import numpy as np

from core.decline import (
    DIM_SHARE,
    Judgement,
    SunDay,
    Thresholds,
    begins,
    bright,
    goes_on,
    recent_of,
    scatter_of,
)
from core.findings import Fault, Finding
from core.timebase import day_bounds
from core.verdict import MIN_COVERAGE
from models.faults.outage import within
from models.faults.pictures import around_start
from models.faults.sight import Z90, Sight

HALF = 0.5  # of a day's expected energy that no more specific cause has explained
STEADY = 0.35  # scatter after the fall over its depth: a lost string takes the same share every day
SURE = 0.95  # that anything was lost at all: the 90 % interval of what is told does not reach zero
MEDIAN_LOSS = 1.2533  # standard error of a median over that of a mean


@dataclass(frozen=True)
class Limits:
    """Defaults of `rules/library/pv_below_expectation.yaml`; FROM_AFAR those of `pv_below_weather_service.yaml`."""

    low: float = 0.90
    clear: float = 0.95
    outage: float = 0.50
    drop: float = 0.06
    scatter: float = 2.0
    recovered: float = 0.96
    days: int = 3
    days_alone: int = 5
    within_days: int = 14
    baseline_days: int = 14
    baseline_min: int = 7
    baseline_within_days: int = 28
    min_irradiation: float = 1.0

    @property
    def lookback_days(self) -> int:
        """How many days before the judged one are looked at."""
        return self.within_days + self.baseline_within_days + 1


ON_SITE = Limits()
FROM_AFAR = Limits(low=0.80, clear=0.85, outage=0.3, drop=0.12, days=7, days_alone=9, within_days=21)


def limits_of(rung: frozenset[str]) -> Limits:
    """Return what is held to be a fault where irradiance comes from this source."""
    return ON_SITE if {"rung_poa", "rung_ghi"} & rung else FROM_AFAR


@dataclass(frozen=True)
class _Fall:
    """A judgement with the days on which it was made and on which it ended."""

    judged: Judgement
    found: date
    over: date | None  # first day on which it was well again


def sun_days(sight: Sight) -> list[SunDay | None]:
    """Return every day's index over what may be compared; None where that is too little of the day's light."""
    lit = sight.bright & (np.arange(sight.grid.size) < sight.grid.closed)
    # Hours are weighed by their light: an evening nobody measured takes little from the day.
    seen, all_lit = sight.sums(sight.expected, lit & sight.measured), sight.sums(sight.expected, lit)
    due, left = sight.sums(sight.expected, sight.measured), sight.sums(sight.expected, sight.usable)
    made, sun = sight.sums(sight.generation, sight.usable), sight.sums(sight.irradiation, sight.usable)
    whole = np.diff(sight.grid.day_at) <= sight.grid.elapsed()
    found: list[SunDay | None] = []
    for n, day in enumerate(sight.grid.days):
        fit = whole[n] and all_lit[n] > 0 and seen[n] >= MIN_COVERAGE * all_lit[n]
        fit = fit and left[n] > HALF * due[n] and sun[n] > DIM_SHARE * ON_SITE.min_irradiation
        if not fit:
            found.append(None)
            continue
        rung = sight.rung_of(sight.usable & (sight.days == n) & lit)
        found.append(SunDay(day, float(made[n] / left[n]), float(sun[n]), frozenset(rung.split())))
    return found


def losses(sight: Sight, beside: Sequence[Sequence[SunDay | None]]) -> list[Finding]:
    """Return the times at which the array yielded less than it should; `beside` are its neighbours' days."""
    days = sun_days(sight)
    return [f for fall in _falls(days, beside, sight.grid.days) if (f := _finding(sight, fall, days)) is not None]


def _falls(
    days: Sequence[SunDay | None], beside: Sequence[Sequence[SunDay | None]], calendar: Sequence[date]
) -> list[_Fall]:
    """Judge every day by what was known on it, as the rule does, from the first to the last."""
    found: list[_Fall] = []
    now: Judgement | None = None
    for n, day in enumerate(calendar):
        newest = next((d for d in reversed(days[: n + 1]) if d is not None), None)
        if newest is None:
            continue
        t = limits_of(newest.rung)
        sunny = bright(t, known := _same(days, n, t))
        recent = recent_of(t, sunny, day)
        if recent is None:
            continue
        if now is None:
            now = begins(t, known, partial(_bright_beside, t, beside, n))
            if now is not None:
                found.append(_Fall(now, day, None))
        elif not goes_on(recent, now.reference, now.level, now.since).active:
            found[-1] = _Fall(now, found[-1].found, recent[0].day)
            now = None
    return found


def _bright_beside(t: Limits, beside: Sequence[Sequence[SunDay | None]], n: int) -> list[list[SunDay]]:
    return [bright(t, _same(peer, n, t)) for peer in beside]


def _same(days: Sequence[SunDay | None], n: int, t: Limits) -> list[SunDay]:
    """Return the days up to the n-th that rest on the newest one's source of irradiance."""
    known = [d for d in days[max(0, n + 1 - t.lookback_days) : n + 1] if d is not None]
    return [d for d in known if d.rung == known[-1].rung]


def _finding(sight: Sight, fall: _Fall, days: Sequence[SunDay | None]) -> Finding | None:
    judged, zone = fall.judged, sight.zone
    last = fall.over - timedelta(days=1) if fall.over else sight.grid.days[-1]
    first_slot = int(sight.grid.day_at[sight.grid.days.index(judged.since)])
    last_slot = int(sight.grid.day_at[sight.grid.days.index(last) + 1])
    where = within(sight, first_slot, last_slot) & sight.usable
    due = judged.reference * sight.expected
    lost_by_day = sight.by_day(due - sight.generation, where)
    lost, should = sum(lost_by_day.values()), float(np.sum(due[where]))
    if lost <= 0 or should <= 0:
        return None
    rung = sight.rung_of(where)
    before, after = _before(days, judged.since), _between(days, judged.since, last)
    relative = _spread(sight, rung, judged, before, after)
    share = lost / should
    confidence = 0.5 * (1 + math.erf(share / relative / math.sqrt(2)))
    if confidence < SURE:
        return None
    spread = Z90 * relative * should
    code = Fault.STRING_LOSS if _is_step(before, after) else Fault.UNDERPERFORMANCE
    facts: dict[str, float | str] = {"share": 1 - share, "reference": judged.reference, "found": fall.found.isoformat()}
    if code is Fault.STRING_LOSS and sight.strings:
        facts["strings"] = float(max(1, round(share * sight.strings)))
    return Finding(
        entity=sight.entity,
        code=code,
        start=day_bounds(judged.since, zone)[0],
        end=day_bounds(fall.over, zone)[0] if fall.over else None,
        days=lost_by_day,
        low_kwh=lost - spread,
        high_kwh=lost + spread,
        confidence=min(0.99, confidence),
        rung=rung,
        picture=around_start(sight, due, judged.since, last, facts),
    )


def _is_step(before: Sequence[float], after: Sequence[float]) -> bool:
    """Say whether the array yields the same share of what it did every day, as after the loss of a part of it."""
    if len(before) < ON_SITE.baseline_min or len(after) < ON_SITE.days:
        return False
    usual, now = median(before), median(after)
    return usual - now > ON_SITE.drop / 2 and scatter_of(after, now) <= STEADY * (usual - now)


def _spread(sight: Sight, rung: str, judged: Judgement, before: Sequence[float], after: Sequence[float]) -> float:
    """Return the relative uncertainty, k=1, of what the array should have yielded.

    What the expectation may drift over weeks, how well its own past is known, and the scatter of the days since.
    """
    usual = judged.reference
    scatter = scatter_of(before, median(before)) / usual if len(before) > 1 else sight.uncertainty(rung)
    of_past = MEDIAN_LOSS * scatter / math.sqrt(max(1, len(before)))
    return math.sqrt(sight.uncertainty(rung) ** 2 + of_past**2 + scatter**2 / max(1, len(after)))


def _before(days: Sequence[SunDay | None], since: date) -> list[float]:
    return [d.index for d in days if d is not None and 0 < (since - d.day).days <= ON_SITE.baseline_within_days]


def _between(days: Sequence[SunDay | None], first: date, last: date) -> list[float]:
    t: Thresholds = ON_SITE
    return [d.index for d in days if d is not None and first <= d.day <= last and d.sun > t.min_irradiation]
