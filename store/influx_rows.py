"""Between frames and InfluxDB: the schema, rows out of answers, and lines out of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.frames import readings_frame
from store import line_protocol
from store.influx_http import Series
from store.rows import Floats, Ints, group_rows, micros_of, times_of

READING_TAGS = ("device", "quantity", "channel")
READING_FIELDS = ("value", "received_at", "flags")
SLOT_TAGS = ("scope", "entity", "quantity")
SLOT_FIELDS = ("value", "coverage", "estimated", "reasons")

_NUMBERS = ("value", "coverage", "estimated")
_SECOND_US = 1_000_000
_HELD_ROWS = 20_000  # as Python objects, before they become arrays


def column_of(field: str) -> str:
    """Return the name under which a selected field comes back: `value` for `last("value") AS "value"`."""
    return field.rsplit(" AS ", 1)[-1].strip('"')


class Rows:
    """Gathers series as they come in and makes one frame of them."""

    def __init__(self, fields: Sequence[str], tags: Sequence[str]) -> None:
        self._tags = tuple(tags)
        self._names = ("time", *map(column_of, fields))
        self._held: list[list[object]] = [[] for _ in self._names]
        self._arrays: list[list[npt.NDArray[np.generic]]] = [[typed(n, ())] for n in self._names]
        self._keys: dict[tuple[str, ...], int] = {}
        self._runs: list[tuple[int, int]] = []  # which key, how many rows of it

    def add(self, answer: Iterable[Series]) -> None:
        """Take rows; they are let go of as Python objects every so often."""
        for series in answer:
            key = tuple(series.tags.get(tag, "") for tag in self._tags)
            for held, column in zip(self._held, series.columns, strict=True):
                held.extend(column)
            self._runs.append((self._keys.setdefault(key, len(self._keys)), len(series.columns[0])))
            if len(self._held[0]) >= _HELD_ROWS:
                self._settle()

    def frame(self) -> pd.DataFrame:
        """Return the rows by tags, in the order the tags were given, and time; `time` in microseconds."""
        self._settle()
        columns = {name: np.concatenate(arrays) for name, arrays in zip(self._names, self._arrays, strict=True)}
        keys = sorted(self._keys)
        rank = {self._keys[key]: n for n, key in enumerate(keys)}
        number = np.repeat(
            np.array([rank[key] for key, _ in self._runs], dtype="int64"),
            np.array([n for _, n in self._runs], dtype="int64"),
        )
        order = np.lexsort((columns["time"], number))
        texts = {
            tag: np.array([key[n] for key in keys], dtype="object")[number[order]] for n, tag in enumerate(self._tags)
        }
        # As series of objects, for pandas would look at every text to see whether it is one.
        values = {name: _series(column[order]) for name, column in columns.items()}
        return pd.DataFrame({name: _series(column) for name, column in texts.items()} | values)

    def _settle(self) -> None:
        for name, held, arrays in zip(self._names, self._held, self._arrays, strict=True):
            arrays.append(typed(name, held))
            held.clear()


def _series(column: npt.NDArray[np.generic]) -> pd.Series:
    return pd.Series(column, dtype=column.dtype)


def typed(name: str, column: Sequence[object]) -> npt.NDArray[np.generic]:
    """Return a column as what its name stands for; an absent number is NaN, an absent text empty."""
    if name == "time":
        return np.array(column, dtype="int64")
    if name == "reasons":
        return np.array([text or "" for text in column], dtype="object")
    return np.array(column, dtype="float64")


def readings_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of `reading` as a READINGS frame."""
    return readings_frame(rows.assign(time=times(rows["time"]), received_at=from_seconds(rows["received_at"])))


def times(microseconds: pd.Series) -> pd.DatetimeIndex:
    """Return a column of microseconds as times."""
    return times_of(microseconds.to_numpy(dtype="int64"))


def seconds(column: pd.Series) -> Floats:
    """Return a column of times as InfluxDB keeps them in a field."""
    return micros_of(column) / _SECOND_US


def from_seconds(column: pd.Series) -> pd.DatetimeIndex:
    """Return what `seconds` made as times again."""
    # A float holds these seconds to a quarter of a microsecond: rounding gives back the very microsecond.
    return times_of(np.rint(column.to_numpy(dtype="float64") * _SECOND_US).astype("int64"))


def slot_columns(rows: pd.DataFrame) -> list[list[str]]:
    """Return the fields of slots as text, column by column."""
    numbers = [line_protocol.number_fields(name, rows[name].to_numpy(dtype="float64")) for name in _NUMBERS]
    return [*numbers, line_protocol.text_fields("reasons", rows["reasons"].tolist())]


def starts_of(measurement: str, park_id: str, rows: pd.DataFrame, tags: tuple[str, ...]) -> list[str]:
    """Return the start of the line of every row."""
    keys, position = group_rows(rows, tags)
    starts = [line_protocol.series(measurement, {"park": park_id, **dict(zip(tags, key, strict=True))}) for key in keys]
    return [starts[i] for i in position.tolist()]


def lanes_of(starts: Sequence[str], lanes: int) -> list[Ints]:
    """Return the rows of every lane: a series keeps to one lane, so that its lines arrive in their order."""
    lane = np.fromiter(map(hash, starts), dtype="int64", count=len(starts)) % lanes
    return [np.flatnonzero(lane == n) for n in range(lanes)]
