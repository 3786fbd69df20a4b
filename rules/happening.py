"""Events of the data themselves that a person should look at."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from core.park import Park
from core.quality import Event
from core.store import AlertRecord
from rules.facts import Facts, Happened, Moment
from rules.lifecycle import Observation
from rules.watch import Cadence, Watch

_AROUND = timedelta(days=2)  # a written change of device this near an event explains it


class Happening(Watch):
    """An event of one of the codes within the last days.

    With `confirmed_by_device` it ends as soon as the park description has a device that begins or ends near it.
    """

    kind: Literal["event"]
    codes: tuple[str, ...]
    within_days: float = Field(14.0, gt=0.0)
    min_hours: float = Field(0.0, ge=0.0, description="shorter events are passed over")
    confirmed_by_device: bool = False

    @property
    def cadence(self) -> Cadence:
        return "now"

    @property
    def lookback_days(self) -> int:
        return int(self.within_days) + 1

    def entities(self, park: Park, at: datetime) -> list[str]:
        del at
        return [park.id, *(p.id for p in park.points), *dict.fromkeys(a.id for a in park.arrays)]

    def observe(self, entity: str, facts: Facts, moment: Moment, alert: AlertRecord | None) -> Observation:
        del alert
        oldest = moment.at - timedelta(days=self.within_days)
        count, newest = self._mine(entity, facts).within(oldest, moment.at)
        if newest is None:
            return Observation(active=False)
        return Observation(
            active=True,
            value=float(count),
            since=newest.start,
            params={
                **newest.params,
                "code": newest.code,
                "event_at": newest.start.isoformat(),
                "event_end_at": newest.end.isoformat(),
                "count": float(count),
            },
        )

    def replay_instants(self, entity: str, facts: Facts, start: datetime, end: datetime) -> list[datetime]:
        """Look when an event has just happened, when it is too old, and at the end."""
        too_old = timedelta(days=self.within_days, seconds=1)
        edges = [t for e in self._mine(entity, facts).by_start for t in (e.start, e.end + too_old)]
        return sorted({t for t in (*edges, end) if start <= t <= end})

    def _mine(self, entity: str, facts: Facts) -> Happened:
        kind = (entity, self.codes, self.min_hours, self.confirmed_by_device)
        if kind not in facts.happened:
            facts.happened[kind] = Happened.of(
                e
                for e in facts.events.get(entity, ())
                if e.code in self.codes
                and e.end - e.start >= timedelta(hours=self.min_hours)
                and not (self.confirmed_by_device and _confirmed(e, facts.park))
            )
        return facts.happened[kind]


def _confirmed(event: Event, park: Park) -> bool:
    edges = (t for p, d in park.assignments() if p.id == event.entity for t in (d.valid_from, d.valid_to))
    return any(t and event.start - _AROUND <= t <= event.end + _AROUND for t in edges)
