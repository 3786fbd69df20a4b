"""What a store holds, cut into chunks that fit into memory; each with a digest that is the same for both stores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from core.errors import ConfigError, Retryable
from core.frames import coded, readings_frame, slots_frame
from core.quantities import Period
from core.store import Store, Table

ROWS = 200_000  # of a chunk, about
MOST_ROWS = 5_000_000  # a file that says it holds more is not read
MOST_BYTES = 1 << 30  # nor one that grows beyond this when it is unpacked
LONGEST_TEXT = 10_000  # characters
MOST_TEXT_BYTES = 1 << 28  # of all texts: what a file repeats takes no room in it, but does in memory
_CUTS = (1, 2, 3, 4, 6, 8, 12, 24, 48, 96, 288, 1440)  # parts of a day, all of whole minutes
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = ("time", "start", "received_at", "replaced_at")
_FLOATS = ("value", "coverage", "estimated")
_READING = ("time", "device", "quantity", "channel", "value", "received_at", "flags")
_SLOT = ("start", "scope", "entity", "quantity", "value", "coverage", "estimated", "reasons")
_REVISION = (*_SLOT, "period", "replaced_at")


@dataclass(frozen=True)
class Chunk:
    """The rows of one table whose time lies in [start, end), all in one UTC month."""

    table: Table
    start: datetime
    end: datetime
    about: int  # rows when it was counted

    @property
    def name(self) -> str:
        """A name that tells chunks apart and can be that of a file."""
        return f"{self.table.value}-{self.start:%Y%m%dT%H%MZ}-{self.end:%Y%m%dT%H%MZ}"


def chunks(table: Table, days: Sequence[tuple[date, int]]) -> Iterator[Chunk]:
    """Cut a table by the rows of its days: days of a month together while they are few, a full day into parts."""
    for _, month in groupby(days, key=lambda item: (item[0].year, item[0].month)):
        open_at: Chunk | None = None
        for day, rows in month:
            start = datetime(day.year, day.month, day.day, tzinfo=UTC)
            if open_at and open_at.about + rows <= ROWS:
                open_at = Chunk(table, open_at.start, start + _DAY, open_at.about + rows)
                continue
            if open_at:
                yield open_at
            parts = next((n for n in _CUTS if rows <= n * ROWS), _CUTS[-1])
            step = _DAY / parts
            *early, open_at = [
                Chunk(table, start + n * step, start + (n + 1) * step, rows // parts) for n in range(parts)
            ]
            yield from early
        if open_at:
            yield open_at


def rows_of(store: Store, chunk: Chunk) -> pd.DataFrame:
    """Return the rows of a chunk, sorted by key."""
    if chunk.table is Table.READING:
        return store.readings(chunk.start, chunk.end)
    if chunk.table is Table.REVISION:
        return store.revisions(chunk.start, chunk.end)
    return store.slots(Period(chunk.table.value), chunk.start, chunk.end)


def put_rows(store: Store, table: Table, rows: pd.DataFrame) -> None:
    """Write rows as they are; the same ones again change nothing."""
    if table is Table.READING:
        store.append_readings(rows)
    elif table is Table.REVISION:
        store.put_revisions(rows)
    else:
        store.put_slots(Period(table.value), rows)


def digest(rows: pd.DataFrame) -> str:
    """Return SHA-256 over a chunk's rows to the last bit; an unknown number is one and the same."""
    found = hashlib.sha256()
    for name in rows.columns:
        column = rows[name]
        if name in _TIMES:
            found.update(column.to_numpy("datetime64[us]").view("<i8").tobytes())
        elif name in _FLOATS:
            numbers = column.to_numpy("float64")
            found.update(np.where(np.isnan(numbers), np.nan, numbers).astype("<f8").tobytes())
        elif name == "flags":
            found.update(column.to_numpy("<i2").tobytes())
        else:
            code, texts = coded(column)
            found.update(code.astype("<i8").tobytes() + b"\0".join(t.encode() for t in texts))
    return found.hexdigest()


