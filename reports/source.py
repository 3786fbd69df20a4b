"""What a report is made from: one month of a park, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pandas as pd

from core.corrections import Entry
from core.findings import Finding, findings_of
from core.park import Park
from core.quality import Event, joined_outages
from core.quantities import Period, Scope
from core.searched import Lack, unsearched
from core.standing import LATE, Standing, standings
from core.statements import Kind
from core.store import AlertRecord, State, Store
from core.timebase import day_bounds, day_of, days_between, month_bounds
from reports.figures import Figure, Rows

PARK_SLOT_QUANTITIES = ("generation_kwh",)


@dataclass(frozen=True)
class Source:
    """Stored rows, events and alerts of one local month, up to `as_of`."""

    park: Park
    year: int
    month: int
    start: datetime
    end: datetime
    as_of: datetime
    now: datetime
    calendar: tuple[date, ...]  # every day of the month
    days: tuple[date, ...]  # those that have begun
    months: Rows
    by_day: Rows
    slots: pd.DataFrame
    events: tuple[Event, ...]
    alerts: tuple[AlertRecord, ...]
    findings: tuple[Finding, ...]
    unsearched: Lack | None  # which days of the month nobody has searched for faults; None where all that are over were
    standings: Mapping[str, Standing]  # by array: what its expectation stands on
    corrections: tuple[Entry, ...]
    revised: int
    configurations: tuple[tuple[str, datetime], ...]

    @property
    def partial(self) -> bool:
        """Say whether the month is still running."""
        return self.as_of < self.end

    def month_park(self, name: str) -> Figure:
        """Return the month's stored figure of the park."""
        return self.months.get(Scope.PARK, self.park.id, name, self.start)

    def month_of(self, scope: Scope, entity: str, name: str) -> Figure:
        """Return the month's stored figure of a point or array."""
        return self.months.get(scope, entity, name, self.start)

    def day_start(self, day: date) -> datetime:
        """Return the first instant of a local day."""
        return day_bounds(day, self.park.zone)[0]

    def day_of(self, scope: Scope, entity: str, name: str, day: date) -> Figure:
        """Return a day's stored figure."""
        return self.by_day.get(scope, entity, name, self.day_start(day))


def read(park: Park, store: Store, state: State, year: int, month: int, now: datetime) -> Source:
    """Read everything the report of one local month needs."""
    start, end = month_bounds(year, month, park.zone)
    as_of = max(start, min(end, now))
    revisions = store.revisions(start, end)
    return Source(
        park=park,
        year=year,
        month=month,
        start=start,
        end=end,
        as_of=as_of,
        now=now,
        calendar=tuple(days_between(start, end, park.zone)),
        days=tuple(days_between(start, as_of, park.zone)),
        months=Rows.of(Period.MONTH, store.slots(Period.MONTH, start, end)),
        by_day=Rows.of(Period.DAY, store.slots(Period.DAY, start, end)),
        unsearched=_unsearched(park, state, start, as_of, now),
        standings=_standings(park, store, state, (start, as_of), now),
        slots=store.slots(
            Period.SLOT, start, end, scope=Scope.PARK, entities=[park.id], quantities=PARK_SLOT_QUANTITIES
        ),
        events=tuple(joined_outages(state.events(start, end))),
        alerts=_alerts_of_month(state.alerts(start), start, end, as_of),
        findings=tuple(f for f in findings_of(state.statements(Kind.FINDING, start, as_of)) if f.start < as_of),
        corrections=tuple(state.corrections(start, end)),
        revised=0 if revisions.empty else int((revisions["period"] != Period.SLOT).sum()),
        configurations=_governing(state.configs(), start, end),
    )


def _unsearched(park: Park, state: State, start: datetime, as_of: datetime, now: datetime) -> Lack | None:
    days = day_of(start, park.zone), day_of(as_of - timedelta(microseconds=1), park.zone)
    return unsearched(park, state, days, day_of(now, park.zone))


def _standings(
    park: Park, store: Store, state: State, bounds: tuple[datetime, datetime], now: datetime
) -> Mapping[str, Standing]:
    start, as_of = bounds
    arrays = list(dict.fromkeys(a.id for a in park.arrays))
    if not arrays:
        return {}

    def rows(period: Period, quantity: str) -> pd.DataFrame:
        end = min(as_of, now - LATE) if period is Period.SLOT else as_of
        return store.slots(period, start, end, scope=Scope.ARRAY.value, entities=arrays, quantities=[quantity])

    said = state.statements(Kind.CALIBRATION, start, as_of)
    expected, factors = rows(Period.SLOT, "expected_kwh"), rows(Period.DAY, "calibration_factor")
    return standings(arrays, said, expected, factors, bounds, park.zone)


def _alerts_of_month(
    records: list[AlertRecord], start: datetime, end: datetime, as_of: datetime
) -> tuple[AlertRecord, ...]:
    """Keep what fired before the end and was not over before the start; what was only pending never became an alert."""
    limit = min(end, as_of)
    kept = [
        r
        for r in records
        if r.fired_at is not None and r.fired_at < limit and (r.resolved_at is None or r.resolved_at >= start)
    ]
    return tuple(sorted(kept, key=lambda r: (r.active_at, r.fingerprint)))


def _governing(configs: list[tuple[str, datetime]], start: datetime, end: datetime) -> tuple[tuple[str, datetime], ...]:
    """Return the configurations loaded during the month, and the last one loaded before it."""
    before = [c for c in configs if c[1] < start]
    during = [c for c in configs if start <= c[1] < end]
    return (*before[-1:], *during)
