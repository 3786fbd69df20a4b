"""What an import would do, without doing it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import cast

import duckdb
import numpy as np
import pandas as pd

from core.clock import Clock
from core.park import Park
from core.store import State, Store
from core.timebase import days_between
from ingest.archive_file import archived_readings
from ingest.batch import touched
from ingest.comparing import compared
from ingest.files import PIECE, Progress
from ingest.mapping import Mapping
from ingest.sources import Source, looked_at
from ingest.table_file import connect

_RUNS = 12  # stretches of days told one by one


@dataclass
class SeriesPreview:
    """Readings of one device and quantity that the store has not, has alike, or has with another value."""

    new: int = 0
    identical: int = 0
    different: int = 0


@dataclass
class Preview:
    """What an import would do, in plain values. A key twice in a file counts once per chunk of the file."""

    files: int = 0
    cells: int = 0
    empty: int = 0
    outdated: int = 0
    rejected: int = 0
    series: dict[str, SeriesPreview] = field(default_factory=dict)
    days: list[str] = field(default_factory=list)  # local days that would be computed anew

    def told(self) -> str:
        """Return it in words."""
        width = max((len(name) for name in self.series), default=0)
        new, identical, different = (
            sum(getattr(s, name) for s in self.series.values()) for name in ("new", "identical", "different")
        )
        counts = f"{new:,} new, {identical:,} already there, {different:,} conflicting"
        lines = [f"{self.files} file{'' if self.files == 1 else 's'} looked at, nothing written: {counts}"]
        lines += [
            f"  {name:<{width}}  {s.new:>10,} new {s.identical:>10,} identical {s.different:>10,} different"
            for name, s in sorted(self.series.items())
        ]
        lines += [f"  {self.outdated:,} left out: the store received another value later"] if self.outdated else []
        lines += [f"  {self.empty:,} empty cells left out"] if self.empty else []
        lines += [f"  {self.rejected:,} refused: an import tells them line by line"] if self.rejected else []
        runs = list(_runs([date.fromisoformat(day) for day in self.days]))
        lines.append(f"  {len(self.days):,} day{'' if len(self.days) == 1 else 's'} to compute anew")
        lines += [f"    {first}" if first == last else f"    {first} to {last}" for first, last in runs[:_RUNS]]
        return "\n".join(lines + (["    and more"] if len(runs) > _RUNS else []))


def preview_files(
    park: Park,
    store: Store,
    state: State,
    paths: Sequence[Path],
    clock: Clock,
    progress: Progress | None = None,
    mapping: Mapping | None = None,
) -> Preview:
    """Look at files as an import does and compare with the store; writes nothing."""
    now = clock.now()
    result = Preview()
    days: set[date] = set()
    with connect() as connection, tempfile.TemporaryDirectory(prefix="parkwatt-import-") as folder:
        sources = looked_at(connection, paths, park, store, state, now, mapping, Path(folder))
        total = sum(source.found.cells for source in sources)
        result.files = len(sources)
        for source in sources:
            result.rejected += len(source.found.broken)
            for readings in _readings(connection, source, now, result):
                days.update(_local_days(_compare(store, readings, result), park))
                if progress is not None:
                    progress(min(result.cells, total), total)
    today = now.astimezone(park.zone).date()
    result.days = [day.isoformat() for day in sorted(days) if day <= today]
    return result


def _readings(
    connection: duckdb.DuckDBPyConnection, source: Source, now: datetime, result: Preview
) -> Iterator[pd.DataFrame]:
    if source.month:
        for frame in archived_readings(connection, source.table.path):
            result.cells += len(frame)
            yield frame
        return
    reader = source.reader(now)
    for run in source.cells(connection):
        found = reader.read(run, now)
        result.cells += len(run)
        result.empty += found.empty
        result.rejected += int(np.count_nonzero(found.faults))
        yield found.readings
    for readings in source.register_readings(reader, now, PIECE):
        result.cells += len(readings)
        yield readings


def _compare(store: Store, readings: pd.DataFrame, result: Preview) -> pd.DataFrame:
    """Count what the store has of some readings, and return those that an import would store."""
    if readings.empty:
        return readings
    found = compared(store, readings)
    for key, rows in readings.groupby(["device", "quantity"], observed=True).indices.items():
        device, quantity = cast("tuple[str, str]", key)
        counted = result.series.setdefault(f"{device} {quantity}", SeriesPreview())
        counted.new += int(np.count_nonzero(found.new[rows]))
        counted.identical += int(np.count_nonzero(found.alike[rows]))
        counted.different += int(np.count_nonzero(found.conflicting[rows]))
    result.outdated += int(np.count_nonzero(found.outdated))
    return readings[found.to_store]


def _local_days(readings: pd.DataFrame, park: Park) -> set[date]:
    """Return the local days that the marks of these readings ask for."""
    found: set[date] = set()
    for day in {day for _, day in touched(readings)}:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        found.update(days_between(start, start + timedelta(days=1), park.zone))
    return found


def _runs(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    first = last = None
    for day in days:
        if first is None or last is None or (day - last).days > 1:
            if first is not None and last is not None:
                yield first, last
            first = day
        last = day
    if first is not None and last is not None:
        yield first, last
