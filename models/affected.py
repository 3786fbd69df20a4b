"""Which local days have to be computed anew."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pandas as pd

from core.frames import instant
from core.park import Park
from core.store import DirtyMark, State, Store
from core.timebase import day_of, days_between
from models.points import NEEDED
from models.registers import SPREADABLE_US

_SPREADABLE = timedelta(microseconds=SPREADABLE_US)
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
    edge of a marked stretch counts once; its days stay clean until one of the two changes.
    """
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


def _utc(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
