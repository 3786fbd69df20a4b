"""What every kind of watch promises to the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from core.park import Park
from core.store import AlertRecord
from core.timebase import days_between
from rules.facts import Facts, Moment, judged_at
from rules.lifecycle import Observation

Cadence = Literal["day", "now"]


class Watch(BaseModel, ABC):
    """What a rule looks at and when it calls it wrong. Numeric fields are the rule's parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @property
    def cadence(self) -> Cadence:
        """Say whether closed days are judged or the present."""
        return "day"

    @property
    def after_others(self) -> bool:
        """Say whether it looks at what other rules tell, so that these come first."""
        return False

    @property
    def lookback_days(self) -> int:
        """How many days before the judged one are looked at."""
        return 1

    def quantities(self) -> Iterable[str]:
        """Name the day quantities that are looked at."""
        return ()

    @abstractmethod
    def entities(self, park: Park, at: datetime) -> list[str]:
        """Name the entities that are judged at `at`."""

    @abstractmethod
    def observe(self, entity: str, facts: Facts, moment: Moment, alert: AlertRecord | None) -> Observation:
        """Look at one entity; `alert` is its open alert, for hysteresis."""

    def replay_instants(self, entity: str, facts: Facts, start: datetime, end: datetime) -> list[datetime]:
        """Return the instants in [start, end] at which a replay must look: by default each day's judgement."""
        del entity
        zone = facts.park.zone
        first = start - timedelta(days=2)
        return [t for d in days_between(first, end, zone) if start <= (t := judged_at(d, zone)) <= end]


def text_number(alert: AlertRecord | None, name: str) -> float | None:
    """Return a numeric parameter of an alert."""
    found = (alert.params or {}).get(name) if alert else None
    return float(found) if isinstance(found, int | float) else None


def days_back(day: date, count: int) -> list[date]:
    """Return `count` days that end with `day`, oldest first."""
    return [day - timedelta(days=n) for n in range(count - 1, -1, -1)]
