"""Today as a curve: mean power per slot, with gaps where nothing is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias, TypeVar

from core.quality import Event
from core.quantities import Scope
from core.store import AlertRecord
from core.text import Language, Text
from core.timebase import SLOT, SLOT_HOURS, slot_index
from core.words import AlertSpeaker, event_words
from dashboards.panels import panel
from dashboards.views import words
from dashboards.views.data import LATE_SLOTS, UNKNOWN, Row, ViewData

Json: TypeAlias = "dict[str, object]"
T = TypeVar("T")

TOLD = 3  # of what happened in one slot; the rest is counted


def today_curve(data: ViewData, alerts: Sequence[AlertRecord], events: Sequence[Event], say: AlertSpeaker) -> Json:
    """Return today's power curves. Values are mean kW over the slot at the same place of `labels`."""
    start, end = data.bounds(data.day)
    starts = [t.to_pydatetime() for t in slot_index(start, end)]
    elapsed = min(len(starts), (data.now - start) // SLOT)
    shown = panel("today")
    curves = {s.quantity: data.slots.series(Scope.PARK, data.park.id, s.quantity) for s in shown.series}
    rows = {name: [series.get(t, UNKNOWN) for t in starts[:elapsed]] for name, series in curves.items()}
    return {
        "title": Text(zh="今日功率", en="Power today").say(data.language),
        "note": shown.note.say(data.language),
        "unit": shown.unit,
        "start": start.timestamp(),
        "labels": [t.astimezone(data.park.zone).strftime("%H:%M") for t in starts],
        "now": (data.now - start) / SLOT,
        "series": [
            {
                "id": s.quantity,
                "name": s.title.say(data.language),
                "colour": s.colour,
                "dashed": s.dashed,
                "values": [words.number_or_none(r.value / SLOT_HOURS) for r in rows[s.quantity]],
                "estimated": [r.estimated > 0 for r in rows[s.quantity]],
            }
            for s in shown.series
        ],
        "missing": _missing(rows["load_kwh"], rows["generation_kwh"], elapsed),
        "shortfall": _shortfall(data, rows["expected_kwh"], rows["generation_kwh"]),
        "marks": _marks(data, alerts, events, say),
    }


def _missing(load: list[Row], generation: list[Row], elapsed: int) -> list[list[int]]:
    """Return [first, last + 1] of every run of slots in which consumption or generation is unknown."""
    last_known = max((i for i, r in enumerate(load) if r.known), default=-1)
    until = elapsed if elapsed - 1 - last_known > LATE_SLOTS else last_known + 1
    runs: list[list[int]] = []
    for i in range(until):
        if load[i].known and generation[i].known:
            continue
        if runs and runs[-1][1] == i:
            runs[-1][1] = i + 1
        else:
            runs.append([i, i + 1])
    return runs


def _shortfall(data: ViewData, expected: list[Row], actual: list[Row]) -> Json | None:
    """Add up expected minus actual over the slots where both are known."""
    both = [(e.value, a.value) for e, a in zip(expected, actual, strict=True) if e.known and a.known]
    wanted = math.fsum(e for e, _ in both)
    if wanted <= 0:
        return None
    got = math.fsum(a for _, a in both)
    text = {
        True: Text(zh="今日少发 {gap}（应发 {wanted}）", en="{gap} below expectation today (of {wanted})"),
        False: Text(zh="今日多发 {gap}（应发 {wanted}）", en="{gap} above expectation today (of {wanted})"),
    }[got < wanted].say(data.language)
    written = text.format(gap=words.energy_text(abs(wanted - got)), wanted=words.energy_text(wanted))
    return {"kwh": wanted - got, "text": written}


def _marks(data: ViewData, alerts: Sequence[AlertRecord], events: Sequence[Event], say: AlertSpeaker) -> list[Json]:
    start, end = data.bounds(data.day)

    def place(instant: datetime) -> float:
        return (instant - start) / SLOT

    def spoken(alert: AlertRecord) -> str:
        return say(alert, data.language).title

    def told(event: Event) -> str:
        return event_words(event, data.park, data.language)

    today = [a for a in alerts if a.state != "pending" and start <= a.active_at < end]
    marks = _gathered("alert", today, lambda a: place(a.active_at), spoken, data.language)
    marks += _gathered(
        "event", [e for e in events if start <= e.start < end], lambda e: place(e.start), told, data.language
    )
    return sorted(marks, key=lambda m: float(str(m["at"])))


def _gathered(
    kind: str, things: Sequence[T], place: Callable[[T], float], tell: Callable[[T], str], language: Language
) -> list[Json]:
    """Return one mark per slot, at its first thing: when hundreds of meters fall silent together, one says so."""
    slots: dict[int, list[T]] = {}
    for thing in sorted(things, key=place):
        slots.setdefault(int(place(thing)), []).append(thing)
    return [
        {"at": place(found[0]), "kind": kind, "count": len(found), "text": _told(found, tell, language)}
        for found in slots.values()
    ]


def _told(found: list[T], tell: Callable[[T], str], language: Language) -> str:
    more = len(found) - TOLD
    rest = Text(zh=f"另有 {more} 条", en=f"and {more} more").say(language)
    separator = "；" if language is Language.ZH else "; "
    return separator.join([*map(tell, found[:TOLD]), *([rest] if more > 0 else [])])
