"""Times as devices write them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
CLOCKS_EXIST_US = 946_684_800_000_000  # 2000-01-01; a device that says less has never been told the time
_SECONDS_BELOW = 1e11  # the year 5138 in seconds, March 1973 in milliseconds
_MILLISECONDS_BELOW = 1e14

_SHORTEST_ISO = len("20261001T080000Z")  # anything shorter lacks the time of day
_LONGEST_ISO = len("2026-10-01T08:00:00.000000+08:00:00.000000")

CLOCK_UNSET = "the device's clock was never set"


def microseconds(instant: datetime) -> int:
    """Return an aware instant as microseconds since 1970, UTC."""
    return (instant - _EPOCH) // _MICROSECOND


def time_us(
    written: Any,  # Any: whatever a device wrote
    forms: Sequence[Literal["iso", "iso_local", "epoch"]],
    zone: ZoneInfo,
    received_us: int,
) -> int | str:
    """Return a device's time in microseconds since 1970, UTC, or in words why it is none.

    A local time that occurs twice, when clocks go back, is the one nearer to the time of receipt.
    """
    kind = type(written)
    if kind is str and ("iso" in forms or "iso_local" in forms):
        stamp = _from_iso(written, zone if "iso_local" in forms else None, received_us)
    elif (kind is int or kind is float) and "epoch" in forms:
        stamp = _from_epoch(written)
    else:
        return "not a time"
    return CLOCK_UNSET if isinstance(stamp, int) and stamp < CLOCKS_EXIST_US else stamp


def _from_epoch(number: float) -> int | str:
    if not number < _MILLISECONDS_BELOW:  # neither is NaN
        return "neither seconds nor milliseconds since 1970"
    if number < 0:
        return 0
    return round(number * 1_000_000) if number < _SECONDS_BELOW else round(number * 1_000)


def _from_iso(text: str, zone: ZoneInfo | None, received_us: int) -> int | str:
    if not _SHORTEST_ISO <= len(text) <= _LONGEST_ISO:
        return "not an ISO 8601 time"
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return microseconds(moment)
        if zone is None:
            return "no offset from UTC"
        candidates = [microseconds(moment.replace(tzinfo=zone, fold=fold)) for fold in (0, 1)]
    except (ValueError, OverflowError):
        return "not an ISO 8601 time"
    return min(candidates, key=lambda us: abs(us - received_us))
