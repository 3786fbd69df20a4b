"""The baselines on record, learned anew when they are due: reads what was said, says what is new."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import numpy as np

from core.park import Park
from core.quantities import Scope
from core.statements import FOREVER, Json, Kind, Statement
from core.store import State
from core.timebase import day_bounds, day_of
from models import demand, plan
from models.past import Past


class Baselines:
    """The baselines in force on a day, learned anew with every month and, where refused, every day.

    No day is learned from before it is over. A refusal is put on record when its reason changes.
    """

    def __init__(self, park: Park, state: State, earlier: Past, now: datetime) -> None:
        self._park, self._past, self._now = park, earlier, now
        self.new: list[Statement] = []
        said = state.statements(Kind.BASELINE) if earlier.days else []
        self._said: dict[str, list[Statement]] = {}
        for statement in said:
            self._said.setdefault(statement.entity, []).append(statement)
        self._bodies: dict[date, dict[str, Mapping[str, Json]]] = {}

    def on(self, day: date) -> dict[str, Mapping[str, Json]]:
        """Return the body in force on `day` of every load, and of the park where its loads are not metered."""
        if day not in self._bodies:
            entities = [p.id for p in self._park.by_role("load")] or [self._park.id]
            self._bodies[day] = {e: body for e in entities if (body := self._in_force(e, day)) is not None}
        return self._bodies[day]

    def _in_force(self, entity: str, day: date) -> Mapping[str, Json] | None:
        start = day_bounds(day, self._park.zone)[0]
        earlier = [s for s in self._said.get(entity, []) if s.start <= start]
        last = max(earlier, key=lambda s: s.start) if earlier else None
        if last is not None and not self._due(last, day):
            return last.body
        daily = self._daily(entity, day)
        body = demand.baseline(daily)
        if last is None or "refused" not in body or body["refused"] != last.body.get("refused"):
            said = Statement(Kind.BASELINE, entity, start, FOREVER, self._now, demand.VERSION, body)
            self.new.append(said)
            self._said.setdefault(entity, []).append(said)
        return body

    def _due(self, last: Statement, day: date) -> bool:
        since = day_of(last.start, self._park.zone)
        return "refused" in last.body or (day.year, day.month) != (since.year, since.month)

    def _daily(self, entity: str, day: date) -> demand.Daily:
        past = self._past.before(day)
        scope = Scope.PARK if entity == self._park.id else Scope.POINT
        first = past.index(day - timedelta(days=demand.WINDOW_DAYS))
        kwh = past.whole(scope, entity, "load_kwh")[first:]
        known = np.isfinite(kwh)
        days = [d for d, k in zip(past.seen[first:], known, strict=True) if k]
        air = plan.air_of(self._park, past)[first:]
        return demand.Daily(days, kwh[known], air[known], self._park.days.day_classes(days), self._park.latitude)
