"""Arrays and buildings as small multiples, sorted by how far they are from where they should be."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from core.park import Array, Point
from core.quantities import Scope
from core.text import MISSING, Language, Text, signed, significant
from core.timebase import SLOT, SLOT_HOURS
from core.verdict import TIER_WORDS, tier_of
from dashboards.panels import panel
from dashboards.views import words
from dashboards.views.data import LATE_SLOTS, UNKNOWN, Row, ViewData
from dashboards.views.habits import PROFILE_DAYS, SATURDAY, Floats, Loads

Json: TypeAlias = "dict[str, object]"

ARRAY_DAYS = 7
SHOWN = 24  # of many, those that need looking at
SLOTS_PER_HOUR = 4
HOURS = 24


def arrays(data: ViewData, *, everything: bool = False) -> Json:
    """Return arrays' last whole days: actual and expected in kWh per kWp, so that all share one scale.

    Where there are many, only those furthest off, unless everything is wanted.
    """
    days = [data.day - timedelta(days=n) for n in range(ARRAY_DAYS, 0, -1)]
    items = [_array(data, a, days) for a in data.park.arrays if a.valid_at(data.now)]
    items.sort(key=lambda i: -_distance(i["index"]))
    shown = items if everything else items[:SHOWN]
    return {
        "title": Text(zh=f"阵列：近 {ARRAY_DAYS} 天", en=f"Arrays: last {ARRAY_DAYS} days").say(data.language),
        "note": Text(zh="每日实发与应发，kWh/kWp，同一刻度", en="Actual and expected per day, kWh/kWp, one scale").say(
            data.language
        ),
        "items": shown,
        **more(len(items) - len(shown), data.language),
    }


def _array(data: ViewData, array: Array, days: list[date]) -> Json:
    quantities = ("generation_kwh", "expected_kwh", "energy_performance_index")
    series = [data.days.series(Scope.ARRAY, array.id, q) for q in quantities]
    rows = [[s.get(data.bounds(d)[0], UNKNOWN) for s in series] for d in days]
    judged = [(e.value, i.value) for _, e, i in rows if e.known and i.known]
    wanted = math.fsum(e for e, _ in judged)
    index = math.fsum(e * i for e, i in judged) / wanted if wanted > 0 else math.nan
    shown = panel("pv-index")
    tier = tier_of(index, shown.green or math.inf, shown.yellow or math.inf)
    lost = wanted * (1 - index)
    loss_words = Text(zh="少发", en="short by") if lost >= 0 else Text(zh="多发", en="above by")
    known = [g.value for g, _, _ in rows if g.known]
    return {
        "id": array.id,
        "name": array.name.say(data.language),
        "size": f"{significant(array.dc_kwp)} kWp",
        "index": words.number_or_none(index),
        "index_text": words.percent_text(index),
        "tier": tier.value,
        "tier_word": TIER_WORDS[tier].say(data.language),
        "lost_text": f"{loss_words.say(data.language)} {words.energy_text(abs(lost))}" if judged else None,
        "actual_text": words.energy_text(math.fsum(known)) if known else MISSING,
        "days": [_array_day(data, array, d, r) for d, r in zip(days, rows, strict=True)],
    }


def _array_day(data: ViewData, array: Array, day: date, rows: list[Row]) -> Json:
    actual, expected, _ = rows
    return {
        "day": words.day_text(day, data.language),
        "actual": words.number_or_none(actual.value / array.dc_kwp),
        "expected": words.number_or_none(expected.value / array.dc_kwp),
        "text": f"{words.energy_text(actual.value)} / {words.energy_text(expected.value)}",
        "coverage": actual.coverage,
        "estimated": actual.estimated,
    }


def buildings(data: ViewData, *, everything: bool = False) -> Json:
    """Return loads' day so far beside their own mean of comparable days up to the same time: the furthest off first.

    Where there are many, only the first ones, unless everything is wanted.
    """
    loads, elapsed = data.loads, _elapsed(data)
    order = np.argsort(-_distances(loads, elapsed), kind="stable")
    shown = order if everything else order[:SHOWN]
    weekend = data.day.weekday() >= SATURDAY
    kind = Text(zh="周末", en="weekend days") if weekend else Text(zh="工作日", en="workdays")
    return {
        "title": Text(zh="建筑与用电点：今天", en="Buildings and loads: today").say(data.language),
        "note": Text(
            zh=f"与各自近 {PROFILE_DAYS} 天{kind.zh}同时段均值相比；刻度以各自均值为 1",
            en=f"Against their own mean of {kind.en} in the last {PROFILE_DAYS} days; scale: own mean = 1",
        ).say(data.language),
        "items": [_building(data, p, n, elapsed) for p, n in _named(data, shown)],
        **more(len(order) - len(shown), data.language),
    }


def more(count: int, language: Language) -> Json:
    """Say how many are left out."""
    text = Text(zh=f"另有 {count} 个，偏差更小", en=f"{count} more, closer to where they should be")
    return {"more": count, "more_text": text.say(language) if count else None}


def _named(data: ViewData, rows: npt.NDArray[np.intp]) -> list[tuple[Point, int]]:
    points = {p.id: p for p in data.park.points}
    return [(points[data.loads.ids[n]], int(n)) for n in rows]


def _elapsed(data: ViewData) -> int:
    """Return how many of today's slots have begun and ended."""
    return min((data.now - data.bounds(data.day)[0]) // SLOT, int(data.loads.today.shape[1]))


def _distances(loads: Loads, elapsed: int) -> Floats:
    """Return how far each load is from its habit, -1 where nothing is known: for all at once."""
    today, usual = loads.today[:, :elapsed], loads.usual[:, :elapsed]
    both = np.isfinite(today) & np.isfinite(usual)
    used, habit = (np.where(both, side, 0.0).sum(axis=1) for side in (today, usual))
    ratio = np.divide(used, habit, out=np.full(len(used), np.nan), where=habit > 0)
    return np.where(np.isfinite(ratio), np.abs(ratio - 1), -1.0)


def _building(data: ViewData, point: Point, row: int, begun: int) -> Json:
    today, usual = data.loads.today[row].tolist(), data.loads.usual[row].tolist()
    elapsed = _settled(begun, today)
    both = [(a, b) for a, b in zip(today[:elapsed], usual, strict=False) if math.isfinite(a) and math.isfinite(b)]
    used, habit = math.fsum(a for a, _ in both), math.fsum(b for _, b in both)
    ratio = used / habit if habit > 0 else math.nan
    known = [a for a in today[:elapsed] if math.isfinite(a)]
    usual_known = [u for u in usual if math.isfinite(u)]
    mean_kw = math.fsum(usual_known) / len(usual_known) / SLOT_HOURS if usual_known else math.nan
    return {
        "id": point.id,
        "name": point.name.say(data.language),
        "ratio": words.number_or_none(ratio),
        "today_text": words.energy_text(math.fsum(known)) if known else MISSING,
        "usual_text": words.energy_text(habit) if both else MISSING,
        "difference_text": _difference(ratio),
        "coverage": len(known) / elapsed if elapsed else None,
        "usual_kw": words.number_or_none(mean_kw),
        "usual_kw_text": words.power_text(mean_kw),
        "elapsed_hours": -(-elapsed // SLOTS_PER_HOUR),
        "hours": _hourly(today[:elapsed]),
        "usual_hours": _hourly(usual),
    }


def _settled(elapsed: int, slots: list[float]) -> int:
    """Return how many of today's slots should be known: the newest ones may still be on their way."""
    last = max((i for i, v in enumerate(slots[:elapsed]) if math.isfinite(v)), default=-1)
    return last + 1 if elapsed - 1 - last <= LATE_SLOTS else elapsed


def _difference(ratio: float) -> str:
    if not math.isfinite(ratio):
        return MISSING
    percent = round(100 * (ratio - 1))
    return signed(f"{percent:+d} %") if percent else "±0 %"


def _hourly(slots: list[float]) -> list[float | None]:
    """Return mean kW per hour of the day; an hour with any unknown slot is unknown."""
    hours: list[float | None] = []
    for first in range(0, min(len(slots), HOURS * SLOTS_PER_HOUR), SLOTS_PER_HOUR):
        part = slots[first : first + SLOTS_PER_HOUR]
        hours.append(words.number_or_none(math.fsum(part) / len(part) / SLOT_HOURS))
    return hours + [None] * (HOURS - len(hours))


def _distance(ratio: object) -> float:
    return abs(ratio - 1) if isinstance(ratio, float) else -1.0
