"""What is stored of some days, as the facts their balance is split from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from core.park import Park, Point
from core.quantities import Scope
from core.statements import Json, Kind, Statement
from core.store import State
from models.balance import top
from models.plant import arrays_by_id
from models.series import Bools, Floats, Grid, SlotSeries
from models.why.facts import ArrayFacts, Flow, LoadFacts, MeterFacts, ParkFacts
from models.why.plans import Plan, number_of
from models.why.scales import Scales, scales_of
from models.why.stored import CLEAR, Cells, Key, Stored

MEASURED = 0.9  # share of a cell that has to be measured for its value to count as measured
CLEAR_SHARE = 0.1  # of a day's expected energy: more of it from the clear sky is no expectation
WARM_ENOUGH = 0.5  # share of a day a thermometer has to see

# Baseline, degrees C, day classes, days -> kWh a day.
Predict = Callable[[Mapping[str, Json], Floats, Sequence[str], Sequence[date]], Floats]
ClassOf = Callable[[date], str]


def facts(
    park: Park,
    state: State,
    stored: Stored,
    grid: Grid,
    plans: Mapping[date, Plan],
    chosen: Bools,
    predict: Predict,
    class_of: ClassOf,
) -> ParkFacts:
    """Return what the chosen days' balance is split from; days that are not chosen have neither plan nor cells."""
    used = [plans.get(d) if c else None for d, c in zip(grid.days, chosen, strict=True)]
    meters, loads = top(park, "pv"), park.top_loads()
    arrays = {p.id: _arrays_below(park, p) or (p.id,) for p in meters}  # a meter without arrays is planned itself
    cells = stored.cells(_keys(park, meters, loads, arrays), chosen)
    lost = _lost(park, state, grid, stored)
    calibrations = [{} if p is None else p.calibration for p in used]
    scales = {i: scales_of(versions, state, grid, calibrations) for i, versions in arrays_by_id(park).items()}
    balance = cells.series(Scope.PARK, park.id, "net_balance_kwh")
    kept = _kept(park, cells)
    model = _Model(used, _baselines(state, grid), grid, _air(park, stored), predict, class_of)
    known = {a.id for a in park.arrays} | {p.id for p in (*meters, *loads)}
    if loads:
        planned = [None if p is None else p.loads for p in used]
        held = [
            _load(p.id, _planned(planned, p.id), cells.series(Scope.POINT, p.id, "load_kwh"), cells, model)
            for p in loads
        ]
        rest = cells.series(Scope.PARK, park.id, "residual_kwh")
        unmetered = Flow(_column(used, "residual_kwh"), rest.value, _measured(rest))
    else:  # the park is its own only load
        whole = cells.series(Scope.PARK, park.id, "load_kwh")
        held = [_load(park.id, _column(used, "residual_kwh"), whole, cells, model)]
        unmetered = _nothing(len(used), len(cells.of))
    return ParkFacts(
        of=cells.of,
        days=len(grid.days),
        time=cells.time,
        balance=balance.value - kept.value,
        meters=tuple(_meter(p, arrays[p.id], cells, used, lost, scales) for p in meters),
        loads=tuple(held),
        unmetered=unmetered,
        storage=Flow(_column(used, "storage_kwh"), kept.value, _measured(kept)),
        warm=np.isfinite(model.air),
        gone=_gone(used, known),
    )


def _keys(
    park: Park, meters: Sequence[Point], loads: Sequence[Point], arrays: Mapping[str, Sequence[str]]
) -> Iterable[Key]:
    flows = ["net_balance_kwh", "residual_kwh" if loads else "load_kwh"]
    flows += ["charge_kwh", "discharge_kwh"] if park.by_role("storage") else []
    yield from ((Scope.PARK, park.id, q) for q in flows)
    yield from ((Scope.POINT, p.id, "generation_kwh") for p in meters)
    yield from ((Scope.POINT, p.id, "load_kwh") for p in loads)
    yield from ((Scope.ARRAY, a, "expected_kwh") for ids in arrays.values() for a in ids)


