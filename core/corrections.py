"""Corrections to history: what a person says about readings that cannot speak for themselves.

Readings are never changed. A correction is an entry of its own, applied over them whenever slots are computed; it can
be undone, and the undoing is an entry too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, StringConstraints, ValidationError, model_validator

from core.errors import ConfigError, Problem
from core.park import FIRST_YEAR, LAST_YEAR, DeviceId, Identifier, Model, Park, Point, When
from core.quantities import READING
from core.quantities import Kind as Sort
from core.timebase import SLOT

LONGEST = timedelta(days=400)  # as long as the energy of a silence can be given to its days
LONGEST_SUM = timedelta(days=92)  # a sum that is spread has to be read whole
FARTHEST_S = 400 * 86_400.0
FLOWS = ("import_kwh", "export_kwh")
REGISTERS = tuple(q.name for q in READING.values() if q.kind is Sort.REGISTER)

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Kind(StrEnum):
    """What is said of a stretch [start, end)."""

    RATIO = "ratio"  # a CT or PT ratio was wrong: what the device counted is multiplied by `factor`
    EXCLUDE = "exclude"  # the device's readings are not used
    SET = "set"  # the energy of a point is known to be `total_kwh`
    REPLACE = "replace"  # at `start` another meter took over under the same id: the register's step is no energy
    SHIFT = "shift"  # the device's clock was wrong: its readings move by `seconds`
    ESTIMATE = "estimate"  # the total is right, its shape is not: spread evenly


OF_READINGS = {Kind.RATIO, Kind.EXCLUDE, Kind.REPLACE, Kind.SHIFT}
_NEEDED = {Kind.RATIO: "factor", Kind.SET: "total_kwh", Kind.SHIFT: "seconds"}
_ALLOWED = {
    "factor": {Kind.RATIO},
    "total_kwh": {Kind.SET},
    "shape": {Kind.SET},
    "seconds": {Kind.SHIFT},
    "last_kwh": {Kind.REPLACE},
    "first_kwh": {Kind.REPLACE},
    "quantity": {Kind.EXCLUDE, Kind.SET, Kind.REPLACE, Kind.ESTIMATE},
}


class Signed(Model):
    """Who says something, and why."""

    author: Annotated[Words, StringConstraints(max_length=80)]
    reason: Annotated[Words, StringConstraints(max_length=500)]


S = TypeVar("S", bound=Signed)


class Correction(Signed):
    """What is corrected, by whom and why. Times without an offset are park time until `placed` made them UTC.

    `quantity` is a reading's for `exclude` (default: all) and `replace`, import_kwh or export_kwh of the point for `set`
    and `estimate` (default: what the point is there for).
    """

    kind: Kind
    point: Identifier | None = None
    device: DeviceId | None = None
    quantity: str | None = None
    start: When
    end: When | None = Field(None, description="first instant after the stretch; `replace` has none")
    factor: float | None = Field(None, gt=0.0, le=1e6)
    total_kwh: float | None = Field(None, ge=0.0, le=1e12)
    shape: Literal["even", "own"] | None = Field(None, description="spread evenly, or as the point's own readings ran")
    seconds: float | None = Field(None, ge=-FARTHEST_S, le=FARTHEST_S)
    last_kwh: float | None = Field(None, ge=0.0, le=1e12, description="last count of the old meter's display")
    first_kwh: float | None = Field(None, ge=0.0, le=1e12, description="first count of the new meter's display")

    @model_validator(mode="after")
    def _whole(self) -> Correction:
        needed = _NEEDED.get(self.kind)
        if needed and getattr(self, needed) is None:
            raise ValueError(f"{self.kind} needs {needed}")
        if self.kind is Kind.SHIFT and not self.seconds:
            raise ValueError("a shift by 0 seconds changes nothing")
        for name, kinds in _ALLOWED.items():
            if getattr(self, name) is not None and self.kind not in kinds:
                raise ValueError(f"{self.kind} has no {name}")
        if (self.point is None) == (self.device is None):
            raise ValueError("name either a point or a device")
        if self.point is None and self.kind not in OF_READINGS:
            raise ValueError(f"{self.kind} is about a point")
        if (self.end is None) != (self.kind is Kind.REPLACE):
            raise ValueError("replace has no end" if self.end else f"{self.kind} needs an end")
        return self

    @property
    def stretch(self) -> tuple[datetime, datetime]:
        """First instant the correction speaks of, and the end; equal where it is about an instant."""
        start, end = self.start, self.end or self.start
        if self.seconds:
            moved = timedelta(seconds=self.seconds)
            start, end = min(start, start + moved), max(end, end + moved)
        return start, end


@dataclass(frozen=True)
class Undoing:
    """Who took a correction back, when and why."""

    at: datetime
    author: str
    reason: str


@dataclass(frozen=True)
class Entry:
    """A correction on record."""

    id: int
    at: datetime
    correction: Correction
    undone: Undoing | None = None

    def touches(self, start: datetime, end: datetime) -> bool:
        """Say whether it speaks of any time in [start, end)."""
        first, last = self.correction.stretch
        return first < end and (last > start or first >= start)


def in_force(entries: Iterable[Entry]) -> tuple[Correction, ...]:
    """Return the corrections that are not undone, in the order they were made."""
    return tuple(e.correction for e in sorted(entries, key=lambda e: e.id) if e.undone is None)


def undoing(given: Mapping[str, Any], at: datetime) -> Undoing:  # Any: whatever stood in the JSON
    """Return an undoing; raises ConfigError with every fault in words."""
    signed = _read(Signed, given)
    return Undoing(at, signed.author, signed.reason)


def read(given: Mapping[str, Any]) -> Correction:  # Any: whatever stood in the JSON
    """Return the correction that was asked for; raises ConfigError with every fault in words."""
    return _read(Correction, given)


def _read(model: type[S], given: Mapping[str, Any]) -> S:  # Any: whatever stood in the JSON
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        problems = [
            Problem(".".join(str(p) for p in fault["loc"]), fault["msg"].removeprefix("Value error, "))
            for fault in error.errors()
        ]
        raise ConfigError(problems) from None


def placed(correction: Correction, park: Park, now: datetime) -> Correction:
    """Return the correction with its times in UTC and its quantity filled in, checked against the park.

    Raises ConfigError where it names what does not exist, lies ahead or could not be applied.
    """
    start, end = (_utc(t, park) for t in (correction.start, correction.end))
    assert start is not None  # noqa: S101 - a correction always has a start
    found = correction.model_copy(update={"start": start, "end": end})
    fault = _fault_of_time(found, now) or _fault_of_target(found, park)
    if fault:
        raise ConfigError(fault)
    if found.kind in {Kind.SET, Kind.ESTIMATE} and found.quantity is None:
        main = park.point(found.point or "").role == "pv"
        found = found.model_copy(update={"quantity": FLOWS[main]})
    return found


def concerned(correction: Correction, park: Park) -> tuple[Point, ...]:
    """Return the points whose figures may follow."""
    return tuple(
        p for p in park.points if p.id == correction.point or any(d.id == correction.device for d in p.devices)
    )


def _utc(instant: datetime | None, park: Park) -> datetime | None:
    if instant is None:
        return None
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise ConfigError(f"{instant.isoformat()} lies outside {FIRST_YEAR} to {LAST_YEAR}")
    return (instant if instant.tzinfo else instant.replace(tzinfo=park.zone)).astimezone(UTC)


def _fault_of_time(correction: Correction, now: datetime) -> str:
    end = correction.end or correction.start
    if correction.start >= now or end > now:
        return "a correction is about what has been: its time lies ahead"
    if correction.end is None:
        return ""
    if correction.end <= correction.start:
        return "the end does not lie after the start"
    longest = LONGEST if correction.kind in OF_READINGS else LONGEST_SUM
    if correction.end - correction.start > longest:
        return f"{correction.kind} reaches over at most {longest.days} days"
    whole = all(t.timestamp() % SLOT.total_seconds() == 0 for t in (correction.start, correction.end))
    if correction.kind not in OF_READINGS and not whole:
        return f"{correction.kind} starts and ends at a full quarter of an hour"
    return ""


def _fault_of_target(correction: Correction, park: Park) -> str:
    points = concerned(correction, park)
    if not points:
        return f"this park has no {'point' if correction.point else 'device'} {correction.point or correction.device}"
    served = any(
        (d.valid_from is None or d.valid_from <= correction.stretch[1])
        and (d.valid_to is None or d.valid_to > correction.stretch[0])
        for p in points
        for d in p.devices
        if correction.point or d.id == correction.device
    )
    if not any(p.devices for p in points) or (correction.kind in OF_READINGS and not served):
        return "no device served there at that time"
    weather = all(p.role == "weather" for p in points)
    if weather and correction.kind not in {Kind.EXCLUDE, Kind.SHIFT}:
        return f"{correction.kind} is about energy, and this is weather"
    allowed = {Kind.EXCLUDE: tuple(READING), Kind.REPLACE: REGISTERS}.get(correction.kind, FLOWS)
    if correction.quantity is not None and correction.quantity not in allowed:
        return f"{correction.kind} knows no quantity {correction.quantity}; one of {', '.join(allowed)}"
    return ""
