"""The report as the PDF template gets it: finished text in one language, and numbers for charts."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from core.text import MISSING, Language, Text
from core.verdict import MIN_COVERAGE, TIER_WORDS, Tier
from core.why_waterfall import steps
from reports import charts, tables
from reports.characters import showable
from reports.figures import Figure
from reports.numbers import big, carbon_parts, fixed, percentage, portion, when, zone_name
from reports.report import Headline, MonthlyReport
from reports.wording import word

MWH_FROM_KWH = 10_000
SHAPES = {Tier.GREEN: "●", Tier.YELLOW: "▲", Tier.RED: "■", Tier.UNKNOWN: "○"}
View = dict[str, Any]  # Any: handed to the template as JSON


def view(report: MonthlyReport, language: Language, digest: str) -> View:
    """Put the whole report into finished words and numbers of one language."""
    return {
        "language": language.value,
        "words": {key: word(key, language) for key in TEMPLATE_WORDS},
        "title": _title(report, language),
        "empty": report.scope.empty,
        "footer": _footer(report, language),
        "verdict": _verdict(report.headline, language),
        "five": _five(report, language),
        "assurance": asdict(tables.facts(_assurance(report, language))),
        "provenance": asdict(tables.facts(_provenance(report, language, digest))),
        "charts": _charts(report, language),
        "tables": _tables(report, language),
        "events": _events(report, language),
        "corrections": _corrections(report, language),
        "notes": [note.say(language) for note in report.method.notes],
        "remarks": _remarks(report, language),
        "why": _why(report, language),
    }


TEMPLATE_WORDS = (
    "report", "page", "empty", "assurance", "provenance", "glance", "energy", "balance", "consumers", "netting",
    "netting_note", "daily", "daily_chart", "daily_note", "pv", "arrays", "standing", "faults", "fault_measured", "fault_stretch",
    "findings", "no_findings", "heat",
    "local_hour", "carbon_cost", "scope2", "views", "cost", "no_tariff", "alert_list", "no_alerts", "quality",
    "calendar", "calendar_note", "meters", "events", "no_events", "corrections", "method", "definitions", "notes", "missing",
    "coverage", "why", "why_note",
)  # fmt: skip


def _title(report: MonthlyReport, language: Language) -> View:
    s, park = report.scope, report.park
    as_of = when(s.as_of, park.zone)
    return {
        "park": park.name.say(language),
        "month": s.label.say(language),
        "notice": park.notice.say(language) if park.notice else "",
        "to_date": word("to_date", language, as_of=as_of) if s.partial else "",
    }


def _footer(report: MonthlyReport, language: Language) -> str:
    s, zone = report.scope, report.park.zone
    parts = (
        f"Parkwatt {s.version}",
        word("generated", language, at=when(s.generated_at, zone)),
        word("times", language, zone=zone_name(zone, s.start)),
    )
    return " · ".join(parts)


def _verdict(headline: Headline, language: Language) -> View:
    tier = headline.verdict.tier
    return {
        "tier": tier.value,
        "shape": SHAPES[tier],
        "word": TIER_WORDS[tier].say(language),
        "sentence": headline.verdict.sentence.say(language),
    }


def _five(report: MonthlyReport, language: Language) -> list[View]:
    h = report.headline
    carbon, carbon_unit = carbon_parts(h.carbon.value)
    balance, balance_unit = _energy(h.net_balance)
    expected, expected_unit = _energy(report.pv.total.expected)
    expected_words = word("expected_of", language, energy=f"{expected} {expected_unit}".strip())
    return [
        _number(
            "self_sufficiency", percentage(h.self_sufficiency), "", _tier(h, language), h.self_sufficiency, language
        ),
        _number("net_balance", balance, balance_unit, _plan(h, language), h.net_balance, language),
        _number("pv_index", percentage(h.pv_index), "", expected_words, h.pv_index, language),
        _number("carbon", carbon, carbon_unit, word("location_based", language), h.carbon, language),
        {
            "label": word("alerts", language),
            "value": f"{h.alerts_open} / {h.alerts_total}",
            "unit": "",
            "under": word("at_end", language),
            "coverage": "",
        },
    ]


def _number(key: str, value: str, unit: str, under: str, figure: Figure, language: Language) -> View:
    coverage = word("coverage_of", language, share=portion(figure.coverage))
    return {"label": word(key, language), "value": value, "unit": unit, "under": under, "coverage": coverage}


def _tier(headline: Headline, language: Language) -> str:
    tier = headline.self_sufficiency_tier
    if tier is None:
        return word("no_target", language)
    return f"{SHAPES[tier]} {TIER_WORDS[tier].say(language)}"


def _energy(figure: Figure) -> tuple[str, str]:
    if not figure.known:
        return MISSING, ""
    if abs(figure.value) >= MWH_FROM_KWH:
        return big(figure.value / 1000), "MWh"
    return big(figure.value), "kWh"


def _plan(headline: Headline, language: Language) -> str:
    if not headline.plan.known or headline.planned_days == 0:
        return word("plan_none", language)
    if headline.planned_days < headline.elapsed_days:
        days = str(headline.planned_days)
        return word("plan_some", language, days=days, all=str(headline.elapsed_days))
    amount, unit = _energy(headline.plan)
    return word("plan_all", language, plan=f"{amount} {unit}")


def _assurance(report: MonthlyReport, language: Language) -> list[tuple[str, str]]:
    h, e = report.headline, report.energy
    least = f"{MIN_COVERAGE:.0%}".replace("%", " %")
    checks = {"check": e.check, "consumers_check": e.consumers_check, "days_check": e.days_check}
    return [
        (word("data_coverage", language), portion(h.data_coverage.coverage)),
        (word("estimated_share", language), portion(h.data_coverage.estimated)),
        (word("stands", language), word("stands_yes" if h.stands else "stands_no", language, least=least)),
        *((word(key, language), f"{fixed(figure.value, 3)} kWh") for key, figure in checks.items()),
    ]


def _provenance(report: MonthlyReport, language: Language, digest: str) -> list[tuple[str, str]]:
    s, zone = report.scope, report.park.zone
    governing = "\n".join(f"{d[:12]} ({when(at, zone)})" for d, at in s.configurations)
    return [
        (word("period", language), f"{when(s.start, zone)} – {when(s.as_of, zone)}"),
        (word("zone", language), zone_name(zone, s.start)),
        (word("generated_at", language), when(s.generated_at, zone)),
        (word("version", language), f"Parkwatt {s.version}"),
        (word("configuration", language), s.configuration or MISSING),
        (word("governing", language), governing or word("no_configuration", language)),
        (word("digest", language), digest),
    ]


def _charts(report: MonthlyReport, language: Language) -> View:
    return {
        "daily": charts.daily_chart(report, language),
        "balance": charts.balance_chart(report, language),
        "arrays": charts.arrays_chart(report, language),
        "netting": charts.netting_chart(report, language),
        "faults": charts.fault_charts(report, language),
        "heat": charts.heat_chart(report),
        "calendar": charts.calendar_chart(report, language),
    }


def _tables(report: MonthlyReport, language: Language) -> View:
    made = {
        "balance": tables.balance(report, language),
        "consumers": tables.consumers(report, language),
        "ratios": tables.ratios(report, language),
        "days": tables.days(report, language),
        "arrays": tables.arrays(report, language),
        "standing": tables.standing(report, language),
        "faults": tables.faults(report, language),
        "findings": tables.alerts(report.park, report.pv.findings, language),
        "factors": tables.factors(report, language),
        "views": tables.views(report, language),
        "costs": tables.costs(report.carbon.costs, language),
        "alerts": tables.alerts(report.park, report.alerts, language),
        "meters": tables.meters(report, language),
        "definitions": tables.definitions(report, language),
    }
    return {name: asdict(table) for name, table in made.items()}


def _why(report: MonthlyReport, language: Language) -> View | None:
    """Return the waterfall from plan to actual; None where nobody split the month."""
    if report.why is None:
        return None
    bars = steps(report.why.split, report.park, language)
    return {
        "sentence": report.why.sentence.say(language),
        "notes": [note.say(language) for note in report.why.notes],
        "rows": [asdict(bar) | {"name": showable(bar.name)} for bar in bars],
    }


def _events(report: MonthlyReport, language: Language) -> View:
    words = [e.words.say(language) for e in report.quality.events]
    return {"shown": words[: tables.MOST_EVENTS], "more": _more(len(words) - tables.MOST_EVENTS, language)}


def _corrections(report: MonthlyReport, language: Language) -> View:
    lines = [
        " · ".join(t.say(language) for t in (c.words, c.by, c.undone) if t is not None)
        for c in report.quality.corrections
    ]
    shown = [showable(line) for line in lines[: tables.MOST_EVENTS]]
    return {"shown": shown, "more": _more(len(lines) - tables.MOST_EVENTS, language)}


def _more(count: int, language: Language) -> str:
    return word("more", language, count=str(count)) if count > 0 else ""


def _remarks(report: MonthlyReport, language: Language) -> View:
    replaced = report.quality.replaced_values
    check = report.energy.days_check
    return {
        "replaced": word("replaced_values", language, count=str(replaced)) if replaced else "",
        "no_faults": _sentence(report.pv.no_faults, language),
        "unsearched": _sentence(report.pv.unsearched, language) if report.pv.faults else "",
        "more_alerts": _more(len(report.alerts) - tables.MOST_ALERTS, language),
        "days_check": f"{word('days_check', language)} = {fixed(check.value, 3)} kWh",
    }


def _sentence(words: Text | None, language: Language) -> str:
    if words is None:
        return ""
    said = words.say(language)
    return f"{said}。" if language is Language.ZH else f"{said[:1].upper()}{said[1:]}."


_QUANTITY = re.compile(r"(?<=\d) (?=(kWh|MWh|kW|kgCO2|tCO2|%|h|CNY)(?!\w))")


def unbroken(part: Any) -> Any:  # Any: a view is JSON
    """Keep every number and its unit on one line."""
    if isinstance(part, str):
        return _QUANTITY.sub("\u00a0", part)
    if isinstance(part, dict):
        return {key: unbroken(value) for key, value in part.items()}
    return [unbroken(value) for value in part] if isinstance(part, list | tuple) else part


def texts(view: object, path: str = "") -> list[tuple[str, str]]:
    """Return every text of a view with the place it stands in."""
    if isinstance(view, str):
        return [(path, view)]
    if isinstance(view, dict):
        return [t for key, value in view.items() for t in texts(value, f"{path}.{key}".lstrip("."))]
    if isinstance(view, list | tuple):
        return [t for n, value in enumerate(view) for t in texts(value, f"{path}[{n}]")]
    return []
