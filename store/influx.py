"""The production store: line protocol into InfluxDB, InfluxQL out of it.

Schema: `reading` (tags park, device, quantity, channel; fields value, received_at, flags), `slot`, `day`, `month`
(tags park, scope, entity, quantity; fields value, coverage, estimated, reasons), `revision` (the same and the tag
period, the fields start and replaced_at) and `alert` (tags park, rule, entity; fields severity, open, until, titles). An empty channel is an absent tag, an unknown number an absent field.

The same point written twice is overwritten, so redelivery changes nothing and the last write wins. That is the
later receipt as well, for readings are written in the order they are received.

Which InfluxDB it is, `influx_v1` and `influx_v2` know.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from itertools import chain, compress

import numpy as np
import pandas as pd

from core.clock import Clock, SystemClock
from core.errors import ConfigError, Rejected, Retryable
from core.frames import readings_frame, slots_frame
from core.quantities import Period
from core.store import StoreInfo, Table
from store import influx_alerts, influxql, line_protocol
from store.alert_changes import alert_changes
from store.held import held_by_reading
from store.influx_http import InfluxHttp
from store.influx_rows import (
    READING_FIELDS,
    READING_TAGS,
    SLOT_FIELDS,
    SLOT_TAGS,
    Rows,
    from_seconds,
    lanes_of,
    readings_of,
    seconds,
    slot_columns,
    starts_of,
    times,
)
from store.influx_writing import MAX_LINES, Refusal
from store.rows import (
    Ints,
    group_rows,
    instant_of,
    known,
    micros,
    micros_of,
    nanos_of,
    reading_keys,
    refuse,
    usable_flags,
)
from store.slot_changes import REVISION_COLUMNS, revisions_frame, slot_changes

_DELETES_PER_QUERY = 200
# A field that every point of a measurement has.
_ALWAYS_WRITTEN = dict.fromkeys(Table, "reasons") | {Table.READING: "received_at"}
_SECOND_US = 1_000_000
_USABLE = "(" + " OR ".join(f'"flags" = {flags}' for flags in usable_flags()) + ")"
# One request keeps one core of the server busy; while it does, the lines of the next are made.
_LANES = 2


class InfluxStore:
    """Series of one park in an InfluxDB database; implements core.store.Store.

    Opening never fails because the server is away: the database is created as soon as it answers. `Rejected.items`
    are the READING_KEY values of the readings that were refused; all others of that call are stored.
    """

    def __init__(self, server: InfluxHttp, park_id: str, clock: Clock | None = None) -> None:
        self._park_id = park_id
        self._clock = clock or SystemClock()
        self._http = server
        self._reading_starts = line_protocol.ReadingStarts(park_id)
        self._slot_lock = threading.Lock()
        # Where it is away, every later call tries again; until then messages wait at the broker.
        try:
            self._http.prepare()
        except Retryable:
            pass
        except ConfigError:
            self._http.close()
            raise

    def append_readings(self, readings: pd.DataFrame) -> None:
        rows = readings_frame(readings)
        if not rows["received_at"].is_monotonic_increasing:
            # Within one batch the last line of a point wins.
            rows = rows.sort_values("received_at", kind="stable", ignore_index=True)
        starts = self._reading_starts.of(*(rows[tag].tolist() for tag in READING_TAGS))
        good, bad = rows, rows.iloc[:0]
        if not all(starts) or rows["time"].hasnans or rows["received_at"].hasnans:
            whole = np.array(starts, dtype=bool) & rows[["time", "received_at"]].notna().all(axis=1).to_numpy()
            good, bad = rows[whole], rows[~whole]
            starts = list(compress(starts, whole))
        refused, reason = self._write_readings(good, starts)
        if refused:
            raise Rejected(reason, [*reading_keys(bad), *reading_keys(good.iloc[refused])])
        refuse(bad, "a reading needs a device, a quantity, a time and a time of receipt, in names without line breaks")

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
        conditions = [
            self._mine(),
            *influxql.one_of("device", devices),
            *influxql.one_of("quantity", quantities),
        ]
        rows = self._reading_rows(READING_FIELDS, [*conditions, *_within(first, last)])
        if edges:
            self._add_edge(rows, "last", [*conditions, f"time < {influxql.instant(first)}"])
            self._add_edge(rows, "first", [*conditions, f"time >= {influxql.instant(max(first, last))}"])
        return readings_of(rows.frame())

    def held(self, readings: pd.DataFrame) -> pd.DataFrame:
        return held_by_reading(self.readings, readings_frame(readings))

    def latest(self) -> pd.DataFrame:
        rows = Rows(READING_FIELDS, READING_TAGS)
        self._add_edge(rows, "last", [self._mine(), *_within(-(2**62), 2**62)])
        return readings_of(rows.frame())

    def write_slots(self, period: Period, slots: pd.DataFrame) -> int:
        incoming = slots_frame(slots)
        if incoming.empty:
            return 0
        starts = incoming["start"]
        after = starts.max() + pd.Timedelta(microseconds=1)
        # Compare and write are two requests; `serve` is the only writer of slots, and its threads take turns here.
        with self._slot_lock:
            stored = self.slots(period, starts.min(), after, entities=sorted(set(incoming["entity"])))
            changes = slot_changes(stored, incoming)
            # In this order a crash at worst repeats a revision; it never loses one.
            self._write_revisions(changes.superseded.assign(period=period.value, replaced_at=self._clock.now()))
            self._erase(period, changes.blanked)
            self._write_slots(period, changes.written)
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
        conditions = [
            self._mine(),
            *influxql.one_of("scope", None if scope is None else [scope]),
            *influxql.one_of("entity", entities),
            *influxql.one_of("quantity", quantities),
            *_within(micros(start), micros(end)),
        ]
        rows = self._read(period.value, SLOT_FIELDS, SLOT_TAGS, conditions)
        return slots_frame(rows.assign(start=times(rows["time"])))

    def revisions(self, start: datetime, end: datetime) -> pd.DataFrame:
        """Return replaced values whose period starts in [start, end)."""
        fields = (*SLOT_FIELDS, "start", "replaced_at")
        # A revision stands behind the start of its period by less than a slot, see _write_revisions.
        conditions = [self._mine(), *_within(micros(start), micros(end) + 900 * _SECOND_US)]
        rows = self._read("revision", fields, (*SLOT_TAGS, "period"), conditions)
        rows = rows.assign(**{name: from_seconds(rows[name]) for name in ("start", "replaced_at")})
        rows = rows[(rows["start"] >= start) & (rows["start"] < end)]
        return revisions_frame(rows.loc[:, list(REVISION_COLUMNS)])

    def replace_alerts(self, start: datetime, end: datetime, alerts: pd.DataFrame) -> int:
        with self._slot_lock:
            changes = alert_changes(self.alerts(start, end), alerts, start, end)
            # A write merges fields: the end of an alert that stands again would stay.
            self._delete("alert", changes.gone, ("rule", "entity"), "start")
            starts = influx_alerts.starts(self._park_id, changes.written)
            times = nanos_of(changes.written["start"])
            self._write_rows(starts, influx_alerts.columns(changes.written), times)
        return changes.count

    def alerts(self, start: datetime, end: datetime) -> pd.DataFrame:
        conditions = [self._mine(), *_within(micros(start), micros(end))]
        query = influxql.select(influx_alerts.FIELDS, "alert", conditions, ("rule", "entity"))
        return influx_alerts.frame(self._http.query(query))

    def days(self, table: Table) -> list[tuple[date, int]]:
        always = _ALWAYS_WRITTEN[table]
        ends = [
            self._read(table.value, [f'{pick}("{always}") AS "{always}"'], ("park",), [self._mine()])["time"]
            for pick in ("first", "last")
        ]
        if any(len(end) == 0 for end in ends):
            return []
        # Between its bounds only: without them a day is made for each since the year 1677.
        span = _within(int(ends[0].iloc[0]), int(ends[1].iloc[0]) + 1)
        conditions = " AND ".join([self._mine(), *span])
        statement = (
            f"SELECT count({influxql.name(always)}) FROM {influxql.name(table.value)} "  # noqa: S608 - quoted by influxql
            f"WHERE {conditions} GROUP BY time(1d) fill(none)"
        )
        return [
            (instant_of(int(str(at))).date(), int(str(count)))
            for series in self._http.query(statement)
            for at, count in zip(*series.columns, strict=True)
        ]

    def put_slots(self, period: Period, slots: pd.DataFrame) -> None:
        rows = slots_frame(slots)
        if rows.empty:
            return
        after = rows["start"].max() + pd.Timedelta(microseconds=1)
        with self._slot_lock:
            stored = self.slots(period, rows["start"].min(), after, entities=sorted(set(rows["entity"])))
            if not stored.empty:
                self._erase(period, slot_changes(stored, rows).blanked)
            self._write_slots(period, rows)

    def put_revisions(self, revisions: pd.DataFrame) -> None:
        self._write_revisions(revisions_frame(revisions))

    def drop_readings(self, start: datetime, end: datetime) -> None:
        conditions = " AND ".join([self._mine(), *_within(micros(start), micros(end))])
        if start < end:
            self._http.execute(f"DELETE FROM {influxql.name('reading')} WHERE {conditions}")  # noqa: S608 - quoted by influxql

    def compact(self, before: datetime) -> None:
        """Do nothing: InfluxDB tidies its own shards."""

    def info(self) -> StoreInfo:
        counts = self._read("reading", ['count("received_at") AS "n"'], READING_TAGS, [self._mine()])
        usable = [self._mine(), _USABLE]
        picks = ('first("value") AS "value"', 'last("value") AS "value"')
        ends = [self._read("reading", [pick], ("park",), usable)["time"] for pick in picks]
        first, last = (instant_of(int(t.iloc[0])) if len(t) else None for t in ends)
        return StoreInfo("influx", int(counts["n"].sum()), first, last, None)

    def close(self) -> None:
        self._http.close()

    def _mine(self) -> str:
        return influxql.equals("park", self._park_id)

    def _add_edge(self, rows: Rows, pick: str, conditions: list[str]) -> None:
        """Read the first or last usable row of every series; a selector takes the fields of its row along."""
        fields = [f'{pick}("value") AS "value"', '"received_at"', '"flags"']
        rows.add(self._http.query(influxql.select(fields, "reading", [*conditions, _USABLE], READING_TAGS)))

    def _reading_rows(self, fields: Sequence[str], conditions: list[str]) -> Rows:
        rows = Rows(fields, READING_TAGS)
        rows.add(self._http.query(influxql.select(fields, "reading", conditions, READING_TAGS)))
        return rows

    def _read(
        self, measurement: str, fields: Sequence[str], tags: Sequence[str], conditions: Sequence[str]
    ) -> pd.DataFrame:
        """Read columns named as in `fields` ("value", or "last(value) AS value"), with tags and `time` in microseconds."""
        rows = Rows(fields, tags)
        rows.add(self._http.query(influxql.select(fields, measurement, conditions, tags)))
        return rows.frame()

    def _write_readings(self, good: pd.DataFrame, starts: Sequence[str]) -> tuple[list[int], str]:
        if good.empty:
            return [], ""
        values = known(good["value"])
        self._erase_unknown(good[np.isnan(values)])
        received_s = seconds(good["received_at"])
        flags = good["flags"].to_numpy(dtype="float64")
        instants = micros_of(good["time"])

        def write(rows: Ints) -> list[Refusal]:
            """Write rows in their order, batch by batch; the refused are told by their place in `good`."""
            refusals = []
            for first in range(0, len(rows), MAX_LINES):
                some = rows[first : first + MAX_LINES]
                columns = (values[some], received_s[some], flags[some], instants[some])
                found = self._http.write(line_protocol.reading_lines([starts[i] for i in some.tolist()], *columns))
                refusals.append(Refusal(some[found.positions].tolist(), found.reason))
            return refusals

        refusals = _in_lanes(write, starts)
        positions = sorted(p for refusal in refusals for p in refusal.positions)
        reason = next((refusal.reason for refusal in refusals if refusal.reason), "")
        return positions, f"InfluxDB refused {len(positions)} readings: {reason}"

    def _write_slots(self, period: Period, written: pd.DataFrame) -> None:
        starts = starts_of(period.value, self._park_id, written, SLOT_TAGS)
        self._write_rows(starts, slot_columns(written), nanos_of(written["start"]))

    def _write_revisions(self, rows: pd.DataFrame) -> None:
        """Keep superseded rows at start + (time of replacement in hundredths of a second) nanoseconds.

        So several revisions of one slot are several points, and all lie within the slot: until the year 2200 that
        is less than a quarter of an hour.
        """
        if rows.empty:
            return
        starts = starts_of("revision", self._park_id, rows, (*SLOT_TAGS, "period"))
        fields = [
            *slot_columns(rows),
            line_protocol.number_fields("start", seconds(rows["start"])),
            line_protocol.number_fields("replaced_at", seconds(rows["replaced_at"])),
        ]
        after = (micros_of(rows["replaced_at"]) // 10_000).tolist()
        instants = [start + ns for start, ns in zip(nanos_of(rows["start"]), after, strict=True)]
        self._write_rows(starts, fields, instants)

    def _write_rows(self, starts: list[str], fields: list[list[str]], instants: list[int]) -> None:
        if not starts:
            return
        refusal = self._http.write(line_protocol.lines(starts, fields, instants))
        if refusal.positions:
            lines = [starts[i] for i in refusal.positions]
            raise Rejected(f"InfluxDB refused {len(lines)} computed rows: {refusal.reason}", lines)

    def _erase_unknown(self, unknown: pd.DataFrame) -> None:
        """Remove the points about to become unknown: a write merges fields, so an earlier value would stay."""
        self._delete("reading", unknown, READING_TAGS, "time")

    def _erase(self, period: Period, blanked: pd.DataFrame) -> None:
        self._delete(period.value, blanked, SLOT_TAGS, "start")

    def _delete(self, measurement: str, rows: pd.DataFrame, tags: tuple[str, ...], time: str) -> None:
        statements = [
            f"DELETE FROM {influxql.name(measurement)} WHERE "  # noqa: S608 - quoted by influxql
            + " AND ".join([self._mine(), *(influxql.equals(t, v) for t, v in zip(tags, key, strict=True)), *span])
            for key, span in _spans(rows, tags, time)
        ]
        for first in range(0, len(statements), _DELETES_PER_QUERY):
            self._http.execute("; ".join(statements[first : first + _DELETES_PER_QUERY]))


def _in_lanes(write: Callable[[Ints], list[Refusal]], starts: Sequence[str]) -> list[Refusal]:
    if len(starts) <= MAX_LINES:
        return write(np.arange(len(starts)))
    with ThreadPoolExecutor(_LANES) as lanes:
        return list(chain.from_iterable(lanes.map(write, lanes_of(starts, _LANES))))


def _spans(rows: pd.DataFrame, tags: tuple[str, ...], time: str) -> list[tuple[tuple[str, ...], list[str]]]:
    keys, position = group_rows(rows, tags)
    times = micros_of(rows[time]).tolist()
    return [(keys[p], _within(t, t + 1)) for p, t in zip(position.tolist(), times, strict=True)]


def _within(first: int, last: int) -> list[str]:
    return [f"time >= {influxql.instant(first)}", f"time < {influxql.instant(last)}"]
