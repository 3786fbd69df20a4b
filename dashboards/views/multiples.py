"""Arrays and buildings as small multiples, sorted by how far they are from where they should be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TypeAlias

from core.park import Array, Point
from core.quantities import Scope
from core.text import MISSING, Text, significant
from core.timebase import SLOT, SLOT_HOURS
from core.verdict import TIER_WORDS, tier_of
from dashboards.panels import panel
from dashboards.views import words
from dashboards.views.data import LATE_SLOTS, PROFILE_DAYS, Row, ViewData

Json: TypeAlias = "dict[str, object]"

ARRAY_DAYS = 7
LEAST_DAYS = 3  # fewer comparable days are no habit
SLOTS_PER_HOUR = 4
HOURS = 24
SATURDAY = 5


def arrays(data: ViewData) -> Json:
    """Return every array's last whole days: actual and expected in kWh per kWp, so that all share one scale."""
    days = [data.day - timedelta(days=n) for n in range(ARRAY_DAYS, 0, -1)]
    items = [_array(data, a, days) for a in data.park.arrays if a.valid_at(data.now)]
    items.sort(key=lambda i: -_distance(i["index"]))
    return {
        "title": Text(zh=f"阵列：近 {ARRAY_DAYS} 天", en=f"Arrays: last {ARRAY_DAYS} days").say(data.language),
        "note": Text(zh="每日实发与应发，kWh/kWp，同一刻度", en="Actual and expected per day, kWh/kWp, one scale").say(
            data.language
        ),
        "items": items,
    }


def _array(data: ViewData, array: Array, days: list[date]) -> Json:
    quantities = ("generation_kwh", "expected_kwh", "energy_performance_index")
    series = [data.days.series(Scope.ARRAY, array.id, q) for q in quantities]
    rows = [[s.get(data.bounds(d)[0], Row()) for s in series] for d in days]
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


def buildings(data: ViewData) -> Json:
    """Return every load's day so far beside its own mean of comparable days up to the same time."""
    items = [_building(data, p) for p in data.park.top_loads()]
    items.sort(key=lambda i: -_distance(i["ratio"]))
    weekend = data.day.weekday() >= SATURDAY
    kind = Text(zh="周末", en="weekend days") if weekend else Text(zh="工作日", en="workdays")
    return {
        "title": Text(zh="建筑与用电点：今天", en="Buildings and loads: today").say(data.language),
        "note": Text(
            zh=f"与各自近 {PROFILE_DAYS} 天{kind.zh}同时段均值相比；刻度以各自均值为 1",
            en=f"Against their own mean of {kind.en} in the last {PROFILE_DAYS} days; scale: own mean = 1",
        ).say(data.language),
        "items": items,
    }


def _building(data: ViewData, point: Point) -> Json:
    series = data.slots.series(Scope.POINT, point.id, "load_kwh")
    today = _slots_of(data, series, data.day)
    usual = _usual(data, series, len(today))
    elapsed = _settled((data.now - data.bounds(data.day)[0]) // SLOT, today)
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
    return words.minus(f"{percent:+d} %") if percent else "±0 %"


def _slots_of(data: ViewData, series: Mapping[datetime, Row], day: date) -> list[float]:
    start, end = data.bounds(day)
    return [
        series[t].value if t in series else math.nan for t in (start + n * SLOT for n in range((end - start) // SLOT))
    ]


def _usual(data: ViewData, series: Mapping[datetime, Row], length: int) -> list[float]:
    """Return the mean of each slot over earlier days of the same kind; NaN where fewer than LEAST_DAYS know it."""
    weekend = data.day.weekday() >= SATURDAY
    earlier = [data.day - timedelta(days=n) for n in range(1, PROFILE_DAYS + 1)]
    profiles = [_slots_of(data, series, d) for d in earlier if (d.weekday() >= SATURDAY) == weekend]
    means = []
    for i in range(length):
        known = [p[i] for p in profiles if i < len(p) and math.isfinite(p[i])]
        means.append(math.fsum(known) / len(known) if len(known) >= LEAST_DAYS else math.nan)
    return means


def _hourly(slots: list[float]) -> list[float | None]:
    """Return mean kW per hour of the day; an hour with any unknown slot is unknown."""
    hours: list[float | None] = []
    for first in range(0, min(len(slots), HOURS * SLOTS_PER_HOUR), SLOTS_PER_HOUR):
        part = slots[first : first + SLOTS_PER_HOUR]
        hours.append(words.number_or_none(math.fsum(part) / len(part) / SLOT_HOURS))
    return hours + [None] * (HOURS - len(hours))


def _distance(ratio: object) -> float:
    return abs(ratio - 1) if isinstance(ratio, float) else -1.0
