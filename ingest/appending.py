"""Appending when the store may refuse some of the rows for good."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.errors import Rejected
from core.frames import READING_KEY
from core.store import Store


def append_what_fits(store: Store, readings: pd.DataFrame) -> dict[int, str]:
    """Append a READINGS frame; return position and reason of every row the store will never take.

    Raises Retryable as the store does; what was appended by then may be appended again.
    """
    return _append(store, readings, np.arange(len(readings)))


def _append(store: Store, readings: pd.DataFrame, positions: npt.NDArray[np.int64]) -> dict[int, str]:
    part = readings.iloc[positions]
    try:
        store.append_readings(part)
    except Rejected as error:
        bad = _named(part, error.items)
        if bad.any():
            rejected = dict.fromkeys((int(p) for p in positions[bad]), error.reason)
            rest = positions[~bad]
            return rejected | (_append(store, readings, rest) if len(rest) else {})
        if len(part) == 1:
            return {int(positions[0]): error.reason}
        # It does not say which: halves, until it is clear. Rows written twice change nothing.
        half = len(part) // 2
        return _append(store, readings, positions[:half]) | _append(store, readings, positions[half:])
    return {}


def _named(part: pd.DataFrame, items: tuple[object, ...]) -> npt.NDArray[np.bool_]:
    """Return which rows a refusal names by their READING_KEY."""
    named = set(items)
    keys = part.loc[:, list(READING_KEY)].itertuples(index=False, name=None)
    return np.fromiter((key in named for key in keys), dtype=bool, count=len(part))
