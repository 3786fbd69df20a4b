"""Why a balance differs from its plan: what was split, into which parts, and what is left over. Words are made late."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

WITHHELD_ABOVE = 0.2  # of the sum of absolute parts: more unexplained than this, and no sentence is said


class Cause(StrEnum):
    """What a part of the difference comes from. The order is that of the waterfall."""

    WEATHER = "weather"  # irradiance and temperature at the arrays, against normal weather
    PLAN_SCALE = "plan_scale"  # the plan's PV model before it was calibrated, against the factor known by now
    FINDING = "finding"  # a fault of an array; `subject` is the finding's code
    CURTAILMENT = "curtailment"
    PV_NOT_SPLIT = "pv_not_split"  # generation against its plan where nobody measured the sky
    STORAGE = "storage"  # what storage kept or gave, losses included
    CALENDAR = "calendar"  # another class of day than planned
    TEMPERATURE = "temperature"  # consumption by outdoor temperature, against its normal
    ABOVE_BASELINE = "above_baseline"  # a load against its baseline at the day's own calendar and temperature
    LOAD_NOT_SPLIT = "load_not_split"  # a load against its plan where it has no baseline
    UNMETERED = "unmetered"  # what no sub-meter counts, against its plan
    NOT_PLANNED = "not_planned"  # an array or load the plan did not know, or that is no more
    MISSING_DATA = "missing_data"  # what is booked of times nobody measured, against the model


class Gap(StrEnum):
    """Why a day is not split."""

    NO_PLAN = "no_plan"
    PLAN_REFUSED = "plan_refused"
    PLAN_WITHOUT_PARTS = "plan_without_parts"
    NO_DATA = "no_data"
    RUNNING = "running"
    FUTURE = "future"


class Note(StrEnum):
    """What whoever reads the parts has to know."""

    ONLY_CLEAR_SKY = "only_clear_sky"
    NO_BASELINE = "no_baseline"
    NO_TEMPERATURE = "no_temperature"
    OVERLAPPING = "overlapping"
    TO_DATE = "to_date"
    AT_GRID = "at_grid"


@dataclass(frozen=True)
class Part:
    """What one cause did to the balance, in kWh with its sign: negative made it worse than planned."""

    cause: Cause
    kwh: float
    entity: str = ""  # array, point or load; empty where it is the park's
    subject: str = ""


@dataclass(frozen=True)
class Why:
    """The difference between planned and actual balance over some local days, split.

    `unexplained` comes from generation that was measured and generation the causes explain; it is not what is left of
    the difference. Parts and unexplained add up to the difference all the same, because both sides are computed of the
    same energies.
    """

    first: date
    last: date
    days: int = 0  # that are split
    left_out: Mapping[str, int] = field(default_factory=dict)  # why days are not split, and how many
    plan_kwh: float = math.nan
    actual_kwh: float = math.nan
    parts: tuple[Part, ...] = ()
    details: tuple[Part, ...] = ()  # by array and load, also of causes that are shown as one part
    unexplained_kwh: float = math.nan
    notes: tuple[Note, ...] = ()
    plan_refusal: str = ""  # what the plan itself said

    @property
    def refused(self) -> Gap | None:
        """Why nothing is split; None where something is."""
        return None if self.days else Gap(max(self.left_out, key=lambda g: self.left_out[g]))

    @property
    def difference_kwh(self) -> float:
        """Actual minus planned balance."""
        return self.actual_kwh - self.plan_kwh

    @property
    def size_kwh(self) -> float:
        """The sum of absolute parts."""
        return sum(abs(p.kwh) for p in self.parts)

    @property
    def withheld(self) -> bool:
        """Whether too much is unexplained for a sentence."""
        return abs(self.unexplained_kwh) > WITHHELD_ABOVE * self.size_kwh
