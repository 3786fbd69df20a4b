"""CSV and Parquet files of readings as DuckDB sees them: what is in them, and their cells as a stream.

Long form has a row per value (time, device, quantity, [channel], value), wide form a row per time and a column per
series, called `<device>.<quantity>` or `<device>.<quantity>.<channel>`.
"""

from __future__ import annotations

import csv
import difflib
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import numpy as np

from core.errors import ConfigError, Problem
from core.quantities import READING
from ingest.cells import NO_TIME, Layout, Series, ValueCells, distinct_names
from ingest.plain_text import encoding_of, is_workbook, write_sheet, write_utf8

MEMORY_LIMIT_MB = 256
_LONG = {"time", "device", "quantity", "value"}
EXPORTED = {*_LONG, "time_utc", "channel", "received_at", "flags"}  # by `parkwatt export --scope reading`
_CHANNEL = re.compile(r"[a-z0-9_-]{0,16}")
OFFSET = r":\d\d([:.,]\d+)*\s*([Zz]|[+-]\d\d(:?\d\d)?)$"


@dataclass(frozen=True)
class BrokenLine:
    """A line of a CSV file with too few or too many cells, or that is no text."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Reading:
    """How a file's rows are found; None where it is to be found out."""

    encoding: str | None = None
    guess_latin: bool = False
    delimiter: str | None = None
    decimal: str = "."
    sheet: str | None = None
    header_row: int = 1


@dataclass(frozen=True)
class TableFile:
    """A readable file: its columns, and in wide form the series each of them holds."""

    path: Path
    names: tuple[str, ...]
    types: tuple[str, ...]  # DuckDB's, all VARCHAR in a CSV file
    delimiter: str  # "" in a Parquet file
    wide: tuple[Series, ...] | None
    source: Path | None = None  # the same rows as UTF-8 text, where `path` is a workbook or in another encoding
    before: int = 0  # lines of `path` before the one that names the columns, which `source` has not

    @property
    def is_csv(self) -> bool:
        """Whether lines can be counted."""
        return bool(self.delimiter)

    @property
    def data(self) -> Path:
        """What is read."""
        return self.source or self.path

    def column(self, name: str) -> str:
        """Return the SQL name of a column; the file's own names never enter a query."""
        return f"c{self.names.index(name)}"


@dataclass
class Contents:
    """How many cells a file holds, of which series, and what could not even be cut into cells."""

    cells: int
    series: list[Series] = field(default_factory=list)
    broken: list[BrokenLine] = field(default_factory=list)
    combos: list[tuple[str, ...]] = field(default_factory=list)  # what a mapped file's name columns say


def connect() -> duckdb.DuckDBPyConnection:
    """Return a connection that holds nothing and stays small."""
    connection = duckdb.connect(config={"memory_limit": f"{MEMORY_LIMIT_MB}MB", "threads": 2})
    # Times are turned into numbers in the query; where DuckDB reads a zone it must not be the machine's.
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def open_table(connection: duckdb.DuckDBPyConnection, path: Path, folder: Path) -> TableFile:
    """Look at a file's columns; raises ConfigError where it cannot be what is wanted.

    What is no UTF-8 text is copied into `folder` as such.
    """
    table = columns_of(connection, path, folder)
    names = table.names
    doubled = sorted({n for n in names if names.count(n) > 1})
    if doubled:
        raise ConfigError([Problem(path.name, f"the column {doubled[0]} stands twice")])
    if "time" not in names:
        raise ConfigError([Problem(path.name, "has no column called time", _see_mapping(names))])
    if set(names) >= _LONG:
        return table
    if len(names) == 1:
        raise ConfigError([Problem(path.name, "has no column of values", "call it <device>.<quantity>")])
    return replace(table, wide=tuple(_series(n) for n in names if n != "time"))


def columns_of(
    connection: duckdb.DuckDBPyConnection, path: Path, folder: Path, how: Reading | None = None
) -> TableFile:
    """Return a file with its columns, whatever they are called."""
    if not path.is_file():
        raise ConfigError(f"there is no file {path}")
    if not path.stat().st_size:
        raise ConfigError([Problem(path.name, "is empty: it has 0 bytes", "export or copy it again")])
    how = how or Reading()
    if path.suffix.lower() in {".parquet", ".pq"}:
        names, types = _parquet_columns(connection, path)
        return TableFile(path, names, types, "", None)
    source = _plain(path, folder, how)
    names, delimiter = _csv_columns(path, source or path, "," if is_workbook(path) else how.delimiter)
    return TableFile(path, names, ("VARCHAR",) * len(names), delimiter, None, source, how.header_row - 1)


