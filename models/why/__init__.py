"""Why the balance of some days differs from their plan: reads what is stored, splits it, adds it up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np

from core.park import Park
from core.quantities import Scope
from core.store import State, Store
from core.why import Cause, Gap, Note, Part, Why
from models.series import Bools, Grid, from_us, grid_of
from models.why.facts import ParkFacts
from models.why.orders import unheeded
from models.why.plans import Plan, plans_of
from models.why.reading import ClassOf, Predict, facts
from models.why.so_far import shares_of, so_far
from models.why.split import Split, parts, split
from models.why.stored import Stored

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


@dataclass(frozen=True)
class _Divided:
    """Days that were split, each by itself."""

    park: Park
    grid: Grid
    gaps: Sequence[Gap | None]
    facts: ParkFacts
    split: Split
    refusal: str

    @property
    def chosen(self) -> Bools:
        return np.array([g is None for g in self.gaps])

    def told(self, chosen: Bools, empty: Why) -> Why:
        """Add up the chosen days."""
        found = list(parts(self.split.pieces, chosen))
        balance = self.facts.by_day(np.nan_to_num(self.facts.balance))
        return replace(
            empty,
            days=int(chosen.sum()),
            plan_kwh=round(float(self.facts.planned()[chosen].sum()), WH),
            actual_kwh=round(float(balance[chosen].sum()), WH),
            parts=tuple(_shown(found)),
            details=tuple(sorted((d for p in found if (d := replace(p, kwh=round(p.kwh, WH))).kwh), key=_place)),
            unexplained_kwh=round(float(self.split.unexplained[chosen].sum()), WH),
        )


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

    `until` is when computing ended. The running day is split as far as it has come. Days that are yet to come, have no
    plan or no data are left out and counted.
    """
    grid = grid_of(first, last, park.zone, until)
    divided = _divided(park, store, state, grid, predict, class_of)
    left_out = dict(Counter(str(g) for g in divided.gaps if g is not None))
    empty = Why(first, last, left_out=left_out, plan_refusal=divided.refusal)
    if not divided.chosen.any():
        return empty
    running = bool((divided.chosen & (grid.elapsed() < np.diff(grid.day_at))).any())
    found = divided.told(divided.chosen, replace(empty, until=from_us(grid.edges_us[grid.closed]) if running else None))
    return replace(found, notes=tuple(sorted(_notes(divided, found, store, running), key=list(Note).index)))


def whys(
    park: Park,
    store: Store,
    state: State,
    first: date,
    last: date,
    until: datetime,
    predict: Predict,
    class_of: ClassOf,
) -> dict[date, Why]:
    """Split every closed day of a range by itself, all read at once; days that cannot be split are not in it."""
    grid = grid_of(first, last, park.zone, until)
    divided = _divided(park, store, state, grid, predict, class_of, closed_only=True)
    numbers = np.arange(len(grid.days))
    return {grid.days[n]: divided.told(numbers == n, Why(grid.days[n], grid.days[n])) for n in numbers[divided.chosen]}


def _divided(
    park: Park,
    store: Store,
    state: State,
    grid: Grid,
    predict: Predict,
    class_of: ClassOf,
    *,
    closed_only: bool = False,
) -> _Divided:
    plans = plans_of(park, state, grid)
    stored = Stored(park, store, grid)
    gaps = _gaps(park, stored, grid, plans, closed_only=closed_only)
    chosen = np.array([g is None for g in gaps])
    refusal = next((str(p.body["refused"]) for p in plans.values() if "refused" in p.body), "")
    found = facts(park, state, stored, grid, plans, chosen, predict, class_of)
    running = np.flatnonzero(chosen & (grid.elapsed() < np.diff(grid.day_at)))
    if len(running):
        found = so_far(found, int(running[0]), shares_of(park, store, grid))
    return _Divided(park, grid, gaps, found, split(found), refusal)


def _notes(divided: _Divided, found: Why, store: Store, running: bool) -> set[Note]:
    """Return what has to be known about the parts."""
    notes = set(divided.split.notes)
    if running:
        notes.add(Note.SO_FAR)
    elif (divided.chosen & ~divided.facts.warm).any() and divided.facts.loads:
        notes.add(Note.NO_TEMPERATURE)
    if divided.park.by_role("storage"):
        notes.add(Note.AT_GRID)
    if any(p.apart for p in found.parts):
        notes.add(Note.APART_FROM_FINDING)
    if unheeded(divided.park, store, divided.grid, divided.chosen):
        notes.add(Note.NOT_HEEDED)
    return notes


def _gaps(
    park: Park, stored: Stored, grid: Grid, plans: Mapping[date, Plan], *, closed_only: bool
) -> Sequence[Gap | None]:
    """Say of every day why it is not split; None where it is."""
    balance = stored.day(Scope.PARK, park.id, "net_balance_kwh")
    elapsed, length = grid.elapsed(), np.diff(grid.day_at)
    over = (elapsed >= length) | (not closed_only)
    return [
        Gap.FUTURE if not elapsed[n] else _gap(plans.get(day), bool(balance.known[n]), over=bool(over[n]))
        for n, day in enumerate(grid.days)
    ]


def _gap(plan: Plan | None, known: bool, *, over: bool) -> Gap | None:
    if not over:
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
    sums: dict[tuple[Cause, str, str], tuple[float, float]] = {}
    for part in details:
        key = (part.cause, "" if part.cause in SUMMED else part.entity, part.subject)
        kwh, found = sums.get(key, (0.0, 0.0))
        sums[key] = kwh + part.kwh, found + part.found_kwh
    shown = [Part(c, round(kwh, WH), e, s, round(itself, WH)) for (c, e, s), (kwh, itself) in sums.items()]
    return sorted((p for p in shown if p.kwh), key=_place)


def _place(part: Part) -> tuple[int, float]:
    return ORDER[part.cause], part.kwh
