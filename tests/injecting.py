"""Anomalies put into clean measured series, each with what has to be found of it.

Under irradiance that nobody measured on the site, strings and dirt are drawn twice as strong: a fall of less than a fifth
is not promised there (`FROM_AFAR` in models/faults/losing.py).
"""

# ruff: noqa: ARG001 - one signature for every kind

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from core.findings import Fault
from models.faults.pictures import quarter_of_day
from models.faults.sight import Sight


@dataclass(frozen=True)
class Injected:
    """A sight with one anomaly, what codes tell it, its days, and the energy it took in kWh."""

    sight: Sight
    codes: frozenset[Fault]
    first: date
    days: int
    lost_kwh: float


def cut(sight: Sight, first: date, days: int) -> Sight:
    """Return some of the days of a sight."""
    begin = sight.grid.days.index(first)
    a, b = int(sight.grid.day_at[begin]), int(sight.grid.day_at[begin + days])
    grid = replace(
        sight.grid,
        edges_us=sight.grid.edges_us[a : b + 1],
        days=sight.grid.days[begin : begin + days],
        day_at=sight.grid.day_at[begin : begin + days + 1] - a,
        closed=b - a,
    )
    sky = replace(sight.sky, **{n: getattr(sight.sky, n)[a:b] for n in vars(sight.sky)})
    columns = ("generation", "expected", "irradiation", "measured", "rungs", "rating_kw", "free", "power_kw", "drawn")
    weather = {
        q: replace(g, **{n: getattr(g, n)[a:b] for n in ("value", "coverage", "estimated", "reasons")})
        for q, g in sight.weather.items()
    }
    return replace(sight, grid=grid, sky=sky, weather=weather, **{n: getattr(sight, n)[a:b] for n in columns})


def from_afar(sight: Sight) -> bool:
    """Say whether no sensor on the site sees the sun."""
    return not {"rung_poa", "rung_ghi"} & set(sight.rung_of(sight.measured).split())


Change = Callable[[Sight, np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def _outage(sight, inside, made, draw):
    """Everything stands still."""
    return np.where(inside, 0.0, made)


def _string(sight, inside, made, draw):
    low, high = (0.24, 0.6) if from_afar(sight) else (0.12, 0.4)
    return np.where(inside, made * (1 - draw.uniform(low, high)), made)


def _shade(sight, inside, made, draw):
    """A shadow over two hours of the morning, as deep as the beam is bright."""
    quarter = quarter_of_day(sight)
    # When the sun stands high enough for anybody to care, at any place and season.
    high = np.flatnonzero(inside & (sight.sky.zenith < 60))
    first = int(np.quantile(quarter[high], 0.1)) if len(high) else 36
    hours = inside & (quarter >= first) & (quarter < first + int(draw.integers(6, 11)))
    clear = np.clip(sight.irradiation / max(1e-9, float(np.max(sight.irradiation))), 0, 1)
    return np.where(hours, made * (1 - draw.uniform(0.5, 0.7) * np.minimum(1.0, clear / 0.5)), made)


def _soil(sight, inside, made, draw):
    """Dirt that grows to the end of its stretch and is washed off then."""
    day = sight.days - int(sight.days[np.argmax(inside)])
    slope = draw.uniform(0.003, 0.005) * (2 if from_afar(sight) else 1)
    return np.where(inside, made * (1 - slope * day), made)


def _curtail(sight, inside, made, draw):
    level = draw.uniform(0.35, 0.55) * sight.rating_kw / 4
    return np.where(inside, np.minimum(made, level), made)


def _late(sight, inside, made, draw):
    lag = int(draw.choice([-4, 4]))
    return np.where(inside, np.roll(made, lag), made)


def _thousand(sight, inside, made, draw):
    return np.where(inside, made * float(draw.choice([1000.0, 0.001])), made)


def _night(sight, inside, made, draw):
    return made


KINDS: dict[str, tuple[Change, frozenset[Fault], int]] = {
    "outage": (_outage, frozenset({Fault.OUTAGE}), 2),
    "string": (_string, frozenset({Fault.STRING_LOSS, Fault.UNDERPERFORMANCE}), 14),
    "shade": (_shade, frozenset({Fault.SHADING}), 28),
    "soiling": (_soil, frozenset({Fault.SOILING}), 40),
    "curtailment": (_curtail, frozenset({Fault.CURTAILMENT}), 5),
    "clock": (_late, frozenset({Fault.TIME_SHIFT}), 10),
    "unit": (_thousand, frozenset({Fault.UNITS}), 10),
    "night": (_night, frozenset({Fault.NIGHT_CONSUMPTION}), 6),
}


def inject(sight: Sight, kind: str, seed: int) -> Injected:
    """Put one anomaly into a clean sight; where and how strong comes from the seed."""
    draw = np.random.default_rng([seed, *kind.encode()])
    change, codes, days = KINDS[kind]
    room = len(sight.grid.days) - days - 12
    begin = int(draw.integers(35, max(36, room)))
    inside = (sight.days >= begin) & (sight.days < begin + days)
    made = np.nan_to_num(sight.generation)
    changed = np.where(np.isfinite(sight.generation), change(sight, inside, made, draw), np.nan)
    drawn = sight.drawn
    if kind == "night":
        dark = sight.sky.zenith > 96.0
        drawn = np.where(dark, np.where(inside, draw.uniform(0.015, 0.04), 0.001) * sight.rating_kw / 4, sight.drawn)
    power = np.where(np.isfinite(sight.power_kw), -changed * 4, np.nan)
    lost = float(np.sum((made - np.nan_to_num(changed))[inside & sight.measured])) if codes & LOSING else 0.0
    made_worse = replace(sight, generation=changed, drawn=drawn, power_kw=power)
    return Injected(made_worse, codes, sight.grid.days[begin], days, lost)


LOSING = frozenset({Fault.OUTAGE, Fault.STRING_LOSS, Fault.SHADING, Fault.SOILING, Fault.CURTAILMENT})


def near(found: date, injected: Injected) -> bool:
    """Say whether a finding began within the anomaly, give or take a few days.

    Dirt begins with nothing: of its first days nobody can tell when they were, its fall of 3 % takes ten days.
    """
    early = timedelta(days=10 if Fault.SOILING in injected.codes else 5)
    return injected.first - early <= found <= injected.first + timedelta(days=injected.days)
