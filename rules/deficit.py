"""A day that fell short of net zero by clearly more than was to be expected, and what made it so."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from statistics import fmean
from typing import Literal

from pydantic import Field

from core.park import Park, Share
from core.quantities import Scope
from core.rungs import ESTIMATED
from core.store import AlertRecord
from core.timebase import day_bounds, day_of
from core.verdict import MIN_COVERAGE
from core.why import Cause, Why, packed
from rules.facts import DayValue, Facts, Moment
from rules.lifecycle import MISSING, Observation
from rules.watch import Watch, days_back

_USUAL_WITHIN_DAYS = 28
_USUAL_MIN_DAYS = 3
_SATURDAY = 5
_BY_DAYS = ("weather_by_days_kwh", "pv_by_days_kwh", "use_by_days_kwh")
_MARGINS = (
    "rest_kwh", "rest_margin_kwh", "rest_excused_margin_kwh", "left_kwh", "left_margin_kwh", "left_excused_margin_kwh",
    "unknown_margin_kwh", "unplanned_margin_kwh",
)  # fmt: skip


class Deficit(Watch):
    """Net balance of the closed day against zero and against that day's plan.

    A park short of net zero every winter day knows it: only a day worse than its plan by the margin is told. It is a
    warning where more than the margin is left once the weather is taken out; a day that only the clouds made short is
    information, and so is a short day without a plan. Why is what the split of the day says; only where nobody could
    split it is it told by comparable days, as such. Either way negative made the balance worse.
    """

    kind: Literal["deficit"]
    margin_share: Share = Field(0.10, description="of the day's consumption")
    margin_kwh: float = Field(20.0, ge=0.0, description="kWh; the larger of both margins counts")
    min_coverage: Share = MIN_COVERAGE

    @property
    def lookback_days(self) -> int:
        return _USUAL_WITHIN_DAYS + 1

    def quantities(self) -> Iterable[str]:
        return ("net_balance_kwh", "plan_net_balance_kwh", "load_kwh", "generation_kwh", "expected_kwh")

    def entities(self, park: Park, at: datetime) -> list[str]:
        del at
        return [park.id]

    def observe(self, entity: str, facts: Facts, moment: Moment, alert: AlertRecord | None) -> Observation:
        del entity
        net, load, plan = (_of(facts, moment.day, q) for q in ("net_balance_kwh", "load_kwh", "plan_net_balance_kwh"))
        if not (self._is_known(net) and math.isfinite(load.value)):
            return MISSING
        margin_kwh = max(self.margin_share * load.value, self.margin_kwh)
        if not _is_short(net.value, plan.value, margin_kwh):
            return Observation(active=False)
        zone = facts.park.zone
        first = day_of(alert.active_at, zone) if alert else moment.day
        planned = _against_plan(plan.value, net.value)
        split = facts.explained.of(moment.day) if math.isfinite(plan.value) else None
        causes = {} if split else self._causes(facts, moment.day, net.value - plan.value)
        excused_kwh = split.excused_kwh if split else causes.get("weather_by_days_kwh", 0.0)
        own_kwh = net.value - plan.value - excused_kwh  # negative made it worse
        warned = own_kwh < -margin_kwh  # not so without a plan, where it is NaN
        return Observation(
            active=True,
            value=net.value,
            severity="warning" if warned else "info",
            since=day_bounds(moment.day, zone)[0],
            params={
                "day": moment.day.isoformat(),
                "deficit_kwh": -net.value,
                "load_kwh": load.value,
                **_known("generation_kwh", _of(facts, moment.day, "generation_kwh").value),
                **_known("expected_kwh", _of(facts, moment.day, "expected_kwh").value),
                **planned,
                **dict.fromkeys(_BY_DAYS, ""),
                **causes,
                "day_why": packed(_without_storage(split, plan.value, net.value)) if split else "",
                **_severity(own_kwh, margin_kwh, warned=warned, split=split is not None, weather_known=bool(causes)),
                "first_day": first.isoformat(),
                "to_day": moment.day.isoformat() if moment.day > first else "",
                "total_kwh": -math.fsum(self._balances(facts, first, moment.day)),
            },
        )

    def _causes(self, facts: Facts, day: date, difference_kwh: float) -> dict[str, float]:
        """Return what made the day differ from its plan, in kWh, negative where it made it worse; empty if unknown.

        Consumption: the mean of comparable days, less the day's. PV: generated less expected under the day's own
        measured sun. Weather is what is left: sun and season.
        """
        expected, made = _of(facts, day, "expected_kwh"), _of(facts, day, "generation_kwh")
        usual = [v.value for d in _comparable(day) if self._is_known(v := _of(facts, d, "load_kwh"))]
        measured = self._is_known(expected) and ESTIMATED.isdisjoint(expected.reasons)
        if not (measured and math.isfinite(difference_kwh) and len(usual) >= _USUAL_MIN_DAYS):
            return {}
        pv_kwh = made.value - expected.value
        use_kwh = fmean(usual) - _of(facts, day, "load_kwh").value
        return dict(zip(_BY_DAYS, (difference_kwh - pv_kwh - use_kwh, pv_kwh, use_kwh), strict=True))

    def _balances(self, facts: Facts, first: date, last: date) -> Iterable[float]:
        days = days_back(last, (last - first).days + 1)
        return (v.value for d in days if self._is_known(v := _of(facts, d, "net_balance_kwh")))

    def _is_known(self, found: DayValue) -> bool:
        return math.isfinite(found.value) and found.coverage >= self.min_coverage


def _of(facts: Facts, day: date, quantity: str) -> DayValue:
    return facts.days.at(Scope.PARK, facts.park.id, quantity, day)


def _is_short(net_kwh: float, plan_kwh: float, margin_kwh: float) -> bool:
    if math.isfinite(plan_kwh):
        return net_kwh < 0 and plan_kwh - net_kwh > margin_kwh
    return net_kwh < -margin_kwh


def _comparable(day: date) -> list[date]:
    """Return the days before that are workdays or weekends like this one."""
    before = days_back(day - timedelta(days=1), _USUAL_WITHIN_DAYS)
    return [d for d in before if (d.weekday() >= _SATURDAY) == (day.weekday() >= _SATURDAY)]


def _against_plan(plan_kwh: float, net_kwh: float) -> dict[str, float | str]:
    # An alert keeps parameters that are not given anew, so what is no longer known is given as empty.
    if not math.isfinite(plan_kwh):
        return {"plan_kwh": "", "beyond_kwh": ""}
    return {"plan_kwh": plan_kwh, "beyond_kwh": plan_kwh - net_kwh}


def _without_storage(split: Why, plan_kwh: float, net_kwh: float) -> Why:
    """Return a split of generation less consumption: what storage kept is no part of that."""
    parts = tuple(p for p in split.parts if p.cause is not Cause.STORAGE)
    return replace(split, plan_kwh=plan_kwh, actual_kwh=net_kwh, parts=parts)


def _severity(
    own_kwh: float, margin_kwh: float, *, warned: bool, split: bool, weather_known: bool
) -> dict[str, float | str]:
    """Return what its words say of the severity: one name holds the margin, the others are empty."""
    none: dict[str, float | str] = dict.fromkeys(_MARGINS, "")
    if not math.isfinite(own_kwh):
        return none | {"unplanned_margin_kwh": margin_kwh}
    if split:
        return none | {"left_kwh": own_kwh, "left_margin_kwh" if warned else "left_excused_margin_kwh": margin_kwh}
    if not weather_known:
        return none | {"unknown_margin_kwh": margin_kwh}
    return none | {"rest_kwh": own_kwh, "rest_margin_kwh" if warned else "rest_excused_margin_kwh": margin_kwh}


def _known(name: str, value: float) -> dict[str, float | str]:
    return {name: value if math.isfinite(value) else ""}
