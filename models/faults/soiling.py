"""Dirt: the yield falls a little every day until rain or somebody washes it off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.decline import SunDay
from core.findings import Fault, Finding
from core.timebase import day_bounds
from models.faults.losing import MEDIAN_LOSS, ON_SITE, sun_days
from models.faults.outage import within
from models.faults.pictures import trend
from models.faults.sight import Z90, Sight
from models.faults.spans import runs
from models.series import Floats

SHORTEST = 21  # days of enough sun
LONGEST = 120
STEEPEST = 0.012  # of the index per day; what falls faster is no dust
STEEPEST_ALONE = 0.005  # without a wash at its end: dust of most places (Ilse et al. 2019) stays below
DROP = 0.06  # over the whole stretch: what an array must fall to be held faulty at all
ALONE = 0.10  # without a wash at its end: a drift of the season looks alike
SURE = 1e-4  # Kendall's p
STRAIGHT = 0.75  # misfit of the line over that of the best step
ON_BOTH_SIDES = 0.01  # or Kendall's p of the fall within what lies before and after that step, together
ON_EACH_SIDE = 0.15  # and of either: what falls for a while and then stays down is no dust
WASHED = 0.5  # of the drop that comes back within
WASH_DAYS = 3  # days of enough sun
BACK = 0.6
CLEAN_DAYS = 7  # it stays clean longer than a few dim days would make it look so
USUAL_DAYS = 14  # days before and after that say how much the clean array yields


@dataclass(frozen=True)
class _Fall:
    first: int  # among the days of enough sun
    last: int
    slope: float
    level: float  # on the first day
    clean: float  # before it, and after the wash
    washed: bool


def soilings(sight: Sight) -> list[Finding]:
    """Return the stretches in which the index fell steadily, day by day."""
    days = [d for d in sun_days(sight) if d is not None and d.sun > ON_SITE.min_irradiation]
    return [_finding(sight, fall, days) for fall in _falls(days)]


def _falls(days: Sequence[SunDay]) -> list[_Fall]:
    index = np.array([d.index for d in days])
    at = np.array([d.day.toordinal() for d in days], dtype=float)
    found: list[_Fall] = []
    for last in _ends(index):
        lowest = found[-1].last + 1 if found else 0
        while at[last] - at[lowest] > LONGEST:
            lowest += 1
        fall = _hinge(at, index, lowest, last)
        if fall is not None:
            found.append(fall)
    return found


def _ends(index: Floats) -> list[int]:
    """Return the last days before a jump upwards, each jump once, and the last day there is."""
    jump = np.zeros(len(index))
    for n in range(SHORTEST - 1, len(index) - WASH_DAYS):
        jump[n] = np.median(index[n + 1 : n + 1 + WASH_DAYS]) - np.median(index[n + 1 - WASH_DAYS : n + 1])
    tops = [max(range(a, b), key=lambda n: index[n + 1] - index[n]) for a, b in runs(jump > WASHED * DROP)]
    return [*tops, len(index) - 1] if len(index) >= SHORTEST else []


def _hinge(at: Floats, index: Floats, lowest: int, last: int) -> _Fall | None:
    """Return the steady fall that ends on day `last`: level until some day, then a line down to it."""
    x, y = at[lowest : last + 1], index[lowest : last + 1]
    best: tuple[float, int] | None = None
    for k in range(len(x) - SHORTEST + 1):
        z = np.maximum(0.0, x - x[k])
        slope = float(np.sum((z - z.mean()) * (y - y.mean())) / max(1e-9, np.sum((z - z.mean()) ** 2)))
        misfit = float(np.sum((y - y.mean() - slope * (z - z.mean())) ** 2))
        if best is None or misfit < best[0]:
            best = misfit, k
    if best is None:
        return None
    own_x, own_y = x[best[1] :] - x[best[1]], y[best[1] :]
    slope, level = _line(own_x, own_y)
    washed = last + 1 < len(index)
    drop = -slope * own_x[-1] / level
    if not (0 < -slope / level <= (STEEPEST if washed else STEEPEST_ALONE) and drop >= (DROP if washed else ALONE)):
        return None
    if washed and not _came_back(index[last + 1 :], level + slope * own_x[-1] + BACK * drop * level):
        return None
    if not _is_line(own_y, float(np.sum((own_y - level - slope * own_x) ** 2))) or _chance(own_y) > SURE:
        return None
    first = lowest + best[1]
    around = [*index[max(0, first - USUAL_DAYS) : first], *(index[last + 1 : last + 1 + WASH_DAYS] if washed else [])]
    clean = float(np.median(around)) if len(around) >= WASH_DAYS else level
    return _Fall(first, last, slope, level, clean, washed)


def _came_back(after: Floats, to: float) -> bool:
    """Say whether the index rose to a level at once and stayed there."""
    return bool(np.median(after[:WASH_DAYS]) >= to and np.median(after[:CLEAN_DAYS]) >= to)


def _is_line(y: Floats, misfit: float) -> bool:
    """Say whether the index fell day by day and not from one day to the next.

    Where days scatter as much as they fall a step fits about as well; but what fell by a step is level on both sides of it.
    """
    step, at = _step(y)
    sides = y[:at], y[at:]
    falls = _falls_within(*sides) < ON_BOTH_SIDES and all(_falls_within(side) < ON_EACH_SIDE for side in sides)
    return misfit < STRAIGHT * step or falls


def _falls_within(*parts: Floats) -> float:
    """Return how likely falls within all parts together are by chance (Kendall's test in strata, Hirsch 1982; one-sided)."""
    rises = spread = 0.0
    for y in parts:
        n = len(y)
        first, second = np.triu_indices(n, 1)
        rises += float(np.sum(np.sign(y[second] - y[first])))
        spread += n * (n - 1) * (2 * n + 5) / 18
    return 0.5 * math.erfc(-rises / math.sqrt(2 * spread)) if spread else 1.0


def _line(x: Floats, y: Floats) -> tuple[float, float]:
    """Return slope and level at zero of the line through the medians of all pairs (Theil 1950, Sen 1968)."""
    first, second = np.triu_indices(len(x), 1)
    slope = float(np.median((y[second] - y[first]) / (x[second] - x[first])))
    return slope, float(np.median(y) - slope * np.median(x))


def _chance(y: Floats) -> float:
    """Return how likely a trend as clear as this is by chance alone (Mann 1945, Kendall 1975; two-sided)."""
    n = len(y)
    first, second = np.triu_indices(n, 1)
    rises = float(np.sum(np.sign(y[second] - y[first])))
    return math.erfc(abs(rises) / math.sqrt(n * (n - 1) * (2 * n + 5) / 9))


def _step(y: Floats) -> tuple[float, int]:
    """Return the misfit of the best step, and the first day after it."""
    best = float(np.sum((y - np.mean(y)) ** 2)), 0
    for k in range(2, len(y) - 1):
        best = min(best, (float(np.sum((y[:k] - np.mean(y[:k])) ** 2) + np.sum((y[k:] - np.mean(y[k:])) ** 2)), k))
    return best


def _finding(sight: Sight, fall: _Fall, days: Sequence[SunDay]) -> Finding:
    own = days[fall.first : fall.last + 1]
    begin, end = (sight.grid.days.index(d.day) for d in (own[0], own[-1]))
    where = within(sight, int(sight.grid.day_at[begin]), int(sight.grid.day_at[end + 1])) & sight.usable
    gone = np.maximum(0.0, fall.clean - fall.level - fall.slope * (sight.days - begin))
    lost_by_day = sight.by_day(gone * sight.expected, where)
    lost = sum(lost_by_day.values())
    rung = sight.rung_of(where)
    x = np.array([(d.day - own[0].day).days for d in own], dtype=float)
    y = np.array([d.index for d in own])
    line = fall.level + fall.slope * x
    # How well the line is known, by its slope's standard error over the mean distance from its first day; how well the
    # clean array, by a median of so many days; and what the expectation drifts meanwhile, of which a wash shows half.
    scatter = float(np.std(y - line))
    of_line = scatter / max(1e-9, float(np.std(x))) / math.sqrt(len(x)) * float(np.mean(x))
    of_clean = MEDIAN_LOSS * scatter / math.sqrt(USUAL_DAYS)
    error = math.hypot(of_line, of_clean, sight.uncertainty(rung) / (2 if fall.washed else 1))
    spread = Z90 * error * float(np.sum(sight.expected[where]))
    per_day = -fall.slope / fall.level
    return Finding(
        entity=sight.entity,
        code=Fault.SOILING,
        start=day_bounds(own[0].day, sight.zone)[0],
        end=day_bounds(own[-1].day, sight.zone)[1] if fall.washed else None,
        days=lost_by_day,
        low_kwh=lost - spread,
        high_kwh=lost + spread,
        confidence=0.9 if fall.washed else 0.75,
        rung=rung,
        picture=trend(
            [d.day for d in own], y.tolist(), line.tolist(), {"per_day": per_day, "what": f"−{100 * per_day:.2f} %/d"}
        ),
    )
