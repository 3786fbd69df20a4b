"""Why a balance differs from its plan, in words: the name of every part, notes, refusals, and one plain sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, timedelta

from core.findings import FAULT_WORDS, Fault
from core.park import Park
from core.text import MINUS, MISSING, MONTHS_EN, Language, Text, day_name
from core.timebase import day_of
from core.why import Cause, Gap, Note, Part, Why

FINE_BELOW = 100.0  # kWh; differences below it are written with a decimal

# What a part is called; {name} is the array, building or meter.
CAUSES: dict[Cause, Text] = {
    Cause.WEATHER: Text(zh="光伏天气", en="weather at the PV"),
    Cause.PLAN_SCALE: Text(zh="计划的光伏模型（制定时尚未校准）", en="the plan's PV model (not yet calibrated)"),
    Cause.FINDING: Text(zh="{name}{what}", en="{what} at {name}"),
    Cause.CURTAILMENT: FAULT_WORDS[Fault.CURTAILMENT],
    Cause.PV_NOT_SPLIT: Text(
        zh="光伏发电（天气与故障无法区分）", en="PV generation (weather and faults cannot be told apart)"
    ),
    Cause.STORAGE: Text(zh="储能", en="storage"),
    Cause.CALENDAR: Text(zh="日历（工作日与休息日）", en="calendar (days worked or off)"),
    Cause.TEMPERATURE: Text(zh="气温（采暖与制冷）", en="temperature (heating and cooling)"),
    Cause.ABOVE_BASELINE: Text(zh="{name}用电高于基线", en="{name} above its baseline"),
    Cause.LOAD_NOT_SPLIT: Text(zh="{name}用电高于计划（无基线）", en="{name} above plan (no baseline)"),
    Cause.UNMETERED: Text(zh="未分表用电", en="unmetered consumption"),
    Cause.NOT_APART: Text(
        zh="未分表用电与没有单独计划的用户", en="unmetered consumption and loads without a plan of their own, together"
    ),
    Cause.NOT_PLANNED: Text(zh="{name}（计划中没有）", en="{name} (not in the plan)"),
    Cause.MISSING_DATA: Text(zh="数据缺失", en="missing data"),
}
# The same where it made the balance better.
BETTER: dict[Cause, Text] = {
    Cause.ABOVE_BASELINE: Text(zh="{name}用电低于基线", en="{name} below its baseline"),
    Cause.LOAD_NOT_SPLIT: Text(zh="{name}用电低于计划（无基线）", en="{name} below plan (no baseline)"),
}
UNEXPLAINED = Text(zh="原因不明", en="unexplained")
OTHERS = Text(zh="其他原因", en="other causes")
FOUND_NAME = Text(zh="发现本身", en="its finding")
FOUND = Text(zh="发现本身：{kwh}", en="its finding says {kwh}")
PLAN = Text(zh="计划", en="plan")
ACTUAL = Text(zh="实际", en="actual")
GAPS: dict[Gap, Text] = {
    Gap.NO_PLAN: Text(zh="没有计划", en="there was no plan"),
    Gap.PLAN_REFUSED: Text(zh="计划未能制定", en="no plan could be made"),
    Gap.PLAN_WITHOUT_PARTS: Text(zh="计划没有分项", en="the plan does not say what it is made of"),
    Gap.NO_DATA: Text(zh="没有实测数据", en="nothing was measured"),
    Gap.RUNNING: Text(zh="当日尚未结束", en="the day is not over"),
    Gap.FUTURE: Text(zh="尚未到来", en="it is yet to come"),
}
NOTES: dict[Note, Text] = {
    Note.ONLY_CLEAR_SKY: Text(
        zh="部分日期没有辐照数据，只有晴空模型：光伏的差额不分天气与故障。",
        en="On some days nobody measured the sun and only a clear sky is known: what PV lacked is not split into "
        "weather and faults.",
    ),
    Note.NO_ARRAY: Text(
        zh="有光伏电表没有对应的方阵描述：没有应发电量，其差额不分天气与故障。",
        en="A PV meter has no array described behind it, so nothing says what it should have given: what it lacked is not "
        "split into weather and faults.",
    ),
    Note.NO_BASELINE: Text(
        zh="没有基线的用户与其计划比较，不分日历、气温与超用。",
        en="Loads without a baseline are held against their plan, not split into calendar, temperature and the rest.",
    ),
    Note.NO_TEMPERATURE: Text(
        zh="部分日期没有气温：气温的影响计入各用户的偏差。",
        en="On some days nobody measured the air: what temperature did stands with each load.",
    ),
    Note.OVERLAPPING: Text(
        zh="同一阵列同一天有多项发现；每度电只计入其中一项。",
        en="An array had several findings on one day; each kWh is counted with one of them.",
    ),
    Note.AT_GRID: Text(
        zh="有储能的园区按并网点计：发电减用电减储能留存。",
        en="With storage the balance is that of the grid connection: generation less consumption less what storage kept.",
    ),
    Note.SO_FAR: Text(
        zh="当日（未结束）截至 {until}：计划按同一时刻折算（光伏按晴空日变化，用电按以往同类日的时段分布）；气温的影响计入各用户的偏差，"
        "故障要待当日结束后才查找。",
        en="The running day counts up to {until}: its plan is taken to the same hour (PV by the course of a clear sky, loads by that "
        "of comparable days); what temperature did stands with each load, and faults are looked for once the day is over.",
    ),
    Note.NOT_HEEDED: Text(
        zh="有限电指令未被执行或未完全执行：发电高于指令允许的功率。",
        en="An order to curtail was not heeded, or not in full: generation stayed above what the order allowed.",
    ),
    Note.APART_FROM_FINDING: Text(
        zh="故障的一项是各种替换顺序的平均，一半按计划的日照、一半按当日实际日照计；“发现”只按实际日照计：{found}。",
        en="The part of a fault is the mean over all orders, half under the planned sun and half under that day's own; its "
        "finding counts the day's own sun alone: {found}.",
    ),
}
WITHHELD = Text(
    zh="原因不明的部分（{unexplained}）超过各项绝对值之和的 20 %，因此不下结论；请先看各项数值。",
    en="More is unexplained ({unexplained}) than 20 % of the absolute parts together, so no sentence is said; "
    "see the parts.",
)


def part_name(part: Part, park: Park, language: Language) -> str:
    """Name one part."""
    words = BETTER.get(part.cause, CAUSES[part.cause]) if part.kwh > 0 else CAUSES[part.cause]
    what = _what(part.subject).say(language)
    return words.say(language).format(name=_names(park, language).get(part.entity, part.entity), what=what)


def where(part: Part, park: Park) -> Text | None:
    """Name the array or load of a part whose own name does not."""
    if part.cause in {Cause.FINDING, Cause.ABOVE_BASELINE, Cause.LOAD_NOT_SPLIT, Cause.NOT_PLANNED}:
        return None
    return ({p.id: p.name for p in park.points} | {a.id: a.name for a in park.arrays}).get(part.entity)


def _what(code: str) -> Text:
    return FAULT_WORDS[Fault(code)] if code in set(Fault) else Text(zh=code, en=code.replace("_", " "))


def sentence(why: Why, park: Park, language: Language) -> str:
    """Say why in one plain sentence, or why none is said."""
    zh = language is Language.ZH
    period = said_period(why, park, language)
    if why.refused is not None:
        reason = GAPS[why.refused].say(language)
        return f"{period}：无法解释差额，{reason}。" if zh else f"{period}: nothing can be explained, {reason}."
    if why.withheld:
        return _withheld(why, language)
    digits = decimals(why)
    because = said_parts(why, park, language)
    because = f"{'：' if zh else ': '}{because}" if because else ""
    actual, against = _unsigned(why.actual_kwh, digits), _against(why.difference_kwh, digits, language)
    if zh:
        return f"{period}净余额 {actual}，{against}{because}。"
    return f"{period}: net balance {actual}, {against}{because}."


def said_parts(why: Why, park: Park, language: Language) -> str:
    """List what made the difference, the largest first; "" where nothing is large enough to be written."""
    zh, digits = language is Language.ZH, decimals(why)
    large = sorted((p for p in why.named if round(p.kwh, digits)), key=lambda p: -abs(p.kwh))
    said = [f"{part_name(p, park, language)} {kwh(p.kwh, digits)}" for p in large]
    rest = ((OTHERS, why.others_kwh), (UNEXPLAINED, why.unexplained_kwh))
    left = [f"{name.say(language)} {kwh(size, digits)}" for name, size in rest if round(size, digits)]
    comma, semicolon = ("，", "；") if zh else (", ", "; ")
    return semicolon.join(x for x in (comma.join(said), comma.join(left)) if x)


def because(why: Why, park: Park, language: Language) -> str:
    """Say what made the difference, or why that is not said, as a part of somebody else's sentence; "" for nothing."""
    return _withheld(why, language).rstrip("。.") if why.withheld else said_parts(why, park, language)


