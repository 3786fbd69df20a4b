"""The plan of a day that is not over, taken to the hour it has come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from core.holidays import alike
from core.park import Park
from core.quantities import Period, Scope
from core.store import State, Store
from models import rows
from models.plan import LOOKBACK_DAYS, MIN_COVERAGE, MIN_DAYS
from models.plant import plant_of
from models.series import Floats, Grid, SlotSeries, from_us, grid_of
from models.sky import sky_over
from models.why.facts import ParkFacts
from models.why.plans import plans_of


@dataclass(frozen=True)
class Shares:
    """How much of a day's plan is due by now: by array or PV meter, by load, of what is unmetered, of anything else."""

    arrays: Mapping[str, float]
    loads: Mapping[str, float]
    rest: float
    elapsed: float

    @property
    def sun(self) -> float:
        """The share of a PV meter without an array."""
        return float(np.mean(list(self.arrays.values()))) if self.arrays else self.elapsed


def shares_of(park: Park, store: Store, grid: Grid) -> Shares:
    """Return what is due by now of the running day of a grid: arrays by a clear sky, loads by comparable days."""
    day = _running(grid)
    today = grid_of(day, day, park.zone, from_us(grid.closed_until_us))
    usual = _Usual(park, store, today)
    loads = {p.id: usual.share(Scope.POINT, p.id, "load_kwh") for p in park.top_loads()}
    whole = "residual_kwh" if loads else "load_kwh"
    rest = usual.share(Scope.PARK, park.id, whole)
    return Shares(_by_clear_sky(park, today), loads | {park.id: rest}, rest, usual.elapsed)


def so_far(whole: ParkFacts, running: int, due: Shares) -> ParkFacts:
    """Return the facts of days of which one, by its number, is running, with its plan up to now.

    The mean temperature of a day is not known before it is over: on the running one nothing is laid to it.
    """
    today = np.arange(whole.days) == running

    def cut(values: Floats, share: float) -> Floats:
        return np.where(today, values * share, values)

    def settled(predicted: tuple[Floats, Floats, Floats, Floats]) -> tuple[Floats, Floats, Floats, Floats]:
        neither, calendar, temperature, both = predicted
        return neither, calendar, np.where(today, neither, temperature), np.where(today, calendar, both)

    meters = tuple(
        replace(m, arrays=tuple(replace(a, planned=cut(a.planned, due.arrays.get(a.id, due.sun))) for a in m.arrays))
        for m in whole.meters
    )
    loads = []
    for load in whole.loads:
        share = due.loads.get(load.id, due.elapsed)
        first, second, third, fourth = (cut(p, share) for p in settled(load.predicted))
        loads.append(replace(load, planned=cut(load.planned, share), predicted=(first, second, third, fourth)))
    return replace(
        whole,
        meters=meters,
        loads=tuple(loads),
        unmetered=replace(whole.unmetered, planned=cut(whole.unmetered.planned, due.rest)),
        storage=replace(whole.storage, planned=cut(whole.storage.planned, due.elapsed)),
        gone={e: cut(kwh, due.sun if (kwh > 0).any() else due.elapsed) for e, kwh in whole.gone.items()},
        warm=whole.warm | today,
    )


def planned_so_far(park: Park, store: Store, state: State, grid: Grid) -> float:
    """Return the planned net balance (generation less consumption) of the running day up to now; NaN without a plan."""
    day = _running(grid)
    today = grid_of(day, day, park.zone, from_us(grid.closed_until_us))
    plan = plans_of(park, state, today).get(day)
    if plan is None or "refused" in plan.body:
        return float("nan")
    due = shares_of(park, store, today)
    made = sum(kwh * due.arrays.get(a, due.sun) for a, kwh in plan.arrays.items())
    used = sum(kwh * due.loads.get(p, due.elapsed) for p, kwh in plan.loads.items())
    return made - used - plan.number("residual_kwh") * due.rest


def _running(grid: Grid) -> date:
    return grid.days[int(np.flatnonzero(grid.elapsed())[-1])]


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
        before, whole = 0.0, 0.0
        seen = 0
        for n in self._alike:
            slots = slice(int(self._past.day_at[n]), int(self._past.day_at[n + 1]))
            if series.coverage[slots].mean() >= MIN_COVERAGE:
                values: Floats = np.nan_to_num(series.value[slots])
                before, whole = before + float(values[: self._closed].sum()), whole + float(values.sum())
                seen += 1
        if seen < MIN_DAYS or whole <= 0:
            return self.elapsed
        return float(np.clip(before / whole, 0.0, 1.0))

    def _read(self, scope: Scope, quantity: str) -> dict[str, SlotSeries]:
        key = (scope, quantity)
        if key not in self._known:
            past = self._past
            found = self._store.slots(Period.SLOT, past.start, past.end, scope=scope, quantities=[quantity])
            self._known[key] = {e: s for (e, _), s in rows.on_grid(found, past.edges_us[:-1]).items()}
        return self._known[key]
