"""Numbers that are right in another unit: power a thousand times off, degrees converted twice or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from core.findings import Fault, Finding, Picture
from core.timebase import day_bounds
from models.faults.sight import Sight
from models.faults.spans import joined
from models.series import Floats

THOUSAND = 1000.0
WITHIN = 1.6  # either way
DAYS = 2
FAR_K = 15.0  # from what is typical for the place and season
NEAR_K = 12.0
FEWEST = 8  # slots of a day
FITTING = 0.8  # of the days
APART_DAYS = 21  # on mild days a wrong unit may look right
RISE_K = (-2.0, 40.0)  # of modules over air by day
MOST_SHOWN = 40

# What was done to a true value in degrees C, told by what undoes it.
UNDO: Mapping[str, Callable[[Floats], Floats]] = {
    "°F→°C ×2": lambda x: x * 9.0 / 5.0 + 32.0,
    "°F": lambda x: (x - 32.0) * 5.0 / 9.0,
    "K": lambda x: x - 273.15,
}


def wrong_power(sight: Sight) -> tuple[list[Finding], Sight]:
    """Return the times in which generation was a thousand times too large or small, and the sight with them set right."""
    lit = sight.usable & sight.bright
    due = sight.sums(sight.expected, lit)
    made = sight.sums(np.nan_to_num(sight.generation), lit)
    count = sight.sums(np.ones(sight.grid.size), lit)
    found: list[Finding] = []
    with np.errstate(invalid="ignore", divide="ignore"):
        index = np.where((count >= FEWEST) & (due > 0), made / due, np.nan)
    for factor, what in ((THOUSAND, "×1000"), (1 / THOUSAND, "÷1000")):
        off = (index > factor / WITHIN) & (index < factor * WITHIN)
        for first, last in joined((sight.grid.days[n] for n in np.flatnonzero(off)), APART_DAYS):
            begin, end = (sight.grid.days.index(d) for d in (first, last))
            if np.count_nonzero(off[begin : end + 1]) < DAYS:
                continue
            shown = range(max(0, begin - 7), min(len(sight.grid.days), begin + MOST_SHOWN))
            picture = Picture(
                "days",
                "kWh",
                tuple(sight.grid.days[n].isoformat() for n in shown),
                tuple(float(made[n]) if count[n] else None for n in shown),
                tuple(float(due[n]) if count[n] else None for n in shown),
                begin - shown.start,
                min(end + 1, shown.stop) - shown.start,
                {"what": what},
            )
            found.append(_said(sight, sight.entity, begin, end, picture, sight.rung_of(lit)))
            inside = (sight.days >= begin) & (sight.days <= end) & off[sight.days]
            sight = replace(sight, generation=np.where(inside, sight.generation / factor, sight.generation))
    return found, sight


def wrong_degrees(sight: Sight, quantity: str) -> list[Finding]:
    """Return the times in which a thermometer of the weather point makes sense only in another unit."""
    series = sight.weather.get(quantity)
    if series is None:
        return []
    known = series.known & (series.coverage >= 0.5) & (np.nan_to_num(sight.expected) > 0)  # noqa: PLR2004 - half a slot
    count = sight.sums(np.ones(sight.grid.size), known)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count >= FEWEST, sight.sums(series.value, known) / count, np.nan)
        typical = np.where(count >= FEWEST, sight.sums(sight.sky.typical_air_c, known) / count, np.nan)
    far = np.abs(mean - typical) > FAR_K
    found = []
    for first, last in joined((sight.grid.days[n] for n in np.flatnonzero(far)), APART_DAYS):
        begin, end = (sight.grid.days.index(d) for d in (first, last))
        days = np.arange(begin, end + 1)[np.isfinite(mean[begin : end + 1])]
        if len(days) < DAYS * 2:
            continue
        best = _undone(sight, quantity, mean, typical, days)
        if best is None:
            continue
        shown = days[:MOST_SHOWN]
        right = UNDO[best](mean)
        picture = Picture(
            "trend",
            "°C",
            tuple(sight.grid.days[n].isoformat() for n in shown),
            tuple(float(mean[n]) for n in shown),
            tuple(float(right[n]) for n in shown),
            0,
            len(shown),
            {"what": f"{quantity}: {best}"},
        )
        found.append(_said(sight, sight.under, begin, end, picture, ""))
    return found


def _undone(
    sight: Sight, quantity: str, mean: Floats, typical: Floats, days: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> str | None:
    """Return what must have been done to the values, where undoing it brings them to what the place and the modules say."""
    misses = {name: np.abs(undo(mean[days]) - typical[days]) for name, undo in UNDO.items()}
    name = min(misses, key=lambda k: float(np.median(misses[k])))
    if np.mean(misses[name] < NEAR_K) < FITTING:
        return None
    other = sight.weather.get("temp_module_c" if quantity == "temp_air_c" else "temp_air_c")
    if quantity == "temp_air_c" and other is not None:
        lit = sight.bright & other.known & np.isfinite(sight.weather[quantity].value)
        rise = other.value[lit] - UNDO[name](sight.weather[quantity].value[lit])
        if len(rise) and not RISE_K[0] < float(np.median(rise)) < RISE_K[1]:
            return None
    return name


def _said(sight: Sight, entity: str, begin: int, end: int, picture: Picture, rung: str) -> Finding:
    days = sight.grid.days
    return Finding(
        entity=entity,
        code=Fault.UNITS,
        start=day_bounds(days[begin], sight.zone)[0],
        end=None if end >= len(days) - APART_DAYS else day_bounds(days[end], sight.zone)[1],
        days={},
        low_kwh=0.0,
        high_kwh=0.0,
        confidence=0.95,
        rung=rung,
        picture=picture,
    )
