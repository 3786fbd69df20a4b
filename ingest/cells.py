"""Cells of a file as plain numbers, a run of rows at a time: names become positions in a list, times microseconds.

Python sees no text of a cell unless it is faulty: then the file is read once more for what is written there.
"""

# ruff: noqa: S608 - queries are put together here from our own words and numbers; a file's names never enter one

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from core.errors import ConfigError, Problem

Series: TypeAlias = tuple[str, str, str]  # device, quantity, channel
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Conversion: TypeAlias = tuple[float, float, float]  # shift, multiply, divide, applied in this order

NO_TIME = -(1 << 62)  # stands for a time that could not be read; NULL would turn whole columns into floats
UNNAMED, LEFT_OUT = -1, -2  # instead of a series: the row names none; the mapping leaves it out
AT_ONCE = 64  # blocks of 2,048 cells
MOST_NAMES = 10_000  # a column that holds more names no devices


@dataclass(frozen=True)
class ValueCells:
    """A column of values: SQL for its text and its number, and for each row of `Layout.combos` its series."""

    text: str
    number: str
    series: Ints
    conversion: Conversion = (0.0, 1.0, 1.0)
    sign: int = 1


@dataclass(frozen=True)
class Layout:
    """How a file's rows become cells. `source` takes the path as its one parameter."""

    file: str
    path: str
    source: str
    written: str
    aware: str
    local: str
    formats: tuple[str, ...]
    columns: tuple[ValueCells, ...]
    series: tuple[Series, ...]
    names: tuple[str, ...] = ()  # SQL of the columns that name the series of a row
    combos: tuple[tuple[str, ...], ...] = ((),)
    as_was: tuple[str, str] | None = None  # SQL for time of receipt and flags, in an export of ours


@dataclass(frozen=True)
class Cells:
    """Cells in the file's order."""

    rows: Ints  # data row, from 1
    aware_us: Ints  # microseconds since 1970 UTC where the time has an offset
    local_us: Ints  # the same for the wall clock where it has none
    series: Ints  # position in `Layout.series`, UNNAMED or LEFT_OUT
    column: Ints  # position in `Layout.columns`
    numbers: Floats
    empty: Bools
    received_us: Ints | None = None
    flags: Ints | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, chosen: Bools) -> Cells:
        """Return some of them."""
        arrays = {name: array[chosen] for name, array in vars(self).items() if array is not None}
        return replace(self, **arrays)


@dataclass(frozen=True)
class Written:
    """What stands in the file: a row's time and names, and the text of each of its values."""

    time: str = ""
    names: tuple[str, ...] = ()
    texts: tuple[str, ...] = field(default_factory=tuple)


