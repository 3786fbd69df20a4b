"""What the charts of the PDF show, as plain numbers; the template only draws them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from core.rungs import RUNG_WORDS
from core.text import Language
from reports.figures import NAN
from reports.numbers import MINUS, fixed, percentage, portion
from reports.pv import QUARTERS
from reports.report import FaultLine, MonthlyReport
from reports.wording import word

TICKS = 5
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
Chart = dict[str, Any]  # Any: handed to the template as JSON


def ticks(low: float, high: float, count: int = TICKS) -> list[float]:
    """Return round numbers from at or below `low` to at or above `high`; zero is always among them."""
    low, high = min(0.0, low), max(0.0, high)
    if high == low:
        high = 1.0
    raw = (high - low) / count
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(s * magnitude for s in STEPS if s * magnitude >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [n * step for n in range(first, last + 1)]


def _axis(values: Iterable[float]) -> list[dict[str, object]]:
    known = [v for v in values if math.isfinite(v)]
    at = ticks(min(known, default=0.0), max(known, default=1.0))
    step = at[1] - at[0]
    decimals = 0 if step >= 1 else -math.floor(math.log10(step))
    return [{"at": v, "label": f"{v:,.{decimals}f}".replace("-", MINUS)} for v in at]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _daily(report: MonthlyReport, name: str) -> list[float]:
    """Return a series over the whole month's calendar; days that are unknown or to come are NaN."""
    found = {d.day.day: d.figures[name].value for d in report.energy.days}
    return [found.get(n, NAN) for n in range(1, _length(report) + 1)]


def _length(report: MonthlyReport) -> int:
    return len(report.pv.heat.kw)


def daily_chart(report: MonthlyReport, language: Language) -> Chart:
    """Bars of generation and consumption with the expectation as a dashed mark, kWh per day."""
    series = {n: _daily(report, n) for n in ("generation_kwh", "load_kwh", "expected_kwh")}
    return {
        "unit": "kWh",
        "days": _length(report),
        "elapsed": len(report.energy.days),
        "ticks": _axis(v for values in series.values() for v in values),
        "bars": [
            _bars(word("generation", language), "amber", series["generation_kwh"]),
            _bars(word("load", language), "slate", series["load_kwh"]),
        ],
        "marks": _bars(word("expected", language), "amber", series["expected_kwh"]),
    }


MOST_PICTURES = 6
MOST_BARS = 20  # lying bars that leave room on a page for the table below them
NAN_LAST = math.inf
MOST_LABELS = 8


def fault_charts(report: MonthlyReport, language: Language) -> list[Chart]:
    """Measured against expected for the faults that cost most."""
    return [_fault_chart(line, language) for line in report.pv.faults[:MOST_PICTURES] if line.picture.x]


def _fault_chart(line: FaultLine, language: Language) -> Chart:
    picture = line.picture
    percent = picture.unit == "1"
    factor = 100.0 if percent else 1.0
    columns = [[None if v is None else v * factor for v in c] for c in (picture.measured, picture.expected)]
    every = -(-len(picture.x) // MOST_LABELS)
    part = {"slots": slice(11, 16), "hours": slice(None)}.get(picture.kind, slice(5, None))
    return {
        "title": f"{line.entity_name.say(language)}: {line.kind.say(language)}",
        "under": _basis(line, language),
        "expected_name": word("trend" if picture.kind == "trend" else "fault_expected", language),
        "unit": "%" if percent else picture.unit,
        "ticks": _axis(v for column in columns for v in column if v is not None),
        "measured": columns[0],
        "expected": columns[1],
        "bars": picture.kind == "days",
        "labels": [{"at": n, "label": x[part]} for n, x in enumerate(picture.x) if n % every == 0],
        "first": picture.first,
        "last": picture.last,
    }


def _basis(line: FaultLine, language: Language) -> str:
    """Say what the expectation of a fault was known from."""
    if line.rung not in RUNG_WORDS:
        return ""
    return word("compared_with", language, basis=RUNG_WORDS[line.rung].say(language))


def balance_chart(report: MonthlyReport, language: Language) -> Chart:
    """Bars of net balance above and below zero with the plan as a dashed mark, kWh per day."""
    actual, plan = _daily(report, "net_balance_kwh"), _daily(report, "plan_net_balance_kwh")
    return {
        "unit": "kWh",
        "days": _length(report),
        "elapsed": len(report.energy.days),
        "ticks": _axis((*actual, *plan)),
        "signed": {
            "values": [_number(v) for v in actual],
            "above": word("surplus", language),
            "below": word("deficit", language),
        },
        "marks": _bars(word("plan", language), "slate", plan) if any(map(math.isfinite, plan)) else None,
    }


def _bars(name: str, color: str, values: list[float]) -> Chart:
    return {"name": name, "color": color, "values": [_number(v) for v in values]}


def arrays_chart(report: MonthlyReport, language: Language) -> Chart:
    """Lying bars of actual energy per array, the expectation as a dashed outline, kWh per month."""
    # Of many those farthest from their expectation; each has its row in the table.
    everyone = report.pv.arrays
    worst = sorted(everyone, key=lambda a: a.index.value if a.index.known else NAN_LAST)[:MOST_BARS]
    arrays = [a for a in everyone if a in worst]
    values = [v for a in arrays for v in (a.generation.value, a.expected.value)]
    return {
        "unit": "kWh",
        "ticks": _axis(values),
        "actual": word("actual", language),
        "expected": word("expected", language),
        "more": word("more_arrays", language, count=str(len(arrays))) if len(arrays) < len(everyone) else "",
        "rows": [
            {
                "name": a.name.say(language),
                "actual": _number(a.generation.value),
                "expected": _number(a.expected.value),
                "label": f"EPI {fixed(a.index.value, 2)}",
            }
            for a in arrays
        ],
    }


def netting_chart(report: MonthlyReport, language: Language) -> Chart:
    """Lying bars of self-sufficiency by netting window."""
    return {
        "rows": [
            {
                "name": line.label.say(language),
                "value": _number(line.figure.value),
                "label": percentage(line.figure),
                "coverage": portion(line.figure.coverage),
                "counts": line.key == "self_sufficiency",
            }
            for line in report.energy.netting
        ]
    }


def heat_chart(report: MonthlyReport) -> Chart:
    """The month as a picture: mean PV power in kW per day and quarter-hour."""
    heat = report.pv.heat
    top = max((v for row in heat.kw for v in row if math.isfinite(v)), default=0.0)
    scale = ticks(0.0, top, 4)
    now = report.scope.as_of.astimezone(report.park.zone)
    columns = (heat.last_hour - heat.first_hour) * QUARTERS
    until = (now.hour - heat.first_hour) * QUARTERS + now.minute // (60 // QUARTERS)
    return {
        "first": heat.first_hour,
        "last": heat.last_hour,
        "top": scale[-1],
        "scale": [fixed(v, 0 if scale[-1] >= TICKS else 1) for v in scale],
        "unit": "kW",
        "elapsed": len(report.energy.days),
        "until": until if report.scope.partial else columns,  # what is to come of the last day is not missing
        "rows": [[_number(v) for v in row] for row in heat.kw],
    }


def calendar_chart(report: MonthlyReport, language: Language) -> Chart:
    """Measured share per point and day."""
    return {
        "elapsed": len(report.energy.days),
        "rows": [
            {
                "name": meter.name.say(language),
                "values": [_number(v) for v in meter.coverage_by_day],
            }
            for meter in report.quality.meters
        ],
    }
