"""Backfill from files: readings a park collected before Parkwatt, or while it was away."""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import orjson
import pandas as pd

from core.archived import DROPPED
from core.clock import Clock
from core.failpoint import failpoint_from_environment
from core.frames import instant
from core.park import Park
from core.quality import ReadingFlag
from core.store import QuarantineItem, State, Store
from ingest.appending import append_what_fits
from ingest.archive_file import archived_readings
from ingest.batch import touched
from ingest.cell_readings import FAULT_WORDS, FAULTS
from ingest.cells import Cells, Written, written
from ingest.comparing import Compared, Conflicts, compared
from ingest.mapping import Mapping
from ingest.sources import Source, looked_at
from ingest.table_file import connect, physical_lines
from ingest.unfinished import finish, forget, remember

log = logging.getLogger(__name__)

LISTED = 20  # faults told to the operator
ADVICE = (
    "Mend the file, or describe its times and numbers in a mapping (`parkwatt import --propose FILE` begins one), "
    "and import it again: what is there already stays as it is."
)
SHOWN = 5  # conflicts told to the operator
_TIME_FAULTS = {"bad_time", "implausible_time", "archived"}
PIECE = 100_000  # readings of a made register stored at once
KEPT = 1000  # faulty rows kept in quarantine per file; the file itself has the rest

Progress = Callable[[int, int], None]


@dataclass
class ImportResult:
    """What an import did, in plain values. Cells are counted: a row of a wide file has several."""

    files: int = 0
    cells: int = 0
    stored: int = 0  # new and conflicting ones
    new: int = 0
    identical: int = 0  # there already
    conflicting: int = 0  # another value was stored, which the file's replaces
    outdated: int = 0  # archived or exported before the store got another value
    repeated: int = 0  # of a key that the file has again further down
    empty: int = 0
    rejected: int = 0
    out_of_range: int = 0
    future: int = 0
    first: str = ""
    last: str = ""
    faults: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)  # the first of them
    reasons: dict[str, int] = field(default_factory=dict)

    def told(self) -> str:
        """Return the result in words."""
        span = f", {self.first} to {self.last}" if self.first else ""
        counts = f"{self.new:,} new, {self.identical:,} already there, {self.conflicting:,} conflicting"
        lines = [f"{self.files} file{'' if self.files == 1 else 's'}: {counts}{span}"]
        lines += [f"    {conflict}" for conflict in self.conflicts]
        counted = (
            (self.conflicting, "had another value in the store: the file's count now, and the change is on record"),
            (self.outdated, "left out: the store received another value later"),
            (self.repeated, "stand again further down in the file: the last one counts"),
            (self.empty, "empty cells left out"),
            (self.out_of_range, "beyond what is physically possible: kept, but never used"),
            (self.future, "ahead of now: kept, but never used"),
            (self.rejected, "refused:"),
        )
        lines += [f"  {count:,} {words}" for count, words in counted if count]
        lines += [f"    {fault}" for fault in self.faults]
        if self.rejected > len(self.faults):
            lines.append(f"    and {self.rejected - len(self.faults):,} more")
        if self.rejected:
            lines.append(f"  {ADVICE}")
        return "\n".join(lines)


@dataclass(frozen=True)
class RowFault:
    """Something in a file that is no reading. `number` is its line, or the data row it is."""

    number: int
    reason: str
    words: str
    content: bytes = b""
    is_line: bool = False
    column: int = 0

    def told(self, row: Written | None) -> str:
        """Return it in words, with what stands in the file where that is the fault."""
        if row is None or self.reason not in {*_TIME_FAULTS, "bad_value"}:
            return self.words
        subject = row.time if self.reason in _TIME_FAULTS else row.texts[self.column]
        return f"{subject[:60]!r} {self.words}"


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
    finish(state)
    with connect() as connection, tempfile.TemporaryDirectory(prefix="parkwatt-import-") as folder:
        sources = looked_at(connection, paths, park, store, state, now, mapping, Path(folder))
        total = sum(source.found.cells for source in sources)
        result = ImportResult(files=len(sources))
        told = progress or (lambda _done, _total: None)
        conflicts = Conflicts(park)
        for source in sources:
            run = _FileImport(store, state, now, source, result, conflicts)
            for _ in run.steps(connection):
                told(result.cells, total)
    log.info("import finished", extra={"files": len(paths), "stored": result.stored, "rejected": result.rejected})
    return result


