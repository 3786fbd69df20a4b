"""A PV array without any irradiance sensor: only its best days can be held against a clear sky."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, datetime
from typing import Literal

from pydantic import Field

from core.park import Park, Share
from core.quantities import Scope
from core.rungs import ESTIMATED
from core.store import AlertRecord
from core.timebase import day_bounds
from core.verdict import MIN_COVERAGE
from rules.facts import Facts, Moment
from rules.lifecycle import MISSING, Observation
from rules.watch import Watch, days_back


class Envelope(Watch):
    """Best day of a window against clear-sky energy; says that something is wrong, not how much was lost."""

    kind: Literal["envelope"]
    low: float = Field(0.80, gt=0.0, description="best day's share of clear-sky energy below which it fires")
    clear: float = Field(0.85, gt=0.0, description="share at which it ends")
    days: int = Field(14, ge=3, description="length of the window")
    min_days: int = Field(10, ge=1, description="days with data that must lie in it")
    min_coverage: Share = MIN_COVERAGE

    @property
    def lookback_days(self) -> int:
        return self.days

    def quantities(self) -> Iterable[str]:
        return ("energy_performance_index",)

    def entities(self, park: Park, at: datetime) -> list[str]:
        return list(dict.fromkeys(a.id for a in park.arrays if a.valid_at(at)))

    def observe(self, entity: str, facts: Facts, moment: Moment, alert: AlertRecord | None) -> Observation:
        window = days_back(moment.day, self.days)
        found = [v for d in window if math.isfinite(v := self._index(facts, entity, d))]
        if len(found) < self.min_days:
            return MISSING
        best = max(found)
        return Observation(
            active=best < (self.clear if alert else self.low),
            value=best,
            since=day_bounds(window[0], facts.park.zone)[0],
            params={"since_day": window[0].isoformat(), "index": best, "days": float(self.days)}
            if not alert
            else {"index": best},
        )

    def _index(self, facts: Facts, entity: str, day: date) -> float:
        index = facts.days.at(Scope.ARRAY, entity, "energy_performance_index", day)
        return (
            index.value if not ESTIMATED.isdisjoint(index.reasons) and index.coverage >= self.min_coverage else math.nan
        )
