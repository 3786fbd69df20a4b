"""The past judged as it would have been then, and brought together with what is on record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.store import AlertRecord
from rules.facts import Facts, moment
from rules.lifecycle import AlertState, step
from rules.rule import Rule

WARM_UP = timedelta(days=31)  # walked before the range, so that alerts open at its start are met as they stood


def replayed(rules: Iterable[Rule], facts: Facts, start: datetime, end: datetime) -> list[AlertRecord]:
    """Return every alert that fired in [start, end] and those still pending at its end."""
    found: list[AlertRecord] = []
    for rule in rules:
        entities = [*rule.watch.entities(facts.park, start), *rule.watch.entities(facts.park, end)]
        for entity in dict.fromkeys(entities):
            own = _life(rule, entity, facts, rule.watch.replay_instants(entity, facts, start, end))
            facts.tell(own)
            found += own
    return found


def _life(rule: Rule, entity: str, facts: Facts, instants: Iterable[datetime]) -> list[AlertRecord]:
    done: list[AlertRecord] = []
    alert: AlertRecord | None = None
    for at in instants:
        now = moment(at, facts.park.zone)
        alert = step(alert, rule.watch.observe(entity, facts, now, alert), at, rule.terms(entity))
        if alert is not None and alert.state == AlertState.RESOLVED:
            done.append(alert)
            alert = None
    return [*done, alert] if alert else done


def merge(found: Iterable[AlertRecord], known: Sequence[AlertRecord]) -> list[AlertRecord]:
    """Return what to save so that replayed alerts join those on record.

    The same alert keeps when it fired and was sent. An open alert on record that the replay dates otherwise gives way
    to it. An ended alert that overlaps one on record is left out: what people were told then stays.
    """
    save: list[AlertRecord] = []
    for alert in found:
        others = [k for k in known if k.fingerprint == alert.fingerprint]
        same = next((k for k in others if k.active_at == alert.active_at), None)
        if same:
            save.append(replace(alert, fired_at=same.fired_at or alert.fired_at, last_sent_at=same.last_sent_at))
        elif alert.state != AlertState.RESOLVED:
            save += [_superseded(k) for k in others if k.state != AlertState.RESOLVED]
            save.append(alert)
        elif not any(_overlap(alert, k) for k in others):
            save.append(alert)
    return save


def _superseded(alert: AlertRecord) -> AlertRecord:
    """Close a record without length; the one that takes its place covers it."""
    return replace(alert, state=AlertState.RESOLVED.value, resolved_at=alert.active_at)


def _overlap(alert: AlertRecord, other: AlertRecord) -> bool:
    end, other_end = alert.resolved_at, other.resolved_at
    return (other_end is None or alert.active_at <= other_end) and (end is None or other.active_at <= end)
