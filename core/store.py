"""What a store and a state file promise. Implementations live in `store/`; every room asks only for these.

A Store holds series of one park: readings as sent and values derived per slot, day and month. A State holds what
changes: marks, quarantine, events, alerts, archived configurations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import pandas as pd

from core.corrections import Correction, Entry, Undoing
from core.handling import Act, Ended, Silence
from core.quality import Event
from core.quantities import Period
from core.statements import Kind, Statement


@dataclass(frozen=True)
class StoreInfo:
    """What a person wants to know of a store: how much, since when, where."""

    kind: str
    readings: int
    first_reading: datetime | None
    last_reading: datetime | None
    size_bytes: int | None


class Table(StrEnum):
    """What whoever takes a store along takes of it; the copy of the alerts follows from the state file."""

    READING = "reading"
    SLOT = "slot"
    DAY = "day"
    MONTH = "month"
    REVISION = "revision"


class Store(Protocol):
    """Series of one park. Every method may be called from any thread.

    Raises Retryable where the store is out of reach or out of space (nothing was lost, try again), Rejected where
    it will never take these rows.
    """

    def append_readings(self, readings: pd.DataFrame) -> None:
        """Add a READINGS frame; durable when this returns. The same key twice keeps the one received later."""
        ...

    def readings(
        self,
        start: datetime,
        end: datetime,
        *,
        devices: Sequence[str] | None = None,
        quantities: Sequence[str] | None = None,
        edges: bool = False,
    ) -> pd.DataFrame:
        """Return readings in [start, end), one row per key, sorted by READING_KEY.

        With `edges`, also the last one before `start` and the first one at or after `end` of every
        (device, quantity, channel), so that a register can be interpolated at both ends. Readings flagged
        unusable never serve as edges.
        """
        ...

    def held(self, readings: pd.DataFrame) -> pd.DataFrame:
        """Return what is stored under the key of every row of a READINGS frame, row by row in its order.

        Columns `value`, `received_at`, `flags`; where nothing is stored, `received_at` is NaT.
        """
        ...

    def latest(self) -> pd.DataFrame:
        """Return the newest usable reading of every (device, quantity, channel)."""
        ...

    def write_slots(self, period: Period, slots: pd.DataFrame) -> int:
        """Set values of one period length and return how many changed; a value replaced goes to `revisions`."""
        ...

    def slots(
        self,
        period: Period,
        start: datetime,
        end: datetime,
        *,
        scope: str | None = None,
        entities: Sequence[str] | None = None,
        quantities: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Return values whose period starts in [start, end) as a SLOTS frame sorted by SLOT_KEY."""
        ...

    def revisions(self, start: datetime, end: datetime) -> pd.DataFrame:
        """Return replaced values: SLOT_COLUMNS plus `period` and `replaced_at`."""
        ...

    def replace_alerts(self, start: datetime, end: datetime, alerts: pd.DataFrame) -> int:
        """Set the alerts that began in [start, end), an ALERTS frame, and return how many rows changed.

        A copy of what the state file knows, for whoever sees nothing but the store. A crash in between leaves some rows
        old and some new; doing it again puts them right.
        """
        ...

    def alerts(self, start: datetime, end: datetime) -> pd.DataFrame:
        """Return the alerts that began in [start, end) as an ALERTS frame sorted by ALERT_KEY."""
        ...

    def days(self, table: Table) -> list[tuple[date, int]]:
        """Return the UTC days that hold rows of a table, oldest first, each with how many; unusable readings count.

        Of a key that was written twice all rows may be counted. A revision belongs to the day its period starts on.
        """
        ...

    def put_slots(self, period: Period, slots: pd.DataFrame) -> None:
        """Set values to the very bits another store holds; unlike `write_slots` nothing goes to `revisions`."""
        ...

    def put_revisions(self, revisions: pd.DataFrame) -> None:
        """Add replaced values as `revisions` returns them; the same ones again change nothing."""
        ...

    def drop_readings(self, start: datetime, end: datetime) -> None:
        """Forget every reading in [start, end), for good; values derived from them stay."""
        ...

    def compact(self, before: datetime) -> None:
        """Tidy what lies before `before`; readers see no difference."""
        ...

    def info(self) -> StoreInfo:
        """Return size and extent."""
        ...

    def close(self) -> None:
        """Release the file or connection; everything accepted stays."""
        ...


@dataclass(frozen=True)
class DirtyMark:
    """Readings of this device on this UTC day changed; `seq` grows with every change."""

    device: str
    day: date
    seq: int


@dataclass(frozen=True)
class QuarantineItem:
    """A message that could not become readings, kept whole; also after a replay made readings of it."""

    received_at: datetime
    topic: str
    payload: bytes
    reason: str  # a short code
    detail: str = ""
    device: str = ""
    id: int | None = None
    replayed_at: datetime | None = None


@dataclass(frozen=True)
class AlertRecord:
    """One alert's whole life, as it survives a restart. Words are rendered late from rule and params."""

    fingerprint: str
    rule: str
    entity: str
    severity: str
    state: str  # pending | firing | resolved
    active_at: datetime
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    last_sent_at: datetime | None = None
    keep_firing_since: datetime | None = None
    value: float | None = None
    params: Mapping[str, float | str] | None = None


@dataclass(frozen=True)
class AlertFilter:
    """Which alerts of the past are asked for: those that lived in [start, end), of one rule, entity, severity, state."""

    start: datetime | None = None
    end: datetime | None = None
    rule: str | None = None
    entity: str | None = None
    severity: str | None = None
    state: str | None = None


