"""How good the data are: coverage per meter and day, and what happened to the meters this month."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TypeAlias

from core.park import Park, Point
from core.quality import Event, Reason, joined_outages
from core.quantities import Scope
from core.text import MISSING, Language, Text
from core.timebase import SLOT
from core.words import event_words
from dashboards.panels import panel
from dashboards.views import words
from dashboards.views.data import COVERAGE_DAYS, LATE_SLOTS, ViewData

Json: TypeAlias = "dict[str, object]"

EVENTS_SHOWN = 40
METERS_SHOWN = 40


def coverage(data: ViewData, first_reading: datetime | None, *, everything: bool = False) -> Json:
    """Return the measured share of meters' last days; None for days before one was in service.

    Where there are many, only those least measured, unless everything is wanted.
    """
    days = [data.day - timedelta(days=n) for n in range(COVERAGE_DAYS - 1, -1, -1)]
    title = Text(zh=f"数据完整率：近 {COVERAGE_DAYS} 天", en=f"Data coverage: last {COVERAGE_DAYS} days")
    return {"title": title.say(data.language), **coverage_of(data, days, first_reading, everything=everything)}


def coverage_of(data: ViewData, days: list[date], first_reading: datetime | None, *, everything: bool = False) -> Json:
    """Return the measured share of meters on some days: of many only those least measured, unless all are wanted."""
    since = _service_began(data, first_reading)
    shown = panel("coverage")
    spans = [data.bounds(d) if since and d >= since else None for d in days]
    values = {p.id: _measured(data, p, spans) for p in data.park.points}
    points = list(data.park.points)
    if not everything and len(points) > METERS_SHOWN:
        points = sorted(points, key=lambda p: _mean(values[p.id]) if _known(values[p.id]) else math.inf)[:METERS_SHOWN]
    return {
        "note": shown.note.say(data.language),
        "days": [words.day_text(d, data.language) for d in days],
        "green": shown.green,
        "yellow": shown.yellow,
        "meters": [_meter(data, p, values[p.id]) for p in points],
        **_more(len(data.park.points) - len(points), data.language),
    }


def _service_began(data: ViewData, first_reading: datetime | None) -> date | None:
    """Return the first local day anything is known of."""
    return first_reading.astimezone(data.park.zone).date() if first_reading else None


def _more(count: int, language: Language) -> Json:
    text = Text(zh=f"另有 {count} 块表，数据更完整", en=f"{count} more meters, measured better than these")
    return {"more": count, "more_text": text.say(language) if count else None}


def _known(values: Sequence[float | None]) -> list[float]:
    return [v for v in values if v is not None]


def _mean(values: Sequence[float | None]) -> float:
    known = _known(values)
    return math.fsum(known) / len(known) if known else math.nan


def _meter(data: ViewData, point: Point, values: list[float | None]) -> Json:
    known, mean = _known(values), _mean(values)
    return {
        "id": point.id,
        "name": point.name.say(data.language),
        "role": point.role,
        "values": values,
        "mean": words.number_or_none(mean),
        "mean_text": words.coverage_text(mean) if known else MISSING,
    }


def _measured(data: ViewData, point: Point, days: Sequence[tuple[datetime, datetime] | None]) -> list[float | None]:
    """Return the measured share of each day, 0 where nothing came, None where no device was in service."""
    shares = _shares(data, point)
    always = any(d.valid_from is None and d.valid_to is None for d in point.devices)
    return [
        max([s[day[0]] for s in shares if day[0] in s], default=0.0)
        if day and (always or _served(point, *day))
        else None
        for day in days
    ]


def _served(point: Point, start: datetime, end: datetime) -> bool:
    last = end - timedelta(microseconds=1)
    return any(d.valid_at(start) or d.valid_at(last) for d in point.devices)


def _shares(data: ViewData, point: Point) -> list[Mapping[datetime, float]]:
    """Return what tells of a point's data: its own energy, or any of its sensors."""
    own = {"pv": "export_kwh"}.get(point.role, "import_kwh")
    quantities = data.days.quantities(Scope.POINT, point.id) if point.role == "weather" else [own]
    return [data.days.coverages(Scope.POINT, point.id, q) for q in quantities]


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
    if entity == park.id:
        return park.name
    names = (e.name for group in (park.arrays, park.points) for e in group if e.id == entity)
    return next(names, Text(zh=entity, en=entity))
