"""Words for codes, made late: per receiver and language, from a code and its parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.park import Park
from core.quality import Event
from core.quantities import spoken
from core.store import AlertRecord
from core.text import Language, Text, local_time, signed


@dataclass(frozen=True)
class AlertWords:
    """An alert as people read it."""

    title: str
    detail: str
    advice: str = ""


# Given by the rules to whoever shows alerts; pages and reports do not know the rules.
AlertSpeaker = Callable[[AlertRecord, Language], AlertWords]

# Placeholders are the event's parameters, already written as text by `event_words`.
EVENT_WORDS: dict[str, Text] = {
    "reset": Text(
        zh="电表读数归零后继续计数（{before} → {after} kWh）",
        en="register started again from zero ({before} → {after} kWh)",
    ),
    "replaced": Text(
        zh="电表疑似更换：读数由 {before} 跳至 {after} kWh，此差值未计为电量",
        en="meter replaced: register went from {before} to {after} kWh; the step is not counted as energy",
    ),
    "rollover": Text(zh="电表读数翻转（{before} → {after} kWh）", en="register rolled over ({before} → {after} kWh)"),
    "implausible": Text(
        zh="读数跳变不合理（{before} → {after} kWh），未计入",
        en="implausible jump of the register ({before} → {after} kWh), not counted",
    ),
    "spurious": Text(
        zh="读数短暂异常后恢复，已剔除 {count} 个读数", en="register jumped and came back; {count} readings left out"
    ),
    "gap": Text(
        zh="数据中断 {hours} 小时；期间电量 {energy} kWh 为实测总量，按时间分摊",
        en="no data for {hours} h; the {energy} kWh over the gap are measured in total and spread over time",
    ),
    "missing": Text(zh="数据中断 {hours} 小时，电量未知", en="no data for {hours} h; energy unknown"),
    "sensor_fault": Text(zh="传感器数据不可信：{what}", en="sensor not credible: {what}"),
    "balance": Text(
        zh="分表合计与总表相差 {energy} kWh（{share}）", en="sub-meters and total differ by {energy} kWh ({share})"
    ),
    "conflict": Text(
        zh="同一时刻收到两个不同的值（{quantity} {channel}：{before} 与 {after}），以后到者为准",
        en="two values for the same time ({quantity} {channel}: {before} and {after}); the later one counts",
    ),
    "conflict_imported": Text(
        zh="导入的文件有 {count} 个值与已存的不同（{device} {quantity} {channel}：{before} → {after}），以文件为准",
        en="an imported file had {count} values other than those stored ({device} {quantity} {channel}: "
        "{before} → {after}); the file's count",
    ),
    "stale_time": Text(
        zh="设备 {device} 的时钟慢 {hours} 小时，读数记在了过去的时间；请校时",
        en="the clock of device {device} is {hours} h behind, its readings are filed under the past; set it",
    ),
    "over_rating": Text(
        zh="{count} 个功率读数超过额定 {rating} kW 的 1.5 倍，最大 {value} kW；请核对额定值和变比",
        en="{count} readings of power beyond 1.5 times the rated {rating} kW, up to {value} kW; check rating and ratio",
    ),
    "stuck": Text(
        zh="白天功率连续 {hours} 小时停在 {value} kW 不变",
        en="power stood at exactly {value} kW for {hours} h by daylight",
    ),
    "phase_reversed": Text(
        zh="{phase} 相电流互感器疑似接反：{hours} 小时内该相为负而另两相为正（平均 {power} kW）",
        en="current transformer of {phase} seems reversed: it exported for {hours} h while the others imported "
        "(mean {power} kW)",
    ),
    "phase_mismatch": Text(
        zh="三相之和与总功率不符：当日相差 {energy} kWh（{share}）",
        en="phases and total power differ by {energy} kWh over the day ({share})",
    ),
    "tariff_mismatch": Text(
        zh="各费率电量之和与总电量不符：当日相差 {energy} kWh（{share}）",
        en="tariff registers and total register differ by {energy} kWh over the day ({share}); the total counts",
    ),
    "children_exceed_parent": Text(
        zh="下级表合计比本表多 {energy} kWh（{share}）；请核对变比和上下级关系",
        en="the meters below it counted {energy} kWh more than it did ({share}); check ratios and the meter tree",
    ),
    "broker_dropped": Text(
        zh="MQTT 代理丢弃了 {messages} 条消息（可能是采集程序的，也可能是别的客户端的）",
        en="messages dropped by the MQTT broker: {messages}, the collector's or another client's",
    ),
    "session_forgotten": Text(
        zh="MQTT 代理丢失了采集程序的会话；期间发送的消息已丢失，已重新订阅",
        en="the MQTT broker had forgotten the collector's session; what was sent meanwhile is lost, subscribed again",
    ),
}


def event_words(event: Event, park: Park, language: Language) -> str:
    """Write an event in one language: who, when, what."""
    names = {p.id: p.name for p in park.points} | {a.id: a.name for a in park.arrays} | {park.id: park.name}
    name = names[event.entity].say(language) if event.entity in names else event.entity
    start, end = (local_time(t, park.zone) for t in (event.start, event.end))
    when = start if start == end else f"{start} – {end}"
    params = _Written(
        {k: spoken(v, language) if isinstance(v, str) else signed(f"{v:,.10g}") for k, v in event.params.items()}
    )
    words = EVENT_WORDS.get(event.code, Text(zh=event.code, en=event.code)).say(language)
    separator = "：" if language is Language.ZH else ": "
    return f"{name}{separator}{words.format_map(params)} ({when})"


class _Written(dict[str, str]):
    """Parameters as text; one that is not there shows as a dash instead of failing."""

    def __missing__(self, key: str) -> str:
        return "–"
