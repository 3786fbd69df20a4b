"""The plans of some days, as they were said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from core.park import Park
from core.statements import Json, Kind
from core.store import State
from models.plan import COMPARABLE
from models.series import Grid


@dataclass(frozen=True)
class Plan:
    """A day's plan: its body and when it was said."""

    body: Mapping[str, Json]
    issued_at: datetime

    def number(self, name: str) -> float:
        """Return one number of the plan; NaN where it has none."""
        return number_of(self.body.get(name))

    @cached_property
    def arrays(self) -> Mapping[str, float]:
        """Return kWh by array, or by PV meter without one."""
        return _numbers(self.body.get("arrays"))

    @cached_property
    def calibration(self) -> Mapping[str, float]:
        """Return by array what its expectation was multiplied by; empty in plans that do not say."""
        return _numbers(self.body.get("calibration"))

    @property
    def in_rest(self) -> bool:
        """Whether loads it does not name stand in one sum with what is unmetered: its balance is that of whole days."""
        return self.body.get("basis") == COMPARABLE

    @cached_property
    def loads(self) -> Mapping[str, float]:
        """Return kWh by top load."""
        return _numbers(self.body.get("loads"))


def plans_of(park: Park, state: State, grid: Grid) -> dict[date, Plan]:
    """Return the plan of every day that has one."""
    starts = {grid.day_span(n): day for n, day in enumerate(grid.days)}
    found: dict[date, Plan] = {}
    for statement in state.statements(Kind.PLAN, grid.start, grid.end, entity=park.id):
        day = starts.get((statement.start, statement.end))
        if day is not None and statement.subject != "month":
            found[day] = Plan(statement.body, statement.issued_at)
    return found


def _numbers(group: Json) -> Mapping[str, float]:
    return {k: number_of(v) for k, v in group.items()} if isinstance(group, dict) else {}


def number_of(value: Json) -> float:
    """Return a number; NaN for anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")
