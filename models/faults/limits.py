"""Output that is held down: by the inverters' own rating, or by somebody's order. Noted, never alarmed."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from core.findings import Fault, Finding
from core.timebase import SLOT_HOURS, day_bounds
from models.clean_days import AT_LIMIT
from models.faults.pictures import slots_around
from models.faults.sight import Z90, Sight
from models.faults.spans import joined, runs
from models.series import Bools, Floats

SHORTEST = 8  # slots: two hours
FLAT = 0.01  # of the plateau: how much it may waver
ABOVE = 1.08  # expected over the plateau in every slot
LIVELY = 0.10  # how much the expectation moves meanwhile: what stands still under a still sun says nothing
LOWEST = 0.05  # of the rating
OBEYED = 0.5  # of what an order allows: an array that gives less is held down by something else
APART_DAYS = 2  # between plateaus of one order


def clipping(sight: Sight) -> list[Finding]:
    """Return one note per month in which the inverters delivered all they can and more light was there.

    Costs nothing against the expectation, which knows the rating.
    """
    full = AT_LIMIT * sight.rating_kw * SLOT_HOURS
    clipped = sight.usable & at_rating(sight) & (sight.expected >= full)
    months: dict[tuple[int, int], list[int]] = {}
    for n in np.flatnonzero(clipped).tolist():
        day = sight.grid.days[sight.days[n]]
        months.setdefault((day.year, day.month), []).append(n)
    return [_clipped(sight, slots) for slots in months.values() if len(slots) >= SHORTEST]


def at_rating(sight: Sight) -> Bools:
    """Say in which slots the inverters delivered all they can."""
    full: Bools = np.nan_to_num(sight.generation) >= AT_LIMIT * sight.rating_kw * SLOT_HOURS
    return full


def _clipped(sight: Sight, slots: list[int]) -> Finding:
    days = np.bincount(sight.days[slots], minlength=len(sight.grid.days))
    most = int(np.argmax(days))
    on_it = [n for n in slots if sight.days[n] == most]
    where = np.isin(np.arange(sight.grid.size), slots)
    hours = len(slots) * SLOT_HOURS
    return Finding(
        entity=sight.entity,
        code=Fault.CLIPPING,
        start=sight.at(slots[0]),
        end=sight.at(slots[-1] + 1),
        days={sight.grid.days[n]: 0.0 for n in np.flatnonzero(days)},
        low_kwh=0.0,
        high_kwh=0.0,
        confidence=0.95,
        rung=sight.rung_of(where),
        picture=slots_around(sight, on_it[0], on_it[-1] + 1, {"hours": hours}),
    )


def plateaus(sight: Sight) -> Bools:
    """Return the slots in which output stood still below the rating while much more was due, or was ordered down."""
    kw = sight.generation / SLOT_HOURS
    due = sight.expected / SLOT_HOURS
    below = sight.usable & (kw > LOWEST * sight.rating_kw) & (kw < AT_LIMIT * sight.rating_kw) & (due > ABOVE * kw)
    with np.errstate(invalid="ignore", divide="ignore"):
        still = np.append(False, np.abs(np.diff(kw)) <= FLAT * kw[1:]) & below & np.append(False, below[:-1])
    found = np.zeros(sight.grid.size, dtype=bool)
    for first, last in runs(still):
        begin = first - 1
        part = kw[begin:last]
        if last - begin < SHORTEST or float(np.ptp(part)) > 2 * FLAT * float(np.median(part)):
            continue
        if float(np.ptp(due[begin:last])) > LIVELY * float(np.mean(due[begin:last])):
            found[begin:last] = True
    return found if sight.allowed is None else found | _ordered(sight, sight.allowed)


def _ordered(sight: Sight, allowed: Floats) -> Bools:
    """Return the slots in which an order in the array's log held its output down."""
    held: Bools = sight.usable & (allowed * ABOVE < sight.expected) & (sight.generation < sight.expected)
    # What gives more than an order allows was not held down by it: somebody did not heed it.
    held &= (sight.generation >= OBEYED * allowed) & (sight.generation <= ABOVE * allowed)
    return held


def curtailments(sight: Sight) -> list[Finding]:
    """Return the times in which output was held at a level below the rating, day after day."""
    flat = plateaus(sight)
    days = [sight.grid.days[n] for n in np.unique(sight.days[flat])]
    found = []
    for first, last in joined(days, APART_DAYS):
        begin, end = (sight.grid.days.index(d) for d in (first, last))
        where = flat & (sight.days >= begin) & (sight.days <= end)
        found.append(_curtailed(sight, where, still=last == sight.grid.days[-1]))
    return found


def _curtailed(sight: Sight, where: Bools, *, still: bool) -> Finding:
    slots = np.flatnonzero(where)
    lost_by_day = sight.by_day(sight.expected - sight.generation, where)
    lost = sum(lost_by_day.values())
    rung = sight.rung_of(where)
    spread = Z90 * sight.uncertainty(rung) * float(np.sum(sight.expected[where]))
    limit = float(np.median(sight.generation[where])) / SLOT_HOURS
    first_day = slots[sight.days[slots] == sight.days[slots[0]]]
    end = sight.at(int(slots[-1]) + 1)
    midnight = day_bounds(sight.grid.days[-1], sight.zone)[1]
    return Finding(
        entity=sight.entity,
        code=Fault.CURTAILMENT,
        start=sight.at(int(slots[0])),
        end=None if still and midnight - end < timedelta(hours=1) else end,
        days=lost_by_day,
        low_kwh=lost - spread,
        high_kwh=lost + spread,
        confidence=min(0.95, 0.6 + 0.05 * len(slots) * SLOT_HOURS),
        rung=rung,
        picture=slots_around(
            sight, int(first_day[0]), int(first_day[-1]) + 1,
            {"hours": len(slots) * SLOT_HOURS, "limit_kw": limit, "what": f"{limit:,.0f} kW"},
        ),
    )  # fmt: skip
