"""The embedded store: one DuckDB file, owned by one process, nothing to install.

Rows are appended and never looked up on the way in; the reader picks the row that counts among those of one key,
and `compact` drops the others from days that are over. Times are microseconds since 1970 in plain integers, so no
session time zone can touch them. The views `readings` and `slots` are for people who open the file with SQL.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import date, datetime
from importlib import resources
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from core.clock import Clock, SystemClock
from core.errors import ConfigError
from core.failpoint import failpoint_from_environment
from core.frames import readings_frame, slots_frame
from core.quality import UNUSABLE
from core.quantities import Period
from core.store import StoreInfo, Table
from store import duck_alerts, slot_order
from store.alert_changes import alert_changes
from store.duck_file import DuckFile
from store.edges import Edges
from store.held import held_frame
from store.raw import RAW, RawReadings
from store.rows import Floats, instant_of, known, micros, micros_of, refuse, split_readings, times_of
from store.series import SeriesNames
from store.slot_changes import REVISION_COLUMNS, SlotChanges, revisions_frame, slot_changes

SCHEMA = "1"

_DAY_US = 86_400_000_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_SLOT_NAMES = ("period", "scope", "entity", "quantity")
_NAMED = ("scope", "entity", "quantity")
_SLOT_NUMBERS = ("value", "coverage", "estimated")


class EmbeddedStore:
    """Series of one park in one DuckDB file; implements core.store.Store.

    Raises ConfigError where the file is held by another process, is damaged or belongs to another park, Retryable
    where the disk is full; after that it goes on by itself as soon as there is room.
    """

    def __init__(
        self,
        path: Path,
        park_id: str,
        memory_limit_mb: int = 128,
        threads: int = 2,
        clock: Clock | None = None,
    ) -> None:
        self._park_id = park_id
        self._clock = clock or SystemClock()
        self._readings = SeriesNames("reading_series", ("device", "quantity", "channel"))
        self._slots = SeriesNames("slot_series", _SLOT_NAMES)
        self._edges = Edges()
        self._failpoint = failpoint_from_environment()
        self._turn = threading.Lock()
        # Many at once would not be served sooner, and each needs its share of the memory.
        self._reading_slots = threading.BoundedSemaphore(threads)
        self._path = path
        self._file = DuckFile(path, memory_limit_mb, threads, self._prepare)

    def append_readings(self, readings: pd.DataFrame) -> None:
        good, bad = split_readings(readings_frame(readings))
        if not good.empty:
            self._append(good)
        refuse(bad, "a reading needs a device, a quantity, a time and a time of receipt")

    def readings(
        self,
        start: datetime,
        end: datetime,
        *,
        devices: Sequence[str] | None = None,
        quantities: Sequence[str] | None = None,
        edges: bool = False,
    ) -> pd.DataFrame:
        first, last = micros(start), micros(end)
        with self._file.reading() as cursor:
            series = self._readings.matching({"device": devices, "quantity": quantities})
            rows = RawReadings.between(cursor, series, first, last)
            if edges:
                before = self._edges.before(cursor, series, first)
                after = self._edges.after(cursor, series, max(first, last))
                rows = RawReadings.joined([before, rows, after])
        return self._reading_frame(rows)

    def held(self, readings: pd.DataFrame) -> pd.DataFrame:
        times = micros_of(readings["time"])
        with self._file.reading() as cursor:
            series = self._readings.known(readings)
            asked = np.flatnonzero(series)
            none = asked[:0]
            if not len(asked):
                return held_frame(none, np.empty(0), none, none, len(readings))
            n, rows = RawReadings.beside(cursor, series[asked], times[asked])
        return held_frame(asked[n], rows.value, rows.received_us, rows.flags.astype("int64"), len(readings))

    def latest(self) -> pd.DataFrame:
        with self._file.reading() as cursor:
            rows = self._edges.newest(cursor, self._readings.matching({}))
        return self._reading_frame(rows)

    def write_slots(self, period: Period, slots: pd.DataFrame) -> int:
        incoming = slots_frame(slots)
        if incoming.empty:
            return 0
        starts = micros_of(incoming["start"])
        with self._turn:
            with self._file.writing() as cursor:
                entities = sorted(set(incoming["entity"]))
                stored = self._stored(cursor, period, int(starts.min()), int(starts.max()) + 1, entities=entities)
                changes = slot_changes(stored, incoming)
                new = self._write_changes(cursor, period, changes) if len(changes.written) else {}
            self._slots.remember(new)
        return len(changes.written)

    def slots(
        self,
        period: Period,
        start: datetime,
        end: datetime,
        *,
        scope: str | None = None,
        entities: Sequence[str] | None = None,
        quantities: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        scopes = None if scope is None else [scope]
        with self._reading_slots, self._file.reading() as cursor:
            return self._stored(cursor, period, micros(start), micros(end), scopes, entities, quantities)

    def revisions(self, start: datetime, end: datetime) -> pd.DataFrame:
        """Return replaced values whose period starts in [start, end)."""
        with self._file.reading() as cursor:
            found = cursor.execute(
                "SELECT * FROM revision WHERE start_us >= ? AND start_us < ?", [micros(start), micros(end)]
            ).df()
        found["start"] = times_of(found["start_us"].to_numpy())
        found["replaced_at"] = times_of(found["replaced_us"].to_numpy())
        return revisions_frame(found.loc[:, list(REVISION_COLUMNS)])

    def replace_alerts(self, start: datetime, end: datetime, alerts: pd.DataFrame) -> int:
        span = (micros(start), micros(end))
        with self._turn, self._file.writing() as cursor:
            changes = alert_changes(duck_alerts.read(cursor, *span), alerts, start, end)
            duck_alerts.write(cursor, changes)
        return changes.count

    def alerts(self, start: datetime, end: datetime) -> pd.DataFrame:
        with self._file.reading() as cursor:
            return duck_alerts.read(cursor, micros(start), micros(end))

    def days(self, table: Table) -> list[tuple[date, int]]:
        with self._file.reading() as cursor:
            if table is Table.READING:
                found = cursor.execute(_DAYS.format(column="time_us", rows="reading")).fetchall()
            elif table is Table.REVISION:
                found = cursor.execute(_DAYS.format(column="start_us", rows="revision")).fetchall()
            else:
                series = self._slots.matching({"period": [table.value]})
                rows = "slot WHERE series IN (SELECT unnest(?::INTEGER[]))"
                found = cursor.execute(_DAYS.format(column="start_us", rows=rows), [series]).fetchall()
        return [(date.fromordinal(_EPOCH_DAY + int(day)), int(count)) for day, count in found]

    def put_slots(self, period: Period, slots: pd.DataFrame) -> None:
        rows = slots_frame(slots)
        if rows.empty:
            return
        with self._turn:
            with self._file.writing() as cursor:
                new = self._write_changes(cursor, period, SlotChanges(rows, rows.iloc[:0], rows.iloc[:0]))
            self._slots.remember(new)

    def put_revisions(self, revisions: pd.DataFrame) -> None:
        rows = revisions_frame(revisions)
        if rows.empty:
            return
        times = {"start_us": micros_of(rows["start"]), "replaced_us": micros_of(rows["replaced_at"])}
        with self._file.writing() as cursor:
            cursor.register("superseded", rows.assign(**times))
            cursor.execute(_INSERT_NEW_REVISIONS)

    def drop_readings(self, start: datetime, end: datetime) -> None:
        span = [micros(start), micros(end)]
        with self._turn:
            with self._file.writing() as cursor:
                cursor.execute("DELETE FROM reading WHERE time_us >= ? AND time_us < ?", span)
                self._failpoint("after_drop")
            # What was the first or last of a series may be gone; an old answer until here is found out by the reader.
            with self._file.reading() as cursor:
                self._edges.load(cursor)
        self._file.checkpoint()

    def compact(self, before: datetime) -> None:
        """Drop superseded rows from the UTC days that end at or before `before`, and put slots of such weeks in order.

        One durable step per day and week; each is looked at again only after its number of rows has changed.
        """
        with self._file.reading() as cursor:
            days = cursor.execute(_CHANGED_DAYS, [micros(before) // _DAY_US]).fetchall()
            weeks = slot_order.disordered(cursor, micros(before))
        for (day,) in days:
            self._compact_day(int(day))
            self._failpoint("after_compaction")
        for week in weeks:
            with self._file.writing() as cursor:
                slot_order.put_in_order(cursor, week)
                self._failpoint("amid_ordering")
            # At once, so that the room the old rows took is used again by the next week's.
            self._file.checkpoint()
        if days:
            self._file.checkpoint()

    def info(self) -> StoreInfo:
        """Return size and extent; readings sent twice count twice until their day is compacted."""
        with self._file.reading() as cursor:
            (count,) = cursor.execute("SELECT count(*) FROM reading").fetchone() or (0,)
        extent = self._edges.extent()
        first, last = (instant_of(extent[0]), instant_of(extent[1])) if extent else (None, None)
        return StoreInfo("embedded", int(count), first, last, self._file.size_bytes())

    def close(self) -> None:
        self._file.close()

    def _prepare(self, cursor: duckdb.DuckDBPyConnection) -> None:
        with resources.files("store").joinpath("embedded.sql").open(encoding="utf-8") as script:
            statements = script.read()
        cursor.execute("BEGIN TRANSACTION")
        cursor.execute("CREATE TABLE IF NOT EXISTS meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL)")
        meta = dict(cursor.execute("SELECT key, value FROM meta").fetchall())
        self._check(meta)
        self._readings.load(cursor)
        self._slots.load(cursor)
        if not meta:
            cursor.execute(statements)
            cursor.execute("INSERT INTO meta VALUES ('schema', ?), ('park', ?)", [SCHEMA, self._park_id])
        duck_alerts.prepare(cursor)
        slot_order.prepare(cursor)
        cursor.execute("COMMIT")
        self._edges.load(cursor)

    def _check(self, meta: dict[str, str]) -> None:
        if meta and meta.get("schema") != SCHEMA:
            raise ConfigError(
                f"{self._path} has schema {meta.get('schema')}, this program reads {SCHEMA}",
                "use the program version that wrote it",
            )
        if meta and meta.get("park") != self._park_id:
            raise ConfigError(
                f"{self._path} holds the park {meta.get('park')}, not {self._park_id}",
                "give every park its own store.path",
            )

    def _append(self, good: pd.DataFrame) -> None:
        values = known(good["value"])
        times = micros_of(good["time"])
        flags = good["flags"].to_numpy()
        with self._turn:
            with self._file.writing() as cursor:
                series, new = self._readings.number(cursor, good)
                columns = (series.astype("int32"), times, values, micros_of(good["received_at"]), flags)
                # A frame is read in bulk, and NaN arrives as NULL.
                cursor.register("batch", pd.DataFrame(dict(zip(RAW, columns, strict=True))))
                cursor.execute("INSERT INTO reading SELECT * FROM batch")
                self._failpoint("after_insert")
            # Known before the next writer chooses numbers, but not before they are on disk.
            self._readings.remember(new)
        usable = ((flags & int(UNUSABLE)) == 0) & np.isfinite(values)
        self._edges.extend(series[usable], times[usable])

    def _reading_frame(self, rows: RawReadings) -> pd.DataFrame:
        rows = rows.counting()
        rows = rows.taken(self._readings.sort_order(rows.series))
        return readings_frame(
            {
                "time": times_of(rows.time_us),
                **self._readings.texts(rows.series),
                "value": rows.value,
                "received_at": times_of(rows.received_us),
                "flags": rows.flags,
            }
        )

    def _stored(
        self,
        cursor: duckdb.DuckDBPyConnection,
        period: Period,
        first: int,
        last: int,
        scopes: Sequence[str] | None = None,
        entities: Sequence[str] | None = None,
        quantities: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        series = self._slots.matching(
            {"period": [period.value], "scope": scopes, "entity": entities, "quantity": quantities}
        )
        found = cursor.execute(_SLOTS, [first, last, series]).fetchnumpy()
        numbers, starts = (np.asarray(found[c], dtype="int64") for c in ("series", "start_us"))
        order = self._slots.order_by_time(numbers, starts)
        columns: dict[str, Floats] = {
            n: np.ma.filled(np.ma.asarray(found[n], dtype="float64"), np.nan)[order] for n in _SLOT_NUMBERS
        }
        # Said to be objects, or pandas makes another kind of text of them, which is undone again.
        reasons = pd.Series(np.asarray(found["reasons"], dtype="object")[order], dtype="object", copy=False)
        names = self._slots.texts(numbers[order], _NAMED)
        start = times_of(starts[order])
        return slots_frame(pd.DataFrame({"start": start, **names, **columns, "reasons": reasons}, copy=False))

    def _write_changes(
        self, cursor: duckdb.DuckDBPyConnection, period: Period, changes: SlotChanges
    ) -> dict[tuple[str, ...], int]:
        written = changes.written.assign(period=period.value)
        series, new = self._slots.number(cursor, written)
        starts = micros_of(written["start"])
        cursor.register("changed", written.assign(series=series.astype("int32"), start_us=starts))
        cursor.execute(_UPDATE_SLOTS)
        cursor.execute(_INSERT_SLOTS, [int(starts.min()), int(starts.max())])
        if len(changes.superseded):
            old = changes.superseded.assign(period=period.value, replaced_us=micros(self._clock.now()))
            cursor.register("superseded", old.assign(start_us=micros_of(old["start"])))
            cursor.execute(_INSERT_REVISIONS)
        return new

    def _compact_day(self, day: int) -> None:
        span = [day * _DAY_US, (day + 1) * _DAY_US]
        with self._file.writing() as cursor:
            (doubled,) = cursor.execute(_DOUBLED, span).fetchone() or (0,)
            if doubled:
                cursor.execute(_COUNTING_ROWS, span)
                cursor.execute("DELETE FROM reading WHERE time_us >= ? AND time_us < ?", span)
                self._failpoint("amid_compaction")
                cursor.execute("INSERT INTO reading SELECT * FROM counting ORDER BY series, time_us")
                cursor.execute("DROP TABLE counting")
            cursor.execute("DELETE FROM compacted WHERE day = ?", [day])
            cursor.execute(
                "INSERT INTO compacted SELECT ?, count(*) FROM reading WHERE time_us >= ? AND time_us < ?", [day, *span]
            )


# Division of integers cuts towards zero; a day before 1970 is below it.
_DAYS = """
    SELECT ({column} - ({column} % 86400000000 + 86400000000) % 86400000000) // 86400000000 AS day, count(*)
    FROM {rows} GROUP BY day ORDER BY day