def _plain(path: Path, folder: Path, how: Reading) -> Path | None:
    """Return a copy of the file as UTF-8 text, or None where it is that."""
    target = Path(tempfile.mkstemp(dir=folder, suffix=".csv")[1])
    if is_workbook(path):
        write_sheet(path, how.sheet, how.decimal, how.header_row - 1, target)
        return target
    encoding = how.encoding or encoding_of(path, guess_latin=how.guess_latin)
    if encoding is None:
        raise ConfigError(
            [Problem(path.name, "is not UTF-8 text", "save it as UTF-8, or name its encoding in a mapping")]
        )
    if encoding == "utf-8" and how.header_row == 1:
        return None
    write_utf8(path, encoding, how.header_row - 1, target)
    return target


def _see_mapping(names: Sequence[str]) -> str:
    first = names[0] if names else "TIME"
    shown = (
        f"time: {{column: {first}}}, values: [{{column: {names[-1] if names else 'VALUE'}, device: .., quantity: ..}}]"
    )
    return f"it has: {', '.join(names[:20])}; a mapping file says what they are, e.g. {shown}; --propose begins one"


def contents(connection: duckdb.DuckDBPyConnection, table: TableFile) -> Contents:
    """Read the file through once, to know its size and its series before anything is stored."""
    source = source_of(table, keep_rejects=True)
    names = () if table.wide is not None else tuple(_text(table, n) for n in ("device", "quantity", "channel"))
    combos, count = read_through(connection, table, source, names)
    if table.wide is not None:
        found = Contents(count * len(table.wide), list(table.wide))
    else:
        # A row without device or quantity is a bad row; a name nobody knows is a bad file.
        found = Contents(count, [(d, q, c) for d, q, c in combos if d and q])
    if table.is_csv:
        found.broken = broken_lines(connection, table.before)
    return found


def read_through(
    connection: duckdb.DuckDBPyConnection, table: TableFile, source: str, names: Sequence[str]
) -> tuple[list[tuple[str, ...]], int]:
    """Return the distinct names and the number of rows; raises ConfigError where the file cannot be read to its end."""
    try:
        return distinct_names(connection, table.path.name, str(table.data), source, names)
    except duckdb.Error as error:
        raise ConfigError([Problem(table.path.name, f"cannot be read: {first_line(error)}")]) from error


def series_problems(found: Iterable[Series], devices: set[str], file: str) -> Iterator[Problem]:
    """Yield every name that PARK.yaml or the vocabulary does not know, each once."""
    series = list(found)
    for device in sorted({s[0] for s in series} - devices):
        yield Problem(file, f"no device in PARK.yaml is called {device!r}", _near(device, devices))
    for quantity in sorted({s[1] for s in series} - READING.keys()):
        yield Problem(file, f"no quantity a device sends is called {quantity!r}", _near(quantity, READING))
    for channel in sorted({s[2] for s in series}):
        if not _CHANNEL.fullmatch(channel):
            yield Problem(file, f"{channel!r} is no channel", "the total has none, phases are called l1, l2, l3")


def layout_of(table: TableFile, found: Contents) -> Layout:
    """Return how the cells of a table of ours are read."""
    time = table.column("time")
    if table.wide is None:
        names = tuple(_text(table, n) for n in ("device", "quantity", "channel"))
        combos: tuple[tuple[str, ...], ...] = tuple(found.series)
        values = [ValueCells(*_value(table, "value"), np.arange(len(combos)))]
    else:
        names, combos = (), ((),)
        columns = [n for n in table.names if n != "time"]
        values = [ValueCells(*_value(table, n), np.array([i])) for i, n in enumerate(columns)]
    return Layout(
        table.path.name,
        str(table.data),
        source_of(table),
        f"coalesce(CAST({time} AS VARCHAR), '')",
        _aware(table),
        _local(table),
        (),
        tuple(values),
        tuple(found.series),
        names,
        combos,
        _as_was(table),
    )


def _value(table: TableFile, name: str) -> tuple[str, str]:
    """Return SQL for the text of a value and for the number it means."""
    column, kind = table.column(name), table.types[table.names.index(name)]
    text = f"CAST({column} AS VARCHAR)"
    # A number of another type becomes the float that it is written as.
    return text, f"TRY_CAST({column} AS DOUBLE)" if kind in {"VARCHAR", "DOUBLE"} else f"TRY_CAST({text} AS DOUBLE)"


def _as_was(table: TableFile) -> tuple[str, str] | None:
    """Return SQL for time of receipt and flags where the file is an export of readings."""
    if set(table.names) != EXPORTED:
        return None
    received, flags = table.column("received_at"), table.column("flags")
    return (
        f"coalesce(epoch_us(TRY_CAST({received} AS TIMESTAMPTZ)), {NO_TIME})",
        f"coalesce(TRY_CAST({flags} AS INTEGER), 0)",
    )


