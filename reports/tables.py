"""The tables of the PDF: columns, rows of text, which rows stand out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.park import Park
from core.standing import advice, basis_words, calibration_words
from core.text import MISSING, Language
from reports.energy import has_storage
from reports.figures import Figure
from reports.numbers import fixed, kwh, money, percentage, portion, when
from reports.report import AlertLine, ArrayLine, Cost, Day, FactorSpan, FaultLine, MonthlyReport
from reports.wording import ROLE_WORDS, word

MOST_EVENTS = 30  # printed; the rest stands in the other files
MOST_ALERTS = 60


@dataclass(frozen=True)
class Column:
    """A heading, its alignment and its width in fractions (0: as wide as its text)."""

    title: str
    align: str = "right"
    width: float = 0


@dataclass(frozen=True)
class Table:
    """Text cells; `strong` rows are sums, `quiet` rows are checks."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: tuple[int, ...] = ()
    quiet: tuple[int, ...] = ()
    size: float = 8.5


@dataclass
class _Builder:
    rows: list[tuple[str, ...]] = field(default_factory=list)
    strong: list[int] = field(default_factory=list)
    quiet: list[int] = field(default_factory=list)

    def add(self, *cells: str, strong: bool = False, quiet: bool = False) -> None:
        if strong:
            self.strong.append(len(self.rows))
        if quiet:
            self.quiet.append(len(self.rows))
        self.rows.append(cells)

    def table(self, columns: Sequence[Column], size: float = 8.5) -> Table:
        return Table(tuple(columns), tuple(self.rows), tuple(self.strong), tuple(self.quiet), size)


def balance(report: MonthlyReport, language: Language) -> Table:
    """Supply and use with their sums and the check, exact to the Wh."""
    e, out = report.energy, _Builder()
    for title, lines, sum_key, whole in (
        ("supply", e.supply, "supply_total", e.supply_total),
        ("use", e.use, "use_total", e.use_total),
    ):
        for n, line in enumerate(lines):
            group = word(title, language) if n == 0 else ""
            out.add(group, line.label.say(language), *_measured(line.figure, whole))
        out.add("", word(sum_key, language), *_measured(whole, whole), strong=True)
    out.add("", word("check", language), kwh(e.check, 3), "", "", "", quiet=True)
    return out.table(_energy_columns(language, "item", grouped=True))


def consumers(report: MonthlyReport, language: Language) -> Table:
    """Who used the energy; the parts add up to the park's consumption."""
    e, out = report.energy, _Builder()
    load = next(line.figure for line in e.use if line.key == "load_kwh")
    for line in e.consumers:
        out.add(line.label.say(language), *_measured(line.figure, load))
    out.add(word("consumers_total", language), *_measured(load, load), strong=True)
    out.add(word("consumers_check", language), kwh(e.consumers_check, 3), "", "", "", quiet=True)
    return out.table(_energy_columns(language, "item", grouped=False))


def _measured(figure: Figure, whole: Figure) -> tuple[str, str, str, str]:
    known = figure.known and whole.known and whole.value
    share = f"{fixed(100 * figure.value / whole.value, 1)} %" if known else MISSING
    return kwh(figure, 3), share, portion(figure.coverage), portion(figure.estimated)


def _energy_columns(language: Language, first: str, *, grouped: bool) -> list[Column]:
    lead = [Column("", "left", 0.5)] if grouped else []
    return [
        *lead,
        Column(word(first, language), "left", 1.7),
        Column("kWh", "right", 1),
        *(Column(word(key, language), "right", 0.8) for key in ("share", "coverage", "estimated_share")),
    ]


def days(report: MonthlyReport, language: Language) -> Table:
    """One row per day and the sums of what can be summed."""
    stored = has_storage(report.park)
    names = ["generation_kwh", "import_kwh", "export_kwh", "load_kwh", "net_balance_kwh", "plan_net_balance_kwh"]
    titles = ["generation", "import", "export", "load_short", "balance_short", "plan"]
    if stored:
        names[3:3], titles[3:3] = ["discharge_kwh", "charge_kwh"], ["discharge", "charge"]
    out = _Builder()
    for day in report.energy.days:
        out.add(_day_label(day), *(kwh(day.figures[n]) for n in names), *_day_ratios(day))
    sums = [_sum([d.figures[n] for d in report.energy.days]) for n in names]
    out.add(word("sum_of_days", language), *sums, "", "", "", strong=True)
    columns = [
        Column(word("day", language), "left"),
        *(Column(word(t, language), "right", 1) for t in titles),
        *(Column(word(t, language)) for t in ("ssr", "epi", "coverage")),
    ]
    return out.table(columns, 7.5 if not stored else 7)


