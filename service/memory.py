"""Keeping a long-running service small: memory that was needed once goes back to the machine."""

from __future__ import annotations

import ctypes
import sys

_ARENA_MAX = -8  # mallopt's M_ARENA_MAX
_ARENAS = 2  # as many as jobs that allocate at once; the default is eight per core, and each keeps what it once had


def be_frugal() -> None:
    """Let the threads share few heaps; a request to glibc, without effect elsewhere."""
    if sys.platform == "linux":
        _call("mallopt", _ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Return free heap pages to the machine; a request to glibc, without effect elsewhere."""
    if sys.platform == "linux":
        _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> None:
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*arguments)
