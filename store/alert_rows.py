"""Alerts as rows of the state file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from core.store import AlertRecord
from store.rows import instant_of, micros

ALERT_COLUMNS = (
    "fingerprint, active_us, rule, entity, severity, state, fired_us, resolved_us, last_sent_us, keep_firing_us, "
    "value, params"
)
Row = tuple[str | int | float | None, ...]


def written(params: Mapping[str, float | str]) -> str:
    """Return parameters as text; numbers out of numpy are numbers too."""
    return json.dumps(dict(params), ensure_ascii=False, sort_keys=True, default=float)


def optional(instant: datetime | None) -> int | None:
    """Return an instant in microseconds, or None."""
    return None if instant is None else micros(instant)


def alert_row(alert: AlertRecord) -> tuple[object, ...]:
    """Return an alert in the order of ALERT_COLUMNS."""
    times = (alert.fired_at, alert.resolved_at, alert.last_sent_at, alert.keep_firing_since)
    params = None if alert.params is None else written(alert.params)
    what = (alert.rule, alert.entity, alert.severity, alert.state)
    return (alert.fingerprint, micros(alert.active_at), *what, *map(optional, times), alert.value, params)


def alert_of(row: Row) -> AlertRecord:
    """Return the alert of a row of ALERT_COLUMNS."""
    fingerprint, active, rule, entity, severity, state, *times, value, params = row
    fired, resolved, sent, kept = (None if t is None else instant_of(int(t)) for t in times)
    return AlertRecord(
        fingerprint=str(fingerprint),
        rule=str(rule),
        entity=str(entity),
        severity=str(severity),
        state=str(state),
        active_at=instant_of(int(active or 0)),
        fired_at=fired,
        resolved_at=resolved,
        last_sent_at=sent,
        keep_firing_since=kept,
        value=None if value is None else float(value),
        params=None if params is None else json.loads(str(params)),
    )