def _sum(figures: list[Figure]) -> str:
    known = [f.value for f in figures if f.known]
    return fixed(sum(known)) if known else MISSING


def _day_label(day: Day) -> str:
    balance_ = day.figures["net_balance_kwh"]
    mark = " …" if "partial" in balance_.reasons.split() else " *" if balance_.estimated > 0 else ""
    return day.day.isoformat() + mark


def _day_ratios(day: Day) -> tuple[str, str, str]:
    f = day.figures
    index = f["energy_performance_index"]
    return percentage(f["self_sufficiency"]), fixed(index.value, 2), portion(f["net_balance_kwh"].coverage)


def ratios(report: MonthlyReport, language: Language) -> Table:
    """The ratios that no chart shows."""
    out = _Builder()
    for line in report.energy.ratios:
        out.add(line.label.say(language), percentage(line.figure), portion(line.figure.coverage))
    out_columns = [
        Column(word("item", language), "left", 1),
        Column("%", "right", 1),
        Column(word("coverage", language), "right", 1),
    ]
    return out.table(out_columns)


def arrays(report: MonthlyReport, language: Language) -> Table:
    """Arrays against their expectation."""
    out = _Builder()
    for array in report.pv.arrays:
        out.add(*_array(array, language))
    out.add(*_array(report.pv.total, language), strong=True)
    titles = ("actual", "expected", "difference")
    # Units stand below their words: twelve columns leave no room beside them.
    columns = [
        Column(word("array", language), "left", 1),
        Column("kWp"),
        *(Column(f"{word(t, language)}\nkWh") for t in titles),
        Column("EPI"),
        Column("PR"),
        Column("PR\n25 °C"),
        Column("kWh/\nkWp"),
        Column(word("available", language)),
        Column(f"{word('irradiation', language)}\nkWh/m²"),
        Column(word("coverage", language)),
    ]
    return out.table(columns, 7.5)


def standing(report: MonthlyReport, language: Language) -> Table:
    """What every array's expectation stands on: where its light was known from, and what it learned."""
    out = _Builder()
    for array in report.pv.arrays:
        if array.standing is not None:
            todo = advice(array.standing)
            learned = [calibration_words(array.standing).say(language), todo.say(language) if todo else ""]
            basis = basis_words(array.standing).say(language)
            out.add(array.name.say(language), basis, "\n".join(line for line in learned if line))
    columns = [
        Column(word("array", language), "left", 0.5),
        Column(word("light", language), "left", 1),
        Column(word("calibration", language), "left", 1.2),
    ]
    return out.table(columns, 8)


def _array(a: ArrayLine, language: Language) -> tuple[str, ...]:
    return (
        a.name.say(language),
        fixed(a.dc_kwp, 1),
        kwh(a.generation),
        kwh(a.expected),
        kwh(a.difference),
        fixed(a.index.value, 3),
        fixed(a.performance_ratio.value, 3),
        fixed(a.performance_ratio_25c.value, 3),
        fixed(a.specific_yield.value, 1),
        portion(a.availability.value),
        fixed(a.irradiation.value, 1),
        portion(a.generation.coverage),
    )


def alerts(park: Park, lines: Sequence[AlertLine], language: Language) -> Table:
    """When, how long, where, what, how much."""
    out = _Builder()
    for line in lines[:MOST_ALERTS]:
        words = "\n".join(p for p in (line.title.say(language), line.detail.say(language)) if p)
        until = word("open", language) if line.open else when(line.resolved_at, park.zone, "%m-%d %H:%M")
        out.add(
            f"{when(line.active_at, park.zone, '%m-%d %H:%M')}\n{until}",
            f"{fixed(line.hours, 1)} h",
            line.entity_name.say(language),
            words,
            _severity(line, language),
            kwh(line.energy, 0),
            money(line.money),
        )
    columns = [
        Column(word("from_until", language), "left"),
        Column(word("duration", language)),
        Column(word("where", language), "left", 0.32),
        Column(word("what", language), "left", 1),
        Column(word("severity", language), "left"),
        Column(f"{word('lost', language)} kWh"),
        Column(word("worth", language)),
    ]
    return out.table(columns, 8)


