"""A foreign table seen through a mapping: its cells in the same form as those of a table of ours."""

# ruff: noqa: S608 - queries are put together here from our own words and numbers; a file's names never enter one

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from core.errors import ConfigError, Problem
from ingest.mapping import Mapping, NameColumn, ValueColumn, conversion, same_encoding
from ingest.plain_text import is_workbook
from ingest.table_file import (
    CHUNK_VECTORS,
    NO_TIME,
    OFFSET,
    Contents,
    Reading,
    Series,
    TableFile,
    broken_lines,
    columns_of,
    first_line,
    source_of,
)

_SPACES = "\u00a0\u202f "  # what stands between thousands: no-break, narrow, plain
_STAMPS = ("TIMESTAMP", "DATE")


@dataclass(frozen=True)
class MappedTable:
    """A readable file and how its columns are meant."""

    table: TableFile
    mapping: Mapping


def open_mapped(connection: duckdb.DuckDBPyConnection, path: Path, mapping: Mapping, folder: Path) -> MappedTable:
    """Look at a file's columns; raises ConfigError where one that the mapping names is missing."""
    encoding = same_encoding(mapping.encoding) if mapping.encoding else None
    encoding = "latin-1" if encoding == "iso8859-1" else encoding
    how = Reading(encoding, True, mapping.delimiter, mapping.decimal, mapping.sheet, mapping.header_row)
    table = columns_of(connection, path, folder, how)
    missing = [c for c in mapping.columns if c not in table.names]
    doubled = [c for c in mapping.columns if table.names.count(c) > 1]
    if missing:
        hint = f"line {mapping.header_row} has: {', '.join(table.names[:20])}"
        raise ConfigError([Problem(path.name, f"has no column {c}", hint) for c in missing])
    if doubled:
        raise ConfigError([Problem(path.name, f"the column {c} stands twice") for c in doubled])
    return MappedTable(table, mapping)


def mapped_contents(connection: duckdb.DuckDBPyConnection, mapped: MappedTable) -> Contents:
    """Read the file through once, to know its size and its series before anything is stored."""
    table, mapping = mapped.table, mapped.mapping
    device, quantity = (_name(table, c) for c in (mapping.device, mapping.quantity))
    query = (
        f"SELECT {device}, {quantity}, count(*) FROM {source_of(table, keep_rejects=True)} GROUP BY ALL ORDER BY ALL"
    )
    try:
        rows = connection.execute(query, [str(table.data)]).fetchall()
    except duckdb.Error as error:
        raise ConfigError([Problem(table.path.name, f"cannot be read: {first_line(error)}")]) from error
    series = dict.fromkeys(s for d, q, _ in rows for v in mapping.cells if (s := _series(mapping, v, str(d), str(q))))
    found = Contents(sum(int(r[2]) for r in rows) * len(mapping.cells), list(series))
    if table.is_csv:
        found.broken = broken_lines(connection, table.before)
    return found


def mapped_cells(connection: duckdb.DuckDBPyConnection, mapped: MappedTable) -> Iterator[pd.DataFrame]:
    """Yield the file's cells in chunks as `table_file.cells` does in long form, and `spec`, a position in the mapping."""
    table, mapping = mapped.table, mapped.mapping
    written, aware, local, formats = _time(table, mapping)
    device, quantity = (_name(table, c) for c in (mapping.device, mapping.quantity))
    # The plain text of a value, and beside it the same as DuckDB reads numbers.
    texts = ", ".join(f"trim(coalesce(CAST({table.column(v.column)} AS VARCHAR), ''))" for v in mapping.cells)
    numbers = ", ".join(_number(table, mapping, v) for v in mapping.cells)
    query = (
        f"SELECT row_number() OVER () AS n, {written} AS written, coalesce({aware}, {NO_TIME}) AS aware_us, "
        f"coalesce({local}, {NO_TIME}) AS local_us, {device} AS word, {quantity} AS noun, "
        f"unnest(range({len(mapping.cells)})) AS spec, unnest([{texts}]) AS text, unnest([{numbers}]) AS value "
        f"FROM {source_of(table)}"
    )
    try:
        cursor = connection.execute(query, [*formats, str(table.data)])
    except duckdb.Error as error:
        raise ConfigError([Problem("time.format", first_line(error), "it is written like %d.%m.%Y %H:%M")]) from error
    while len(chunk := cursor.fetch_df_chunk(CHUNK_VECTORS)):
        yield _resolved(chunk, mapping)


def _resolved(chunk: pd.DataFrame, mapping: Mapping) -> pd.DataFrame:
    """Name device, quantity and channel of every cell and bring its value into the quantity's unit."""
    spec = chunk["spec"].to_numpy(dtype=np.int64)
    names = {
        "device": _named(chunk["word"], spec, [v.device for v in mapping.cells], mapping.device),
        "quantity": _named(chunk["noun"], spec, [v.quantity for v in mapping.cells], mapping.quantity),
        "channel": np.array([v.channel for v in mapping.cells], dtype=object)[spec],
    }
    values = chunk["value"].to_numpy(dtype=np.float64, na_value=np.nan).copy()
    for position, column in enumerate(mapping.cells):
        mine = spec == position
        shift, multiply, divide = _conversion(column)
        values[mine] = (values[mine] + shift) * multiply / divide * column.sign + 0.0  # no minus zero
    text = chunk["text"].to_numpy(dtype=object)
    # What the mapping leaves out counts as empty.
    left_out = np.array([n is None for n in names["device"]]) | np.array([n is None for n in names["quantity"]])
    text = np.where(left_out, "", text)
    names |= {k: np.where(left_out, "", names[k]) for k in ("device", "quantity")}
    return chunk.drop(columns=["word", "noun"]).assign(**names, text=text, value=values)


