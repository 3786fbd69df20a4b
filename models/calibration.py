"""What an array makes of its nameplate: one factor, learned once from its own first clean weeks; pure.

Meters, nameplates and irradiance sensors are each some percent off. One factor per array takes all of it up, so that
what is lost later shows; system-specific inputs matter more than the choice of model (Deville et al. 2024, Prog.
Photovolt.). A fault must not be learned: a day counts only if it lies on the one level that the array held while
neither array nor sensor was at fault; where that cannot be told there is a refusal and no factor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from core.park import Array
from core.statements import Json, Statement
from core.timebase import day_bounds, day_of
from models.clean_days import CleanDay, Level, levels_of, settled

VERSION = "calibration-1"
LEARN_DAYS = 56  # calendar days: eight weeks see cloud and clear, cool and warm
BRIGHT_DAYS = 30  # of them that can be judged
CLEAN_DAYS = 21  # and lie on the one level at which nothing was wrong
WINDOW_DAYS = 366  # where clean days are rare, the newest year: a level from before a fault stays in sight
LEAST_FACTOR, MOST_FACTOR = 0.75, 1.3  # beyond, nameplate, meter or sensor is wrong, or a fault stood all along

SHARED_METER = "shared_meter"
TOO_EARLY = "too_early"
TOO_FEW_DAYS = "too_few_clean_days"
UNSETTLED = "unsettled"
IMPLAUSIBLE = "implausible_factor"


@dataclass(frozen=True)
class Build:
    """An array between two changes of its peak power or its meter: what a factor holds for."""

    array: str
    versions: tuple[Array, ...]
    start: datetime | None
    end: datetime | None

    def holds(self, first: datetime, last: datetime | None = None) -> bool:
        """Say whether all of [first, last], or the instant `first`, lies in it."""
        after = self.start is None or first >= self.start
        return after and (self.end is None or (last or first) < self.end)


@dataclass(frozen=True)
class Calibration:
    """Expected energy times `factor`, from `start` on. `nameplate_kwp` (peak power less losses) is what it scales."""

    start: datetime
    factor: float
    scatter: float  # robust standard deviation of the daily index
    nameplate_kwp: float

    def factor_of(self, array: Array) -> float:
        """Return the factor for a description; one that was mended since keeps the capacity that was learned."""
        return self.factor * self.nameplate_kwp / nameplate_kwp(array)


@dataclass(frozen=True)
class Learned:
    """A factor and the days it came from, or the reason why there is none."""

    refused: str = ""
    factor: float = 1.0
    scatter: float = 0.0
    rung: str = ""
    days: tuple[CleanDay, ...] = ()
    left_out: Mapping[date, str] | None = None


def nameplate_kwp(array: Array) -> float:
    """Return peak power less losses, in kWp."""
    return array.dc_kwp * (1.0 - array.losses)


def builds_of(versions: Iterable[Array]) -> list[Build]:
    """Return the builds of one array, in order: successive descriptions of the same peak power at the same meter."""
    ordered = sorted(versions, key=lambda a: (a.valid_from is not None, a.valid_from))
    groups: list[list[Array]] = []
    for array in ordered:
        last = groups[-1][-1] if groups else None
        same = last is not None and (last.dc_kwp, last.point) == (array.dc_kwp, array.point)
        if same and last is not None and last.valid_to == array.valid_from:
            groups[-1].append(array)
        else:
            groups.append([array])
    return [Build(g[0].id, tuple(g), g[0].valid_from, g[-1].valid_to) for g in groups]


def calibrations_of(statements: Iterable[Statement]) -> dict[str, list[Calibration]]:
    """Return what was learned, by array; refusals are none."""
    found: dict[str, list[Calibration]] = {}
    for s in statements:
        body = {
            k: float(v) for k in ("factor", "scatter", "nameplate_kwp") if isinstance(v := s.body.get(k), int | float)
        }
        if len(body) == 3:  # noqa: PLR2004 - a refusal has none of them
            found.setdefault(s.entity, []).append(Calibration(s.start, **body))
    return found


def of_build(build: Build, calibrations: Iterable[Calibration]) -> Calibration | None:
    """Return the calibration learned on a build: its last learning day lies in it."""
    own = [c for c in calibrations if build.holds(c.start - timedelta(microseconds=1))]
    return own[-1] if own else None


def calibrated(build: Build, calibration: Calibration | None) -> Iterator[tuple[Array, bool]]:
    """Yield the descriptions of a build, each with whether it is calibrated; one is cut in two where that begins.

    The factor scales the DC side, so that the inverter's limit stays where it is.
    """
    for array in build.versions:
        start = calibration.start if calibration else None
        if calibration is None or start is None or (array.valid_to and start >= array.valid_to):
            yield array, False
            continue
        scaled = array.model_copy(update={"dc_kwp": array.dc_kwp * calibration.factor_of(array)})
        if array.valid_from and start <= array.valid_from:
            yield scaled, True
        else:
            yield array.model_copy(update={"valid_to": start}), False
            yield scaled.model_copy(update={"valid_from": start}), True


def learn(days: Sequence[CleanDay], first: date | None, last: date) -> Learned:
    r"""Return the factor that the days up to `last` make of the expectation, or why there is none.

    .. math:: f = \sum E / \sum E_{expected}

    over slots that are measured, below the inverter's limit and on the array's usual level. `first` is when
    measurement began; `days` are the candidates, bright and well measured, oldest first.
    """
    if first is None or (last - first).days + 1 < LEARN_DAYS:
        return Learned(TOO_EARLY)
    days = [d for d in days if first <= d.day <= last and (last - d.day).days < WINDOW_DAYS]
    rung = _rung(days)
    left_out = {d.day: "rung" for d in days if d.rung != rung}
    days = [d for d in days if d.rung == rung]
    if len(days) < BRIGHT_DAYS:
        return Learned(TOO_FEW_DAYS)
    return _of_levels(levels_of(days), rung, left_out)


def _of_levels(levels: Sequence[Level], rung: str, left_out: dict[date, str]) -> Learned:
    chosen = settled(levels)
    if chosen is None:
        return Learned(UNSETTLED)
    left_out |= {d.day: "other_level" for level in levels if level not in chosen.levels for d in level.days}
    left_out |= {d.day: "odd" for d in chosen.odd}
    if len(chosen.days) < CLEAN_DAYS:
        return Learned(TOO_FEW_DAYS)
    if len(chosen.odd) > len(chosen.days):
        return Learned(UNSETTLED)
    factor = sum(d.made_kwh for d in chosen.days) / sum(d.expected_kwh for d in chosen.days)
    if not LEAST_FACTOR <= factor <= MOST_FACTOR:
        return Learned(IMPLAUSIBLE)
    return Learned("", factor, chosen.scatter, rung, tuple(chosen.days), dict(sorted(left_out.items())))


def _rung(days: Sequence[CleanDay]) -> str:
    """Return the source of irradiance most of the days have."""
    rungs = [d.rung for d in days]
    return max(sorted(set(rungs)), key=rungs.count, default="")


def body_of(learned: Learned, array: Array) -> dict[str, Json]:
    """Return what a statement says: the factor with what it was learned on, or the refusal."""
    if learned.refused:
        return {"refused": learned.refused}
    return {
        "factor": round(learned.factor, 6),
        "scatter": round(learned.scatter, 6),
        "days": len(learned.days),
        "first_day": learned.days[0].day.isoformat(),
        "last_day": learned.days[-1].day.isoformat(),
        "rung": learned.rung,
        "nameplate_kwp": round(nameplate_kwp(array), 6),
        "learned_on": [d.day.isoformat() for d in learned.days],
        "left_out": {day.isoformat(): why for day, why in (learned.left_out or {}).items()},
        "quantiles": [round(float(q), 6) for q in np.quantile(_ratios(learned), (0.1, 0.5, 0.9), method="weibull")],
    }


def _ratios(learned: Learned) -> list[float]:
    return [d.index / learned.factor for d in learned.days]


def day_after(day: date, zone: ZoneInfo) -> datetime:
    """Return the local midnight that ends a day."""
    return day_bounds(day, zone)[1]


def day_before(instant: datetime, zone: ZoneInfo) -> date:
    """Return the local day that ends at an instant."""
    return day_of(instant - timedelta(microseconds=1), zone)
