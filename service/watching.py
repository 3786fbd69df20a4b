"""What Grafana has to see of the service itself: alerts, the collector, lateness. Grafana reads only the store.

All of it is copied or counted, and may be written again at any time: the state file stays what counts for alerts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from core.frames import SLOT_KEY, alerts_frame, slots_frame
from core.park import Park
from core.quality import Reason
from core.quantities import Period, Scope
from core.store import AlertRecord, State, Store
from core.text import Language
from core.timebase import SLOT, slot_start
from core.words import AlertSpeaker
from ingest.collector import CollectorStatus

EVER = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC))
SEVERITY = {"info": 1.0, "warning": 2.0, "critical": 3.0}
WRITE_DAYS = 7  # of slots at once; a store compares them with what it has
_UNTIL = "watch:alerts_until"
_COLLECTOR = "watch:collector"


class AlertCopy:
    """Keeps the store's copy of the alerts, and per slot how many stood and how bad the worst was at each entity."""

    def __init__(self, park: Park, store: Store, state: State, say: AlertSpeaker) -> None:
        self._park, self._store, self._state, self._say = park, store, state, say
        self._told: pd.DataFrame | None = None
        scopes = {a.id: Scope.ARRAY for a in park.arrays} | {p.id: Scope.POINT for p in park.points}
        self._scopes: Mapping[str, Scope] = scopes

    def run(self, now: datetime) -> None:
        """Write what is new or different since the last run, whatever it is about.

        Slots come first: as long as the copy is the old one, a run that broke off begins where this one did.
        """
        records = [a for a in self._state.alerts(EVER[0]) if _was_told(a)]
        told = self._store.alerts(*EVER) if self._told is None else self._told
        fresh = self._frame(records)
        changed = pd.concat([told, fresh]).drop_duplicates(keep=False)
        stored = self._state.value(_UNTIL)
        until = min(datetime.fromisoformat(stored), now) if stored else now
        self._write_slots(records, slot_start(min([until, *changed["start"]])), now)
        if len(changed):
            self._store.replace_alerts(*EVER, fresh)
        self._told = fresh
        self._state.set_value(_UNTIL, now.isoformat())

    def _frame(self, records: Sequence[AlertRecord]) -> pd.DataFrame:
        if not records:
            return alerts_frame()
        # In the words it was told in: those of a resolved alert say that it is over.
        standing = [replace(a, state="firing") for a in records]
        return alerts_frame(
            {
                "start": [a.active_at for a in records],
                "rule": [a.rule for a in records],
                "entity": [a.entity for a in records],
                "severity": [SEVERITY[a.severity] for a in records],
                "until": [a.resolved_at or pd.NaT for a in records],
                "title_zh": [self._say(a, Language.ZH).title for a in standing],
                "title_en": [self._say(a, Language.EN).title for a in standing],
            }
        )

    def _write_slots(self, records: Sequence[AlertRecord], first: datetime, now: datetime) -> None:
        while first <= now:
            last = min(first + timedelta(days=WRITE_DAYS), slot_start(now) + SLOT)
            stood = self._store.slots(Period.SLOT, first, last, quantities=["alert_level"])
            rows = [*_open_rows(self._park.id, records, first, last, now), *self._levels(records, first, last, now)]
            self._store.write_slots(Period.SLOT, _with_ended(slots_frame(pd.DataFrame(rows)), stood))
            first = last

    def _levels(
        self, records: Sequence[AlertRecord], first: datetime, last: datetime, now: datetime
    ) -> Iterable[dict[str, object]]:
        """Yield the worst level of every slot an alert stood in, and 0 for the slot after it."""
        worst: dict[tuple[str, datetime], float] = {}
        for record in records:
            begin = slot_start(record.active_at)
            after = slot_start(now) + SLOT if record.resolved_at is None else _slot_after(begin, record.resolved_at)
            for slot in _slots(max(begin, first), min(after + SLOT, last)):
                level = SEVERITY[record.severity] if slot < after else 0.0
                worst[record.entity, slot] = max(worst.get((record.entity, slot), 0.0), level)
        for (entity, slot), level in worst.items():
            scope = self._scopes.get(entity, Scope.PARK)
            yield _row(slot, scope, entity, "alert_level", level, partial=slot + SLOT > now)