"""
_SLOTS = """
    SELECT series, start_us, value, coverage, estimated, reasons FROM slot
    WHERE start_us >= ? AND start_us < ? AND series IN (SELECT unnest(?::INTEGER[]))
"""
_CHANGED_DAYS = """
    SELECT now.day FROM (SELECT time_us // 86400000000 AS day, count(*) AS rows FROM reading WHERE time_us >= 0 GROUP BY ALL) now
    LEFT JOIN compacted USING (day)
    WHERE now.day < ? AND now.rows IS DISTINCT FROM compacted.rows
    ORDER BY now.day
"""
_DOUBLED = """
    SELECT count(*) - count(DISTINCT (series, time_us)) FROM reading WHERE time_us >= ? AND time_us < ?
"""
_COUNTING_ROWS = """
    CREATE TEMP TABLE counting AS
    SELECT * FROM reading WHERE time_us >= ? AND time_us < ?
    QUALIFY row_number() OVER (PARTITION BY series, time_us ORDER BY received_us DESC, rowid DESC) = 1
"""
_UPDATE_SLOTS = """
    UPDATE slot SET value = c.value, coverage = c.coverage, estimated = c.estimated, reasons = c.reasons
    FROM changed c WHERE slot.series = c.series AND slot.start_us = c.start_us
"""
# The bounds say nothing new; without them DuckDB looks for a few rows in all years there are.
_INSERT_SLOTS = """
    INSERT INTO slot SELECT c.series, c.start_us, c.value, c.coverage, c.estimated, c.reasons FROM changed c
    WHERE NOT EXISTS (
        SELECT 1 FROM slot s
        WHERE s.series = c.series AND s.start_us = c.start_us AND s.start_us >= ? AND s.start_us <= ?
    )
    ORDER BY c.start_us, c.series
"""
_INSERT_REVISIONS = """
    INSERT INTO revision
    SELECT period, scope, entity, quantity, start_us, value, coverage, estimated, reasons, replaced_us FROM superseded
"""
_INSERT_NEW_REVISIONS = """
    INSERT INTO revision
    SELECT period, scope, entity, quantity, start_us, value, coverage, estimated, reasons, replaced_us FROM superseded s
    WHERE NOT EXISTS (
        SELECT 1 FROM revision r WHERE r.start_us = s.start_us AND r.replaced_us = s.replaced_us AND r.period = s.period
        AND r.scope = s.scope AND r.entity = s.entity AND r.quantity = s.quantity AND r.reasons = s.reasons
        AND r.value IS NOT DISTINCT FROM s.value AND r.coverage IS NOT DISTINCT FROM s.coverage
        AND r.estimated IS NOT DISTINCT FROM s.estimated
    )
"""
