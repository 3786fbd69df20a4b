"""The only module that reads the clock; everything else is handed `now`."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where `now` comes from: the machine in service, a hand-set one in tests."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds that never step back, for durations only."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()


class SteadyClock:
    """Another clock, except that time never goes back: what is stamped with it keeps the order it came in.

    A clock set back by no more than FOLLOWED is caught up with slowly: until then time runs at PACE, slow enough to end
    some day and fast enough that no power read from stamps seems too large. One set back further was wrong before by so
    much that its time is taken as it is. Used by one thread.
    """

    PACE = 0.9
    FOLLOWED = timedelta(hours=3)

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = clock.now()
        self._last_s = clock.monotonic_s()

    def now(self) -> datetime:
        now, now_s = self._clock.now(), self._clock.monotonic_s()
        if now < self._last:
            steady = self._last + timedelta(seconds=self.PACE * (now_s - self._last_s))
            if steady - now <= self.FOLLOWED:
                now = max(now, steady)
        self._last, self._last_s = now, now_s
        return now

    def monotonic_s(self) -> float:
        return self._clock.monotonic_s()


class ManualClock:
    """A clock that moves only when told to."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)
        self._monotonic_s = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def advance(self, delta: timedelta) -> None:
        self._now += delta
        self._monotonic_s += max(0.0, delta.total_seconds())