def pack(rows: pd.DataFrame, path: Path) -> None:
    """Write rows to a new Parquet file. Raises Retryable where the disk is full or cannot be written."""
    plain = {n: rows[n].to_numpy("datetime64[us]").view("int64") for n in rows.columns if n in _TIMES}
    try:
        with duckdb.connect(config={"memory_limit": "256MB", "threads": 1}) as connection:
            connection.register("rows", rows.assign(**plain))
            connection.execute(f"COPY (SELECT * FROM rows) TO '{_quoted(path)}' (FORMAT parquet, COMPRESSION zstd)")  # noqa: S608 - a path of ours, quoted
    except duckdb.Error as error:
        raise Retryable(f"{path} cannot be written: {str(error).splitlines()[0]}") from error


def unpack(table: Table, path: Path) -> pd.DataFrame:
    """Read rows of a table from a Parquet file. Raises ConfigError where it is none, or would fill the memory."""
    columns = {Table.READING: _READING, Table.REVISION: _REVISION}.get(table, _SLOT)
    try:
        with duckdb.connect(config={"memory_limit": "512MB", "threads": 1, "max_temp_directory_size": "0B"}) as c:
            _refuse_too_much(c, path)
            _refuse_long_texts(c, path, [n for n in columns if _read_as(n).endswith(f"::VARCHAR AS {n}")])
            texts = ", ".join(_read_as(name) for name in columns)
            rows = c.execute(f"SELECT {texts} FROM read_parquet(?)", [str(path)]).df()  # noqa: S608 - our own columns
    except duckdb.Error as error:
        raise ConfigError(f"{path.name} holds no rows of table {table}: {str(error).splitlines()[0]}") from error
    for name in rows.columns:
        if name in _TIMES:
            rows[name] = pd.DatetimeIndex(rows[name].to_numpy("int64").view("datetime64[us]")).tz_localize(UTC)
    if table is Table.READING:
        return readings_frame(rows)
    slots = slots_frame(rows)
    if table is not Table.REVISION:
        return slots
    return slots.assign(period=rows["period"].astype("object"), replaced_at=rows["replaced_at"])


def _refuse_too_much(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    rows, unpacked = connection.execute(
        "SELECT (SELECT coalesce(sum(num_rows), 0) FROM parquet_file_metadata($1)), "
        "(SELECT coalesce(sum(total_uncompressed_size), 0) FROM parquet_metadata($1))",
        [str(path)],
    ).fetchone() or (0, 0)
    if rows > MOST_ROWS or unpacked > MOST_BYTES:
        raise ConfigError(
            f"{path.name} says it holds {rows:,} rows in {unpacked:,} bytes: no chunk of ours is so large"
        )


def _refuse_long_texts(connection: duckdb.DuckDBPyConnection, path: Path, names: Sequence[str]) -> None:
    longest = ", ".join(f"coalesce(max(length({n}::VARCHAR)), 0)" for n in names)
    in_all = " + ".join(f"coalesce(sum(strlen({n}::VARCHAR)), 0)" for n in names)
    query = f"SELECT greatest({longest}), {in_all} FROM read_parquet(?)"  # noqa: S608 - our own columns
    found = connection.execute(query, [str(path)]).fetchone() or (0, 0)
    if found[0] > LONGEST_TEXT or found[1] > MOST_TEXT_BYTES:
        raise ConfigError(
            f"{path.name} holds texts of {found[0]:,} characters, {found[1]:,} bytes in all: no chunk of ours does"
        )


def _read_as(name: str) -> str:
    if name in _TIMES:
        return f"{name}::BIGINT AS {name}"
    if name in _FLOATS:
        return f"{name}::DOUBLE AS {name}"
    return f"{name}::SMALLINT AS {name}" if name == "flags" else f"{name}::VARCHAR AS {name}"


def all_chunks(days: Iterable[tuple[Table, Sequence[tuple[date, int]]]]) -> list[Chunk]:
    """Return the chunks of every table."""
    return [chunk for table, found in days for chunk in chunks(table, found)]


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
