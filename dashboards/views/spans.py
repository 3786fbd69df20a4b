"""Ranges of local days: what was asked for, what it is compared with, and the axis its values stand on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from core.errors import Rejected
from core.park import FIRST_YEAR, LAST_YEAR
from core.text import MONTHS_EN, Language
from core.timebase import SLOT, day_bounds

HOUR_S = 3600
MAX_DAYS = 3660  # ten years
SLOT_DAYS = 15  # up to here a curve shows every slot: 1,440 points
HOUR_DAYS = 62  # up to here every hour: 1,488 points
BAR_SLOT_DAYS = 2  # up to here bars stand for slots
DAY_DAYS = 1098  # up to here one point per day, then one per month

Ints = npt.NDArray[np.int64]


class Grain(StrEnum):
    """How long a drawn point lasts. Slots and days are stored; hours are made from slots, months of a range from days."""

    SLOT = "slot"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"

    @property
    def stored(self) -> Grain:
        """What it is read from."""
        return Grain.SLOT if self in {Grain.SLOT, Grain.HOUR} else Grain.DAY


class Compare(StrEnum):
    """What a range is held against."""

    NONE = ""
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True)
class Span:
    """Local days, both included."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """Every day of it."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    @property
    def length(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1

    @property
    def whole_months(self) -> int:
        """How many months it is made of; 0 where it begins or ends within one."""
        if self.first.day != 1 or (self.last + timedelta(days=1)).day != 1:
            return 0
        return (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The instants it begins and ends."""
        return day_bounds(self.first, zone)[0], day_bounds(self.last, zone)[1]


def checked(first: date, last: date) -> Span:
    """Return the range; raises Rejected where nobody can mean it."""
    for name, day in (("from", first), ("to", last)):
        if not FIRST_YEAR <= day.year < LAST_YEAR:
            raise Rejected(f"`{name}` must lie between {FIRST_YEAR} and {LAST_YEAR - 1}")
    if last < first:
        raise Rejected("`to` lies before `from`")
    if (last - first).days >= MAX_DAYS:
        raise Rejected(f"ask for at most {MAX_DAYS} days; /api/v1/export has everything")
    return Span(first, last)


def before(span: Span, by: Compare) -> Span | None:
    """Return what a range is compared with: whole months with as many months before, else as many days."""
    if by is Compare.NONE:
        return None
    if by is Compare.WEEK:
        return Span(span.first - timedelta(days=7), span.last - timedelta(days=7))
    months = 12 if by is Compare.YEAR else max(1, span.whole_months)
    first = _months_earlier(span.first, months)
    if span.whole_months:
        return Span(first, _months_earlier(span.last + timedelta(days=1), months) - timedelta(days=1))
    return Span(first, first + timedelta(days=span.length - 1))


def _months_earlier(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    last = (date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))


def span_text(span: Span, language: Language) -> str:
    """Write a range as people do: a day, a month, a year, or from and to."""
    first, last, zh = span.first, span.last, language is Language.ZH
    if span.length == 1:
        return _day(first, language)
    if span.whole_months == 1:
        return f"{first.year} 年 {first.month} 月" if zh else f"{MONTHS_EN[first.month - 1]} {first.year}"
    if span.whole_months == 12 and first.month == 1:  # noqa: PLR2004 - a calendar year
        return f"{first.year} 年" if zh else str(first.year)
    if (first.year, first.month) == (last.year, last.month):
        if zh:
            return f"{first.year} 年 {first.month} 月 {first.day}–{last.day} 日"
        return f"{first.day}–{last.day} {MONTHS_EN[first.month - 1]} {first.year}"
    return f"{_day(first, language)} – {_day(last, language)}"


def _day(day: date, language: Language) -> str:
    if language is Language.ZH:
        return f"{day.year} 年 {day.month} 月 {day.day} 日"
    return f"{day.day} {MONTHS_EN[day.month - 1]} {day.year}"


@dataclass(frozen=True)
class Axis:
    """Where values stand: `edges` are the instants periods begin, and the end of the last; in seconds since 1970.

    `day_of` says for every point which day of the range it belongs to; a month takes the number of its first.
    """

    grain: Grain
    edges: Ints
    day_of: Ints

    @property
    def size(self) -> int:
        """How many points."""
        return len(self.day_of)

    def begun(self, now: datetime) -> int:
        """How many points have begun."""
        return int(np.searchsorted(self.edges[:-1], _seconds(now), "left"))

    def hours(self, now: datetime) -> npt.NDArray[np.float64]:
        """How long every point has lasted so far."""
        ends = np.minimum(self.edges[1:], _seconds(now))
        return np.maximum((ends - self.edges[:-1]) / 3600.0, 0.0)


def axis_of(span: Span, grain: Grain, zone: ZoneInfo) -> Axis:
    """Return the axis of a range: every slot, hour, day or (cut to the range) month of it."""
    days = np.array([_seconds(day_bounds(d, zone)[0]) for d in [*span.days, span.last + timedelta(days=1)]])
    numbers = np.arange(span.length)
    if grain is Grain.DAY:
        return Axis(grain, days, numbers)
    if grain is Grain.MONTH:
        firsts = np.array([n for n, d in enumerate(span.days) if d.day == 1 or n == 0])
        return Axis(grain, np.append(days[firsts], days[-1]), firsts)
    step = HOUR_S if grain is Grain.HOUR else int(SLOT.total_seconds())
    edges = np.append(np.arange(days[0], days[-1], step), days[-1])
    return Axis(grain, edges, np.searchsorted(days, edges[:-1], "right") - 1)


def instant_of(seconds: int) -> datetime:
    """Return the instant an edge stands for."""
    return datetime.fromtimestamp(seconds, UTC)


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())
