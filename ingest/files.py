"""Backfill from files: readings a park collected before Parkwatt, or while it was away."""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import orjson
import pandas as pd

from core.clock import Clock
from core.failpoint import failpoint_from_environment
from core.frames import READING_KEY, instant
from core.park import Park
from core.quality import ReadingFlag
from core.store import QuarantineItem, State, Store
from ingest.appending import append_what_fits
from ingest.archive_file import DROPPED, archived_readings
from ingest.batch import touched
from ingest.cell_readings import FAULT_WORDS
from ingest.intervals import Register, pieces
from ingest.mapping import Mapping
from ingest.sources import Source, looked_at
from ingest.table_file import Series, connect, physical_lines

log = logging.getLogger(__name__)

LISTED = 20  # faults told to the operator
_KEPT_CELLS = ("device", "quantity", "channel")
PIECE = 100_000  # readings of a made register stored at once
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
    park: Park,
    store: Store,
    state: State,
    paths: Sequence[Path],
    clock: Clock,
    progress: Progress | None = None,
    mapping: Mapping | None = None,
) -> ImportResult:
    """Store every reading of CSV, Parquet and XLSX files, flagged IMPORTED; doing it twice changes nothing.

    All files are looked at before anything is stored. Raises ConfigError where one cannot be read or names a device
    or quantity that does not exist. Single rows that mean nothing are counted, listed and kept in quarantine.
    Archived files come back as they were. Cut off at any point, it can be done again and ends the same.
    `progress` is told cells done and cells in all.
    """
    now = clock.now()
    with connect() as connection, tempfile.TemporaryDirectory(prefix="parkwatt-import-") as folder:
        sources = looked_at(connection, paths, park, store, state, now, mapping, Path(folder))
        total = sum(source.found.cells for source in sources)
        result = ImportResult(files=len(sources))
        told = progress or (lambda _done, _total: None)
        for source in sources:
            run = _FileImport(store, state, now, source, result)
            if source.month:
                for readings in archived_readings(connection, source.table.path):
                    run.restore(readings)
                    told(result.cells, total)
                # Only now: a few of its readings are worse than none.
                state.set_value(DROPPED + source.month, "")
                continue
            for broken in source.found.broken:
                run.note(broken.line, "broken_line", broken.reason, broken.text.encode(), is_line=True)
            for chunk in source.cells(connection):
                run.store_chunk(chunk)
                told(result.cells, total)
            for series, register in source.registers.items():
                run.store_register(series, register)
                told(result.cells, total)
            run.end({b.line for b in source.found.broken})
    log.info("import finished", extra={"files": len(paths), "stored": result.stored, "rejected": result.rejected})
    return result


class _FileImport:
    """One file on its way into the store."""

    def __init__(self, store: Store, state: State, now: datetime, source: Source, result: ImportResult) -> None:
        self._store = store
        self._state = state
        self._now = now
        self._table = source.table
        self._reader = source.reader(now)
        self._result = result
        self._chunks = 0
        self._failpoint = failpoint_from_environment()
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
        rejected = self._append(readings)
        self._result.cells += len(chunk)
        self._result.empty += found.empty
        reasons = {int(p): str(found.faults[p]) for p in (found.faults != "").nonzero()[0]}
        self._note(chunk, {p: (code, FAULT_WORDS[code]) for p, code in reasons.items()})
        positions = found.positions[~doubled]
        self._note(chunk, {int(positions[p]): ("rejected", why) for p, why in rejected.items()})

    def store_register(self, series: Series, register: Register) -> None:
        """Store a register made of energies per interval."""
        for piece in pieces(register, PIECE):
            size = len(piece.times_us)
            names = [np.full(size, name, dtype=object) for name in series]
            self._append(self._reader.frame(names, piece.times_us, piece.counts, self._now))
        # One edge more than there were intervals.
        self._result.cells += len(register.times_us) - 1

    def restore(self, readings: pd.DataFrame) -> None:
        """Store readings that were archived, with the time of receipt and the flags they had."""
        self._append(readings)
        self._result.cells += len(readings)

    def _append(self, readings: pd.DataFrame) -> dict[int, str]:
        if readings.empty:
            return {}
        pairs = touched(readings)
        self._state.mark_dirty(pairs)
        rejected = append_what_fits(self._store, readings)
        self._state.mark_dirty(pairs)
        self._failpoint("after_chunk")
        self._count(readings, len(readings) - len(rejected))
        return rejected

    def note(self, number: int, reason: str, words: str, content: bytes, *, is_line: bool) -> None:
        """Count a fault and keep it while there are not too many; `number` is a line, or a data row yet to be found."""
        self._reasons[reason] += 1
        if self._reasons.total() <= KEPT:
            self._faults.append(RowFault(number, reason, words, content, is_line))

    def _note(self, chunk: pd.DataFrame, faults: dict[int, tuple[str, str]]) -> None:
        first, others = sorted(faults)[:KEPT], sorted(faults)[KEPT:]
        for position, row in zip(first, chunk.iloc[first].to_dict("records"), strict=True):
            reason, words = faults[position]
            subject = {
                "bad_time": row["written"],
                "implausible_time": row["written"],
                "archived": row["written"],
                "bad_value": row["text"],
            }
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