def _arrays_below(park: Park, meter: Point) -> tuple[str, ...]:
    """Return the arrays whose energy a PV meter counts, those behind meters below it too."""
    parents = {p.id: p.parent for p in park.by_role("pv")}

    def above(point: str | None) -> str | None:
        while point is not None and parents.get(point) in parents:
            point = parents[point]
        return point

    return tuple(i for i, versions in arrays_by_id(park).items() if above(versions[0].point) == meter.id)


def _meter(
    point: Point,
    arrays: Sequence[str],
    cells: Cells,
    used: Sequence[Plan | None],
    lost: Mapping[str, Mapping[str, Floats]],
    scales: Mapping[str, Scales],
) -> MeterFacts:
    made = cells.series(Scope.POINT, point.id, "generation_kwh")
    of = tuple(_array(a, cells, used, lost.get(a, {}), scales.get(a)) for a in arrays)
    described = tuple(arrays) != (point.id,) or bool(scales.get(point.id))
    return MeterFacts(point.id, of, made.value, _measured(made), described)


def _array(
    array: str, cells: Cells, used: Sequence[Plan | None], lost: Mapping[str, Floats], scales: Scales | None
) -> ArrayFacts:
    expected = cells.series(Scope.ARRAY, array, "expected_kwh")
    size = len(used)
    clear = np.where((expected.reasons & CLEAR) != 0, np.nan_to_num(expected.value), 0.0)
    from_clear = np.bincount(cells.of, weights=clear, minlength=size)
    whole = np.bincount(cells.of, weights=np.nan_to_num(expected.value), minlength=size)
    return ArrayFacts(
        array,
        _planned([None if p is None else p.arrays for p in used], array),
        expected.value if scales is None else expected.value * scales.expected[cells.of],
        from_clear > CLEAR_SHARE * whole,
        lost,
        None if scales is None else scales.planned,
    )


@dataclass(frozen=True)
class _Model:
    """What baselines say of the days: the plans used, baselines by load, mean air temperature per day."""

    used: Sequence[Plan | None]
    baselines: Mapping[str, Sequence[Statement]]
    grid: Grid
    air: Floats
    predict: Predict
    class_of: ClassOf

    def predicted(self, load: str) -> tuple[Floats, Floats, Floats, Floats]:
        """Return kWh per day as planned, by the actual calendar, by the actual temperature, by both.

        The baseline is the one the plan was made by; NaN where it was made by none.
        """
        found = tuple(np.full(len(self.used), np.nan) for _ in range(4))
        by_body: dict[int, list[int]] = {}
        for n, plan in enumerate(self.used):
            number = None if plan is None else self._chosen(load, plan, self.grid.day_span(n)[0])
            if number is not None:
                by_body.setdefault(number, []).append(n)
        for number, days in by_body.items():
            plans = [p for n in days if (p := self.used[n]) is not None]
            actual = [self.class_of(self.grid.days[n]) for n in days]
            planned = [str(p.body.get("day_class") or c) for p, c in zip(plans, actual, strict=True)]
            normal = np.array([p.number("temp_air_c") for p in plans])
            warm = np.where(np.isfinite(self.air[days]), self.air[days], normal)  # unmeasured: nothing is laid to it
            for column, temperature, classes in zip(
                found, (normal, normal, warm, warm), (planned, actual, planned, actual), strict=True
            ):
                body, dates = self.baselines[load][number].body, [self.grid.days[n] for n in days]
                column[days] = self.predict(body, temperature, classes, dates)
        return found[0], found[1], found[2], found[3]

    def _chosen(self, load: str, plan: Plan, start: datetime) -> int | None:
        said = self.baselines.get(load, ())
        by = plan.body.get("baselines")
        if isinstance(by, dict) and load not in by:
            return None
        last_day = by.get(load) if isinstance(by, dict) else None
        before = [k for k, s in enumerate(said) if s.start <= start and "refused" not in s.body]
        named = [k for k in before if last_day is not None and said[k].body.get("last_day") == last_day]
        chosen = named or before
        return chosen[-1] if chosen else None


def _load(entity: str, planned: Floats, series: SlotSeries, cells: Cells, model: _Model) -> LoadFacts:
    in_rest = np.array([plan is not None and plan.in_rest for plan in model.used])
    return LoadFacts(entity, planned, model.predicted(entity), series.value, _measured(series), cells.time, in_rest)


