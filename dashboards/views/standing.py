"""What each array's expectation stands on: where its light was known from, and what it learned or why it did not."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

import pandas as pd

from core.park import Park
from core.quantities import Period, Scope
from core.rungs import RUNG_WORDS
from core.standing import LATE, Standing, advice, basis_words, calibration_words, standings
from core.statements import Kind
from core.store import State, Store
from core.text import Language, Text
from dashboards.views.choosing import WORST, Filters
from dashboards.views.quality import entity_name
from dashboards.views.spans import HOUR_DAYS, Span

Json: TypeAlias = "dict[str, object]"

MOST_ARRAY_DAYS = WORST * HOUR_DAYS  # up to here every slot is counted, beyond it every day
BY_SLOT = Text(zh="占有日照的 15 分钟时段的份额", en="shares are of the quarter-hours with sun")
BY_DAY = Text(zh="占日数的份额，每日按其最差依据计", en="shares are of days, each by the worst of its sources")
TITLE = Text(zh="应发电量的依据", en="What the expectation stands on")


def standing(
    park: Park, store: Store, state: State, span: Span, now: datetime, language: Language, filters: Filters
) -> Json:
    """Return what the expectation of every array stands on, those first that have not learned, then the worst basis."""
    arrays = _arrays(park, span, filters)
    start, end = span.bounds(park.zone)
    by_slot = len(arrays) * span.length <= MOST_ARRAY_DAYS

    def rows(period: Period, quantity: str) -> pd.DataFrame:
        until = min(end, now - LATE) if period is Period.SLOT else end
        return store.slots(period, start, until, scope=Scope.ARRAY.value, entities=arrays, quantities=[quantity])

    found = standings(
        arrays,
        state.statements(Kind.CALIBRATION),
        rows(Period.SLOT if by_slot else Period.DAY, "expected_kwh"),
        rows(Period.DAY, "calibration_factor"),
        (start, min(end, now)),
        park.zone,
    )
    ranked = sorted(found, key=lambda a: (found[a].factor is not None, -_lowest(found[a])))
    shown = ranked if filters.all or filters.array else ranked[:WORST]
    return {
        "title": TITLE.say(language),
        "note": (BY_SLOT if by_slot else BY_DAY).say(language),
        "arrays": [_told(park, a, found[a], language) for a in shown],
        "more": len(ranked) - len(shown),
    }


def _arrays(park: Park, span: Span, filters: Filters) -> list[str]:
    start, end = span.bounds(park.zone)
    there = (a for a in park.arrays if a.id == (filters.array or a.id))
    return list(
        dict.fromkeys(
            a.id
            for a in there
            if (a.valid_from is None or a.valid_from < end) and (a.valid_to is None or a.valid_to > start)
        )
    )


def _lowest(found: Standing) -> int:
    order = list(RUNG_WORDS)
    return max((order.index(rung) for rung in found.shares), default=len(order))


def _told(park: Park, array: str, found: Standing, language: Language) -> Json:
    todo = advice(found)
    return {
        "entity": array,
        "entity_name": entity_name(park, array).say(language),
        "basis": [
            {"rung": rung, "words": RUNG_WORDS[rung].say(language), "share": round(share, 4)}
            for rung, share in found.shares.items()
        ],
        "basis_text": basis_words(found).say(language),
        "calibrated": found.factor is not None,
        "calibration_text": calibration_words(found).say(language),
        "advice": todo.say(language) if todo else None,
        "factor": None if found.factor is None else round(found.factor, 6),
        "since": found.since.isoformat() if found.since else None,
        "learned_from": found.first_day.isoformat() if found.first_day else None,
        "learned_to": found.last_day.isoformat() if found.last_day else None,
        "learned_days": found.days,
        "refused": found.refused or None,
    }
