"""A number of the report with everything an auditor asks of it, and where the stored ones are looked up."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from core.frames import instant
from core.quality import join_reasons
from core.quantities import Period, Scope, quantity

NAN = math.nan


@dataclass(frozen=True)
class Figure:
    """One number, what it was made from, and how much of it was measured.

    `value` in `unit`, NaN where nothing is known; `coverage` and `estimated` are the shares of its period that were
    measured and filled; `basis` is `stored:period/scope/entity/quantity` or `computed:` with the formula.
    """

    value: float
    unit: str
    coverage: float = NAN
    estimated: float = NAN
    basis: str = ""
    reasons: str = ""

    @property
    def known(self) -> bool:
        """Say whether there is a number."""
        return math.isfinite(self.value)


def computed(value: float, unit: str, formula: str, parts: Iterable[Figure] = ()) -> Figure:
    """Return a figure made of others; it is as well covered as the worst of them and as estimated as the most."""
    parts = tuple(parts)
    coverages = [p.coverage for p in parts if math.isfinite(p.coverage)]
    estimates = [p.estimated for p in parts if math.isfinite(p.estimated)]
    return Figure(
        value,
        unit,
        min(coverages, default=NAN),
        max(estimates, default=NAN),
        f"computed:{formula}",
        join_reasons(*(p.reasons for p in parts)),
    )


def total(figures: Iterable[Figure], unit: str, formula: str) -> Figure:
    """Return the sum of all; unknown as soon as one part is unknown."""
    figures = tuple(figures)
    return computed(sum(f.value for f in figures) if figures else NAN, unit, formula, figures)


def share(part: Figure, whole: Figure, formula: str) -> Figure:
    """Return part / whole; unknown where the whole is zero or unknown."""
    known = part.known and whole.known and whole.value != 0
    return computed(part.value / whole.value if known else NAN, "1", formula, (part, whole))


@dataclass(frozen=True)
class Rows:
    """Stored values of one period length, looked up by scope, entity, quantity and start."""

    period: Period
    by_key: dict[tuple[str, str, str, datetime], tuple[float, float, float, str]] = field(repr=False)

    @classmethod
    def of(cls, period: Period, frame: pd.DataFrame) -> Rows:
        """Read a SLOTS frame."""
        names = ["scope", "entity", "quantity", "start", "value", "coverage", "estimated", "reasons"]
        columns = [frame[name].tolist() for name in names]
        return cls(
            period,
            {
                (str(scope), entity, name, instant(start)): (value, coverage, estimated, reasons)
                for scope, entity, name, start, value, coverage, estimated, reasons in zip(*columns, strict=True)
            },
        )

    def get(self, scope: Scope, entity: str, name: str, start: datetime) -> Figure:
        """Return the stored figure; where there is none its value and coverage are unknown."""
        basis = f"stored:{self.period}/{scope}/{entity}/{name}"
        value, coverage, estimated, reasons = self.by_key.get((str(scope), entity, name, start), (NAN, NAN, NAN, ""))
        return Figure(float(value), quantity(name).unit, float(coverage), float(estimated), basis, reasons)

    def has(self, scope: Scope, entity: str, name: str) -> bool:
        """Say whether anything is stored of this series."""
        return any(key[:3] == (str(scope), entity, name) for key in self.by_key)
