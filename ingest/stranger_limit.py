"""How much of what nobody asked for is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from core.store import QuarantineItem

MOST_BYTES = 32 << 20  # of a period
STRANGERS = frozenset({"unknown_device", "unknown_topic"})


class StrangerLimit:
    """Lets messages of devices the park does not know into quarantine only so often per hour.

    A neighbour's plug on the same broker, or somebody who invents device names, must not fill the disk; a few of its
    messages are enough to tell what it is. Known devices have no limit: each of their messages may be a reading lost.
    Who calls tells people how many were not kept.
    """

    def __init__(self, per_topic: int = 10, in_all: int = 5000, period_s: float = 3600.0) -> None:
        self._per_topic = per_topic
        self._in_all = in_all
        self._period_s = period_s
        self._began_s = 0.0
        self._seen: Counter[str] = Counter()
        self._bytes = 0

    def kept(self, items: Iterable[QuarantineItem], now_s: float) -> list[QuarantineItem]:
        """Return the items to keep; the others are only counted."""
        if now_s - self._began_s >= self._period_s:
            self._began_s = now_s
            self._seen.clear()
            self._bytes = 0
        return [item for item in items if item.reason not in STRANGERS or self._admit(item)]

    def _admit(self, item: QuarantineItem) -> bool:
        full = self._seen.total() >= self._in_all or self._bytes >= MOST_BYTES
        if full or self._seen[item.topic] >= self._per_topic:
            return False
        self._seen[item.topic] += 1
        self._bytes += len(item.payload)
        return True
