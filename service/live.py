"""Tells open pages that something changed: one small event, no thread per viewer."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator

MOST_VIEWERS = 200
MOST_EACH = 12  # pages one browser or program listens with
HEARTBEAT_S = 15.0
GATHER_S = 0.5  # what changes together is told together
RETRY_MS = 5_000


class Live:
    """Counts changes by kind ("data", "alerts"); every stream sends the counts when they moved.

    `tell` and `close` may be called from any thread and from a signal handler, streams belong to the event loop.
    """

    def __init__(self, most: int = MOST_VIEWERS, heartbeat_s: float = HEARTBEAT_S, most_each: int = MOST_EACH) -> None:
        self._most, self._heartbeat_s, self._most_each = most, heartbeat_s, most_each
        self._held: Counter[str] = Counter()  # streams by who listens
        self._counts: dict[str, int] = {"data": 0, "alerts": 0}
        self._lock = threading.RLock()  # a signal handler may come while this thread holds it
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._closed = False

    def tell(self, kind: str) -> None:
        """Say that something of this kind changed."""
        with self._lock:
            self._counts[kind] = self._counts.get(kind, 0) + 1
        self._wake()

    def close(self) -> None:
        """End every stream: the service ends."""
        self._closed = True
        self._wake()

    @property
    def full(self) -> bool:
        """Whether no further viewer is taken."""
        return self._closed or len(self._waiting) >= self._most

    def full_for(self, who: str) -> bool:
        """Say whether no further viewer is taken from one session, token or address."""
        return self.full or self._held[who] >= self._most_each

    @property
    def viewers(self) -> int:
        """How many streams are open."""
        return len(self._waiting)

    async def stream(self, who: str = "") -> AsyncIterator[str]:
        """Yield server-sent events until the viewer leaves or the service ends."""
        woken = asyncio.Event()
        with self._lock:
            if self.full_for(who):  # many asked at the same moment, when there was room for one
                return
            self._waiting[woken] = asyncio.get_running_loop()
            self._held[who] += 1
        try:
            told = dict(self._counts)
            yield f"retry: {RETRY_MS}\nevent: hello\ndata: {json.dumps(told)}\n\n"
            while not self._closed:
                try:
                    await asyncio.wait_for(woken.wait(), self._heartbeat_s)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                woken.clear()
                if self._closed:
                    return
                await asyncio.sleep(GATHER_S)
                told = dict(self._counts)
                yield f"event: changed\ndata: {json.dumps(told)}\n\n"
        finally:
            with self._lock:
                self._waiting.pop(woken, None)
                self._held[who] -= 1
                self._held += Counter()  # keeps those that hold something

    def _wake(self) -> None:
        with self._lock:
            waiting = list(self._waiting.items())
        for woken, loop in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(woken.set)
