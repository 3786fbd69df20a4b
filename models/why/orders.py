"""Orders to deliver less, held against what was delivered."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from core.park import Array, Park
from core.quantities import Period, Scope
from core.store import Store
from models import pv, rows
from models.balance import top
from models.series import Bools, Floats, Grid, SlotSeries

OVER = 1.03  # of what was allowed: an inverter holds its limit to a few percent
HEEDED = 0.75  # of what an order should have taken away


def unheeded(park: Park, store: Store, grid: Grid, chosen: Bools) -> bool:
    """Say whether arrays under an order of their logs went on delivering a good part of what it should have taken."""
    return any(
        _unheeded(park, store, grid, chosen, p.id) for p in top(park, "pv") if _ordered(park.arrays_of(p.id), grid)
    )


def _ordered(versions: Iterable[Array], grid: Grid) -> bool:
    orders = (o for a in versions for o in a.curtailments)
    return any(
        (o.valid_from is None or o.valid_from < grid.end) and (o.valid_to is None or o.valid_to > grid.start)
        for o in orders
    )


def _unheeded(park: Park, store: Store, grid: Grid, chosen: Bools, point: str) -> bool:
    versions: dict[str, list[Array]] = {}
    for array in park.arrays_of(point):
        versions.setdefault(array.id, []).append(array)
    expected = _slots(store, grid, Scope.ARRAY, list(versions), "expected_kwh")
    made = _slots(store, grid, Scope.POINT, [point], "generation_kwh").get(point)
    if made is None or set(expected) != set(versions):
        return False
    due: Floats = np.sum([expected[i].value for i in versions], axis=0)
    allowed: Floats = np.sum([pv.curtailed(own, expected[i], grid).value for i, own in versions.items()], axis=0)
    with np.errstate(invalid="ignore"):
        ordered = chosen[grid.day_numbers()] & (allowed < due) & np.isfinite(made.value)
    beyond = np.maximum(made.value[ordered] - OVER * allowed[ordered], 0.0).sum()
    return bool(beyond > (1.0 - HEEDED) * (due - allowed)[ordered].sum())


def _slots(store: Store, grid: Grid, scope: Scope, entities: list[str], quantity: str) -> dict[str, SlotSeries]:
    found = store.slots(Period.SLOT, grid.start, grid.end, scope=scope, entities=entities, quantities=[quantity])
    return {entity: series for (entity, _), series in rows.on_grid(found, grid.edges_us[:-1]).items()}
