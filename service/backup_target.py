"""Rows and state into a park that is empty: chunk by chunk, each read back and compared."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import ConfigError, Rejected, Retryable
from core.failpoint import failpoint_from_environment
from core.park import Park
from core.store import Store, Table
from service import address
from service.backup_rows import Chunk, digest, put_rows, rows_of
from service.backup_source import Source
from service.made_reports import put_back
from service.transfer import Transfer, begun, transfer
from store.opening import open_store
from store.state import SqliteState

_SHOWN = 5

Progress = Callable[[int, int], None]


@dataclass
class Brought:
    """What a restore or copy brought in."""

    rows: dict[Table, int] = field(default_factory=lambda: dict.fromkeys(Table, 0))
    there: int = 0  # chunks an earlier run had brought in
    differences: list[str] = field(default_factory=list)

    def told(self) -> str:
        """Say it in lines for people."""
        lines = [f"  {table.value:10}{count:>14,} rows, verified" for table, count in self.rows.items()]
        lines += [f"  {self.there} chunks were there from an earlier run"] if self.there else []
        shown = self.differences[:_SHOWN]
        lines += [f"  DIFFERENT {words}" for words in shown]
        lines += [f"  .. and {len(self.differences) - _SHOWN} more"] if len(self.differences) > _SHOWN else []
        return "\n".join(lines)


def bring(
    source: Source,
    park: Park,
    what: str,
    identity: str,
    progress: Progress,
    *,
    reports: Iterable[tuple[str, bytes]] = (),
    with_state: bool = True,
) -> Brought:
    """Bring everything of a source into a park that holds nothing yet, or go on with that.

    Kept `reports` come before the state file, which comes last: a park without one has never run, and while the note of the transfer is there nothing
    starts on it. Cut off anywhere, by kill -9 too, the same call goes on where it was.
    """
    running = address.running(park)
    if running:
        raise ConfigError(f"the park is running (process {running.pid})", "stop it first")
    if with_state and park.state.exists() and not begun(park):
        raise ConfigError(
            f"{park.state} is there already",
            "restore and copy fill an empty park; move it away, or choose another `state`",
        )
    with closing(open_store(park)) as store:
        if not begun(park):
            _refuse_filled(store, park)
        with transfer(park, what, identity) as note:
            brought = _pump(source, store, note, progress)
            for place, content in reports:
                put_back(park, place, content)
            if with_state:
                _place_state(source, park, note.scratch)
    return brought


def _refuse_filled(store: Store, park: Park) -> None:
    held = [(table, sum(rows for _, rows in store.days(table))) for table in Table]
    filled = [f"{rows:,} rows of {table.value}" for table, rows in held if rows]
    if filled:
        raise ConfigError(
            f"the store of {park.id} is not empty: {', '.join(filled)}",
            "restore and copy fill an empty store; choose another",
        )


def _pump(source: Source, store: Store, note: Transfer, progress: Progress) -> Brought:
    failpoint, brought = failpoint_from_environment(), Brought()
    found = source.chunks()
    progress(0, len(found))
    for done, chunk in enumerate(found):
        held, known = note.holds(chunk.name), source.known_digest(chunk)
        if held is not None and held == known:
            brought.there += 1
            brought.rows[chunk.table] += chunk.about
        else:
            rows = source.rows(chunk, note.scratch)
            own = known or digest(rows)
            if held == own:
                brought.there += 1
            elif words := _written(store, chunk, rows, own):
                brought.differences.append(words)
            else:
                failpoint("after_chunk")
                note.add(chunk.name, own)
                failpoint("after_chunk_noted")
            brought.rows[chunk.table] += len(rows)
        progress(done + 1, len(found))
    return brought


def _written(store: Store, chunk: Chunk, rows: pd.DataFrame, own: str) -> str:
    """Write a chunk, read it back, and say what differs; "" where nothing does."""
    reason = ""
    try:
        put_rows(store, chunk.table, rows)
    except Rejected as error:
        reason = f" ({error.reason})"
    back = rows_of(store, chunk)
    return "" if digest(back) == own else f"{chunk.name}: {_difference(rows, back)}{reason}"


def _difference(rows: pd.DataFrame, back: pd.DataFrame) -> str:
    """Tell in words how rows differ from what was read back."""
    key = [c for c in rows.columns if c not in {"value", "received_at", "flags", "coverage", "estimated", "reasons"}]
    both = rows.merge(back, on=key, how="outer", suffixes=("", "_back"), indicator="origin")
    lost, more = both[both["origin"] == "left_only"], both[both["origin"] == "right_only"]
    shared = both[both["origin"] == "both"]
    other = np.zeros(len(shared), dtype=bool)
    for column in set(rows.columns) - set(key):
        one, two = shared[column], shared[f"{column}_back"]
        other |= ~((one == two) | (one.isna() & two.isna())).to_numpy(dtype=bool)
    counts = ((len(lost), "not kept"), (len(more), "more than in the source"), (int(other.sum()), "with another value"))
    told = ", ".join(f"{count:,} rows {words}" for count, words in counts if count) or "the same rows in other bits"
    examples = [
        " ".join(str(row[c]) for c in key) for _, row in pd.concat([lost, more, shared[other]]).head(2).iterrows()
    ]
    return f"{told}, such as {'; '.join(examples)}" if examples else told


def _place_state(source: Source, park: Park, scratch: Path) -> None:
    """Put the state file in its place whole, after it was opened once: what is damaged or newer is refused before."""
    failpoint = failpoint_from_environment()
    draft = scratch / "state.sqlite"
    try:
        source.state_to(draft)
        SqliteState(draft).close()
        handle = os.open(draft, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        failpoint("before_state")
        for left in _beside(park.state):
            left.unlink(missing_ok=True)
        draft.replace(park.state)
    except OSError as error:
        raise Retryable(f"{park.state} cannot be written: {error.strerror}") from error
    failpoint("after_state")


def _beside(state: Path) -> Sequence[Path]:
    return [state.with_name(state.name + ending) for ending in ("-wal", "-shm")]
