"""Backfill from files: readings a park collected before Parkwatt, or while it was away."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import orjson
import pandas as pd

from core.clock import Clock
from core.errors import ConfigError, Problem
from core.frames import READING_KEY, instant
from core.park import Park
from core.quality import ReadingFlag
from core.store import QuarantineItem, State, Store
from ingest.appending import append_what_fits
from ingest.batch import touched
from ingest.cell_readings import FAULT_WORDS, CellReader
from ingest.table_file import Contents, TableFile, cells, connect, contents, open_table, physical_lines, series_problems

log = logging.getLogger(__name__)

LISTED = 20  # faults told to the operator
_KEPT_CELLS = ("device", "quantity", "channel")
KEPT = 1000  # faulty rows kept in quarantine per file; the file itself has the rest

Progress = Callable[[int, int], None]


@dataclass
class ImportResult:
    """What an import did, in plain values. Cells are counted: a row of a wide file has several."""

    files: int = 0
    cells: int = 0
    stored: int = 0
    empty: int = 0
    rejected: int = 0
    out_of_range: int = 0
    future: int = 0
    first: str = ""
    last: str = ""
    faults: list[str] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)

    def told(self) -> str:
        """Return the result in words."""
        span = f", {self.first} to {self.last}" if self.stored else ""
        lines = [f"{self.files} file{'' if self.files == 1 else 's'}: {self.stored:,} readings stored{span}"]
        counted = (
            (self.empty, "empty cells left out"),
            (self.out_of_range, "beyond what is physically possible: kept, but never used"),
            (self.future, "ahead of now: kept, but never used"),
            (self.rejected, "refused:"),
        )
        lines += [f"  {count:,} {words}" for count, words in counted if count]
        lines += [f"    {fault}" for fault in self.faults]
        if self.rejected > len(self.faults):
            lines.append(f"    and {self.rejected - len(self.faults):,} more")
        return "\n".join(lines)


@dataclass(frozen=True)
class RowFault:
    """Something in a file that is no reading. `number` is its line, or the data row it is."""

    number: int
    reason: str
    words: str
    content: bytes
    is_line: bool


def import_files(
    park: Park, store: Store, state: State, paths: Sequence[Path], clock: Clock, progress: Progress | None = None
) -> ImportResult:
    """Store every reading of CSV and Parquet files, flagged IMPORTED; doing it twice changes nothing.

    All files are looked at before anything is stored. Raises ConfigError where one cannot be read or names a device
    or quantity that does not exist. Single rows that mean nothing are counted, listed and kept in quarantine.
    `progress` is told cells done and cells in all.
    """
    now = clock.now()
    with connect() as connection:
        tables = _looked_at(connection, paths, {d.id for _, d in park.assignments()})
        total = sum(found.cells for _, found in tables)
        result = ImportResult(files=len(tables))
        for table, found in tables:
            reader = CellReader(park.zone, now, table.wide)
            run = _FileImport(store, state, now, table, reader, result)
            for broken in found.broken:
                run.note(broken.line, "broken_line", broken.reason, broken.text.encode(), is_line=True)
            for chunk in cells(connection, table):
                run.store_chunk(chunk)
                if progress is not None:
                    progress(result.cells, total)
            run.end({b.line for b in found.broken})
    log.info("import finished", extra={"files": len(paths), "stored": result.stored, "rejected": result.rejected})
    return result


def _looked_at(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], devices: set[str]
) -> list[tuple[TableFile, Contents]]:
    tables: list[tuple[TableFile, Contents]] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            table = open_table(connection, path)
            found = contents(connection, table)
        except ConfigError as error:
            problems += error.problems
            continue
        problems += series_problems(found.series, devices, path.name)
        tables.append((table, found))
    if problems:
        raise ConfigError(problems)
    return tables


class _FileImport:
    """One file on its way into the store."""

    def __init__(
        self, store: Store, state: State, now: datetime, table: TableFile, reader: CellReader, result: ImportResult
    ) -> None:
        self._store = store
        self._state = state
        self._now = now
        self._table = table
        self._reader = reader
        self._result = result
        self._chunks = 0
        self._faults: list[RowFault] = []
        self._reasons: Counter[str] = Counter()

    def store_chunk(self, chunk: pd.DataFrame) -> None:
        """Store the readings of one chunk; in the collector's order, see ingest/writer.py."""
        # A later chunk of the file counts as received later, so that of a key twice the last line wins.
        received_at = self._now + timedelta(microseconds=self._chunks)
        self._chunks += 1
        found = self._reader.read(chunk, received_at)
        doubled = found.readings.duplicated(list(READING_KEY), keep="last").to_numpy()
        readings = found.readings[~doubled]
        rejected: dict[int, str] = {}
        if not readings.empty:
            pairs = touched(readings)
            self._state.mark_dirty(pairs)
            rejected = append_what_fits(self._store, readings)
            self._state.mark_dirty(pairs)
        self._result.cells += len(chunk)
        self._result.empty += found.empty
        self._count(readings, len(readings) - len(rejected))
        reasons = {int(p): str(found.faults[p]) for p in (found.faults != "").nonzero()[0]}
        self._note(chunk, {p: (code, FAULT_WORDS[code]) for p, code in reasons.items()})
        positions = found.positions[~doubled]
        self._note(chunk, {int(positions[p]): ("rejected", why) for p, why in rejected.items()})

    def note(self, number: int, reason: str, words: str, content: bytes, *, is_line: bool) -> None:
        """Count a fault and keep it while there are not too many; `number` is a line, or a data row yet to be found."""
        self._reasons[reason] += 1
        if self._reasons.total() <= KEPT:
            self._faults.append(RowFault(number, reason, words, content, is_line))

    def _note(self, chunk: pd.DataFrame, faults: Mapping[int, tuple[str, str]]) -> None:
        first, others = sorted(faults)[:KEPT], sorted(faults)[KEPT:]
        for position, row in zip(first, chunk.iloc[first].to_dict("records"), strict=True):
            reason, words = faults[position]
            subject = {"bad_time": row["written"], "implausible_time": row["written"], "bad_value": row["text"]}
            told = f"{str(subject[reason])[:60]!r} {words}" if reason in subject else words
            content = {"time": row["written"], **{k: row[k] for k in _KEPT_CELLS if k in row}, "value": row["text"]}
            if self._table.wide is not None:
                content["series"] = ".".join(filter(None, self._table.wide[int(row["series"])]))
            self.note(int(row["n"]), reason, told, orjson.dumps(content, default=str), is_line=False)
        self._reasons.update(faults[position][0] for position in others)

    def end(self, broken: set[int]) -> None:
        """Keep the faults in quarantine and tell the first of them, now with the lines they stand on."""
        rows = {f.number for f in self._faults if not f.is_line}
        lines = physical_lines(self._table, rows, broken)
        where = "line" if self._table.is_csv else "row"
        faults = [(f.number if f.is_line else lines[f.number], f) for f in self._faults]
        faults.sort(key=lambda f: f[0])
        told = [f"{self._table.path.name}, {where} {line}: {fault.words}" for line, fault in faults]
        if not faults:
            return
        self._state.quarantine(
            [
                QuarantineItem(self._now, f"file:{self._table.path.name}", f.content, f.reason, words)
                for words, (_, f) in zip(told, faults, strict=True)
            ]
        )
        result = self._result
        result.rejected += self._reasons.total()
        result.faults += told[: max(0, LISTED - len(result.faults))]
        result.reasons = dict(Counter(result.reasons) + self._reasons)
        self._state.add_counts({f"import.{reason}": n for reason, n in self._reasons.items()})

    def _count(self, readings: pd.DataFrame, stored: int) -> None:
        if readings.empty:
            return
        flags = readings["flags"].to_numpy()
        result = self._result
        result.stored += stored
        result.out_of_range += int(((flags & int(ReadingFlag.OUT_OF_RANGE)) != 0).sum())
        result.future += int(((flags & int(ReadingFlag.FUTURE)) != 0).sum())
        first, last = (instant(t).isoformat() for t in (readings["time"].min(), readings["time"].max()))
        result.first = min(result.first or first, first)
        result.last = max(result.last or last, last)
