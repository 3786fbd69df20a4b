"""Why a balance differs from its plan: what was split, into which parts, and what is left over. Words are made late."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

WITHHELD_ABOVE = 0.2  # of the sum of absolute parts: more unexplained than this, and no sentence is said
LEAST_KWH = 0.05  # less is written as nothing
NAMED_AT_MOST = 6  # causes in a sentence and in its picture; the others are one sum in both
NAMED_FROM, FAULT_FROM = 0.03, 0.01  # of the sum of absolute parts; a fault is named sooner
APART_FROM, APART_KWH = 0.05, 1.0  # a part is this far from what its finding says before that is told


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
    NOT_APART = "not_apart"  # what no sub-meter counts, with loads whose plan stands in one sum with it
    NOT_PLANNED = "not_planned"  # an array or load the plan did not know, or that is no more
    MISSING_DATA = "missing_data"  # what is booked of times nobody measured, against the model


# What nobody at the park could have changed: a day that only these made short is no alarm.
EXCUSED = frozenset({Cause.WEATHER, Cause.PLAN_SCALE, Cause.CALENDAR, Cause.TEMPERATURE})


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

    SO_FAR = "so_far"
    ONLY_CLEAR_SKY = "only_clear_sky"
    NO_ARRAY = "no_array"
    NO_BASELINE = "no_baseline"
    NO_TEMPERATURE = "no_temperature"
    OVERLAPPING = "overlapping"
    AT_GRID = "at_grid"
    NOT_HEEDED = "not_heeded"
    APART_FROM_FINDING = "apart_from_finding"


@dataclass(frozen=True)
class Part:
    """What one cause did to the balance, in kWh with its sign: negative made it worse than planned.

    `found_kwh` is what the finding itself says of a fault: its cost under the sun there was. The part is the mean over all
    orders, in half of which the fault meets the planned sun.
    """

    cause: Cause
    kwh: float
    entity: str = ""  # array, point or load; empty where it is the park's
    subject: str = ""
    found_kwh: float = 0.0  # of faults and curtailment alone

    @property
    def apart(self) -> bool:
        """Whether what its finding says is another number."""
        away = abs(self.kwh - self.found_kwh)
        return self.found_kwh != 0 and away > max(APART_KWH, APART_FROM * abs(self.found_kwh))


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
    until: datetime | None = None  # of a day that is not over: up to when it is split

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
    def named(self) -> tuple[Part, ...]:
        """The parts large enough to be named, in the order of causes: the same in sentence and picture."""
        shares = {Cause.FINDING: FAULT_FROM, Cause.CURTAILMENT: FAULT_FROM}
        large = [p for p in self.parts if abs(p.kwh) >= shares.get(p.cause, NAMED_FROM) * self.size_kwh]
        large = sorted(large, key=lambda p: -abs(p.kwh))
        return tuple(p for p in self.parts if p in large[:NAMED_AT_MOST])

    @property
    def others_kwh(self) -> float:
        """What all other parts come to together."""
        return sum(p.kwh for p in self.parts) - sum(p.kwh for p in self.named)

    @property
    def withheld(self) -> bool:
        """Whether too much is unexplained for a sentence."""
        return abs(self.unexplained_kwh) > max(WITHHELD_ABOVE * self.size_kwh, LEAST_KWH)

    @property
    def excused_kwh(self) -> float:
        """What weather, calendar and the plan's own model did together."""
        return sum(p.kwh for p in self.parts if p.cause in EXCUSED)


def packed(why: Why) -> str:
    """Write a split as text an alert can carry, from which its words are made late."""
    parts = [[p.cause.value, p.entity, p.subject, p.kwh] for p in why.parts]
    numbers = {"plan": why.plan_kwh, "actual": why.actual_kwh, "unexplained": why.unexplained_kwh}
    return json.dumps({"first": why.first.isoformat(), "last": why.last.isoformat(), **numbers, "parts": parts})


def unpacked(text: str) -> Why | None:
    """Read what `packed` wrote; None for anything else."""
    try:
        body = json.loads(text)
        parts = tuple(Part(Cause(c), float(kwh), str(e), str(s)) for c, e, s, kwh in body["parts"])
        days = date.fromisoformat(body["first"]), date.fromisoformat(body["last"])
        plan_kwh, actual_kwh, unexplained_kwh = (float(body[name]) for name in ("plan", "actual", "unexplained"))
    except (ValueError, TypeError, KeyError):
        return None
    return Why(*days, days=1, plan_kwh=plan_kwh, actual_kwh=actual_kwh, parts=parts, unexplained_kwh=unexplained_kwh)
