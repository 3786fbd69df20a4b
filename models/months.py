"""Local months and the plans of days, made from what is stored of their slots and days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np

from core.frames import instant
from core.park import Park
from core.quantities import DERIVED, Aggregation, Period, Scope
from core.store import Store
from core.timebase import day_bounds, day_of, month_bounds
from models import balance, plan, plant, rollup, rows
from models.rollup import Periods
from models.rows import Row
from models.series import Floats, Grid, SlotSeries, grid_of, to_us
from models.sky import sky_over

PLAN = "plan_net_balance_kwh"
_PARK_SLOTS = ("generation_kwh", "import_kwh", "export_kwh", "load_kwh")


def write_plans(park: Park, store: Store, days: Sequence[date]) -> int:
    """Store the plan of every given day that has none and has a basis for one; a plan once stored stays."""
    if not days:
        return 0
    start = day_bounds(days[0] - timedelta(days=plan.LOOKBACK_DAYS), park.zone)[0]
    end = day_bounds(days[-1], park.zone)[1]
    stored = store.slots(
        Period.DAY, start, end, scope=Scope.PARK, entities=[park.id], quantities=[PLAN, "net_balance_kwh"]
    )
    balances: dict[date, tuple[float, float]] = {}
    planned: dict[date, float] = {}
    starts = [day_of(instant(t), park.zone) for t in stored["start"]]
    for day, quantity, value, coverage in zip(
        starts, stored["quantity"], stored["value"].to_numpy(), stored["coverage"].to_numpy(), strict=True
    ):
        if quantity == PLAN:
            planned[day] = float(value)
        else:
            balances[day] = (float(value), float(coverage))
    plans = plan.missing_plans(days, planned, balances)
    if not plans:
        return 0
    size = len(plans)
    exact = SlotSeries(np.array(list(plans.values())), np.ones(size), np.zeros(size), np.zeros(size, dtype=np.int64))
    labels = np.array([to_us(day_bounds(d, park.zone)[0]) for d in plans], dtype=np.int64)
    return store.write_slots(Period.DAY, rows.frame([Row(Scope.PARK, park.id, PLAN, exact)], labels, slice(None)))


def write_months(park: Park, store: Store, days: Sequence[date], until: datetime) -> int:
    """Store the months that hold the given days, the running one to date."""
    changed = 0
    for year, month in sorted({(d.year, d.month) for d in days}):
        start, end = month_bounds(year, month, park.zone)
        if start < until:
            last = day_of(end - timedelta(hours=1), park.zone)
            grid = grid_of(date(year, month, 1), last, park.zone, until)
            found = month_rows(park, store, grid)
            changed += store.write_slots(Period.MONTH, rows.frame(found, grid.edges_us[:1], slice(None)))
    return changed


def month_rows(park: Park, store: Store, grid: Grid) -> list[Row]:
    """Return every value of the month a grid spans: amounts from its days, ratios from its slots."""
    month = rollup.whole(grid)
    return [
        *_amounts(park, store, grid, month),
        *_ratios(park, store, grid, month),
        *_indices(park, store, grid, month),
    ]


def _amounts(park: Park, store: Store, grid: Grid, month: Periods) -> list[Row]:
    """Sum the days. A day weighs what has elapsed of it; a day without a row is missing."""
    weights = grid.elapsed().astype(float)
    begun = weights > 0
    found: list[Row] = []
    for scope in Scope:
        daily = store.slots(Period.DAY, grid.start, grid.end, scope=scope)
        for (entity, quantity), stored in rows.on_grid(daily, rows.day_starts(grid)).items():
            if DERIVED[quantity].aggregation is not Aggregation.SUM:
                continue
            series = _plan_so_far(park, store, grid, stored) if quantity == PLAN else stored
            # A plan is for whole days, all else for what has elapsed of them.
            shares = _weighted(series, begun.astype(float) if quantity == PLAN else weights)
            value = np.array([series.value[series.known].sum() if series.known.any() else np.nan])
            mask = np.array([np.bitwise_or.reduce(np.where(begun, series.reasons, 0))])
            found.append(Row(scope, entity, quantity, month.series(value, *shares, mask)))
    return found


def _plan_so_far(park: Park, store: Store, grid: Grid, planned: SlotSeries) -> SlotSeries:
    """Cut the running day's plan to the hour, so that a month to date is held against as much of a plan.

    Its part is the mean of what the days its plan was made from had come to by the same slot.
    """
    elapsed, length = grid.elapsed(), np.diff(grid.day_at)
    running = np.flatnonzero((elapsed > 0) & (elapsed < length) & planned.known)
    if not len(running):
        return planned
    number = int(running[0])
    day = grid.days[number]
    first = day - timedelta(days=plan.LOOKBACK_DAYS)
    earlier = grid_of(first, day - timedelta(days=1), park.zone, grid.day_span(number)[0])
    stored = store.slots(
        Period.SLOT, earlier.start, earlier.end, scope=Scope.PARK, entities=[park.id], quantities=["net_balance_kwh"]
    )
    slots = rows.on_grid(stored, earlier.edges_us[:-1]).get((park.id, "net_balance_kwh"))
    value = planned.value.copy()
    value[number] = np.nan if slots is None else plan.part(day, int(elapsed[number]), earlier, slots)
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
