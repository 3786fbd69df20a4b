"""The whole days a forecast may learn from, and what a cloudless sky would have given on any day."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from core.park import Park
from core.quality import Reason
from core.quantities import Scope
from core.timebase import day_bounds
from models import plant, rollup
from models.series import Floats, SlotSeries, bit, grid_of
from models.sky import sky_over

MIN_COVERAGE = 0.9  # a day measured less than this is not learned from
MAX_ESTIMATED = 0.1
SEASON_DAYS = 15  # days of earlier years count for this many days before and after their date
EARLIER_DAYS = 300  # a day is of an earlier year from this age on
MIN_SEASON = 20
RECENT_DAYS = 60
MIN_RECENT = 7
TYPICAL_CLEARNESS = 0.6  # of a cloudless year's energy; humid and temperate places reach 0.5 to 0.7
_CHUNK_DAYS = 92

Key = tuple[str, str, str]  # scope, entity, quantity


@dataclass(frozen=True)
class Past:
    """Day values up to, and without, some day; `size` of `days` may be looked at."""

    days: tuple[date, ...]
    table: Mapping[Key, SlotSeries]
    size: int
    _known: dict[Key, Floats] = field(default_factory=dict)

    def before(self, day: date) -> Past:
        """Return what was known before a day began."""
        return Past(self.days, self.table, min(self.size, bisect_left(self.days, day)), self._known)

    @property
    def seen(self) -> tuple[date, ...]:
        """The days that may be looked at, oldest first."""
        return self.days[: self.size]

    def has(self, scope: Scope, entity: str, quantity: str) -> bool:
        """Say whether anything is stored of a series."""
        return (scope.value, entity, quantity) in self.table

    def whole(self, scope: Scope, entity: str, quantity: str) -> Floats:
        """Return the values of the days that are over and measured; NaN elsewhere."""
        key = (scope.value, entity, quantity)
        if key not in self._known:
            self._known[key] = _whole(self.table[key]) if key in self.table else np.full(len(self.days), np.nan)
        return self._known[key][: self.size]

    def last_known(self) -> date | None:
        """Return the last day of which the park's consumption is known whole."""
        for scope, entity, quantity in self.table:
            if scope == Scope.PARK.value and quantity == "load_kwh":
                known = np.flatnonzero(np.isfinite(self.whole(Scope.PARK, entity, quantity)))
                return self.days[int(known[-1])] if len(known) else None
        return None

    def index(self, first: date) -> int:
        """Return the place of the first day that is not before `first`."""
        return bisect_left(self.days, first, hi=self.size)


def _whole(series: SlotSeries) -> Floats:
    usable = (series.coverage >= MIN_COVERAGE) & (series.reasons & bit(Reason.PARTIAL) == 0)
    return np.where(usable, series.value, np.nan)


class Clear:
    """Expected energy in kWh and irradiation in kWh/m² of every array under a cloudless sky, per local day.

    Days are worked out once each, a season at a time.
    """

    def __init__(self, park: Park) -> None:
        self._park = park
        self._known: dict[date, dict[str, tuple[float, float]]] = {}

    def of(self, days: Sequence[date], array: str) -> tuple[Floats, Floats]:
        """Return expected energy and irradiation of an array on these days."""
        self._learn(days)
        found = np.array([self._known[d][array] for d in days]).reshape(-1, 2)
        return found[:, 0], found[:, 1]

    def _learn(self, days: Iterable[date]) -> None:
        missing = sorted(d for d in set(days) if d not in self._known)
        while missing:
            first = missing[0]
            last = max(d for d in missing if d < first + timedelta(days=_CHUNK_DAYS))
            grid = grid_of(first, last, self._park.zone, day_bounds(last, self._park.zone)[1])
            made = plant.plant_of(self._park, {}, {}, sky_over(self._park, grid), grid)
            periods = rollup.days_of(grid)
            sums = {
                a: np.column_stack([periods.sums(made.expected[a].value), periods.sums(made.irradiation[a].value)])
                for a in made.expected
            }
            for n, day in enumerate(grid.days):
                self._known[day] = {a: (float(s[n, 0]), float(s[n, 1])) for a, s in sums.items()}
            missing = [d for d in missing if d > last]


