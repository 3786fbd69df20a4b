"""A month that will probably miss net zero, told while there is time to act."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Literal

from pydantic import Field, model_validator

from core.park import Park, Share
from core.quantities import Scope
from core.store import AlertRecord
from core.timebase import day_bounds, month_bounds
from rules.facts import Facts, Moment
from rules.lifecycle import MISSING, Observation
from rules.watch import Watch

_NET = ("outlook_net_p10_kwh", "outlook_net_p50_kwh", "outlook_net_p90_kwh")
_MISS, _PLAN = "outlook_miss_probability", "outlook_plan_kwh"


class MonthForeseen(Watch):
    """Probability, as known at the end of the closed day, that the month its next day lies in misses net zero.

    It is a warning where the month's plan was to reach net zero; a month planned short, as winters are, is information,
    and only where it will probably be shorter than planned. Months too far gone to change are not told anew.
    """

    kind: Literal["outlook"]
    probability: Share = Field(0.80, description="from which on it is told")
    clear_probability: Share = Field(0.60, description="an open alert ends below it")
    days_left: int = Field(3, ge=1, le=28, description="with fewer days left no alert begins")

    @model_validator(mode="after")
    def _ordered(self) -> MonthForeseen:
        if self.clear_probability > self.probability:
            raise ValueError("clear_probability must not be above probability")
        return self

    def quantities(self) -> Iterable[str]:
        return (*_NET, _MISS, _PLAN)

    def entities(self, park: Park, at: datetime) -> list[str]:
        del at
        return [park.id] if park.by_role("pv") else []  # without PV nobody aims at net zero

    def observe(self, entity: str, facts: Facts, moment: Moment, alert: AlertRecord | None) -> Observation:
        ahead = moment.day + timedelta(days=1)
        month = f"{ahead:%Y-%m}"
        told = (alert.params or {}).get("month") if alert else None
        if told is not None and told != month:
            return Observation(active=False)  # its month is over; the new one starts afresh
        low, middle, high, miss, plan = (
            facts.days.at(Scope.PARK, entity, q, moment.day).value for q in (*_NET, _MISS, _PLAN)
        )
        if not math.isfinite(miss):
            return MISSING
        zone = facts.park.zone
        left = _days_left(ahead)
        worse = not (plan < 0 and middle >= plan)  # a month planned short of net zero may be as short as planned
        begins = miss >= self.probability and left >= self.days_left and worse
        active = miss >= self.clear_probability if alert else begins
        return Observation(
            active=active,
            value=miss,
            severity="info" if plan < 0 else "warning",
            since=max(month_bounds(ahead.year, ahead.month, zone)[0], day_bounds(moment.day, zone)[1]),
            params={
                "month": month,
                "day": moment.day.isoformat(),
                "miss_ratio": min(miss, 0.99),
                "low_kwh": low,
                "net_kwh": middle,
                "high_kwh": high,
                "left_days": left,
                "plan_kwh": plan if math.isfinite(plan) else "",
            },
        )


def _days_left(day: date) -> int:
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return (following - day).days