class _FileImport:
    """One file on its way into the store."""

    def __init__(
        self, store: Store, state: State, now: datetime, source: Source, result: ImportResult, conflicts: Conflicts
    ) -> None:
        self._store = store
        self._state = state
        self._now = now
        self._source = source
        self._table = source.table
        self._reader = source.reader(now)
        self._result = result
        self._conflicts = conflicts
        self._runs = 0
        self._failpoint = failpoint_from_environment()
        self._faults: list[RowFault] = []
        self._reasons: Counter[str] = Counter()

    def steps(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Bring the file in; after every step what was done is safe."""
        if self._source.month:
            yield from self._restored(connection)
            return
        for broken in self._source.found.broken:
            self._note(RowFault(broken.line, "broken_line", broken.reason, broken.text.encode(), is_line=True))
        for run in self._source.cells(connection):
            self._store_run(run)
            yield
        # A register has one reading more than there were intervals.
        self._result.cells -= len(self._source.registers)
        for readings in self._source.register_readings(self._reader, self._now, PIECE):
            self._append(readings)
            self._result.cells += len(readings)
            yield
        self._end(connection, {b.line for b in self._source.found.broken})

    def _store_run(self, run: Cells) -> None:
        """Store the readings among some cells; in the collector's order, see ingest/writer.py."""
        # A later run of the file counts as received later, so that of a key twice the last line wins.
        received_at = self._now + timedelta(microseconds=self._runs)
        self._runs += 1
        found = self._reader.read(run, received_at)
        rejected = self._append(found.readings)
        self._result.cells += len(run)
        self._result.empty += found.empty
        self._result.repeated += found.repeated
        faulty = np.flatnonzero(found.faults)
        self._note_cells(run, {int(p): FAULTS[found.faults[p]] for p in faulty[:KEPT]}, {})
        self._reasons.update(FAULTS[code] for code in found.faults[faulty[KEPT:]])
        refused = {int(found.positions[p]): why for p, why in rejected.items()}
        self._note_cells(run, dict.fromkeys(refused, "rejected"), refused)

    def _restored(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Bring back what was archived, with the time of receipt and the flags it had.

        Its days are marked when all of it is there, and before the month counts as back: a few of its readings are
        worse than none, and until then nothing computes its days.
        """
        key, pairs = DROPPED + self._source.month, dict[tuple[str, date], None]()
        away = bool(self._state.value(key))
        for readings in archived_readings(connection, self._table.path):
            pairs |= dict.fromkeys(touched(readings))
            self._append(readings)
            self._result.cells += len(readings)
            yield
        if away:
            self._state.mark_dirty(pairs)
            self._state.set_value(key, "")

    def _append(self, readings: pd.DataFrame) -> dict[int, str]:
        """Store what the store does not have yet; return position and reason of what it will never take."""
        if readings.empty:
            return {}
        found = compared(self._store, readings)
        self._compared(readings, found)
        positions = np.flatnonzero(found.to_store)
        if not len(positions):
            return {}
        changes = readings if len(positions) == len(readings) else readings.iloc[positions]
        events = self._conflicts.events(readings, found)
        pairs = touched(changes)
        self._state.mark_dirty(pairs)
        remember(self._state, pairs)
        if events:
            self._state.notice(events)
        rejected = append_what_fits(self._store, changes)
        self._state.mark_dirty(pairs)
        forget(self._state)
        self._failpoint("after_chunk")
        self._count(changes, len(changes) - len(rejected))
        return {int(positions[p]): why for p, why in rejected.items()}

    def _compared(self, readings: pd.DataFrame, found: Compared) -> None:
        result = self._result
        result.new += int(np.count_nonzero(found.new))
        result.identical += int(np.count_nonzero(found.alike))
        result.outdated += int(np.count_nonzero(found.outdated))
        rows = np.flatnonzero(found.conflicting)
        result.conflicting += len(rows)
        for row in rows[: max(0, SHOWN - len(result.conflicts))]:
            reading = readings.iloc[row]
            name = ".".join(filter(None, (reading["device"], reading["quantity"], reading["channel"])))
            at = instant(reading["time"]).isoformat()
            result.conflicts.append(f"{name} at {at}: {found.before[row]:.10g} became {reading['value']:.10g}")

    def _note(self, fault: RowFault) -> None:
        """Count a fault and keep it while there are not too many."""
        self._reasons[fault.reason] += 1
        if self._reasons.total() <= KEPT:
            self._faults.append(fault)

    def _note_cells(self, run: Cells, faults: dict[int, str], words: dict[int, str]) -> None:
        for position, reason in sorted(faults.items()):
            row, column = int(run.rows[position]), int(run.column[position])
            self._note(RowFault(row, reason, words.get(position, FAULT_WORDS.get(reason, reason)), column=column))

    def _end(self, connection: duckdb.DuckDBPyConnection, broken: set[int]) -> None:
        """Keep the faults in quarantine and tell the first of them, with what stands in the file and where."""
        if not self._reasons:
            return
        rows = {f.number for f in self._faults if not f.is_line}
        content = written(connection, self._source.layout, rows)
        lines = physical_lines(self._table, rows, broken)
        where = "line" if self._table.is_csv else "row"
        placed = sorted(((f.number if f.is_line else lines[f.number], f) for f in self._faults), key=lambda p: p[0])
        told = [
            f"{self._table.path.name}, {where} {line}: {fault.told(content.get(fault.number))}"
            for line, fault in placed
        ]
        topic = f"file:{self._table.path.name}"
        self._state.quarantine(
            [
                QuarantineItem(self._now, topic, self._content(f, content.get(f.number)), f.reason, words)
                for words, (_, f) in zip(told, placed, strict=True)
            ]
        )
        result = self._result
        result.rejected += self._reasons.total()
        result.faults += told[: max(0, LISTED - len(result.faults))]
        result.reasons = dict(Counter(result.reasons) + self._reasons)
        self._state.add_counts({f"import.{reason}": n for reason, n in self._reasons.items()})

    def _content(self, fault: RowFault, row: Written | None) -> bytes:
        if row is None or fault.is_line:
            return fault.content
        names = ("device", "quantity", "channel")
        content = {"time": row.time, **dict(zip(names, row.names, strict=False)), "value": row.texts[fault.column]}
        if self._table.wide is not None:
            content["series"] = ".".join(filter(None, self._table.wide[fault.column]))
        return orjson.dumps(content)

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
