"""Files as people have them, made into UTF-8 text with one line per row: other encodings, and workbooks."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import openpyxl

from core.errors import ConfigError, Problem

Cell: TypeAlias = object  # whatever openpyxl finds in one

_BLOCK = 1 << 20
_PAIRED = 0.8  # of the bytes beyond ASCII, in GB 18030 text; in Latin-1 text they stand alone
_WORKBOOKS = {".xlsx", ".xlsm"}
_BLANK_COLUMNS = 50  # sheets are formatted far beyond what they hold
_MILLISECOND_US = 1000
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")


def is_workbook(path: Path) -> bool:
    """Say whether a file is a workbook, by its name."""
    return path.suffix.lower() in _WORKBOOKS


def encoding_of(path: Path, *, guess_latin: bool) -> str | None:
    """Return utf-8, utf-16, gb18030 or, where that may be guessed, latin-1; None where it is none of these.

    A file is read to its end: the first word that is not ASCII may stand in its last line.
    """
    wide = _utf16(next(_blocks(path), b""))
    if wide is not None:
        return wide
    if _decodes(path, "utf-8"):
        return "utf-8"
    if _decodes(path, "gb18030") and _paired_share(path) >= _PAIRED:
        return "gb18030"
    return "latin-1" if guess_latin else None


def write_utf8(path: Path, encoding: str, skip: int, target: Path) -> None:
    """Copy a text into UTF-8 without its first `skip` lines, block by block; lines stay lines."""
    try:
        named = "utf-8-sig" if encoding == "utf-8" else encoding
        with path.open(encoding=named, newline="") as source, target.open("w", encoding="utf-8", newline="") as copy:
            for _ in range(skip):
                source.readline()
            while block := source.read(_BLOCK):
                copy.write(block)
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(path.name, f"is not {encoding} text", "leave `encoding` out to find it")]) from error


def write_sheet(path: Path, sheet: str | None, decimal: str, skip: int, target: Path) -> None:
    """Write one sheet of a workbook as CSV without its first `skip` rows, a line per row, numbers with the given decimal sign.

    Formulas count with the value they had when the workbook was saved. A date is written as ISO 8601 without offset.
    """
    try:
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # a foreign file: zip, XML and format faults of many kinds
        raise ConfigError([Problem(path.name, f"is no workbook that can be read: {error}")]) from error
    try:
        if sheet is not None and sheet not in workbook.sheetnames:
            raise ConfigError([Problem(path.name, f"has no sheet {sheet}", f"it has {', '.join(workbook.sheetnames)}")])
        rows = workbook[sheet if sheet is not None else workbook.sheetnames[0]].iter_rows(values_only=True)
        with target.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows(_even(islice(rows, skip, None), decimal))
    finally:
        workbook.close()


def _even(rows: Iterator[tuple[Cell, ...]], decimal: str) -> Iterator[list[str]]:
    """Yield rows of one length, the longest of the first rows that hold anything."""
    width, held = 0, []
    for row in rows:
        texts = [_written(cell, decimal) for cell in row]
        used = max((i + 1 for i, text in enumerate(texts) if text), default=0)
        width = max(width, used)
        held.append(texts)
        if len(held) == _BLANK_COLUMNS:
            break
    for texts in held:
        yield (texts + [""] * width)[:width]
    for row in rows:
        texts = [_written(cell, decimal) for cell in row[:width]]
        yield texts + [""] * (width - len(texts))


def _written(cell: Cell, decimal: str) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        text = repr(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)  # noqa: PLR2004 - exact in a float
        return text.replace(".", decimal)
    if isinstance(cell, datetime):
        # A workbook counts days in floats; what is off by less than a millisecond was meant to be even.
        return _even_millisecond(cell).isoformat(sep=" ")
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    return str(cell).replace("\r", " ").replace("\n", " ").strip()


def _even_millisecond(moment: datetime) -> datetime:
    millis = round(moment.microsecond / _MILLISECOND_US)
    return moment.replace(microsecond=0) + timedelta(milliseconds=millis)


def _utf16(head: bytes) -> str | None:
    """Tell by its mark, or by every other byte being zero, text of two bytes a character as Excel saves it."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = (head[at : 1 << 12 : 2].count(0) for at in (0, 1))
    if max(even, odd) > len(head[: 1 << 12]) // 4 and min(even, odd) == 0:
        return "utf-16-le" if odd else "utf-16-be"
    return None


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for block in _blocks(path):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _paired_share(path: Path) -> float:
    """Return the share of bytes beyond ASCII that stand two by two, as most Chinese characters do."""
    high = paired = 0
    for block in _blocks(path):
        for run in _BEYOND_ASCII.finditer(block):
            length = run.end() - run.start()
            high, paired = high + length, paired + length // 2 * 2
        if high >= _BLOCK // 64:
            break
    return paired / high if high else 1.0


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block
    except OSError as error:
        raise ConfigError([Problem(path.name, f"cannot be read: {error.strerror}")]) from error
