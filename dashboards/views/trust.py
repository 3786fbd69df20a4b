"""How far the data can be trusted over a range of days: coverage, events, lateness, quarantine, collectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TypeAlias

import pandas as pd

from core.frames import instant, readings_frame, slots_frame
from core.park import Park
from core.quality import Event, joined_outages
from core.quantities import Period
from core.reasons import quarantine_reason
from core.store import QuarantineItem, Store
from core.text import Language, Text, local_time
from core.timebase import day_bounds
from core.words import event_words
from dashboards.views import words
from dashboards.views.data import Table, ViewData
from dashboards.views.habits import Loads
from dashboards.views.quality import coverage_of

Json: TypeAlias = "dict[str, object]"

EVENTS_SHOWN = 200
LATE_AFTER = 3  # intervals, as for the alert of a silent meter
AT_LEAST = timedelta(minutes=30)
PLAIN_WORDS = {
    True: Text(zh="延迟", en="late"),
    False: Text(zh="正常", en="on time"),
}


def coverage_calendar(park: Park, store: Store, first: date, last: date, now: datetime, language: Language) -> Json:
    """Return the measured share of every meter on every day of [first, last]."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    start, end = day_bounds(first, park.zone)[0], day_bounds(last, park.zone)[1]
    empty = Table(slots_frame())
    frame = store.slots(Period.DAY, start, end, scope="point")
    data = ViewData(park, language, now, empty, Table(frame), empty, readings_frame(), Loads.none())
    return {**coverage_of(data, days, store.info().first_reading), "dates": [d.isoformat() for d in days]}


def events_of_range(park: Park, events: Sequence[Event], language: Language) -> Json:
    """Return what happened to the data, the newest first."""
    found = sorted(joined_outages(events), key=lambda e: e.start, reverse=True)
    return {
        "entries": [
            {
                "entity": e.entity,
                "code": e.code,
                "at": e.start.isoformat(),
                "when": local_time(e.start, park.zone),
                "text": event_words(e, park, language),
            }
            for e in found[:EVENTS_SHOWN]
        ],
        "more": max(0, len(found) - EVENTS_SHOWN),
    }


def lateness(park: Park, latest: pd.DataFrame, now: datetime, language: Language) -> list[Json]:
    """Return how old the newest reading of every device in service is, the latest first."""
    newest = {str(device): times.max() for device, times in latest.groupby("device")["time"]}
    rows: list[tuple[timedelta, Json]] = []
    for point, device in park.assignments():
        if not device.valid_at(now):
            continue
        at = instant(newest[device.id]) if device.id in newest else None
        interval = timedelta(seconds=device.interval_s)
        age = now - at if at else timedelta.max
        late = age > max(AT_LEAST, LATE_AFTER * interval)
        rows.append(
            (
                age,
                {
                    "device": device.id,
                    "point": point.name.say(language),
                    "interval": words.span_text(interval, language)
                    if interval >= timedelta(minutes=1)
                    else f"{device.interval_s:g} s",
                    "at": at.isoformat() if at else None,
                    "at_text": local_time(at, park.zone) if at else None,
                    "age_text": words.age_text(max(age, timedelta(0)), language) if at else None,
                    "late": late,
                    "word": PLAIN_WORDS[late].say(language),
                },
            )
        )
    return [row for _, row in sorted(rows, key=lambda r: r[0], reverse=True)]


def quarantine_counts(counts: Mapping[str, tuple[int, int]], language: Language) -> list[Json]:
    """Return how many messages are kept for which reason, in words, with what a person can do."""
    return [
        {
            "reason": code,
            "what": quarantine_reason(code).what.say(language),
            "advice": quarantine_reason(code).advice.say(language),
            "waiting": waiting,
            "replayed": replayed,
        }
        for code, (waiting, replayed) in counts.items()
    ]


def quarantine_line(item: QuarantineItem, park: Park, language: Language) -> Json:
    """Return one kept message without its payload; strangers wrote it, so nothing of it but what can be printed."""
    return {
        "id": item.id,
        "at_text": local_time(item.received_at, park.zone),
        "topic": printable(item.topic),
        "device": printable(item.device),
        "reason": item.reason,
        "what": quarantine_reason(item.reason).what.say(language),
        "advice": quarantine_reason(item.reason).advice.say(language),
        "detail": printable(item.detail),
        "bytes": len(item.payload),
        "replayed_text": local_time(item.replayed_at, park.zone) if item.replayed_at else None,
    }


def printable(text: str) -> str:
    """Return text without anything invisible."""
    return "".join(c if c.isprintable() else "·" for c in text)
