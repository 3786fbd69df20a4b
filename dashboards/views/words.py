"""Numbers, dates and short phrases as the page shows them."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta

from core.text import (
    MISSING,
    MONTHS_EN,
    Language,
    Text,
    day_name,
    energy,
    is_zero,
    percent,
    significant,
)
from core.text import signed as with_minus

TONNE_FROM_KG = 10_000
DECIMALS = 2  # of kW and kg, where three figures would be finer


def number_or_none(value: float | None) -> float | None:
    """Return a number JSON can hold; missing stays missing."""
    return None if value is None or not math.isfinite(value) else float(value)


def energy_text(kwh: float, *, signed: bool = False) -> str:
    """Write an energy with its unit."""
    return with_sign(kwh, energy(kwh)) if signed else energy(kwh)


def percent_text(ratio: float) -> str:
    """Write a ratio in percent, three figures."""
    whole = math.isfinite(ratio) and round(abs(ratio), 3) >= 1
    return percent(ratio, 0 if whole else 1)


def coverage_text(share: float) -> str:
    """Write a measured share in percent, rounded down: only what is whole is called 100 %."""
    return percent_text(math.floor(share * 1000 + 1e-6) / 1000) if math.isfinite(share) else MISSING


def points_text(difference: float, language: Language) -> str:
    """Write the difference of two ratios in percentage points."""
    unit = "个百分点" if language is Language.ZH else "points"
    figure = f"{100 * difference:.1f}"
    written = "±0" if is_zero(figure) else with_sign(difference, with_minus(figure))
    return f"{written} {unit}"


def carbon_text(kg: float, *, signed: bool = False) -> str:
    """Write an amount of carbon dioxide with its unit; tonnes from 10,000 kg on."""
    if not math.isfinite(kg):
        return MISSING
    heavy = abs(kg) >= TONNE_FROM_KG
    text = f"{significant(kg / 1000)} t CO₂" if heavy else f"{significant(kg, decimals=DECIMALS)} kg CO₂"
    return with_sign(kg, text) if signed else text


def power_text(kw: float | None) -> str:
    """Write a power with its unit."""
    if kw is None or not math.isfinite(kw):
        return MISSING
    return f"{significant(kw, decimals=DECIMALS)} kW" if abs(kw) >= 0.05 else "0 kW"  # noqa: PLR2004 - 50 W is nothing here


def money_text(amount: float, currency: str) -> str:
    """Write an amount of money."""
    return with_minus(f"{amount:,.0f} {currency}") if math.isfinite(amount) else MISSING


def split_unit(text: str) -> tuple[str, str]:
    """Part "412 kWh" into number and unit, so that they can be set in two sizes."""
    number, _, unit = text.partition(" ")
    return number, unit


def day_text(day: date, language: Language) -> str:
    """Write a day without its year."""
    return day_name(day.month, day.day, language)


def days_text(first: date, last: date, language: Language) -> str:
    """Write a span of days within one month."""
    if first == last:
        return day_text(first, language)
    if language is Language.ZH:
        return f"{first.month} 月 {first.day}–{last.day} 日"
    return f"{first.day}–{last.day} {MONTHS_EN[first.month - 1]}"


def month_so_far(day: date) -> Text:
    """Name the running month as the subject of a sentence."""
    return Text(zh=f"{day.month} 月至今", en=f"{MONTHS_EN[day.month - 1]} so far")


def age_text(age: timedelta, language: Language) -> str:
    """Write how long ago something was."""
    minutes = int(age.total_seconds() // 60)
    zh = language is Language.ZH
    if minutes < 1:
        return "刚刚" if zh else "just now"
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes} 分钟前" if zh else f"{minutes} min ago"
    hours, days = minutes // 60, minutes // 1440
    if days < 2:  # noqa: PLR2004 - up to two days hours say more
        return f"{hours} 小时前" if zh else f"{hours} h ago"
    return f"{days} 天前" if zh else f"{days} days ago"


def span_text(span: timedelta, language: Language) -> str:
    """Write how long something lasted."""
    minutes = max(0, round(span.total_seconds() / 60))
    days, hours, rest = minutes // 1440, minutes % 1440 // 60, minutes % 60
    units = ("天", "小时", "分钟") if language is Language.ZH else ("d", "h", "min")
    # Nobody needs the minutes of days.
    parts = list(zip((days, hours, rest), units, strict=True))[: 2 if days else 3]
    return " ".join(f"{n} {unit}" for n, unit in parts if n) or f"0 {units[2]}"


def when_text(instant: datetime, data_day: date, language: Language) -> str:
    """Write a local instant; the date only where it is not today's."""
    clock = instant.strftime("%H:%M")
    return clock if instant.date() == data_day else f"{day_text(instant.date(), language)} {clock}"


def with_sign(value: float, text: str) -> str:
    """Put a plus before what is written of a positive value; what rounds to zero has no sign."""
    return f"+{text}" if value > 0 and not is_zero(text) else text
