"""Faults that other checks told day by day already (sensors that lie, values that stand still), as one finding each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np

from core.findings import Fault, Finding, Picture
from core.quality import Event, Reason
from core.timebase import SLOT_HOURS, day_bounds, day_of
from models.faults.sight import Sight
from models.faults.spans import joined
from models.series import Bools, to_us

APART_DAYS = 3
BESIDE_LIMIT, DUE_AT_LIMIT = 1.03, 0.9  # of the value: what a meter and an expectation may be off


def sensor_findings(sight: Sight, events: Sequence[Event], units: Iterable[Finding]) -> list[Finding]:
    """Return one finding per quantity and stretch of days on which a sensor was not believed.

    Where a wrong unit explains it, that has been said.
    """
    said = {str(f.picture.facts.get("what", "")).split(":")[0] for f in units if f.entity == sight.under}
    found = []
    own = [e for e in events if e.entity == sight.under and e.code == Reason.SENSOR_FAULT]
    for quantity in sorted({str(e.params.get("quantity", "")) for e in own} - said):
        of_it = [e for e in own if e.params.get("quantity") == quantity]
        for first, last in joined((day_of(e.start, sight.zone) for e in of_it), APART_DAYS):
            during = [e for e in of_it if first <= day_of(e.start, sight.zone) <= last]
            facts: dict[str, float | str] = {
                "days": float(len(during)),
                "what": str(during[0].params.get("what", quantity)),
            }
            found.append(_finding(sight, sight.under, Fault.SENSOR, first, last, _shown(sight, quantity, first, facts)))
    return found


def without_limits(sight: Sight, events: Sequence[Event]) -> list[Event]:
    """Return the events without values that stood still because output was held down: that is curtailment.

    A limit is reached from below and left to below, and all the while as much was due; a value that froze stays while
    less is due, or the first that follows jumps above it.
    """
    return [e for e in events if not (e.entity == sight.point and e.code == "stuck" and _is_limit(sight, e))]


def _is_limit(sight: Sight, event: Event) -> bool:
    starts = sight.grid.edges_us[:-1]
    slots = np.flatnonzero((starts >= to_us(event.start)) & (starts < to_us(event.end)))
    if not len(slots) or not np.isfinite(sight.expected[slots]).all():
        return False
    level = float(np.median(sight.generation[slots]))
    beside = [n for n in (slots[0] - 1, slots[-1] + 1) if 0 <= n < sight.grid.closed]
    below = all(not sight.generation[n] > BESIDE_LIMIT * level for n in beside)
    return below and bool(np.min(sight.expected[slots]) >= DUE_AT_LIMIT * level)


def stuck_findings(sight: Sight, events: Sequence[Event]) -> list[Finding]:
    """Return one finding per stretch of days on which the meter's power stood still."""
    own = [e for e in events if e.entity == sight.point and e.code == "stuck"]
    found = []
    for first, last in joined((day_of(e.start, sight.zone) for e in own), 1):
        during = [e for e in own if first <= day_of(e.start, sight.zone) <= last]
        hours = sum((e.end - e.start).total_seconds() / 3600 for e in during)
        value = float(during[0].params.get("value", 0.0))
        picture = _power(sight, during[0], {"hours": hours, "what": f"{abs(value):,.1f} kW"})
        found.append(_finding(sight, sight.entity, Fault.STUCK, first, last, picture))
    return found


def stuck_slots(sight: Sight, events: Sequence[Event]) -> Bools:
    """Return the slots in which the meter's power stood still."""
    starts = sight.grid.edges_us[:-1]
    inside = np.zeros(sight.grid.size, dtype=bool)
    for event in events:
        if event.entity == sight.point and event.code == "stuck":
            inside |= (starts >= to_us(event.start)) & (starts < to_us(event.end))
    return inside


def _shown(sight: Sight, quantity: str, first: date, facts: dict[str, float | str]) -> Picture:
    """Show the sensor's daily mean around the first day."""
    series = sight.weather.get(quantity)
    at = sight.grid.days.index(first) if first in sight.grid.days else 0
    shown = range(max(0, at - 14), min(len(sight.grid.days), at + 21))
    if series is None:
        return Picture("trend", "1", (), (), (), facts=facts)
    known = series.known
    count = sight.sums(np.ones(sight.grid.size), known)
    sums = sight.sums(np.nan_to_num(series.value), known)
    unit = {"poa_wm2": "W/m²", "ghi_wm2": "W/m²", "wind_speed_ms": "m/s"}.get(quantity, "°C")
    measured = tuple(float(sums[n] / count[n]) if count[n] else None for n in shown)
    names = tuple(sight.grid.days[n].isoformat() for n in shown)
    return Picture("trend", unit, names, measured, (None,) * len(names), at - shown.start, len(names), facts)


def _power(sight: Sight, event: Event, facts: dict[str, float | str]) -> Picture:
    first, last = np.searchsorted(sight.grid.edges_us, (to_us(event.start), to_us(event.end))).tolist()
    begin, end = max(0, first - 16), min(sight.grid.closed, last + 16)
    names = tuple(sight.at(n).astimezone(sight.zone).isoformat(timespec="minutes") for n in range(begin, end))
    size = np.abs(sight.power_kw[begin:end])
    measured = tuple(float(v) if np.isfinite(v) else None for v in size)
    expected = tuple(float(v / SLOT_HOURS) if np.isfinite(v) else None for v in sight.expected[begin:end])
    return Picture("slots", "kW", names, measured, expected, first - begin, last - begin, facts)


def _finding(sight: Sight, entity: str, code: Fault, first: date, last: date, picture: Picture) -> Finding:
    days = sight.grid.days
    begin, end = days.index(first), days.index(last)
    return Finding(
        entity=entity,
        code=code,
        start=day_bounds(days[begin], sight.zone)[0],
        end=None if end >= len(days) - 1 else day_bounds(days[end], sight.zone)[1],
        days={},
        low_kwh=0.0,
        high_kwh=0.0,
        confidence=0.9,
        rung="",
        picture=picture,
    )
