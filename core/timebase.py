"""UTC slots of 15 minutes, and the local days and months cut from them.

A slot is labelled by its start and is half-open. A local day is a pair of UTC instants; it holds 92, 96 or 100
slots where a zone changes its clock. Zones with an offset that is no multiple of 15 minutes are refused.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

SLOT = timedelta(minutes=15)
SLOT_HOURS = SLOT / timedelta(hours=1)


def slot_start(instant: datetime) -> datetime:
    """Return the start of the slot that holds `instant`."""
    seconds = int(SLOT.total_seconds())
    stamp = int(instant.timestamp() // seconds) * seconds
    return datetime.fromtimestamp(stamp, UTC)


def slot_index(start: datetime, end: datetime) -> pd.DatetimeIndex:
    """Return the starts of all slots in [start, end); both must lie on slot edges."""
    return pd.date_range(start, end, freq="15min", inclusive="left", unit="us")


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """Return the local calendar day that holds `instant`."""
    return instant.astimezone(zone).date()


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the local day's first instant and the next day's, in UTC."""
    return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)


def month_bounds(year: int, month: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the local month's first instant and the next month's, in UTC."""
    following = date(year + month // 12, month % 12 + 1, 1)
    return _midnight(date(year, month, 1), zone), _midnight(following, zone)


def days_between(start: datetime, end: datetime, zone: ZoneInfo) -> list[date]:
    """Return every local day that [start, end) touches."""
    if end <= start:
        return []
    first = day_of(start, zone)
    last = day_of(end - timedelta(microseconds=1), zone)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def month_of(instant: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """Return the local (year, month) that holds `instant`."""
    local = instant.astimezone(zone)
    return local.year, local.month


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
