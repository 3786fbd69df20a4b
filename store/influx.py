"""The production store: line protocol into InfluxDB 1.x, InfluxQL out of it.

Schema: `reading` (tags park, device, quantity, channel; fields value, received_at, flags), `slot`, `day`, `month`
(tags park, scope, entity, quantity; fields value, coverage, estimated, reasons), `revision` (the same and the tag
period, the fields start and replaced_at) and `alert` (tags park, rule, entity; fields severity, open, until, titles). An empty channel is an absent tag, an unknown number an absent field.

The same point written twice is overwritten, so redelivery changes nothing and the last write wins. That is the
later receipt as well, for readings are written in the order they are received.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from itertools import compress

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.clock import Clock, SystemClock
from core.errors import Rejected, Retryable
from core.frames import READING_KEY, SLOT_KEY, readings_frame, slots_frame
from core.quantities import Period
from core.store import StoreInfo
from store import influx_alerts, influxql, line_protocol
from store.alert_changes import alert_changes
from store.held import held_by_reading
from store.influx_http import InfluxHttp
from store.rows import (
    group_rows,
    instant_of,
    known,
    micros,
    micros_of,
    reading_keys,
    refuse,
    times_of,
    usable_flags,
)
from store.slot_changes import REVISION_COLUMNS, revisions_frame, slot_changes

_READING_TAGS = ("device", "quantity", "channel")
_READING_FIELDS = ("value", "received_at", "flags")
_SLOT_TAGS = ("scope", "entity", "quantity")
_SLOT_FIELDS = ("value", "coverage", "estimated", "reasons")
_NUMBERS = ("value", "coverage", "estimated")
_DELETES_PER_QUERY = 200
_SECOND_US = 1_000_000
_USABLE = "(" + " OR ".join(f'"flags" = {flags}' for flags in usable_flags()) + ")"


class InfluxStore:
    """Series of one park in an InfluxDB 1.x database; implements core.store.Store.

    Opening never fails because the server is away: the database is created as soon as it answers. `Rejected.items`
    are the READING_KEY values of the readings that were refused; all others of that call are stored.
    """

    def __init__(
        self,
        url: str,
        database: str,
        park_id: str,
        username: str | None = None,
        password: str | None = None,
        timeout_s: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        self._park_id = park_id
        self._clock = clock or SystemClock()
        self._http = InfluxHttp(url, database, username, password, timeout_s, self._clock)
        self._reading_starts = line_protocol.ReadingStarts(park_id)
        self._slot_lock = threading.Lock()
        # Where it is away, every later call tries again; until then messages wait at the broker.
        with suppress(Retryable):
            self._http.make_database()

    def append_readings(self, readings: pd.DataFrame) -> None:
        rows = readings_frame(readings)
        if not rows["received_at"].is_monotonic_increasing:
            # Within one batch the last line of a point wins.
            rows = rows.sort_values("received_at", kind="stable", ignore_index=True)
        starts = self._reading_starts.of(*(rows[tag].tolist() for tag in _READING_TAGS))
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
        parts = [self._read_readings(_READING_FIELDS, [*conditions, *_within(first, last)])]
        if edges:
            parts.append(self._edge("last", [*conditions, f"time < {influxql.instant(first)}"]))
            parts.append(self._edge("first", [*conditions, f"time >= {influxql.instant(max(first, last))}"]))
        rows = readings_frame(pd.concat(parts, ignore_index=True))
        return rows.sort_values(list(READING_KEY), kind="stable", ignore_index=True)

    def held(self, readings: pd.DataFrame) -> pd.DataFrame:
        return held_by_reading(self.readings, readings_frame(readings))

    def latest(self) -> pd.DataFrame:
        rows = self._edge("last", [self._mine(), *_within(-(2**62), 2**62)])
        return readings_frame(rows).sort_values(list(READING_KEY), kind="stable", ignore_index=True)

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
            self._write_revisions(period, changes.superseded)
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
        rows = self._read(period.value, _SLOT_FIELDS, _SLOT_TAGS, conditions)
        return slots_frame(rows.assign(start=_times(rows["time"]))).sort_values(
            list(SLOT_KEY), kind="stable", ignore_index=True
        )

    def revisions(self, start: datetime, end: datetime) -> pd.DataFrame:
        """Return replaced values whose period starts in [start, end)."""
        fields = (*_SLOT_FIELDS, "start", "replaced_at")
        # A revision stands behind the start of its period by less than a slot, see _write_revisions.
        conditions = [self._mine(), *_within(micros(start), micros(end) + 900 * _SECOND_US)]
        rows = self._read("revision", fields, (*_SLOT_TAGS, "period"), conditions)
        rows = rows.assign(**{name: _from_seconds(rows[name]) for name in ("start", "replaced_at")})
        rows = rows[(rows["start"] >= start) & (rows["start"] < end)]
        return revisions_frame(rows.loc[:, list(REVISION_COLUMNS)])

    def replace_alerts(self, start: datetime, end: datetime, alerts: pd.DataFrame) -> int:
        with self._slot_lock:
            changes = alert_changes(self.alerts(start, end), alerts, start, end)
            # A write merges fields: the end of an alert that stands again would stay.
            self._delete("alert", changes.gone, ("rule", "entity"), "start")
            starts = influx_alerts.starts(self._park_id, changes.written)
            times = micros_of(changes.written["start"]).tolist()
            self._write_rows(starts, influx_alerts.columns(changes.written), times, "u")
        return changes.count

    def alerts(self, start: datetime, end: datetime) -> pd.DataFrame:
        conditions = [self._mine(), *_within(micros(start), micros(end))]
        query = influxql.select(influx_alerts.FIELDS, "alert", conditions, ("rule", "entity"))
        return influx_alerts.frame(self._http.query(query))

    def drop_readings(self, start: datetime, end: datetime) -> None:
        conditions = " AND ".join([self._mine(), *_within(micros(start), micros(end))])
        if start < end:
            self._http.execute(f"DELETE FROM {influxql.name('reading')} WHERE {conditions}")  # noqa: S608 - quoted by influxql

    def compact(self, before: datetime) -> None:
        """Do nothing: InfluxDB tidies its own shards."""

    def info(self) -> StoreInfo:
        counts = self._read("reading", ['count("received_at") AS "n"'], _READING_TAGS, [self._mine()])
        usable = [self._mine(), _USABLE]
        picks = ('first("value") AS "value"', 'last("value") AS "value"')
        times = [self._read("reading", [pick], ("park",), usable)["time"] for pick in picks]
        first, last = (instant_of(int(t.iloc[0])) if len(t) else None for t in times)
        return StoreInfo("influx", int(counts["n"].sum()), first, last, None)

    def close(self) -> None:
        self._http.close()

    def _mine(self) -> str:
        return influxql.equals("park", self._park_id)

    def _edge(self, pick: str, conditions: list[str]) -> pd.DataFrame:
        """Read the first or last usable row of every series; a selector takes the fields of its row along."""
        fields = [f'{pick}("value") AS "value"', '"received_at"', '"flags"']
        return self._read_readings(fields, [*conditions, _USABLE])

    def _read_readings(self, fields: Sequence[str], conditions: list[str]) -> pd.DataFrame:
        rows = self._read("reading", fields, _READING_TAGS, conditions)
        columns = {name: rows[name] for name in (*_READING_TAGS, "value", "flags")}
        return readings_frame(
            {"time": _times(rows["time"]), **columns, "received_at": _from_seconds(rows["received_at"])}
        )

    def _read(
        self, measurement: str, fields: Sequence[str], tags: Sequence[str], conditions: Sequence[str]
    ) -> pd.DataFrame:
        """Read columns named as in `fields` ("value", or "last(value) AS value"), with tags and `time` in microseconds."""
        names = ["time", *(f.rsplit(" AS ", 1)[-1].strip('"') for f in fields)]
        parts: dict[str, list[npt.NDArray[np.generic]]] = {name: [_typed(name, ())] for name in (*names, *tags)}
        for series in self._http.query(influxql.select(fields, measurement, conditions, tags)):
            for name, column in zip(names, series.columns, strict=True):
                parts[name].append(_typed(name, column))
            for tag in tags:
                parts[tag].append(np.full(len(series.columns[0]), series.tags.get(tag, ""), dtype="object"))
        return pd.DataFrame({name: np.concatenate(arrays) for name, arrays in parts.items()})

    def _write_readings(self, good: pd.DataFrame, starts: Sequence[str]) -> tuple[list[int], str]:
        if good.empty:
            return [], ""
        values = known(good["value"])
        self._erase_unknown(good[np.isnan(values)])
        received_s = micros_of(good["received_at"]) / _SECOND_US
        flags = good["flags"].to_numpy(dtype="float64")
        lines = line_protocol.reading_lines(starts, values, received_s, flags, micros_of(good["time"]))
        refusal = self._http.write(lines)
        return refusal.positions, f"InfluxDB refused {len(refusal.positions)} readings: {refusal.reason}"

    def _write_slots(self, period: Period, written: pd.DataFrame) -> None:
        starts = self._starts(period.value, written, _SLOT_TAGS)
        self._write_rows(starts, _slot_columns(written), micros_of(written["start"]).tolist(), "u")

    def _write_revisions(self, period: Period, superseded: pd.DataFrame) -> None:
        """Keep superseded rows at start + (time of replacement in hundredths of a second) nanoseconds.

        So several revisions of one slot are several points, and all lie within the slot: until the year 2500 that
        is less than three minutes.
        """
        now = micros(self._clock.now())
        rows = superseded.assign(period=period.value)
        starts = self._starts("revision", rows, (*_SLOT_TAGS, "period"))
        fields = [
            *_slot_columns(rows),
            line_protocol.number_fields("start", _seconds(rows["start"])),
            line_protocol.number_fields("replaced_at", [now / _SECOND_US] * len(rows)),
        ]
        times = micros_of(rows["start"]) * 1000 + now // 10_000
        self._write_rows(starts, fields, times.tolist(), "n")

    def _write_rows(self, starts: list[str], fields: list[list[str]], times: list[int], precision: str) -> None:
        if not starts:
            return
        refusal = self._http.write(line_protocol.lines(starts, fields, times), precision)
        if refusal.positions:
            lines = [starts[i] for i in refusal.positions]
            raise Rejected(f"InfluxDB refused {len(lines)} computed rows: {refusal.reason}", lines)

    def _starts(self, measurement: str, rows: pd.DataFrame, tags: tuple[str, ...]) -> list[str]:
        keys, position = group_rows(rows, tags)
        starts = [
            line_protocol.series(measurement, {"park": self._park_id, **dict(zip(tags, key, strict=True))})
            for key in keys
        ]
        return [starts[i] for i in position.tolist()]

    def _erase_unknown(self, unknown: pd.DataFrame) -> None:
        """Remove the points about to become unknown: a write merges fields, so an earlier value would stay."""
        self._delete("reading", unknown, _READING_TAGS, "time")

    def _erase(self, period: Period, blanked: pd.DataFrame) -> None:
        self._delete(period.value, blanked, _SLOT_TAGS, "start")

    def _delete(self, measurement: str, rows: pd.DataFrame, tags: tuple[str, ...], time: str) -> None:
        statements = [
            f"DELETE FROM {influxql.name(measurement)} WHERE "  # noqa: S608 - quoted by influxql
            + " AND ".join([self._mine(), *(influxql.equals(t, v) for t, v in zip(tags, key, strict=True)), *span])
            for key, span in _spans(rows, tags, time)
        ]
        for first in range(0, len(statements), _DELETES_PER_QUERY):
            self._http.execute("; ".join(statements[first : first + _DELETES_PER_QUERY]))


def _spans(rows: pd.DataFrame, tags: tuple[str, ...], time: str) -> list[tuple[tuple[str, ...], list[str]]]:
    keys, position = group_rows(rows, tags)
    times = micros_of(rows[time]).tolist()
    return [(keys[p], _within(t, t + 1)) for p, t in zip(position.tolist(), times, strict=True)]


def _within(first: int, last: int) -> list[str]:
    return [f"time >= {influxql.instant(first)}", f"time < {influxql.instant(last)}"]


def _typed(name: str, column: Sequence[object]) -> npt.NDArray[np.generic]:
    if name == "time":
        return np.array(column, dtype="int64")
    if name == "reasons":
        return np.array([text or "" for text in column], dtype="object")
    return np.array(column, dtype="float64")  # an absent field, None, becomes NaN


def _times(microseconds: pd.Series) -> pd.DatetimeIndex:
    return times_of(microseconds.to_numpy(dtype="int64"))


def _slot_columns(rows: pd.DataFrame) -> list[list[str]]:
    numbers = [line_protocol.number_fields(name, rows[name].tolist()) for name in _NUMBERS]
    return [*numbers, line_protocol.text_fields("reasons", rows["reasons"].tolist())]


def _seconds(times: pd.Series) -> list[float]:
    return [t / _SECOND_US for t in micros_of(times).tolist()]


def _from_seconds(seconds: pd.Series) -> pd.DatetimeIndex:
    # A float holds these seconds to a quarter of a microsecond: rounding gives back the very microsecond.
    return times_of(np.rint(seconds.to_numpy(dtype="float64") * _SECOND_US).astype("int64"))
