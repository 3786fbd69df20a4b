"""The monthly net-zero report: build it from the store, write it as PDF, XLSX and JSON."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from core.errors import ConfigError
from core.park import Park
from core.quantities import Scope
from core.store import State, Store
from core.text import MONTHS_EN, Language, Text
from core.verdict import MIN_COVERAGE, Tier, net_zero_tier, net_zero_verdict, target_for, tier_of
from core.why import Why
from core.why_words import notes, sentence
from core.words import AlertSpeaker
from reports.alerts import alert_lines
from reports.carbon import carbon
from reports.energy import energy
from reports.figures import NAN, Figure
from reports.files import write_all
from reports.jsonfile import json_bytes
from reports.method import method
from reports.pdf import check_characters, pdf_bytes
from reports.pv import pv
from reports.quality import quality
from reports.report import AlertLine, Headline, MonthlyReport, Scoped, WhyPlan
from reports.source import Source, read
from reports.xlsx import xlsx_bytes


def build(
    park: Park,
    store: Store,
    state: State,
    year: int,
    month: int,
    now: datetime,
    say: AlertSpeaker,
    why: Why | None = None,
) -> MonthlyReport:
    """Build the report of one local month as known at `now`; a running month is reported to date.

    `why` is the month's difference from its plan, split by whoever knows the models.

    Raises ConfigError for a month that has not begun.
    """
    source = read(park, store, state, year, month, now)
    if now < source.start:
        raise ConfigError(
            f"{year}-{month:02d} has not begun in {park.timezone}", "ask for this month or an earlier one"
        )
    alerts = alert_lines(source, say)
    solar = pv(source, alerts)
    return MonthlyReport(
        park=park,
        scope=_scope(source),
        headline=_headline(source, alerts),
        energy=energy(source),
        pv=solar,
        carbon=carbon(source),
        alerts=alerts,
        quality=quality(source),
        method=method(source, solar.arrays),
        why=_why(park, why),
    )


def _why(park: Park, why: Why | None) -> WhyPlan | None:
    if why is None:
        return None
    said = {language: sentence(why, park, language) for language in Language}
    known = zip(notes(why, park, Language.ZH), notes(why, park, Language.EN), strict=True)
    return WhyPlan(why, Text(zh=said[Language.ZH], en=said[Language.EN]), tuple(Text(zh=zh, en=en) for zh, en in known))


def write(
    report: MonthlyReport, folder: Path, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> list[Path]:
    """Write the PDFs (one per language), the workbook and the JSON into `folder`, all or none of them.

    `progress` is told (files set, all files) and may raise to stop. Raises ConfigError where the folder cannot be written or a character is missing in the report's font, Retryable
    where the disk is full.
    """
    stem = f"parkwatt-{report.park.id}-{report.scope.year}-{report.scope.month:02d}"
    check_characters(report)
    document, digest = json_bytes(report)
    everything = len(report.park.languages) + 2
    contents = {f"{stem}.json": document}
    progress(1, everything)
    contents[f"{stem}.xlsx"] = xlsx_bytes(report, digest)
    progress(2, everything)
    for language in report.park.languages:
        contents[f"{stem}.{language}.pdf"] = pdf_bytes(report, Language(language), digest)
        progress(len(contents), everything)
    return write_all(folder, contents)


def _scope(source: Source) -> Scoped:
    so_far = source.partial
    zh, en = f"{source.year} 年 {source.month} 月", f"{MONTHS_EN[source.month - 1]} {source.year}"
    return Scoped(
        year=source.year,
        month=source.month,
        start=source.start,
        end=source.end,
        as_of=source.as_of,
        generated_at=source.now,
        partial=so_far,
        empty=not source.months.by_key and not source.by_day.by_key,
        label=Text(zh=f"{zh}至今", en=f"{en} so far") if so_far else Text(zh=zh, en=en),
        version=version("parkwatt"),
        configuration=source.park.digest,
        configurations=source.configurations,
    )


def _headline(source: Source, alerts: tuple[AlertLine, ...]) -> Headline:
    """Judge the month: generation over consumption, by the park's own target where it has one."""
    balance, ratio = source.month_park("net_balance_kwh"), source.month_park("net_zero_ratio")
    coverage = balance.coverage if balance.coverage >= 0 else 0.0
    tier = net_zero_tier(source.park, ratio.value, coverage, source.start)
    planned = sum(source.day_of(Scope.PARK, source.park.id, "plan_net_balance_kwh", day).known for day in source.days)
    plan = source.month_park("plan_net_balance_kwh")
    # A plan of some of the days says nothing about the whole period: it is shown, not compared.
    compared = plan.value if planned == len(source.days) else NAN
    verdict = net_zero_verdict(tier, _scope(source).label, balance.value, compared, coverage)
    sufficiency = source.month_park("self_sufficiency")
    return Headline(
        verdict=verdict,
        stands=verdict.tier is not Tier.UNKNOWN,
        data_coverage=Figure(coverage, "1", coverage, balance.estimated, balance.basis),
        self_sufficiency=sufficiency,
        self_sufficiency_tier=_sufficiency_tier(source, sufficiency),
        net_zero_ratio=ratio,
        net_balance=balance,
        plan=plan,
        planned_days=planned,
        elapsed_days=len(source.days),
        pv_index=source.month_park("energy_performance_index"),
        carbon=source.month_park("carbon_kg"),
        alerts_open=sum(a.open for a in alerts),
        alerts_total=len(alerts),
    )


def _sufficiency_tier(source: Source, figure: Figure) -> Tier | None:
    """Judge self-sufficiency by the park's target, where it has one; thin data are not judged."""
    target = target_for(source.park, "self_sufficiency", source.start)
    if target is None:
        return None
    return tier_of(figure.value, target.green, target.yellow) if figure.coverage >= MIN_COVERAGE else Tier.UNKNOWN
