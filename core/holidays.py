"""Which class a local day belongs to: its weekday, a public holiday, or a weekend day worked to make up for one.

`holidays.csv` has the days off and make-up workdays as each year's notice names them. They cannot be computed: a year
without its notice has none here, and `announced` says so. Days of the park's own stand in PARK.yaml.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WORKDAYS = WEEKDAYS[:5]
HOLIDAY, MAKEUP = "holiday", "makeup"
DAY_CLASSES = (*WEEKDAYS, HOLIDAY, MAKEUP)


@cache
def _table() -> dict[str, dict[date, str]]:
    """Return for every country its days off and days worked, as classes."""
    found: dict[str, dict[date, str]] = {}
    with resources.files("core").joinpath("holidays.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            first, last = date.fromisoformat(row["first"]), date.fromisoformat(row["last"])
            kind = {"off": HOLIDAY, "worked": MAKEUP}[row["kind"]]
            days = found.setdefault(row["country"], {})
            days.update({first + timedelta(days=n): kind for n in range((last - first).days + 1)})
    return found


def countries() -> tuple[str, ...]:
    """Return the countries whose public holidays are known."""
    return tuple(sorted(_table()))


@dataclass(frozen=True)
class Calendar:
    """Public holidays of `country` (none where empty), and the park's own days off and days worked, which go first."""

    country: str = ""
    closed: frozenset[date] = frozenset()
    worked: frozenset[date] = frozenset()

    def announced(self, year: int) -> bool:
        """Say whether the year's notice is known; without it all days are plain weekdays."""
        return not self.country or any(d.year == year for d in _table().get(self.country, {}))

    def day_class(self, day: date) -> str:
        """Return one of DAY_CLASSES."""
        if day in self.closed:
            return HOLIDAY
        if day in self.worked:
            return MAKEUP
        return _table().get(self.country, {}).get(day, WEEKDAYS[day.weekday()])

    def day_classes(self, days: Sequence[date]) -> list[str]:
        """Return the class of every day."""
        return [self.day_class(d) for d in days]


def alike(one: str, other: str) -> bool:
    """Say whether two classes are both days of work, or both days off, where nothing better is known."""
    return _is_work(one) == _is_work(other)


def _is_work(name: str) -> bool:
    return name in WORKDAYS or name == MAKEUP
