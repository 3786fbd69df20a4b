"""What people do with alerts: take one on, say something about it, keep a group of them quiet for a time.

Nothing of it is ever changed or deleted. An acknowledgement belongs to one life of an alert and ends with it. A silence
hides nothing: it only keeps receivers from being told while it lasts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import Field, StringConstraints, ValidationError, model_validator

from core.errors import ConfigError, Problem
from core.park import Identifier, Model, Park, When

LONGEST_TEXT = 500
# Control characters, and marks that turn the direction of what stands after them.
_PLAIN = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$"
_REACH = timedelta(days=366)  # how far ahead a silence may be planned


class ActKind(StrEnum):
    """What was done with one alert."""

    ACK = "ack"  # somebody takes it on: no repeats, but its end is told
    UNACK = "unack"  # taken back by a person
    BROKEN = "broken"  # taken back because the alert grew worse
    COMMENT = "comment"


@dataclass(frozen=True)
class Act:
    """One thing done with one life of an alert; `severity` is the alert's at that time."""

    fingerprint: str
    active_at: datetime
    kind: ActKind
    at: datetime
    author: str
    text: str
    severity: str
    id: int | None = None


@dataclass(frozen=True)
class Ended:
    """Who ended a silence before its time, when and why."""

    at: datetime
    author: str
    reason: str


@dataclass(frozen=True)
class Silence:
    """Alerts of a rule, an entity or both whose receivers are not told in [start, end)."""

    rule: str | None
    entity: str | None
    start: datetime
    end: datetime
    made_at: datetime
    author: str
    reason: str
    id: int | None = None
    ended: Ended | None = None

    @property
    def until(self) -> datetime:
        """Return when it ends or ended."""
        return max(self.start, min(self.end, self.ended.at)) if self.ended else self.end

    def holds(self, now: datetime) -> bool:
        """Say whether it is in force."""
        return self.start <= now < self.until

    def covers(self, rule: str, entity: str) -> bool:
        """Say whether it speaks of alerts of this rule on this entity."""
        return self.rule in {None, rule} and self.entity in {None, entity}


# -- what people send


Plain = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, pattern=_PLAIN)]
Name = Annotated[Plain, StringConstraints(max_length=80)]
Said = Annotated[Plain, StringConstraints(max_length=LONGEST_TEXT)]


class AskedAct(Model):
    """An acknowledgement, its taking back, or a comment, as it was sent."""

    fingerprint: str = Field(min_length=1, max_length=200, pattern=_PLAIN)
    active_at: datetime
    author: Name | None = None
    text: Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_TEXT, pattern=_PLAIN)] = ""

    @model_validator(mode="after")
    def _aware(self) -> AskedAct:
        if self.active_at.tzinfo is None:
            raise ValueError("active_at needs an offset, as the list of alerts gives it")
        return self


class AskedSilence(Model):
    """A silence as it was sent. Times without an offset are park time; without `start` it begins at once."""

    rule: Identifier | None = None
    entity: Annotated[str, Field(min_length=1, max_length=128, pattern=_PLAIN)] | None = None
    start: When | None = None
    end: When
    author: Name | None = None
    reason: Said


class AskedEnd(Model):
    """The end of a silence before its time, as it was sent."""

    author: Name | None = None
    reason: Said


M = TypeVar("M", bound=Model)


def read(model: type[M], given: Mapping[str, Any]) -> M:  # Any: whatever stood in the JSON
    """Return what was sent; raises ConfigError with every fault in words and without repeating what was sent."""
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        faults = [Problem(".".join(map(str, f["loc"])), _reason(f)) for f in error.errors()]
        raise ConfigError(faults) from None


def _reason(fault: Any) -> str:  # Any: pydantic's own dictionary
    if fault["type"] == "string_pattern_mismatch":
        return "holds characters that may not stand here"
    return str(fault["msg"]).removeprefix("Value error, ")


def placed(asked: AskedSilence, author: str, park: Park, now: datetime) -> Silence:
    """Return the silence with its times in UTC. Raises ConfigError where it can not be."""
    longest = timedelta(days=park.alerts.longest_silence_days)
    start, end = max(now, _utc(asked.start, park) or now), _utc(asked.end, park)
    assert end is not None  # noqa: S101 - it is asked for
    fault = ""
    if asked.rule is None and asked.entity is None:
        fault = "a silence names a rule, an entity or both"
    elif end <= start:
        fault = "the end does not lie after the start and after now"
    elif end - start > longest:
        fault = f"a silence lasts at most {longest.days} days"
    elif start - now > _REACH:
        fault = f"a silence begins within {_REACH.days} days"
    if fault:
        raise ConfigError(fault)
    return Silence(asked.rule, asked.entity, start, end, now, author, asked.reason)


def _utc(instant: datetime | None, park: Park) -> datetime | None:
    if instant is None:
        return None
    try:
        return (instant if instant.tzinfo else instant.replace(tzinfo=park.zone)).astimezone(UTC)
    except OverflowError:
        raise ConfigError(f"{instant.isoformat()} is no time of this world") from None
