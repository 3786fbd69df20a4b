"""What needs a person: open alerts in words, with since when and how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

from core.handled import UNTOUCHED, Handled, Life, of
from core.park import Park
from core.store import AlertRecord
from core.text import Language, Text, local_time
from core.timebase import day_of
from core.words import AlertSpeaker
from dashboards.views import words
from dashboards.views.data import ViewData
from dashboards.views.quality import entity_name

Json: TypeAlias = "dict[str, object]"

SEVERITY_WORDS = {
    "critical": Text(zh="严重", en="critical"),
    "warning": Text(zh="警告", en="warning"),
    "info": Text(zh="提示", en="info"),
}
_RANK = {severity: rank for rank, severity in enumerate(SEVERITY_WORDS)}
SHOWN = 12  # of many open alerts; the alerts view has them all

# What the energy an alert speaks of is, by the parameter that holds it; the first that is there counts.
STAKES = {
    "lost_kwh": Text(zh="损失电量", en="lost"),
    "beyond_kwh": Text(zh="比计划差", en="worse than plan"),
    "deficit_kwh": Text(zh="距净零差", en="short of net zero"),
    "energy_kwh": Text(zh="电量", en="energy"),
}


@dataclass(frozen=True)
class Glance:
    """Whose alerts are looked at, when and in which language."""

    park: Park
    language: Language
    now: datetime

    @property
    def day(self) -> date:
        """Today, as the park's calendar has it."""
        return day_of(self.now, self.park.zone)


def open_alerts(
    data: ViewData, alerts: Sequence[AlertRecord], say: AlertSpeaker, found: Mapping[Life, Handled] | None = None
) -> Json:
    """Return firing alerts, newest cause first, with who takes care of them; of many, those nobody has and the worst."""
    firing = [a for a in alerts if a.state == "firing"]
    standing = {id(a): of(a, found or {}) for a in firing}

    def urgency(alert: AlertRecord) -> tuple[bool, int, float]:
        held = standing[id(alert)]
        attended = held.acknowledged is not None or held.silence is not None
        return attended, _RANK.get(alert.severity, len(_RANK)), -alert.active_at.timestamp()

    shown = sorted(sorted(firing, key=urgency)[:SHOWN], key=lambda a: a.active_at, reverse=True)
    glance = Glance(data.park, data.language, data.now)
    return {
        "open": len(firing),
        "items": [alert_view(glance, a, say, standing[id(a)]) for a in shown],
        **_more(len(firing) - len(shown), data.language),
    }


def _more(count: int, language: Language) -> Json:
    text = Text(
        zh=f"另有 {count:,} 条未恢复的告警，级别较低、较早或已有人处理",
        en=f"and {count:,} more, less severe, older or attended to",
    )
    return {"more": count, "more_text": text.say(language) if count else None}


def alert_view(glance: Glance, alert: AlertRecord, say: AlertSpeaker, standing: Handled = UNTOUCHED) -> Json:
    """Return one alert in words."""
    spoken = say(alert, glance.language)
    since = alert.active_at.astimezone(glance.park.zone)
    stake = _stake(alert.params or {})
    name, kwh = stake or (None, None)
    severity = SEVERITY_WORDS.get(alert.severity, Text(zh=alert.severity, en=alert.severity))
    return {
        "fingerprint": alert.fingerprint,
        "rule": alert.rule,
        "entity_id": alert.entity,
        "severity": alert.severity,
        "severity_word": severity.say(glance.language),
        "entity": entity_name(glance.park, alert.entity).say(glance.language),
        "title": spoken.title,
        "detail": spoken.detail,
        "advice": spoken.advice,
        "since": alert.active_at.isoformat(),
        "since_text": words.when_text(since, glance.day, glance.language),
        "age_text": words.age_text(glance.now - alert.active_at, glance.language),
        "kwh": words.number_or_none(kwh),
        "kwh_name": STAKES[name].say(glance.language) if name else None,
        "kwh_text": words.energy_text(kwh) if kwh is not None else None,
        "money_text": _money(alert.params or {}),
        "handled_text": _handled(glance, standing),
        "acknowledged": standing.acknowledged is not None,
        "silenced": standing.silence is not None,
    }


def _handled(glance: Glance, standing: Handled) -> list[str]:
    """Say who takes care of an alert, and until when nobody is told of it."""
    zh, zone = glance.language is Language.ZH, glance.park.zone
    lines = []
    if taken := standing.acknowledged:
        when = local_time(taken.at, zone)
        said = f"{'：' if zh else ': '}{taken.text}" if taken.text else ""
        lines.append(f"{taken.author} 于 {when} 确认{said}" if zh else f"Acknowledged by {taken.author}, {when}{said}")
    if quiet := standing.silence:
        until = local_time(quiet.until, zone)
        lines.append(
            f"静默至 {until}（{quiet.author}：{quiet.reason}）"
            if zh
            else f"Silenced until {until} by {quiet.author}: {quiet.reason}"
        )
    return lines


def energy_at_stake(params: Mapping[str, float | str]) -> float | None:
    """Return the kWh an alert speaks of: what was lost or is missing, where its rule says so."""
    found = _stake(params)
    return found[1] if found else None


def _stake(params: Mapping[str, float | str]) -> tuple[str, float] | None:
    for name in STAKES:
        value = params.get(name)
        if isinstance(value, int | float):
            return name, float(value)
    return None


def _money(params: Mapping[str, float | str]) -> str | None:
    """Write what the energy costs, where the rule says so."""
    amount, currency = params.get("lost_money"), params.get("currency")
    if not isinstance(amount, int | float) or not isinstance(currency, str):
        return None
    return words.money_text(float(amount), currency)