def cells(connection: duckdb.DuckDBPyConnection, layout: Layout) -> Iterator[Cells]:
    """Yield a file's cells, row by row, in bounded runs."""
    codes = _codes(connection, layout)
    width = len(layout.columns)
    columns = [f"coalesce({layout.aware}, {NO_TIME}) AS aware_us", f"coalesce({layout.local}, {NO_TIME}) AS local_us"]
    columns += [f"{sql} AS code{i}" for i, sql in enumerate(codes)]
    for i, value in enumerate(layout.columns):
        columns.append(f"coalesce({value.number}, 'NaN'::DOUBLE) AS value{i}")
        columns.append(f"({value.number}) IS NULL AND trim(coalesce({value.text}, '')) = '' AS empty{i}")
    if layout.as_was is not None:
        columns += [f"{sql} AS {name}" for name, sql in zip(("received_us", "flags"), layout.as_was, strict=True)]
    query = f"SELECT {', '.join(columns)} FROM {layout.source}"
    done = 0
    for chunk in _fetched(connection, layout, query, max(1, AT_ONCE // width)):
        size = len(chunk)
        arrays = {name: chunk[name].to_numpy() for name in chunk.columns}
        combo = _combos(layout, [arrays[f"code{i}"] for i in range(len(codes))], size)
        yield _run(layout, arrays, combo, np.arange(done + 1, done + size + 1))
        done += size


def _fetched(connection: duckdb.DuckDBPyConnection, layout: Layout, query: str, blocks: int) -> Iterator[pd.DataFrame]:
    try:
        cursor = connection.execute(query, [*layout.formats, layout.path])
        while len(chunk := cursor.fetch_df_chunk(blocks)):
            yield chunk
    except duckdb.Error as error:
        hint = "is time.format written like %d.%m.%Y %H:%M?" if layout.formats else "copy or export it again"
        raise ConfigError([Problem(layout.file, f"cannot be read: {str(error).splitlines()[0]}", hint)]) from error


def _run(layout: Layout, arrays: dict[str, npt.NDArray[np.generic]], combo: Ints, rows: Ints) -> Cells:
    width = len(layout.columns)
    named = [np.where(combo >= 0, v.series[combo], UNNAMED) for v in layout.columns]
    values = [_converted(arrays[f"value{i}"].astype("float64"), v) for i, v in enumerate(layout.columns)]
    empty = [arrays[f"empty{i}"].astype(bool) for i in range(width)]
    series = np.stack(named, axis=1).ravel()
    return Cells(
        np.repeat(rows, width),
        np.repeat(arrays["aware_us"].astype("int64"), width),
        np.repeat(arrays["local_us"].astype("int64"), width),
        series,
        np.tile(np.arange(width), len(rows)),
        np.stack(values, axis=1).ravel(),
        np.stack(empty, axis=1).ravel() | (series == LEFT_OUT),
        *(arrays[n].astype("int64") if n in arrays else None for n in ("received_us", "flags")),
    )


def _converted(values: Floats, column: ValueCells) -> Floats:
    if (column.conversion, column.sign) == ((0.0, 1.0, 1.0), 1):
        return values
    shift, multiply, divide = column.conversion
    converted: Floats = (values + shift) * multiply / divide * column.sign + 0.0  # no minus zero
    return converted


def written(connection: duckdb.DuckDBPyConnection, layout: Layout, rows: Iterable[int]) -> dict[int, Written]:
    """Return what stands in some of the data rows."""
    wanted = sorted(set(rows))
    if not wanted:
        return {}
    columns = [layout.written, *layout.names, *(f"trim(coalesce({v.text}, ''))" for v in layout.columns)]
    named = ", ".join(f"{sql} AS w{i}" for i, sql in enumerate(columns))
    query = (
        f"SELECT * FROM (SELECT row_number() OVER () AS n, {named} FROM {layout.source}) "
        f"WHERE n <= {wanted[-1]} AND n IN (SELECT unnest(?::BIGINT[]))"
    )
    found = connection.execute(query, [layout.path, wanted]).fetchall()
    split = 2 + len(layout.names)
    return {int(r[0]): Written(str(r[1]), tuple(map(str, r[2:split])), tuple(map(str, r[split:]))) for r in found}


def distinct_names(
    connection: duckdb.DuckDBPyConnection, file: str, path: str, source: str, names: Sequence[str]
) -> tuple[list[tuple[str, ...]], int]:
    """Return what the name columns of a file say, each once, and the number of rows; raises ConfigError with too many."""
    if not names:
        # To its end, or what could not be read is not put on record.
        counted = connection.execute(f"SELECT count(*) FROM {source}", [path]).fetchall()
        return [()], int(counted[0][0])
    query = f"SELECT {', '.join(names)}, count(*) FROM {source} GROUP BY ALL LIMIT {MOST_NAMES + 1}"
    rows = connection.execute(query, [path]).fetchall()
    if len(rows) > MOST_NAMES:
        what = f"names more than {MOST_NAMES:,} devices and quantities"
        raise ConfigError([Problem(file, what, "is the right column given for the device, and the delimiter found?")])
    return sorted(tuple(str(cell) for cell in r[:-1]) for r in rows), sum(int(r[-1]) for r in rows)


def _codes(connection: duckdb.DuckDBPyConnection, layout: Layout) -> list[str]:
    """Return SQL that turns each name column into a position among its words; those of the file live in a type."""
    found = []
    for i, sql in enumerate(layout.names):
        words = _words(layout, i)
        # The words come as a parameter: they are the file's, and never stand in a query.
        connection.execute(f"DROP TYPE IF EXISTS words{i}; CREATE OR REPLACE TEMP TABLE word (text VARCHAR)")
        connection.execute("INSERT INTO word SELECT unnest(?::VARCHAR[])", [words or [""]])
        connection.execute(f"CREATE TYPE words{i} AS ENUM (SELECT text FROM word ORDER BY rowid)")
        found.append(f"coalesce(CAST(enum_code(TRY_CAST({sql} AS words{i})) AS INTEGER), -1)")
    return found


def _words(layout: Layout, column: int) -> list[str]:
    return sorted({combo[column] for combo in layout.combos})


def _combos(layout: Layout, codes: Sequence[npt.NDArray[np.generic]], size: int) -> Ints:
    """Return for each row the position of its names among the combos, -1 where they are none of them."""
    if not codes:
        return np.zeros(size, dtype="int64")
    words = [{word: n for n, word in enumerate(_words(layout, i))} for i in range(len(codes))]
    combined, keys = np.zeros(size, dtype="int64"), np.zeros(len(layout.combos), dtype="int64")
    unknown = np.zeros(size, dtype=bool)
    for i, (column, known) in enumerate(zip(codes, words, strict=True)):
        combined = combined * len(known) + column.astype("int64")
        unknown |= column.astype("int64") < 0
        keys = keys * len(known) + np.array([known[c[i]] for c in layout.combos], dtype="int64")
    if not len(keys):
        return np.full(size, -1, dtype="int64")
    order = np.argsort(keys)
    at = np.minimum(np.searchsorted(keys[order], combined), len(keys) - 1)
    positions = order[at]
    return np.where(unknown | (keys[positions] != combined), -1, positions)
