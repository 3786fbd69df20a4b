"""Watches over a running collector from a thread of its own, beside the way of the messages.

What it sees it tells where people look: events, counters, log. A receiving thread that has ended is started again; a
writing thread that has ended holds messages nobody else has, so the whole process has to end and start again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from core.clock import Clock
from core.errors import Retryable
from ingest.broker_drops import DropWatch
from ingest.handoff import Handoff
from ingest.session import Session
from ingest.session_memory import SessionMemory
from ingest.writer import Writer

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
QUIET_INTERVALS = 5.0  # so many of the quickest device's intervals without a message are suspicious
QUIET_AT_LEAST_S = 300.0
QUIET_AT_MOST_S = 3600.0


class Warden:
    """Looks after session and writer once a second."""

    def __init__(
        self,
        session: Session,
        writer: Writer,
        handoff: Handoff,
        memory: SessionMemory,
        filters: tuple[str, ...],
        clock: Clock,
        quiet_s: float,
        drops: DropWatch | None = None,
    ) -> None:
        self._session = session
        self._writer = writer
        self._handoff = handoff
        self._memory = memory
        self._filters = filters
        self._clock = clock
        self._drops = drops
        self._quiet_s = self._first_quiet_s = quiet_s
        self._received = 0
        self._moved_at_s = clock.monotonic_s()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.broken = threading.Event()  # the process cannot go on
        self.forgotten = 0
        self.renewed = 0

    def start(self) -> None:
        """Begin watching."""
        self._thread = threading.Thread(target=self._run, name="warden", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no more; what was seen is on record."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(5.0)
            self._carefully(self._tell)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_EVERY_S):
            self._carefully(self._threads)
            self._carefully(self._tell)
            self._carefully(self._quiet)

    def _carefully(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Retryable:
            return  # next time; the state file is busy or its disk full, which the writer tells
        except Exception:
            log.exception("watching over the collector failed unexpectedly")

    def _threads(self) -> None:
        if not self._session.alive:
            log.critical("the thread that receives has ended; starting it again")
            self._session.restart()
        if not self._writer.alive and not self._stopping.is_set() and not self.broken.is_set():
            log.critical("the thread that stores has ended; nothing acknowledged is lost, the process has to end")
            self.broken.set()

    def _tell(self) -> None:
        now = self._clock.now()
        while self._session.sessions:
            if self._memory.connected(self._filters, now, present=self._session.sessions[0]):
                self.forgotten += 1
                log.error("the broker had forgotten the session: messages sent meanwhile are lost; subscribed again")
            self._session.sessions.popleft()
        if self._session.connected:
            self._memory.stands(self._filters, now)
        if self._drops is not None and (rise := self._drops.settle(now)):
            log.error("the broker has dropped messages, ours or another client's", extra={"dropped": rise})

    def _quiet(self) -> None:
        """Connect anew where messages used to come and have not for long, less and less often while that is in vain."""
        received, now_s = self._handoff.received, self._clock.monotonic_s()
        if received != self._received or not self._session.connected:
            if received != self._received:
                self._quiet_s = self._first_quiet_s
            self._received, self._moved_at_s = received, now_s
        elif received and now_s - self._moved_at_s >= self._quiet_s:
            log.warning("connected, but no message for long; connecting and subscribing anew")
            self.renewed += 1
            self._moved_at_s = now_s
            self._quiet_s = min(2 * self._quiet_s, QUIET_AT_MOST_S)
            self._session.renew()


def quiet_after_s(intervals_s: list[float]) -> float:
    """Return after how long without any message a collector should doubt its connection."""
    quickest = min(intervals_s, default=0.0)
    return max(QUIET_AT_LEAST_S, QUIET_INTERVALS * quickest)
