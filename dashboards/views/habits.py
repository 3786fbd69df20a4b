"""What every load draws slot by slot: today, and on a usual day of the same kind.

Hundreds of loads over two weeks are hundreds of thousands of values: they are added up as arrays, read a few days at a
time, and what is usual is kept for some minutes, for it hangs on days that are over.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.park import Park
from core.quantities import Period, Scope
from core.store import Store
from core.timebase import SLOT, day_bounds, day_of

Floats: TypeAlias = npt.NDArray[np.float64]

PROFILE_DAYS = 14  # two weeks hold ten workdays and four weekend days
LEAST_DAYS = 3  # fewer comparable days are no habit
SATURDAY = 5
KEPT = timedelta(minutes=10)
ROWS_PER_READ = 200_000  # bounds the memory of one read
_SLOTS_OF_A_DAY = 96


@dataclass(frozen=True)
class Loads:
    """Energy per slot of today, one row per load: what was drawn and what is usual, NaN where that is not known."""

    ids: tuple[str, ...]
    today: Floats
    usual: Floats

    @staticmethod
    def none() -> Loads:
        """Return those of a park without loads."""
        return Loads((), np.empty((0, 0)), np.empty((0, 0)))


class Habits:
    """What is usual in one park, remembered for KEPT."""

    def __init__(self) -> None:
        self._kept: tuple[date, tuple[str, ...], datetime, Floats] | None = None
        self._one_at_a_time = threading.Lock()

    def loads(self, park: Park, store: Store, now: datetime) -> Loads:
        """Return today's and usual slots of the loads that no other load contains."""
        ids = tuple(p.id for p in park.top_loads())
        if not ids:
            return Loads.none()
        today = day_of(now, park.zone)
        return Loads(ids, _cube(park, store, ids, [today])[0], self._usual(park, store, ids, now))

    def forget(self) -> None:
        """Look again when asked next: days that are over have changed."""
        self._kept = None

    def _usual(self, park: Park, store: Store, ids: tuple[str, ...], now: datetime) -> Floats:
        with self._one_at_a_time:
            day, kept = day_of(now, park.zone), self._kept
            if kept is not None and kept[:2] == (day, ids) and abs(now - kept[2]) < KEPT:
                return kept[3]
            usual = _usual(park, store, ids, day)
            self._kept = (day, ids, now, usual)
            return usual


def _usual(park: Park, store: Store, ids: Sequence[str], today: date) -> Floats:
    """Return the mean of each slot over earlier days of the same kind; NaN where fewer than LEAST_DAYS know it."""
    length = _length(park, today)
    total, count = np.zeros((len(ids), length)), np.zeros((len(ids), length))
    for days in _stretches(today, len(ids)):
        alike = [(d.weekday() >= SATURDAY) == (today.weekday() >= SATURDAY) for d in days]
        if not any(alike):
            continue
        cube = _cube(park, store, ids, days)[alike][:, :, :length]
        known = np.isfinite(cube)
        width = cube.shape[2]  # a day on which clocks change has other slots than today
        total[:, :width] += np.where(known, cube, 0.0).sum(axis=0)
        count[:, :width] += known.sum(axis=0)
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count >= LEAST_DAYS)


def _stretches(today: date, loads: int) -> Iterator[list[date]]:
    """Yield the days before today in runs that are few enough rows for one read."""
    days = [today - timedelta(days=n) for n in range(PROFILE_DAYS, 0, -1)]
    size = max(1, ROWS_PER_READ // (_SLOTS_OF_A_DAY * max(1, loads)))
    yield from (days[i : i + size] for i in range(0, len(days), size))


def _length(park: Park, day: date) -> int:
    start, end = day_bounds(day, park.zone)
    return (end - start) // SLOT


def _cube(park: Park, store: Store, ids: Sequence[str], days: Sequence[date]) -> Floats:
    """Return day x load x slot of consecutive days, NaN where no value is stored."""
    starts = [day_bounds(d, park.zone)[0] for d in days]
    end = day_bounds(days[-1], park.zone)[1]
    rows = store.slots(
        Period.SLOT, starts[0], end, scope=Scope.POINT.value, entities=list(ids), quantities=["load_kwh"]
    )
    cube = np.full((len(days), len(ids), max(_length(park, d) for d in days)), np.nan)
    code, names = pd.factorize(rows["entity"].to_numpy(dtype="object"))
    row_of = {name: n for n, name in enumerate(ids)}
    load = np.array([row_of[n] for n in names], dtype=np.int64)[code]
    seconds = rows["start"].to_numpy("datetime64[s]").astype(np.int64)
    first = np.array([int(s.timestamp()) for s in starts])
    day = np.searchsorted(first, seconds, "right") - 1
    slot = (seconds - first[day]) // int(SLOT.total_seconds())
    cube[day, load, slot] = rows["value"].to_numpy(dtype=np.float64)
    return cube
