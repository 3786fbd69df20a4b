"""Alerts as those who look after them see them: open ones, the past page by page, silences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from core.handled import Handled, Life, of
from core.handling import Act, Silence
from core.park import Park
from core.store import AlertRecord
from core.text import Language, Text, local_time
from core.words import AlertSpeaker
from dashboards.views import words
from dashboards.views.alerts import SEVERITY_WORDS, Glance, alert_view
from dashboards.views.quality import entity_name

Json: TypeAlias = "dict[str, object]"

ACT_WORDS = {
    "ack": Text(zh="已确认", en="acknowledged"),
    "unack": Text(zh="撤回确认", en="took the acknowledgement back"),
    "broken": Text(zh="告警加重，确认失效", en="grew worse: no longer acknowledged"),
    "comment": Text(zh="备注", en="comment"),
}
STATE_WORDS = {"firing": Text(zh="未恢复", en="open"), "resolved": Text(zh="已恢复", en="over")}
_EVERY = Text(zh="所有告警", en="every alert")


def alert_item(glance: Glance, alert: AlertRecord, found: Mapping[Life, Handled], say: AlertSpeaker) -> Json:
    """Return one alert, open or over, with what people did."""
    standing, zone = of(alert, found), glance.park.zone
    end = alert.resolved_at
    return {
        **alert_view(glance, alert, say, standing),
        "state": alert.state,
        "state_word": STATE_WORDS.get(alert.state, Text(zh=alert.state, en=alert.state)).say(glance.language),
        "since_long": local_time(alert.active_at, zone),
        "resolved_at": end.isoformat() if end else None,
        "resolved_text": local_time(end, zone) if end else None,
        "duration_text": words.span_text((end or glance.now) - alert.active_at, glance.language),
        "acts": [act_view(a, glance.park, glance.language) for a in standing.acts],
    }


def act_view(act: Act, park: Park, language: Language) -> Json:
    """Return what somebody did, in words."""
    return {
        "id": act.id,
        "kind": act.kind.value,
        "word": ACT_WORDS[act.kind.value].say(language),
        "author": act.author,
        "at": act.at.isoformat(),
        "at_text": local_time(act.at, park.zone),
        "text": act.text,
    }


def silence_view(silence: Silence, park: Park, names: Mapping[str, Text], now: datetime, language: Language) -> Json:
    """Return a silence in words."""
    ended = silence.ended
    return {
        "id": silence.id,
        "rule": silence.rule,
        "entity": silence.entity,
        "what": _covered(silence, park, names, language),
        "start": silence.start.isoformat(),
        "end": silence.end.isoformat(),
        "start_text": local_time(silence.start, park.zone),
        "end_text": local_time(silence.end, park.zone),
        "until_text": local_time(silence.until, park.zone),
        "author": silence.author,
        "reason": silence.reason,
        "in_force": silence.holds(now),
        "planned": now < silence.start and silence.until > silence.start,
        "ended": {"at_text": local_time(ended.at, park.zone), "author": ended.author, "reason": ended.reason}
        if ended
        else None,
    }


def _covered(silence: Silence, park: Park, names: Mapping[str, Text], language: Language) -> str:
    rule = names.get(silence.rule, Text(zh=silence.rule, en=silence.rule)) if silence.rule else _EVERY
    about = rule.say(language)
    return f"{about} · {entity_name(park, silence.entity).say(language)}" if silence.entity else about


def choices(park: Park, entities: Sequence[str], names: Mapping[str, Text], language: Language) -> Json:
    """Return what filters and forms choose from."""
    return {
        "rules": [{"id": i, "name": name.say(language)} for i, name in names.items()],
        "entities": [{"id": e, "name": entity_name(park, e).say(language)} for e in entities],
        "severities": [{"id": i, "name": SEVERITY_WORDS[i].say(language)} for i in ("critical", "warning", "info")],
        "states": [{"id": i, "name": name.say(language)} for i, name in STATE_WORDS.items()],
        "longest_silence_days": park.alerts.longest_silence_days,
        "zone": park.timezone,
    }
