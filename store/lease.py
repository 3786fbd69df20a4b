"""Who lives: a process is told apart from a later one with the same number by when it started."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_DEAD_STATES = "ZX"
# Counted from the state, the third field of /proc/<pid>/stat; the start is the 22nd.
_START_FIELD = 19


@dataclass(frozen=True)
class ProcessId:
    """A process of this machine; `born` holds the boot and the clock tick at which it started."""

    pid: int
    born: str

    @classmethod
    def own(cls) -> ProcessId:
        """Return this process."""
        pid = os.getpid()
        return cls(pid, _born(pid) or "")

    def alive(self) -> bool:
        """Say whether this very process still runs."""
        return bool(self.born) and _born(self.pid) == self.born


def _born(pid: int) -> str | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # The name of the program stands in brackets and may hold anything, brackets and spaces too.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in _DEAD_STATES else f"{boot}:{fields[_START_FIELD]}"
