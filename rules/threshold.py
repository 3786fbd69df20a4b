"""A day value beyond a bound: the watch that operators' own rules use."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from statistics import fmean, median
from typing import Literal

from pydantic import Field, field_validator, model_validator

from core.park import Park, Share
from core.quantities import DERIVED, Scope
from core.store import AlertRecord
from core.timebase import day_bounds
from core.verdict import MIN_COVERAGE
from rules.facts import Facts, Moment
from rules.lifecycle import MISSING, Observation
from rules.watch import Watch, days_back

_STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": fmean,
    "median": median,
    "sum": math.fsum,
    "min": min,
    "max": max,
}


class Threshold(Watch):
    """A statistic of one day quantity over the last `days` days, below or above a bound, with hysteresis.

    Every one of the days must be known well enough, else there is nothing to judge by.
    """

    kind: Literal["threshold"]
    scope: Scope
    quantity: str
    only: tuple[str, ...] = Field((), description="ids; all of the scope where empty")
    days: int = Field(1, ge=1, le=366)
    statistic: Literal["mean", "median", "sum", "min", "max"] = "mean"
    below: float | None = None
    above: float | None = None
    clear: float | None = Field(None, description="the alert ends beyond this; the bound itself where absent")
    min_coverage: Share = MIN_COVERAGE

    @field_validator("quantity")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in DERIVED:
            raise ValueError(f"there is no derived quantity {value}")
        return value

    @model_validator(mode="after")
    def _one_bound(self) -> Threshold:
        if (self.below is None) == (self.above is None):
            raise ValueError("give either below or above")
        if self.clear is not None and self._beyond(self.clear, open_alert=False):
            raise ValueError("clear lies on the wrong side of the bound")
        return self

    @property
    def lookback_days(self) -> int:
        return self.days

    def quantities(self) -> Iterable[str]:
        return (self.quantity,)

    def entities(self, park: Park, at: datetime) -> list[str]:
        known = {
            Scope.PARK: [park.id],
            Scope.POINT: [p.id for p in park.points],
            Scope.ARRAY: [a.id for a in park.arrays if a.valid_at(at)],
        }[self.scope]
        return [e for e in dict.fromkeys(known) if not self.only or e in self.only]

    def observe(self, entity: str, facts: Facts, moment: Moment, alert: AlertRecord | None) -> Observation:
        window = days_back(moment.day, self.days)
        found = [facts.days.at(self.scope, entity, self.quantity, d) for d in window]
        if any(v.coverage < self.min_coverage or not math.isfinite(v.value) for v in found):
            return MISSING
        value = _STATISTICS[self.statistic]([v.value for v in found])
        bound = self.below if self.below is not None else self.above
        return Observation(
            active=self._beyond(value, open_alert=alert is not None),
            value=value,
            since=day_bounds(window[0], facts.park.zone)[0],
            params={"value": value, "bound": bound or 0.0, "day": moment.day.isoformat(), "days": float(self.days)},
        )

    def _beyond(self, value: float, *, open_alert: bool) -> bool:
        if self.below is not None:
            return value < (self.clear if open_alert and self.clear is not None else self.below)
        bound = self.above if self.above is not None else math.inf
        return value > (self.clear if open_alert and self.clear is not None else bound)
