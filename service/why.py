"""Why a balance differs from its plan: asked by page, report and command line, answered by the models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

from core.clock import Clock
from core.errors import ConfigError
from core.park import FIRST_YEAR, LAST_YEAR, Park
from core.store import State, Store
from core.timebase import day_of, slot_start
from core.why import Why
from models import demand
from models.compute import SETTLE
from models.why import why, whys

MOST_DAYS = 400


def explain(park: Park, store: Store, state: State, first: date, last: date, now: datetime) -> Why:
    """Split the difference between planned and actual balance of some local days, both included."""
    return why(park, store, state, first, last, slot_start(now - SETTLE), demand.predict, park.days.day_class)


def explain_days(park: Park, store: Store, state: State, clock: Clock) -> Callable[[date, date], Mapping[date, Why]]:
    """Return what splits every closed day of a range by itself."""

    def explain_each(first: date, last: date) -> Mapping[date, Why]:
        until = slot_start(clock.now() - SETTLE)
        return whys(park, store, state, first, last, until, demand.predict, park.days.day_class)

    return explain_each


def explain_month(park: Park, store: Store, state: State, year: int, month: int, now: datetime) -> Why:
    """Split a month, of a running one the days up to today."""
    first, last = span_of(None, f"{year}-{month:02d}")
    return explain(park, store, state, first, max(first, min(last, day_of(now, park.zone))), now)


def span_of(day: str | None, month: str | None) -> tuple[date, date]:
    """Return first and last day of a day or month as people write them."""
    try:
        if day:
            only = date.fromisoformat(day)
            return _checked(only, only)
        first = date.fromisoformat(f"{month}-01")
        return _checked(first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1))
    except (ValueError, OverflowError):
        raise ConfigError(
            f"{day or month!r} is no {'day' if day else 'month'}", "write it like 2026-10-01 or 2026-10"
        ) from None


def _checked(first: date, last: date) -> tuple[date, date]:
    if not FIRST_YEAR <= first.year <= LAST_YEAR:
        raise ValueError
    return first, last
