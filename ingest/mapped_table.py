"""A foreign table seen through a mapping: its cells in the same form as those of a table of ours."""

from __future__ import annotations

from collections.abc import Mapping as Names
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from core.errors import ConfigError, Problem
from ingest.cells import LEFT_OUT, NO_TIME, UNNAMED, Conversion, Layout, Series, ValueCells
from ingest.mapping import Mapping, NameColumn, ValueColumn, conversion, same_encoding
from ingest.plain_text import is_workbook
from ingest.table_file import (
    OFFSET,
    Contents,
    Reading,
    TableFile,
    broken_lines,
    columns_of,
    read_through,
    source_of,
)

_SPACES = "\u00a0\u202f "  # what stands between thousands: no-break, narrow, plain
# A date that is formatted as a number in a workbook: days since the end of 1899, from 2000 to 2100.
_SERIAL = (
    "CASE WHEN TRY_CAST({text} AS DOUBLE) BETWEEN 36526 AND 73050 "
    "THEN CAST(round((TRY_CAST({text} AS DOUBLE) - 25569) * 86400000) AS BIGINT) * 1000 END"
)
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
    names = [_name(table, c) for c in (mapping.device, mapping.quantity)]
    combos, count = read_through(connection, table, source_of(table, keep_rejects=True), names)
    named = (_series(mapping, v, d, q) for d, q in combos for v in mapping.cells)
    found = Contents(count * len(mapping.cells), list(dict.fromkeys(s for s in named if s)), combos=combos)
    if table.is_csv:
        found.broken = broken_lines(connection, table.before)
    return found


def mapped_layout(mapped: MappedTable, found: Contents) -> Layout:
    """Return how the file's cells are read; the columns of values stand as in the mapping."""
    table, mapping = mapped.table, mapped.mapping
    written, aware, local, formats = _time(table, mapping)
    place = {series: n for n, series in enumerate(found.series)}
    values = [
        ValueCells(
            f"CAST({table.column(v.column)} AS VARCHAR)",
            _number(table, mapping, v),
            np.array([_place(mapping, v, d, q, place) for d, q in found.combos], dtype="int64"),
            _conversion(v),
            v.sign,
        )
        for v in mapping.cells
    ]
    return Layout(
        table.path.name,
        str(table.data),
        source_of(table),
        written,
        aware,
        local,
        tuple(formats),
        tuple(values),
        tuple(found.series),
        tuple(_name(table, c) for c in (mapping.device, mapping.quantity)),
        tuple(found.combos),
    )


def _place(mapping: Mapping, column: ValueColumn, word: str, noun: str, place: Names[Series, int]) -> int:
    """Return the series of a cell, or why it has none."""
    device, quantity = _meant(mapping, column, word, noun)
    if device is None or quantity is None:
        return LEFT_OUT
    return place.get((device, quantity, column.channel), UNNAMED)


def _conversion(column: ValueColumn) -> Conversion:
    if column.quantity is None or column.unit is None:
        return 0.0, 1.0, 1.0
    return conversion(column.quantity, column.unit) or (0.0, 1.0, 1.0)


def _series(mapping: Mapping, column: ValueColumn, word: str, noun: str) -> Series | None:
    device, quantity = _meant(mapping, column, word, noun)
    return (device, quantity, column.channel) if device and quantity else None


def _meant(mapping: Mapping, column: ValueColumn, word: str, noun: str) -> tuple[str | None, str | None]:
    """Return device and quantity of a cell: None where the mapping leaves it out, "" where the file does not say."""
    device, quantity = column.device, column.quantity
    if device is None:
        device = mapping.device.names.get(word, word) if isinstance(mapping.device, NameColumn) else mapping.device
    if quantity is None and mapping.quantity is not None:
        quantity = mapping.quantity.names.get(noun, noun)
    return device, quantity


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
    if is_workbook(table.path):
        plain = f"coalesce({plain}, {_SERIAL.format(text=text)})"
    zoned = f"CASE WHEN regexp_matches({text}, '{OFFSET}') THEN epoch_us(TRY_CAST({text} AS TIMESTAMPTZ)) END"
    if mapping.time.format is None:
        return text, zoned, f"CASE WHEN NOT regexp_matches({text}, '{OFFSET}') THEN {plain} END", []
    parsed = f"epoch_us(try_strptime({text}, ?))"
    if "%z" in mapping.time.format:
        return text, parsed, none, [mapping.time.format]
    # A workbook's own dates were written as ISO 8601, whatever its texts look like.
    local = f"coalesce({parsed}, {plain})" if is_workbook(table.path) else parsed
    return text, none, local, [mapping.time.format]