@dataclass(frozen=True)
class Clearness:
    """Energy and irradiation of an array as shares of a cloudless day's, per past day; NaN where nothing measured it."""

    energy: Floats
    irradiation: Floats
    weight: Floats  # cloudless kWh


def clearness(past: Past, clear: Clear, array: str) -> Clearness:
    """Return how clear the past days were for an array: by measured irradiance, else by what it generated."""
    energy, plane = clear.of(past.seen, array)
    key = (Scope.ARRAY.value, array, "expected_kwh")
    expected = past.whole(Scope.ARRAY, array, "expected_kwh") * to_newest_scale(past, array)
    if key in past.table:
        # The clear-sky envelope is no measurement of the day.
        expected = np.where(past.table[key].estimated[: past.size] <= MAX_ESTIMATED, expected, np.nan)
    generated = past.whole(Scope.ARRAY, array, "generation_kwh")
    measured = np.where(np.isfinite(expected), expected, generated)
    lit = past.whole(Scope.ARRAY, array, "irradiation_kwh_m2")
    lit = np.where(np.isfinite(expected), lit, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(energy > 0, measured / energy, np.nan)
        return Clearness(share, np.where(plane > 0, lit / plane, share), energy)


def scale(past: Past, array: str) -> Floats:
    """Return by what the expectation of every past day was multiplied: the calibration in force, 1 without one.

    A day of which nothing was stored has the calibration of the day before.
    """
    key = (Scope.ARRAY.value, array, "calibration_factor")
    if key not in past.table:
        return np.ones(past.size)
    factor = past.table[key].value[: past.size]
    said = np.maximum.accumulate(np.where(factor > 0, np.arange(past.size), -1))
    return np.where(said >= 0, factor[said], 1.0)


def park_scale(past: Past, arrays: Sequence[str]) -> Floats:
    """Return by what the park's expectation of every past day was multiplied: the calibrations of its arrays, weighed."""
    found, plain = np.zeros(past.size), np.zeros(past.size)
    for array in arrays:
        expected = np.nan_to_num(past.whole(Scope.ARRAY, array, "expected_kwh"))
        found, plain = found + expected, plain + expected / scale(past, array)
    return np.where(plain > 0, found / np.where(plain > 0, plain, 1.0), 1.0)


def to_newest_scale(past: Past, array: str) -> Floats:
    """Return what puts every past day's expectation on the scale of the newest: days before a calibration count too."""
    factor = scale(past, array)
    return np.asarray(factor[-1] / factor) if len(factor) else factor


def pool(days: Sequence[date], known: Floats, day: date) -> tuple[Floats, str]:
    """Return which past days speak for `day`, as a mask, and the name of the basis.

    `own_years`: the same season of the park's own earlier years. `recent`: the last 60 days. `typical`: none at all.
    """
    finite = np.isfinite(known)
    age = np.array([(day - d).days for d in days], dtype=float)
    season = np.array([_season_distance(day, d) for d in days], dtype=float)
    earlier = finite & (age >= EARLIER_DAYS) & (season <= SEASON_DAYS)
    if earlier.sum() >= MIN_SEASON:
        return earlier.astype(float), "own_years"
    newest = float(np.min(age[finite])) if finite.any() else np.inf
    recent = finite & (age < newest + RECENT_DAYS)
    if recent.sum() >= MIN_RECENT:
        return recent.astype(float), "recent"
    return np.zeros(len(days)), "typical"


def _season_distance(day: date, other: date) -> int:
    away = abs(day.timetuple().tm_yday - other.timetuple().tm_yday)
    return min(away, 365 - away)
