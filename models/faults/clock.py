"""A meter whose clock is off: its day is as it should be, but earlier or later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.findings import Fault, Finding
from core.timebase import day_bounds
from models.faults.pictures import slots_around
from models.faults.sight import Sight
from models.faults.spans import joined
from models.series import Bools, Floats, Ints

FARTHEST = 16  # slots either way: four hours
NEAREST = 2  # slots: less than half an hour may be the model's
BETTER = 0.4  # of the misfit that is left after moving it
DAYS = 3
MINUTES = 15
SAME_ENERGY = 0.15  # of the day
BESIDE = 2  # days at either end whose light did not tell the lag for sure
FEWEST = 12  # bright slots of a day


def shifts(sight: Sight) -> Ints:
    """Return for every day by how many slots its generation is late (negative: early) against the expectation; 0 where not clear."""
    misfits = np.array([_misfit(sight, lag) for lag in range(-FARTHEST, FARTHEST + 1)])
    best = np.argmin(misfits, axis=0)
    clear = np.take_along_axis(misfits, best[None], axis=0)[0] < BETTER * misfits[FARTHEST]
    lit = sight.measured
    made, due = sight.sums(np.nan_to_num(sight.generation), lit), sight.sums(np.nan_to_num(sight.expected), lit)
    # A clock takes nothing away: what lacks energy is cut, not late.
    clear &= np.abs(made - due) < SAME_ENERGY * due
    count = sight.sums(np.ones(sight.grid.size), sight.bright & sight.measured)
    shift = best - FARTHEST
    return np.where(clear & (count >= FEWEST) & (np.abs(shift) >= NEAREST), shift, 0)


def _misfit(sight: Sight, lag: int) -> Floats:
    """Return per day the squared differences of expectation and generation moved back by `lag` slots, scaled to it."""
    seen = sight.measured & np.roll(sight.measured, -lag)
    made = np.where(seen, np.roll(np.nan_to_num(sight.generation), -lag), 0.0)
    due = np.where(seen, np.nan_to_num(sight.expected), 0.0)
    every = np.ones(sight.grid.size, dtype=bool)
    both, square = sight.sums(made * due, every), sight.sums(made * made, every)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.where(square > 0, both / square, 0.0)
    # What lies outside the common slots must not make a lag look better.
    lit = sight.sums(due * due, every)
    whole = sight.sums(np.where(sight.measured, np.nan_to_num(sight.expected), 0.0) ** 2, every)
    misfit = lit - scale * both
    return np.where(lit > 0.9 * whole, misfit, np.inf)


def time_shifts(sight: Sight) -> tuple[list[Finding], Sight]:
    """Return the times in which the meter's clock was off, and the sight with them set right."""
    shift = shifts(sight)
    found: list[Finding] = []
    for lag in np.unique(shift[shift != 0]).tolist():
        days = [sight.grid.days[n] for n in np.flatnonzero(shift == lag)]
        for first, last in joined(days, 4):
            begin, end = (sight.grid.days.index(d) for d in (first, last))
            said = [n for n in range(begin, end + 1) if shift[n] == lag]
            if len(said) < DAYS:
                continue
            begin, end = _with_dim_days(sight, lag, begin, end)
            found.append(_finding(sight, lag, begin, end))
            sight = _moved(sight, lag, (sight.days >= begin) & (sight.days <= end))
    return found, sight


def _with_dim_days(sight: Sight, lag: int, begin: int, end: int) -> tuple[int, int]:
    """Return the stretch with the days at its ends that fit better when moved, though not clearly so."""
    better = _misfit(sight, lag) < _misfit(sight, 0)
    for _ in range(BESIDE):
        begin -= bool(begin > 0 and better[begin - 1])
        end += bool(end + 1 < len(better) and better[end + 1])
    return begin, end


def _moved(sight: Sight, lag: int, where: Bools) -> Sight:
    made, seen = np.roll(sight.generation, -lag), np.roll(sight.measured, -lag)
    return replace(
        sight,
        generation=np.where(where, made, sight.generation),
        measured=np.where(where, seen & sight.measured, sight.measured),
    )


def _finding(sight: Sight, lag: int, begin: int, end: int) -> Finding:
    first_slot = int(sight.grid.day_at[begin])
    lit = np.flatnonzero(sight.bright & (sight.days == begin))
    minutes = float(lag * MINUTES)
    return Finding(
        entity=sight.entity,
        code=Fault.TIME_SHIFT,
        start=sight.at(first_slot),
        end=None if end >= len(sight.grid.days) - 3 else day_bounds(sight.grid.days[end], sight.zone)[1],
        days={sight.grid.days[n]: 0.0 for n in range(begin, end + 1)},
        low_kwh=0.0,
        high_kwh=0.0,
        confidence=0.95,
        rung=sight.rung_of(sight.bright & (sight.days == begin)),
        picture=slots_around(
            sight, int(lit[0]), int(lit[-1]) + 1, {"minutes": minutes, "what": f"{minutes:+.0f} min".replace("-", "−")}
        ),
    )
