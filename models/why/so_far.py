"""The plan of a day that is not over, taken to the hour it has come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from core.holidays import alike
from core.park import Park
from core.quantities import Period, Scope
from core.store import Store
from models import rows
from models.plan import LOOKBACK_DAYS, MIN_COVERAGE, MIN_DAYS
from models.plant import plant_of
from models.series import Floats, Grid, SlotSeries, grid_of
from models.sky import sky_over
from models.why.facts import ArrayFacts, Flow, LoadFacts, MeterFacts, ParkFacts


def so_far(park: Park, store: Store, grid: Grid, whole: ParkFacts) -> ParkFacts:
    """Return the facts of a running day with its plan up to now: arrays by a clear sky, all else by comparable days."""
    light = _by_clear_sky(park, grid)
    usual = _Usual(park, store, grid)
    sun = float(np.mean(list(light.values()))) if light else usual.elapsed
    return replace(
        whole,
        meters=tuple(_meter(m, light, sun) for m in whole.meters),
        loads=tuple(_load(one, usual.share(_scope(park, one.id), one.id, "load_kwh")) for one in whole.loads),
        unmetered=_flow(whole.unmetered, usual.share(Scope.PARK, park.id, "residual_kwh")),
        storage=_flow(whole.storage, usual.elapsed),
        warm=np.ones(whole.days, dtype=bool),
        gone={entity: kwh * (sun if (kwh > 0).any() else usual.elapsed) for entity, kwh in whole.gone.items()},
    )


def _scope(park: Park, entity: str) -> Scope:
    return Scope.PARK if entity == park.id else Scope.POINT


def _meter(meter: MeterFacts, light: Mapping[str, float], sun: float) -> MeterFacts:
    return replace(meter, arrays=tuple(_array(a, light.get(a.id, sun)) for a in meter.arrays))


def _array(array: ArrayFacts, share: float) -> ArrayFacts:
    return replace(array, planned=array.planned * share)


def _load(load: LoadFacts, share: float) -> LoadFacts:
    """Take a load's plan to the hour; the mean temperature of a day is not known before it is over."""
    planned = load.predicted[0] * share
    by_calendar = load.predicted[1] * share
    return replace(load, planned=load.planned * share, predicted=(planned, by_calendar, planned, by_calendar))


def _flow(flow: Flow, share: float) -> Flow:
    return replace(flow, planned=flow.planned * share)


def _by_clear_sky(park: Park, grid: Grid) -> dict[str, float]:
    """Return by array how much of a cloudless day's energy is due by now."""
    made = plant_of(park, {}, {}, sky_over(park, grid), grid)
    found = {}
    for array, series in made.expected.items():
        due = np.nan_to_num(series.value)
        found[array] = float(due[: grid.closed].sum() / due.sum()) if due.sum() > 0 else 0.0
    return found


class _Usual:
    """How much of a comparable day of the last weeks usually lies before now."""

    def __init__(self, park: Park, store: Store, grid: Grid) -> None:
        self._store, self.elapsed = store, grid.closed / grid.size
        self._closed = grid.closed
        day, calendar = grid.days[0], park.days
        first = day - timedelta(days=LOOKBACK_DAYS)
        self._past = grid_of(first, day - timedelta(days=1), park.zone, grid.start)
        own = calendar.day_class(day)
        self._alike: Sequence[int] = [n for n, d in enumerate(self._past.days) if alike(calendar.day_class(d), own)]
        self._known: dict[tuple[Scope, str], dict[str, SlotSeries]] = {}

    def share(self, scope: Scope, entity: str, quantity: str) -> float:
        """Return the share of whole days that lay before this time; that of the hours where too few are known."""
        series = self._read(scope, quantity).get(entity)
        if series is None:
            return self.elapsed
        before, whole = [], []
        for n in self._alike:
            slots = slice(int(self._past.day_at[n]), int(self._past.day_at[n + 1]))
            if series.coverage[slots].mean() >= MIN_COVERAGE:
                values: Floats = np.nan_to_num(series.value[slots])
                before.append(float(values[: self._closed].sum()))
                whole.append(float(values.sum()))
        if len(whole) < MIN_DAYS or sum(whole) <= 0:
            return self.elapsed
        return float(np.clip(sum(before) / sum(whole), 0.0, 1.0))

    def _read(self, scope: Scope, quantity: str) -> dict[str, SlotSeries]:
        key = (scope, quantity)
        if key not in self._known:
            past = self._past
            found = self._store.slots(Period.SLOT, past.start, past.end, scope=scope, quantities=[quantity])
            self._known[key] = {e: s for (e, _), s in rows.on_grid(found, past.edges_us[:-1]).items()}
        return self._known[key]
