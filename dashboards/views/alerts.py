"""What needs a person: open alerts in words, with since when and how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from core.park import valid_one
from core.store import AlertRecord
from core.text import MISSING, Text
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
        "money_text": _money(data, alert, kwh),
    }


def energy_at_stake(params: Mapping[str, float | str]) -> float | None:
    """Return the kWh an alert speaks of: what was lost or is missing, where its rule says so."""
    for name in ("lost_kwh", "shortfall_kwh", "excess_kwh", "energy_kwh", "kwh"):
        value = params.get(name)
        if isinstance(value, int | float):
            return float(value)
    return None


def _money(data: ViewData, alert: AlertRecord, kwh: float | None) -> str | None:
    """Write what the energy costs: as the rule says, else at the import price valid when the alert began."""
    tariff = valid_one(data.park.tariffs, alert.active_at)
    stated = (alert.params or {}).get("money")
    if tariff is None:
        return None
    if isinstance(stated, int | float):
        return words.money_text(float(stated), tariff.currency)
    if kwh is None:
        return None
    text = words.money_text(kwh * tariff.import_per_kwh, tariff.currency)
    return None if text == MISSING else text
