"""What needs a person: open alerts in words, with since when and how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from core.store import AlertRecord
from core.text import Text
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


def open_alerts(data: ViewData, alerts: Sequence[AlertRecord], say: AlertSpeaker) -> list[Json]:
    """Return firing alerts, newest cause first."""
    firing = sorted((a for a in alerts if a.state == "firing"), key=lambda a: a.active_at, reverse=True)
    return [_alert(data, a, say) for a in firing]


def _alert(data: ViewData, alert: AlertRecord, say: AlertSpeaker) -> Json:
    spoken = say(alert, data.language)
    since = alert.active_at.astimezone(data.park.zone)
    kwh = energy_at_stake(alert.params or {})
    severity = SEVERITY_WORDS.get(alert.severity, Text(zh=alert.severity, en=alert.severity))
    return {
        "fingerprint": alert.fingerprint,
        "severity": alert.severity,
        "severity_word": severity.say(data.language),
        "entity": entity_name(data.park, alert.entity).say(data.language),
        "title": spoken.title,
        "detail": spoken.detail,
        "advice": spoken.advice,
        "since": alert.active_at.isoformat(),
        "since_text": words.when_text(since, data.day, data.language),
        "age_text": words.age_text(data.now - alert.active_at, data.language),
        "kwh": words.number_or_none(kwh),
        "kwh_text": words.energy_text(kwh) if kwh is not None else None,
        "money_text": _money(alert.params or {}),
    }


def energy_at_stake(params: Mapping[str, float | str]) -> float | None:
    """Return the kWh an alert speaks of: what was lost or is missing, where its rule says so."""
    for name in ("lost_kwh", "beyond_kwh", "deficit_kwh", "energy_kwh"):
        value = params.get(name)
        if isinstance(value, int | float):
            return float(value)
    return None


def _money(params: Mapping[str, float | str]) -> str | None:
    """Write what the energy costs, where the rule says so."""
    amount, currency = params.get("lost_money"), params.get("currency")
    if not isinstance(amount, int | float) or not isinstance(currency, str):
        return None
    return words.money_text(float(amount), currency)
