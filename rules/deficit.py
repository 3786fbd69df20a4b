"""A day that fell short of net zero by clearly more than was to be expected."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, datetime
from typing import Literal

from pydantic import Field

from core.park import Park, Share
from core.quantities import Scope
from core.store import AlertRecord
from core.timebase import day_bounds
from core.verdict import MIN_COVERAGE
from rules.facts import DayValue, Facts, Moment
from rules.lifecycle import MISSING, Observation
from rules.watch import Watch


class Deficit(Watch):
    """Net balance of the closed day against zero and against that day's plan.

    A park short of net zero every winter day knows it: only a day worse than its plan by the margin is told. Without
    a plan there is nothing to be worse than, and a short day is information.
    """

    kind: Literal["deficit"]
    margin_share: Share = Field(0.10, description="of the day's consumption")
    margin_kwh: float = Field(20.0, ge=0.0, description="kWh; the larger of both margins counts")
    min_coverage: Share = MIN_COVERAGE

    def quantities(self) -> Iterable[str]:
        return ("net_balance_kwh", "plan_net_balance_kwh", "load_kwh", "generation_kwh", "expected_kwh")

    def entities(self, park: Park, at: datetime) -> list[str]:
        del at
        return [park.id]

    def observe(self, entity: str, facts: Facts, moment: Moment, alert: AlertRecord | None) -> Observation:
        del alert

        def of(quantity: str) -> DayValue:
            return facts.days.at(Scope.PARK, entity, quantity, moment.day)

        net, load = of("net_balance_kwh"), of("load_kwh").value
        if net.coverage < self.min_coverage or not math.isfinite(net.value) or not math.isfinite(load):
            return MISSING
        plan_kwh = of("plan_net_balance_kwh").value
        margin_kwh = max(self.margin_share * load, self.margin_kwh)
        return Observation(
            active=_is_short(net.value, plan_kwh, margin_kwh),
            value=net.value,
            severity="warning" if math.isfinite(plan_kwh) else "info",
            since=day_bounds(moment.day, facts.park.zone)[0],
            params=_params(moment.day, net.value, plan_kwh)
            | {f"{n}_kwh": v for n in ("load", "generation", "expected") if math.isfinite(v := of(f"{n}_kwh").value)},
        )


def _is_short(net_kwh: float, plan_kwh: float, margin_kwh: float) -> bool:
    if math.isfinite(plan_kwh):
        return net_kwh < 0 and plan_kwh - net_kwh > margin_kwh
    return net_kwh < -margin_kwh


def _params(day: date, net_kwh: float, plan_kwh: float) -> dict[str, float | str]:
    # An alert keeps parameters that are not given anew, so what is no longer known is given as empty.
    return {
        "day": day.isoformat(),
        "deficit_kwh": -net_kwh,
        "plan_kwh": plan_kwh if math.isfinite(plan_kwh) else "",
        "beyond_kwh": plan_kwh - net_kwh if math.isfinite(plan_kwh) else "",
    }
