"""Which local days have to be computed anew."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pandas as pd

from core.corrections import Correction, Kind, in_force
from core.frames import instant
from core.park import Park
from core.store import DirtyMark, State, Store
from core.timebase import day_of, days_between
from models.corrections import readings_needed, sums, widened
from models.judging import SPREADABLE_US
from models.points import NEEDED

_SPREADABLE = timedelta(microseconds=SPREADABLE_US)
_NEAR = timedelta(days=1)  # readings this close are judged together
_JOIN_KEY = "models/joined/"


@dataclass(frozen=True)
class Affected:
    """Days to compute, and the joins across midnight that are accounted for once they are."""

    days: tuple[date, ...]
    joins: dict[str, str]

    def remember(self, state: State) -> None:
        """Keep the joins, so that the same one does not make its days dirty again."""
        for key, value in self.joins.items():
            state.set_value(key, value)


def affected(
    park: Park, store: Store, state: State, marks: Sequence[DirtyMark], until: datetime, since: datetime | None
) -> Affected:
    """Return the days that marks touch, and those from `since` (the last run) to `until`, where now is.

    A reading also changes what lies between it and its neighbours on other days: a new one that ends a gap gives
    energy to every day of the gap, the first one of a day completes the day before. A pair of neighbours across the
    edge of a marked stretch counts once; its days stay clean until one of the two changes. Corrections carry a change
    further: into every day of a sum that is spread, to where a shifted reading lands, and across what is left out.
    """
    corrections = in_force(state.corrections()) if marks else ()
    days = set(days_between(since or until - timedelta(microseconds=1), until, park.zone))
    joins: dict[str, str] = {}
    serving = {d.id for _, d in park.assignments()}
    for first, last, devices in _stretches(m for m in marks if m.device in serving):
        start, end = _utc(first), _utc(last + timedelta(days=1))
        days.update(days_between(start, end, park.zone))
        for device, before, after in _joins(store, start, end, devices):
            key, pair = f"{_JOIN_KEY}{device}", f"{before.isoformat()} {after.isoformat()}"
            if state.value(key) != pair and after - before <= _SPREADABLE:
                days.update(days_between(before, after, park.zone))
                joins[key] = pair
        for device in devices if corrections else ():
            for before, after in _carried(park, corrections, device, (start, end)):
                days.update(days_between(before, after, park.zone))
            for before, after, key, neighbours in _rejoined(park, store, corrections, device, (start, end)):
                if state.value(key) != neighbours:
                    days.update(days_between(before, after, park.zone))
                    joins[key] = neighbours
    today = day_of(until - timedelta(microseconds=1), park.zone)
    return Affected(tuple(sorted(d for d in days if d <= today)), joins)


def runs_of(days: Sequence[date], longest: int) -> Iterator[tuple[date, date]]:
    """Yield stretches of consecutive days, none longer than `longest`."""
    for _, group in itertools.groupby(enumerate(days), key=lambda item: item[1].toordinal() - item[0]):
        stretch = [day for _, day in group]
        for at in range(0, len(stretch), longest):
            part = stretch[at : at + longest]
            yield part[0], part[-1]


def _stretches(marks: Iterable[DirtyMark]) -> Iterator[tuple[date, date, list[str]]]:
    """Yield (first, last, devices) of consecutive marked UTC days, devices with the same stretch together."""
    by_device: dict[str, set[date]] = {}
    for mark in marks:
        by_device.setdefault(mark.device, set()).add(mark.day)
    by_stretch: dict[tuple[date, date], list[str]] = {}
    for device, days in by_device.items():
        for stretch in runs_of(sorted(days), 10_000):
            by_stretch.setdefault(stretch, []).append(device)
    for (first, last), devices in sorted(by_stretch.items()):
        yield first, last, devices


def _joins(
    store: Store, start: datetime, end: datetime, devices: Sequence[str]
) -> Iterator[tuple[str, datetime, datetime]]:
    """Yield (device, last reading before, first reading after) at both ends of a stretch."""
    for edge in (start, end):
        found = store.readings(edge, edge, devices=devices, quantities=NEEDED, edges=True)
        if found.empty:
            continue
        early = found["time"] < pd.Timestamp(edge)
        series = ["device", "quantity", "channel"]
        pairs = found[early].merge(found[~early], on=series, suffixes=("", "_after"))
        for device, pair in pairs.groupby("device"):
            yield str(device), instant(pair["time"].min()), instant(pair["time_after"].max())


def _own(park: Park, corrections: Iterable[Correction], device: str) -> list[Correction]:
    points = {p.id for p, d in park.assignments() if d.id == device}
    return [c for c in corrections if c.device == device or c.point in points]


def _carried(
    park: Park, corrections: Iterable[Correction], device: str, marked: tuple[datetime, datetime]
) -> Iterator[tuple[datetime, datetime]]:
    """Yield stretches that follow a change of readings in [start, end) by way of a spread sum or a shift."""
    start, end = marked
    own = _own(park, corrections, device)
    whole = widened(sums(own), start, end)
    if whole != (start, end):
        yield whole
    for shift in own:
        first, last = max(start, shift.start), min(end, shift.end or end)
        if shift.kind is Kind.SHIFT and first < last:
            moved = timedelta(seconds=shift.seconds or 0.0)
            yield first + moved - _NEAR, last + moved + _NEAR


def _rejoined(
    park: Park, store: Store, corrections: Iterable[Correction], device: str, marked: tuple[datetime, datetime]
) -> Iterator[tuple[datetime, datetime, str, str]]:
    """Yield (last reading before, first after, key, neighbours) of what is left out beside or in a marked stretch."""
    start, end = marked
    own = _own(park, corrections, device)
    left_out = {
        readings_needed(own, *c.stretch)
        for c in own
        if c.kind is Kind.EXCLUDE and c.start <= end and (c.end or c.start) >= start
    }
    for first, last in sorted(left_out):
        before = store.readings(first, first, devices=[device], quantities=NEEDED, edges=True)
        after = store.readings(last, last, devices=[device], quantities=NEEDED, edges=True)
        early, late = before[before["time"] < pd.Timestamp(first)], after[after["time"] >= pd.Timestamp(last)]
        if early.empty or late.empty:
            continue
        neighbours = " ".join(instant(t).isoformat() for t in (*early["time"], *late["time"]))
        key = f"{_JOIN_KEY}{device}/{first.isoformat()}"
        begin, finish = instant(early["time"].min()), instant(late["time"].max())
        yield max(begin, first - _SPREADABLE), min(finish, last + _SPREADABLE), key, neighbours


def _utc(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
