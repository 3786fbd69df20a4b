"""Frames to plain numbers and back: what both stores do with rows before they differ."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.errors import Rejected
from core.frames import READING_KEY, coded
from core.quality import UNUSABLE, ReadingFlag

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(instant: datetime) -> int:
    """Return an aware instant as microseconds since 1970, exactly."""
    return (instant - _EPOCH) // _MICROSECOND


def instant_of(microseconds: int) -> datetime:
    """Return microseconds since 1970 as an aware instant in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def micros_of(times: pd.Series) -> Ints:
    """Return a column of aware times as microseconds since 1970."""
    return times.astype("datetime64[us, UTC]").to_numpy("datetime64[us]").view("int64")


def nanos_of(times: pd.Series) -> list[int]:
    """Return a column of aware times as nanoseconds since 1970, also where they do not fit 64 bits."""
    return [t * 1000 for t in micros_of(times).tolist()]


def times_of(microseconds: Ints) -> pd.DatetimeIndex:
    """Return microseconds since 1970 as aware times in UTC; no time zone but UTC is ever looked at."""
    return pd.DatetimeIndex(microseconds.astype("int64", copy=False).view("datetime64[us]")).tz_localize(UTC)


def known(values: pd.Series) -> Floats:
    """Return a column with NaN for everything that is no finite number; no store can keep an infinity."""
    numbers = values.to_numpy(dtype="float64")
    return np.where(np.isfinite(numbers), numbers, np.nan)


def group_rows(frame: pd.DataFrame, columns: tuple[str, ...]) -> tuple[list[tuple[str, ...]], Ints]:
    """Return the distinct keys made of text `columns`, and for every row the position of its key."""
    if frame.empty:
        return [], np.empty(0, dtype="int64")
    combined = np.zeros(len(frame), dtype="int64")
    columns_of: list[tuple[Ints, list[str]]] = []
    for column in columns:
        code, distinct = coded(frame[column])
        combined = combined * (len(distinct) + 1) + code
        columns_of.append((code, distinct))
    position, distinct_keys = pd.factorize(combined)
    first = np.empty(len(distinct_keys), dtype="int64")
    first[position[::-1]] = np.arange(len(frame))[::-1]
    texts = [[names[c] for c in code[first].tolist()] for code, names in columns_of]
    return list(zip(*texts, strict=True)), position.astype("int64", copy=False)


def split_readings(
    readings: pd.DataFrame, nameable: Callable[[str], bool] = lambda _text: True
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows that have a whole key in names the store can hold, and those it can never place."""
    whole = (
        readings["time"].notna().to_numpy()
        & readings["received_at"].notna().to_numpy()
        & _accepted(readings["device"], lambda text: text != "" and nameable(text))
        & _accepted(readings["quantity"], lambda text: text != "" and nameable(text))
        & _accepted(readings["channel"], nameable)
    )
    return (readings, readings.iloc[:0]) if whole.all() else (readings[whole], readings[~whole])


def _accepted(texts: pd.Series, accept: Callable[[str], bool]) -> npt.NDArray[np.bool_]:
    code, distinct = coded(texts)
    # None and NaN have the code -1, which is the last place.
    return np.array([*(isinstance(t, str) and accept(t) for t in distinct), False], dtype=bool)[code]


def reading_keys(readings: pd.DataFrame) -> list[tuple[object, ...]]:
    """Return READING_KEY of every row, as `Rejected.items` carries them."""
    return [tuple(row) for row in readings.loc[:, list(READING_KEY)].itertuples(index=False)]


def refuse(rows: pd.DataFrame, reason: str) -> None:
    """Raise Rejected for these rows; does nothing where there are none."""
    if not rows.empty:
        raise Rejected(reason, reading_keys(rows))


def usable_flags() -> list[int]:
    """Return every combination of flags that leaves a reading usable."""
    fine = [int(f) for f in ReadingFlag if f and not f & UNUSABLE]
    return sorted({sum(some) for n in range(len(fine) + 1) for some in combinations(fine, n)})
