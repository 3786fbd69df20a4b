"""A machine whose clock can be stepped, as far as one program can tell: the offset in a file is added to its time.

Time of day is read in two places: core/clock.py, and the scheduler. Durations are not: no step changes them.
"""

from __future__ import annotations

import importlib
import mmap
import struct
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

_FORMAT = "d"
_SCHEDULER = ("apscheduler.schedulers.base", "apscheduler.executors.base", "apscheduler.triggers.interval")


def step(offset: Path, seconds: float) -> None:
    """Set the clock of the programs that look here."""
    if not offset.exists():
        offset.write_bytes(struct.pack(_FORMAT, seconds))
        return
    with offset.open("r+b") as file:
        file.write(struct.pack(_FORMAT, seconds))


def step_with(offset: Path) -> None:
    """Let this process's time of day follow the offset, and let its scheduler have something to do every second."""
    from core import clock  # noqa: PLC0415 - only in the process that is stepped
    from service import runner  # noqa: PLC0415

    with offset.open("rb") as file:
        shared = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)

    def ahead() -> timedelta:
        return timedelta(seconds=struct.unpack(_FORMAT, shared[:])[0])

    class Anytime(type):
        def __instancecheck__(cls, found: object) -> bool:
            return isinstance(found, datetime)

    class Stepped(datetime, metaclass=Anytime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + ahead()

    clock.SystemClock.now = lambda _self: datetime.now(UTC) + ahead()  # type: ignore[method-assign]
    for name in _SCHEDULER:
        importlib.import_module(name).datetime = Stepped
    runner.COMPUTE_EVERY_S, runner.CLOCK_CHECK_S = 1, 0.5
