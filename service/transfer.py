"""A store on its way into a park: what is there already, so that a restore or copy that was cut off goes on.

The note stands beside the state file and goes away last. While it is there, nothing starts on half a store.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import orjson

from core.errors import ConfigError, Retryable
from core.park import Park


def _path(park: Park) -> Path:
    return park.state.with_name(park.state.name + ".unfinished")


def refuse_unfinished(park: Park) -> None:
    """Raise ConfigError where a restore or copy into this park did not come to its end."""
    try:
        about = _header(_path(park).read_bytes())
    except OSError:
        return
    what = about.get("what", "a restore or copy")
    raise ConfigError(
        f"{what} into this park has not come to its end", "run the same command again: it goes on where it was"
    )


class Transfer:
    """The note of one restore or copy."""

    def __init__(self, file: IO[bytes], done: dict[str, str], scratch: Path) -> None:
        self.scratch = scratch  # a folder beside the state file for what is on its way
        self._file = file
        self._done = done

    def holds(self, name: str) -> str | None:
        """Return the digest of a chunk that is in the target, verified."""
        return self._done.get(name)

    def add(self, name: str, digest: str) -> None:
        """Put on record that a chunk is in the target, verified."""
        self._done[name] = digest
        _append(self._file, [name, digest])


@contextmanager
def transfer(park: Park, what: str, source: str) -> Iterator[Transfer]:
    """Lend the note, begun or gone on with; it goes away when the block ends well.

    Raises ConfigError where one from another source is unfinished, or another process is at it.
    """
    path = _path(park)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600), "r+b")
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror}", "check the rights on the folder of `state`"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f"another process is at {what} into this park") from None
        raw = _whole(file)
        about = {"what": what, "source": source}
        if raw and _header(raw) != about:
            raise ConfigError(
                f"{_header(raw).get('what', 'another')} from another source into this park is unfinished",
                f"run that one again, or empty its store and remove {path}",
            )
        if not raw:
            _append(file, about)
        scratch = path.with_name(path.name + "-files")
        shutil.rmtree(scratch, ignore_errors=True)  # left by a run that was killed
        try:
            scratch.mkdir(mode=0o700)
            yield Transfer(file, dict(orjson.loads(line) for line in raw.splitlines()[1:]), scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        path.unlink()


def begun(park: Park) -> bool:
    """Say whether a restore or copy into this park is unfinished."""
    return _path(park).exists()


def _header(raw: bytes) -> dict[str, str]:
    try:
        found = orjson.loads(raw.split(b"\n", 1)[0])
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _whole(file: IO[bytes]) -> bytes:
    """Return the lines that are whole; what a crash cut off is removed."""
    raw = file.read()
    whole = raw[: raw.rfind(b"\n") + 1]
    if len(whole) < len(raw):
        file.truncate(len(whole))
    return whole


def _append(file: IO[bytes], line: object) -> None:
    try:
        file.write(orjson.dumps(line) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    except OSError as error:
        raise Retryable(f"{file.name} cannot be written: {error.strerror}") from error
