"""Child processes that never outlive us."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence
from typing import BinaryIO

# The child runs under a shell that holds a pipe from us. However we end, kill -9 included, the pipe closes and the
# shell ends the child, which then still saves what it has. A death signal from the kernel would hang on the thread
# that started it, and no shell needs any package.
_WATCHED = """
exec 3<&0
"$@" 3<&- </dev/null &
child=$!
( read -r _ <&3; kill "$child" ) 2>/dev/null &
watch=$!
wait "$child"
status=$?
kill "$watch" 2>/dev/null
exit "$status"
"""


def start_watched(command: Sequence[str], output: BinaryIO) -> subprocess.Popen[bytes]:
    """Start a program that is ended as soon as this process is gone, however it went."""
    return subprocess.Popen(  # noqa: S603 - our own program and arguments, no word from outside
        ["/bin/sh", "-c", _WATCHED, "parkwatt-child", *command],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
        start_new_session=True,  # Ctrl-C in a terminal is for us; the child outlives our last batch
    )


def stop_watched(process: subprocess.Popen[bytes], timeout_s: float = 10.0) -> None:
    """End such a program and wait until it has saved what it keeps."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()
