"""The faults that were found, each with its picture: measured against expected, ready to draw."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TypeAlias

from core.findings import ADVICE, ANNOTATIONS, FAULT_WORDS, Finding, Picture, details, sentence
from core.park import Park
from core.rungs import RUNG_WORDS
from core.searched import Lack, beside, nothing_found
from core.text import Language, Text, energy, percent
from core.timebase import SLOT, day_bounds, day_of
from dashboards.views.quality import entity_name
from dashboards.views.words import money_text

Json: TypeAlias = "dict[str, object]"

DIGITS = 4  # as amounts of other views
MEASURED, EXPECTED = Text(zh="实测", en="measured"), Text(zh="应有", en="expected")
SURE = Text(zh="把握 {share}", en="confidence {share}")
TREND = Text(zh="趋势", en="trend")
_LOOKS = {"days": ("bars", "day"), "slots": ("curve", "slot"), "hours": ("curve", "hour"), "trend": ("curve", "day")}
_LENGTHS = {"days": timedelta(days=1), "trend": timedelta(days=1), "slots": SLOT, "hours": SLOT}


def findings(park: Park, found: Sequence[Finding], language: Language, lack: Lack | None = None) -> Json:
    """Return findings, those that cost most first, annotations last; `lack` is what of the range nobody searched."""
    lack = beside(found, lack)
    order = sorted(found, key=lambda f: (f.code in ANNOTATIONS, -f.lost_kwh, f.start))
    return {
        "findings": [_finding(park, f, language) for f in order],
        "searched": lack is None,
        "unsearched": lack.words.say(language) if lack else None,
        "none_text": nothing_found(lack).say(language),
    }


def _finding(park: Park, found: Finding, language: Language) -> Json:
    day = day_of(found.start, park.zone)
    name = entity_name(park, found.entity).say(language)
    lost = found.lost_kwh > 0
    return {
        "entity": found.entity,
        "entity_name": name,
        "code": found.code.value,
        "kind": FAULT_WORDS[found.code].say(language),
        "annotation": found.code in ANNOTATIONS,
        "title": sentence(found, name, language, day),
        "details": details(found, language),
        "advice": ADVICE[found.code].say(language),
        "start": found.start.astimezone(park.zone).isoformat(),
        "end": found.end.astimezone(park.zone).isoformat() if found.end else None,
        "since": day.isoformat(),
        "until": day_of(found.end - timedelta(microseconds=1), park.zone).isoformat() if found.end else None,
        "lost_kwh": round(found.lost_kwh, DIGITS),
        "lost_low_kwh": round(found.low_kwh, DIGITS),
        "lost_high_kwh": round(found.high_kwh, DIGITS),
        "lost_text": energy(found.lost_kwh) if lost else "",
        "money_text": money_text(found.lost_money, found.currency) if lost and found.lost_money is not None else "",
        "lost_money": found.lost_money,
        "currency": found.currency,
        "confidence": found.confidence,
        "confidence_text": percent(found.confidence, 0),
        "confidence_words": SURE.say(language).format(share=percent(found.confidence, 0)),
        "rung": found.rung,
        "rung_text": RUNG_WORDS[found.rung].say(language) if found.rung in RUNG_WORDS else "",
        "days": {d.isoformat(): round(kwh, DIGITS) for d, kwh in found.days.items()},
        "picture": _picture(park, found, language),
    }


def _picture(park: Park, found: Finding, language: Language) -> Json | None:
    picture = found.picture
    if not picture.x:
        return None
    kind, period = _LOOKS.get(picture.kind, _LOOKS["days"])
    starts = [_instant(park, found, picture, x).timestamp() for x in picture.x]
    expected = TREND if picture.kind == "trend" else EXPECTED
    return {
        "kind": kind,
        "period": period,
        "unit": picture.unit,
        "starts": starts,
        "end": starts[-1] + _LENGTHS.get(picture.kind, SLOT).total_seconds(),
        "measured": {"name": MEASURED.say(language), "values": list(picture.measured)},
        "expected": {"name": expected.say(language), "values": list(picture.expected)},
        "mark": [picture.first, picture.last],
    }


def _instant(park: Park, found: Finding, picture: Picture, x: str) -> datetime:
    if picture.kind == "slots":
        return datetime.fromisoformat(x)
    if picture.kind == "hours":
        hour, minute = x.split(":")
        start = day_bounds(day_of(found.start, park.zone), park.zone)[0]
        return start + timedelta(hours=int(hour), minutes=int(minute))
    return day_bounds(date.fromisoformat(x), park.zone)[0]
