"""One SQLite file shared by two processes: its settings, its transactions, and what its errors mean."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import ConfigError, Retryable

_BUSY_MS = 10_000
_PAUSE_MS = 10
_PASSING = {
    sqlite3.SQLITE_BUSY: "is in use by another process for too long",
    sqlite3.SQLITE_LOCKED: "is in use by another process for too long",
    sqlite3.SQLITE_FULL: "has no room left: its disk is full",
    sqlite3.SQLITE_IOERR: "could not be read or written",
    sqlite3.SQLITE_NOMEM: "needs more memory than there is",
}
_LASTING = {
    sqlite3.SQLITE_NOTADB: ("is no state file", "move it away; a new one is made at the next start"),
    sqlite3.SQLITE_CORRUPT: ("is damaged", "move it away with its -wal and -shm files and restore the last backup"),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "check the path under `state` and the rights on its folder"),
    sqlite3.SQLITE_READONLY: ("cannot be written", "check the rights on the file and its folder"),
    sqlite3.SQLITE_PERM: ("cannot be opened", "check the rights on the file and its folder"),
    sqlite3.SQLITE_AUTH: ("cannot be opened", "check the rights on the file and its folder"),
}


class SqliteFile:
    """A connection that threads share by turns; what a `writing` block did is on disk when it ends, or undone."""

    def __init__(self, path: Path, schema: Sequence[str]) -> None:
        """Open a file; `schema` holds what brings it to version 1, from there to 2, and so on."""
        self.path = path
        self._lock = threading.RLock()
        self._closed = False
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._translated(error) from error
        try:
            self._prepare(schema)
        except BaseException:
            self._connection.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection in one snapshot."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection in one transaction that no other process shares."""
        # IMMEDIATE waits its turn at the start; a read that became a write later would fail at once instead.
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._closed = True
            self._connection.close()

    def _prepare(self, schema: Sequence[str]) -> None:
        with self._translating():
            self._write_ahead()
            self._connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            self._connection.execute("PRAGMA synchronous = FULL")
        with self.writing() as connection:
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            if found > len(schema):
                raise ConfigError(
                    f"{self.path} has version {found}, this program reads {len(schema)}",
                    "use the newer program version",
                )
            for step in schema[found:]:
                # executescript would commit first, and two processes may start at once.
                for statement in _statements(step):
                    connection.execute(statement)
            if found < len(schema):
                connection.execute(f"PRAGMA user_version = {len(schema)}")

    def _write_ahead(self) -> None:
        # Of two processes that make the same new file at once, SQLite turns one away without waiting its busy time;
        # so the waiting is ours here, and SQLite's own begins afterwards.
        self._connection.execute("PRAGMA busy_timeout = 0")
        for left in range(_BUSY_MS // _PAUSE_MS, -1, -1):
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or not left:
                    raise
                time.sleep(_PAUSE_MS / 1000)

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._lock, self._translating():
            if self._closed:
                raise Retryable(f"{self.path} is closed")
            self._connection.execute(begin)
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def _translated(self, error: sqlite3.Error) -> Exception:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in _PASSING:
            return Retryable(f"{self.path} {_PASSING[code]} ({error})")
        if code in _LASTING:
            what, hint = _LASTING[code]
            return ConfigError(f"{self.path} {what} ({error})", hint)
        return error


def _statements(script: str) -> Iterator[str]:
    """Cut a script into statements; a trigger holds semicolons of its own."""
    statement = ""
    for part in script.split(";"):
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            if statement.strip(" \n;"):
                yield statement
            statement = ""
