"""Stored values of a range as columns on an axis, and what they come to over the range."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.park import Park
from core.quantities import Aggregation, Kind, Period, Scope, quantity
from core.store import Store
from core.timebase import day_of, month_bounds
from dashboards.views.data import Row
from dashboards.views.spans import Axis, Grain, Span, axis_of

Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Key: TypeAlias = tuple[Scope, str, str]  # scope, entity, quantity

# A ratio over a range is the mean of its days weighted by what it is a ratio of: then it is the ratio of the sums.
WEIGHT_OF = {
    "energy_performance_index": "expected_kwh",
    "performance_ratio": "irradiation_kwh_m2",
    "self_sufficiency": "load_kwh",
    "self_sufficiency_15min": "load_kwh",
    "self_consumption": "generation_kwh",
    "net_zero_ratio": "load_kwh",
}


@dataclass(frozen=True)
class Column:
    """One series on an axis; NaN where no value is known."""

    value: Floats
    coverage: Floats
    estimated: Floats

    @property
    def known(self) -> Bools:
        """Where there is a number."""
        return np.isfinite(self.value)


def nothing(size: int) -> Column:
    """Return a column of which nothing is known."""
    return Column(np.full(size, np.nan), np.zeros(size), np.zeros(size))


class Columns:
    """What a range holds: filled by a few queries, looked up by scope, entity and quantity."""

    def __init__(self, park: Park, store: Store, span: Span, now: datetime) -> None:
        self._park, self._store, self._now = park, store, now
        self.span = span
        self._axes: dict[Grain, Axis] = {}
        self._found: dict[Grain, dict[Key, Column]] = {g: {} for g in Grain}
        self._months: dict[Key, Row] = {}
        self._totals: dict[tuple[Grain, Key], Row] = {}

    @property
    def park_id(self) -> str:
        """Whose they are."""
        return self._park.id

    def axis(self, grain: Grain) -> Axis:
        """Return the axis of one period length."""
        if grain not in self._axes:
            self._axes[grain] = axis_of(self.span, grain, self._park.zone)
        return self._axes[grain]

    def load(
        self, grain: Grain, scope: Scope, quantities: Iterable[str], entities: Sequence[str] | None = None
    ) -> None:
        """Read slots or days."""
        names = sorted(set(quantities))
        if not names or (entities is not None and not entities):
            return
        start, end = self.span.bounds(self._park.zone)
        period = Period.SLOT if grain is Grain.SLOT else Period.DAY
        frame = self._store.slots(period, start, end, scope=scope.value, entities=entities, quantities=names)
        self._found[grain].update(_columns(frame, scope, self.axis(grain)))
        month = self._calendar_month
        if grain is Grain.DAY and month is not None:
            rows = self._store.slots(Period.MONTH, *month, scope=scope.value, entities=entities, quantities=names)
            for entity, name, *row in zip(
                *(rows[c].tolist() for c in ("entity", "quantity", "value", "coverage", "estimated")), strict=True
            ):
                self._months[scope, entity, name] = Row(*row)

    def get(self, grain: Grain, key: Key) -> Column:
        """Return one series; hours are made from slots, months from days."""
        found = self._found[grain]
        if key not in found and grain.stored is grain:
            return nothing(self.axis(grain).size)
        if key not in found:
            found[key] = self._by_hour(key) if grain is Grain.HOUR else self._by_month(key)
        return found[key]

    def entities(self, scope: Scope, name: str) -> list[str]:
        """Return every entity that has anything by day."""
        return [e for s, e, q in self._found[Grain.DAY] if s is scope and q == name]

    def total(self, grain: Grain, key: Key, where: Bools | None = None) -> Row:
        """Return what a series comes to over the range, or over some points of it, with its coverage so far."""
        if where is not None:
            return self._total(grain, key, where)
        if key in self._months:
            return self._months[key]
        grain = Grain.DAY if quantity(key[2]).kind is Kind.RATIO else grain.stored
        if (grain, key) not in self._totals:  # several panels rank the same hundreds
            self._totals[grain, key] = self._total(grain, key, None)
        return self._totals[grain, key]

    def _total(self, grain: Grain, key: Key, where: Bools | None) -> Row:
        axis = self.axis(grain)
        begun = np.arange(axis.size) < axis.begun(self._now)
        among = begun if where is None else begun & where
        return _total(self.get(grain, key), self._weights(grain, key), key[2], among)

    def running(self, grain: Grain) -> int | None:
        """Return the number of the point that has begun and not ended; None where there is none."""
        axis = self.axis(grain)
        at = axis.begun(self._now) - 1
        return at if at >= 0 and axis.edges[at + 1] > self._now.timestamp() else None

    def now_begun(self, grain: Grain) -> int:
        """Return how many points have begun by now."""
        return self.axis(grain).begun(self._now)

    @property
    def _calendar_month(self) -> tuple[datetime, datetime] | None:
        """The calendar month this is, whole or to date: its numbers are stored, and are the same everywhere."""
        first, last = self.span.first, self.span.last
        today = day_of(self._now, self._park.zone)
        if first.day != 1 or (first.year, first.month) != (last.year, last.month):
            return None
        if self.span.whole_months != 1 and last != today:
            return None
        return month_bounds(first.year, first.month, self._park.zone)

    def _weights(self, grain: Grain, key: Key) -> Floats | None:
        weight = WEIGHT_OF.get(key[2])
        return self.get(grain, (key[0], key[1], weight)).value if weight else None

    def _by_hour(self, key: Key) -> Column:
        slots, axis = self.get(Grain.SLOT, key), self.axis(Grain.HOUR)
        firsts = np.searchsorted(self.axis(Grain.SLOT).edges[:-1], axis.edges[:-1])
        count = np.diff(np.append(firsts, len(slots.value)))
        known = np.add.reduceat(slots.known.astype(float), firsts)
        total = np.add.reduceat(np.where(slots.known, slots.value, 0.0), firsts)
        adds_up = quantity(key[2]).aggregation is Aggregation.SUM
        with np.errstate(invalid="ignore", divide="ignore"):
            value = np.where(known > 0, total if adds_up else total / known, np.nan)
        shares = [np.add.reduceat(s, firsts) / count for s in (slots.coverage, slots.estimated)]
        return Column(value, shares[0], shares[1])

    def _by_month(self, key: Key) -> Column:
        days, axis = self.get(Grain.DAY, key), self.axis(Grain.MONTH)
        weights = self._weights(Grain.DAY, key)
        begun = np.arange(len(days.value)) < self.now_begun(Grain.DAY)
        month_of_day = np.searchsorted(axis.day_of, np.arange(len(days.value)), "right") - 1
        rows = [_total(days, weights, key[2], begun & (month_of_day == n)) for n in range(axis.size)]
        return Column(*(np.array([r[i] for r in rows]) for i in range(3)))


def _total(column: Column, weights: Floats | None, name: str, among: Bools) -> Row:
    """Add up amounts, weigh ratios by what they are ratios of, take the last of what holds on, else the mean."""
    count = int(among.sum())
    known = among & column.known
    if weights is not None:
        known &= np.isfinite(weights) & (weights > 0)
    if not count or not known.any():
        return Row()
    value = column.value[known]
    shares = [float(np.where(among, share, 0.0).sum()) / count for share in (column.coverage, column.estimated)]
    if weights is not None:
        total = float(np.average(value, weights=weights[known]))
        # Days on which a ratio means nothing (no sun, no consumption) are not days without data; those of which not
        # even that is known are.
        told = float((among & np.isfinite(weights)).sum()) / count
        shares = [
            told * float(np.average(s[known], weights=weights[known])) for s in (column.coverage, column.estimated)
        ]
    elif quantity(name).aggregation is Aggregation.SUM:
        total = float(value.sum())
    elif quantity(name).aggregation is Aggregation.LAST:
        total = float(value[-1])
    else:
        total = float(value.mean())
    return Row(total, shares[0], shares[1])


def _columns(frame: pd.DataFrame, scope: Scope, axis: Axis) -> dict[Key, Column]:
    """Set the rows of every (entity, quantity) on the axis; what stands beside it is left out."""
    if frame.empty:
        return {}
    places = frame["start"].to_numpy("datetime64[s]").astype(np.int64)
    at = np.searchsorted(axis.edges[:-1], places)
    fits = (at < axis.size) & (axis.edges[np.minimum(at, axis.size - 1)] == places)
    values = [frame[c].to_numpy(float) for c in ("value", "coverage", "estimated")]
    found: dict[Key, Column] = {}
    for (entity, name), rows in _groups(frame).items():
        own = rows[fits[rows]]
        column = nothing(axis.size)
        for target, source in zip((column.value, column.coverage, column.estimated), values, strict=True):
            target[at[own]] = source[own]
        found[scope, entity, name] = column
    return found


def _groups(frame: pd.DataFrame) -> Mapping[tuple[str, str], npt.NDArray[np.intp]]:
    entity, entities = pd.factorize(frame["entity"])
    name, names = pd.factorize(frame["quantity"])
    code = entity * len(names) + name
    order = np.argsort(code, kind="stable")
    cuts = np.flatnonzero(np.diff(code[order])) + 1
    parts = np.split(order, cuts)
    return {(str(entities[entity[p[0]]]), str(names[name[p[0]]])): p for p in parts}
