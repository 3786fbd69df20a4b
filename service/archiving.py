"""Raw readings of closed months into files, and out of the store only once a file is known to be right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd

from core.archived import DROPPED
from core.errors import ConfigError
from core.frames import instant
from core.timebase import day_bounds, month_bounds, month_of
from ingest.archive_file import Manifest, file_name, verify, write_archive
from models.judging import SPREADABLE_US
from models.points import NEEDED
from service.runner import Runtime

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

Progress = Callable[[int, int], None]


@dataclass
class Archived:
    """Files written, and months that left the store or had to stay."""

    written: list[Manifest] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def archive(runtime: Runtime, before: date, out: Path, *, delete: bool, progress: Progress | None = None) -> Archived:
    """Write a file for every month that ended at or before `before`; with `delete`, then let the store forget them.

    A month leaves the store whole or not at all, and only where no later day is computed from its last readings: with
    meters that report, the newest closed month stays.
    """
    park, now = runtime.park, runtime.clock.now()
    end = day_bounds(before, park.zone)[0]
    if end > now:
        raise ConfigError(f"{before} has not come yet", "only closed months are archived")
    months = _closed_months(runtime, end)
    result = Archived()
    if not months:
        return result
    if delete:
        _refuse_unsettled(runtime, months[-1])
    for done, (year, month) in enumerate(months):
        name = f"{year}-{month:02d}"
        if runtime.state.value(DROPPED + name):
            _finish(runtime, year, month, out)
            continue
        found = write_archive(park.id, name, _days(runtime, year, month), out)
        result.written += [found] if found else []
        if progress is not None:
            progress(done + 1, len(months))
    if delete:
        _forget(runtime, months, result, out)
    return result


def _closed_months(runtime: Runtime, end: datetime) -> list[tuple[int, int]]:
    first = runtime.store.info().first_reading
    if first is None:
        return []
    zone = runtime.park.zone
    at, found = month_of(first, zone), []
    while month_bounds(*at, zone)[1] <= end:
        found.append(at)
        at = (at[0], at[1] + 1) if at[1] < 12 else (at[0] + 1, 1)  # noqa: PLR2004 - December
    return found


def _days(runtime: Runtime, year: int, month: int) -> Iterator[pd.DataFrame]:
    start, end = month_bounds(year, month, runtime.park.zone)
    while start < end:
        stop = min(start + timedelta(days=1), end)
        yield runtime.store.readings(start, stop)
        start = stop


def _refuse_unsettled(runtime: Runtime, last: tuple[int, int]) -> None:
    """What was not computed yet needs its readings."""
    end = month_bounds(*last, runtime.park.zone)[1]
    open_days = [m.day for m in runtime.state.dirty() if m.day <= end.date()]
    if open_days:
        raise ConfigError(
            f"{len(open_days)} days up to {max(open_days)} are still to be computed", "run the park first"
        )


def _forget(runtime: Runtime, months: list[tuple[int, int]], result: Archived, out: Path) -> None:
    zone = runtime.park.zone
    cut = _still_needed(runtime, month_bounds(*months[-1], zone)[1])
    files = {m.month: m for m in result.written}
    for year, month in months:
        name = f"{year}-{month:02d}"
        start, end = month_bounds(year, month, zone)
        if name not in files:
            continue
        if end > cut:
            result.kept.append(name)
            continue
        if verify(out / files[name].file) != files[name]:
            raise ConfigError(f"{files[name].file} changed while it was being archived", "nothing of it was deleted")
        # The mark first: a crash in between leaves readings that are archived, never days that compute as empty.
        runtime.state.set_value(DROPPED + name, f"{_us(start)} {_us(end)}")
        runtime.store.drop_readings(start, end)
        result.dropped.append(name)


def _finish(runtime: Runtime, year: int, month: int, out: Path) -> None:
    """Drop what a crash between mark and drop left: the very readings that the file of the month holds."""
    left = sum(len(day) for day in _days(runtime, year, month))
    path = out / file_name(runtime.park.id, f"{year}-{month:02d}")
    if left and path.is_file() and verify(path).rows == left:
        runtime.store.drop_readings(*month_bounds(year, month, runtime.park.zone))


def _still_needed(runtime: Runtime, end: datetime) -> datetime:
    """Return the start of the first local day whose readings a later day may be computed from."""
    serving = [d.id for _, d in runtime.park.assignments() if d.valid_at(end)]
    edges = runtime.store.readings(end, end, devices=serving, quantities=NEEDED, edges=True)
    early = edges[(edges["time"] < end) & (edges["time"] >= end - timedelta(microseconds=SPREADABLE_US))]
    if early.empty:
        return end
    zone = runtime.park.zone
    return day_bounds(instant(early["time"].min()).astimezone(zone).date(), zone)[0]


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