def _named(
    words: pd.Series, spec: np.ndarray, constants: Sequence[str | None], column: str | NameColumn | None
) -> np.ndarray:
    constant = np.array(
        [c if c is not None else (column if isinstance(column, str) else "") for c in constants], object
    )
    named: np.ndarray = constant[spec]
    if isinstance(column, NameColumn):
        codes, distinct = pd.factorize(words.to_numpy(dtype=object))
        meant = np.array([column.names.get(str(w), str(w)) for w in distinct], dtype=object)
        open_ = np.array([c is None for c in constants])[spec]
        named[open_] = meant[codes[open_]]
    return named


def _conversion(column: ValueColumn) -> tuple[float, float, float]:
    if column.quantity is None or column.unit is None:
        return 0.0, 1.0, 1.0
    return conversion(column.quantity, column.unit) or (0.0, 1.0, 1.0)


def _series(mapping: Mapping, column: ValueColumn, word: str, noun: str) -> Series | None:
    device, quantity = column.device, column.quantity
    if device is None:
        device = mapping.device.names.get(word, word) if isinstance(mapping.device, NameColumn) else mapping.device
    if quantity is None and mapping.quantity is not None:
        quantity = mapping.quantity.names.get(noun, noun)
    return (device, quantity, column.channel) if device and quantity else None


def _name(table: TableFile, column: str | NameColumn | None) -> str:
    if not isinstance(column, NameColumn):
        return "''"
    return f"coalesce(trim(CAST({table.column(column.column)} AS VARCHAR)), '')"


def _number(table: TableFile, mapping: Mapping, value: ValueColumn) -> str:
    """Return SQL for the number that a cell means; NULL where it is written any other way."""
    column = table.column(value.column)
    if table.types[table.names.index(value.column)] != "VARCHAR":
        return f"TRY_CAST({column} AS DOUBLE)"
    text, mark = f"trim({column})", "\\" + mapping.decimal
    if mapping.thousands:
        sign = (
            f"[{_SPACES}]"
            if mapping.thousands == " "
            else "''"
            if mapping.thousands == "'"
            else f"\\{mapping.thousands}"
        )
        grouped = f"'^[+-]?\\d{{1,3}}({sign}\\d{{3}})+({mark}\\d*)?$'"
        joined = f"regexp_replace({text}, '{sign}', '', 'g')"
        text = f"CASE WHEN regexp_matches({text}, {grouped}) THEN {joined} ELSE {text} END"
    if mapping.decimal == ",":
        # A point has no meaning left in such a column: better no number than a wrong one.
        text = f"CASE WHEN NOT contains({text}, '.') THEN replace({text}, ',', '.') END"
    return f"TRY_CAST({text} AS DOUBLE)"


def _time(table: TableFile, mapping: Mapping) -> tuple[str, str, str, list[str]]:
    """Return SQL for the time as written, with an offset and without one, in microseconds; and the formats to fill in."""
    columns = [table.column(c) for c in mapping.time.columns]
    kinds = [table.types[table.names.index(c)] for c in mapping.time.columns]
    none = f"CAST({NO_TIME} AS BIGINT)"
    if len(columns) == 1 and kinds[0].startswith("TIMESTAMP WITH TIME ZONE"):
        return f"coalesce(CAST({columns[0]} AS VARCHAR), '')", f"epoch_us({columns[0]})", none, []
    if len(columns) == 1 and kinds[0].startswith(_STAMPS):
        return f"coalesce(CAST({columns[0]} AS VARCHAR), '')", none, f"epoch_us(CAST({columns[0]} AS TIMESTAMP))", []
    text = " || ' ' || ".join(f"trim(coalesce(CAST({c} AS VARCHAR), ''))" for c in columns)
    text = f"trim({text})"
    plain = f"epoch_us(TRY_CAST({text} AS TIMESTAMP))"
    zoned = f"CASE WHEN regexp_matches({text}, '{OFFSET}') THEN epoch_us(TRY_CAST({text} AS TIMESTAMPTZ)) END"
    if mapping.time.format is None:
        return text, zoned, f"CASE WHEN NOT regexp_matches({text}, '{OFFSET}') THEN {plain} END", []
    parsed = f"epoch_us(try_strptime({text}, ?))"
    if "%z" in mapping.time.format:
        return text, parsed, none, [mapping.time.format]
    # A workbook's own dates were written as ISO 8601, whatever its texts look like.
    local = f"coalesce({parsed}, {plain})" if is_workbook(table.path) else parsed
    return text, none, local, [mapping.time.format]
