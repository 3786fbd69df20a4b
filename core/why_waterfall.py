"""The steps of a waterfall from planned to actual balance, in words, for whoever draws it; and all of it as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.park import Park
from core.text import MISSING, Language
from core.why import Cause, Part, Why
from core.why_words import (
    ACTUAL,
    FINE_BELOW,
    OTHERS,
    PLAN,
    UNEXPLAINED,
    kwh,
    notes,
    part_name,
    period_name,
    sentence,
)

STEPS_AT_MOST = 12  # the smallest causes beyond it are one step
STEP_FROM = 0.01  # of the sum of absolute parts; smaller causes share one step too
Document = dict[str, Any]  # Any: JSON


@dataclass(frozen=True)
class Step:
    """One bar from `start` to `end`, kWh. `kind` is plan, cause, others, unexplained or actual."""

    kind: str
    name: str
    kwh: float
    start: float
    end: float
    text: str


def steps(why: Why, park: Park, language: Language) -> list[Step]:
    """Return the bars from plan to actual; none where nothing is split."""
    if why.refused is not None:
        return []
    shown, others = _shown(why.parts)
    made = [("cause", part_name(p, park, language), p.kwh) for p in shown]
    if others:
        made.append(("others", OTHERS.say(language), sum(p.kwh for p in others)))
    made.append(("unexplained", UNEXPLAINED.say(language), why.unexplained_kwh))
    digits = decimals(why)
    at = why.plan_kwh
    found = [Step("plan", PLAN.say(language), at, 0.0, at, _plain(at, digits))]
    for kind, name, size in made:
        found.append(Step(kind, name, size, at, at + size, kwh(size, digits)))
        at += size
    actual = why.actual_kwh
    return [*found, Step("actual", ACTUAL.say(language), actual, 0.0, actual, _plain(actual, digits))]


def decimals(why: Why) -> int:
    """Return how many decimals of a kWh are written: none, but where everything is small."""
    return 0 if max(abs(why.difference_kwh), why.size_kwh) >= FINE_BELOW else 1


def document(why: Why, park: Park, language: Language) -> Document:
    """Return the whole split as JSON values, with words in one language; unknown numbers are null."""
    known = why.refused is None
    digits = decimals(why) if known else 0
    return {
        "first": why.first.isoformat(),
        "last": why.last.isoformat(),
        "period": period_name(why.first, why.last, language),
        "days": why.days,
        "left_out": dict(why.left_out),
        "refused": why.refused,
        "plan_refusal": why.plan_refusal or None,
        "plan_kwh": why.plan_kwh if known else None,
        "actual_kwh": why.actual_kwh if known else None,
        "difference_kwh": round(why.difference_kwh, 3) if known else None,
        "difference_text": kwh(why.difference_kwh, digits) if known else MISSING,
        "parts": [_part(p, park, language, digits) for p in why.parts],
        "details": [_part(p, park, language, digits) | {"where": _where(p, park, language)} for p in why.details],
        "unexplained_kwh": why.unexplained_kwh if known else None,
        "withheld": known and why.withheld,
        "sentence": sentence(why, park, language),
        "notes": notes(why, language),
        "steps": [vars(s) for s in steps(why, park, language)],
    }


def _shown(parts: tuple[Part, ...]) -> tuple[list[Part], list[Part]]:
    """Return the parts that get a step, in their order, and those that share one."""
    least = STEP_FROM * sum(abs(p.kwh) for p in parts)
    large = sorted((p for p in parts if abs(p.kwh) >= least), key=lambda p: -abs(p.kwh))[: STEPS_AT_MOST - 1]
    return [p for p in parts if p in large], [p for p in parts if p not in large]


def _part(part: Part, park: Park, language: Language, digits: int) -> Document:
    return {
        "cause": part.cause,
        "entity": part.entity,
        "subject": part.subject,
        "kwh": part.kwh,
        "name": part_name(part, park, language),
        "text": kwh(part.kwh, digits),
    }


def _where(part: Part, park: Park, language: Language) -> str:
    """Name the array or load of a part whose own name does not."""
    if part.cause in {Cause.FINDING, Cause.ABOVE_BASELINE, Cause.LOAD_NOT_SPLIT, Cause.NOT_PLANNED}:
        return ""
    names = {p.id: p.name for p in park.points} | {a.id: a.name for a in park.arrays}
    return names[part.entity].say(language) if part.entity in names else ""


def _plain(value: float, digits: int) -> str:
    return kwh(value, digits).lstrip("+")