def decimals(why: Why) -> int:
    """Return how many decimals of a kWh are written: none, but where everything is small."""
    return 0 if max(abs(why.difference_kwh), why.size_kwh) >= FINE_BELOW else 1


def _withheld(why: Why, language: Language) -> str:
    return WITHHELD.say(language).format(unexplained=kwh(why.unexplained_kwh, decimals(why)))


def _against(difference_kwh: float, digits: int, language: Language) -> str:
    zh = language is Language.ZH
    if not round(difference_kwh, digits):
        return "与计划相符" if zh else "as planned"
    gap, worse = _unsigned(abs(difference_kwh), digits), difference_kwh < 0
    return f"比计划{'低' if worse else '高'} {gap}" if zh else f"{gap} {'below' if worse else 'above'} plan"


def _unsigned(value: float, digits: int) -> str:
    return kwh(value, digits).lstrip("+")


def notes(why: Why, park: Park, language: Language) -> list[str]:
    """Return what has to be known about the parts, and which days are not in them."""
    until = f"{why.until.astimezone(park.zone):%H:%M}" if why.until else ""
    digits, comma = decimals(why), "，" if language is Language.ZH else ", "
    found = comma.join(f"{part_name(p, park, language)} {kwh(p.found_kwh, digits)}" for p in why.parts if p.apart)
    said = [NOTES[n].say(language).format(until=until, found=found) for n in why.notes]
    for gap, count in sorted(why.left_out.items()):
        if why.days and not (why.until is not None and gap == Gap.FUTURE):  # "so far" has said it
            reason = GAPS[Gap(gap)].say(language)
            said.append(
                f"未计入 {count} 天：{reason}。" if language is Language.ZH else f"{count} d left out: {reason}."
            )
    return said


