"""What goes wrong in the demo park, planned from the seed and the start of its history. The plan is the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import numpy as np

from core.park import Array, Park
from service.demo.noise import generator

HISTORY_DAYS = 60
VISIBLE_SHARE = 1 / 12  # one string that is at least this much of its array can be seen in its energy


@dataclass(frozen=True)
class StringLoss:
    """`strings` strings of an array deliver nothing from `start` on."""

    array: str
    start: datetime
    strings: int


@dataclass(frozen=True)
class Replacement:
    """The meter of a point is replaced; its registers start again at `register_kwh`."""

    point: str
    start: datetime
    register_kwh: float


@dataclass(frozen=True)
class Silence:
    """The meter of a point sends nothing in [start, end); it goes on counting."""

    point: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Outage:
    """`share` of an array delivers nothing in [start, end)."""

    array: str
    start: datetime
    end: datetime
    share: float = 1.0


@dataclass(frozen=True)
class Curtailment:
    """The inverters of an array are held to `limit_kw` in [start, end)."""

    array: str
    start: datetime
    end: datetime
    limit_kw: float


@dataclass(frozen=True)
class ExtraLoad:
    """A load draws `kw` more than it would in [start, end)."""

    point: str
    start: datetime
    end: datetime
    kw: float


@dataclass(frozen=True)
class Closure:
    """A load is used as on its day off in [start, end), local midnights."""

    point: str
    start: datetime
    end: datetime


Fault: TypeAlias = StringLoss | Replacement | Silence | Outage | Curtailment | ExtraLoad | Closure


@dataclass(frozen=True)
class Faults:
    """Everything that goes wrong, in the order of the plan."""

    planned: tuple[Fault, ...] = ()

    @property
    def string_losses(self) -> tuple[StringLoss, ...]:
        """Arrays that lose strings."""
        return tuple(f for f in self.planned if isinstance(f, StringLoss))

    @property
    def replacements(self) -> tuple[Replacement, ...]:
        """Meters that are replaced."""
        return tuple(f for f in self.planned if isinstance(f, Replacement))

    @property
    def silences(self) -> tuple[Silence, ...]:
        """Meters that are silent for a while."""
        return tuple(f for f in self.planned if isinstance(f, Silence))

    @property
    def array_faults(self) -> tuple[StringLoss | Outage | Curtailment, ...]:
        """What takes generation from arrays."""
        return tuple(f for f in self.planned if isinstance(f, StringLoss | Outage | Curtailment))

    @property
    def load_changes(self) -> tuple[ExtraLoad | Closure, ...]:
        """What makes loads draw otherwise."""
        return tuple(f for f in self.planned if isinstance(f, ExtraLoad | Closure))

    def without(self, *removed: Fault) -> Faults:
        """Return everything else that goes wrong."""
        return Faults(tuple(f for f in self.planned if f not in removed))

    @classmethod
    def none(cls) -> Faults:
        """Nothing goes wrong."""
        return cls()

    @classmethod
    def demo(cls, park: Park, seed: int, start: datetime, days: int = HISTORY_DAYS) -> Faults:
        """Return what the demo shows: a string lost nine days ago, a meter replaced, a meter silent for a day.

        "Ago" counts from the end of the history, `days` after `start`; what would lie before it is left out.
        """
        draw = generator(seed, "faults")
        end = start + timedelta(days=days)
        visible = [a for a in park.arrays if a.strings and 1 / a.strings >= VISIBLE_SHARE] or list(park.arrays)
        loads = [p.id for p in park.by_role("load")]
        replaced, silent = _two(draw, loads)
        silence = _hour(end - timedelta(days=12)) + timedelta(hours=int(draw.integers(-6, 7)))
        replacement = _hour(end - timedelta(days=11)) + timedelta(minutes=int(draw.integers(0, 480)))
        planned: tuple[Fault, ...] = (
            StringLoss(visible[int(draw.integers(len(visible)))].id, _hour(end - timedelta(days=9)), 1),
            Replacement(replaced, replacement, round(float(draw.uniform(0.2, 9.0)), 1)),
            Silence(silent, silence, silence + timedelta(days=1)),
        )
        return cls(tuple(f for f in planned if f.start > start))

    @classmethod
    def random(cls, park: Park, seed: int, start: datetime, days: int = HISTORY_DAYS) -> Faults:
        """Return other faults for every seed: which occur, where, when and how large."""
        draw = generator(seed, "random faults")
        arrays = list(park.arrays)
        meters = [p.id for p in park.points if p.role in {"load", "pv"}]
        replaced, silent = _two(draw, meters)
        planned: list[Fault] = []
        if draw.random() < 0.8:  # noqa: PLR2004 - how often the scorer sees it
            array = arrays[int(draw.integers(len(arrays)))]
            planned.append(StringLoss(array.id, _moment(draw, start, 0.5 * days, days - 8), _lost_strings(draw, array)))
        if draw.random() < 0.7:  # noqa: PLR2004
            planned.append(
                Replacement(
                    replaced, _moment(draw, start, 0.15 * days, days - 5), round(float(draw.uniform(0.0, 12.0)), 1)
                )
            )
        if draw.random() < 0.7:  # noqa: PLR2004
            at = _moment(draw, start, 0.15 * days, days - 6)
            planned.append(Silence(silent, at, at + timedelta(hours=float(draw.integers(6, 49)))))
        return cls(tuple(planned))


def _two(draw: np.random.Generator, names: Sequence[str]) -> tuple[str, str]:
    first, second = draw.choice(len(names), size=2, replace=len(names) < 2)  # noqa: PLR2004 - two out of two
    return names[int(first)], names[int(second)]


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _moment(draw: np.random.Generator, start: datetime, first_day: float, last_day: float) -> datetime:
    return _hour(start) + timedelta(
        minutes=int(draw.integers(round(first_day * 1440), max(round(first_day * 1440) + 1, round(last_day * 1440))))
    )


def _lost_strings(draw: np.random.Generator, array: Array) -> int:
    """Draw between the smallest number that can be seen and three tenths of the array."""
    strings = array.strings or 1
    fewest = int(np.ceil(strings * VISIBLE_SHARE - 1e-9))
    most = max(fewest, round(strings * 0.3))
    return int(draw.integers(fewest, most + 1))
