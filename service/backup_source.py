"""Where rows and state are taken from while they may still grow: a park's own store, or the service that runs it.

Nothing waits for a backup: neither the collector nor what computes. It holds what a crash at the moment it began
could have left, and a crash only repeats work:

* Of readings, all that were stored before it began, and of later ones those that came before their day was read.
* Of slots, days and months at least what was computed before it began.
* The state file is copied last, so it has a mark for every reading taken along that was not computed yet: a mark is set
  before its reading is stored. What was computed *meanwhile* may be missing among the slots taken along, or may speak
  of readings that are not among those taken along. So every (device, day) settled since the beginning is marked anew in the copy,
  and what is remembered of the last run (`models/`, `watch:`: until when, across which midnights) is put back to what it was
  at the beginning: never ahead of the slots.

Whoever opens the copy computes those days from the readings in it, as after a crash. Alerts, corrections, events,
quarantine and counters are those of the end.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import requests

from core.clock import SystemClock
from core.errors import ConfigError, Retryable
from core.park import Park
from core.store import State, Store, Table
from service import address
from service.backup_rows import Chunk, all_chunks, digest, pack, rows_of, unpack
from service.transfer import refuse_unfinished
from store.opening import open_store
from store.state import SqliteState

_COMPUTED = ("models/", "watch:")
_BLOCK = 1 << 18
_SLOW_S = 3600.0


class Source(Protocol):
    """What can be taken along whole."""

    @property
    def kind(self) -> str:
        """The kind of store it comes from."""
        ...

    def chunks(self) -> list[Chunk]:
        """Return what there is, oldest first within each table."""
        ...

    def known_digest(self, chunk: Chunk) -> str | None:
        """Return a chunk's digest where it is known without reading it."""
        ...

    def rows(self, chunk: Chunk, scratch: Path) -> pd.DataFrame:
        """Return the rows of a chunk; `scratch` is a folder for files on their way."""
        ...

    def state_to(self, path: Path) -> None:
        """Write the state file that belongs to all chunks read so far; asked for last."""
        ...


class Packing(Source, Protocol):
    """A source whose chunks can be had as files."""

    def packed(self, chunk: Chunk, path: Path) -> str:
        """Write a chunk into a new Parquet file and return the digest its rows have to have."""
        ...


@dataclass
class Snapshot:
    """A store and its state as a backup takes them: begun before the first row is read, ended by the state."""

    store: Store
    state: State

    def __post_init__(self) -> None:
        # Followed first: what is settled after this is in the set, what was settled before is in the slots.
        self._settled = self.state.follow_settled()
        self._computed = self._remembered()

    def days(self) -> list[tuple[Table, list[tuple[date, int]]]]:
        """Return what there is."""
        return [(table, self.store.days(table)) for table in Table]

    def state_to(self, path: Path) -> None:
        """Write the state that belongs to the rows read since the beginning."""
        self.state.copy_to(path)
        try:
            with closing(sqlite3.connect(path)) as connection:
                for prefix in _COMPUTED:
                    connection.execute("DELETE FROM small_value WHERE substr(key, 1, ?) = ?", [len(prefix), prefix])
                connection.executemany("INSERT INTO small_value VALUES (?, ?)", list(self._computed.items()))
                connection.commit()
        except sqlite3.Error as error:
            raise Retryable(f"{path} cannot be written: {error}") from error
        copy = SqliteState(path)
        try:
            copy.mark_dirty(self._settled)
        finally:
            copy.close()

    def _remembered(self) -> dict[str, str]:
        return {key: value for prefix in _COMPUTED for key, value in self.state.values(prefix).items()}

    def end(self) -> None:
        """Forget it."""
        self.state.unfollow_settled(self._settled)


