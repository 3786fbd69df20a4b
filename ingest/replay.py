"""Quarantined telegrams read again, after a template or PARK.yaml was mended.

The order is the collector's: mark dirty, append, mark again, and only then is a telegram called replayed. A crash in
between repeats work; done twice it changes nothing, for a reading keeps its key and its time of receipt.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from core.clock import Clock
from core.errors import ConfigError
from core.park import Park
from core.store import QuarantineItem, State, Store
from ingest.appending import append_what_fits
from ingest.batch import BatchReader, quarantine_item, touched
from ingest.device_time import microseconds
from ingest.handoff import Received
from ingest.held_back import HeldBack
from ingest.router import Router
from ingest.sparkplug import KEPT_UNDER, Archive
from ingest.templates import load_templates

log = logging.getLogger(__name__)

AT_ONCE = 500
FROM_FILE = "file:"  # how the topic of a row of an imported file begins

Progress = Callable[[int, int], None]


@dataclass
class ReplayResult:
    """What a replay did, in plain values."""

    items: int = 0
    replayed: int = 0
    readings: int = 0
    from_files: int = 0  # rows of imported files, which no template reads
    reasons: dict[str, int] = field(default_factory=dict)  # of what still fails

    def told(self) -> str:
        """Return the result in words."""
        lines = [f"{self.items:,} looked at: {self.replayed:,} replayed, {self.readings:,} readings stored"]
        lines += [f"  {n:,} still fail: {reason}" for reason, n in sorted(self.reasons.items(), key=lambda r: -r[1])]
        if self.from_files:
            lines.append(f"  {self.from_files:,} are rows of files: mend the file and import it again")
        return "\n".join(lines)


def replay(
    park: Park,
    store: Store,
    state: State,
    clock: Clock,
    *,
    reason: str | None = None,
    number: int | None = None,
    progress: Progress | None = None,
) -> ReplayResult:
    """Decode what waits in quarantine with today's templates, and store what becomes readings.

    `reason` and `number` choose among what waits. What still fails stays, with its reason of today. Raises ConfigError
    where there is no telegram of that number.
    """
    router = Router(park, load_templates())
    reader = BatchReader(router, park.zone, _births(router, state))
    result = ReplayResult()
    waiting = sum(n for code, (n, _) in state.quarantine_counts().items() if reason in {None, code})
    total = waiting if number is None else 1
    for page in _pages(state, reason, number):
        telegrams = [i for i in page if not i.topic.startswith(FROM_FILE)]
        result.items += len(page)
        result.from_files += len(page) - len(telegrams)
        for found, readings in _read(reader, store, state, telegrams, clock.now()):
            result.replayed += found.replayed_at is not None
            result.readings += readings
            if found.replayed_at is None:
                result.reasons[found.reason] = result.reasons.get(found.reason, 0) + 1
        if progress is not None:
            progress(min(result.items, total), total)
    state.add_counts({"replay.messages": result.replayed, "replay.readings": result.readings})
    log.info("replay finished", extra={"replayed": result.replayed, "readings": result.readings})
    return result


def _pages(state: State, reason: str | None, number: int | None) -> Iterator[list[QuarantineItem]]:
    if number is not None:
        item = state.quarantine_item(number)
        if item is None:
            raise ConfigError(f"there is no number {number} in quarantine", "`parkwatt quarantine list` shows them")
        if item.replayed_at is None and reason in {None, item.reason}:
            yield [item]
        return
    before: int | None = None
    while page := state.quarantined(AT_ONCE, reason=reason, before=before, waiting=True):
        before = page[-1].id
        yield page


def _read(
    reader: BatchReader, store: Store, state: State, items: Sequence[QuarantineItem], now: datetime
) -> list[tuple[QuarantineItem, int]]:
    """Return what became of every item, and how many readings of it are stored."""
    if not items:
        return []
    messages = [Received(i.topic, i.payload, microseconds(i.received_at), 0, 0, 0) for i in items]
    try:
        batch = reader.read(messages)
    except Exception as error:
        if len(items) > 1:  # one of them meets a fault of ours, which must not hold up the others
            return [found for item in items for found in _read(reader, store, state, [item], now)]
        log.exception("decoding failed unexpectedly")
        fault = quarantine_item(messages[0], "decoder_fault", f"{type(error).__name__}: {error}"[:200])
        return _noted(state, items, {0: fault}, Counter(), now)
    HeldBack(state).sort_out(batch)
    failed = dict(zip(batch.faulty, batch.quarantine, strict=True))
    stored: Counter[int] = Counter(int(n) for n in batch.origin)
    if not batch.readings.empty:
        pairs = touched(batch.readings)
        state.mark_dirty(pairs)
        rejected = append_what_fits(store, batch.readings)
        state.mark_dirty(pairs)
        for position, why in rejected.items():
            n = int(batch.origin[position])
            stored[n] -= 1
            failed.setdefault(n, quarantine_item(messages[n], "rejected", why, str(batch.readings.device[position])))
    return _noted(state, items, failed, stored, now)


def _births(router: Router, state: State) -> Archive | None:
    if not router.sparkplug:
        return None
    return Archive({key.removeprefix(KEPT_UNDER): kept for key, kept in state.values(KEPT_UNDER).items()})


def _noted(
    state: State,
    items: Sequence[QuarantineItem],
    failed: dict[int, QuarantineItem],
    stored: Counter[int],
    now: datetime,
) -> list[tuple[QuarantineItem, int]]:
    found = [
        replace(item, reason=failed[n].reason, detail=failed[n].detail, device=failed[n].device)
        if n in failed
        else replace(item, replayed_at=now)
        for n, item in enumerate(items)
    ]
    state.replayed(found)
    return [(item, stored[n]) for n, item in enumerate(found)]
