"""Series and readings out of the store as CSV or Parquet, a day at a time, so that years need no memory."""

from __future__ import annotations

import csv
import io
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd

from core.errors import ConfigError
from core.frames import instant
from core.park import FIRST_YEAR, LAST_YEAR, Park
from core.quantities import DERIVED, READING, Period, Scope
from core.store import Store, Table
from core.timebase import day_bounds, day_of

READINGS = "reading"
SCOPES = (*(s.value for s in Scope), READINGS)
SLOT_COLUMNS = ("start", "start_utc", "scope", "entity", "quantity", "value", "coverage", "estimated", "reasons")
READING_COLUMNS = ("time", "time_utc", "device", "quantity", "channel", "value", "received_at", "flags")
_STAMPS = ("start_utc", "time_utc", "received_at")
_FLOATS = ("value", "coverage", "estimated")
_LONG_DAYS = 366  # of a longer range it is worth asking which part of it there is

_DAY = timedelta(days=1)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Wanted:
    """What to export: quantities of one scope, perhaps of one entity (a device where readings are meant)."""

    series: tuple[str, ...]
    scope: str
    entity: str | None
    period: Period
    first: date
    last: date  # included

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the file."""
        return READING_COLUMNS if self.scope == READINGS else SLOT_COLUMNS

    @property
    def steps(self) -> int:
        """How many blocks it comes in."""
        return len(list(self.blocks()))

    def blocks(self) -> Iterator[tuple[date, date]]:
        """Yield stretches of local days (last not included) whose rows fit into memory at once."""
        size = 1 if self.scope == READINGS or self.period is Period.SLOT else 366
        at = self.first
        while at <= self.last:
            end = min(at + timedelta(days=size), self.last + timedelta(days=1))
            yield at, end
            at = end


def wanted(
    park: Park, series: Sequence[str], scope: str, entity: str | None, period: str, first: date, last: date
) -> Wanted:
    """Check what is asked for; raises ConfigError with the names there are."""
    if scope not in SCOPES:
        raise ConfigError(f"there is no scope {scope}", f"there are: {', '.join(SCOPES)}")
    if period not in set(Period):
        raise ConfigError(f"there is no period {period}", f"there are: {', '.join(Period)}")
    vocabulary = READING if scope == READINGS else DERIVED
    unknown = [name for name in series if name not in vocabulary]
    if unknown:
        raise ConfigError(f"no series of scope {scope} is called {unknown[0]}", f"there are: {', '.join(vocabulary)}")
    if last < first:
        raise ConfigError("--to lies before --from")
    if first.year < FIRST_YEAR or last.year > LAST_YEAR:
        raise ConfigError(f"a day lies between {FIRST_YEAR} and {LAST_YEAR}")
    known = {
        Scope.PARK.value: {park.id},
        Scope.POINT.value: {p.id for p in park.points},
        Scope.ARRAY.value: {a.id for a in park.arrays},
        READINGS: {d.id for _, d in park.assignments()},
    }[scope]
    if entity is not None and entity not in known:
        raise ConfigError(f"there is no {scope} {entity}", f"there are: {', '.join(sorted(known))}")
    return Wanted(tuple(dict.fromkeys(series)), scope, entity, Period(period), first, last)


def csv_blocks(park: Park, store: Store, what: Wanted) -> Iterator[str]:
    """Yield an export as CSV text: the header, then the rows of one stretch of days after the other.

    Days without rows yield an empty text: whoever hands it on notices between them that nobody listens any more.
    """
    yield _lines([what.columns])
    held = _held(park, store, what)
    for first, end in held.blocks() if held else ():
        start, stop = day_bounds(first, park.zone)[0], day_bounds(end, park.zone)[0]
        rows = _readings(store, what, start, stop) if what.scope == READINGS else _slots(store, what, start, stop)
        yield _lines(_cells(rows, what.columns, park)) if len(rows) else ""


def _held(park: Park, store: Store, what: Wanted) -> Wanted | None:
    """Return what is wanted without the days, of a long range, before and after all the store holds."""
    if (what.last - what.first).days <= _LONG_DAYS:
        return what
    if what.scope == READINGS:
        info = store.info()
        ends = [day_of(t, park.zone) for t in (info.first_reading, info.last_reading) if t is not None]
    else:
        ends = [day for day, _ in store.days(Table(what.period.value))]  # they outlive readings that were archived
    if not ends:
        return None
    first, last = max(what.first, ends[0] - _DAY), min(what.last, ends[-1] + _DAY)
    return replace(what, first=first, last=last) if first <= last else None


def _readings(store: Store, what: Wanted, start: datetime, end: datetime) -> pd.DataFrame:
    devices = None if what.entity is None else [what.entity]
    rows = store.readings(start, end, devices=devices, quantities=what.series)
    return rows.sort_values(["time", "device", "quantity", "channel"], kind="stable")


def _slots(store: Store, what: Wanted, start: datetime, end: datetime) -> pd.DataFrame:
    entities = None if what.entity is None else [what.entity]
    rows = store.slots(what.period, start, end, scope=what.scope, entities=entities, quantities=what.series)
    return rows.sort_values(["start", "entity", "quantity"], kind="stable")


def _cells(rows: pd.DataFrame, columns: Sequence[str], park: Park) -> Iterator[tuple[object, ...]]:
    stamp = columns[0]
    cells: list[Iterable[object]] = []
    for name in columns:
        if name == stamp:
            cells.append([instant(t).astimezone(park.zone).isoformat() for t in rows[stamp]])
        elif name in _STAMPS:
            source = stamp if name.endswith("_utc") else name
            cells.append([_utc(t) for t in rows[source]])
        elif name in _FLOATS:
            # The shortest text that gives the same number; nothing where nothing is known.
            cells.append(["" if math.isnan(v) else repr(v) for v in rows[name].tolist()])
        else:
            cells.append(rows[name].tolist())
    return zip(*cells, strict=True)


def _utc(stamp: object) -> str:
    return instant(stamp).isoformat().replace("+00:00", "Z")


def _lines(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def write(blocks: Iterable[str | bytes], columns: Sequence[str], out: Path) -> Path:
    """Write an export as CSV, or as Parquet where the name asks for it; the name appears once the file is whole."""
    parquet = out.suffix.lower() == ".parquet"
    if not parquet and out.suffix.lower() != ".csv":
        raise ConfigError(f"cannot tell what {out.name} is to be", "end its name in .csv or .parquet")
    try:
        handle, name = tempfile.mkstemp(dir=out.parent, prefix=".export-", suffix=".csv")
    except OSError as error:
        raise ConfigError(f"cannot write to {out.parent}: {error.strerror}", "choose another with --out") from error
    draft, packed = Path(name), Path(f"{name}.parquet")
    try:
        with os.fdopen(handle, "wb") as file:
            for block in blocks:
                file.write(block.encode() if isinstance(block, str) else block)
        if parquet:
            _pack(draft, columns, packed)
        (packed if parquet else draft).replace(out)
        out.chmod(0o644)
    except OSError as error:
        raise ConfigError(f"cannot write {out}: {error.strerror}", "is there room, and may you write there?") from error
    finally:
        for left in (draft, packed):
            with suppress(FileNotFoundError):
                left.unlink()
    return out


def _pack(draft: Path, columns: Sequence[str], target: Path) -> None:
    kinds = ", ".join(f"'{c}': '{_kind(c)}'" for c in columns)
    with duckdb.connect(config={"memory_limit": "256MB", "threads": 2}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        source = f"read_csv('{_quoted(draft)}', columns = {{{kinds}}}, header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"')"
        # An empty text is no missing one: the channel of a total has none.
        texts = ", ".join(f"coalesce({c}, '') AS {c}" for c in columns if c in {"channel", "reasons"})
        query = f"SELECT * REPLACE ({texts}) FROM {source}"  # noqa: S608 - our own column names
        connection.execute(f"COPY ({query}) TO '{_quoted(target)}' (FORMAT parquet, COMPRESSION zstd)")


def _kind(column: str) -> str:
    if column in _STAMPS:
        return "TIMESTAMPTZ"
    return "DOUBLE" if column in _FLOATS else "SMALLINT" if column == "flags" else "VARCHAR"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
