"""Cells of a file become readings, a whole chunk at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.frames import readings_frame
from core.quality import ReadingFlag
from core.quantities import READING
from ingest.decode import FUTURE_ALLOWANCE_US, FUTURE_LIMIT_US
from ingest.device_time import CLOCKS_EXIST_US, microseconds
from ingest.table_file import NO_TIME, Series

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Names = npt.NDArray[np.object_]
Span: TypeAlias = tuple[int, int]  # microseconds since 1970, UTC, half-open

_HOURS_US = 24 * 3_600_000_000

# How faults are told to people.
FAULT_WORDS = {
    "bad_time": "is no time, or one the clocks skipped",
    "implausible_time": "lies before 2000 or more than a year ahead",
    "bad_value": "is no finite number",
    "archived": "its readings were archived and left the store; import the archived file of that month first",
    "unnamed": "the row has no device or no quantity",
}


@dataclass(frozen=True)
class ChunkReadings:
    """What a chunk holds: readings, the position of each in the chunk, and per cell a fault's code or ""."""

    readings: pd.DataFrame
    positions: Ints
    faults: Names
    empty: int


class CellReader:
    """Reads chunks of one file; remembers what a repeated hour needs remembered from chunk to chunk."""

    def __init__(
        self, zone: ZoneInfo, now: datetime, wide: tuple[Series, ...] | None, dropped: Sequence[Span] = ()
    ) -> None:
        self._zone = zone
        self._now_us = microseconds(now)
        self._wide = wide
        self._dropped = dropped
        self._passes: dict[tuple[object, ...], tuple[int, bool]] = {}
        self._rising: bool | None = None

    def read(self, chunk: pd.DataFrame, received_at: datetime) -> ChunkReadings:
        """Return the readings of a chunk as `table_file.cells` yields it."""
        names = self._names(chunk)
        time_us = self._times(chunk, names)
        values = chunk["value"].to_numpy(dtype=np.float64, na_value=np.nan)
        empty = (chunk["text"] == "").to_numpy(dtype=bool)
        faults = np.where(empty, "", self._faults(names, time_us, values))
        good = np.flatnonzero((faults == "") & ~empty)
        readings = self.frame([n[good] for n in names], time_us[good], values[good], received_at)
        return ChunkReadings(readings, good, faults, int(np.count_nonzero(empty)))

    def _names(self, chunk: pd.DataFrame) -> list[Names]:
        """Return device, quantity and channel of every cell."""
        if self._wide is None:
            return [chunk[n].to_numpy(dtype=object) for n in ("device", "quantity", "channel")]
        position = chunk["series"].to_numpy(dtype=np.int64)
        return [np.array([s[i] for s in self._wide], dtype=object)[position] for i in range(3)]

    def _times(self, chunk: pd.DataFrame, names: list[Names]) -> Ints:
        """Return each cell's time in microseconds since 1970, UTC, or NO_TIME."""
        time_us = chunk["aware_us"].to_numpy(dtype=np.int64).copy()
        local_us = chunk["local_us"].to_numpy(dtype=np.int64)
        local = np.flatnonzero((time_us == NO_TIME) & (local_us != NO_TIME))
        if len(local):
            time_us[local] = self._from_wall_clock(local_us[local], [n[local] for n in names])
        return time_us

    def _from_wall_clock(self, local_us: Ints, names: list[Names]) -> Ints:
        """Read wall-clock times in the park's zone.

        Of an hour that occurs twice, a series' first reading at a time is taken as the first and a second one at the
        same time, or one behind which the clock went back, as the second; the other way round in a file that begins
        with the newest. A time the clocks skipped is none.
        """
        wall = pd.DatetimeIndex(local_us.view("datetime64[us]"))
        found = _micros(wall.tz_localize(self._zone, ambiguous="NaT", nonexistent="NaT"))
        unclear = np.flatnonzero(found == NO_TIME)
        if len(unclear):
            rises = self._rises(local_us)
            # True where it is summer time still: the first of the two, in a file that begins with the oldest.
            keys = zip(local_us[unclear].tolist(), *(n[unclear] for n in names), strict=True)
            first = np.array([self._is_first(key) for key in keys], dtype=bool) == rises
            found[unclear] = _micros(wall[unclear].tz_localize(self._zone, ambiguous=first, nonexistent="NaT"))
        return found

    def _is_first(self, key: tuple[object, ...]) -> bool:
        """Say whether this is the first pass through the hour; `key` is a wall-clock time and a series."""
        stamp, series = int(str(key[0])), key[1:]
        before, second = self._passes.get(series, (0, False))
        step = stamp - before if self._rising else before - stamp
        if step == 0:
            return False
        if abs(step) > _HOURS_US:
            second = False  # another year's hour
        elif step < 0:
            second = True
        self._passes[series] = (stamp, second)
        return not second

    def _rises(self, local_us: Ints) -> bool:
        """Say whether a file begins with the oldest; decided once, by most of its first steps."""
        if self._rising is None:
            self._rising = int(np.sign(np.diff(local_us)).sum()) >= 0
        return self._rising

    def _faults(self, names: list[Names], time_us: Ints, values: Floats) -> Names:
        absurd = (time_us < CLOCKS_EXIST_US) | (time_us > self._now_us + FUTURE_LIMIT_US)
        faults = np.full(len(values), "", dtype=object)
        faults[~np.isfinite(values)] = "bad_value"
        # A few readings of a month whose others are gone would make its known days unknown.
        for first, last in self._dropped:
            faults[(time_us >= first) & (time_us < last)] = "archived"
        faults[absurd] = "implausible_time"
        faults[time_us == NO_TIME] = "bad_time"
        faults[(names[0] == "") | (names[1] == "")] = "unnamed"
        return faults

    def frame(self, names: list[Names], time_us: Ints, values: Floats, received_at: datetime) -> pd.DataFrame:
        """Return imported readings of these names (device, quantity, channel), times and values."""
        flags = np.full(len(values), int(ReadingFlag.IMPORTED), dtype=np.int16)
        flags[time_us > self._now_us + FUTURE_ALLOWANCE_US] |= int(ReadingFlag.FUTURE)
        codes, quantities = pd.factorize(names[1])
        low = np.array([_bound(READING[str(q)].low, -np.inf) for q in quantities])
        high = np.array([_bound(READING[str(q)].high, np.inf) for q in quantities])
        if len(values):
            flags[(values < low[codes]) | (values > high[codes])] |= int(ReadingFlag.OUT_OF_RANGE)
        return readings_frame(
            {
                "time": pd.DatetimeIndex(time_us.view("datetime64[us]"), tz=UTC),
                "device": names[0],
                "quantity": names[1],
                "channel": names[2],
                "value": values,
                "received_at": pd.DatetimeIndex(
                    np.full(len(values), microseconds(received_at)).view("datetime64[us]"), tz=UTC
                ),
                "flags": flags,
            }
        )


def _micros(stamps: pd.DatetimeIndex) -> Ints:
    """Return microseconds since 1970, UTC, with NO_TIME for NaT."""
    stamps_us = stamps.tz_convert(UTC).tz_localize(None).to_numpy("datetime64[us]").view("int64").copy()
    stamps_us[np.asarray(stamps.isna())] = NO_TIME
    return stamps_us


def _bound(value: float | None, default: float) -> float:
    return default if value is None else value
