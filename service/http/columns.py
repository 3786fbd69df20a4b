"""Stored values of one quantity as columns on one axis of time: what a chart draws, and little to send.

A year of quarter hours with its times and names in full is four times as long, and most of the time such an answer
takes is that of writing, packing and reading what says nothing new.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.quantities import Period
from core.timebase import SLOT

Json: TypeAlias = "dict[str, object]"
Places: TypeAlias = npt.NDArray[np.intp]

_SLOT = np.timedelta64(SLOT)


def columns_of(rows: pd.DataFrame, period: Period, first: datetime) -> Json:
    """Return SLOTS rows of one quantity as an axis of times and, for each entity, what is known on it.

    Slots follow each other evenly: `first` and `step_s` say when they begin. Days and months follow the calendar of
    the park: `start` names each. What has no row is null, measured to no part. `reasons` has only those there are,
    with the places they stand for.
    """
    starts = rows["start"].to_numpy("datetime64[us]")
    if period is Period.SLOT:
        begin = starts.min() if len(starts) else np.datetime64(first.astimezone(UTC).replace(tzinfo=None), "us")
        place = ((starts - begin) // _SLOT).astype(np.intp)
        size = int(place.max(initial=-1)) + 1
        axis: Json = {"first": begin, "step_s": int(SLOT.total_seconds())}
    else:
        distinct, place = np.unique(starts, return_inverse=True)
        size, axis = len(distinct), {"start": distinct}
    return {**axis, "series": [_series(name, rows, own, place[own], size) for name, own in _entities(rows)]}


def _entities(rows: pd.DataFrame) -> Iterator[tuple[str, Places | slice]]:
    """Yield every entity with where its rows stand; a store sorts by entity."""
    names = rows["entity"].to_numpy()
    if len(names) and names[0] == names[-1]:
        yield names[0], slice(None)
        return
    code, distinct = pd.factorize(names)
    for number, name in enumerate(distinct):
        yield name, np.flatnonzero(code == number)


def _series(name: str, rows: pd.DataFrame, own: Places | slice, place: Places, size: int) -> Json:
    found: Json = {"entity": name}
    for column, nothing in (("value", np.nan), ("coverage", 0.0), ("estimated", 0.0)):
        values = np.full(size, nothing)
        values[place] = rows[column].to_numpy("float64")[own]
        found[column] = values
    texts = rows["reasons"].to_numpy()[own]
    told = np.flatnonzero(texts != "")
    reasons: dict[str, list[int]] = {}
    for text, at in zip(texts[told].tolist(), place[told].tolist(), strict=True):
        reasons.setdefault(text, []).append(at)
    return found | {"reasons": reasons}
