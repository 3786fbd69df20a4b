"""Readings on their way in, held beside what the store has: what is new, alike, or contradicts it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.frames import instant
from core.park import DeviceAssignment, Park, Point
from core.quality import UNUSABLE, Event
from core.store import Store

Bools = npt.NDArray[np.bool_]

CODE = "conflict_imported"
MOST_EVENTS = 500  # of one import; the rest is counted
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Compared:
    """What the store has under the key of each reading, one flag per row."""

    new: Bools  # not there, or there as what could not be used
    alike: Bools
    conflicting: Bools  # another value, which gives way
    outdated: Bools  # another value, received later than this one: storing it would change nothing
    before: npt.NDArray[np.float64]

    @property
    def to_store(self) -> Bools:
        """Say which rows change anything."""
        return self.new | self.conflicting


def compared(store: Store, readings: pd.DataFrame) -> Compared:
    """Look up every reading of a READINGS frame."""
    held = store.held(readings)
    # As plain times: of one with a zone, pandas would make an object each.
    before, after = (f["received_at"].to_numpy("datetime64[us]") for f in (held, readings))
    known = ~np.isnat(before)
    ours, theirs = readings["value"].to_numpy(), held["value"].to_numpy()
    same_value = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    # What was ahead of its time when it first came is no longer, and only now of use.
    same_use = ((readings["flags"].to_numpy() ^ held["flags"].to_numpy()) & int(UNUSABLE)) == 0
    alike = known & same_value & same_use
    later = known & ~alike & (before > after)
    new = ~known | (known & same_value & ~same_use & ~later)
    return Compared(new, alike, ~new & ~alike & ~later, later, theirs)


class Conflicts:
    """Makes events of contradictions, one per device and UTC day, at the point the device served."""

    def __init__(self, park: Park) -> None:
        self._served: dict[str, list[tuple[Point, DeviceAssignment]]] = {}
        for point, device in park.assignments():
            self._served.setdefault(device.id, []).append((point, device))
        self._left = MOST_EVENTS

    def events(self, readings: pd.DataFrame, found: Compared) -> list[Event]:
        """Return what a person should see of these readings."""
        rows = np.flatnonzero(found.conflicting)
        if not len(rows) or not self._left:
            return []
        part = readings.iloc[rows].assign(before=found.before[rows])
        part = part.assign(day=part["time"].to_numpy("datetime64[us]").view("int64") // _DAY_US)
        made = [e for _, day in part.groupby(["device", "day"], sort=True, observed=True) if (e := self._event(day))]
        made, self._left = made[: self._left], max(0, self._left - len(made))
        return made

    def _event(self, day: pd.DataFrame) -> Event | None:
        first = day.sort_values("time", kind="stable").iloc[0]
        start, end = instant(day["time"].min()), instant(day["time"].max())
        point = self._point(str(first["device"]), start)
        params: dict[str, float | str] = {name: str(first[name]) for name in ("device", "quantity", "channel")}
        params |= {"before": float(first["before"]), "after": float(first["value"]), "count": len(day)}
        return None if point is None else Event(point, CODE, start, end, params)

    def _point(self, device: str, at: datetime) -> str | None:
        served = self._served.get(device, [])
        return next((p.id for p, d in served if d.valid_at(at)), served[0][0].id if served else None)
