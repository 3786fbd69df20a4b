"""Store and state in memory, as far as ingest asks for them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import pandas as pd

from core.frames import READING_KEY, readings_frame
from core.quality import Event
from core.store import DirtyMark, QuarantineItem
from ingest.collector import Collector
from store.held import held_by_reading


class FakeStore:
    """Keeps readings by key; raises what `failures` holds, one per append."""

    def __init__(self) -> None:
        self.rows: dict[tuple[object, ...], dict[str, object]] = {}
        self.appends = 0
        self.failures: list[Exception] = []
        self.calls: list[str] = []
        self.reject = lambda _frame: None  # may raise Rejected after looking at the frame

    def append_readings(self, readings: pd.DataFrame) -> None:
        self.calls.append("append")
        if self.failures:
            raise self.failures.pop(0)
        self.reject(readings)
        self.appends += 1
        for row in readings.to_dict("records"):
            key = tuple(row[k] for k in READING_KEY)
            if key not in self.rows or self.rows[key]["received_at"] <= row["received_at"]:
                self.rows[key] = row

    def readings(self, start: datetime, end: datetime, **_: object) -> pd.DataFrame:
        rows = self.all()
        return rows[(rows["time"] >= start) & (rows["time"] < end)]

    def held(self, readings: pd.DataFrame) -> pd.DataFrame:
        return held_by_reading(self.readings, readings)

    def all(self) -> pd.DataFrame:
        return readings_frame(pd.DataFrame(list(self.rows.values()))) if self.rows else readings_frame()


class FakeState:
    """Marks, quarantine and counters in plain lists."""

    def __init__(self, calls: list[str] | None = None) -> None:
        self.marks: dict[tuple[str, date], int] = {}
        self.items: list[QuarantineItem] = []
        self.counted: Counter[str] = Counter()
        self.noticed: list[Event] = []
        self.calls = calls if calls is not None else []
        self.failures: list[Exception] = []
        self.small: dict[str, str] = {}
        self._seq = 0

    def mark_dirty(self, pairs: Iterable[tuple[str, date]]) -> None:
        self.calls.append("mark")
        if self.failures:
            raise self.failures.pop(0)
        for pair in pairs:
            self._seq += 1
            self.marks[pair] = self._seq

    def quarantine(self, items: Sequence[QuarantineItem]) -> None:
        self.calls.append("quarantine")
        self.items += items

    def notice(self, events: Sequence[Event]) -> None:
        self.calls.append("notice")
        self.noticed += events

    def add_counts(self, counts: Mapping[str, int]) -> None:
        self.counted.update(counts)

    def set_value(self, key: str, value: str) -> None:
        self.small[key] = value

    def value(self, key: str) -> str | None:
        return self.small.get(key)

    def values(self, prefix: str) -> dict[str, str]:
        return {k: v for k, v in self.small.items() if k.startswith(prefix)}

    def dirty(self) -> list[DirtyMark]:
        return [DirtyMark(d, day, seq) for (d, day), seq in sorted(self.marks.items(), key=lambda m: m[0][1])]


class FastClock:
    """The machine's monotonic time and a fixed `now` that can be moved."""

    def __init__(self, now: datetime = datetime(2026, 10, 1, 4, 0, tzinfo=UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic_s(self) -> float:
        return time.monotonic()

    def advance(self, delta: timedelta) -> None:
        self._now += delta


def listening(collector: Collector) -> threading.Event:
    """Asked before its start, the event is set once the broker has granted what it subscribes to.

    Before that it is connected already, and the broker keeps nothing for a session that asked for nothing.
    """
    granted, real = threading.Event(), collector._session._on_subscribe

    def on_subscribe(*arguments: object) -> None:
        real(*arguments)
        granted.set()

    collector._session._on_subscribe = on_subscribe
    return granted
