"""Why a number is what it is: reason codes of slots, flags of readings, events of entities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntFlag, StrEnum


class ReadingFlag(IntFlag):
    """What ingest noticed about a reading; the value itself is kept as sent."""

    NONE = 0
    TIME_UNCERTAIN = 1  # the device sent no time; the time of receipt was taken
    OUT_OF_RANGE = 2  # beyond the physical bounds of its quantity: kept, but never used
    FUTURE = 4  # time ahead of ours by more than the allowance: kept, but never used
    IMPORTED = 8  # came from a file
    SERVICE = 16  # computed by a weather service; nobody measured it here


UNUSABLE = ReadingFlag.OUT_OF_RANGE | ReadingFlag.FUTURE


class Reason(StrEnum):
    """Reason codes; a slot carries them space-separated and sorted."""

    MISSING = "missing"  # nothing is known of part of this period
    GAP = "gap"  # energy over a gap, spread: the total is measured, its shape is estimated
    JITTER = "jitter"
    SPURIOUS = "spurious"  # a dip or spike that returned was left out
    ROLLOVER = "rollover"
    RESET = "reset"
    REPLACED = "replaced"
    IMPLAUSIBLE = "implausible"
    FROM_POWER = "from_power"  # no register: integrated from power
    TIME_UNCERTAIN = "time_uncertain"
    SENSOR_FAULT = "sensor_fault"
    RUNG_POA = "rung_poa"
    RUNG_GHI = "rung_ghi"
    RUNG_SERVICE = "rung_service"
    RUNG_PEERS = "rung_peers"
    RUNG_TEMPERATURE = "rung_temperature"
    RUNG_CLEAR_SKY = "rung_clear_sky"
    SERVICE_TEMPERATURE = "service_temperature"
    DEFAULT_TEMPERATURE = "default_temperature"
    UNCALIBRATED = "uncalibrated"  # expected from the nameplate alone: the array has not learned its factor yet
    PARTIAL = "partial"  # the period is not over yet
    CORRECTED = "corrected"  # a person's correction is applied here


def join_reasons(*groups: str | Iterable[str]) -> str:
    """Merge reason codes into the stored form."""
    merged: set[str] = set()
    for group in groups:
        merged.update(group.split() if isinstance(group, str) else group)
    return " ".join(sorted(merged))


@dataclass(frozen=True)
class Event:
    """Something that happened to an entity's data, with its bounds. Words are made late, from code and parameters."""

    entity: str  # point or array id
    code: str  # a Reason or a check's own code
    start: datetime
    end: datetime
    params: Mapping[str, float | str] = field(default_factory=dict)


def joined_outages(events: Iterable[Event]) -> list[Event]:
    """Return the events with an outage that was cut at midnight as one event again, oldest first."""
    found: list[Event] = []
    open_at: dict[str, int] = {}
    for event in sorted(events, key=lambda e: e.start):
        before = open_at.get(event.entity) if event.code == Reason.MISSING else None
        if before is not None and found[before].end == event.start:
            hours = (event.end - found[before].start).total_seconds() / 3600
            found[before] = replace(found[before], end=event.end, params={**event.params, "hours": round(hours, 2)})
            continue
        if event.code == Reason.MISSING:
            open_at[event.entity] = len(found)
        found.append(event)
    return found
