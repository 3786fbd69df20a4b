"""Local months, made from what is stored of their slots and days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np

from core.park import Park
from core.quantities import DERIVED, Aggregation, Period, Scope
from core.store import State, Store
from core.timebase import day_of, month_bounds
from models import balance, plant, rollup, rows
from models.foretelling import PLAN_SERIES
from models.rollup import Periods
from models.rows import Row
from models.series import Floats, Grid, SlotSeries, grid_of, unknown
from models.sky import sky_over
from models.why.so_far import planned_so_far

_PARK_SLOTS = ("generation_kwh", "import_kwh", "export_kwh", "load_kwh")


def write_months(park: Park, store: Store, state: State, days: Sequence[date], until: datetime) -> int:
    """Store the months that hold the given days, the running one to date."""
    changed = 0
    for year, month in sorted({(d.year, d.month) for d in days}):
        start, end = month_bounds(year, month, park.zone)
        if start < until:
            last = day_of(end - timedelta(hours=1), park.zone)
            grid = grid_of(date(year, month, 1), last, park.zone, until)
            found = month_rows(park, store, state, grid)
            changed += store.write_slots(Period.MONTH, rows.frame(found, grid.edges_us[:1], slice(None)))
    return changed


def month_rows(park: Park, store: Store, state: State, grid: Grid) -> list[Row]:
    """Return every value of the month a grid spans: amounts from its days, ratios from its slots."""
    month = rollup.whole(grid)
    return [
        *_amounts(park, store, state, grid, month),
        *_ratios(park, store, grid, month),
        *_indices(park, store, grid, month),
        *_corrected(store, grid, month),
    ]


def _corrected(store: Store, grid: Grid, month: Periods) -> Iterable[Row]:
    """Yield the performance ratio at 25 °C: final yield over reference yield at 25 °C, both summed over the days.

    Days hold these sums over the same slots; the temperatures of the slots are not kept.
    """
    names = ("final_yield", "reference_yield_25c", plant.PR_25)
    stored = store.slots(Period.DAY, grid.start, grid.end, scope=Scope.ARRAY, quantities=names)
    found = rows.on_grid(stored, rows.day_starts(grid))
    for entity in dict.fromkeys(e for e, _ in found):
        top, bottom, daily = (found.get((entity, name), unknown(len(grid.days))) for name in names)
        both = top.known & bottom.known
        below = float(bottom.value[both].sum())
        value = float(top.value[both].sum()) / below if below > 0 else float("nan")
        shares = _weighted(daily, grid.elapsed().astype(float))
        mask = np.array([np.bitwise_or.reduce(np.where(both, daily.reasons, 0))])
        yield Row(Scope.ARRAY, entity, plant.PR_25, month.series(np.array([value]), *shares, mask))


def _amounts(park: Park, store: Store, state: State, grid: Grid, month: Periods) -> list[Row]:
    """Sum the days. A day weighs what has elapsed of it; a day without a row is missing."""
    weights = grid.elapsed().astype(float)
    begun = weights > 0
    found: list[Row] = []
    for scope in Scope:
        daily = store.slots(Period.DAY, grid.start, grid.end, scope=scope)
        for (entity, quantity), stored in rows.on_grid(daily, rows.day_starts(grid)).items():
            if DERIVED[quantity].aggregation is not Aggregation.SUM:
                continue
            series = _plan_so_far(park, store, state, grid, stored) if quantity == PLAN_SERIES else stored
            # A plan is for whole days, all else for what has elapsed of them.
            shares = _weighted(series, begun.astype(float) if quantity == PLAN_SERIES else weights)
            value = np.array([series.value[series.known].sum() if series.known.any() else np.nan])
            mask = np.array([np.bitwise_or.reduce(np.where(begun, series.reasons, 0))])
            found.append(Row(scope, entity, quantity, month.series(value, *shares, mask)))
    return found


def _plan_so_far(park: Park, store: Store, state: State, grid: Grid, planned: SlotSeries) -> SlotSeries:
    """Cut the plan to now, so that a month to date is held against as much of it: the days to come are not due yet."""
    elapsed, length = grid.elapsed(), np.diff(grid.day_at)
    value = np.where(elapsed > 0, planned.value, np.nan)
    running = (elapsed > 0) & (elapsed < length) & planned.known
    if running.any():
        value = np.where(running, planned_so_far(park, store, state, grid), value)
    return replace(planned, value=value)


def _weighted(series: SlotSeries, weights: Floats) -> tuple[Floats, Floats]:
    def mean(shares: Floats) -> Floats:
        return np.array([min(1.0, float((shares * weights).sum() / weights.sum()))])

    return mean(series.coverage), mean(series.estimated)


def _ratios(park: Park, store: Store, grid: Grid, month: Periods) -> list[Row]:
    stored = store.slots(
        Period.SLOT, grid.start, grid.end, scope=Scope.PARK, entities=[park.id], quantities=_PARK_SLOTS
    )
    slots: Mapping[str, SlotSeries] = {q: s for (_, q), s in rows.on_grid(stored, grid.edges_us[:-1]).items()}
    if any(q not in slots for q in _PARK_SLOTS):
        return []
    found = balance.ratios(slots, month)
    found["self_sufficiency_day"] = balance.netted(slots, month, rollup.days_of(grid))
    found["self_sufficiency_month"] = balance.netted(slots, month, month)
    return [Row(Scope.PARK, park.id, q, s) for q, s in found.items()]


def _indices(park: Park, store: Store, grid: Grid, month: Periods) -> Iterable[Row]:
    def stored(scope: Scope, quantities: Sequence[str]) -> Mapping[tuple[str, str], SlotSeries]:
        found = store.slots(Period.SLOT, grid.start, grid.end, scope=scope, quantities=quantities)
        return rows.on_grid(found, grid.edges_us[:-1])

    if not park.arrays:
        return
    arrays = stored(Scope.ARRAY, ["expected_kwh", "irradiation_kwh_m2"])
    made = plant.Plant(
        {entity: series for (entity, _), series in stored(Scope.POINT, ["generation_kwh"]).items()},
        {entity: series for (entity, quantity), series in arrays.items() if quantity == "expected_kwh"},
        {entity: series for (entity, quantity), series in arrays.items() if quantity == "irradiation_kwh_m2"},
    )
    yield from plant.index_rows(park, made, sky_over(park, grid), grid, month)
