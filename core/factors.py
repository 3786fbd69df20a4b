"""Emission factors of grid electricity: dated, sourced rows, chosen by scheme, region and time."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources

from core.errors import ConfigError


@dataclass(frozen=True)
class Factor:
    """One row: `value` in kgCO2 per kWh, for data of `year`, usable from `published` on."""

    scheme: str
    region: str
    year: int
    published: date
    value: float
    unit: str
    source: str
    basis: str  # "official" where read in the notice, "secondary" where read in a text that quotes it

    @property
    def id(self) -> str:
        """Name that a stored number and a report cite."""
        return f"{self.scheme}:{self.region}:{self.year}"


@cache
def factor_table() -> tuple[Factor, ...]:
    """Return every row of the shipped table."""
    with resources.files("core").joinpath("factors.csv").open(encoding="utf-8") as file:
        lines = (line for line in file if not line.startswith("#"))
        return tuple(
            Factor(
                row["scheme"],
                row["region"],
                int(row["year"]),
                date.fromisoformat(row["published"]),
                float(row["value"]),
                row["unit"],
                row["source"],
                row["basis"],
            )
            for row in csv.DictReader(lines)
        )


def factor_for(scheme: str, region: str, day: date) -> Factor:
    """Return the factor for consumption on `day`: the latest data year that is not after it and was published.

    A factor for a data year appears long after that year, so the newest published row no later than `day`'s own
    year is taken; a newer notice changes the answer only for days from its publication on. Raises ConfigError
    where the table has no row.
    """
    rows = [f for f in factor_table() if (f.scheme, f.region) == (scheme, region)]
    known = [f for f in rows if f.published <= day and f.year <= day.year]
    if known:
        return max(known, key=lambda f: (f.year, f.published))
    if rows:
        return min(rows, key=lambda f: f.year)
    regions = ", ".join(sorted({f.region for f in factor_table() if f.scheme == scheme})) or "none"
    raise ConfigError(f"no factor for scheme {scheme}, region {region}", f"regions of this scheme: {regions}")
