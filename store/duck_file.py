"""One DuckDB file: who may write, what its errors mean, and how it comes back after a full disk."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from core.errors import ConfigError, Retryable

_FULL = ("No space left on device", "File too large", "Disk quota exceeded", "max_temp_directory_size")
_DAMAGED = (duckdb.SerializationException, duckdb.InternalException)
# After these the file is opened anew, so that what is mirrored in memory is read again too.
_UNSETTLED = (duckdb.FatalException, duckdb.InternalException, duckdb.ConstraintException)
_DAMAGED_WORDS = (
    "Corrupt",
    "checksum",
    "not a valid DuckDB database file",
    "Could not read enough bytes",
    "replaying WAL",
)
_HOLDER = re.compile(r"lock is held in (?:(?P<program>.*?) )?\(?PID (?P<pid>\d+)")


class DuckFile:
    """A DuckDB database of this process. Readers work side by side, each on its own snapshot; writers take turns.

    A disk that fills up during a checkpoint makes DuckDB give the database up; the next caller opens it again, once
    everybody has let go of the old one.
    """

    def __init__(
        self, path: Path, memory_limit_mb: int, threads: int, prepare: Callable[[duckdb.DuckDBPyConnection], None]
    ) -> None:
        self.path = path
        self._config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{memory_limit_mb}MB",
            "threads": threads,
            # A monitor must not fetch program code while it runs.
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        self._memory_limit_mb = memory_limit_mb
        self._prepare = prepare
        self._write_lock = threading.Lock()
        self._changed = threading.Condition()
        self._users = 0
        self._given_up = False
        self._closed = False
        self._connection: duckdb.DuckDBPyConnection | None = self._open()

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a cursor in one transaction, so that several queries see one state."""
        with self._cursor() as cursor, self._transaction(cursor):
            yield cursor

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend the one writing cursor; what was done is durable when the block ends, or undone."""
        with self._write_lock, self._cursor() as cursor, self._transaction(cursor):
            yield cursor

    def checkpoint(self) -> None:
        """Move the log into the file; left for later where readers are in the way."""
        with self._write_lock, self._cursor() as cursor, suppress(duckdb.TransactionException):
            cursor.execute("CHECKPOINT")

    def size_bytes(self) -> int:
        """Return the size of the file and its log."""
        files = (self.path, self.path.with_name(self.path.name + ".wal"))
        return sum(f.stat().st_size for f in files if f.exists())

    def close(self) -> None:
        """Wait for everybody who is at work, then release the file."""
        with self._write_lock, self._changed:
            self._closed = True
            self._changed.wait_for(lambda: self._users == 0)
            connection, self._connection = self._connection, None
            if connection is not None:
                # Everything accepted is in the log; a checkpoint that fails here is made at the next start.
                with suppress(duckdb.Error):
                    connection.close()

    @contextmanager
    def _transaction(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        cursor.execute("BEGIN TRANSACTION")
        try:
            yield
            cursor.execute("COMMIT")
        except BaseException:
            with suppress(duckdb.Error):
                cursor.execute("ROLLBACK")
            raise

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = self._enter()
        try:
            with connection.cursor() as cursor:
                yield cursor
        except duckdb.Error as error:
            self._given_up = self._given_up or isinstance(error, _UNSETTLED)
            raise self._translated(error) from error
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()

    def _enter(self) -> duckdb.DuckDBPyConnection:
        with self._changed:
            if self._given_up:
                self._changed.wait_for(lambda: self._users == 0)
            if self._given_up and not self._closed:
                self._reopen()
            if self._closed or self._connection is None:
                raise Retryable(f"{self.path} is closed")
            self._users += 1
            return self._connection

    def _reopen(self) -> None:
        if self._connection is not None:
            with suppress(duckdb.Error):
                self._connection.close()
            self._connection = None
        self._connection = self._open()
        self._given_up = False

    def _open(self) -> duckdb.DuckDBPyConnection:
        try:
            connection = duckdb.connect(str(self.path), config=self._config)
        except duckdb.Error as error:
            raise self._refused(error) from error
        try:
            self._prepare(connection)
        except duckdb.Error as error:
            connection.close()
            raise self._translated(error) from error
        except BaseException:
            connection.close()
            raise
        return connection

    def _refused(self, error: duckdb.Error) -> Exception:
        text = str(error)
        if any(words in text for words in _FULL):
            return self._translated(error)
        holder = _HOLDER.search(text)
        if holder or "Could not set lock" in text:
            program = Path(holder["program"] or "").name if holder else ""
            who = f"process {holder['pid']}{f' ({program})' if program else ''}" if holder else "another process"
            return ConfigError(
                f"{self.path} is in use by {who}",
                "one process owns the file while it runs: stop that one, or ask it over HTTP",
            )
        if "different configuration" in text:
            return ConfigError(f"{self.path} is already open in this process, with other settings")
        if "Cannot open file" in text or "directory" in text.lower():
            return ConfigError(f"{self.path} cannot be opened: {text}", "check store.path and the rights on its folder")
        return self._damaged(error)

    def _translated(self, error: duckdb.Error) -> Exception:
        text = str(error)
        if any(words in text for words in _FULL):
            return Retryable(f"the disk that holds {self.path} is full; nothing accepted is lost, make room ({text})")
        if isinstance(error, duckdb.OutOfMemoryException):
            return Retryable(
                f"{self.path} needs more memory than the {self._memory_limit_mb} MB of store.memory_limit_mb ({text})"
            )
        if isinstance(error, _DAMAGED) or any(words in text for words in _DAMAGED_WORDS):
            return self._damaged(error)
        faults = (duckdb.IOException, duckdb.FatalException, duckdb.TransactionException, duckdb.ConstraintException)
        if isinstance(error, faults):
            return Retryable(f"{self.path} did not take or give the data: {text}")
        return error

    def _damaged(self, error: duckdb.Error) -> ConfigError:
        return ConfigError(
            f"{self.path} is damaged, or no store of this program: {error}",
            "move it away with its .wal file and restore the last backup",
        )