def physical_lines(table: TableFile, rows: set[int], broken: set[int]) -> dict[int, int]:
    """Return the line of each data row (from 1) of a CSV file: behind the header, blank and broken lines not counted.

    In a Parquet file a row is its own number. Cells with line breaks in them are not looked for.
    """
    if not table.is_csv or not rows:
        return {row: row for row in rows}
    found: dict[int, int] = {}
    row, last = 0, max(rows)
    with table.data.open("rb") as file:
        for line, content in enumerate(file, start=1 + table.before):
            if line == table.before + 1 or line in broken or not content.strip():
                continue
            row += 1
            if row in rows:
                found[row] = line
            if row >= last:
                break
    return {row: found.get(row, row + table.before + 1) for row in rows}


def _aware(table: TableFile) -> str:
    time, kind = table.column("time"), table.types[table.names.index("time")]
    if kind.startswith("TIMESTAMP WITH TIME ZONE"):
        return f"epoch_us({time})"
    if kind == "VARCHAR":
        return f"CASE WHEN regexp_matches(trim({time}), '{OFFSET}') THEN epoch_us(TRY_CAST(trim({time}) AS TIMESTAMPTZ)) END"
    return f"CAST({NO_TIME} AS BIGINT)"


def _local(table: TableFile) -> str:
    time, kind = table.column("time"), table.types[table.names.index("time")]
    if kind.startswith("TIMESTAMP WITH TIME ZONE"):
        return f"CAST({NO_TIME} AS BIGINT)"
    if kind == "VARCHAR":
        return f"CASE WHEN NOT regexp_matches(trim({time}), '{OFFSET}') THEN epoch_us(TRY_CAST(trim({time}) AS TIMESTAMP)) END"
    if kind.startswith(("TIMESTAMP", "DATE")):
        return f"epoch_us(CAST({time} AS TIMESTAMP))"
    raise ConfigError([Problem(table.path.name, f"its time column is of type {kind}", "timestamps or text are read")])


def _text(table: TableFile, name: str) -> str:
    if name not in table.names:
        return "''"
    return f"coalesce(trim(CAST({table.column(name)} AS VARCHAR)), '')"


def source_of(table: TableFile, *, keep_rejects: bool = False) -> str:
    """Return SQL for the rows of a file; it takes one parameter, the path. Rejects are kept in a table of the connection."""
    if not table.is_csv:
        renamed = ", ".join(f"c{i}" for i in range(len(table.names)))
        return f"read_parquet(?) AS t({renamed})"
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(table.names)))
    faults = "store_rejects = true" if keep_rejects else "ignore_errors = true"
    return (
        f"read_csv(?, columns = {{{columns}}}, header = true, auto_detect = false, delim = '{table.delimiter}', "
        f"quote = '\"', escape = '\"', {faults})"
    )


def broken_lines(connection: duckdb.DuckDBPyConnection, before: int) -> list[BrokenLine]:
    """Return the lines that could not be cut into cells; `before` lines of the file were not read."""
    query = "SELECT line, any_value(error_type), any_value(csv_line) FROM reject_errors GROUP BY line ORDER BY line"
    rows = connection.execute(query).fetchall()
    lines = [BrokenLine(before + int(n), str(why).lower(), str(text)) for n, why, text in rows]
    connection.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
    return lines


def _csv_columns(path: Path, source: Path, delimiter: str | None) -> tuple[tuple[str, ...], str]:
    try:
        with source.open(encoding="utf-8-sig", newline="") as file:
            head = file.readline(1 << 20)
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(path.name, "is not UTF-8 text", "save it as UTF-8")]) from error
    except OSError as error:
        raise ConfigError([Problem(path.name, f"cannot be read: {error.strerror}")]) from error
    delimiter = delimiter or max(",;\t|", key=head.count)
    names = next(csv.reader([head], delimiter=delimiter), [])
    return tuple(n.strip() for n in names), delimiter


def _parquet_columns(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        rows = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    except duckdb.Error as error:
        raise ConfigError([Problem(path.name, f"is no Parquet file: {first_line(error)}", "copy it again")]) from error
    nested = [
        Problem(path.name, f"the column {n} is of type {t}", "one value per cell") for n, t, *_ in rows if _nested(t)
    ]
    if nested:
        raise ConfigError(nested)
    return tuple(str(r[0]) for r in rows), tuple(str(r[1]) for r in rows)


def _nested(kind: str) -> bool:
    return kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION"))


def _series(name: str) -> Series:
    """Cut a column's name; a device id may hold dots itself, a quantity never does."""
    parts = name.split(".")
    for at in range(len(parts) - 1, 0, -1):
        if parts[at] in READING:
            return ".".join(parts[:at]), parts[at], ".".join(parts[at + 1 :])
    return parts[0], ".".join(parts[1:]), ""


def _near(word: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {near[0]}?" if near else f"there are: {', '.join(names[:12])}"


def first_line(error: Exception) -> str:
    """Return the part of DuckDB's message that is for people."""
    return str(error).splitlines()[0]
