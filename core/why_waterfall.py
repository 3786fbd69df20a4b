"""The steps of a waterfall from planned to actual balance, in words, for whoever draws it; and all of it as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.park import Park
from core.text import MISSING, Language
from core.why import Part, Why
from core.why_words import (
    ACTUAL,
    FOUND,
    OTHERS,
    PLAN,
    UNEXPLAINED,
    decimals,
    kwh,
    notes,
    part_name,
    said_period,
    sentence,
    where,
)

Document = dict[str, Any]  # Any: JSON


@dataclass(frozen=True)
class Step:
    """One bar from `start` to `end`, kWh. `kind` is plan, cause, others, unexplained or actual.

    `found` is what a finding says of its fault where that is another number.
    """

    kind: str
    name: str
    kwh: float
    start: float
    end: float
    text: str
    found: str = ""


def steps(why: Why, park: Park, language: Language) -> list[Step]:
    """Return the bars from plan to actual; none where nothing is split."""
    if why.refused is not None:
        return []
    digits = decimals(why)
    made = [("cause", part_name(p, park, language), p.kwh, _found(p, digits, language)) for p in why.named]
    if len(why.named) < len(why.parts):
        made.append(("others", OTHERS.say(language), why.others_kwh, ""))
    made.append(("unexplained", UNEXPLAINED.say(language), why.unexplained_kwh, ""))
    at = why.plan_kwh
    found = [Step("plan", PLAN.say(language), at, 0.0, at, _plain(at, digits))]
    for kind, name, size, as_found in made:
        found.append(Step(kind, name, size, at, at + size, kwh(size, digits), as_found))
        at += size
    actual = why.actual_kwh
    return [*found, Step("actual", ACTUAL.say(language), actual, 0.0, actual, _plain(actual, digits))]


def document(why: Why, park: Park, language: Language) -> Document:
    """Return the whole split as JSON values, with words in one language; unknown numbers are null."""
    known = why.refused is None
    digits = decimals(why) if known else 0
    return {
        "first": why.first.isoformat(),
        "last": why.last.isoformat(),
        "period": said_period(why, park, language),
        "days": why.days,
        "until": why.until.astimezone(park.zone).isoformat() if why.until else None,
        "left_out": dict(why.left_out),
        "refused": why.refused,
        "plan_refusal": why.plan_refusal or None,
        "plan_kwh": why.plan_kwh if known else None,
        "actual_kwh": why.actual_kwh if known else None,
        "difference_kwh": round(why.difference_kwh, 3) if known else None,
        "difference_text": kwh(why.difference_kwh, digits) if known else MISSING,
        "parts": [_part(p, park, language, digits) for p in why.parts],
        "details": [
            _part(p, park, language, digits) | {"where": place.say(language) if (place := where(p, park)) else ""}
            for p in why.details
        ],
        "unexplained_kwh": why.unexplained_kwh if known else None,
        "withheld": known and why.withheld,
        "sentence": sentence(why, park, language),
        "notes": notes(why, park, language),
        "steps": [vars(s) for s in steps(why, park, language)],
    }


def _part(part: Part, park: Park, language: Language, digits: int) -> Document:
    return {
        "cause": part.cause,
        "entity": part.entity,
        "subject": part.subject,
        "kwh": part.kwh,
        "name": part_name(part, park, language),
        "text": kwh(part.kwh, digits),
        "found_kwh": round(part.found_kwh, 3) if part.found_kwh else None,
        "found_text": kwh(part.found_kwh, digits) if part.found_kwh else MISSING,
        "found": _found(part, digits, language),
    }


def _found(part: Part, digits: int, language: Language) -> str:
    """Say what the finding says of a part where that is another number."""
    return FOUND.say(language).format(kwh=kwh(part.found_kwh, digits)) if part.apart else ""


def _plain(value: float, digits: int) -> str:
    return kwh(value, digits).lstrip("+")
