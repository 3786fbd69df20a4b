"""Everything a view needs of the store, in a handful of queries, ready to be looked up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.park import Park
from core.quantities import Period, Scope
from core.store import Store
from core.text import Language
from core.timebase import SLOT, day_bounds, day_of, days_between, month_bounds, month_of
from dashboards.views.habits import Habits, Loads

_Key: TypeAlias = tuple[str, str, str]  # scope, entity, quantity
_Places: TypeAlias = npt.NDArray[np.intp]

COVERAGE_DAYS = 30
LATE_SLOTS = 2  # the newest slots may still be on their way: not yet a gap
TELLS_COVERAGE = ("import_kwh", "export_kwh")
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
    """Stored values of one period length, looked up by scope, entity, quantity and start.

    A series is made into rows when it is looked up first: a large park has many that a view never asks for.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        # Plain arrays: asked a thousand times, pandas' own indexing would be most of the work.
        code, starts = pd.factorize(frame["start"].to_numpy("datetime64[us]"))
        instants = np.empty(len(starts), dtype="object")
        instants[:] = [t.replace(tzinfo=UTC) for t in starts.tolist()]
        self._starts = instants[code]
        self._columns = [frame[c].to_numpy() for c in ("value", "coverage", "estimated", "reasons")]
        self._places = _places(frame)
        self._made: dict[_Key, dict[datetime, Row]] = {}

    def __bool__(self) -> bool:
        return bool(self._places)

    def series(self, scope: Scope, entity: str, quantity: str) -> Mapping[datetime, Row]:
        """Return start -> row; empty where nothing is stored."""
        key = (scope.value, entity, quantity)
        if key not in self._made:
            self._made[key] = self._rows(self._places[key]) if key in self._places else {}
        return self._made[key]

    def _rows(self, places: _Places) -> dict[datetime, Row]:
        starts, *columns = (c[places].tolist() for c in (self._starts, *self._columns))
        return dict(zip(starts, map(Row._make, zip(*columns, strict=True)), strict=True))

    def coverages(self, scope: Scope, entity: str, quantity: str) -> Mapping[datetime, float]:
        """Return start -> measured share, for who asks nothing else of hundreds of meters."""
        places = self._places.get((scope.value, entity, quantity))
        if places is None:
            return {}
        return dict(zip(self._starts[places].tolist(), self._columns[1][places].tolist(), strict=True))

    def row(self, scope: Scope, entity: str, quantity: str, start: datetime) -> Row:
        """Return one row, UNKNOWN where it is not there."""
        return self.series(scope, entity, quantity).get(start, UNKNOWN)

    def quantities(self, scope: Scope, entity: str) -> list[str]:
        """Return what is stored of one entity."""
        return [q for s, e, q in self._places if s == scope.value and e == entity]

    def last_start(self, quantities: Iterable[str]) -> datetime | None:
        """Return the newest start at which a park-wide value of these quantities is known."""
        wanted = set(quantities)
        starts = (
            start
            for scope, entity, name in self._places
            if scope == Scope.PARK.value and name in wanted
            for start, row in self.series(Scope.PARK, entity, name).items()
            if row.known
        )
        return max(starts, default=None)


def _places(frame: pd.DataFrame) -> dict[_Key, _Places]:
    """Return where the rows of every series stand."""
    columns = [pd.factorize(frame[c].to_numpy(dtype="object")) for c in ("scope", "entity", "quantity")]
    code = np.zeros(len(frame), dtype=np.int64)
    for codes, names in columns:
        code = code * (len(names) + 1) + codes
    order = np.argsort(code, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(code[order])) + 1) if len(order) else []
    firsts = np.array([group[0] for group in groups], dtype=np.int64)
    keys = zip(*(names[codes[firsts]].tolist() for codes, names in columns), strict=True)
    return dict(zip(keys, groups, strict=True))


@dataclass(frozen=True)
class ViewData:
    """One look at the store at one instant, in the park's own calendar."""

    park: Park
    language: Language
    now: datetime
    slots: Table  # today and yesterday, whole park
    days: Table
    months: Table
    latest: pd.DataFrame
    loads: Loads

    @property
    def day(self) -> date:
        """Today, as the park's calendar has it."""
        return day_of(self.now, self.park.zone)

    def bounds(self, day: date) -> tuple[datetime, datetime]:
        """Return the instants a local day begins and ends."""
        return _bounds(day, self.park.timezone)

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


@lru_cache(maxsize=512)
def _bounds(day: date, zone: str) -> tuple[datetime, datetime]:
    """Return the instants of a day; a view of a large park asks for the same ones thousands of times."""
    return day_bounds(day, ZoneInfo(zone))


def load(park: Park, store: Store, now: datetime, language: Language, habits: Habits | None = None) -> ViewData:
    """Ask the store for all that the overview shows; who asks again and again keeps the habits."""
    zone = park.zone
    today = day_of(now, zone)
    month_start, _ = month_bounds(*month_of(now, zone), zone)
    previous_start, _ = month_bounds(*month_of(month_start - timedelta(days=1), zone), zone)
    coverage_start, _ = day_bounds(today - timedelta(days=COVERAGE_DAYS - 1), zone)
    yesterday, _ = day_bounds(today - timedelta(days=1), zone)
    end = now + SLOT
    park_slots = store.slots(
        Period.SLOT, yesterday, end, scope=Scope.PARK.value, entities=[park.id], quantities=PARK_SLOT_QUANTITIES
    )
    return ViewData(
        park=park,
        language=language,
        now=now,
        slots=Table(park_slots),
        days=Table(_days(park, store, min(previous_start, coverage_start), coverage_start, end)),
        months=Table(store.slots(Period.MONTH, previous_start, end, scope=Scope.PARK.value)),
        latest=store.latest(),
        loads=(habits or Habits()).loads(park, store, now),
    )


def _days(park: Park, store: Store, start: datetime, coverage_start: datetime, end: datetime) -> pd.DataFrame:
    """Return days of the park, its arrays and sensors, and of hundreds of meters only how well they are measured."""
    few = [park.id, *(a.id for a in park.arrays), *(p.id for p in park.by_role("weather"))]
    parts = [
        store.slots(Period.DAY, start, end, entities=few),
        store.slots(Period.DAY, coverage_start, end, scope=Scope.POINT.value, quantities=TELLS_COVERAGE),
    ]
    return pd.concat([p for p in parts if len(p)] or parts[:1], ignore_index=True)
