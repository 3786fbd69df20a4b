"""Snow on the modules: after frost a bright day yields next to nothing, and it comes back by itself."""

from __future__ import annotations

import numpy as np

from core.findings import Fault, Finding
from core.timebase import day_bounds
from models.faults.losing import ON_SITE, sun_days
from models.faults.outage import within
from models.faults.pictures import around_start
from models.faults.sight import Z90, Sight
from models.series import Bools

COVERED = 0.5  # of what the array used to show
CLEAR = 0.85
FROST_C = 0.5
FROST_DAYS = 2  # before the first covered day
LONGEST = 21  # days; what stays longer without thaw is no snow of most places where PV stands
BEFORE = 14
TYPICAL_INDEX = 1.0


def snows(sight: Sight) -> list[Finding]:
    """Return the times in which snow held the array down; without a thermometer nobody can say so."""
    frosty = _frost(sight)
    if not frosty.any():
        return []
    days = sun_days(sight)
    sunny = [(n, d) for n, d in enumerate(days) if d is not None and d.sun > ON_SITE.min_irradiation]
    found, k = [], 0
    while k < len(sunny):
        n, day = sunny[k]
        usual = _usual([d.index for _, d in sunny[:k]])
        if day.index >= COVERED * usual or not frosty[max(0, n - FROST_DAYS) : n + 1].any():
            k += 1
            continue
        last = k
        while last + 1 < len(sunny) and sunny[last + 1][1].index < CLEAR * usual:
            last += 1
        over = last + 1 < len(sunny)
        if sunny[last][0] - n < LONGEST:
            found.append(_finding(sight, n, sunny[last][0], usual, over=over))
        k = last + 1
    return found


def _frost(sight: Sight) -> Bools:
    """Say for every day whether the air was seen at or below freezing."""
    air = sight.weather.get("temp_air_c")
    cold = np.zeros(len(sight.grid.days), dtype=bool)
    if air is None:
        return cold
    believed = air.known & ~sight.doubted("temp_air_c") & (air.value <= FROST_C)
    cold[np.unique(sight.days[believed])] = True
    return cold


def _usual(before: list[float]) -> float:
    known = before[-BEFORE:]
    return float(np.median(known)) if len(known) >= ON_SITE.baseline_min else TYPICAL_INDEX


def _finding(sight: Sight, begin: int, end: int, usual: float, *, over: bool) -> Finding:
    where = within(sight, int(sight.grid.day_at[begin]), int(sight.grid.day_at[end + 1])) & sight.usable
    due = usual * sight.expected
    lost_by_day = sight.by_day(due - sight.generation, where)
    lost, should = sum(lost_by_day.values()), float(np.sum(due[where]))
    rung = sight.rung_of(where)
    spread = Z90 * sight.uncertainty(rung) * should
    first, last = sight.grid.days[begin], sight.grid.days[end]
    return Finding(
        entity=sight.entity,
        code=Fault.SNOW,
        start=day_bounds(first, sight.zone)[0],
        end=day_bounds(last, sight.zone)[1] if over else None,
        days=lost_by_day,
        low_kwh=lost - spread,
        high_kwh=lost + spread,
        confidence=0.8,
        rung=rung,
        picture=around_start(sight, due, first, last, {"share": 1 - lost / should if should else 0.0}),
    )