def faults(report: MonthlyReport, language: Language) -> Table:
    """Since when, where, what and what to do, how much with its interval, how sure."""
    out, zone = _Builder(), report.park.zone
    for line in report.pv.faults[:MOST_ALERTS]:
        until = word("open", language) if line.end is None else when(line.end, zone, "%Y-%m-%d %H:%M")
        shown = f"{line.kind.say(language)}{word('colon', language) if line.details.say(language) else ''}"
        out.add(
            f"{when(line.start, zone, '%Y-%m-%d %H:%M')}\n{until}",
            line.entity_name.say(language),
            f"{shown}{line.details.say(language)}\n{line.advice.say(language)}",
            *_lost(line),
            f"{100 * line.confidence:.0f} %",
        )
    columns = [
        Column(word("from_until", language), "left"),
        Column(word("where", language), "left", 0.3),
        Column(word("what", language), "left", 1),
        Column(f"{word('lost_month', language)}\nkWh"),
        Column(f"{word('lost_total', language)}\nkWh (90 %)"),
        Column(word("worth", language)),
        Column(word("confidence", language)),
    ]
    return out.table(columns, 8)


def _lost(line: FaultLine) -> tuple[str, str, str]:
    """What was lost in the month and in all, and its price; a dash where a fault costs nothing."""
    if line.total.value <= 0 and line.high_kwh <= 0:
        return MISSING, MISSING, MISSING
    interval = f"{fixed(line.low_kwh, 0)} – {fixed(line.high_kwh, 0)}"
    return kwh(line.month, 0), f"{kwh(line.total, 0)}\n{interval}", money(line.money)


def _severity(line: AlertLine, language: Language) -> str:
    known = line.severity in ("info", "warning", "critical")
    return word(line.severity, language) if known else line.severity


def factors(report: MonthlyReport, language: Language) -> Table:
    """The factors applied, with source and date, and the check against what is stored."""
    out = _Builder()
    for span in report.carbon.factors:
        out.add(f"{span.id}\n{span.first_day:%m-%d} – {span.last_day:%m-%d}", *_factor(span, language))
    out.add(word("carbon_check", language), "", "", "", fixed(report.carbon.check.value, 1), quiet=True)
    return out.table([Column(word("days", language), "left", 1), *_factor_columns(language)], 8)


def views(report: MonthlyReport, language: Language) -> Table:
    """The same import under other schemes."""
    out = _Builder()
    for view in report.carbon.views:
        out.add(f"{view.label.say(language)}\n{view.factor.id}", *_factor(view.factor, language))
    return out.table([Column(word("view", language), "left", 1), *_factor_columns(language)], 8)


def _factor(span: FactorSpan, language: Language) -> tuple[str, ...]:
    basis = word(span.basis, language) if span.basis in ("official", "secondary") else span.basis
    source = f"{span.source}, {span.published} ({basis})"
    return source, fixed(span.kg_per_kwh, 4), kwh(span.import_kwh), fixed(span.carbon.value, 1)


def _factor_columns(language: Language) -> list[Column]:
    return [
        Column(word("factor_source", language), "left", 1.3),
        Column("kgCO2/kWh"),
        Column(f"{word('imported', language)} kWh"),
        Column(f"{word('emissions', language)} kgCO2"),
    ]


def costs(lines: Sequence[Cost], language: Language) -> Table:
    """Cost of import, income from export, and their difference."""
    out = _Builder()
    for cost in lines:
        source = ", ".join(cost.sources)
        for key, figure in (("import_cost", cost.import_cost), ("export_income", cost.export_income)):
            out.add(word(key, language), money(figure), source)
        out.add(word("net_cost", language), money(cost.net), "", strong=True)
    columns = [
        Column(word("item", language), "left", 1),
        Column(word("amount", language), "right", 1),
        Column(word("tariff_source", language), "left", 2),
    ]
    return out.table(columns)


def meters(report: MonthlyReport, language: Language) -> Table:
    """How well every point was measured, and by what."""
    out = _Builder()
    for m in report.quality.meters:
        role = word(ROLE_WORDS[m.role], language)
        cells = (portion(m.coverage.value), portion(m.estimated.value), str(m.thin_days))
        out.add(m.name.say(language), role, "\n".join(m.devices) or MISSING, *cells)
    columns = [
        Column(word("meter", language), "left"),
        Column(word("role", language), "left"),
        Column(word("devices", language), "left", 1),
        Column(word("coverage", language)),
        Column(word("estimated_share", language)),
        Column(word("thin_days", language)),
    ]
    return out.table(columns, 8)


def definitions(report: MonthlyReport, language: Language) -> Table:
    """Terms, formulas and where they come from."""
    out = _Builder()
    for d in report.method.definitions:
        out.add(d.term.say(language), d.formula.say(language), d.source.say(language))
    columns = [
        Column(word("term", language), "left"),
        Column(word("formula", language), "left", 1.6),
        Column(word("basis", language), "left", 1),
    ]
    return out.table(columns, 8)


def facts(pairs: Sequence[tuple[str, str]]) -> Table:
    """Label and value, without a heading."""
    return Table((Column("", "left", 0.42), Column("", "left", 1)), tuple(pairs), (), (), 8.5)
