"""A rule as YAML writes it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from core.park import Identifier
from core.text import Text
from rules.deficit import Deficit
from rules.envelope import Envelope
from rules.foreseen import MonthForeseen
from rules.found import Found
from rules.happening import Happening
from rules.lifecycle import OnMissing, Terms
from rules.performance import Performance
from rules.silence import Silence
from rules.target import TargetTier
from rules.threshold import Threshold

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")  # from the mildest on

_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def _as_duration(value: Any) -> Any:  # Any: pydantic hands over whatever stood in the YAML
    if value == 0:
        return timedelta(0)
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)", str(value).strip())
    if found is None:
        raise ValueError("write a duration like 30min, 2h or 3d")
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])


Duration = Annotated[timedelta, BeforeValidator(_as_duration)]
AnyWatch = Annotated[
    Deficit | TargetTier | MonthForeseen | Performance | Envelope | Silence | Happening | Found | Threshold,
    Field(discriminator="kind"),
]


class RuleText(BaseModel):
    """What an alert says. `{name}` is the entity; other placeholders are the alert's parameters.

    A part in square brackets is left out whole where one of its parameters is not known.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: Text
    detail: Text
    advice: Text
    resolved: Text = Field(description="title once the alert is over")


class Rule(BaseModel):
    """What is watched, how bad it is, how long it must hold, and what people are told."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    id: Identifier
    name: Text | None = Field(None, description="what it is about, for lists to choose from; default its id")
    severity: Severity
    watch: AnyWatch
    on_missing: OnMissing = "hold"
    holds_for: Duration = Field(timedelta(0), alias="for")
    keep_firing_for: Duration = timedelta(0)
    text: RuleText

    def terms(self, entity: str) -> Terms:
        """Return what stays the same through the life of this rule's alert on one entity."""
        return Terms(self.id, entity, self.severity, self.holds_for, self.keep_firing_for, self.on_missing)
