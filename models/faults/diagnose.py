"""The search for faults: the most specific cause first, and what it explains is taken from those after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from core.findings import Fault, Finding
from core.quality import Event
from models.faults import shading
from models.faults.clock import clocks, told_by
from models.faults.facing import misplaced, turned
from models.faults.limits import at_rating, clipping, curtailments, plateaus
from models.faults.losing import losses, sun_days
from models.faults.night import night_consumption
from models.faults.outage import outages
from models.faults.sight import Sight
from models.faults.snow import snows
from models.faults.soiling import soilings
from models.faults.told import sensor_findings, stuck_findings, stuck_slots, without_limits
from models.faults.units import wrong_degrees, wrong_light, wrong_power
from models.series import Bools, to_us

Search = Callable[[Sight], list[Finding]]

# In this order: each takes the slots of what it finds from all that follow.
SEARCHES: tuple[Search, ...] = (clipping, curtailments, snows, outages, shading.shadings, soilings)

# Of an array that faces another way than PARK.yaml says only this can be told.
AKIN: tuple[Search, ...] = (outages,)


def diagnose(sights: Sequence[Sight], events: Sequence[Event] = ()) -> list[Finding]:
    """Return every finding of the arrays of one park; no loss is told twice.

    Wrong units and clocks come first and are set right for what follows: behind them there may be another fault.
    """
    found, sights = _in_place(sights)
    events = [e for e in events if not any(e.entity == f.entity for f in found)]
    faced: list[Sight] = []
    for sight in sights:
        facing, seen = turned(sight)
        found += [facing] if facing else []
        faced.append(seen)
    lost = {f.entity for f in found}
    askew = {s.entity for s in sights if s.entity in lost or s.under in lost}
    shifted, timed = clocks(faced)
    found += shifted
    events = told_by(shifted, events, sights)
    dim = {under: wrong_light(s) for under, s in reversed([(s.under, s) for s in timed])}
    left: list[Sight] = []
    for meter in timed:
        for finding in dim[meter.under]:
            meter = meter.unlit(slots_of(meter, finding))  # noqa: PLW2901 - one station after the other
        units, sight = wrong_power(meter, events)
        found += units
        frozen = without_limits(sight, events)
        found += stuck_findings(sight, frozen)
        seen = sight.without(stuck_slots(sight, frozen))
        found += night_consumption(seen)
        for search in AKIN if sight.entity in askew else SEARCHES:
            own = search(seen)
            found += own
            for finding in own:
                seen = seen.without(slots_of(seen, finding))
        if sight.entity not in askew:
            left.append(seen)
    days = [sun_days(s) for s in left]
    for n, sight in enumerate(left):
        beside = [days[k] for k, other in enumerate(left) if k != n and other.under == sight.under]
        found += losses(sight, beside)
    found += _of_weather(sights, events, dim)
    return sorted(found, key=lambda f: (f.start, f.entity, f.code))


def _in_place(sights: Sequence[Sight]) -> tuple[list[Finding], list[Sight]]:
    """Return whether the site is where PARK.yaml says; elsewhere nothing can be held against the sun."""
    first = next(iter(sights), None)
    found = misplaced(first) if first is not None else None
    if found is None:
        return [], list(sights)
    every = np.ones(sights[0].grid.size, dtype=bool)
    return [found], [replace(s.unlit(every), light=None, clear=None, facing=None, weather={}) for s in sights]


def _of_weather(
    sights: Sequence[Sight], events: Sequence[Event], dim: Mapping[str, Sequence[Finding]]
) -> list[Finding]:
    """Return what is wrong with the weather points, each once however many arrays it serves."""
    found: list[Finding] = []
    for under in dict.fromkeys(s.under for s in sights if s.under):
        sight = next(s for s in sights if s.under == under)
        degrees = [f for quantity in ("temp_air_c", "temp_module_c") for f in wrong_degrees(sight, quantity)]
        units = [*dim[under], *degrees]
        found += _as_one([*units, *sensor_findings(sight, events, units)])
    return found


def _as_one(found: Sequence[Finding]) -> list[Finding]:
    """Return the findings of one point with those of one kind and start told together: they are one statement."""
    told: dict[tuple[str, str, datetime], Finding] = {}
    for one in found:
        first = told.setdefault(one.key, one)
        if first is one:
            continue
        what = "; ".join(str(f.picture.facts.get("what", "")) for f in (first, one))
        picture = replace(first.picture, facts={**first.picture.facts, "what": what})
        end = None if first.end is None or one.end is None else max(first.end, one.end)
        told[one.key] = replace(first, end=end, picture=picture)
    return list(told.values())


def slots_of(sight: Sight, finding: Finding) -> Bools:
    """Return the slots a finding explains."""
    if finding.code is Fault.SHADING:
        return shading.slots_in(sight, finding)
    starts = sight.grid.edges_us[:-1]
    end = sight.grid.edges_us[-1] if finding.end is None else to_us(finding.end)
    inside: Bools = (starts >= to_us(finding.start)) & (starts < end)
    if finding.code is Fault.CURTAILMENT:
        return inside & plateaus(sight)
    if finding.code is Fault.CLIPPING:
        return inside & at_rating(sight)
    if finding.code is Fault.UNITS:
        return inside
    return inside & np.isin(sight.days, [sight.grid.days.index(d) for d in finding.days if d in sight.grid.days])
