"""A PV array that yields less than it should: the rule. What it is judged by stands in `core/decline.py`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from statistics import median
from typing import Literal

from pydantic import Field

from core.decline import DIM_SHARE, Judgement, SunDay, begins, bright, goes_on, recent_of
from core.park import Array, Park, Share, valid_one
from core.quality import Reason
from core.quantities import Scope
from core.rungs import ESTIMATED, IRRADIANCE_UNCERTAINTY, ON_SITE
from core.store import AlertRecord
from core.timebase import day_bounds, day_of
from core.verdict import MIN_COVERAGE
from rules.facts import DayValue, Facts, Moment
from rules.lifecycle import MISSING, Observation
from rules.watch import Watch, days_back, text_number

# On these an index means something within a few percent. Arrays beside it are blind to the sky, which is common to all.
_MEASURED = ON_SITE | {Reason.RUNG_PEERS.value}
_SERVICE = frozenset({Reason.RUNG_SERVICE.value})


class Performance(Watch):
    """Median index of the last days of enough sun, against expectation and against the array's own past.

    It fires when (a) the median is below `low`, or (b) every one of the days is below its own baseline by half of
    `drop`, their median and their sun-weighted mean by all of `drop` and by `scatter`, and the arrays on the same
    weather station did not fall with it (without any such array, over more days); or (c) the last such day is below `outage`. It ends after `days` days above the level.
    """

    kind: Literal["performance"]
    irradiance: Literal["measured", "service"] = Field(
        "measured", description="days that are judged: those measured on site, or those a weather service had a part in"
    )
    low: float = Field(0.90, gt=0.0, description="index below which an array is faulty whatever its past")
    clear: float = Field(0.95, gt=0.0, description="index above which it is well again")
    outage: float = Field(0.50, ge=0.0, description="one day below this is enough")
    drop: Share = Field(0.06, description="relative fall against the array's own baseline")
    scatter: float = Field(2.0, ge=0.0, description="and by this many robust standard deviations of the baseline days")
    recovered: Share = Field(0.96, description="share of the baseline above which a fallen array is well again")
    days: int = Field(3, ge=1, description="days of enough sun that are judged together")
    days_alone: int = Field(5, ge=1, description="instead, for a fall, where no other array has the same sky")
    within_days: int = Field(14, ge=3, description="calendar days in which they must lie")
    baseline_days: int = Field(14, ge=3, description="days of enough sun that make the baseline")
    baseline_min: int = Field(7, ge=3, description="with fewer there is no baseline")
    baseline_within_days: int = Field(28, ge=7, description="calendar days before the judged ones")
    min_irradiation: float = Field(1.0, ge=0.0, description="kWh/m2 in the plane of the array")
    min_coverage: Share = MIN_COVERAGE

    @property
    def lookback_days(self) -> int:
        return self.within_days + self.baseline_within_days + 1

    def quantities(self) -> Iterable[str]:
        return (
            "energy_performance_index",
            "irradiation_kwh_m2",
            "expected_kwh",
            "generation_kwh",
            "calibration_factor",
        )

    def entities(self, park: Park, at: datetime) -> list[str]:
        return list(dict.fromkeys(a.id for a in park.arrays if a.valid_at(at)))

    def observe(self, entity: str, facts: Facts, moment: Moment, alert: AlertRecord | None) -> Observation:
        days = self._days_with_sun(facts, entity, moment.day)
        factor = _scale(bright(self, days), alert)
        days = [d.at(factor) for d in days]
        recent = recent_of(self, bright(self, days), moment.day)
        if recent is None:
            return MISSING
        judged = self._ongoing(recent, facts, alert) if alert else self._fresh(days, facts, entity)
        if judged is None or not (judged.active or alert):
            return Observation(active=False, value=median(d.index for d in recent))
        loss = self._loss(facts, entity, judged, moment.day, factor)
        return Observation(
            active=judged.active,
            value=judged.index,
            since=day_bounds(judged.since, facts.park.zone)[0],
            params={
                "since_day": judged.since.isoformat(),
                "index": judged.index,
                "reference_index": judged.reference,
                "clear_index": judged.level,
                "days": float(self.days),
                "calibration_factor": factor,
                "shortfall_share": max(0.0, 1 - judged.index / judged.reference),
                **loss,
            },
        )

    def sun_days(self, facts: Facts, entity: str, last: date) -> list[SunDay]:
        """Return the days that may be judged, oldest first, all on the newest one's irradiance source."""
        return bright(self, self._days_with_sun(facts, entity, last))

    def _days_with_sun(self, facts: Facts, entity: str, last: date) -> list[SunDay]:
        """Return the days that can be held against the newest one: same source of irradiance, same peak power.

        All are on the newest one's scale: the day from which the expectation is calibrated is no step.
        """
        days = [d for each in days_back(last, self.lookback_days) if (d := self._sun_day(facts, entity, each))]
        same = [d for d in days if (d.rung, d.peak_kwp) == (days[-1].rung, days[-1].peak_kwp)]
        return [d.at(same[-1].factor) for d in same]

    @property
    def _rungs(self) -> frozenset[str]:
        return _MEASURED if self.irradiance == "measured" else _SERVICE

    def _is_known(self, index: DayValue) -> bool:
        """Say whether a day is measured well enough, on the source of irradiance this rule is for."""
        rungs = index.reasons & frozenset(IRRADIANCE_UNCERTAINTY)
        measured = self.irradiance == "measured"
        fit = rungs <= _MEASURED if measured else rungs >= _SERVICE and rungs.isdisjoint(ESTIMATED)
        return fit and math.isfinite(index.value) and index.coverage >= self.min_coverage

    def _sun_day(self, facts: Facts, entity: str, day: date) -> SunDay | None:
        index = facts.days.at(Scope.ARRAY, entity, "energy_performance_index", day)
        sun = facts.days.at(Scope.ARRAY, entity, "irradiation_kwh_m2", day)
        fit = self._is_known(index) and Reason.PARTIAL not in index.reasons
        if not fit or not sun.value > DIM_SHARE * self.min_irradiation:
            return None
        peak_kwp = _peak_kwp(facts.park, entity, day)
        return SunDay(day, index.value, sun.value, index.reasons & self._rungs, _factor(facts, entity, day), peak_kwp)

    def _fresh(self, days: Sequence[SunDay], facts: Facts, entity: str) -> Judgement | None:
        last = bright(self, days)[-1].day
        return begins(self, days, lambda: [self.sun_days(facts, p, last) for p in _peers(facts.park, entity, last)])

    def _loss(self, facts: Facts, entity: str, judged: Judgement, last: date, factor: float) -> dict[str, float | str]:
        """Return energy (kWh) and money lost from the fault's first day to `last`, both included.

        lost = reference x expected - generated, over days whose index is measured well enough; `reference` is the
        array's own index before the fault, 1 where it has none. Money at the price of the grid import that the lost
        energy would have replaced.
        """
        should_kwh = lost_kwh = money = 0.0
        currency = ""
        for day in (judged.since + timedelta(days=n) for n in range((last - judged.since).days + 1)):
            index, expected, made = (
                facts.days.at(Scope.ARRAY, entity, q, day)
                for q in ("energy_performance_index", "expected_kwh", "generation_kwh")
            )
            should_today_kwh = judged.reference * expected.value * factor / _factor(facts, entity, day)
            lost_today_kwh = should_today_kwh - made.value
            if not (self._is_known(index) and math.isfinite(lost_today_kwh)):
                continue
            should_kwh += should_today_kwh
            lost_kwh += lost_today_kwh
            tariff = valid_one(facts.park.tariffs, day_bounds(day, facts.park.zone)[0])
            if tariff:
                money += lost_today_kwh * tariff.import_per_kwh
                currency = tariff.currency
        found: dict[str, float | str] = {"lost_kwh": max(0.0, lost_kwh)}
        if should_kwh > 0:
            found["shortfall_share"] = max(0.0, lost_kwh) / should_kwh
        return found | ({"lost_money": max(0.0, money), "currency": currency} if currency else {})

    def _ongoing(self, recent: Sequence[SunDay], facts: Facts, alert: AlertRecord) -> Judgement:
        level = text_number(alert, "clear_index") or self.clear
        since = day_of(alert.active_at, facts.park.zone)
        return goes_on(recent, text_number(alert, "reference_index") or 1.0, level, since)


