"""The running month, day by day, and self-sufficiency by netting window."""

from __future__ import annotations

from datetime import date
from typing import TypeAlias

from core.quantities import quantity
from core.text import MONTHS_EN, Language, Text
from dashboards.panels import panel
from dashboards.views import words
from dashboards.views.data import ViewData

Json: TypeAlias = "dict[str, object]"

DAY_COLUMNS = ("generation_kwh", "load_kwh", "import_kwh", "export_kwh", "net_balance_kwh", "self_sufficiency")
COLUMN_WORDS = {
    "generation_kwh": Text(zh="发电", en="Generation"),
    "load_kwh": Text(zh="用电", en="Consumption"),
    "import_kwh": Text(zh="购电", en="Import"),
    "export_kwh": Text(zh="上网", en="Export"),
    "net_balance_kwh": Text(zh="净余额", en="Net balance"),
    "self_sufficiency": Text(zh="自给率", en="Self-sufficiency"),
}
NETTING = (
    ("self_sufficiency", Text(zh="按电表计量", en="as metered")),
    ("self_sufficiency_15min", Text(zh="15 分钟轧差", en="15-minute netting")),
    ("self_sufficiency_day", Text(zh="日轧差", en="daily netting")),
    ("self_sufficiency_month", Text(zh="月轧差", en="monthly netting")),
)


def month(data: ViewData) -> Json:
    """Return every day of the running month: kWh and ratio, as numbers and as text."""
    days = data.elapsed_days()
    first = days[0]
    heading = {
        Language.ZH: f"{first.year} 年 {first.month} 月",
        Language.EN: f"{MONTHS_EN[first.month - 1]} {first.year}",
    }[data.language]
    return {
        "title": heading,
        "note": panel("days").note.say(data.language),
        "columns": [{"id": c, "name": COLUMN_WORDS[c].say(data.language)} for c in DAY_COLUMNS],
        "colours": {s.quantity: s.colour for p in ("days", "day-balance") for s in panel(p).series},
        "days": [_day(data, d) for d in days],
        "total": _total(data),
        "netting": _netting(data),
    }


def _day(data: ViewData, day: date) -> Json:
    rows = {c: data.park_day(c, day) for c in DAY_COLUMNS}
    plan = data.park_day("plan_net_balance_kwh", day)
    balance = rows["net_balance_kwh"]
    return {
        "day": day.day,
        "date": day.isoformat(),
        "name": words.day_text(day, data.language),
        "weekend": day.weekday() >= 5,  # noqa: PLR2004 - Saturday
        "partial": day == data.day,
        "values": {c: words.number_or_none(r.value) for c, r in rows.items()}
        | {"plan": words.number_or_none(plan.value)},
        "text": {c: _text(c, r.value) for c, r in rows.items()},
        "coverage": balance.coverage,
        "coverage_text": words.coverage_text(balance.coverage),
        "estimated": balance.estimated,
    }


def _total(data: ViewData) -> Json:
    rows = {c: data.park_month(c) for c in DAY_COLUMNS}
    return {
        "text": {c: _text(c, r.value) for c, r in rows.items()},
        "coverage": rows["net_balance_kwh"].coverage,
        "coverage_text": words.coverage_text(rows["net_balance_kwh"].coverage),
    }


def _text(column: str, value: float) -> str:
    if quantity(column).unit == "1":
        return words.percent_text(value)
    return words.energy_text(value, signed=column == "net_balance_kwh")


def _netting(data: ViewData) -> list[Json]:
    rows = [(name, label, data.park_month(name)) for name, label in NETTING]
    return [
        {
            "id": name,
            "name": label.say(data.language),
            "value": words.number_or_none(row.value),
            "text": words.percent_text(row.value),
        }
        for name, label, row in rows
    ]
