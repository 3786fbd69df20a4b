"""Which days show an array as it is when nothing is wrong: neither the array, nor its sensor, nor a limit; pure.

A day is a candidate if it was bright and well measured; slots at the inverter's limit or at a cap are left out of it.
The index of the candidates is then cut into stretches of one level. Losses lower the level of the array, dirt or
shadow on the irradiance sensor raises it; which of the two it was is told by the sensor itself, held against a
cloudless sky.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from core.timebase import SLOT_HOURS
from models.series import Bools, Floats

BRIGHT = 2.0  # kWh/m² in the plane
MEASURED = 0.9  # of the sun that a cloudless day would have: dawn may be missing
LEFT = 0.2  # of the day's expectation must stay after limits and caps: some two hours of sun
NEAR_LIMIT = 0.9  # of the AC rating, as expected: the calibrated expectation may lie a tenth higher
AT_LIMIT = 0.97  # of the AC rating, as measured
CAP_SLOTS = 4  # at the day's highest output ...
CAP_FLAT = 0.99
CAP_SUN = 1.06  # ... though the sun varied by more than this
STEADY_SLOTS = 4  # an hour in which sun over cloudless sky does not change: no cloud
STEADY = 0.015
CLEAR_KWH_M2 = 0.3 * SLOT_HOURS  # cloudless irradiation of a slot that is held against the sensor
LEAST_CLEAR = 0.6

FEWEST = 5  # days of a level
LEAST_STEP = 0.04  # of the index; less is weather and season
STEP_ERRORS = 4.0  # standard errors of the difference of two means
SAME_LEVEL = 0.025
ODD_SCATTERS = 3.0
LEAST_ODD = 0.03
ARRAY_BELOW, SENSOR_ABOVE = 0.3, 0.8  # share of a step that the sensor explains: dirt explains all of it
LEAST_DIRT = 0.06  # of the sensor: haze, season and a plane described not quite right move it by a few percent
FEWEST_CLEAR = 3  # days with an hour of no cloud, to know how the sensor stands
_SD_OF_MAD = 1.4826
_SD_OF_SHORTH = 0.6745  # half width of the shortest half, in standard deviations
_BEYOND = 0.3  # an outage counts no more than this when levels are sought


@dataclass(frozen=True)
class CleanDay:
    """A candidate. Energies in kWh over the slots that can be compared; `clearness` is sensor over cloudless sky, in hours without cloud."""

    day: date
    made_kwh: float
    expected_kwh: float
    sun: float  # kWh/m²
    clearness: float  # NaN where the day had no such hour
    rung: str

    @property
    def index(self) -> float:
        """Made over expected."""
        return self.made_kwh / self.expected_kwh


@dataclass(frozen=True)
class DaySlots:
    """One day's slots of one array: energies in kWh, irradiation in kWh/m², measured and under a cloudless sky."""

    made_kwh: Floats
    expected_kwh: Floats
    sun: Floats
    clear_sun: Floats
    measured: Bools  # energy and irradiance are known, and not estimated
    up: Bools
    limit_kwh: float  # AC rating


