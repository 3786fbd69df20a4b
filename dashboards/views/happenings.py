"""Alerts as rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from core.park import Park
from core.store import AlertRecord
from core.text import Language, local_time
from core.words import AlertSpeaker
from dashboards.views import words
from dashboards.views.alerts import SEVERITY_WORDS, energy_at_stake
from dashboards.views.quality import entity_name
from dashboards.views.spans import Span

Json: TypeAlias = "dict[str, object]"


def rows(
    park: Park,
    alerts: Sequence[AlertRecord],
    say: AlertSpeaker | None,
    span: Span,
    now: datetime,
    language: Language,
) -> list[Json]:
    """Return the alerts that stood at any time of the range, newest first."""
    start, end = span.bounds(park.zone)
    stood = [a for a in alerts if a.fired_at and a.active_at < end and (a.resolved_at or now) >= start]
    return [_row(park, a, say, language) for a in sorted(stood, key=lambda a: a.active_at, reverse=True)]


def _row(park: Park, alert: AlertRecord, say: AlertSpeaker | None, language: Language) -> Json:
    kwh = energy_at_stake(alert.params or {})
    severity = SEVERITY_WORDS.get(alert.severity)
    return {
        "since": local_time(alert.active_at, park.zone),
        "until": local_time(alert.resolved_at, park.zone) if alert.resolved_at else None,
        "severity": alert.severity,
        "severity_word": severity.say(language) if severity else alert.severity,
        "entity": entity_name(park, alert.entity).say(language),
        "title": say(alert, language).title if say else alert.rule,
        "kwh_text": words.energy_text(kwh) if kwh is not None else None,
    }