class CollectorLog:
    """Writes per slot what the collector received, how long it was connected, and what waits in quarantine."""

    def __init__(self, park: Park, store: Store, state: State) -> None:
        self._park, self._store, self._state = park, store, state

    def run(self, now: datetime, collectors: Mapping[str, CollectorStatus]) -> None:
        """Take one sample; nothing where there never was a collector."""
        if not collectors:
            return
        text = self._state.value(_COLLECTOR)
        before: dict[str, Any] = json.loads(text) if text else {}  # Any: a JSON document
        seen: dict[str, int] = dict(before.get("received", {}))
        came = sum(_came(name, status, seen) for name, status in collectors.items())
        slot = slot_start(now)
        rows: list[dict[str, object]] = []
        if before.get("slot") != slot.isoformat():
            if before:
                rows += self._rows(before, now)
            before = {"slot": slot.isoformat(), "samples": 0, "connected": 0, "telegrams": 0}
        sample = {
            **before,
            "samples": before["samples"] + 1,
            "connected": before["connected"] + int(all(s.connected for s in collectors.values())),
            "telegrams": before["telegrams"] + came,
            "quarantined": sum(waiting for waiting, _ in self._state.quarantine_counts().values()),
            "received": seen,
        }
        rows += self._rows(sample, now)
        self._store.write_slots(Period.SLOT, slots_frame(pd.DataFrame(rows)))
        self._state.set_value(_COLLECTOR, json.dumps(sample))

    def _rows(self, sample: Mapping[str, Any], now: datetime) -> Iterable[dict[str, object]]:  # Any: a JSON document
        slot = datetime.fromisoformat(sample["slot"])
        values = {
            "collector_connected": sample["connected"] / sample["samples"],
            "telegrams": float(sample["telegrams"]),
            "quarantined": float(sample["quarantined"]),
        }
        for quantity, value in values.items():
            yield _row(slot, Scope.PARK, self._park.id, quantity, value, partial=slot + SLOT > now)


def _came(name: str, status: CollectorStatus, seen: dict[str, int]) -> int:
    """Return how many telegrams came since the last sample; a collector that began anew counts from zero."""
    if not status.connected and not status.received:
        return 0  # not heard of just now, or not begun: what it has counted is not gone
    before = seen.get(name)
    seen[name] = status.received
    if before is None:
        return status.received
    return status.received - before if status.received >= before else status.received


def _was_told(alert: AlertRecord) -> bool:
    """Say whether anybody was told; one that gave way to another dating of itself has no length."""
    return alert.fired_at is not None and (alert.resolved_at is None or alert.resolved_at > alert.active_at)


def _open_rows(
    park_id: str, records: Sequence[AlertRecord], first: datetime, last: datetime, now: datetime
) -> Iterable[dict[str, object]]:
    """Yield the number of alerts firing at the end of every slot, or now in the running one."""
    fired = np.sort(np.array([_us(a.fired_at) for a in records if a.fired_at], dtype="int64"))
    ended = np.sort(np.array([_us(a.resolved_at) for a in records if a.resolved_at], dtype="int64"))
    for slot in _slots(first, last):
        at = _us(min(slot + SLOT, now))
        standing = np.searchsorted(fired, at, side="right") - np.searchsorted(ended, at, side="right")
        yield _row(slot, Scope.PARK, park_id, "open_alerts", float(standing), partial=slot + SLOT > now)


def _slots(first: datetime, last: datetime) -> Iterable[datetime]:
    while first < last:
        yield first
        first += SLOT


def _slot_after(begin: datetime, end: datetime) -> datetime:
    """Return the first slot that begins when an alert is over, never its own first."""
    ceiling = slot_start(end - timedelta(microseconds=1)) + SLOT
    return max(ceiling, begin + SLOT)


def _with_ended(rows: pd.DataFrame, stood: pd.DataFrame) -> pd.DataFrame:
    """Add a 0 for every slot that is said to have had an alert and has none any more."""
    key = list(SLOT_KEY)
    old = stood[stood["value"] > 0].merge(rows[key], on=key, how="left", indicator="origin")
    gone = old[old["origin"] == "left_only"].assign(value=0.0)
    return slots_frame(pd.concat([rows, gone[rows.columns]], ignore_index=True))


def _row(slot: datetime, scope: Scope, entity: str, quantity: str, value: float, *, partial: bool) -> dict[str, object]:
    return {
        "start": slot,
        "scope": scope.value,
        "entity": entity,
        "quantity": quantity,
        "value": value,
        "coverage": 1.0,
        "estimated": 0.0,
        "reasons": Reason.PARTIAL.value if partial else "",  # what is still running replaces itself without a record
    }


def _us(instant: datetime) -> int:
    return (instant - EVER[0]) // timedelta(microseconds=1)
