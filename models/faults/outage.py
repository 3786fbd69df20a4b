"""An array that delivers nothing by daylight."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.findings import Fault, Finding
from core.quality import Reason
from core.timebase import SLOT_HOURS
from models.faults.pictures import slots_around
from models.faults.sight import Z90, Sight
from models.faults.spans import runs
from models.series import Bools, bit

DEAD = 0.01  # of the rating
LOW_SUN_DEG, NOON_DEG = 80.0, 5.0  # of zenith; around noon where the sun stays lower
NOTHING = 0.02  # of a cloudless day
SEEN = 0.9  # of a day's light that the meter must have seen
FEWEST_DAYS = 2
USUAL_SHARE, LEAST_SHARE = 0.6, 0.2  # of a cloudless sky: of most places over weeks, and of their dark ones
NEVER = 0.6
FEWEST = 2  # slots in a row, or readings where these are farther apart: half an hour
# Of the rating: a cloud that a satellite's hour does not know takes twice the hourly error of 8 % (docs/accuracy.md).
BRIGHT_AFAR = 0.05 + 2 * 0.08
FROM_AFAR = bit(Reason.RUNG_SERVICE) | bit(Reason.RUNG_TEMPERATURE)


def outages(sight: Sight) -> list[Finding]:
    """Return every time the array gave less than 1 % of its rating while 5 % of it or more was due.

    Where no sensor on the site sees the sun, 21 % must have been due: a dark cloud at dawn is no outage, nor is a hill
    before a low sun. Nights lie between its slots, and slots that are not measured neither begin nor end it.
    """
    found = [_finding(sight, first, last, over) for first, last, over in stretches(sight)]
    # Where more was made around it than was due the expectation is wrong, and nothing was lost.
    return [f for f in (*found, *_unlit(sight)) if f.lost_kwh > 0]


def _unlit(sight: Sight) -> list[Finding]:
    """Return the whole days without output of an array whose light nobody measures, against a cloudless sky.

    No weather takes all of a day's light. What was lost is what such days give on the whole, and little is known of it.
    """
    if sight.clear is None:
        return []
    judged = sight.whole & sight.free & ~sight.due_known & sight.bright_sky
    all_lit = sight.sums(np.ones(sight.grid.size), sight.bright_sky)
    seen, made = sight.sums(np.ones(sight.grid.size), judged), sight.sums(np.nan_to_num(sight.generation), judged)
    clear = sight.sums(sight.clear, judged)
    dead = (seen > 0) & (seen >= SEEN * all_lit) & (made < NOTHING * clear)
    found = []
    for first, last in runs(dead):
        if last - first < FEWEST_DAYS:
            continue
        begin, end = int(sight.grid.day_at[first]), int(sight.grid.day_at[last])
        where = within(sight, begin, end) & judged
        days = sight.by_day(USUAL_SHARE * sight.clear, where)
        lost = sum(days.values())
        slots = np.flatnonzero(where)
        hours = float(np.count_nonzero(where)) * SLOT_HOURS
        found.append(
            Finding(
                entity=sight.entity,
                code=Fault.OUTAGE,
                start=sight.at(int(slots[0])),
                end=None if last == len(dead) else sight.at(end),
                days=days,
                low_kwh=LEAST_SHARE / USUAL_SHARE * lost,
                high_kwh=lost / USUAL_SHARE,
                confidence=_sure(sight, 0.8),
                rung=Reason.RUNG_CLEAR_SKY.value,
                picture=slots_around(sight, int(slots[0]), int(slots[-1]) + 1, {"hours": hours, "share": 0.0}),
            )
        )
    return found


def _sure(sight: Sight, confidence: float) -> float:
    """Return the confidence, less where the meter never showed anything: it may count another circuit or none."""
    ever = np.nan_to_num(sight.generation) > DEAD * sight.rating_kw * SLOT_HOURS
    return confidence if ever.any() else min(confidence, NEVER)


def stretches(sight: Sight) -> Iterator[tuple[int, int, bool]]:
    """Yield (first slot, slot after the last, whether it is over)."""
    lit = sight.bright & (np.arange(sight.grid.size) < sight.grid.closed)
    far = (sight.rungs & FROM_AFAR) != 0
    with np.errstate(invalid="ignore"):
        lit &= ~far | (sight.expected > BRIGHT_AFAR * sight.rating_kw * SLOT_HOURS)
    bright = np.flatnonzero(lit)
    dead = np.nan_to_num(sight.generation, nan=np.inf) < DEAD * sight.rating_kw * SLOT_HOURS
    fewest = FEWEST * sight.per_reading
    high = _high(sight)
    run: list[int] = []
    for n in bright[sight.usable[bright]].tolist():
        if dead[n]:
            run.append(n)
            continue
        if np.count_nonzero(high[run]) >= fewest:
            yield run[0], n, True
        run = []
    if np.count_nonzero(high[run]) >= fewest:
        yield run[0], run[-1] + 1, False


def _high(sight: Sight) -> Bools:
    """Say in which slots the sun stands above what hills and neighbours hide: 10°, or less where it never gets there."""
    least = np.full(len(sight.grid.days), np.inf)
    np.minimum.at(least, sight.days, sight.sky.zenith)
    high: Bools = sight.sky.zenith < np.maximum(LOW_SUN_DEG, least[sight.days] + NOON_DEG)
    return high


def within(sight: Sight, first: int, last: int) -> Bools:
    """Return the slots of a stretch."""
    number = np.arange(sight.grid.size)
    inside: Bools = (number >= first) & (number < last)
    return inside


def _finding(sight: Sight, first: int, last: int, over: bool) -> Finding:
    where = within(sight, first, last) & sight.usable
    days = sight.by_day(sight.expected - sight.generation, where)
    rung = sight.rung_of(where)
    lost = sum(days.values())
    spread = Z90 * sight.uncertainty(rung) * float(np.sum(sight.expected[where]))
    hours = float(np.count_nonzero(where & sight.bright)) * SLOT_HOURS
    return Finding(
        entity=sight.entity,
        code=Fault.OUTAGE,
        start=sight.at(first),
        end=sight.at(last) if over else None,
        days=days,
        low_kwh=lost - spread,
        high_kwh=lost + spread,
        # Half an hour may be a start-up that was late; hours of light and nothing at all are no doubt.
        confidence=_sure(sight, min(0.99, 0.8 + 0.05 * hours)),
        rung=rung,
        picture=slots_around(sight, first, last, {"hours": hours, "share": 0.0}),
    )
