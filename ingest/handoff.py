"""What lies between the network thread and the writer: an unbounded queue that knows how full it is."""

from __future__ import annotations

import queue
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

HIGH_WATER_MESSAGES = 30_000  # three times what a broker of ours keeps on the way
HIGH_WATER_BYTES = 64 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Received(NamedTuple):
    """A message as it came, `received_us` after 1970 UTC.

    `epoch` counts connections: an acknowledgement is only valid on its own one.
    """

    topic: str
    payload: bytes
    received_us: int
    mid: int
    qos: int
    epoch: int

    @property
    def received_at(self) -> datetime:
        """When it came."""
        return _EPOCH + timedelta(microseconds=self.received_us)


class Handoff:
    """Messages received and not yet stored.

    One thread puts and one takes; each counts only its own side, so no lock is needed. Nothing is ever refused or
    dropped here: half full, the session reads no further; past the high-water mark, or when that lasts, it disconnects,
    and the broker keeps the rest.
    """

    def __init__(
        self, high_water_messages: int = HIGH_WATER_MESSAGES, high_water_bytes: int = HIGH_WATER_BYTES
    ) -> None:
        self._queue: queue.SimpleQueue[list[Received]] = queue.SimpleQueue()
        self._high_messages = high_water_messages
        self._high_bytes = high_water_bytes
        self._put = self._put_bytes = 0
        self._done = self._done_bytes = 0
        self._last: Received | None = None

    def put(self, messages: list[Received]) -> None:
        """Hand messages over, one or more; never blocks."""
        self._put += len(messages)
        self._put_bytes += sum(len(m.payload) for m in messages)
        self._last = messages[-1]
        self._queue.put(messages)

    def take(self, timeout_s: float) -> list[Received]:
        """Return the oldest messages, waiting for some at most so long; none where none came."""
        try:
            return self._queue.get(timeout=timeout_s) if timeout_s > 0 else self._queue.get_nowait()
        except queue.Empty:
            return []

    def wake(self) -> None:
        """Let a `take` that waits return with nothing."""
        self._queue.put([])

    def done(self, messages: Sequence[Received]) -> None:
        """Say that these were stored."""
        self._done += len(messages)
        self._done_bytes += sum(len(m.payload) for m in messages)

    @property
    def last_received_at(self) -> datetime | None:
        """When the last one came."""
        return self._last.received_at if self._last else None

    @property
    def received(self) -> int:
        """How many messages ever came."""
        return self._put

    @property
    def pending(self) -> int:
        """How many are received and not yet stored."""
        return self._put - self._done

    @property
    def over_high_water(self) -> bool:
        """Whether no more should be received for now."""
        return self.pending >= self._high_messages or self._put_bytes - self._done_bytes >= self._high_bytes

    @property
    def filling(self) -> bool:
        """Whether it is half full: time to read no further for a moment."""
        half_bytes = 2 * (self._put_bytes - self._done_bytes)
        return 2 * self.pending >= self._high_messages or half_bytes >= self._high_bytes

    @property
    def drained(self) -> bool:
        """Whether receiving may start again after the high-water mark."""
        return self.pending == 0