def _scale(sunny: Sequence[SunDay], alert: AlertRecord | None) -> float:
    """Return the factor on whose scale days are judged: that of the newest one, or the one an alert began with.

    An alert keeps its scale, so that a factor learned meanwhile neither ends it nor makes it worse.
    """
    newest = sunny[-1].factor if sunny else 1.0
    return newest if alert is None else (text_number(alert, "calibration_factor") or 1.0)


def _factor(facts: Facts, entity: str, day: date) -> float:
    """Return by what the expectation of a day was multiplied."""
    found = facts.days.at(Scope.ARRAY, entity, "calibration_factor", day).value
    return found if math.isfinite(found) and found > 0 else 1.0


def _peak_kwp(park: Park, entity: str, day: date) -> float:
    """Return the peak power an array had at noon."""
    noon = day_bounds(day, park.zone)[0] + timedelta(hours=12)
    return next((a.dc_kwp for a in park.arrays if a.id == entity and a.valid_at(noon)), 0.0)


def _peers(park: Park, entity: str, day: date) -> list[str]:
    noon = day_bounds(day, park.zone)[0] + timedelta(hours=12)
    arrays: dict[str, Array] = {a.id: a for a in park.arrays if a.valid_at(noon)}
    weather = arrays[entity].weather if entity in arrays else None
    return [a.id for a in arrays.values() if a.id != entity and a.weather == weather]
