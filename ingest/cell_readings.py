"""Cells of a file become readings, a whole chunk at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.archived import Span
from core.frames import readings_frame
from core.quality import ReadingFlag
from core.quantities import READING
from ingest.cells import NO_TIME, UNNAMED, Cells, Series
from ingest.decode import FUTURE_ALLOWANCE_US, FUTURE_LIMIT_US
from ingest.device_time import CLOCKS_EXIST_US, microseconds

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_HOURS_US = 24 * 3_600_000_000

# How faults of cells are told to people.
FAULT_WORDS = {
    "bad_time": "is no time, or one the clocks skipped",
    "implausible_time": "lies before 2000 or more than a year ahead",
    "bad_value": "is no finite number",
    "archived": "its readings were archived and left the store; import the archived file of that month first",
    "unnamed": "the row has no device or no quantity",
}
FAULTS = ("", *FAULT_WORDS)
_FAULT = {code: n for n, code in enumerate(FAULTS)}


@dataclass(frozen=True)
class ChunkReadings:
    """What some cells hold: readings, the position of each among the cells, and per cell a fault's place in FAULTS."""

    readings: pd.DataFrame
    positions: Ints
    faults: Ints
    empty: int
    repeated: int  # of a key that stands again further down: the last one counts


class CellReader:
    """Reads the cells of one file; remembers what a repeated hour needs remembered from run to run."""

    def __init__(self, zone: ZoneInfo, now: datetime, series: Sequence[Series], dropped: Sequence[Span] = ()) -> None:
        self._zone = zone
        self._now_us = microseconds(now)
        self._series = series
        # As categories: the store then looks at a name once and not once per row.
        self._names = [pd.Categorical([s[i] for s in series]) for i in range(3)]
        self._bounds = [np.array([*(_bound(s[1], end) for s in series), np.nan]) for end in ("low", "high")]
        self._dropped = dropped
        self._passes: dict[int, tuple[int, bool]] = {}
        self._rising: bool | None = None

    def read(self, cells: Cells, received_at: datetime, *, once: bool = True) -> ChunkReadings:
        """Return the readings among cells; of one key only the last, unless all are wanted."""
        time_us = self._times(cells)
        # In an export of ours an empty cell is a reading without a value.
        skipped = cells.empty & (cells.flags is None)
        faults = np.where(skipped, 0, self._faults(cells, time_us))
        good = np.flatnonzero((faults == 0) & ~skipped)
        keys = pd.DataFrame({"series": cells.series[good], "time": time_us[good]})
        kept = good[~keys.duplicated(keep="last").to_numpy()] if once else good
        readings = self.frame(cells.series[kept], time_us[kept], cells.numbers[kept], received_at)
        if cells.flags is not None and cells.received_us is not None:
            readings = self._as_was(readings, cells.flags[kept], cells.received_us[kept])
        return ChunkReadings(readings, kept, faults, int(np.count_nonzero(skipped)), len(good) - len(kept))

    @staticmethod
    def _as_was(readings: pd.DataFrame, flags: Ints, received_us: Ints) -> pd.DataFrame:
        known = int(~ReadingFlag(0))
        own = readings["received_at"].to_numpy("datetime64[us]").view("int64")
        received = np.where(received_us == NO_TIME, own, received_us).view("datetime64[us]")
        return readings.assign(
            flags=(flags & known).astype("int16"), received_at=pd.DatetimeIndex(received, tz=UTC).as_unit("us")
        )

    def _times(self, cells: Cells) -> Ints:
        """Return each cell's time in microseconds since 1970, UTC, or NO_TIME."""
        time_us = cells.aware_us.copy()
        local = np.flatnonzero((time_us == NO_TIME) & (cells.local_us != NO_TIME))
        if len(local):
            time_us[local] = self._from_wall_clock(cells.local_us[local], cells.series[local])
        return time_us

    def _from_wall_clock(self, local_us: Ints, series: Ints) -> Ints:
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
            keys = zip(local_us[unclear].tolist(), series[unclear].tolist(), strict=True)
            first = np.array([self._is_first(*key) for key in keys], dtype=bool) == rises
            found[unclear] = _micros(wall[unclear].tz_localize(self._zone, ambiguous=first, nonexistent="NaT"))
        return found

    def _is_first(self, stamp: int, series: int) -> bool:
        """Say whether this is a series' first pass through the hour; `stamp` is a wall-clock time."""
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

    def _faults(self, cells: Cells, time_us: Ints) -> Ints:
        absurd = (time_us < CLOCKS_EXIST_US) | (time_us > self._now_us + FUTURE_LIMIT_US)
        faults = np.zeros(len(cells), dtype="int64")
        faults[~np.isfinite(cells.numbers) & ~cells.empty] = _FAULT["bad_value"]
        # A few readings of a month whose others are gone would make its known days unknown.
        for first, last in self._dropped:
            faults[(time_us >= first) & (time_us < last)] = _FAULT["archived"]
        faults[absurd] = _FAULT["implausible_time"]
        faults[time_us == NO_TIME] = _FAULT["bad_time"]
        faults[cells.series == UNNAMED] = _FAULT["unnamed"]
        return faults

    def frame(self, series: Ints, time_us: Ints, values: Floats, received_at: datetime) -> pd.DataFrame:
        """Return imported readings of these series, times and values."""
        flags = np.full(len(values), int(ReadingFlag.IMPORTED), dtype=np.int16)
        flags[time_us > self._now_us + FUTURE_ALLOWANCE_US] |= int(ReadingFlag.FUTURE)
        low, high = (bound[series] for bound in self._bounds)
        flags[(values < low) | (values > high)] |= int(ReadingFlag.OUT_OF_RANGE)
        received_us = np.full(len(values), microseconds(received_at))
        device, quantity, channel = (names[series] for names in self._names)
        return readings_frame(
            {
                "time": pd.DatetimeIndex(time_us.view("datetime64[us]"), tz=UTC),
                "device": device,
                "quantity": quantity,
                "channel": channel,
                "value": values,
                "received_at": pd.DatetimeIndex(received_us.view("datetime64[us]"), tz=UTC),
                "flags": flags,
            }
        )


def _micros(stamps: pd.DatetimeIndex) -> Ints:
    """Return microseconds since 1970, UTC, with NO_TIME for NaT."""
    stamps_us = stamps.tz_convert(UTC).tz_localize(None).to_numpy("datetime64[us]").view("int64").copy()
    stamps_us[np.asarray(stamps.isna())] = NO_TIME
    return stamps_us


def _bound(quantity: str, end: str) -> float:
    value = getattr(READING[quantity], end)
    return np.nan if value is None else float(value)
