"""Ranges of local days, as questions name them."""

from __future__ import annotations

from datetime import date, datetime

from fastapi import HTTPException

from core.park import FIRST_YEAR, LAST_YEAR
from core.timebase import day_bounds
from service.runner import Runtime


def bounds(runtime: Runtime, start: date | None, end: date | None) -> tuple[datetime | None, datetime | None]:
    """Return the instants at which the first day begins and the last one ends; None where a side is open."""
    if start and end and end < start:
        raise HTTPException(422, "`to` lies before `from`")
    if any(day is not None and not FIRST_YEAR <= day.year <= LAST_YEAR for day in (start, end)):
        raise HTTPException(422, f"a day lies between {FIRST_YEAR} and {LAST_YEAR}")
    zone = runtime.park.zone
    return day_bounds(start, zone)[0] if start else None, day_bounds(end, zone)[1] if end else None
