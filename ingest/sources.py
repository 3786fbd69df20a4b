"""Files about to be imported: looked at whole, and their cells as one kind of stream whatever they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd

from core.archived import Span, dropped_spans
from core.errors import ConfigError, Problem
from core.park import Park
from core.store import State, Store
from ingest.archive_file import archived, archived_rows, verify_restorable
from ingest.cell_readings import CellReader
from ingest.cells import Bools, Cells, Layout, Series, cells
from ingest.intervals import IntervalSeries, Known, Register, falling, pieces, registers_of
from ingest.mapped_table import MappedTable, mapped_contents, mapped_layout, open_mapped
from ingest.mapping import Mapping
from ingest.table_file import Contents, TableFile, contents, layout_of, open_table, series_problems


@dataclass
class Source:
    """One file: what is in it, and how its cells are read."""

    table: TableFile
    found: Contents
    zone: ZoneInfo
    dropped: Sequence[Span] = ()
    mapped: MappedTable | None = None
    month: str = ""  # of an archived file, whose readings come back as they were
    registers: dict[Series, Register] = field(default_factory=dict)

    @property
    def layout(self) -> Layout:
        """How its cells are read."""
        return mapped_layout(self.mapped, self.found) if self.mapped else layout_of(self.table, self.found)

    def reader(self, now: datetime) -> CellReader:
        """Return what makes readings of this file's cells."""
        return CellReader(self.zone, now, self.found.series, self.dropped)

    def cells(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Cells]:
        """Yield the cells that are readings themselves, run by run; energies per interval are left out."""
        for run in cells(connection, self.layout):
            yield run if not self.registers else run.where(~self.is_interval(run))

    def is_interval(self, run: Cells) -> Bools:
        """Say which cells are energies per interval."""
        kinds = np.array([v.kind == "interval_energy" for v in self.mapped.mapping.cells] if self.mapped else [False])
        return np.asarray(kinds[run.column] if self.mapped else np.zeros(len(run), dtype=bool))

    def register_readings(self, reader: CellReader, now: datetime, size: int) -> Iterator[pd.DataFrame]:
        """Yield the readings of the registers made of energies per interval, so many at a time."""
        for series, register in self.registers.items():
            number = self.found.series.index(series)
            for piece in pieces(register, size):
                yield reader.frame(np.full(len(piece.times_us), number), piece.times_us, piece.counts, now)


def looked_at(
    connection: duckdb.DuckDBPyConnection,
    paths: Sequence[Path],
    park: Park,
    store: Store,
    state: State,
    now: datetime,
    mapping: Mapping | None,
    folder: Path,
) -> list[Source]:
    """Open every file before anything is done with one; raises ConfigError with the faults of all of them."""
    sources: list[Source] = []
    problems: list[Problem] = []
    known: Known = {}
    look = _Look(connection, park, store, dropped_spans(state), now, folder)
    for path in paths:
        try:
            source = look.open(path, mapping)
            found = list(look.problems(source, known))
        except ConfigError as error:
            found = list(error.problems)
        else:
            sources.append(source)
        problems += found
    if problems:
        raise ConfigError(problems)
    return sources


class _Look:
    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        park: Park,
        store: Store,
        dropped: Sequence[Span],
        now: datetime,
        folder: Path,
    ) -> None:
        self._connection = connection
        self._park = park
        self._store = store
        self._dropped = dropped
        self._now = now
        self._folder = folder

    def open(self, path: Path, mapping: Mapping | None) -> Source:
        zone, about = self._park.zone, archived(self._connection, path)
        if about is not None:
            if about.get("park") != self._park.id:
                raise ConfigError([Problem(path.name, f"is an archive of the park {about.get('park')}")])
            verify_restorable(path, about)
            table = TableFile(path, (), (), "", None)
            return Source(table, Contents(archived_rows(self._connection, path)), zone, month=about["month"])
        if mapping is not None:
            mapped = open_mapped(self._connection, path, mapping, self._folder)
            found = mapped_contents(self._connection, mapped)
            return Source(mapped.table, found, mapping.zone(zone), self._dropped, mapped)
        table = open_table(self._connection, path, self._folder)
        return Source(table, contents(self._connection, table), zone, self._dropped)

    def problems(self, source: Source, known: Known) -> Iterator[Problem]:
        name = source.table.path.name
        named = list(series_problems(source.found.series, {d.id for _, d in self._park.assignments()}, name))
        yield from named
        if named or source.month:
            return
        if source.mapped and any(v.kind == "interval_energy" for v in source.mapped.mapping.cells):
            yield from self._made_registers(source, known)
        yield from self._falling(source)

    def _falling(self, source: Source) -> Iterator[Problem]:
        """Look at the first cells of a file for registers that are none."""
        for chunk in source.cells(self._connection):
            for series in falling(source.reader(self._now).read(chunk, self._now).readings):
                yield Problem(
                    source.table.path.name,
                    f"{'.'.join(filter(None, series))} goes up and down: these are energies per interval, no meter register",
                    "give the register, or map the column with `kind: interval_energy`",
                )
            return

    def _made_registers(self, source: Source, known: Known) -> Iterator[Problem]:
        """Make registers of all energies per interval, or say why that cannot be."""
        reader, series = source.reader(self._now), dict[Series, IntervalSeries]()
        labels = [v.label for v in source.mapped.mapping.cells] if source.mapped else []
        for run in cells(self._connection, source.layout):
            part = run.where(source.is_interval(run) & (run.series >= 0))
            read = reader.read(part, self._now, once=False)
            good = np.zeros(len(part), dtype=bool)
            good[read.positions] = True
            numbers = pd.DataFrame({"series": part.series, "column": part.column})
            for key, rows in numbers.groupby(["series", "column"], sort=False).indices.items():
                number, column = cast("tuple[int, int]", key)
                found = series.setdefault(source.found.series[number], IntervalSeries(labels[column]))
                found.faults += int(np.count_nonzero(~good[rows]))
                mine = read.readings.iloc[np.flatnonzero(np.isin(read.positions, rows))]
                found.add(mine["time"].to_numpy("datetime64[us]").view("int64"), mine["value"].to_numpy())
        if source.found.broken:
            yield Problem(source.table.path.name, "has broken lines, so its energies per interval are not whole")
            return
        refused: list[Problem] = []

        def refuse(key: Series, why: str) -> None:
            what = f"no register can be made of the energies of {'.'.join(filter(None, key))}: {why}"
            refused.append(Problem(source.table.path.name, what))

        source.registers = registers_of(series, self._store, known, source.zone, refuse)
        yield from refused