@dataclass(frozen=True)
class Level:
    """Consecutive candidates of one index."""

    days: tuple[CleanDay, ...]

    @property
    def index(self) -> float:
        """The median."""
        return float(np.median([d.index for d in self.days]))

    @property
    def clearness(self) -> float:
        """How the irradiance sensor stood to a cloudless sky on the clearest half of the days; NaN where none was clear."""
        known = sorted(d.clearness for d in self.days if np.isfinite(d.clearness))
        return float(np.median(known[len(known) // 2 :])) if len(known) >= FEWEST_CLEAR else float("nan")


@dataclass(frozen=True)
class Settled:
    """The level at which nothing was wrong: its days, and those on it that are odd."""

    levels: tuple[Level, ...]
    days: tuple[CleanDay, ...]
    odd: tuple[CleanDay, ...]
    scatter: float


def candidate(day: date, slots: DaySlots, rung: str) -> CleanDay | None:
    """Return the day as a candidate; None where it is dim, badly measured, or mostly at a limit."""
    judged = slots.up & slots.measured
    sun = float(np.sum(slots.sun[judged]))
    if float(np.sum(slots.clear_sun[judged])) < MEASURED * float(np.sum(slots.clear_sun)) or sun < BRIGHT:
        return None
    limited = (slots.expected_kwh > NEAR_LIMIT * slots.limit_kwh) | (slots.made_kwh > AT_LIMIT * slots.limit_kwh)
    free = judged & ~limited
    free &= ~_capped(slots, free)
    expected = float(np.sum(slots.expected_kwh[free]))
    if expected <= LEFT * float(np.sum(slots.expected_kwh[judged])):
        return None
    return CleanDay(day, float(np.sum(slots.made_kwh[free])), expected, sun, _clearness(slots, judged), rung)


def _capped(slots: DaySlots, free: Bools) -> Bools:
    """Return the slots in which output stood at one height though the sun did not: curtailed, or a limit nobody wrote down."""
    if not free.any():
        return free
    top = free & (slots.made_kwh >= CAP_FLAT * np.max(slots.made_kwh[free]))
    expected = slots.expected_kwh[top]
    flat = np.count_nonzero(top) >= CAP_SLOTS and np.max(expected) > CAP_SUN * max(np.min(expected), 1e-9)
    return top if flat else np.zeros_like(free)


def _clearness(slots: DaySlots, judged: Bools) -> float:
    """Return the median of sensor over cloudless sky in hours in which it does not change: there was no cloud."""
    high = judged & (slots.clear_sun > CLEAR_KWH_M2)
    share = np.where(high, slots.sun / np.where(high, slots.clear_sun, 1.0), np.nan)
    if len(share) < STEADY_SLOTS:
        return float("nan")
    hours = np.lib.stride_tricks.sliding_window_view(share, STEADY_SLOTS)
    middle = np.mean(hours, axis=1)
    with np.errstate(invalid="ignore"):
        clear = (np.ptp(hours, axis=1) < STEADY * middle) & (middle > LEAST_CLEAR)
    return float(np.median(middle[clear])) if clear.any() else float("nan")


def levels_of(days: Sequence[CleanDay]) -> list[Level]:
    """Return the stretches of one level, in order."""
    if not days:
        return []
    index = np.array([d.index for d in days])
    usual = float(np.median(index))
    index = np.clip(index, (1 - _BEYOND) * usual, (1 + _BEYOND) * usual)
    # Day to day, so that a step between two levels is no scatter.
    scatter = _SD_OF_MAD * float(np.median(np.abs(np.diff(index)))) / np.sqrt(2.0) if len(index) > 1 else 0.0
    edges = [0, *_splits(index, 0, usual, float(scatter)), len(days)]
    return [Level(tuple(days[a:b])) for a, b in itertools.pairwise(edges)]


def _splits(index: Floats, offset: int, usual: float, scatter: float) -> Iterator[int]:
    """Yield where the level changes: the split that leaves least on both sides of it, then within both sides."""
    places = range(FEWEST, len(index) - FEWEST + 1)
    best = min(places, key=lambda k: _misfit(index[:k]) + _misfit(index[k:]), default=0)
    step = abs(float(np.median(index[:best]) - np.median(index[best:]))) if best else 0.0
    error = scatter * np.sqrt(1.0 / best + 1.0 / (len(index) - best)) if best else 0.0
    if step <= max(LEAST_STEP * usual, STEP_ERRORS * error):
        return
    yield from _splits(index[:best], offset, usual, scatter)
    yield offset + best
    yield from _splits(index[best:], offset + best, usual, scatter)


def _misfit(index: Floats) -> float:
    return float(np.sum(np.abs(index - np.median(index))))


def settled(levels: Sequence[Level]) -> Settled | None:
    """Return the level at which neither array nor sensor was at fault; None where that cannot be told."""
    right = _right(levels)
    if right is None:
        return None
    same = tuple(level for level in levels if abs(level.index / right.index - 1.0) < SAME_LEVEL)
    days = sorted((d for level in same for d in level.days), key=lambda d: d.day)
    middle, scatter = _shortest_half(np.array([d.index for d in days]))
    within = max(ODD_SCATTERS * scatter, LEAST_ODD * middle)
    odd = tuple(d for d in days if abs(d.index - middle) > within)
    kept = tuple(d for d in days if abs(d.index - middle) <= within)
    spread = np.array([d.index for d in kept])
    robust = _SD_OF_MAD * float(np.median(np.abs(spread - np.median(spread)))) / middle if kept else 0.0
    return Settled(same, kept, odd, robust)


def _right(levels: Sequence[Level]) -> Level | None:
    """Return the highest level, unless the sensor alone made it high.

    Between two levels the sensor explains the step where it fell against a cloudless sky by most of it, and has
    nothing to do with it where it did not fall; in between nobody can tell.
    """
    ordered = sorted(levels, key=lambda level: -level.index)
    right = ordered[0] if ordered else None
    for lower in ordered[1:]:
        if right is None or lower.index > (1.0 - SAME_LEVEL) * right.index:
            continue
        if len(lower.days) < FEWEST or lower.index < (1.0 - _BEYOND) * right.index:
            continue  # no dirt on a sensor makes so much
        fell = np.log(lower.clearness / right.clearness)
        explained = fell / np.log(right.index / lower.index)
        if explained > SENSOR_ABOVE and fell > LEAST_DIRT:
            right = lower
        elif not explained < ARRAY_BELOW:  # also where it is unknown
            return None
    return right


def _shortest_half(index: Floats) -> tuple[float, float]:
    """Return middle and standard deviation of the shortest half: up to half of the days may be low without moving it."""
    ordered = np.sort(index)
    half = len(ordered) // 2 + 1
    widths = ordered[half - 1 :] - ordered[: len(ordered) - half + 1]
    at = int(np.argmin(widths))
    return float(np.median(ordered[at : at + half])), float(widths[at]) / 2.0 / _SD_OF_SHORTH
