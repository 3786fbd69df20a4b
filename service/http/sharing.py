"""Answers several viewers share: whoever asks the same at the same time waits for one computation, and all get it."""

from __future__ import annotations

import gzip
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass

from fastapi import Request
from starlette.responses import Response

from core.clock import Clock

LEVEL = 1  # of compression: on a local network the processor is dearer than the wire


@dataclass
class _Entry:
    """An answer under way or made; `made_s` is when it was begun: it knows nothing later."""

    answer: Future[bytes]
    made_s: float
    size: int = 0


class Shared:
    """Keeps compressed answers for a moment; at most `most_bytes` of them."""

    def __init__(self, clock: Clock, most_bytes: int = 8_000_000) -> None:
        self._clock = clock
        self._most_bytes = most_bytes
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._size = 0  # of all answers that are made
        self._lock = threading.Lock()

    def get(self, key: Hashable, fresh_s: float, make: Callable[[], bytes]) -> bytes:
        """Return the compressed answer of that key, made by `make` unless one is under way or `fresh_s` young."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            entry = self._entries.get(key)
            mine = entry is None or (entry.answer.done() and now_s - entry.made_s >= fresh_s)
            if entry is None or mine:
                self._size -= entry.size if entry else 0
                entry = self._entries[key] = _Entry(Future(), now_s)
        if mine:
            self._make(key, entry, make)
        return entry.answer.result()

    def forget(self) -> None:
        """Begin anew: who asks from now on gets nothing that was begun before."""
        with self._lock:
            self._entries.clear()
            self._size = 0

    def _make(self, key: Hashable, entry: _Entry, make: Callable[[], bytes]) -> None:
        try:
            entry.answer.set_result(gzip.compress(make(), LEVEL, mtime=0))
        except BaseException as error:
            # Everybody who waits is told; the next to ask tries again.
            with self._lock:
                if self._entries.get(key) is entry:
                    del self._entries[key]
            entry.answer.set_exception(error)
            raise
        with self._lock:
            if self._entries.get(key) is entry:
                self._entries.move_to_end(key)
                entry.size = len(entry.answer.result())
                self._size += entry.size
                self._make_room()

    def _make_room(self) -> None:
        """Drop the oldest answers until the rest fit; those under way have no size yet."""
        for key in list(self._entries) if self._size > self._most_bytes else ():
            if self._size <= self._most_bytes:
                return
            if self._entries[key].size:
                self._size -= self._entries.pop(key).size


def compressed(request: Request, body: bytes) -> Response:
    """Answer with compressed JSON, or plain to who cannot read it."""
    headers = {"Vary": "Accept-Encoding", "Cache-Control": "no-store"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        body = gzip.decompress(body)
    return Response(body, headers=headers, media_type="application/json")