class State(Protocol):
    """What changes, beside the store. One writer per table: `ingest` marks and quarantines, `serve` does the rest."""

    # -- ingest writes
    def mark_dirty(self, pairs: Iterable[tuple[str, date]]) -> None:
        """Mark (device, UTC day) pairs, each with a new, higher sequence number."""
        ...

    def quarantine(self, items: Sequence[QuarantineItem]) -> None:
        """Keep messages that could not be decoded."""
        ...

    def replayed(self, items: Sequence[QuarantineItem]) -> None:
        """Set what a replay found of kept messages, by id: `replayed_at`, or a new reason, detail and device."""
        ...

    def notice(self, events: Sequence[Event]) -> None:
        """Keep events noticed as readings came; unlike those of `replace_events` no recomputing removes them."""
        ...

    def add_counts(self, counts: Mapping[str, int]) -> None:
        """Add to named counters that survive a restart."""
        ...

    # -- serve writes
    def dirty(self) -> list[DirtyMark]:
        """Return marks not yet settled, oldest day first."""
        ...

    def settle(self, marks: Iterable[DirtyMark]) -> None:
        """Clear marks whose sequence number has not moved since they were read."""
        ...

    def replace_events(self, entity: str, start: datetime, end: datetime, events: Sequence[Event]) -> None:
        """Set the events of one entity that start in [start, end)."""
        ...

    def save_alerts(self, alerts: Sequence[AlertRecord]) -> None:
        """Store alerts by fingerprint and active_at; resolved ones become history."""
        ...

    def set_value(self, key: str, value: str) -> None:
        """Keep a small value: a watermark, a notification log entry. Keys that begin with `ingest:` are ingest's."""
        ...

    def archive_config(self, digest: str, text: str, loaded_at: datetime) -> None:
        """Keep a configuration that was loaded; the same digest twice changes nothing."""
        ...

    def add_correction(self, correction: Correction, at: datetime) -> Entry:
        """Put a correction on record; it is never changed or deleted."""
        ...

    def undo_correction(self, correction_id: int, undoing: Undoing) -> Entry:
        """Put on record that a correction is taken back; raises ConfigError where there is none or it already is."""
        ...

    def add_act(self, act: Act) -> Act:
        """Put on record what was done with an alert; raises ConfigError where there is none."""
        ...

    def add_silence(self, silence: Silence) -> Silence:
        """Put a silence on record; it is never changed or deleted."""
        ...

    def end_silence(self, number: int, ended: Ended) -> Silence:
        """Put on record that a silence ends before its time; raises ConfigError where there is none or it is over."""
        ...

    def add_statements(self, statements: Sequence[Statement]) -> int:
        """Put on record what the models say; returns how many are new: the last one said again changes nothing."""
        ...

    # -- anyone reads
    def statements(
        self,
        kind: Kind,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        entity: str | None = None,
        as_of: datetime | None = None,
        every: bool = False,
    ) -> list[Statement]:
        """Return statements that speak of any time in [start, end), oldest first.

        Of those with the same entity, subject and start only the last one said, as known at `as_of`; `every` one else.
        """
        ...

    def acts(self, lives: Iterable[tuple[str, datetime]]) -> list[Act]:
        """Return what was done with these lives of alerts, named by fingerprint and beginning, in its order."""
        ...

    def silences(self, since: datetime | None = None) -> list[Silence]:
        """Return silences, with `since` only those planned to end after it, in the order they were made."""
        ...

    def alert_history(
        self, wanted: AlertFilter, limit: int, after: tuple[datetime, str] | None = None
    ) -> list[AlertRecord]:
        """Return alerts that fired, newest beginning first; `after` is (active_at, fingerprint) of the last one known."""
        ...

    def corrections(self, start: datetime | None = None, end: datetime | None = None) -> list[Entry]:
        """Return corrections, undone ones too, that speak of any time in [start, end), in the order they were made."""
        ...

    def events(self, start: datetime, end: datetime) -> list[Event]:
        """Return events that overlap [start, end), oldest first."""
        ...

    def alerts(self, since: datetime | None = None) -> list[AlertRecord]:
        """Return alerts that are open, and with `since` also those resolved at or after it."""
        ...

    def value(self, key: str) -> str | None:
        """Return a small value kept by `set_value`."""
        ...

    def values(self, prefix: str) -> dict[str, str]:
        """Return all small values whose key starts with `prefix`."""
        ...

    def quarantined(
        self, limit: int = 100, *, reason: str | None = None, before: int | None = None, waiting: bool = False
    ) -> list[QuarantineItem]:
        """Return quarantined messages, newest first: of one reason, below an id, not replayed yet."""
        ...

    def quarantine_item(self, number: int) -> QuarantineItem | None:
        """Return one quarantined message."""
        ...

    def quarantine_counts(self) -> dict[str, tuple[int, int]]:
        """Return for every reason how many messages wait and how many were replayed; most messages first."""
        ...

    def counts(self) -> dict[str, int]:
        """Return all counters; "quarantined" is among them."""
        ...

    def configs(self) -> list[tuple[str, datetime]]:
        """Return (digest, loaded_at) of archived configurations, oldest first."""
        ...

    def copy_to(self, path: Path) -> None:
        """Write what is here at one moment into a new file, without leases; nobody waits meanwhile."""
        ...

    def follow_settled(self) -> set[tuple[str, date]]:
        """Return a set to which this process adds every (device, day) it settles, beginning with its last settling."""
        ...

    def unfollow_settled(self, followed: set[tuple[str, date]]) -> None:
        """Add no more to a set from `follow_settled`."""
        ...

    def acquire(self, name: str) -> None:
        """Take the lease called `name` for this process; raises ConfigError where a living process holds it.

        `a/b` is a part of `a`: a part and the whole exclude each other, two parts do not.
        """
        ...

    def close(self) -> None:
        """Release leases and the file."""
        ...
