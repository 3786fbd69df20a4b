"""How good the data are: coverage per meter and day, and what happened to the meters this month."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TypeAlias

from core.park import Park, Point
from core.quality import Event, Reason, joined_outages
from core.quantities import Scope
from core.text import MISSING, Text
from core.timebase import SLOT
from core.words import event_words
from dashboards.panels import panel
from dashboards.views import words
from dashboards.views.data import COVERAGE_DAYS, LATE_SLOTS, Row, ViewData

Json: TypeAlias = "dict[str, object]"

EVENTS_SHOWN = 40


def coverage(data: ViewData, first_reading: datetime | None) -> Json:
    """Return the measured share of every meter's last days; None for days before it was in service."""
    days = [data.day - timedelta(days=n) for n in range(COVERAGE_DAYS - 1, -1, -1)]
    title = Text(zh=f"数据完整率：近 {COVERAGE_DAYS} 天", en=f"Data coverage: last {COVERAGE_DAYS} days")
    return {"title": title.say(data.language), **coverage_of(data, days, first_reading)}


def coverage_of(data: ViewData, days: list[date], first_reading: datetime | None) -> Json:
    """Return the measured share of every meter on some days."""
    since = _service_began(data, first_reading)
    shown = panel("coverage")
    return {
        "note": shown.note.say(data.language),
        "days": [words.day_text(d, data.language) for d in days],
        "green": shown.green,
        "yellow": shown.yellow,
        "meters": [_meter(data, p, days, since) for p in data.park.points],
    }


def _service_began(data: ViewData, first_reading: datetime | None) -> date | None:
    """Return the first local day anything is known of."""
    return first_reading.astimezone(data.park.zone).date() if first_reading else None


def _meter(data: ViewData, point: Point, days: list[date], since: date | None) -> Json:
    values = [_measured(data, point, d) if since and d >= since else None for d in days]
    known = [v for v in values if v is not None]
    mean = math.fsum(known) / len(known) if known else math.nan
    return {
        "id": point.id,
        "name": point.name.say(data.language),
        "role": point.role,
        "values": values,
        "mean": words.number_or_none(mean),
        "mean_text": words.coverage_text(mean) if known else MISSING,
    }


def _measured(data: ViewData, point: Point, day: date) -> float | None:
    """Return the measured share of a day, 0 where nothing came, None where no device was in service."""
    start, end = data.bounds(day)
    if not any(d.valid_at(start) or d.valid_at(end - timedelta(microseconds=1)) for d in point.devices):
        return None
    return max((r.coverage for r in _rows(data, point, start)), default=0.0)


def _rows(data: ViewData, point: Point, start: datetime) -> list[Row]:
    """Return the rows that tell of a point's data: its own energy, or any of its sensors."""
    own = {"pv": "export_kwh"}.get(point.role, "import_kwh")
    quantities = data.days.quantities(Scope.POINT, point.id) if point.role == "weather" else [own]
    rows = [data.days.series(Scope.POINT, point.id, q).get(start) for q in quantities]
    return [r for r in rows if r is not None]


def events_of_month(data: ViewData, events: Sequence[Event]) -> list[Json]:
    """Return what happened to the park's data this month, newest first; where there is much, jumps before outages."""
    start, _ = data.month
    recent = [e for e in joined_outages(events) if e.end >= start and not _on_its_way(e, data.now)]
    recent.sort(key=lambda e: (e.code in {Reason.MISSING, Reason.GAP}, -e.start.timestamp()))
    recent = sorted(recent[:EVENTS_SHOWN], key=lambda e: e.start, reverse=True)
    return [
        {
            "entity": e.entity,
            "code": e.code,
            "at": e.start.isoformat(),
            "when": words.when_text(e.start.astimezone(data.park.zone), data.day, data.language),
            "text": event_words(e, data.park, data.language),
        }
        for e in recent
    ]


def _on_its_way(event: Event, now: datetime) -> bool:
    """Whether a silence is so young and short that its data may still come: the page is not alarmed by a start."""
    late = LATE_SLOTS * SLOT
    return event.code == Reason.MISSING and event.end - event.start <= late and now - event.end <= late


def entity_name(park: Park, entity: str) -> Text:
    """Return the name of a point, an array or the park itself."""
    names = {p.id: p.name for p in park.points} | {a.id: a.name for a in park.arrays} | {park.id: park.name}
    return names.get(entity, Text(zh=entity, en=entity))
