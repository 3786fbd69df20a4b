"""What a period will come to, in one sentence; from the body of an outlook, made late."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from core.statements import Json
from core.text import Language, Text, day_name, energy, month_name, percent

DAY, MONTH, YEAR = "day", "month", "year"
SURE = 0.995  # beyond it nobody is told a probability of 100 %


def period_name(subject: str, first: date) -> Text:
    """Return how people call the period of an outlook."""
    if subject == DAY:
        return Text(zh=day_name(first.month, first.day, Language.ZH), en=day_name(first.month, first.day, Language.EN))
    if subject == MONTH:
        return Text(
            zh=f"{first.year} 年 {first.month} 月",
            en=f"{month_name(first.month, Language.EN)} {first.year}",
        )
    return Text(zh=f"{first.year} 年", en=str(first.year))


def outlook_sentence(subject: str, first: date, body: Mapping[str, Json]) -> Text:
    """Say how likely the period misses net zero, and between what its balance will lie with 80 % probability."""
    name = _counted(subject, first, body)
    if "refused" in body:
        why = refusal(str(body["refused"]))
        return Text(zh=f"{name.zh}：暂无展望（{why.zh}）。", en=f"{name.en}: no outlook yet ({why.en}).")
    low, middle, high = numbers(body["net_balance_kwh"])
    miss = float(body["miss_probability"])  # type: ignore[arg-type]  # a body without `refused` has it
    sure = percent(min(max(miss, 1 - SURE), SURE), 0 if (1 - SURE) < miss < SURE else 1)
    than = (
        ("", "") if (1 - SURE) < miss < SURE else ("超过 ", "more than ") if miss >= SURE else ("不到 ", "less than ")
    )
    return Text(
        zh=(
            f"{name.zh}净零不达标的概率{than[0]}{sure}：净余额预计 {energy(middle)}，"
            f"八成可能在 {energy(low)} 至 {energy(high)} 之间。"
        ),
        en=(
            f"{name.en} will miss net zero with a probability of {than[1]}{sure}: net balance {energy(middle)}, "
            f"with 80 % between {energy(low)} and {energy(high)}."
        ),
    )


def _counted(subject: str, first: date, body: Mapping[str, Json]) -> Text:
    """Return the period's name, and from when on it is counted where the park's data begin later."""
    name, since = period_name(subject, first), body.get("since")
    if not isinstance(since, str) or since == first.isoformat():
        return name
    day = date.fromisoformat(since)
    zh, en = (day_name(day.month, day.day, language) for language in (Language.ZH, Language.EN))
    return Text(zh=f"{name.zh}（自 {zh}起）", en=f"{name.en} (from {en} on)")


def numbers(value: Json) -> list[float]:
    """Return a list of numbers from a body."""
    if not isinstance(value, list):
        raise TypeError("an outlook's body holds a list here")
    return [float(v) for v in value if isinstance(v, int | float)]


_REFUSALS = {
    "too_few_days": Text(zh="已知的完整日太少", en="too few whole days are known"),
    "no_consumption": Text(zh="几乎没有用电", en="there is next to no consumption"),
    "no_temperature": Text(zh="没有气温数据", en="no air temperature is known"),
    "constant_temperature": Text(
        zh="气温读数不变，温度计可疑", en="the air temperature never changes: look at the sensor"
    ),
    "too_few_workdays": Text(zh="工作日太少，或有的星期几从未出现", en="too few workdays, or a weekday is missing"),
    "change_of_use": Text(zh="用电方式刚刚改变", en="the use changed a short while ago"),
    "poor_fit": Text(zh="气温和日历解释不了其用电", en="temperature and calendar do not explain it"),
}


def refusal(code: str) -> Text:
    """Return why a baseline or an outlook was refused."""
    return _REFUSALS.get(code, Text(zh=code, en=code))


def basis_name(body: Mapping[str, Json]) -> Text:
    """Return what an outlook stands on."""
    basis = str(body.get("basis", ""))
    if basis.startswith("forecast:"):
        service = basis.removeprefix("forecast:")
        return Text(
            zh=f"天气服务 {service} 与园区自身规律", en=f"the weather service {service} and the park's own pattern"
        )
    if body.get("weather") == "own_years":
        return Text(zh="园区往年同季", en="the same season of the park's earlier years")
    return Text(zh="园区最近几周", en="the park's last weeks")
