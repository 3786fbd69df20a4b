"""Everything a view needs of the store, in a handful of queries, ready to be looked up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

import pandas as pd

from core.park import Park
from core.quantities import Period, Scope
from core.store import Store
from core.text import Language
from core.timebase import SLOT, day_bounds, day_of, days_between, month_bounds, month_of

COVERAGE_DAYS = 30
PROFILE_DAYS = 14  # two weeks hold ten workdays and four weekend days
LATE_SLOTS = 2  # the newest slots may still be on their way: not yet a gap
PARK_SLOT_QUANTITIES = (
    "generation_kwh",
    "expected_kwh",
    "load_kwh",
    "import_kwh",
    "export_kwh",
    "self_consumed_kwh",
    "charge_kwh",
    "discharge_kwh",
)


class Row(NamedTuple):
    """One stored value; `value` is NaN where nothing is known. A tuple: the page makes ten thousand of them."""

    value: float = math.nan
    coverage: float = 0.0
    estimated: float = 0.0
    reasons: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a number."""
        return math.isfinite(self.value)


UNKNOWN = Row()


class Table:
    """Stored values of one period length, looked up by scope, entity, quantity and start."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._series: dict[tuple[str, str, str], dict[datetime, Row]] = {}
        columns = (frame[c].tolist() for c in frame.columns)
        by_name = dict(zip(frame.columns, columns, strict=True))
        rows = zip(by_name["value"], by_name["coverage"], by_name["estimated"], by_name["reasons"], strict=True)
        keys = zip(by_name["scope"], by_name["entity"], by_name["quantity"], strict=True)
        for key, start, row in zip(keys, by_name["start"], rows, strict=True):
            self._series.setdefault(key, {})[start] = Row._make(row)

    def __bool__(self) -> bool:
        return bool(self._series)

    def series(self, scope: Scope, entity: str, quantity: str) -> Mapping[datetime, Row]:
        """Return start -> row; empty where nothing is stored."""
        return self._series.get((scope.value, entity, quantity), {})

    def row(self, scope: Scope, entity: str, quantity: str, start: datetime) -> Row:
        """Return one row, UNKNOWN where it is not there."""
        return self.series(scope, entity, quantity).get(start, UNKNOWN)

    def quantities(self, scope: Scope, entity: str) -> list[str]:
        """Return what is stored of one entity."""
        return [q for s, e, q in self._series if s == scope.value and e == entity]

    def last_start(self, quantities: Iterable[str]) -> datetime | None:
        """Return the newest start at which a park-wide value of these quantities is known."""
        wanted = set(quantities)
        starts = (
            start
            for (scope, _, name), rows in self._series.items()
            if scope == Scope.PARK.value and name in wanted
            for start, row in rows.items()
            if row.known
        )
        return max(starts, default=None)


@dataclass(frozen=True)
class ViewData:
    """One look at the store at one instant, in the park's own calendar."""

    park: Park
    language: Language
    now: datetime
    slots: Table  # today and yesterday, whole park; load points further back
    days: Table
    months: Table
    latest: pd.DataFrame

    @property
    def day(self) -> date:
        """Today, as the park's calendar has it."""
        return day_of(self.now, self.park.zone)

    def bounds(self, day: date) -> tuple[datetime, datetime]:
        """Return the instants a local day begins and ends."""
        return day_bounds(day, self.park.zone)

    @property
    def month(self) -> tuple[datetime, datetime]:
        """The running local month."""
        return month_bounds(*month_of(self.now, self.park.zone), self.park.zone)

    def park_day(self, quantity: str, day: date) -> Row:
        """Return a whole-park value of one local day."""
        return self.days.row(Scope.PARK, self.park.id, quantity, self.bounds(day)[0])

    def park_month(self, quantity: str) -> Row:
        """Return a whole-park value of the running month, to date."""
        return self.months.row(Scope.PARK, self.park.id, quantity, self.month[0])

    def elapsed_days(self) -> list[date]:
        """Return the days of the running month up to and with today."""
        start, end = self.month[0], self.now + timedelta(microseconds=1)
        return days_between(start, end, self.park.zone)

    @property
    def empty(self) -> bool:
        """Whether nothing was ever stored that a person could look at."""
        return self.latest.empty


def load(park: Park, store: Store, now: datetime, language: Language) -> ViewData:
    """Ask the store for all that the overview shows."""
    zone = park.zone
    today = day_of(now, zone)
    month_start, _ = month_bounds(*month_of(now, zone), zone)
    previous_start, _ = month_bounds(*month_of(month_start - timedelta(days=1), zone), zone)
    coverage_start, _ = day_bounds(today - timedelta(days=COVERAGE_DAYS - 1), zone)
    yesterday, _ = day_bounds(today - timedelta(days=1), zone)
    profile_start, _ = day_bounds(today - timedelta(days=PROFILE_DAYS), zone)
    end = now + SLOT
    park_slots = store.slots(
        Period.SLOT, yesterday, end, scope=Scope.PARK.value, entities=[park.id], quantities=PARK_SLOT_QUANTITIES
    )
    loads = [p.id for p in park.by_role("load")]
    load_slots = store.slots(
        Period.SLOT, profile_start, end, scope=Scope.POINT.value, entities=loads, quantities=["load_kwh"]
    )
    return ViewData(
        park=park,
        language=language,
        now=now,
        slots=Table(pd.concat([park_slots, load_slots], ignore_index=True)),
        days=Table(store.slots(Period.DAY, min(previous_start, coverage_start), end)),
        months=Table(store.slots(Period.MONTH, previous_start, end, scope=Scope.PARK.value)),
        latest=store.latest(),
    )
