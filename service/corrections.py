"""Putting corrections on record and letting every figure follow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.archived import DROPPED
from core.corrections import LONGEST, OF_READINGS, Correction, Entry, Kind, concerned, in_force, placed, read, undoing
from core.errors import ConfigError, Retryable
from core.frames import instant
from core.timebase import days_between
from models.corrections import readings_needed
from models.points import NEEDED
from service.runner import Runtime, catch_up

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
_UTC = ZoneInfo("UTC")
_DAY = timedelta(days=1)  # cases such as dips are judged by readings up to some hours away


class NotComputedError(Retryable):
    """Something was put on record, but the figures do not follow yet."""


def add(runtime: Runtime, given: Mapping[str, Any], progress: Progress | None = None) -> Entry:
    """Put a correction on record and compute what follows from it.

    Raises ConfigError where it cannot be applied. A crash on the way repeats work at the next start: the days are
    marked before the entry is there, and nothing is computed in between.
    """
    with runtime.working:
        now = runtime.clock.now()
        correction = placed(read(given), runtime.park, now)
        refuse_archived(runtime, correction)
        runtime.state.mark_dirty(affected(runtime, correction))
        entry = runtime.state.add_correction(correction, now)
    _follow(runtime, f"correction {entry.id} is on record", f"to take it back, undo {entry.id}", progress)
    return entry


def refuse_archived(runtime: Runtime, correction: Correction) -> None:
    """Refuse a stretch whose readings have left the store: its figures would be computed from nothing."""
    start, end = correction.stretch
    for span in filter(None, runtime.state.values(DROPPED).values()):
        first, last = (datetime.fromtimestamp(int(us) / 1e6, UTC) for us in span.split())
        if start < last and end > first:
            raise ConfigError(
                "the readings of this stretch were archived and have left the store", "import the archived files first"
            )


def undo(runtime: Runtime, number: int, given: Mapping[str, Any], progress: Progress | None = None) -> Entry:
    """Put on record that a correction is taken back and compute the figures without it."""
    with runtime.working:
        taken = undoing(given, runtime.clock.now())
        for entry in runtime.state.corrections():
            if entry.id == number and entry.undone is None:
                runtime.state.mark_dirty(affected(runtime, entry.correction))
        entry = runtime.state.undo_correction(number, taken)
    _follow(
        runtime, f"it is on record that correction {number} is taken back", "to have it again, add it anew", progress
    )
    return entry


def _follow(runtime: Runtime, recorded: str, way_out: str, progress: Progress | None) -> None:
    """Compute; where that fails, say what stands on record all the same. Raises NotComputedError."""
    try:
        catch_up(runtime, progress)
    except Exception as fault:
        log.exception("%s, but what follows from it could not be computed", recorded)
        raise NotComputedError(
            f"{recorded}, but computing what follows from it failed ({type(fault).__name__}); "
            f"it is tried again at the next run; {way_out}"
        ) from fault


def affected(runtime: Runtime, correction: Correction) -> Iterator[tuple[str, date]]:
    """Yield (device, UTC day) for every day on which a figure may follow."""
    start, end = correction.stretch
    others = in_force(runtime.state.corrections())
    if correction.kind in OF_READINGS and correction.kind is not Kind.RATIO:
        start, end = readings_needed([correction, *others], start, end)
    for point in concerned(correction, runtime.park):
        for device in point.devices:
            if correction.point is None and device.id != correction.device:
                continue
            first, last = start, end
            if correction.kind in OF_READINGS and correction.kind is not Kind.RATIO:
                first, last = _neighbours(runtime, device.id, start, end)
            for day in days_between(first, last + timedelta(microseconds=1), _UTC):
                yield device.id, day


def _neighbours(runtime: Runtime, device: str, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Return the last reading before and the first after a stretch, and a day more: energy between them is spread anew."""
    before = runtime.store.readings(start, start, devices=[device], quantities=NEEDED, edges=True)
    after = runtime.store.readings(end, end, devices=[device], quantities=NEEDED, edges=True)
    first = min((instant(t) for t in before["time"]), default=start)
    last = max((instant(t) for t in after["time"]), default=end)
    # A series that ended years ago, such as a phase no longer sent, does not reach that far.
    return max(min(first, start), start - LONGEST) - _DAY, min(max(last, end), end + LONGEST) + _DAY
