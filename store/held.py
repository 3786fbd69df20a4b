"""What is stored under given keys, laid beside the rows that ask."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pandas as pd

from core.frames import READING_KEY, TIME_DTYPE, instant
from store.rows import Floats, Ints, micros_of

_WINDOW_US = 7 * 86_400_000_000  # of the store, read at once


def held_frame(found: Ints, value: Floats, received_us: Ints, flags: Ints, size: int) -> pd.DataFrame:
    """Return a frame of `size` rows in which those at the positions `found` are known."""
    values, numbers = np.full(size, np.nan), np.zeros(size, dtype="int16")
    received = np.full(size, np.datetime64("NaT", "us"))
    values[found], numbers[found] = value, flags
    received[found] = received_us.view("datetime64[us]")
    times = pd.DatetimeIndex(received).tz_localize("UTC")
    return pd.DataFrame({"value": values, "received_at": times.astype(TIME_DTYPE), "flags": numbers})


def held_by_reading(read: Callable[..., pd.DataFrame], readings: pd.DataFrame) -> pd.DataFrame:
    """Find them by the store's own `readings`, a week at a time, so that what is read stays small."""
    size = len(readings)
    asked = readings.loc[:, list(READING_KEY)].assign(n=np.arange(size))
    parts = []
    for _, part in asked.groupby(micros_of(readings["time"]) // _WINDOW_US, sort=True):
        first, last = instant(part["time"].min()), instant(part["time"].max()) + timedelta(microseconds=1)
        devices, quantities = (sorted(set(part[name])) for name in ("device", "quantity"))
        stored = read(first, last, devices=devices, quantities=quantities)
        parts.append(part.merge(stored, on=list(READING_KEY)))
    if not parts:
        none = np.empty(0, dtype="int64")
        return held_frame(none, np.empty(0), none, none, size)
    found = pd.concat(parts)
    received = micros_of(found["received_at"])
    return held_frame(found["n"].to_numpy(), found["value"].to_numpy(), received, found["flags"].to_numpy(), size)
