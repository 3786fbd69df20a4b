"""The usable reading next to an instant, found without reading through years of rows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence

import duckdb
import numpy as np

from core.quality import UNUSABLE
from store.raw import RawReadings
from store.rows import Ints

_DAY_US = 86_400_000_000
_NEVER = 2**62
# Nearly every edge lies within a day; only a long outage makes the search look further.
_SPANS_US = (_DAY_US, 32 * _DAY_US, 2**62)
_USABLE = f"flags & {int(UNUSABLE)} = 0 AND value IS NOT NULL"

Times = dict[int, int]


class Edges:
    """Knows the first and last usable time of every series, and finds what lies between."""

    def __init__(self) -> None:
        self._first = np.full(1024, _NEVER, dtype=np.int64)
        self._last = np.full(1024, -_NEVER, dtype=np.int64)
        self._lock = threading.Lock()

    def load(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Read the extent of every series once."""
        query = f"SELECT series, min(time_us) AS a, max(time_us) AS z FROM reading WHERE {_USABLE} GROUP BY series"  # noqa: S608
        found = cursor.execute(query).fetchnumpy()
        series, first, last = (np.asarray(found[c], dtype="int64") for c in ("series", "a", "z"))
        with self._lock:
            self._first = np.full(int(series.max(initial=0)) + 1024, _NEVER, dtype=np.int64)
            self._last = np.full(len(self._first), -_NEVER, dtype=np.int64)
            self._first[series], self._last[series] = first, last

    def extend(self, series: Ints, times: Ints) -> None:
        """Take note of usable rows that were stored."""
        if not len(series):
            return
        with self._lock:
            beyond = int(series.max()) + 1 - len(self._first)
            if beyond > 0:
                more = np.full(beyond + len(self._first), _NEVER, dtype=np.int64)
                self._first, self._last = np.append(self._first, more), np.append(self._last, -more)
            np.minimum.at(self._first, series, times)
            np.maximum.at(self._last, series, times)

    def extent(self) -> tuple[int, int] | None:
        """Return the first and last usable time of all series."""
        with self._lock:
            first = int(self._first.min())
            return None if first == _NEVER else (first, int(self._last.max()))

    def newest(self, cursor: duckdb.DuckDBPyConnection, series: Sequence[int]) -> RawReadings:
        """Return the newest usable row of each series."""
        return self.before(cursor, series, 2**62)

    def before(self, cursor: duckdb.DuckDBPyConnection, series: Sequence[int], instant: int) -> RawReadings:
        """Return the last usable row before `instant` of each series that has one."""
        first, last = self._extents(series)
        at_end = {n: t for n, t in last.items() if t < instant}
        inside = [n for n, t in first.items() if t < instant and n not in at_end]
        spans = ((max(instant - s, -(2**62)), max(instant - p, -(2**62))) for p, s in _pairs())
        return self._verified(
            cursor, at_end | _nearest(cursor, inside, spans, "max"), lambda n: _slow(cursor, n, None, instant)
        )

    def after(self, cursor: duckdb.DuckDBPyConnection, series: Sequence[int], instant: int) -> RawReadings:
        """Return the first usable row at or after `instant` of each series that has one."""
        first, last = self._extents(series)
        at_start = {n: t for n, t in first.items() if t >= instant}
        inside = [n for n, t in last.items() if t >= instant and n not in at_start]
        spans = ((instant + p, instant + s) for p, s in _pairs())
        return self._verified(
            cursor, at_start | _nearest(cursor, inside, spans, "min"), lambda n: _slow(cursor, n, instant, None)
        )

    def _extents(self, series: Collection[int]) -> tuple[Times, Times]:
        with self._lock:
            known = [n for n in series if n < len(self._first) and self._first[n] != _NEVER]
            return (
                dict(zip(known, self._first[known].tolist(), strict=True)),
                dict(zip(known, self._last[known].tolist(), strict=True)),
            )

    def _verified(
        self, cursor: duckdb.DuckDBPyConnection, candidates: Times, search: Callable[[int], RawReadings]
    ) -> RawReadings:
        """Take the candidates whose row still counts; a usable row may have been superseded by an unusable one."""
        found = RawReadings.at(cursor, candidates).usable()
        missed = set(candidates) - set(found.series.tolist())
        return RawReadings.joined([found, *(search(n) for n in sorted(missed))])


def _pairs() -> Iterable[tuple[int, int]]:
    return zip((0, *_SPANS_US[:-1]), _SPANS_US, strict=True)


def _nearest(
    cursor: duckdb.DuckDBPyConnection, series: Sequence[int], spans: Iterable[tuple[int, int]], pick: str
) -> Times:
    found: Times = {}
    for low, high in spans:
        wanted = [n for n in series if n not in found]
        if not wanted:
            break
        rows = cursor.execute(
            f"SELECT series, {pick}(time_us) FROM reading WHERE time_us >= ? AND time_us < ? "  # noqa: S608
            f"AND series IN (SELECT unnest(?::INTEGER[])) AND {_USABLE} GROUP BY series",
            [low, high, wanted],
        ).fetchall()
        found |= {int(s): int(t) for s, t in rows}
    return found


def _slow(cursor: duckdb.DuckDBPyConnection, number: int, first: int | None, before: int | None) -> RawReadings:
    low, high = (-(2**62) if first is None else first), (2**62 if before is None else before)
    usable = RawReadings.between(cursor, [number], low, high).usable()
    count = len(usable.series)
    return usable.taken(np.arange(count)[-1:] if first is None else np.arange(count)[:1])
