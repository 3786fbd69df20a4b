"""A monthly ratio, to date, against the park's own tiers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from pydantic import Field

from core.park import Park, Share
from core.park import Target as Tiers
from core.quantities import Scope
from core.store import AlertRecord
from core.timebase import day_bounds, month_bounds
from core.verdict import MIN_COVERAGE, Tier, target_for, tier_of
from rules.facts import Facts, Moment
from rules.lifecycle import MISSING, Observation
from rules.watch import Watch, days_back

# ratio -> (numerator, denominator), both park amounts in kWh
_PARTS = {
    "self_sufficiency": ("self_consumed_kwh", "load_kwh"),
    "self_consumption": ("self_consumed_kwh", "generation_kwh"),
    "net_zero_ratio": ("generation_kwh", "load_kwh"),
}
_SEVERITY = {Tier.YELLOW: "info", Tier.RED: "warning"}


class TargetTier(Watch):
    """Month-to-date ratio below its target, from the closed days of the month so far.

    Judged from the days rather than from the stored month, so that a past day can be judged as it was that evening.
    """

    kind: Literal["target"]
    quantity: Literal["self_sufficiency", "self_consumption", "net_zero_ratio"] = "self_sufficiency"
    first_day: int = Field(3, ge=1, le=28, description="day of the month from which on the month is judged")
    clear_margin: Share = Field(0.005, description="an open alert ends this far above green")
    min_coverage: Share = MIN_COVERAGE

    @property
    def lookback_days(self) -> int:
        return 31

    def quantities(self) -> Iterable[str]:
        return _PARTS[self.quantity]

    def entities(self, park: Park, at: datetime) -> list[str]:
        return [park.id] if target_for(park, self.quantity, at) else []

    def observe(self, entity: str, facts: Facts, moment: Moment, alert: AlertRecord | None) -> Observation:
        month = f"{moment.day:%Y-%m}"
        told = (alert.params or {}).get("month") if alert else None
        if told is not None and told != month:
            return Observation(active=False)  # its month is over; the new one starts afresh
        start = day_bounds(moment.day, facts.park.zone)[0]
        tiers = target_for(facts.park, self.quantity, start)
        sums = _to_date(facts, entity, moment.day, *_PARTS[self.quantity])
        if tiers is None or moment.day.day < self.first_day or sums.coverage < self.min_coverage:
            return MISSING
        ratio = sums.part_kwh / sums.whole_kwh if sums.whole_kwh > 0 else math.nan
        tier = tier_of(ratio, tiers.green, tiers.yellow)
        if tier is Tier.UNKNOWN:
            return MISSING
        below = ratio < tiers.green + (self.clear_margin if alert else 0.0)
        return Observation(
            active=below,
            value=ratio,
            severity=_SEVERITY.get(tier, "info"),
            since=month_bounds(moment.day.year, moment.day.month, facts.park.zone)[0],
            params=_params(moment.day, tier, tiers, ratio, sums.whole_kwh),
        )


@dataclass(frozen=True)
class _Sums:
    part_kwh: float
    whole_kwh: float
    coverage: float


def _to_date(facts: Facts, entity: str, day: date, part: str, whole: str) -> _Sums:
    parts = wholes = covered = 0.0
    for each in days_back(day, day.day):
        p, w = (facts.days.at(Scope.PARK, entity, q, each) for q in (part, whole))
        if math.isfinite(p.value) and math.isfinite(w.value):
            parts, wholes = parts + p.value, wholes + w.value
            covered += min(p.coverage, w.coverage)
    return _Sums(parts, wholes, covered / day.day)


def _params(day: date, tier: Tier, tiers: Tiers, ratio: float, whole_kwh: float) -> dict[str, float | str]:
    return {
        "month": f"{day:%Y-%m}",
        "day": day.isoformat(),
        "tier": tier.value,
        "ratio": ratio,
        "target_ratio": tiers.green,
        "short_kwh": max(0.0, (tiers.green - ratio) * whole_kwh),
    }
