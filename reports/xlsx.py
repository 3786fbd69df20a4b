"""The report as a workbook: one sheet per page, live formulas over the daily table."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from xlsxwriter.workbook import Workbook

from core.quantities import DERIVED
from core.rungs import RUNG_WORDS
from core.standing import basis_words, calibration_words
from core.text import MISSING, Language, Text
from core.verdict import TIER_WORDS
from reports.energy import day_quantities
from reports.figures import NAN, Figure
from reports.numbers import when, zone_name
from reports.report import AlertLine, FactorSpan, Line, MonthlyReport
from reports.sheets import Book, Cell, Formula, Number, Sheet, both, guarded, style_of
from reports.why_sheet import NAME as WHY
from reports.why_sheet import WIDTHS as WHY_WIDTHS
from reports.why_sheet import write_why
from reports.wording import ROLE_WORDS, WORDS

RATIOS = ("energy_performance_index", "self_sufficiency", "self_sufficiency_15min")


@dataclass
class Days:
    """Where the daily table stands, for formulas of other sheets."""

    sheet: Sheet
    first: int = 0
    last: int = 0
    columns: dict[str, int] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)

    def total(self, name: str) -> Formula:
        """Return the live sum of a column; a dash where no day is known."""
        span = self.sheet.span(self.first, self.last, self.columns[name])
        return Formula(f'=IF(COUNT({span})>0,SUM({span}),"{MISSING}")', self.sums[name], style_of(DERIVED[name].unit))


def xlsx_bytes(report: MonthlyReport, digest: str) -> bytes:
    """Return the workbook; formulas carry their values, so that a viewer that does not calculate shows them too."""
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    workbook = Workbook(buffer, options)
    workbook.set_properties({"title": both(WORDS["report"]), "created": report.scope.generated_at.replace(tzinfo=None)})
    book = Book(workbook)
    summary = book.sheet("摘要 Summary", (44, 26, 14, 14, 60))
    energy = book.sheet("能量 Energy", (44, 18, 18, 18, 14, 14, 60))
    days = _days(book.sheet("逐日 Days", (14, *([15] * 17))), report)
    _energy(energy, report, days)
    _summary(summary, report, days, digest)
    write_why(book.sheet(WHY, WHY_WIDTHS), report)
    _pv(book.sheet("光伏 PV", (28, *([15] * 9))), report)
    _power(book.sheet("光伏功率 PV power", (14, *([7] * 96))), report)
    _carbon(book.sheet("碳与费用 Carbon, cost", (40, 26, 40, 14, 16, 16, 14)), report)
    _alerts(book.sheet("告警 Alerts", (17, 17, 10, 24, 44, 60, 14, 12, 14)), report)
    _quality(book.sheet("数据质量 Data quality", (26, 12, 36, 12, 12, 12, *([6] * 31))), report)
    _method(book.sheet("方法 Method", (40, 80, 50)), report)
    workbook.close()
    return buffer.getvalue()


def _w(key: str, unit: str = "") -> str:
    return both(WORDS[key]) + (f" [{unit}]" if unit else "")


def _name(quantity: str) -> str:
    row = DERIVED[quantity]
    return both(Text(zh=row.zh, en=row.en))


def _days(sheet: Sheet, report: MonthlyReport) -> Days:
    rows = report.energy.days
    names = day_quantities(report.park)
    sheet.head(_w("day"), *(_name(n) for n in names), _w("coverage"), _w("estimated_share"), "reasons")
    units = ("%" if DERIVED[n].unit == "1" else DERIVED[n].unit for n in names)
    sheet.head("", *units, "%", "%", "", style="unit")
    sheet.freeze(1)
    first = sheet.row
    for day in rows:
        balance = day.figures["net_balance_kwh"]
        shares = (Number(balance.coverage, "percent"), Number(balance.estimated, "percent"))
        sheet.add(day.day, *(day.figures[n] for n in names), *shares, balance.reasons)
    days = Days(sheet, first, max(first, sheet.row - 1), {n: k + 1 for k, n in enumerate(names)})
    for name in names:
        known = [f.value for d in rows if (f := d.figures[name]).known]
        days.sums[name] = math.fsum(known) if known else NAN
    sheet.row = days.last + 1
    sheet.add(_w("sum_of_days"), *("" if n in RATIOS else days.total(n) for n in names), bold=True)
    return days


def _energy(sheet: Sheet, report: MonthlyReport, days: Days) -> None:
    e = report.energy
    sheet.title(_w("balance"))
    sheet.head(
        _w("item"), _w("sum_of_days", "kWh"), "月值 / month [kWh]", "差 / difference [kWh]",
        _w("coverage", "%"), _w("estimated_share", "%"), _w("basis"),
    )  # fmt: skip
    sheet.freeze()
    supply = _balance_rows(sheet, e.supply, days, WORDS["supply_total"])
    use = _balance_rows(sheet, e.use, days, WORDS["use_total"])
    sides = zip(supply[1], use[1], strict=True)
    checks = [_difference(sheet, supply[0], use[0], n + 1, a - b) for n, (a, b) in enumerate(sides)]
    sheet.add(_w("check"), *checks)
    _consumers(sheet, report)
    _netting(sheet, report, days)


def _difference(sheet: Sheet, above: int, below: int, column: int, value: float) -> Formula:
    cells = [sheet.ref(above, column), sheet.ref(below, column)]
    return Formula(guarded(cells, f"ROUND({cells[0]}-{cells[1]},3)"), _rounded(value), "kWh")


def _rounded(value: float) -> float:
    return round(value, 3) + 0.0


def _balance_rows(sheet: Sheet, lines: Sequence[Line], days: Days, label: Text) -> tuple[int, list[float]]:
    """Write one side of the balance; return the row of its sums, and the sums over days and of the month."""
    first = sheet.row
    for line in lines:
        row, f = sheet.row, line.figure
        cells = [sheet.ref(row, 1), sheet.ref(row, 2)]
        difference = Formula(
            guarded(cells, f"ROUND({cells[0]}-{cells[1]},3)"), _rounded(days.sums[line.key] - f.value), "kWh"
        )
        shares = (Number(f.coverage, "percent"), Number(f.estimated, "percent"))
        sheet.add(line.label, days.total(line.key), f, difference, *shares, f.basis)
    sums = [math.fsum(values) for values in ([days.sums[x.key] for x in lines], [x.figure.value for x in lines])]
    formulas = []
    for column, value in enumerate(sums, start=1):
        span = sheet.span(first, sheet.row - 1, column)
        formulas.append(Formula(f'=IF(COUNT({span})={len(lines)},SUM({span}),"{MISSING}")', value, "kWh"))
    return sheet.add(label, *formulas, bold=True), sums


def _consumers(sheet: Sheet, report: MonthlyReport) -> None:
    e = report.energy
    load = next(line.figure for line in e.use if line.key == "load_kwh")
    sheet.part(_w("consumers"))
    sheet.head(
        _w("item"),
        "",
        "月值 / month [kWh]",
        _w("share", "%"),
        _w("coverage", "%"),
        _w("estimated_share", "%"),
        _w("basis"),
    )
    first, whole_row = sheet.row, sheet.row + len(e.consumers)
    whole = sheet.ref(whole_row, 2)
    for line in e.consumers:
        f, own = line.figure, sheet.ref(sheet.row, 2)
        share = f.value / load.value if load.value else NAN
        formula = Formula(f'=IF(AND(COUNT({own},{whole})=2,{whole}<>0),{own}/{whole},"{MISSING}")', share, "percent")
        sheet.add(line.label, "", f, formula, Number(f.coverage, "percent"), Number(f.estimated, "percent"), f.basis)
    sheet.add(_w("consumers_total"), "", load, bold=True)
    span = sheet.span(first, whole_row - 1, 2)
    expression = f'=IF(COUNT({span})={len(e.consumers)},ROUND({whole}-SUM({span}),3),"{MISSING}")'
    sheet.add(_w("consumers_check"), "", Formula(expression, e.consumers_check.value, "kWh"))


def _netting(sheet: Sheet, report: MonthlyReport, days: Days) -> None:
    sheet.part(_w("netting"))
    sheet.head(
        _w("item"),
        "由逐日值 / from days [%]",
        "月值 / month [%]",
        "",
        _w("coverage", "%"),
        _w("estimated_share", "%"),
        _w("basis"),
    )
    live = _ratios_from_days(days)
    for line in (*report.energy.netting, *report.energy.ratios):
        f = line.figure
        shares = (Number(f.coverage, "percent"), Number(f.estimated, "percent"))
        sheet.add(line.label, live.get(line.key, ""), f, "", *shares, f.basis)


def _ratios_from_days(days: Days) -> dict[str, Formula]:
    """Return the ratios that follow from sums of days: (G - E) / L, (G - E) / G, G / L."""
    names = ("generation_kwh", "export_kwh", "load_kwh")
    g, e, load = (f"SUM({days.sheet.span(days.first, days.last, days.columns[n])})" for n in names)
    gv, ev, lv = (days.sums[n] for n in names)
    terms = {
        "self_sufficiency": (f"({g}-{e})", load, gv - ev, lv),
        "self_consumption": (f"({g}-{e})", g, gv - ev, gv),
        "net_zero_ratio": (g, load, gv, lv),
    }
    return {
        key: Formula(f'=IF({below}>0,{above}/{below},"{MISSING}")', a / b if b > 0 else NAN, "percent")
        for key, (above, below, a, b) in terms.items()
    }


def _summary(sheet: Sheet, report: MonthlyReport, days: Days, digest: str) -> None:
    s, h, park = report.scope, report.headline, report.park
    sheet.title(_w("report"))
    sheet.add(park.name, bold=True)
    sheet.add(s.label)
    if park.notice:
        sheet.add(park.notice)
    if s.empty:
        sheet.add(_w("empty"))
    sheet.add(f"{h.verdict.sentence.zh} [{TIER_WORDS[h.verdict.tier].zh}]", bold=True)
    sheet.add(f"{h.verdict.sentence.en} [{TIER_WORDS[h.verdict.tier].en}]", bold=True)
    sheet.row += 1
    sheet.head(_w("item"), "数值 / value", "单位 / unit", _w("coverage", "%"), _w("basis"))
    live = _ratios_from_days(days)
    balance = days.total("net_balance_kwh")
    rows: tuple[tuple[str, Figure, Cell], ...] = (
        (_w("self_sufficiency"), h.self_sufficiency, live["self_sufficiency"]),
        (_w("net_balance"), h.net_balance, balance),
        (_w("plan"), h.plan, h.plan),
        (_w("pv_index"), h.pv_index, h.pv_index),
        (_w("carbon"), h.carbon, h.carbon),
    )
    for label, f, cell in rows:
        sheet.add(label, cell, "%" if f.unit == "1" else f.unit, Number(f.coverage, "percent"), f.basis)
    sheet.add(_w("alerts"), f"{h.alerts_open} / {h.alerts_total}")
    sheet.add(_w("data_coverage"), Number(h.data_coverage.coverage, "percent"))
    sheet.add(_w("estimated_share"), Number(h.data_coverage.estimated, "percent"))
    sheet.add(_w("stands"), "是 / yes" if h.stands else "否 / no")
    _provenance(sheet, report, digest)


def _provenance(sheet: Sheet, report: MonthlyReport, digest: str) -> None:
    s, zone = report.scope, report.park.zone
    sheet.part(_w("provenance"))
    sheet.add(_w("period"), f"{when(s.start, zone)} – {when(s.as_of, zone)}")
    sheet.add(_w("zone"), zone_name(zone, s.start))
    sheet.add(_w("generated_at"), when(s.generated_at, zone))
    sheet.add(_w("version"), f"Parkwatt {s.version}")
    sheet.add(_w("configuration"), s.configuration)
    for known, at in s.configurations:
        sheet.add(_w("governing"), f"{known} ({when(at, zone)})")
    sheet.add(_w("digest"), digest)


def _pv(sheet: Sheet, report: MonthlyReport) -> None:
    sheet.title(_w("arrays"))
    sheet.head(
        _w("array"), "kWp", _w("actual", "kWh"), _w("expected", "kWh"), _w("difference", "kWh"), "EPI", "PR",
        _w("irradiation", "kWh/m²"), _w("coverage", "%"), _w("estimated_share", "%"),
        "PR 25 °C", "kWh/kWp", _w("available", "%"), _w("expected", "kWh, P10"), _w("expected", "kWh, P90"),
    )  # fmt: skip
    sheet.freeze(1)
    for a in (*report.pv.arrays, report.pv.total):
        cells = [sheet.ref(sheet.row, 2), sheet.ref(sheet.row, 3)]
        difference = Formula(guarded(cells, f"{cells[0]}-{cells[1]}"), a.difference.value, "kWh")
        ratios = (Number(a.index.value, "ratio"), Number(a.performance_ratio.value, "ratio"))
        shares = (Number(a.generation.coverage, "percent"), Number(a.generation.estimated, "percent"))
        more = (
            Number(a.performance_ratio_25c.value, "ratio"),
            a.specific_yield,
            Number(a.availability.value, "percent"),
        )
        sheet.add(
            a.name, Number(a.dc_kwp, "kW"), a.generation, a.expected, difference, *ratios, a.irradiation, *shares, *more,
            a.expected_p10, a.expected_p90,
        )  # fmt: skip
    _standing(sheet, report)
    _faults(sheet, report)
    sheet.part(_w("findings"))
    for line in report.pv.findings:
        sheet.add(
            line.entity_name, "", line.energy, "", line.money, "", "", "", "", f"{line.title.zh} / {line.title.en}"
        )
    if not report.pv.findings:
        sheet.add(_w("no_findings"))


def _standing(sheet: Sheet, report: MonthlyReport) -> None:
    sheet.part(_w("standing"))
    sheet.head(_w("array"), _w("calibration"), *(["" for _ in range(8)]), _w("light"))
    for a in report.pv.arrays:
        if a.standing is not None:
            factor = NAN if a.standing.factor is None else a.standing.factor
            texts = (both(calibration_words(a.standing)), both(basis_words(a.standing)))
            sheet.add(a.name, Number(factor, "ratio"), texts[0], *([""] * 7), texts[1])


def _faults(sheet: Sheet, report: MonthlyReport) -> None:
    zone = report.park.zone
    sheet.part(_w("faults"))
    if report.pv.unsearched is not None and report.pv.faults:
        sheet.add(report.pv.unsearched)
    if not report.pv.faults:
        sheet.add(report.pv.no_faults)
        return
    sheet.head(
        _w("where"), _w("since"), _w("until"), _w("lost_month", "kWh"), _w("lost_total", "kWh"), "5 %, kWh", "95 %, kWh",
        _w("worth"), _w("currency"), _w("confidence", "%"), _w("what"), _w("light"),
    )  # fmt: skip
    for fault in report.pv.faults:
        words = " / ".join(f"{fault.kind.say(n)}: {fault.details.say(n)}" for n in ("zh", "en"))
        until = when(fault.end, zone) if fault.end is not None else _w("open")
        interval = (Number(fault.low_kwh, "kWh"), Number(fault.high_kwh, "kWh"))
        currency = fault.money.unit if fault.money.known else ""
        basis = RUNG_WORDS.get(fault.rung, "")
        sheet.add(
            fault.entity_name, when(fault.start, zone), until, fault.month, fault.total, *interval, fault.money, currency,
            Number(fault.confidence, "percent"), words, basis,
        )  # fmt: skip


def _power(sheet: Sheet, report: MonthlyReport) -> None:
    heat = report.pv.heat
    times = [f"{h:02d}:{m:02d}" for h in range(heat.first_hour, heat.last_hour) for m in (0, 15, 30, 45)]
    sheet.title(_w("heat", "kW"))
    sheet.head(_w("day"), *times)
    sheet.freeze(1)
    first = sheet.row
    for n, row in enumerate(heat.kw, start=1):
        sheet.add(Number(n, "count"), *(Number(v, "kW") for v in row))
    sheet.worksheet.conditional_format(
        first, 1, sheet.row - 1, len(times), {"type": "2_color_scale", "min_color": "#fffaf0", "max_color": "#dd9a1c"}
    )


def _carbon(sheet: Sheet, report: MonthlyReport) -> None:
    c = report.carbon
    sheet.title(_w("scope2"))
    heads = (
        _w("factor"),
        _w("factor_source"),
        "kgCO2/kWh",
        _w("imported", "kWh"),
        _w("emissions", "kgCO2"),
        _w("coverage", "%"),
    )
    sheet.head(_w("days"), *heads)
    sheet.freeze()
    first = sheet.row
    for span in c.factors:
        _factor(sheet, f"{span.first_day} – {span.last_day}", span)
    if c.factors:
        parts = sheet.span(first, sheet.row - 1, 5)
        total = math.fsum(s.carbon.value for s in c.factors)
        formula = f'=IF(COUNT({parts})={len(c.factors)},SUM({parts}),"{MISSING}")'
        sheet.add(_w("emissions"), "", "", "", "", Formula(formula, total, "kgCO2"), bold=True)
    sheet.add(_w("carbon_check"), "", "", "", "", c.check)
    sheet.part(_w("views"))
    sheet.head(_w("view"), *heads)
    for view in c.views:
        _factor(sheet, both(view.label), view.factor)
    sheet.part(_w("cost"))
    for cost in c.costs:
        sheet.head(_w("item"), f"{_w('amount')} [{cost.currency}]", _w("tariff_source"))
        source = ", ".join(cost.sources)
        rows = [
            sheet.add(_w(key), figure, source)
            for key, figure in (("import_cost", cost.import_cost), ("export_income", cost.export_income))
        ]
        cells = [sheet.ref(row, 1) for row in rows]
        sheet.add(_w("net_cost"), Formula(guarded(cells, f"{cells[0]}-{cells[1]}"), cost.net.value, "money"), bold=True)
    if not c.costs:
        sheet.add(_w("no_tariff"))


def _factor(sheet: Sheet, label: str, span: FactorSpan) -> None:
    cells = [sheet.ref(sheet.row, 3), sheet.ref(sheet.row, 4)]
    source = f"{span.source}, {span.published} ({span.basis})"
    emitted = Formula(guarded(cells, f"{cells[0]}*{cells[1]}"), span.carbon.value, "kgCO2")
    share = Number(span.import_kwh.coverage, "percent")
    sheet.add(label, span.id, source, Number(span.kg_per_kwh, "kgCO2/kWh"), span.import_kwh, emitted, share)


def _alerts(sheet: Sheet, report: MonthlyReport) -> None:
    sheet.title(_w("alert_list"))
    titles = (_w("since"), _w("until"), _w("duration", "h"), _w("where"), "中文", "English", _w("severity"))
    sheet.head(*titles, _w("lost", "kWh"), _w("worth"))
    sheet.freeze()
    for line in report.alerts:
        _alert(sheet, report, line)
    if not report.alerts:
        sheet.add(_w("no_alerts"))


def _alert(sheet: Sheet, report: MonthlyReport, line: AlertLine) -> None:
    zone = report.park.zone
    until = both(WORDS["open"]) if line.open else when(line.resolved_at, zone)
    words = [
        "\n".join(t.say(language) for t in (line.title, line.detail, line.advice) if t.say(language))
        for language in (Language.ZH, Language.EN)
    ]
    where, severity = both(line.entity_name), line.severity
    sheet.add(
        when(line.active_at, zone), until, Number(line.hours, "kW"), where, *words, severity, line.energy, line.money
    )


def _quality(sheet: Sheet, report: MonthlyReport) -> None:
    q = report.quality
    sheet.title(_w("calendar"))
    count = len(report.pv.heat.kw)
    heads = (_w("meter"), _w("role"), _w("devices"), _w("coverage", "%"), _w("estimated_share", "%"), _w("thin_days"))
    sheet.head(*heads, *(str(n) for n in range(1, count + 1)))
    sheet.freeze(1)
    for m in q.meters:
        shares = (Number(m.coverage.value, "percent"), Number(m.estimated.value, "percent"))
        daily = (Number(v, "percent") for v in m.coverage_by_day)
        role = _w(ROLE_WORDS[m.role])
        sheet.add(m.name, role, "\n".join(m.devices), *shares, Number(m.thin_days, "count"), *daily)
    sheet.part(_w("events"))
    for event in q.events:
        sheet.add(event.words.zh)
        sheet.add(event.words.en)
    if not q.events:
        sheet.add(_w("no_events"))
    if q.corrections:
        sheet.part(_w("corrections"))
    for c in q.corrections:
        sheet.add(*(t for t in (c.words, c.by, c.undone) if t is not None))
    sheet.add(WORDS["replaced_values"].zh.replace("{count}", str(q.replaced_values)))
    sheet.add(WORDS["replaced_values"].en.replace("{count}", str(q.replaced_values)))


def _method(sheet: Sheet, report: MonthlyReport) -> None:
    sheet.title(_w("method"))
    sheet.head(_w("term"), _w("formula"), _w("basis"))
    sheet.freeze()
    for d in report.method.definitions:
        sheet.add(d.term, d.formula, d.source)
    sheet.part(_w("notes"))
    for note in report.method.notes:
        sheet.add(note.zh)
        sheet.add(note.en)
