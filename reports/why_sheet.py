"""The workbook's sheet on why the balance differs from its plan: every part by array and load, with live sums."""

from __future__ import annotations

from core.park import Park
from core.text import Language, Text
from core.why import Part
from core.why_words import ACTUAL, FOUND_NAME, PLAN, UNEXPLAINED, part_name, where
from reports.report import MonthlyReport, WhyPlan
from reports.sheets import Formula, Number, Sheet, both, guarded
from reports.wording import WORDS

NAME = "为什么 Why"
CHECK = Text(zh="核对：计划与各项之和 − 实际", en="check: plan and parts − actual")
WIDTHS = (54, 30, 16, 20, 20)


def write_why(sheet: Sheet, report: MonthlyReport) -> None:
    """Write the sentence, then plan, parts, what is unexplained and the actual balance, each in kWh."""
    sheet.title(both(WORDS["why"]))
    if report.why is None:
        return
    sheet.add(report.why.sentence)
    for note in report.why.notes:
        sheet.add(note)
    if report.why.split.refused is None:
        _parts(sheet, report.why, report.park)


def _parts(sheet: Sheet, why: WhyPlan, park: Park) -> None:
    split = why.split
    sheet.row += 1
    titles = (WORDS["item"], Text(zh="位置", en="where"), Text(zh="电量", en="energy"), FOUND_NAME)
    sheet.head(*(both(t) for t in titles), both(Text(zh="累计", en="running total")))
    sheet.head("", "", "kWh", "kWh", "kWh", style="unit")
    first = sheet.row
    at = split.plan_kwh
    sheet.add(PLAN, "", Number(at, "kWh"), "", Number(at, "kWh"), bold=True)
    for name, place, kwh, found in [*_rows(split.details, park), (UNEXPLAINED, "", split.unexplained_kwh, 0.0)]:
        at += kwh
        total = Formula(f"={sheet.ref(sheet.row - 1, 4)}+{sheet.ref(sheet.row, 2)}", at, "kWh")
        sheet.add(name, place, Number(kwh, "kWh"), Number(found, "kWh") if found else "", total)
    row = sheet.add(ACTUAL, "", Number(split.actual_kwh, "kWh"), "", Number(split.actual_kwh, "kWh"), bold=True)
    # Parts are rounded to whole Wh of their own.
    cells = [sheet.ref(row - 1, 4), sheet.ref(row, 2)]
    check = Formula(guarded(cells, f"ROUND({cells[0]}-{cells[1]},1)"), round(at - split.actual_kwh, 1) + 0.0, "kWh")
    sheet.add(CHECK, "", check)
    sheet.worksheet.autofilter(first - 2, 0, row, 4)


def _rows(details: tuple[Part, ...], park: Park) -> list[tuple[Text, str | Text, float, float]]:
    def name(part: Part) -> Text:
        said = {language: part_name(part, park, language) for language in Language}
        return Text(zh=said[Language.ZH], en=said[Language.EN])

    return [(name(p), where(p, park) or "", p.kwh, p.found_kwh) for p in details]
