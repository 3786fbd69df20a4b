"""A fault of a PV array as it was found: since when, what it cost, how sure, and the picture that shows it.

Findings are kept as statements of kind FINDING. A body of `{"withdrawn": true}` says that one is no longer held:
late readings or corrections explained it otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from core.quantities import spoken
from core.statements import FOREVER, Json, Kind, Statement
from core.text import Language, Text, energy, percent

VERSION = "faults-1"


class Fault(StrEnum):
    """What can be found. The most specific cause is listed first: it takes what it explains from those below."""

    UNITS = "units"
    TIME_SHIFT = "time_shift"
    ORIENTATION = "orientation"
    SENSOR = "sensor"
    STUCK = "stuck"
    NIGHT_CONSUMPTION = "night_consumption"
    CLIPPING = "clipping"
    CURTAILMENT = "curtailment"
    SNOW = "snow"
    OUTAGE = "outage"
    SHADING = "shading"
    SOILING = "soiling"
    STRING_LOSS = "string_loss"
    UNDERPERFORMANCE = "underperformance"


ANNOTATIONS = frozenset({Fault.CLIPPING, Fault.CURTAILMENT, Fault.NIGHT_CONSUMPTION})  # told, never alarmed


@dataclass(frozen=True)
class Picture:
    """Measured against expected over a few days, slots or hours of the day.

    `kind` is days, slots, hours or trend; `x` labels every value (a day, an instant with offset, a local hour);
    [`first`, `last`) is the stretch in which the fault shows. An unknown value is None, never zero.
    """

    kind: str
    unit: str
    x: tuple[str, ...]
    measured: tuple[float | None, ...]
    expected: tuple[float | None, ...]
    first: int = 0
    last: int = 0
    facts: Mapping[str, float | str] = field(default_factory=dict)  # figures the sentence names


@dataclass(frozen=True)
class Finding:
    """One fault of an array or a point. Energies in kWh, `days` by local day; `end` is None while it goes on.

    [low, high] is the 90 % interval of the whole loss.
    """

    entity: str
    code: Fault
    start: datetime
    end: datetime | None
    days: Mapping[date, float]
    low_kwh: float
    high_kwh: float
    confidence: float
    rung: str
    picture: Picture
    lost_money: float | None = None
    currency: str = ""

    @property
    def lost_kwh(self) -> float:
        """What it cost in all."""
        return sum(self.days.values())

    @property
    def key(self) -> tuple[str, str, datetime]:
        """What tells it from every other one."""
        return self.entity, self.code, self.start


def statement_of(finding: Finding, issued_at: datetime) -> Statement:
    """Put a finding into a statement."""
    picture = finding.picture
    evidence: dict[str, Json] = {
        "kind": picture.kind,
        "unit": picture.unit,
        "x": list(picture.x),
        "measured": _rounded(picture.measured),
        "expected": _rounded(picture.expected),
        "first": picture.first,
        "last": picture.last,
        "facts": {name: round(v, 6) if isinstance(v, float) else v for name, v in picture.facts.items()},
    }
    body: dict[str, Json] = {
        "lost_kwh": round(finding.lost_kwh, 3),
        "lost_low_kwh": round(finding.low_kwh, 3),
        "lost_high_kwh": round(finding.high_kwh, 3),
        "lost_money": None if finding.lost_money is None else round(finding.lost_money, 2),
        "currency": finding.currency,
        "confidence": round(finding.confidence, 3),
        "rung": finding.rung,
        "days": {day.isoformat(): round(kwh, 3) for day, kwh in finding.days.items()},
        "evidence": evidence,
    }
    return Statement(
        Kind.FINDING, finding.entity, finding.start, finding.end or FOREVER, issued_at, VERSION, body, finding.code
    )


def withdrawn(statement: Statement, issued_at: datetime) -> Statement:
    """Return the statement that takes a finding back."""
    return Statement(
        Kind.FINDING, statement.entity, statement.start, statement.start, issued_at, VERSION, {"withdrawn": True},
        statement.subject,
    )  # fmt: skip


def finding_of(statement: Statement) -> Finding | None:
    """Return the finding a statement holds; None where it takes one back or is of a kind nobody here knows."""
    body = statement.body
    if statement.kind is not Kind.FINDING or body.get("withdrawn") or statement.subject not in set(Fault):
        return None
    days, money = body.get("days"), body.get("lost_money")
    return Finding(
        entity=statement.entity,
        code=Fault(statement.subject),
        start=statement.start,
        end=None if statement.end >= FOREVER else statement.end,
        days={date.fromisoformat(d): _number(v) for d, v in days.items()} if isinstance(days, dict) else {},
        low_kwh=_number(body.get("lost_low_kwh")),
        high_kwh=_number(body.get("lost_high_kwh")),
        confidence=_number(body.get("confidence")),
        rung=str(body.get("rung") or ""),
        picture=_picture(body.get("evidence")),
        lost_money=None if money is None else _number(money),
        currency=str(body.get("currency") or ""),
    )


def findings_of(statements: Iterable[Statement]) -> list[Finding]:
    """Return the findings that are held, in the order of their statements."""
    return [found for s in statements if (found := finding_of(s)) is not None]


def _picture(evidence: Json) -> Picture:
    found = evidence if isinstance(evidence, dict) else {}
    facts = found.get("facts")
    return Picture(
        kind=str(found.get("kind") or "days"),
        unit=str(found.get("unit") or "kWh"),
        x=tuple(str(x) for x in _list(found.get("x"))),
        measured=_column(found.get("measured")),
        expected=_column(found.get("expected")),
        first=int(_number(found.get("first"))),
        last=int(_number(found.get("last"))),
        facts={k: v for k, v in facts.items() if isinstance(v, int | float | str)} if isinstance(facts, dict) else {},
    )


def _rounded(values: Iterable[float | None]) -> list[Json]:
    return [None if v is None else round(v, 3) for v in values]


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _column(value: Json) -> tuple[float | None, ...]:
    return tuple(None if v is None else _number(v) for v in _list(value))


def _number(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


FAULT_WORDS: dict[Fault, Text] = {
    Fault.UNITS: Text(zh="单位错误", en="wrong unit"),
    Fault.TIME_SHIFT: Text(zh="时间偏移", en="shifted clock"),
    Fault.ORIENTATION: Text(zh="朝向与配置不符", en="faces another way than declared"),
    Fault.SENSOR: Text(zh="传感器故障", en="broken sensor"),
    Fault.STUCK: Text(zh="数值不变", en="stuck value"),
    Fault.NIGHT_CONSUMPTION: Text(zh="夜间耗电", en="night consumption"),
    Fault.CLIPPING: Text(zh="逆变器削峰", en="clipping at the inverter"),
    Fault.CURTAILMENT: Text(zh="限电", en="curtailment"),
    Fault.SNOW: Text(zh="积雪", en="snow"),
    Fault.OUTAGE: Text(zh="停机", en="outage"),
    Fault.SHADING: Text(zh="遮挡", en="shading"),
    Fault.SOILING: Text(zh="积灰", en="soiling"),
    Fault.STRING_LOSS: Text(zh="组串或部分设备失效", en="strings or inverters lost"),
    Fault.UNDERPERFORMANCE: Text(zh="发电偏低", en="underperformance"),
}

ADVICE: dict[Fault, Text] = {
    Fault.UNITS: Text(
        zh="在设备模板中更正单位；已存的读数不随之改变，电量可用 parkwatt correct 更正",
        en="Put the unit right in the device's template; readings already stored keep theirs, energy among them is put "
        "right by `parkwatt correct`",
    ),
    Fault.TIME_SHIFT: Text(zh="给设备校时，核对时区和夏令时", en="Set the device's clock; check time zone and DST"),
    Fault.ORIENTATION: Text(
        zh="核对 PARK.yaml 中的倾角、方位角和经纬度（见 parkwatt orientation），更正后运行 parkwatt recompute",
        en="Check tilt, azimuth and coordinates in PARK.yaml; `parkwatt orientation` shows what the energy says, and "
        "`parkwatt recompute` brings history in line with what was changed",
    ),
    Fault.SENSOR: Text(zh="检查传感器、接线和安装位置", en="Check the sensor, its wiring and its place"),
    Fault.STUCK: Text(zh="检查电表通信，重启采集器", en="Check the meter's connection, restart the logger"),
    Fault.NIGHT_CONSUMPTION: Text(
        zh="检查逆变器待机设置和同一回路上的其他负载", en="Check standby settings, and what else hangs on this circuit"
    ),
    Fault.CLIPPING: Text(zh="按设计如此，无需处理", en="As designed; nothing to do"),
    Fault.CURTAILMENT: Text(
        zh="与电网调度指令核对；若无指令，检查逆变器限功率设置",
        en="Compare with the grid's orders; without one, look at the inverter's power limit",
    ),
    Fault.SNOW: Text(zh="待融化；安全时可清除", en="It melts; clear it where that is safe"),
    Fault.OUTAGE: Text(zh="查逆变器告警、断路器和熔断器", en="Look at inverter alarms, breakers and fuses"),
    Fault.SHADING: Text(zh="查看该时段的遮挡物（树木、设备、建筑）", en="Look for what casts a shadow at these hours"),
    Fault.SOILING: Text(zh="清洗组件，比较前后发电", en="Clean the modules and compare before and after"),
    Fault.STRING_LOSS: Text(
        zh="逐串测电流，查汇流箱熔断器、接插件和逆变器告警",
        en="Measure each string's current; look at combiner fuses, connectors and inverter alarms",
    ),
    Fault.UNDERPERFORMANCE: Text(zh="检查组串、积灰和遮挡", en="Check strings, dirt and shading"),
}


STAMPED_LATE = Text(zh="时间戳晚 {minutes:.0f} 分钟", en="readings stamped {minutes:.0f} min too late")
STAMPED_EARLY = Text(zh="时间戳早 {minutes:.0f} 分钟", en="readings stamped {minutes:.0f} min too early")
ALL_CLOCKS = Text(
    zh="所有电表和气象站都如此：各设备的时区有误，或 PARK.yaml 中的经度偏{way} {degrees:.0f}°",
    en="every clock here alike: the devices' time zone, or a longitude in PARK.yaml that is {degrees:.0f}° too far {way}",
)
EAST, WEST = Text(zh="东", en="east"), Text(zh="西", en="west")
LATITUDE = Text(zh="昼长像纬度 {degrees:.0f}°", en="the length of its days looks like latitude {degrees:.0f}°")


def sentence(finding: Finding, name: str, language: Language, zone_day: date) -> str:
    """Say a finding in one sentence; `zone_day` is the local day on which it began."""
    zh = language is Language.ZH
    what = FAULT_WORDS[finding.code].say(language)
    since = f"自 {zone_day.isoformat()} 起" if zh else f"since {zone_day.isoformat()}"
    if finding.end is not None:
        since = f"{zone_day.isoformat()} 起（已结束）" if zh else f"from {zone_day.isoformat()} (over)"
    said = f"{name}：{what}，{since}" if zh else f"{name}: {what} {since}"
    rest = details(finding, language)
    return f"{said}{'；' if zh else '; '}{rest}" if rest else said


def details(finding: Finding, language: Language) -> str:
    """Say what it cost and what shows it."""
    zh, facts = language is Language.ZH, finding.picture.facts
    parts = []
    if finding.lost_kwh > 0:
        low, high = energy(max(0.0, finding.low_kwh)), energy(finding.high_kwh)
        lost = energy(finding.lost_kwh)
        parts.append(f"少发约 {lost}（90 %：{low} 至 {high}）" if zh else f"about {lost} lost (90 %: {low} to {high})")
    share = facts.get("share")
    if isinstance(share, int | float):
        parts.append(f"实发为应发的 {percent(share)}" if zh else f"yielding {percent(share)} of what it should")
    minutes = facts.get("minutes")
    if isinstance(minutes, int | float):
        parts.append((STAMPED_LATE if minutes > 0 else STAMPED_EARLY).say(language).format(minutes=abs(minutes)))
    elif isinstance(facts.get("what"), str):
        parts.append(spoken(str(facts["what"]), language))
    tilt, azimuth = facts.get("tilt"), facts.get("azimuth")
    if isinstance(tilt, int | float) and isinstance(azimuth, int | float):
        looks = (
            "发电形态像倾角 {t:.0f}°、方位角 {a:.0f}°"
            if zh
            else "its energy looks like tilt {t:.0f}°, azimuth {a:.0f}°"
        )
        parts.append(looks.format(t=tilt, a=azimuth))
    east, latitude = facts.get("east_deg"), facts.get("latitude")
    if isinstance(east, int | float):
        way = (EAST if east > 0 else WEST).say(language)
        parts.append(ALL_CLOCKS.say(language).format(degrees=abs(east), way=way))
    if isinstance(latitude, int | float):
        parts.append(LATITUDE.say(language).format(degrees=latitude))
    return ("，" if zh else ", ").join(parts)
