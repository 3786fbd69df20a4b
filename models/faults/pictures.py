"""The evidence of a finding as a few numbers: measured against expected around its start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from core.findings import Picture
from core.timebase import SLOT_HOURS
from models.faults.sight import Sight
from models.series import Bools, Floats

BEFORE, AFTER = 14, 21  # days
SLOTS_AROUND = 16
MOST_SLOTS = 192
MINUTES = 15

Facts = Mapping[str, float | str]


def around_start(sight: Sight, expected: Floats, first: date, last: date, facts: Facts) -> Picture:
    """Show the daily energy that was compared and what it should have been, from two weeks before to three after."""
    made, due = sight.sums(sight.generation, sight.usable), sight.sums(expected, sight.usable)
    some = sight.sums(np.ones(sight.grid.size), sight.usable) > 0
    at = sight.grid.days.index(first)
    begin, end = max(0, at - BEFORE), min(len(sight.grid.days), at + AFTER)
    shown = range(begin, end)
    return Picture(
        "days",
        "kWh",
        tuple(sight.grid.days[n].isoformat() for n in shown),
        tuple(float(made[n]) if some[n] else None for n in shown),
        tuple(float(due[n]) if some[n] else None for n in shown),
        at - begin,
        min(sight.grid.days.index(last) + 1, end) - begin,
        facts,
    )


def slots_around(sight: Sight, first: int, last: int, facts: Facts) -> Picture:
    """Show mean power per quarter-hour from four hours before slot `first` to four after `last`, two days at most."""
    begin = max(0, first - SLOTS_AROUND)
    end = min(sight.grid.closed, last + SLOTS_AROUND, begin + MOST_SLOTS)
    shown = range(begin, end)
    kw = 1.0 / SLOT_HOURS
    return Picture(
        "slots",
        "kW",
        tuple(sight.at(n).astimezone(sight.zone).isoformat(timespec="minutes") for n in shown),
        tuple(float(sight.generation[n] * kw) if sight.measured[n] else None for n in shown),
        tuple(float(sight.expected[n] * kw) if sight.measured[n] else None for n in shown),
        first - begin,
        min(last, end) - begin,
        facts,
    )


def by_hour(sight: Sight, where: Bools, expected: Floats, marked: Sequence[int], facts: Facts) -> Picture:
    """Show mean power by quarter-hour of the local day over the chosen slots; `marked` are quarter-hours of the day."""
    of_day = quarter_of_day(sight)
    count = np.bincount(of_day[where], minlength=96).astype(float)
    lit = np.flatnonzero(count)
    begin, end = (int(lit[0]), int(lit[-1]) + 1) if len(lit) else (0, 0)

    def means(values: Floats) -> tuple[float | None, ...]:
        sums = np.bincount(of_day[where], weights=values[where], minlength=96)
        return tuple(float(sums[q] / count[q] / SLOT_HOURS) if count[q] else None for q in range(begin, end))

    first, last = (min(marked), max(marked) + 1) if marked else (begin, begin)
    names = tuple(f"{q // 4:02d}:{q % 4 * MINUTES:02d}" for q in range(begin, end))
    return Picture("hours", "kW", names, means(sight.generation), means(expected), first - begin, last - begin, facts)


def trend(days: Sequence[date], index: Sequence[float], line: Sequence[float], facts: Facts) -> Picture:
    """Show the daily index and the line through it."""
    return Picture(
        "trend", "1", tuple(d.isoformat() for d in days), tuple(map(float, index)), tuple(map(float, line)), 0,
        len(days), facts,
    )  # fmt: skip


def quarter_of_day(sight: Sight) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return for every slot the quarter-hour of the local clock it begins with, 0 to 95."""
    local = pd.to_datetime(sight.grid.edges_us[:-1], unit="us", utc=True).tz_convert(sight.zone)
    return np.asarray(local.hour * 4 + local.minute // MINUTES, dtype=np.int64)
