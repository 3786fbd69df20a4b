"""PV against its expectation, per array, and the month as a heat map."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np

from core.findings import ADVICE, ANNOTATIONS, FAULT_WORDS, Finding, details
from core.park import Array
from core.quality import Reason
from core.quantities import Scope
from core.rungs import RUNG_WORDS
from core.searched import beside, nothing_found
from core.text import Language, Text
from core.timebase import SLOT_HOURS
from reports.alerts import is_pv, name_of
from reports.figures import Figure, computed
from reports.report import AlertLine, ArrayLine, FaultLine, HeatMap, Pv
from reports.source import Source

QUARTERS = 4
HOURS = 24
DAYLIGHT = (6, 18)  # shown even when nothing was generated


def pv(source: Source, alerts: tuple[AlertLine, ...]) -> Pv:
    """Set every array that existed in the month against its expectation."""
    lack = beside(source.findings, source.unsearched)
    arrays = {a.id: a for a in source.park.arrays if _existed(a, source.start, source.end)}
    return Pv(
        arrays=tuple(_array(source, array) for array in arrays.values()),
        total=_park(source, sum(a.dc_kwp for a in arrays.values())),
        findings=tuple(line for line in alerts if is_pv(source, line)),
        faults=tuple(_fault(source, found) for found in sorted(source.findings, key=_weight)),
        no_faults=nothing_found(lack),
        unsearched=lack.words if lack else None,
        heat=heat_map(source),
    )


def _weight(found: Finding) -> tuple[bool, float]:
    """Order by what it cost, what is only noted last."""
    return found.code in ANNOTATIONS, -found.lost_kwh


def _fault(source: Source, found: Finding) -> FaultLine:
    shows = replace(found, days={})  # what was lost has columns of its own
    zh, en = (details(shows, language) for language in (Language.ZH, Language.EN))
    basis = f"computed:{found.entity}/{found.code}"
    month = sum(kwh for day, kwh in found.days.items() if (day.year, day.month) == (source.year, source.month))
    money = float("nan") if found.lost_money is None else found.lost_money
    return FaultLine(
        entity=found.entity,
        entity_name=name_of(source, found.entity),
        code=found.code.value,
        kind=FAULT_WORDS[found.code],
        details=Text(zh=zh, en=en),
        advice=ADVICE[found.code],
        start=found.start,
        end=found.end if found.end is not None and found.end <= source.as_of else None,
        month=Figure(round(month, 3), "kWh", basis=basis),
        total=Figure(round(found.lost_kwh, 3), "kWh", basis=basis),
        low_kwh=found.low_kwh,
        high_kwh=found.high_kwh,
        money=Figure(money, found.currency or "1", basis=basis),
        confidence=found.confidence,
        rung=found.rung,
        picture=found.picture,
    )


def _existed(array: Array, start: datetime, end: datetime) -> bool:
    return (array.valid_from is None or array.valid_from < end) and (array.valid_to is None or array.valid_to > start)


def _array(source: Source, array: Array) -> ArrayLine:
    def month(name: str) -> Figure:
        return source.month_of(Scope.ARRAY, array.id, name)

    reasons = {
        code
        for day in source.days
        for code in source.day_of(Scope.ARRAY, array.id, "expected_kwh", day).reasons.split()
    }
    standing = source.standings[array.id]
    if standing.factor is not None:
        reasons -= {Reason.UNCALIBRATED}  # the days before the factor have it; what it learned since is told beside it
    return ArrayLine(
        id=array.id,
        name=array.name,
        dc_kwp=array.dc_kwp,
        generation=month("generation_kwh"),
        expected=month("expected_kwh"),
        difference=_difference(month("generation_kwh"), month("expected_kwh")),
        index=month("energy_performance_index"),
        performance_ratio=month("performance_ratio"),
        performance_ratio_25c=month("performance_ratio_25c"),
        specific_yield=month("specific_yield"),
        availability=month("availability"),
        expected_p10=month("expected_p10_kwh"),
        expected_p90=month("expected_p90_kwh"),
        irradiation=month("irradiation_kwh_m2"),
        rungs=tuple(r for r in RUNG_WORDS if r in reasons),
        standing=standing,
    )


def _park(source: Source, dc_kwp: float) -> ArrayLine:
    generation, expected = source.month_park("generation_kwh"), source.month_park("expected_kwh")
    unknown = Figure(float("nan"), "1")
    return ArrayLine(
        id=source.park.id,
        name=Text(zh="全园合计", en="whole park"),
        dc_kwp=dc_kwp,
        generation=generation,
        expected=expected,
        difference=_difference(generation, expected),
        index=source.month_park("energy_performance_index"),
        performance_ratio=unknown,
        performance_ratio_25c=unknown,
        specific_yield=Figure(float("nan"), "kWh/kWp"),
        availability=unknown,
        expected_p10=source.month_park("expected_p10_kwh"),
        expected_p90=source.month_park("expected_p90_kwh"),
        irradiation=unknown,
        rungs=(),
        standing=None,
    )


def _difference(generation: Figure, expected: Figure) -> Figure:
    return computed(generation.value - expected.value, "kWh", "generation_kwh-expected_kwh", (generation, expected))


def heat_map(source: Source) -> HeatMap:
    """Return the park's mean PV power in kW by local day and quarter-hour of the local clock.

    A quarter-hour that an autumn clock change repeats shows the mean of both; one that spring leaves out stays
    unknown. Only the hours in which the park generated are kept.
    """
    sums = np.zeros((len(source.calendar), HOURS * QUARTERS))
    counts = np.zeros_like(sums)
    rows = {day: n for n, day in enumerate(source.calendar)}
    starts = source.slots["start"].dt.tz_convert(source.park.zone)
    kw = source.slots["value"].to_numpy() / SLOT_HOURS
    for local, value in zip(starts, kw, strict=True):
        row, column = rows[local.date()], local.hour * QUARTERS + local.minute // 15
        if np.isfinite(value):
            sums[row, column] += value
            counts[row, column] += 1
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    lit = np.flatnonzero(np.nan_to_num(means).max(axis=0) > 0)
    first = min(DAYLIGHT[0], int(lit[0]) // QUARTERS) if lit.size else DAYLIGHT[0]
    last = max(DAYLIGHT[1], int(lit[-1]) // QUARTERS + 1) if lit.size else DAYLIGHT[1]
    shown = means[:, first * QUARTERS : last * QUARTERS]
    return HeatMap(first, last, tuple(tuple(float(v) for v in row) for row in shown))
