"""Named places where a test may end the process, to see what a crash exactly there leaves behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

Failpoint = Callable[[str], None]
VARIABLE = "PARKWATT_FAILPOINT"


def failpoint_from(value: str | None) -> Failpoint:
    """Return what to call at each named place: for "name" or "name:3" it kills this process at the n-th pass."""
    name, _, count = (value or "").partition(":")
    remaining = [int(count) if count.isdigit() else 1]

    def pass_by(place: str) -> None:
        if place == name:
            remaining[0] -= 1
            if remaining[0] <= 0:
                # Not an exit: nothing may be flushed, closed or acknowledged on the way out.
                os.kill(os.getpid(), signal.SIGKILL)

    return pass_by


def failpoint_from_environment() -> Failpoint:
    """Return the failpoint that PARKWATT_FAILPOINT names; without it, nothing ever happens."""
    return failpoint_from(os.environ.get(VARIABLE))
