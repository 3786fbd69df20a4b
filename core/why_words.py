"""Why a balance differs from its plan, in words: the name of every part, notes, refusals, and one plain sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, timedelta

from core.findings import FAULT_WORDS, Fault
from core.park import Park
from core.text import MINUS, MISSING, MONTHS_EN, Language, Text, day_name
from core.why import Cause, Gap, Note, Part, Why

NAMED_AT_MOST = 4  # causes in a sentence; the others are one sum
NAMED_FROM = 0.05  # of the sum of absolute parts
FINE_BELOW = 100.0  # kWh; differences below it are written with a decimal

# What a part is called; {name} is the array, building or meter.
CAUSES: dict[Cause, Text] = {
    Cause.WEATHER: Text(zh="光伏天气", en="weather at the PV"),
    Cause.PLAN_SCALE: Text(zh="计划的光伏模型（制定时尚未校准）", en="the plan's PV model (not yet calibrated)"),
    Cause.FINDING: Text(zh="{name}{what}", en="{what} at {name}"),
    Cause.CURTAILMENT: Text(zh="限电", en="curtailment"),
    Cause.PV_NOT_SPLIT: Text(
        zh="光伏发电（无辐照数据，天气与故障无法区分）",
        en="PV generation (no irradiance: weather and faults cannot be told apart)",
    ),
    Cause.STORAGE: Text(zh="储能", en="storage"),
    Cause.CALENDAR: Text(zh="日历（工作日与休息日）", en="calendar (days worked or off)"),
    Cause.TEMPERATURE: Text(zh="气温（采暖与制冷）", en="temperature (heating and cooling)"),
    Cause.ABOVE_BASELINE: Text(zh="{name}用电高于基线", en="{name} above its baseline"),
    Cause.LOAD_NOT_SPLIT: Text(zh="{name}用电高于计划（无基线）", en="{name} above plan (no baseline)"),
    Cause.UNMETERED: Text(zh="未分表用电", en="unmetered consumption"),
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
    Note.TO_DATE: Text(zh="只计入已结束的日子。", en="Only days that are over count."),
    Note.AT_GRID: Text(
        zh="有储能的园区按并网点计：发电减用电减储能留存。",
        en="With storage the balance is that of the grid connection: generation less consumption less what storage kept.",
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


def _what(code: str) -> Text:
    return FAULT_WORDS[Fault(code)] if code in set(Fault) else Text(zh=code, en=code.replace("_", " "))


def sentence(why: Why, park: Park, language: Language) -> str:
    """Say why in one plain sentence, or why none is said."""
    zh = language is Language.ZH
    period = period_name(why.first, why.last, language)
    if why.refused is not None:
        reason = GAPS[why.refused].say(language)
        return f"{period}：无法解释差额，{reason}。" if zh else f"{period}: nothing can be explained, {reason}."
    decimals = 0 if max(abs(why.difference_kwh), why.size_kwh) >= FINE_BELOW else 1
    if why.withheld:
        return WITHHELD.say(language).format(unexplained=kwh(why.unexplained_kwh, decimals))
    named, others = _chosen(why)
    said = [f"{part_name(p, park, language)} {kwh(p.kwh, decimals)}" for p in named]
    rest = [f"{OTHERS.say(language)} {kwh(others, decimals)}"] if round(others, decimals) else []
    if round(why.unexplained_kwh, decimals):
        rest.append(f"{UNEXPLAINED.say(language)} {kwh(why.unexplained_kwh, decimals)}")
    gap = kwh(abs(why.difference_kwh), decimals).lstrip("+")
    actual = kwh(why.actual_kwh, decimals).lstrip("+")
    if zh:
        against = f"比计划{'低' if why.difference_kwh < 0 else '高'} {gap}"
        return f"{period}净余额 {actual}，{against}：{'，'.join(said)}{'；' + '，'.join(rest) if rest else ''}。"
    against = f"{gap} {'below' if why.difference_kwh < 0 else 'above'} plan"
    return f"{period}: net balance {actual}, {against}: {', '.join(said)}{'; ' + ', '.join(rest) if rest else ''}."


def _chosen(why: Why) -> tuple[list[Part], float]:
    """Return the causes to name, the largest first, and the sum of the others."""
    large = sorted(why.parts, key=lambda p: -abs(p.kwh))[:NAMED_AT_MOST]
    named = [p for p in large if abs(p.kwh) >= NAMED_FROM * why.size_kwh]
    return named, sum(p.kwh for p in why.parts) - sum(p.kwh for p in named)


def notes(why: Why, language: Language) -> list[str]:
    """Return what has to be known about the parts, and which days are not in them."""
    said = [NOTES[n].say(language) for n in why.notes]
    for gap, count in sorted(why.left_out.items()):
        if why.days:
            reason = GAPS[Gap(gap)].say(language)
            said.append(
                f"未计入 {count} 日：{reason}。" if language is Language.ZH else f"{count} d left out: {reason}."
            )
    return said


def kwh(value: float, decimals: int = 0) -> str:
    """Write an energy with its sign, always in kWh."""
    if not math.isfinite(value):
        return MISSING
    text = f"{value:+,.{decimals}f}"
    return f"{text} kWh".replace("-", MINUS) if round(value, decimals) else "0 kWh"


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
        return f"{first.year} 年 {first.month} 月" if zh else f"{MONTHS_EN[first.month - 1]} {first.year}"
    return f"{first} 至 {last}" if zh else f"{first} to {last}"


def _names(park: Park, language: Language) -> Mapping[str, str]:
    return {p.id: p.name.say(language) for p in park.points} | {a.id: a.name.say(language) for a in park.arrays}
