"""Why the balance of some days differs from their plan: reads what is stored, splits it, adds it up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

import numpy as np

from core.park import Park
from core.quantities import Scope
from core.store import State, Store
from core.why import Cause, Gap, Note, Part, Why
from models.series import Grid, grid_of
from models.why.reading import ClassOf, Plan, Predict, Stored, facts, plans_of
from models.why.split import parts, split

WH = 3  # decimals of a kWh
SUMMED = {
    Cause.WEATHER,
    Cause.PLAN_SCALE,
    Cause.CURTAILMENT,
    Cause.PV_NOT_SPLIT,
    Cause.CALENDAR,
    Cause.TEMPERATURE,
}
ORDER = {cause: n for n, cause in enumerate(Cause)}


def why(
    park: Park,
    store: Store,
    state: State,
    first: date,
    last: date,
    until: datetime,
    predict: Predict,
    class_of: ClassOf,
) -> Why:
    """Split the difference between planned and actual balance of the local days `first` to `last`, both included.

    `until` is when computing ended. Days that are not over, have no plan or no data are left out and counted.
    """
    grid = grid_of(first, last, park.zone, until)
    plans = plans_of(park, state, grid)
    stored = Stored(park, store, grid)
    gaps = _gaps(park, stored, grid, plans)
    chosen = np.array([g is None for g in gaps])
    left_out = dict(Counter(str(g) for g in gaps if g is not None))
    refusal = next((str(p.body["refused"]) for p in plans.values() if "refused" in p.body), "")
    empty = Why(first, last, left_out=left_out, plan_refusal=refusal)
    if not chosen.any():
        return empty
    found = facts(park, state, stored, grid, plans, chosen, predict, class_of)
    divided = split(found)
    everything = [replace(p, kwh=round(p.kwh, WH)) for p in parts(divided.pieces, chosen)]
    notes = set(divided.notes)
    if (chosen & ~found.warm).any() and found.loads:
        notes.add(Note.NO_TEMPERATURE)
    if park.by_role("storage"):
        notes.add(Note.AT_GRID)
    return replace(
        empty,
        days=int(chosen.sum()),
        plan_kwh=round(float(found.planned()[chosen].sum()), WH),
        actual_kwh=round(float(found.by_day(np.nan_to_num(found.balance))[chosen].sum()), WH),
        parts=tuple(_shown(parts(divided.pieces, chosen))),
        details=tuple(sorted((p for p in everything if p.kwh), key=_place)),
        unexplained_kwh=round(float(divided.unexplained[chosen].sum()), WH),
        notes=tuple(sorted(notes)),
    )


def _gaps(park: Park, stored: Stored, grid: Grid, plans: Mapping[date, Plan]) -> Sequence[Gap | None]:
    """Say of every day why it is not split; None where it is."""
    balance = stored.day(Scope.PARK, park.id, "net_balance_kwh")
    elapsed, length = grid.elapsed(), np.diff(grid.day_at)
    return [
        _gap(plans.get(day), bool(balance.known[n]), int(elapsed[n]), int(length[n])) for n, day in enumerate(grid.days)
    ]


def _gap(plan: Plan | None, known: bool, elapsed: int, length: int) -> Gap | None:
    if elapsed == 0:
        return Gap.FUTURE
    if elapsed < length:
        return Gap.RUNNING
    if plan is None:
        return Gap.NO_PLAN
    if "refused" in plan.body:
        return Gap.PLAN_REFUSED
    if not np.isfinite([plan.number("residual_kwh"), plan.number("storage_kwh")]).all():
        return Gap.PLAN_WITHOUT_PARTS
    return None if known else Gap.NO_DATA


def _shown(details: Iterable[Part]) -> list[Part]:
    """Return one part per cause where entities do not matter, per finding or load where they do."""
    sums: dict[tuple[Cause, str, str], float] = {}
    for part in details:
        entity = "" if part.cause in SUMMED else part.entity
        key = (part.cause, entity, part.subject)
        sums[key] = sums.get(key, 0.0) + part.kwh
    found = [Part(cause, round(kwh, WH), entity, subject) for (cause, entity, subject), kwh in sums.items()]
    return sorted((p for p in found if p.kwh), key=_place)


def _place(part: Part) -> tuple[int, float]:
    return ORDER[part.cause], part.kwh
