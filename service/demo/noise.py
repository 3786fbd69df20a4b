"""Random numbers that belong to an instant: the same minute always gets the same draw, whoever asks and when."""

from __future__ import annotations

import zlib
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

DAY_MINUTES = 1440


def generator(seed: int, *stream: str | int) -> np.random.Generator:
    """Return the generator of one named stream."""
    words = [zlib.crc32(s.encode()) if isinstance(s, str) else s for s in stream]
    return np.random.default_rng([seed, *words])


def white(seed: int, stream: str, first_minute: int, count: int) -> Floats:
    """Return one standard normal draw for each of `count` minutes; minutes are counted from 1970-01-01 UTC."""
    first_day, last_day = first_minute // DAY_MINUTES, (first_minute + count - 1) // DAY_MINUTES
    days = [generator(seed, stream, day).standard_normal(DAY_MINUTES) for day in range(first_day, last_day + 1)]
    offset = first_minute - first_day * DAY_MINUTES
    return np.concatenate(days)[offset : offset + count]


def smooth(seed: int, stream: str, first_minute: int, count: int, minutes: float) -> Floats:
    """Return noise of unit variance that forgets itself within about `minutes`.

    It looks back a fixed number of minutes, so a long range and its pieces agree.
    """
    length = max(2, round(5 * minutes))
    kernel = np.exp(-np.arange(length) / minutes)
    kernel /= np.sqrt(np.sum(kernel**2))
    draws = white(seed, stream, first_minute - length + 1, count + length - 1)
    return np.convolve(draws, kernel, mode="valid")
