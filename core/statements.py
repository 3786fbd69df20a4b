"""What the models once said and are held to: a calibration, a baseline, a plan, an outlook, a finding.

A statement is never changed or deleted. Who knows better later says so in another one, and what was said before stays
on record with the time at which it was said. Numbers that readings determine are no statements: they are series.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

FOREVER = datetime(9999, 1, 1, tzinfo=UTC)  # the end of a statement about what goes on

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class Kind(StrEnum):
    """What a statement is about."""

    CALIBRATION = "calibration"  # an array's model against its own clean weeks
    BASELINE = "baseline"  # how much a load uses by temperature and calendar
    PLAN = "plan"  # what a period should come to, frozen before it
    OUTLOOK = "outlook"  # what a period will come to, as far as was known
    FINDING = "finding"  # a fault with start, size and evidence


@dataclass(frozen=True)
class Statement:
    """`body` says about `entity` in [start, end), aware UTC; `subject` tells several of one kind and start apart.

    `version` names the model that said it. A refusal is a statement too: its body has a `refused` reason.
    """

    kind: Kind
    entity: str
    start: datetime
    end: datetime
    issued_at: datetime
    version: str
    body: Mapping[str, Json] = field(default_factory=dict)
    subject: str = ""


def number(value: Json) -> float:
    """Return a number from a body; raise TypeError where something else stands there."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a body holds {value!r} where a number belongs")
    return float(value)
