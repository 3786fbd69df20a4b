"""Alerts in words, made late: from a rule's text and the alert's parameters, for one language.

How a parameter is written follows from the end of its name: `_kwh` energy, `_ratio` and `_share` percent, `_index` two
decimals, `_fault` what was found and `_remedy` what to do about it, `_why` a day's split, `_day` and `_at` dates and times of the park, `_minutes` a duration, `_money` an amount in `currency`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime

from core.findings import ADVICE, FAULT_WORDS, Fault
from core.park import Park
from core.quantities import quantity, spoken
from core.store import AlertRecord
from core.text import MISSING, Language, Text, day_name, energy, month_name, percent, signed, significant
from core.verdict import TIER_WORDS, Tier
from core.why import unpacked
from core.why_words import because
from core.words import AlertSpeaker, AlertWords
from rules.library_file import all_rules
from rules.lifecycle import AlertState
from rules.rule import Rule
from rules.threshold import Threshold

_CURRENCY = {"CNY": Text(zh="{amount} 元", en="CNY {amount}")}
_OF_FAULT = {"fault": FAULT_WORDS, "remedy": ADVICE}
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_WHOLE_FROM = 100  # amounts of money from here on are written without decimals

Write = Callable[[str], str | None]


def speaker(park: Park) -> AlertSpeaker:
    """Return what puts this park's alerts into words."""
    rules = {r.id: r for r in all_rules(park)}
    names = {p.id: p.name for p in park.points} | {a.id: a.name for a in park.arrays} | {park.id: park.name}

    def say(alert: AlertRecord, language: Language) -> AlertWords:
        name = names.get(alert.entity, Text(zh=alert.entity, en=alert.entity)).say(language)
        rule = rules.get(alert.rule)
        if rule is None:
            return AlertWords(_unknown_rule(alert, name).say(language), "")
        write = _writer(alert, rule, name, park, language)
        title = rule.text.resolved if alert.state == AlertState.RESOLVED else rule.text.title
        texts = (title, rule.text.detail, rule.text.advice)
        return AlertWords(*(fill(t.say(language), write) for t in texts))

    return say


def rule_names(park: Park) -> dict[str, Text]:
    """Return what every rule of a park is called, also of those switched off."""
    return {r.id: r.name or Text(zh=r.id, en=r.id) for r in all_rules(park)}


def fill(template: str, write: Write) -> str:
    """Fill placeholders; a part in square brackets whose parameters are not all known is left out."""

    def optional(part: re.Match[str]) -> str:
        known = all(write(name) is not None for name in _PLACEHOLDER.findall(part[1]))
        return part[1] if known else ""

    kept = _OPTIONAL.sub(optional, template)
    return _PLACEHOLDER.sub(lambda found: write(found[1]) or MISSING, kept)


def _unknown_rule(alert: AlertRecord, name: str) -> Text:
    return Text(zh=f"{name}：规则 {alert.rule} 已不存在", en=f"{name}: the rule {alert.rule} is gone")


def _writer(alert: AlertRecord, rule: Rule, name: str, park: Park, language: Language) -> Write:
    params = {k: v for k, v in (alert.params or {}).items() if v != ""}

    def write(key: str) -> str | None:
        if key == "name":
            return name
        if isinstance(rule.watch, Threshold) and key in {"quantity", "value", "bound"}:
            return _of_quantity(key, rule.watch.quantity, params, language)
        if key not in params:
            return None
        found = params[key]
        if isinstance(found, str):
            return _text(key, found, park, language)
        return _number(key, found, params, language) if math.isfinite(found) else None

    return write


def _number(key: str, value: float, params: Mapping[str, float | str], language: Language) -> str:
    ways: dict[str, Callable[[], str]] = {
        "kwh": lambda: energy(value),
        "share": lambda: percent(value, 0),
        "ratio": lambda: percent(value),
        "index": lambda: signed(f"{value:.2f}"),
        "minutes": lambda: _duration(value, language),
        "money": lambda: _money(value, str(params.get("currency", "")), language),
    }
    way = ways.get(key.rsplit("_", 1)[-1])
    return way() if way else signed(f"{value:,.10g}")


def _text(key: str, value: str, park: Park, language: Language) -> str | None:
    end = key.rsplit("_", 1)[-1]
    if end == "why":
        split = unpacked(value)
        return (because(split, park, language) or None) if split else None
    if end == "day":
        return _day(date.fromisoformat(value), language)
    if end == "at":
        local = datetime.fromisoformat(value).astimezone(park.zone)
        separator = " " if language is Language.ZH else ", "
        return f"{_day(local.date(), language)}{separator}{local:%H:%M}"
    if end == "month":
        return month_name(int(value.split("-")[1]), language)
    if end in _OF_FAULT:
        return _OF_FAULT[end][Fault(value)].say(language)
    return TIER_WORDS[Tier(value)].say(language) if end == "tier" else spoken(value, language)


def _of_quantity(key: str, name: str, params: Mapping[str, float | str], language: Language) -> str | None:
    row = quantity(name)
    if key == "quantity":
        return row.zh if language is Language.ZH else row.en
    found = params.get(key)
    if not isinstance(found, int | float):
        return None
    if row.unit == "kWh":
        return energy(found)
    return percent(found) if row.unit == "1" else f"{significant(found)} {row.unit}"


def _day(day: date, language: Language) -> str:
    return day_name(day.month, day.day, language)


def _money(amount: float, currency: str, language: Language) -> str:
    written = signed(f"{amount:,.0f}") if abs(amount) >= _WHOLE_FROM else significant(amount)
    return (
        _CURRENCY.get(currency, Text(zh="{amount} {code}", en="{code} {amount}"))
        .say(language)
        .format(amount=written, code=currency)
    )


def _duration(minutes: float, language: Language) -> str:
    whole = round(minutes)
    days, hours, rest = whole // 1440, whole % 1440 // 60, whole % 60
    zh, en = (("天", "小时", "分钟"), ("d", "h", "min"))
    units = zh if language is Language.ZH else en
    # Nobody needs the minutes of a silence of days.
    parts = [(days, units[0]), (hours, units[1]), (rest, units[2])][: 2 if days else 3]
    return " ".join(f"{n} {unit}" for n, unit in parts if n) or f"0 {units[2]}"
