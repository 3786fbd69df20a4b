"""Data quality: coverage per meter and day, estimates, events and corrections in words."""

from __future__ import annotations

import math
from datetime import date

from core.correction_words import by_words, undone_words, what_words
from core.corrections import Entry
from core.park import Point
from core.quality import Event
from core.quantities import DERIVED, Kind, Scope
from core.text import Language, Text
from core.timebase import day_bounds
from core.verdict import MIN_COVERAGE
from core.words import event_words
from reports.figures import NAN, Figure, computed
from reports.report import CorrectionLine, EventLine, MeterLine, Quality
from reports.source import Source

# What a point of a role is there to measure; its coverage is that of the worst of these.
MEASURED = {
    "grid": ("import_kwh", "export_kwh"),
    "pv": ("generation_kwh",),
    "load": ("load_kwh",),
    "storage": ("import_kwh", "export_kwh"),
}
GAUGES = tuple(q.name for q in DERIVED.values() if q.kind is Kind.GAUGE)


def quality(source: Source) -> Quality:
    """Say of every point how well it was measured, and what happened."""
    return Quality(
        meters=tuple(_meter(source, point) for point in source.park.points),
        events=tuple(EventLine(event, _words(source, event)) for event in source.events),
        corrections=tuple(_correction(source, entry) for entry in source.corrections),
        replaced_values=source.revised,
    )


def _words(source: Source, event: Event) -> Text:
    zh, en = (event_words(event, source.park, language) for language in (Language.ZH, Language.EN))
    return Text(zh=zh, en=en)


def _correction(source: Source, entry: Entry) -> CorrectionLine:
    zh, en = Language.ZH, Language.EN
    park, given = source.park, entry.correction
    undone = Text(zh=undone_words(entry, park, zh), en=undone_words(entry, park, en)) if entry.undone else None
    return CorrectionLine(
        id=entry.id,
        in_force=entry.undone is None,
        asked=given.model_dump(exclude_none=True),
        words=Text(zh=what_words(given, park, zh), en=what_words(given, park, en)),
        by=Text(zh=by_words(entry, park, zh), en=by_words(entry, park, en)),
        undone=undone,
    )


def _meter(source: Source, point: Point) -> MeterLine:
    names = _measured(source, point)
    days = {day: _worst(source, point, names, day) for day in source.days}
    by_day = tuple(days.get(day, Figure(NAN, "1")) for day in source.calendar)
    weights = [_elapsed(source, day) for day in source.days]
    whole = [f for f, weight in zip(days.values(), weights, strict=True) if weight == 1]
    return MeterLine(
        id=point.id,
        name=point.name,
        role=point.role,
        devices=_devices(source, point),
        coverage=_average([f.coverage for f in days.values()], weights, "mean of daily coverage"),
        estimated=_average([f.estimated for f in days.values()], weights, "mean of daily estimated share"),
        thin_days=sum(1 for f in whole if not f.coverage >= MIN_COVERAGE),
        coverage_by_day=tuple(f.coverage for f in by_day),
        estimated_by_day=tuple(f.estimated for f in by_day),
    )


def _elapsed(source: Source, day: date) -> float:
    """Return the share of a local day that the report reaches to."""
    start, end = day_bounds(day, source.park.zone)
    return min(1.0, (source.as_of - start) / (end - start))


def _measured(source: Source, point: Point) -> tuple[str, ...]:
    if point.role in MEASURED:
        return MEASURED[point.role]
    return tuple(n for n in GAUGES if source.by_day.has(Scope.POINT, point.id, n))


def _worst(source: Source, point: Point, names: tuple[str, ...], day: date) -> Figure:
    return computed(
        NAN, "1", "worst of the point's series", (source.day_of(Scope.POINT, point.id, name, day) for name in names)
    )


def _average(shares: list[float], weights: list[float], formula: str) -> Figure:
    """Return the mean over what has elapsed; a day of which nothing is stored counts as not measured."""
    if all(math.isnan(s) for s in shares):
        return Figure(NAN, "1", basis=f"computed:{formula}")
    known = [0.0 if math.isnan(s) else s for s in shares]
    value = math.fsum(s * w for s, w in zip(known, weights, strict=True)) / math.fsum(weights)
    return Figure(value, "1", value, NAN, f"computed:{formula}")


def _devices(source: Source, point: Point) -> tuple[str, ...]:
    """Name the devices that served the point during the month: id, serial, accuracy class, calibration date."""
    served = []
    for device in point.devices:
        if (device.valid_from is None or device.valid_from < source.end) and (
            device.valid_to is None or device.valid_to > source.start
        ):
            parts = (device.id, device.serial, device.accuracy_class, device.calibrated_on)
            served.append(" · ".join(str(p) for p in parts if p is not None))
    return tuple(served)
