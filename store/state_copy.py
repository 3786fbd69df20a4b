"""A state file taken along: copied at one moment while others write, and what an auditor asks of the copy."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.errors import ConfigError, Retryable
from store.rows import instant_of

_BUSY_S = 10.0


@dataclass(frozen=True)
class ArchivedConfig:
    """A configuration that was loaded once."""

    digest: str
    text: str
    loaded_at: datetime


def copy_state(source: Path, target: Path) -> None:
    """Write what a state file holds at one moment into a new file for its owner's eyes, without leases.

    A connection of its own reads one snapshot, so neither process that writes there waits. Raises Retryable where
    the disk is full or the file is busy, ConfigError where the target cannot be written.
    """
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise ConfigError(f"cannot write {target}: {error.strerror}") from error
    try:
        with closing(sqlite3.connect(source, timeout=_BUSY_S)) as live, closing(sqlite3.connect(target)) as copy:
            live.backup(copy)
            copy.execute("DELETE FROM lease")
            copy.commit()
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise Retryable(f"{source} could not be copied to {target} ({error})") from error


def archived_configs(path: Path) -> list[ArchivedConfig]:
    """Return the configurations a state file keeps, oldest first."""
    with closing(sqlite3.connect(path, timeout=_BUSY_S)) as connection:
        rows = connection.execute("SELECT digest, text, loaded_us FROM config ORDER BY loaded_us, digest").fetchall()
    return [ArchivedConfig(digest, text, instant_of(loaded)) for digest, text, loaded in rows]
