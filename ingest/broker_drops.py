"""What the broker itself says it has thrown away.

Mosquitto counts, since its own start, the messages it dropped because a client's queue was full. It does not say whose:
a rise may be another client's loss, and a person has to look. Brokers that tell nothing of the kind are no error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.quality import Event
from core.store import State

DROPPED_TOPIC = "$SYS/broker/publish/messages/dropped"
CODE = "broker_dropped"
REMEMBER_EVERY = timedelta(minutes=10)  # when the counter was last looked at bounds an event's beginning
_KEY = "ingest:broker_dropped:"


@dataclass(frozen=True)
class _Seen:
    """What the counter stood at when it was last looked at."""

    count: int
    at: datetime


class DropWatch:
    """Follows the counter of one broker across our restarts and its own.

    A count lower than the last one means that the broker started again, from zero. One that started again and dropped
    more than before looks like less than it was; it is told all the same.
    """

    def __init__(self, park_id: str, broker: str, state: State) -> None:
        self._entity = park_id
        self._key = _KEY + broker
        self._state = state
        self._heard: int | None = None
        self._seen: _Seen | None = None
        self._loaded = False
        self.dropped: int | None = None  # since we started; None while the broker has told nothing

    def hear(self, payload: bytes) -> None:
        """Take the broker's word; called by the receiving thread, so it only takes note."""
        if payload.isdigit():
            self._heard = int(payload)

    def settle(self, now: datetime) -> int:
        """Record what was heard since the last time; return by how much the counter rose. Raises Retryable."""
        heard = self._heard
        if heard is None:
            return 0
        before = self._before()
        rise = 0 if before is None else heard - before.count if heard >= before.count else heard
        if rise and before is not None:
            event = Event(self._entity, CODE, before.at, now, {"messages": float(rise)})
            self._state.notice([event])
            self._state.add_counts({f"ingest.{CODE}": rise})
        if rise or before is None or heard != before.count or now - before.at >= REMEMBER_EVERY:
            self._state.set_value(self._key, json.dumps({"count": heard, "at": now.isoformat()}))
            self._seen = _Seen(heard, now)
        self.dropped = (self.dropped or 0) + rise
        return rise

    def _before(self) -> _Seen | None:
        if not self._loaded:
            stored = json.loads(self._state.value(self._key) or "null")
            self._seen = _Seen(stored["count"], datetime.fromisoformat(stored["at"])) if stored else None
            self._loaded = True
        return self._seen
