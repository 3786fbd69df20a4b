"""The five numbers: each with its window, tier, trend against the period before, and coverage."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeAlias

from core.quantities import Period, Scope
from core.store import AlertRecord
from core.text import Language, Text, percent
from core.timebase import SLOT
from core.verdict import MIN_COVERAGE, TIER_WORDS, Tier, net_zero_tier, target_for, tier_of
from dashboards.panels import panel
from dashboards.views import words
from dashboards.views.data import Row, ViewData

Json: TypeAlias = "dict[str, object]"
Write: TypeAlias = Callable[[float], str]


@dataclass(frozen=True)
class Trend:
    """A value over some days beside the value over the same days of the month before."""

    now: float
    before: float
    first: date
    last: date


def five_numbers(data: ViewData, alerts: list[AlertRecord]) -> list[Json]:
    """Return the numbers of the first screen, in their order."""
    return [
        _self_sufficiency(data),
        _net_balance(data),
        _pv_index(data),
        _carbon(data),
        _open_alerts(data, alerts),
    ]


def _self_sufficiency(data: ViewData) -> Json:
    row = data.park_month("self_sufficiency")
    target = target_for(data.park, "self_sufficiency", data.now)
    tier = tier_of(row.value, target.green, target.yellow) if target else None
    today = data.park_day("self_sufficiency", data.day)
    lines = [_line(data, Text(zh="今日", en="Today"), words.percent_text(today.value), _today_trend(data))]
    if target:
        goal = Text(zh="目标", en="Target")
        lines.append(_line(data, goal, f"≥ {percent(target.green, 0)}"))
    return _number(
        data,
        "self-sufficiency",
        row,
        words.percent_text,
        tier=tier,
        lines=lines,
        trend=_ratio_trend(data, "self_consumed_kwh", "load_kwh"),
    )


def _net_balance(data: ViewData) -> Json:
    def signed(kwh: float) -> str:
        return words.energy_text(kwh, signed=True)

    row = data.park_month("net_balance_kwh")
    ratio = data.park_month("net_zero_ratio")
    tier = net_zero_tier(data.park, ratio.value, row.coverage, data.now)
    lines = [_line(data, Text(zh="净零率", en="Net-zero ratio"), words.percent_text(ratio.value))]
    today = data.park_day("net_balance_kwh", data.day)
    lines.append(_line(data, Text(zh="今日", en="Today"), words.energy_text(today.value, signed=True)))
    return _number(
        data,
        "net-balance",
        row,
        signed,
        tier=tier,
        lines=lines,
        trend=_amount_trend(data, "net_balance_kwh", signed, signed, higher_is_better=True),
    )


def _pv_index(data: ViewData) -> Json:
    row = data.park_month("energy_performance_index")
    shown = panel("pv-index")
    tier = tier_of(row.value, shown.green or math.inf, shown.yellow or math.inf)
    today = data.park_day("energy_performance_index", data.day)
    # What stands beside the ratio is what it was made of: the slots of which both are known.
    expected = data.park_month("generation_kwh").value / row.value if row.known and row.value > 0 else math.nan
    lines = [
        _line(data, Text(zh="今日", en="Today"), words.percent_text(today.value)),
        _line(data, Text(zh="应发", en="Expected"), words.energy_text(expected)),
    ]
    return _number(data, "pv-index", row, words.percent_text, tier=tier, lines=lines, trend=_index_trend(data))


def _carbon(data: ViewData) -> Json:
    row = data.park_month("carbon_kg")
    today = data.park_day("carbon_kg", data.day)
    imported = data.park_month("import_kwh")
    lines = [
        _line(data, Text(zh="今日", en="Today"), words.carbon_text(today.value)),
        _line(data, Text(zh="购电", en="Grid import"), words.energy_text(imported.value)),
    ]
    trend = _amount_trend(
        data, "carbon_kg", words.carbon_text, lambda v: words.carbon_text(v, signed=True), higher_is_better=False
    )
    return _number(data, "carbon", row, words.carbon_text, tier=None, lines=lines, trend=trend)


def _open_alerts(data: ViewData, alerts: list[AlertRecord]) -> Json:
    firing = [a for a in alerts if a.state == "firing"]
    severe = sum(a.severity == "critical" for a in firing)
    tier = Tier.RED if severe else Tier.YELLOW if firing else Tier.GREEN
    word = {
        Tier.RED: Text(zh="请立即处理", en="act now"),
        Tier.YELLOW: Text(zh="请关注", en="have a look"),
        Tier.GREEN: Text(zh="无告警", en="all clear"),
    }[tier]
    since = data.now - timedelta(hours=24)
    resolved = sum(
        a.state == "resolved" and a.fired_at is not None and a.resolved_at is not None and a.resolved_at >= since
        for a in alerts
    )
    fresh = sum((a.fired_at or a.active_at) >= since for a in firing)
    lines = [
        _line(data, Text(zh="24 小时内新增", en="New in 24 h"), str(fresh)),
        _line(data, Text(zh="24 小时内恢复", en="Resolved in 24 h"), str(resolved)),
    ]
    say = data.language
    return {
        "id": "alerts",
        "title": Text(zh="未恢复告警", en="Open alerts").say(say),
        "note": Text(zh="已触发且尚未恢复的告警", en="Alerts that fired and have not cleared").say(say),
        "value": len(firing),
        "text": str(len(firing)),
        "unit": "",
        "window": Text(zh="此刻", en="now").say(say),
        "tier": tier.value,
        "tier_word": word.say(say),
        "lines": lines,
        "trend": None,
        "coverage": None,
        "estimated": None,
        "leads_to": "alerts",
    }


def _number(
    data: ViewData, panel_id: str, row: Row, write: Write, *, tier: Tier | None, lines: list[Json], trend: Json | None
) -> Json:
    shown = panel(panel_id)
    if row.coverage < MIN_COVERAGE or not row.known:
        tier = Tier.UNKNOWN
    text, unit = words.split_unit(write(row.value))
    first = data.month[0].astimezone(data.park.zone).date()
    window = {
        Language.ZH: f"{words.day_text(first, data.language)}至今",
        Language.EN: f"{words.day_text(first, data.language)} to now",
    }[data.language]
    if shown.series[0].period is Period.DAY:
        window = Text(zh="今日至今", en="today so far").say(data.language)
    return {
        "id": panel_id,
        "title": shown.title.say(data.language),
        "note": shown.note.say(data.language),
        "value": words.number_or_none(row.value),
        "text": text,
        "unit": unit,
        "window": window,
        "tier": tier.value if tier else None,
        "tier_word": TIER_WORDS[tier].say(data.language) if tier else None,
        "lines": lines,
        "trend": trend,
        "coverage": words.number_or_none(row.coverage),
        "estimated": words.number_or_none(row.estimated),
        "leads_to": {"pv-index": "pv", "carbon": "carbon"}.get(panel_id, "energy"),
    }


def _line(data: ViewData, label: Text, text: str, trend: Json | None = None) -> Json:
    return {"label": label.say(data.language), "text": text, "trend": trend}


def _like_for_like(data: ViewData, quantities: tuple[str, ...]) -> tuple[list[list[float]], list[list[float]]] | None:
    """Return, per quantity, the whole days of this month and the same days of the month before.

    None where a day is missing or thinly measured on either side: an unfair comparison is worse than none.
    """
    pairs = _day_pairs(data)
    if not pairs:
        return None
    sides: list[list[list[float]]] = []
    for side in zip(*pairs, strict=True):
        columns = [[data.park_day(q, d) for d in side] for q in quantities]
        if any(not r.known or r.coverage < MIN_COVERAGE for column in columns for r in column):
            return None
        sides.append([[r.value for r in column] for column in columns])
    return sides[0], sides[1]


def _day_pairs(data: ViewData) -> list[tuple[date, date]]:
    """Return (day, same day of the month before) for every whole day of this month that has one."""
    earlier = ((d, _month_earlier(d)) for d in data.elapsed_days()[:-1])
    return [(day, before) for day, before in earlier if before]


def _month_earlier(day: date) -> date | None:
    last_of_previous = day.replace(day=1) - timedelta(days=1)
    return None if day.day > last_of_previous.day else last_of_previous.replace(day=day.day)


def _amount_trend(
    data: ViewData, quantity: str, write: Write, write_change: Write, *, higher_is_better: bool
) -> Json | None:
    sides = _like_for_like(data, (quantity,))
    if sides is None:
        return None
    now, before = (sum(columns[0]) for columns in sides)
    return _trend(data, now - before, write_change(now - before), write(before), higher_is_better=higher_is_better)


def _ratio_trend(data: ViewData, part: str, whole: str) -> Json | None:
    sides = _like_for_like(data, (part, whole))
    if sides is None or any(sum(columns[1]) <= 0 for columns in sides):
        return None
    now, before = (sum(columns[0]) / sum(columns[1]) for columns in sides)
    return _points(data, now, before)


def _index_trend(data: ViewData) -> Json | None:
    sides = _like_for_like(data, ("energy_performance_index", "expected_kwh"))
    if sides is None or any(sum(columns[1]) <= 0 for columns in sides):
        return None
    now, before = (
        sum(index * weight for index, weight in zip(*columns, strict=True)) / sum(columns[1]) for columns in sides
    )
    return _points(data, now, before)


def _points(data: ViewData, now: float, before: float) -> Json:
    difference = words.points_text(now - before, data.language)
    return _trend(data, round(now - before, 3), difference, words.percent_text(before), higher_is_better=True)


def _trend(data: ViewData, difference: float, text: str, before: str, *, higher_is_better: bool) -> Json:
    before_days = [before for _, before in _day_pairs(data)]
    count, against = len(before_days), words.days_text(before_days[0], before_days[-1], data.language)
    whole = Text(zh=f"{count} 个整日", en=f"{count} whole {'day' if count == 1 else 'days'}").say(data.language)
    return _movement(
        difference, text, f"{against} {before}", whole, higher_is_better=higher_is_better, language=data.language
    )


def _movement(
    difference: float, text: str, against: str, over: str, *, higher_is_better: bool, language: Language
) -> Json:
    better = None if difference == 0 else (difference > 0) == higher_is_better
    return {
        "text": text,
        "against": _against(over, against, language),
        "direction": "up" if difference > 0 else "down" if difference < 0 else "flat",
        "better": better,
    }


def _against(over: str, against: str, language: Language) -> str:
    """Say what is compared: the number beside it also counts the running day, the comparison does not."""
    compared = f"对比 {against}" if language is Language.ZH else f"vs {against}"
    return f"{over}{'，' if language is Language.ZH else ', '}{compared}" if over else compared


def _today_trend(data: ViewData) -> Json | None:
    """Compare today's self-sufficiency with yesterday's up to the same slot."""
    start, _ = data.bounds(data.day)
    yesterday, _ = data.bounds(data.day - timedelta(days=1))
    count = (data.now - start) // SLOT
    shares = [_share(data, first, count) for first in (start, yesterday)]
    if any(s is None for s in shares):
        return None
    now, before = (s for s in shares if s is not None)
    if now == before == 0:
        return None  # nothing to compare before sunrise
    text = words.points_text(now - before, data.language)
    same_time = Text(zh="昨日同时段", en="yesterday by this time").say(data.language)
    against = f"{same_time} {words.percent_text(before)}"
    return _movement(round(now - before, 3), text, against, "", higher_is_better=True, language=data.language)


def _share(data: ViewData, start: datetime, count: int) -> float | None:
    used, load = (data.slots.series(Scope.PARK, data.park.id, q) for q in ("self_consumed_kwh", "load_kwh"))
    both = [
        (used[t].value, load[t].value)
        for t in (start + n * SLOT for n in range(count))
        if t in used and t in load and used[t].known and load[t].known
    ]
    total = sum(whole for _, whole in both)
    if len(both) < MIN_COVERAGE * count or total <= 0:
        return None
    return sum(part for part, _ in both) / total
