"""Faults of the arrays that the search for them put on record, where no other rule tells them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from core.findings import Fault, Finding
from core.park import Park
from core.store import AlertRecord
from core.timebase import day_of
from rules.facts import Facts, Moment
from rules.lifecycle import Observation
from rules.watch import Cadence, Watch


class Found(Watch):
    """A finding of one of the codes that goes on and costs enough; of several the one that costs most.

    It is not told while one of the rules `unless` has an alert open on the same array: that is the same trouble.
    """

    kind: Literal["finding"]
    codes: tuple[Fault, ...]
    min_lost: float = Field(
        0.0, ge=0.0, description="kWh per kWp of the arrays behind it; cheaper ones are passed over"
    )
    unless: tuple[str, ...] = Field((), description="rules that tell the same trouble in their own words")

    @property
    def cadence(self) -> Cadence:
        return "now"

    @property
    def after_others(self) -> bool:
        return True

    def entities(self, park: Park, at: datetime) -> list[str]:
        del at
        return [*(p.id for p in park.points), *dict.fromkeys(a.id for a in park.arrays)]

    def observe(self, entity: str, facts: Facts, moment: Moment, alert: AlertRecord | None) -> Observation:
        del alert
        same = (entity, *(a.id for a in facts.park.arrays_of(entity)))  # arrays behind one meter are found together
        if any(facts.is_told(f"{rule}/{each}", moment.at) for rule in self.unless for each in same):
            return Observation(active=False)
        least = self.min_lost * _peak_kwp(facts.park, entity, moment.at)
        goes_on = [f for f in facts.findings.get(entity, ()) if f.code in self.codes and f.start <= moment.at]
        found = [f for f in goes_on if f.end is None and f.lost_kwh >= least]
        if not found:
            return Observation(active=False)
        worst = max(found, key=lambda f: f.lost_kwh)
        return Observation(active=True, value=worst.lost_kwh, since=worst.start, params=_said(worst, facts.park))

    def replay_instants(self, entity: str, facts: Facts, start: datetime, end: datetime) -> list[datetime]:
        """Look at the end only: what was known of a fault while it went on is not on record."""
        del entity, facts
        return [end] if start <= end else []


def _said(finding: Finding, park: Park) -> dict[str, float | str]:
    what = finding.picture.facts.get("what", "")
    costs: dict[str, float | str] = {"lost_kwh": finding.lost_kwh if finding.lost_kwh > 0 else ""}
    if finding.lost_money:
        costs |= {"lost_money": finding.lost_money, "currency": finding.currency}
    return {
        "code_fault": finding.code.value,
        "code_remedy": finding.code.value,
        "since_day": day_of(finding.start, park.zone).isoformat(),
        "what": what if isinstance(what, str) else "",
        **costs,
    }


def _peak_kwp(park: Park, entity: str, at: datetime) -> float:
    """Return the peak power of an array, or of the arrays behind a point."""
    return sum(a.dc_kwp for a in park.arrays if entity in (a.id, a.point) and a.valid_at(at))