def kwh(value: float, decimals: int = 0) -> str:
    """Write an energy with its sign, always in kWh."""
    if not math.isfinite(value):
        return MISSING
    text = f"{value:+,.{decimals}f}"
    return f"{text} kWh".replace("-", MINUS) if round(value, decimals) else "0 kWh"


def said_period(why: Why, park: Park, language: Language) -> str:
    """Write the period, and how much of it is split where that is not all."""
    zh, name = language is Language.ZH, period_name(why.first, why.last, language)
    if why.until is not None:
        local = why.until.astimezone(park.zone)
        until = f"{local:%H:%M}"
        if why.first != why.last:
            until = f"{day_name(local.month, local.day, language)}{' ' if zh else ', '}{until}"
        if (
            why.first != why.last
            and why.first.day == 1
            and (why.first.year, why.first.month) == (why.last.year, why.last.month)
        ):
            name = month_of(why.first, language)
        due = (day_of(why.until, park.zone) - why.first).days + 1
        of = _days_of(why.days, due, language)
        return (
            f"{name}（截至 {until}{f'，{of}' if of else ''}）"
            if zh
            else f"{name} (so far, to {until}{f'; {of}' if of else ''})"
        )
    of = _days_of(why.days, (why.last - why.first).days + 1, language)
    return (f"{name}（{of}）" if zh else f"{name} ({of})") if of else name


def _days_of(days: int, whole: int, language: Language) -> str:
    """Say how many of a period's days are split; "" where all or none are."""
    if not 0 < days < whole:
        return ""
    return f"{whole} 天中的 {days} 天" if language is Language.ZH else f"{days} of {whole} days"


def month_of(day: date, language: Language) -> str:
    """Write the month of a day with its year."""
    return f"{day.year} 年 {day.month} 月" if language is Language.ZH else f"{MONTHS_EN[day.month - 1]} {day.year}"


def period_name(first: date, last: date, language: Language) -> str:
    """Write a day, a whole month or a range of days."""
    zh = language is Language.ZH
    if first == last:
        return (
            f"{first.year} 年 {day_name(first.month, first.day, language)}"
            if zh
            else f"{day_name(first.month, first.day, language)} {first.year}"
        )
    if first.day == 1 and (last + timedelta(days=1)).day == 1 and (first.year, first.month) == (last.year, last.month):
        return month_of(first, language)
    return f"{first} 至 {last}" if zh else f"{first} to {last}"


def _names(park: Park, language: Language) -> Mapping[str, str]:
    names = {park.id: park.name} | {p.id: p.name for p in park.points} | {a.id: a.name for a in park.arrays}
    return {entity: name.say(language) for entity, name in names.items()}
