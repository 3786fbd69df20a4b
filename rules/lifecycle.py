"""The life of one alert: inactive, pending, firing, resolved.

Prometheus' lifecycle as a pure function, with two changes. No data is an observation of its own and never means
"resolved" unless the rule says so. An alert that fires keeps firing when `for` is lengthened: it was told already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from core.store import AlertRecord

OnMissing = Literal["hold", "alert", "clear"]


class AlertState(StrEnum):
    """Where an alert stands; an inactive one is no record at all."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Observation:
    """What a rule sees of one entity at one instant. `active` None: there are no data to judge by."""

    active: bool | None = None
    value: float | None = None
    severity: str | None = None  # where it depends on what is seen; else the rule's own
    since: datetime | None = None  # when the condition began to hold, where the data tell
    params: Mapping[str, float | str] = field(default_factory=dict)


MISSING = Observation()


@dataclass(frozen=True)
class Terms:
    """What stays the same through an alert's life."""

    rule: str
    entity: str
    severity: str
    holds_for: timedelta = timedelta(0)  # how long the condition must hold before the alert fires
    keep_firing_for: timedelta = timedelta(0)
    on_missing: OnMissing = "hold"

    @property
    def fingerprint(self) -> str:
        """Name of the alert; the same through restarts and repetitions."""
        return f"{self.rule}/{self.entity}"


def step(alert: AlertRecord | None, seen: Observation, now: datetime, terms: Terms) -> AlertRecord | None:
    """Return the alert after one observation; None where there is none.

    A pending alert that is seen inactive is gone; a firing one becomes resolved and is returned once. A resolved one
    is history: the next active observation begins a new alert.
    """
    known = None if alert is None or alert.state == AlertState.RESOLVED else alert
    active = seen.active
    if active is None:
        if terms.on_missing == "hold":
            return known
        active = terms.on_missing == "alert"
    if active:
        return _advance(_refreshed(known, seen, terms) if known else _begun(seen, now, terms), now, terms)
    return _recede(known, seen, now, terms) if known else None


def _begun(seen: Observation, now: datetime, terms: Terms) -> AlertRecord:
    return AlertRecord(
        fingerprint=terms.fingerprint,
        rule=terms.rule,
        entity=terms.entity,
        severity=seen.severity or terms.severity,
        state=AlertState.PENDING.value,
        active_at=min(seen.since or now, now),
        value=seen.value,
        params=dict(seen.params),
    )


def _refreshed(alert: AlertRecord, seen: Observation, terms: Terms) -> AlertRecord:
    severity = seen.severity or (terms.severity if seen.active else alert.severity)
    return replace(
        alert,
        severity=severity,
        value=alert.value if seen.value is None else seen.value,
        params={**(alert.params or {}), **seen.params},
        keep_firing_since=None,
    )


def _advance(alert: AlertRecord, now: datetime, terms: Terms) -> AlertRecord:
    if alert.state == AlertState.PENDING and now - alert.active_at >= terms.holds_for:
        return replace(alert, state=AlertState.FIRING.value, fired_at=now)
    return alert


def _recede(alert: AlertRecord, seen: Observation, now: datetime, terms: Terms) -> AlertRecord | None:
    if alert.state == AlertState.PENDING:
        return None
    since = alert.keep_firing_since or now
    if now - since < terms.keep_firing_for:
        return replace(alert, keep_firing_since=since)
    return replace(
        alert,
        state=AlertState.RESOLVED.value,
        resolved_at=now,
        params={**(alert.params or {}), **seen.params},
        value=alert.value if seen.value is None else seen.value,
        keep_firing_since=None,
    )
