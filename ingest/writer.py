"""The writer: batches from the queue into the store, acknowledged only when they are safe.

The order is: mark dirty, append, mark again, acknowledge. A crash between any two of them only repeats work: marks
may stand for rows that never came, rows may be written twice, nothing acknowledged is missing. The second mark is for
a recompute that read the first one before the rows were there: its settle then finds a higher number and keeps the
day dirty.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from core.clock import Clock
from core.errors import ConfigError, Retryable
from core.failpoint import Failpoint
from core.quality import ReadingFlag
from core.store import QuarantineItem, State, Store
from ingest.appending import append_what_fits
from ingest.backoff import Backoff
from ingest.batch import Batch, BatchReader, quarantine_item, touched
from ingest.checks import Findings, LiveChecks
from ingest.handoff import Handoff, Received
from ingest.held_back import HeldBack
from ingest.router import Router
from ingest.sparkplug import Nodes
from ingest.stranger_limit import StrangerLimit

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchLimits:
    """When a batch is written.

    A broker that allows only so many unacknowledged messages falls silent when they are out: a batch of some size
    that grows no more is therefore written without waiting for its time, or 20 messages would take as long as 2,000.
    Nothing waits for more than `messages`; what came meanwhile is taken along, for a batch costs more than its rows.
    """

    messages: int = 2000
    most: int = 10_000
    age_s: float = 0.5
    stalled_messages: int = 10
    stalled_s: float = 0.02
    counts_every_s: float = 5.0


class Writer:
    """Takes messages from the hand-off and stores them, in a thread of its own."""

    def __init__(
        self,
        router: Router,
        zone: ZoneInfo,
        store: Store,
        state: State,
        handoff: Handoff,
        acknowledge: Callable[[Sequence[Received]], None],
        clock: Clock,
        failpoint: Failpoint,
        checks: LiveChecks,
        limits: BatchLimits | None = None,
        backoff: Backoff | None = None,
        sparkplug: Nodes | None = None,
    ) -> None:
        self._sparkplug = sparkplug
        self._reader = BatchReader(router, zone, sparkplug)
        self._store = store
        self._state = state
        self._handoff = handoff
        self._acknowledge = acknowledge
        self._clock = clock
        self._failpoint = failpoint
        self._limits = limits or BatchLimits()
        self._backoff = backoff or Backoff()
        self._strangers = StrangerLimit()
        self._checks = checks
        self._held_back = HeldBack(state)
        self._stopping = threading.Event()
        self._abandoned = threading.Event()
        self._thread: threading.Thread | None = None
        self._uncounted: Counter[str] = Counter()
        self._counted_at_s = clock.monotonic_s()
        self.totals: Counter[str] = Counter()
        self.error: str | None = None

    def start(self) -> None:
        """Begin storing."""
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the writing thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Store what is in the queue and end; what the store does not take in time stays with the broker."""
        self._stopping.set()
        self._handoff.wake()
        if self._thread is not None:
            self._thread.join(timeout_s)
            self._abandoned.set()
            self._thread.join(1.0)

    # -- the thread

    def _run(self) -> None:
        while not self._abandoned.is_set():
            messages = self._gather()
            if messages:
                self._store_until_done(messages)
            elif self._stopping.is_set() and self._handoff.drained:
                break
            self._flush_counts(force=self._stopping.is_set())
        self._flush_counts(force=True)

    def _gather(self) -> list[Received]:
        """Return the next batch, or nothing where none came for a while."""
        messages = list(self._handoff.take(self._limits.age_s))
        if not messages:
            return []
        end_s = self._clock.monotonic_s() + self._limits.age_s
        while len(messages) < self._limits.most:
            more = self._handoff.take(0.0)
            if not more:
                if len(messages) >= self._limits.messages:
                    break
                left_s = end_s - self._clock.monotonic_s()
                if left_s <= 0 or self._stopping.is_set():
                    break
                stalled = len(messages) >= self._limits.stalled_messages
                more = self._handoff.take(min(left_s, self._limits.stalled_s if stalled else left_s))
                if not more:
                    break
            messages += more
        return messages

    def _store_until_done(self, messages: list[Received]) -> None:
        ready: tuple[Batch, Findings] | None = None
        failures = 0
        while not self._abandoned.is_set():
            try:
                ready = ready or self._prepared(messages)
                self._store_batch(*ready)
            except Retryable as error:
                failures += 1
                self._wait_to_retry(str(error), error.retry_after_s, failures)
            except Exception as error:
                # Whatever it is, the messages are not stored; unacknowledged they come again after a restart.
                failures += 1
                log.exception("storing failed unexpectedly")
                self._wait_to_retry(f"{type(error).__name__}: {error}", None, failures)
            else:
                if failures:
                    log.info("the store takes readings again", extra={"failures": failures})
                self.error = None
                return

    def _prepared(self, messages: list[Received]) -> tuple[Batch, Findings]:
        batch = self._decoded(messages)
        self._held_back.sort_out(batch)
        kept = self._strangers.kept(batch.quarantine, self._clock.monotonic_s())
        batch.not_kept, batch.quarantine = len(batch.quarantine) - len(kept), kept
        return batch, self._looked_at(batch)

    def _decoded(self, messages: list[Received]) -> Batch:
        try:
            return self._reader.read(messages)
        except Exception:
            log.exception("decoding failed unexpectedly; looking for the message")
        if self._sparkplug is not None:
            self._sparkplug.forget_order()
        # One of them met a fault of ours. It must not hold up the others for ever.
        good: list[Received] = []
        faulty: dict[int, QuarantineItem] = {}
        for index, message in enumerate(messages):
            try:
                self._reader.read([message])
                good.append(message)
            except Exception as error:  # noqa: BLE001 - the whole batch's was logged above
                faulty[index] = quarantine_item(message, "decoder_fault", f"{type(error).__name__}: {error}"[:200])
        if self._sparkplug is not None:
            self._sparkplug.forget_order()
        batch = self._reader.read(good)
        batch.messages = messages
        batch.counts["decoder_fault"] += len(faulty)
        # Rows are traced to messages by position, and positions have moved.
        positions = {id(m): i for i, m in enumerate(messages)}
        batch.origin = np.array([positions[id(good[i])] for i in batch.origin], dtype=np.int64)
        batch.faulty = [positions[id(good[i])] for i in batch.faulty]
        for index, item in faulty.items():
            batch.faulty.append(index)
            batch.quarantine.append(item)
        return batch

    def _looked_at(self, batch: Batch) -> Findings:
        """Check the readings of a batch, once, however often it is stored."""
        try:
            return self._checks.look(batch.readings)
        except Exception:
            log.exception("checking readings failed unexpectedly; they are stored all the same")
            return Findings()

    def _wait_to_retry(self, reason: str, retry_after_s: float | None, failures: int) -> None:
        if reason != self.error:
            log.warning("cannot store: %s; keeping everything and trying again", reason)
        self.error = reason
        delay_s = retry_after_s if retry_after_s is not None else self._backoff.delay_s(failures)
        self._abandoned.wait(delay_s)

    def _store_batch(self, batch: Batch, findings: Findings) -> None:
        refused: list[QuarantineItem] = []
        stored = 0
        if not batch.readings.empty:
            pairs = touched(batch.readings)
            self._state.mark_dirty(pairs)
            self._failpoint("after_mark")
            rejected = append_what_fits(self._store, batch.readings)
            self._failpoint("after_commit")
            self._state.mark_dirty(pairs)
            stored = len(batch.readings) - len(rejected)
            refused = _refused(batch, rejected)
        items = [*batch.quarantine, *refused]
        if items:
            self._state.quarantine(items)
        if findings.events:
            self._state.notice(findings.events)
        if self._sparkplug is not None:
            for key, births in self._sparkplug.unsaved():
                self._state.set_value(key, births)
            self._sparkplug.saved()
        self._failpoint("before_ack")
        self._acknowledge(batch.messages)
        self._handoff.done(batch.messages)
        self._count(batch, stored, batch.counts.total() + len(refused), findings)

    # -- counting

    def _count(self, batch: Batch, stored: int, quarantined: int, findings: Findings) -> None:
        flags = batch.readings["flags"].to_numpy()
        counts = Counter(
            {
                "messages": len(batch.messages),
                "readings": stored,
                "quarantined": quarantined,
                "not_kept": batch.not_kept,
                "future": int(np.count_nonzero(flags & int(ReadingFlag.FUTURE))),
                "out_of_range": int(np.count_nonzero(flags & int(ReadingFlag.OUT_OF_RANGE))),
                **{f"quarantined.{reason}": n for reason, n in batch.counts.items()},
                **{f"check.{code}": n for code, n in findings.counts.items()},
            }
        )
        self.totals.update(counts)
        self._uncounted.update({k: n for k, n in counts.items() if n})

    def _flush_counts(self, *, force: bool) -> None:
        now_s = self._clock.monotonic_s()
        if not self._uncounted or (not force and now_s - self._counted_at_s < self._limits.counts_every_s):
            return
        self._counted_at_s = now_s
        try:
            self._state.add_counts({f"ingest.{name}": n for name, n in self._uncounted.items()})
        except (Retryable, ConfigError):
            return  # next time; counters are for people, no reading hangs on them
        self._uncounted.clear()


def _refused(batch: Batch, rejected: dict[int, str]) -> list[QuarantineItem]:
    """Return the messages of rejected rows, each once and whole."""
    by_message: dict[int, tuple[str, str]] = {}
    devices = batch.readings["device"].to_numpy()
    for position, reason in sorted(rejected.items()):
        by_message.setdefault(int(batch.origin[position]), (reason, str(devices[position])))
    return [quarantine_item(batch.messages[m], "rejected", r, device) for m, (r, device) in by_message.items()]