class OwnSource:
    """A park whose store this process has opened."""

    def __init__(self, kind: str, snapshot: Snapshot) -> None:
        self.kind = kind
        self._snapshot = snapshot

    def chunks(self) -> list[Chunk]:
        return all_chunks(self._snapshot.days())

    def known_digest(self, _chunk: Chunk) -> str | None:
        return None

    def rows(self, chunk: Chunk, _scratch: Path) -> pd.DataFrame:
        return rows_of(self._snapshot.store, chunk)

    def packed(self, chunk: Chunk, path: Path) -> str:
        rows = rows_of(self._snapshot.store, chunk)
        pack(rows, path)
        return digest(rows)

    def state_to(self, path: Path) -> None:
        self._snapshot.state_to(path)


class RunningSource:
    """A park that is running: its service reads, by parts, what it owns."""

    def __init__(self, kind: str, owner: address.Address) -> None:
        self.kind = kind
        self._owner = owner
        self._begun: dict[str, Any] = address.ask(owner, "POST", "/api/v1/backup").json()  # Any: a JSON document

    def chunks(self) -> list[Chunk]:
        days = [
            (Table(table), [(date.fromisoformat(day), int(rows)) for day, rows in found])
            for table, found in self._begun["days"]
        ]
        return all_chunks(days)

    def known_digest(self, _chunk: Chunk) -> str | None:
        return None

    def rows(self, chunk: Chunk, scratch: Path) -> pd.DataFrame:
        path = scratch / f"{secrets.token_hex(8)}.parquet"
        try:
            said = self.packed(chunk, path)
            rows = unpack(chunk.table, path)
        finally:
            path.unlink(missing_ok=True)
        if digest(rows) != said:
            raise Retryable(f"{chunk.name} arrived other than it was sent")
        return rows

    def packed(self, chunk: Chunk, path: Path) -> str:
        asked = {"table": chunk.table.value, "start": chunk.start.isoformat(), "end": chunk.end.isoformat()}
        return self._fetch("rows", path, asked)

    def state_to(self, path: Path) -> None:
        path.touch(0o600, exist_ok=False)
        self._fetch("state", path)

    def end(self) -> None:
        """Let the service forget this backup; where it is gone it has."""
        with suppress(Retryable, ConfigError):
            address.ask(self._owner, "DELETE", f"/api/v1/backup/{self._begun['id']}", timeout_s=10.0)

    def _fetch(self, what: str, path: Path, asked: dict[str, str] | None = None) -> str:
        place = f"/api/v1/backup/{self._begun['id']}/{what}"
        with address.ask(self._owner, "POST", place, json=asked, timeout_s=_SLOW_S, stream=True) as answer:
            try:
                with path.open("wb") as file:
                    for block in answer.iter_content(_BLOCK):
                        file.write(block)
            except requests.RequestException as error:
                raise Retryable(f"the running service broke off: {error}") from error
            return answer.headers.get("x-parkwatt-digest", "")


@contextmanager
def taken_from(park: Park, *, alone: bool = False) -> Iterator[Packing]:
    """Lend what a park holds: out of the running service where there is one, else out of its store.

    `alone`: nobody else may be at work, for the state file stays in use with another store; an unfinished copy beside
    it is the caller's own.
    """
    owner = address.running(park)
    if owner and alone:
        raise ConfigError(
            f"the park is running (process {owner.pid})", "both files name the same `state`: stop it, then copy"
        )
    if owner:
        running = RunningSource(park.store.kind, owner)
        try:
            yield running
        finally:
            running.end()
        return
    if not alone:
        refuse_unfinished(park)
    if not park.state.exists():
        raise ConfigError(f"there is no {park.state}", "this park has never run here; is it the right PARK.yaml?")
    with _opened(park, alone=alone) as snapshot:
        yield OwnSource(park.store.kind, snapshot)


@contextmanager
def _opened(park: Park, *, alone: bool) -> Iterator[Snapshot]:
    with closing(SqliteState(park.state, SystemClock())) as state:
        # Collectors of a shared store may go on; nothing is computed while we are `serve`.
        state.acquire("serve")
        if alone or park.store.kind == "embedded":
            state.acquire("ingest")
        with closing(open_store(park)) as store:
            snapshot = Snapshot(store, state)
            try:
                yield snapshot
            finally:
                snapshot.end()