def _baselines(state: State, grid: Grid) -> dict[str, list[Statement]]:
    """Return what was said of every load's baseline, in the order of its first day."""
    found: dict[str, list[Statement]] = {}
    for statement in state.statements(Kind.BASELINE, None, grid.end):
        found.setdefault(statement.entity, []).append(statement)
    return {load: sorted(said, key=lambda s: s.start) for load, said in found.items()}


def _lost(park: Park, state: State, grid: Grid, stored: Stored) -> dict[str, dict[str, Floats]]:
    """Return per array and finding what it lost on every day; that of a meter is spread by expectation."""
    numbers = {day.isoformat(): n for n, day in enumerate(grid.days)}
    ids = {a.id for a in park.arrays}
    found: dict[str, dict[str, Floats]] = {}
    for statement in state.statements(Kind.FINDING, grid.start, grid.end):
        days = statement.body.get("days")
        if not isinstance(days, dict):  # refused or withdrawn
            continue
        lost = np.zeros(len(grid.days))
        for day, kwh in days.items():
            if day in numbers:
                lost[numbers[day]] += np.nan_to_num(number_of(kwh))
        behind = dict.fromkeys(a.id for a in park.arrays_of(statement.entity))
        for array, share in _spread([statement.entity] if statement.entity in ids else list(behind), stored).items():
            own = found.setdefault(array, {})
            own[statement.subject] = own.get(statement.subject, 0.0) + lost * share
    return found


def _spread(arrays: Sequence[str], stored: Stored) -> dict[str, Floats]:
    expected = [np.nan_to_num(stored.day(Scope.ARRAY, a, "expected_kwh").value) for a in arrays]
    together = np.sum(expected, axis=0) if expected else np.zeros(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            a: np.where(together > 0, e / together, 1.0 / len(arrays)) for a, e in zip(arrays, expected, strict=True)
        }


def _nothing(days: int, cells: int) -> Flow:
    return Flow(np.zeros(days), np.zeros(cells), np.ones(cells, dtype=bool))


def _kept(park: Park, cells: Cells) -> SlotSeries:
    """Return what storage kept, its losses included: charge less discharge; zero and known without storage."""
    size = len(cells.of)
    if not park.by_role("storage"):
        return SlotSeries(np.zeros(size), np.ones(size), np.zeros(size), np.zeros(size, dtype=np.int64))
    charge = cells.series(Scope.PARK, park.id, "charge_kwh")
    discharge = cells.series(Scope.PARK, park.id, "discharge_kwh")
    return SlotSeries(
        charge.value - discharge.value,
        np.minimum(charge.coverage, discharge.coverage),
        charge.estimated,
        charge.reasons,
    )


def _air(park: Park, stored: Stored) -> Floats:
    """Return the mean outdoor temperature of every day, in degrees C, of the first thermometer that saw enough of it."""
    air = np.full(len(stored.day(Scope.PARK, park.id, "net_balance_kwh").value), np.nan)
    for point in park.by_role("weather"):
        series = stored.day(Scope.POINT, point.id, "temp_air_c")
        air = np.where(np.isfinite(air) | (series.coverage < WARM_ENOUGH), air, series.value)
    return air


def _gone(used: Sequence[Plan | None], known: set[str]) -> dict[str, Floats]:
    """Return what plans say of arrays and loads that PARK.yaml no longer names."""
    found: dict[str, Floats] = {}
    arrays, loads = ([None if p is None else getattr(p, n) for p in used] for n in ("arrays", "loads"))
    for group, sign in ((arrays, 1.0), (loads, -1.0)):
        names = {name for one in group if one for name in one} - known
        found |= {name: sign * np.nan_to_num(_planned(group, name)) for name in sorted(names)}
    return found


def _planned(plans: Sequence[Mapping[str, float] | None], entity: str) -> Floats:
    return np.array([np.nan if p is None else p.get(entity, np.nan) for p in plans])


def _column(used: Sequence[Plan | None], name: str) -> Floats:
    return np.array([0.0 if p is None else np.nan_to_num(p.number(name)) for p in used])


def _measured(series: SlotSeries) -> Bools:
    return series.known & (series.coverage >= MEASURED)
