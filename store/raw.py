"""Reading rows of the embedded store as plain arrays, and which of them count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from core.quality import UNUSABLE
from store.rows import Floats, Ints

RAW = ("series", "time_us", "value", "received_us", "flags")
# Rows of one key stand together, the one that counts last: latest received, then latest written.
_ROWS = "SELECT r.series, r.time_us, coalesce(r.value, 'NaN'::DOUBLE) AS value, r.received_us, r.flags FROM reading r"
_ORDER = "ORDER BY r.series, r.time_us, r.received_us, r.rowid"


@dataclass(frozen=True)
class RawReadings:
    """Rows by series number; `value` is NaN where the device sent none."""

    series: Ints
    time_us: Ints
    value: Floats
    received_us: Ints
    flags: npt.NDArray[np.int16]

    @staticmethod
    def between(cursor: duckdb.DuckDBPyConnection, series: Sequence[int], first: int, last: int) -> RawReadings:
        """Return the rows that count of these series in [first, last)."""
        query = f"{_ROWS} WHERE r.time_us >= ? AND r.time_us < ? AND r.series IN (SELECT unnest(?::INTEGER[])) {_ORDER}"
        return RawReadings._fetched(cursor.execute(query, [first, last, list(series)])).counting()

    @staticmethod
    def at(cursor: duckdb.DuckDBPyConnection, times: dict[int, int]) -> RawReadings:
        """Return the rows that count at one instant per series."""
        query = (
            f"{_ROWS} JOIN (SELECT unnest(?::INTEGER[]) AS series, unnest(?::BIGINT[]) AS time_us) w "
            f"ON r.series = w.series AND r.time_us = w.time_us WHERE r.time_us >= ? AND r.time_us <= ? {_ORDER}"
        )
        span = [min(times.values(), default=0), max(times.values(), default=0)]
        return RawReadings._fetched(cursor.execute(query, [list(times), list(times.values()), *span])).counting()

    @staticmethod
    def beside(cursor: duckdb.DuckDBPyConnection, series: Ints, time_us: Ints) -> tuple[Ints, RawReadings]:
        """Return the rows that count of given keys, and for each which of the keys it belongs to."""
        asked = pd.DataFrame({"n": np.arange(len(series)), "series": series.astype("int32"), "time_us": time_us})
        cursor.register("asked", asked)
        # The bounds let whole blocks be passed over; in a new stretch of time nothing is read at all.
        query = (
            "SELECT a.n, r.series, r.time_us, coalesce(r.value, 'NaN'::DOUBLE) AS value, r.received_us, r.flags, "
            "r.rowid AS written FROM reading r JOIN asked a ON r.series = a.series AND r.time_us = a.time_us "
            "WHERE r.time_us >= ? AND r.time_us <= ? AND r.series >= ? AND r.series <= ?"
        )
        bounds = [int(f) for f in (time_us.min(), time_us.max(), series.min(), series.max())]
        columns = cursor.execute(query, bounds).fetchnumpy()
        cursor.unregister("asked")
        found = RawReadings._arrays(columns)
        n, written = (np.asarray(columns[c], dtype="int64") for c in ("n", "written"))
        order = np.lexsort((written, found.received_us, n))
        last = order[np.append(n[order][1:] != n[order][:-1], True)] if len(n) else order
        return n[last], found.taken(last)

    @staticmethod
    def joined(parts: Sequence[RawReadings]) -> RawReadings:
        """Return rows of several reads in the order of series and time."""
        rows = RawReadings(*(np.concatenate([getattr(p, name) for p in parts]) for name in RAW))
        return rows.taken(np.lexsort((rows.time_us, rows.series)))

    @staticmethod
    def _fetched(cursor: duckdb.DuckDBPyConnection) -> RawReadings:
        return RawReadings._arrays(cursor.fetchnumpy())

    @staticmethod
    def _arrays(columns: Mapping[str, npt.ArrayLike]) -> RawReadings:
        series, time_us, received_us = (
            np.asarray(columns[c], dtype="int64") for c in ("series", "time_us", "received_us")
        )
        value = np.asarray(columns["value"], dtype="float64")
        return RawReadings(series, time_us, value, received_us, np.asarray(columns["flags"], dtype="int16"))

    def counting(self) -> RawReadings:
        """Return the last row of every key; rows of one key stand together."""
        same_as_next = (self.series[1:] == self.series[:-1]) & (self.time_us[1:] == self.time_us[:-1])
        keep = np.ones(len(self.series), dtype=bool)
        keep[:-1] = ~same_as_next
        return self.taken(np.flatnonzero(keep))

    def usable(self) -> RawReadings:
        """Return the rows a register may be interpolated from."""
        return self.taken(np.flatnonzero(((self.flags & int(UNUSABLE)) == 0) & np.isfinite(self.value)))

    def taken(self, positions: Ints) -> RawReadings:
        """Return the rows at these positions."""
        return RawReadings(*(getattr(self, name)[positions] for name in RAW))
