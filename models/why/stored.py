"""The stored series of some local days: whole days, and their slots where something was not measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from core.park import Park
from core.quality import Reason
from core.quantities import Period, Scope
from core.store import Store
from models import rows
from models.series import Bools, Floats, Grid, Ints, SlotSeries, bit, from_us, unknown

WHOLE = 0.999  # a day measured so far is one cell
CHUNK_DAYS, READ_OVER_DAYS = 62, 5
PARK_FLOWS = ("net_balance_kwh", "load_kwh", "residual_kwh", "charge_kwh", "discharge_kwh")
# An expectation from these says how bright a day could have been, not how bright it was.
CLEAR = bit(Reason.RUNG_CLEAR_SKY) | bit(Reason.RUNG_TEMPERATURE)

Key = tuple[Scope, str, str]


class Stored:
    """The stored series of some local days, whole days and, where something was not measured, their slots."""

    def __init__(self, park: Park, store: Store, grid: Grid) -> None:
        self._park, self._store, self._grid = park, store, grid
        self.days = self._read(Period.DAY, grid.start, grid.end, rows.day_starts(grid))
        self._empty_day = unknown(len(grid.days))

    def day(self, scope: Scope, entity: str, quantity: str) -> SlotSeries:
        """Return a series by day."""
        return self.days.get((scope, entity, quantity), self._empty_day)

    def _read(self, period: Period, start: datetime, end: datetime, starts: Ints) -> dict[Key, SlotSeries]:
        wanted = {
            Scope.PARK: PARK_FLOWS,
            Scope.POINT: ("generation_kwh", "load_kwh", *(("temp_air_c",) if period is Period.DAY else ())),
            Scope.ARRAY: ("expected_kwh",),
        }
        found: dict[Key, SlotSeries] = {}
        for scope, quantities in wanted.items():
            stored = self._store.slots(period, start, end, scope=scope, quantities=quantities)
            if period is Period.SLOT:  # days between those that are wanted were read with them
                stored = stored[np.isin(stored["start"].astype("int64").to_numpy(), starts)]
            for (entity, quantity), series in rows.on_grid(stored, starts).items():
                found[scope, entity, quantity] = series
        return found

    def cells(self, keys: Iterable[Key], chosen: Bools) -> Cells:
        """Return the cells of the chosen days: one for a day measured whole, else its slots."""
        grid = self._grid
        whole = chosen & (grid.elapsed() == np.diff(grid.day_at))
        for scope, entity, quantity in keys:
            series = self.day(scope, entity, quantity)
            whole &= series.known & (series.coverage >= WHOLE) & ((series.reasons & CLEAR) == 0)
        partly = np.flatnonzero(chosen & ~whole)
        slots: dict[Key, SlotSeries] = {}
        spans = [np.arange(grid.day_at[k], min(grid.day_at[k + 1], grid.closed)) for k in partly]
        at = np.concatenate([np.zeros(0, dtype=np.int64), *spans])
        starts = grid.edges_us[at]
        for first, last in _stretches(partly):
            end = min(grid.day_span(last)[1], from_us(grid.edges_us[grid.closed]))
            for key, series in self._read(Period.SLOT, grid.day_span(first)[0], end, starts).items():
                slots[key] = _filled(slots[key], series) if key in slots else series
        alone = np.flatnonzero(whole)
        of = np.concatenate([alone, np.repeat(partly, [len(s) for s in spans]).astype(np.int64)])
        lasting = grid.elapsed()[of].astype(float)
        lasting[: len(alone)] = 1.0
        return Cells(self, slots, alone, len(at), of.astype(np.int64), 1.0 / lasting)


def _stretches(numbers: Ints) -> Iterable[tuple[int, int]]:
    """Yield first and last of days that are read together: a few more days cost less than another question."""
    ends = np.flatnonzero((np.diff(numbers) > READ_OVER_DAYS) | (np.diff(numbers // CHUNK_DAYS) > 0))
    for group in np.split(numbers, ends + 1):
        if len(group):
            yield int(group[0]), int(group[-1])


def _filled(one: SlotSeries, other: SlotSeries) -> SlotSeries:
    """Return one series where it is known, else the other: they were read of different days."""
    use = other.coverage + other.estimated > 0
    use |= other.known
    return SlotSeries(
        np.where(use, other.value, one.value),
        np.where(use, other.coverage, one.coverage),
        np.where(use, other.estimated, one.estimated),
        np.where(use, other.reasons, one.reasons),
    )


@dataclass(frozen=True)
class Cells:
    """Whole days first, then slots. `of` numbers the day of each cell, `time` is its share of that day."""

    stored: Stored
    slots: Mapping[Key, SlotSeries]
    alone: Ints
    slot_count: int
    of: Ints
    time: Floats

    def series(self, scope: Scope, entity: str, quantity: str) -> SlotSeries:
        """Return a series by cell."""
        day = self.stored.day(scope, entity, quantity)
        slot = self.slots.get((scope, entity, quantity)) or unknown(self.slot_count)
        return SlotSeries(
            *(
                np.concatenate([getattr(day, name)[self.alone], getattr(slot, name)])
                for name in ("value", "coverage", "estimated", "reasons")
            )
        )
