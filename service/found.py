"""Findings of a range of time, out of the statements, with what of it nobody has searched."""

from __future__ import annotations

from datetime import date, datetime

from core.errors import Rejected
from core.findings import Finding, findings_of
from core.park import Park
from core.searched import noted, unsearched
from core.statements import Kind
from core.store import State
from core.text import Language
from core.timebase import day_bounds, day_of
from dashboards import views
from dashboards.views.spans import checked

Told = dict[str, object]


def days_of(park: Park, state: State, first: date | None, last: date | None, now: datetime) -> tuple[date, date]:
    """Return the days that are meant: where nobody names them, those that were searched, up to today."""
    today, searched = day_of(now, park.zone), noted(state)
    last = last or max(today, first or today)
    span = checked(first or min(last, searched.first if searched else today.replace(day=1)), last)
    return span.first, span.last


def told(park: Park, state: State, days: tuple[date, date], now: datetime, language: Language, array: str = "") -> Told:
    """Return the findings of some local days, both included, ready to be shown."""
    return views.findings(
        park, held(park, state, days, array), language, lack=unsearched(park, state, days, day_of(now, park.zone))
    )


def held(park: Park, state: State, days: tuple[date, date], array: str = "") -> list[Finding]:
    """Return the findings held that lie in any part of some local days; of one array also what measures it."""
    if array and array not in {a.id for a in park.arrays}:
        raise Rejected("there is no such array")
    start, end = day_bounds(days[0], park.zone)[0], day_bounds(days[1], park.zone)[1]
    found = findings_of(state.statements(Kind.FINDING, start, end))
    own = {x for a in park.arrays if a.id == array for x in (a.id, a.point, a.weather)}
    return [f for f in found if not array or f.entity in own]
