"""What rules look at: day values, last readings and events, asked of the stores once per evaluation."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias, TypeVar
from zoneinfo import ZoneInfo

import pandas as pd

from core.findings import Finding
from core.frames import instant
from core.park import DeviceAssignment, Park, Point
from core.quality import Event, Reason
from core.quantities import Period, Scope
from core.store import AlertRecord, Store
from core.timebase import day_bounds, day_of
from core.why import Why

GRACE = timedelta(minutes=30)  # how long after local midnight late readings of the closed day are waited for
LONG_AGO = datetime.min.replace(tzinfo=UTC)
Span: TypeAlias = tuple[datetime, datetime]
OfEntity = TypeVar("OfEntity", Event, Finding)
_SILENT_EVENTS = (Reason.GAP.value, Reason.MISSING.value)


@dataclass(frozen=True, slots=True)
class DayValue:
    """One day's value of one series; NaN where nothing is known."""

    value: float
    coverage: float
    reasons: frozenset[str]


UNKNOWN_DAY = DayValue(math.nan, 0.0, frozenset())


class DayTable:
    """Values by series and local day."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._rows: dict[tuple[str, str, str], dict[date, DayValue]] = {}

    def add(self, slots: pd.DataFrame) -> None:
        """Take in a SLOTS frame of days."""
        days = slots["start"].dt.tz_convert(self._zone).dt.date
        columns = (slots[c] for c in ("scope", "entity", "quantity", "value", "coverage", "reasons"))
        for day, scope, entity, quantity, value, coverage, reasons in zip(days, *columns, strict=True):
            series = self._rows.setdefault((scope, entity, quantity), {})
            series[day] = DayValue(float(value), float(coverage), frozenset(str(reasons).split()))

    def at(self, scope: Scope, entity: str, quantity: str, day: date) -> DayValue:
        """Return one value, UNKNOWN_DAY where there is none."""
        return self._rows.get((scope.value, entity, quantity), {}).get(day, UNKNOWN_DAY)


# Who is metered, and since when those are silent that are.
Silent = tuple[Sequence[tuple[Point, DeviceAssignment]], Mapping[str, datetime]]


Explain = Callable[[date, date], Mapping[date, Why]]  # first and last local day -> the days that could be split


class Explained:
    """Why days differ from their plan, asked for a month at a time and only where a rule wants to know."""

    def __init__(self, explain: Explain | None, first: date, last: date) -> None:
        self._explain, self._first, self._last = explain, first, last
        self._known: dict[tuple[date, date], Mapping[date, Why]] = {}

    def of(self, day: date) -> Why | None:
        """Return why a day differs from its plan; None where nobody can say."""
        if self._explain is None:
            return None
        span = (day, day)  # a day outside what is judged is asked for alone
        if self._first <= day <= self._last:
            first = day.replace(day=1)
            end = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
            span = max(first, self._first), min(end, self._last)
        if span not in self._known:
            self._known[span] = self._explain(*span)
        return self._known[span].get(day)


@dataclass(frozen=True)
class Happened:
    """Events of one kind and entity, put in order so that a meter with thousands of them is judged as quickly."""

    by_start: Sequence[Event]
    ends: Sequence[datetime]

    @classmethod
    def of(cls, events: Iterable[Event]) -> Happened:
        """Put them in order."""
        by_start = sorted(events, key=lambda e: e.start)
        return cls(by_start, sorted(e.end for e in by_start))

    def within(self, oldest: datetime, at: datetime) -> tuple[int, Event | None]:
        """Return how many began by `at` and lasted until `oldest` or longer, and which of them began last."""
        begun = bisect_right(self.by_start, at, key=lambda e: e.start)
        count = begun - bisect_left(self.ends, oldest)
        last_first = (self.by_start[n] for n in range(begun - 1, -1, -1)) if count else ()
        newest = next((e for e in last_first if e.end >= oldest), None)
        return count, newest


@dataclass(frozen=True)
class Facts:
    """Everything one evaluation or replay judges by."""

    park: Park
    days: DayTable
    heard: Mapping[str, datetime] = field(default_factory=dict)  # device -> its newest reading
    events: Mapping[str, Sequence[Event]] = field(default_factory=dict)  # by entity
    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict)  # by entity, as held now
    silences: Mapping[str, Sequence[Span]] = field(default_factory=dict)  # point -> when it sent nothing
    listening_since: datetime = LONG_AGO  # before it, silence may have been our own
    explained: Explained = field(default_factory=lambda: Explained(None, date.max, date.min))
    watching_since: datetime | None = None  # first evaluation ever: a device never heard is silent since then
    silent: dict[tuple[float, float, datetime], Silent] = field(
        default_factory=dict, compare=False
    )  # found out already
    happened: dict[tuple[object, ...], Happened] = field(default_factory=dict, compare=False)  # looked up already
    told: dict[str, list[AlertRecord]] = field(default_factory=dict, compare=False)  # by fingerprint, so far

    def tell(self, alerts: Iterable[AlertRecord]) -> None:
        """Take down what a rule tells, for the rules that come after it."""
        for alert in alerts:
            self.told.setdefault(alert.fingerprint, []).append(alert)

    def is_told(self, fingerprint: str, at: datetime) -> bool:
        """Say whether an alert was firing at an instant, as far as it was judged yet."""
        fired = ((a.fired_at, a.resolved_at) for a in self.told.get(fingerprint, ()))
        return any(start is not None and start <= at and (end is None or end > at) for start, end in fired)


@dataclass(frozen=True)
class Moment:
    """The instant of a judgement and the last local day that was closed then."""

    at: datetime
    day: date


def closed_day(at: datetime, zone: ZoneInfo) -> date:
    """Return the last local day that is over for at least GRACE."""
    return day_of(at - GRACE, zone) - timedelta(days=1)


def judged_at(day: date, zone: ZoneInfo) -> datetime:
    """Return the nominal instant at which a closed day is judged."""
    return day_bounds(day, zone)[1] + GRACE


def moment(at: datetime, zone: ZoneInfo) -> Moment:
    """Return the moment of a judgement at `at`."""
    return Moment(at, closed_day(at, zone))


def day_table(park: Park, store: Store, first: date, last: date, quantities: Iterable[str]) -> DayTable:
    """Read days `first` to `last` of the named quantities."""
    table = DayTable(park.zone)
    names = sorted(set(quantities))
    if names and first <= last:
        start, end = day_bounds(first, park.zone)[0], day_bounds(last, park.zone)[1]
        table.add(store.slots(Period.DAY, start, end, quantities=names))
    return table


def heard_devices(store: Store) -> dict[str, datetime]:
    """Return the time of the newest usable reading of each device."""
    latest = store.latest()
    if latest.empty:
        return {}
    return {str(device): instant(time) for device, time in latest.groupby("device")["time"].max().items()}


def by_entity(happened: Iterable[OfEntity]) -> dict[str, list[OfEntity]]:
    """Return events or findings by the entity they speak of."""
    found: dict[str, list[OfEntity]] = {}
    for each in happened:
        found.setdefault(each.entity, []).append(each)
    return found


def silences(events: Mapping[str, Sequence[Event]]) -> dict[str, list[Span]]:
    """Return when each point sent nothing, as its gap events tell; overlapping times are one."""
    return {
        entity: _merged((e.start, e.end) for e in own if e.code in _SILENT_EVENTS) for entity, own in events.items()
    }


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
