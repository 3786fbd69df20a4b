"""The one place that says baselines, plans and outlooks: reads past days, asks the models, puts on record what they say.

A day's plan is made as soon as the day before has begun, from whole days that ended by then; what was missed is made
later from no more than lay before its day. Nothing said is ever changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from core.frames import instant
from core.park import Park
from core.quantities import Period, Scope
from core.statements import Json, Kind, Statement, number
from core.store import State, Store
from core.timebase import day_bounds, day_of, month_bounds
from models import plan, rows
from models.baselines import Baselines
from models.past import Clear, Past
from models.rows import Row
from models.series import SlotSeries, to_us

PLAN_SERIES = "plan_net_balance_kwh"
HISTORY_DAYS = 3 * 366  # of the park's own years that speak for a season
_PARK = (
    "load_kwh",
    "net_balance_kwh",
    "residual_kwh",
    "charge_kwh",
    "discharge_kwh",
    "generation_kwh",
    "self_consumed_kwh",
    "expected_kwh",
)
_ARRAY = ("expected_kwh", "irradiation_kwh_m2", "generation_kwh", "calibration_factor")
_POINT = ("load_kwh", "generation_kwh", "temp_air_c")


def read_past(park: Park, store: Store, first: date, last: date) -> Past:
    """Read the day values a forecast learns from, of the local days `first` to `last`."""
    days = tuple(first + timedelta(days=n) for n in range((last - first).days + 1))
    start, end = day_bounds(first, park.zone)[0], day_bounds(last, park.zone)[1]
    labels = np.array([to_us(day_bounds(d, park.zone)[0]) for d in days], dtype=np.int64)
    table: dict[tuple[str, str, str], SlotSeries] = {}
    for scope, quantities in ((Scope.PARK, _PARK), (Scope.ARRAY, _ARRAY), (Scope.POINT, _POINT)):
        stored = store.slots(Period.DAY, start, end, scope=scope, quantities=quantities)
        for (entity, quantity), series in rows.on_grid(stored, labels).items():
            table[scope.value, entity, quantity] = series
    return Past(days, table, len(days))


class Foretelling:
    """Keeps baselines and plans of a park on record."""

    def __init__(self, park: Park, store: Store, state: State) -> None:
        self._park, self._store, self._state = park, store, state
        self._clear = Clear(park)
        self._settled: set[date] = set()  # days known to have a plan
        self._tried: dict[date, date] = {}  # open days without a basis, and the last day that was looked at

    def write_plans(self, days: Sequence[date], now: datetime) -> int:
        """Make the plans missing of these days, of tomorrow and of their months; return how many values are new."""
        today = day_of(now, self._park.zone)
        wanted = {*days, today + timedelta(days=1)} if today in days else set(days)
        missing = sorted(wanted - self._without_need(wanted, today))
        if not missing:
            return 0
        first = missing[0] - timedelta(days=HISTORY_DAYS)
        earlier = trimmed(read_past(self._park, self._store, first, missing[-1]))
        baselines = Baselines(self._park, self._state, earlier, now)
        bodies: dict[date, dict[str, Json]] = {}
        for day in missing:
            known = plan.known(self._park, earlier.before(day), self._clear, baselines.on(day))
            body = plan.day_body(known, day)
            if body is not None:
                bodies[day] = body
            elif day >= today:
                self._tried[day] = today
        months = self._months(missing, earlier, baselines)
        self._state.add_statements([*baselines.new, *(self._plan(d, b, now) for d, b in bodies.items())])
        self._state.add_statements([self._month_plan(m, b, now) for m, b in months.items()])
        self._settled.update(bodies)
        return self._write_series({d: number(b["net_balance_kwh"]) for d, b in bodies.items()})

    def _without_need(self, wanted: Iterable[date], today: date) -> set[date]:
        """Return the days that have a plan, or had no basis for one when it was last looked for."""
        idle = {d for d in wanted if d in self._settled or self._tried.get(d) == today}
        left = sorted(set(wanted) - idle)
        if not left:
            return idle
        zone = self._park.zone
        start, end = day_bounds(left[0], zone)[0], day_bounds(left[-1], zone)[1]
        said = {
            day_of(s.start, zone): s
            for s in self._state.statements(Kind.PLAN, start, end, entity=self._park.id)
            if not s.subject
        }
        stored = self._store.slots(
            Period.DAY, start, end, scope=Scope.PARK, entities=[self._park.id], quantities=[PLAN_SERIES]
        )
        has_series = {day_of(instant(t), zone) for t in stored["start"]}
        # A crash between statement and series leaves the statement: its number is what counts.
        self._write_series(
            {d: number(s.body["net_balance_kwh"]) for d, s in said.items() if d in set(left) - has_series}
        )
        self._settled.update(d for d in left if d in said or d in has_series)
        return idle | (self._settled & set(left))

    def _write_series(self, plans: Mapping[date, float]) -> int:
        if not plans:
            return 0
        size = len(plans)
        exact = SlotSeries(
            np.array(list(plans.values())), np.ones(size), np.zeros(size), np.zeros(size, dtype=np.int64)
        )
        labels = np.array([to_us(day_bounds(d, self._park.zone)[0]) for d in plans], dtype=np.int64)
        frame = rows.frame([Row(Scope.PARK, self._park.id, PLAN_SERIES, exact)], labels, slice(None))
        return self._store.write_slots(Period.DAY, frame)

    def _plan(self, day: date, body: Mapping[str, Json], now: datetime) -> Statement:
        start, end = day_bounds(day, self._park.zone)
        return Statement(Kind.PLAN, self._park.id, start, end, now, plan.VERSION, {**body, "late": now >= start})

    def _month_plan(self, month: date, body: Mapping[str, Json], now: datetime) -> Statement:
        start, end = month_bounds(month.year, month.month, self._park.zone)
        told = {**body, "late": now >= start}
        return Statement(Kind.PLAN, self._park.id, start, end, now, plan.VERSION, told, plan.MONTH)

    def _months(self, days: Sequence[date], earlier: Past, baselines: Baselines) -> dict[date, dict[str, Json]]:
        """Return the plans of the months of these days that have none, each made at the first day that allows it."""
        found: dict[date, dict[str, Json]] = {}
        for month in sorted({d.replace(day=1) for d in days}):
            start, end = month_bounds(month.year, month.month, self._park.zone)
            said = self._state.statements(Kind.PLAN, start, end, entity=self._park.id)
            if any(s.subject == plan.MONTH and s.start == start for s in said):
                continue
            whole = pd.date_range(month, periods=(end - start + timedelta(hours=2)).days, freq="D")
            for day in (d for d in days if d.replace(day=1) == month):
                known = plan.known(self._park, earlier.before(day), self._clear, baselines.on(day))
                body = plan.month_body(known, [d.date() for d in whole])
                if body is not None:
                    found[month] = body
                    break
        return found


def trimmed(past: Past) -> Past:
    """Leave out the days before anything is known."""
    firsts = [int(np.argmax(s.known)) for s in past.table.values() if s.known.any()]
    at = min(firsts, default=len(past.days) - 1)
    cut = {
        key: SlotSeries(s.value[at:], s.coverage[at:], s.estimated[at:], s.reasons[at:])
        for key, s in past.table.items()
    }
    return Past(past.days[at:], cut, len(past.days) - at)
