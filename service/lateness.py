"""How late data come: per point and slot the longest time from a reading's own instant to its receipt."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from core.frames import TIME_DTYPE, slots_frame
from core.park import Park
from core.quality import UNUSABLE, ReadingFlag
from core.quantities import Period, Scope
from core.store import State, Store
from core.timebase import SLOT, day_bounds, day_of, slot_start
from models.compute import ComputeResult

# One of these is in every telegram of a meter or weather station; the others would only be read for nothing.
TELLING = ("energy_import_kwh", "energy_export_kwh", "active_power_kw", "poa_wm2", "ghi_wm2", "temp_air_c")
LOOK_BACK = timedelta(days=7)  # later data still count as energy, but nobody asks how late they were
METER_SLOTS = 12_000  # looked at at once: of 500 meters six hours, of ten thousand a slot
TAIL = 4  # slots before the newest that are looked at again
_UNTIL = "watch:lateness_until"
_FROM = "watch:lateness_from"
# Without a time of its own a reading cannot be late; from a file it comes when somebody brings it.
_SAYS_NOTHING = int(ReadingFlag.TIME_UNCERTAIN | ReadingFlag.IMPORTED | ReadingFlag.SERVICE | UNUSABLE)


class Lateness:
    """Keeps `lateness_s` in step with the readings: closed slots as they close, earlier days as late data come."""

    def __init__(self, park: Park, store: Store, state: State) -> None:
        self._park, self._store, self._state = park, store, state
        self._serving = _serving(park)
        self._stretch = max(1, METER_SLOTS // max(1, len(park.assignments()))) * SLOT

    def touched(self, computed: ComputeResult) -> None:
        """Remember that readings of earlier days came, from what the models had to compute again."""
        today = day_of(computed.computed_until - timedelta(microseconds=1), self._park.zone)
        if computed.first_day is None or computed.first_day >= today:
            return
        known = self._state.value(_FROM)
        if known is None or not known or computed.first_day < date.fromisoformat(known):
            self._state.set_value(_FROM, computed.first_day.isoformat())

    def run(self, now: datetime) -> None:
        """Write every closed slot that is new, the few before it, and the days that late data touched."""
        until = slot_start(now)
        stored = self._state.value(_UNTIL)
        last = min(datetime.fromisoformat(stored), until) if stored else until - SLOT
        touched = self._state.value(_FROM)
        if last == until and not touched:
            return
        first = last - TAIL * SLOT
        if touched:
            first = min(first, day_bounds(date.fromisoformat(touched), self._park.zone)[0])
        elif day_of(last, self._park.zone) != day_of(until, self._park.zone):
            first = min(first, day_bounds(day_of(last, self._park.zone), self._park.zone)[0])
        first = max(first, slot_start(until - LOOK_BACK))
        while first < until:
            end = min(first + self._stretch, until)
            self._write(first, end)
            first = end
        self._state.set_value(_UNTIL, until.isoformat())
        self._state.set_value(_FROM, "")

    def _write(self, start: datetime, end: datetime) -> None:
        readings = self._store.readings(start, end, quantities=TELLING)
        rows = self._points(longest(readings))
        if len(rows):
            self._store.write_slots(Period.SLOT, rows)

    def _points(self, late: pd.DataFrame) -> pd.DataFrame:
        """Return the delays of devices as those of the points they served at the time."""
        rows = late.merge(self._serving, on="device")
        begun = rows["valid_from"].isna() | (rows["valid_from"] <= rows["start"])
        ended = rows["valid_to"].notna() & (rows["valid_to"] <= rows["start"])
        rows = rows.loc[begun & ~ended]
        if rows.empty:
            return slots_frame()
        worst = rows[["entity", "start", "value"]].groupby(["entity", "start"], as_index=False).max()
        columns: dict[str, str | float] = {
            "scope": Scope.POINT.value,
            "quantity": "lateness_s",
            "coverage": 1.0,
            "estimated": 0.0,
            "reasons": "",
        }
        return slots_frame(worst.assign(**columns))


def _serving(park: Park) -> pd.DataFrame:
    """Return which device served which point, and when."""
    pairs = park.assignments()
    return pd.DataFrame(
        {
            "device": pd.Series([d.id for _, d in pairs], dtype="object"),
            "entity": pd.Series([p.id for p, _ in pairs], dtype="object"),
            "valid_from": pd.Series([d.valid_from or pd.NaT for _, d in pairs], dtype=TIME_DTYPE),
            "valid_to": pd.Series([d.valid_to or pd.NaT for _, d in pairs], dtype=TIME_DTYPE),
        }
    )


def longest(readings: pd.DataFrame) -> pd.DataFrame:
    """Return columns device, start, value: the longest delay in seconds of every device and slot, never below 0."""
    told = readings[(readings["flags"].to_numpy() & _SAYS_NOTHING) == 0]
    delay_s = np.maximum((told["received_at"] - told["time"]).dt.total_seconds(), 0.0)
    rows = told[["device"]].assign(start=told["time"].dt.floor("15min"), value=delay_s)
    worst: pd.DataFrame = rows.groupby(["device", "start"], as_index=False, observed=True)["value"].max()
    return worst
