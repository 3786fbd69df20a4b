"""Corrections applied over untouched readings: to samples and assignments before slots, to slots after; pure.

`ratio` and `replace` part a device's service in time, as two assignments would: each part has its own ratio or its own
readings, so sums telescope within a part and nothing is booked across. `exclude` and `shift` change which readings
count and when. `set` and `estimate` set the energies of slots; every such sum is exact to the watt-hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from core.corrections import FLOWS, Correction, Kind
from core.park import DeviceAssignment, Point
from core.quality import Reason
from models.samples import DeviceSamples, Samples
from models.series import Bools, Floats, Grid, Ints, SlotSeries, bit, to_us

IMPORT, EXPORT = "energy_import_kwh", "energy_export_kwh"
_CORRECTED, _MISSING = bit(Reason.CORRECTED), bit(Reason.MISSING)


@dataclass(frozen=True)
class Part:
    """A device while it serves a point in one way, with the readings that count then."""

    device: DeviceAssignment
    samples: DeviceSamples


def of_point(corrections: Iterable[Correction], point: Point) -> tuple[Correction, ...]:
    """Return those that speak of a point or of one of its devices."""
    devices = {d.id for d in point.devices}
    return tuple(c for c in corrections if c.point == point.id or c.device in devices)


def readings_needed(corrections: Iterable[Correction], start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Return the stretch to read so that both its ends have neighbours that count, and nothing moves in from outside."""
    return widened((c for c in corrections if c.kind in {Kind.EXCLUDE, Kind.SHIFT}), start, end)


def sums(corrections: Iterable[Correction]) -> list[Correction]:
    """Return those whose slots depend on one another: what is spread in the points' own shape, or from its own total."""
    return [c for c in corrections if c.kind is Kind.ESTIMATE or (c.kind is Kind.SET and c.shape == "own")]


def widened(corrections: Iterable[Correction], start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Return the smallest stretch around [start, end] that no correction reaches out of."""
    spans = [c.stretch for c in corrections]
    while True:
        touching = [(a, b) for a, b in spans if a <= end and b >= start]
        first, last = min([start, *(a for a, _ in touching)]), max([end, *(b for _, b in touching)])
        if (first, last) == (start, end):
            return start, end
        start, end = first, last


def parts(
    point: Point, device: DeviceAssignment, samples: DeviceSamples, corrections: Sequence[Correction]
) -> list[Part]:
    """Return the parts of one assignment, in time; one part, as it is, where nothing is corrected."""
    own = [c for c in corrections if c.device in {None, device.id}]
    for correction in own:
        if correction.kind is Kind.EXCLUDE:
            samples = _without(samples, correction)
        elif correction.kind is Kind.SHIFT:
            samples = _shifted(samples, correction)
    found = [Part(device, samples)]
    for correction in own:
        if correction.kind is Kind.REPLACE:
            found = [p for part in found for p in _replaced(point, part, correction)]
        elif correction.kind is Kind.RATIO:
            found = [p for part in found for p in _reweighed(part, correction)]
    return found


def _without(samples: DeviceSamples, correction: Correction) -> DeviceSamples:
    """Leave out readings of the stretch."""
    kept: dict[tuple[str, str], Samples] = {}
    for key, found in samples.items():
        if correction.quantity in {None, key[0]}:
            kept[key] = _chosen(found, ~_inside(found.times_us, correction))
        else:
            kept[key] = found
    return kept


def _shifted(samples: DeviceSamples, correction: Correction) -> DeviceSamples:
    """Move readings of the stretch; where one lands on another's instant, the moved one counts."""
    by_us = round((correction.seconds or 0.0) * 1e6)
    moved: dict[tuple[str, str], Samples] = {}
    for key, found in samples.items():
        inside = _inside(found.times_us, correction)
        times = np.where(inside, found.times_us + by_us, found.times_us)
        order = np.lexsort((inside, times))
        last = np.append(np.diff(times[order]) != 0, True) if len(order) else np.zeros(0, dtype=bool)
        at = order[last]
        moved[key] = Samples(times[at], found.readings[at], found.uncertain[at])
    return moved


def _replaced(point: Point, part: Part, correction: Correction) -> Iterator[Part]:
    """Part the readings at the change of meters; the displays' last and first counts stand at that instant."""
    change_us = to_us(correction.start)
    register = correction.quantity or _main_register(point, part.device)
    before, after = {}, {}
    for key, found in part.samples.items():
        ends, begins = (correction.last_kwh, correction.first_kwh) if key[0] == register else (None, None)
        before[key] = _with(_chosen(found, found.times_us < change_us), change_us, ends)
        after[key] = _with(_chosen(found, found.times_us >= change_us), change_us, begins)
    yield from _cut(part, None, correction.start, part.device.ratio, before)
    yield from _cut(part, correction.start, None, part.device.ratio, after)


def _main_register(point: Point, device: DeviceAssignment) -> str:
    exported = (point.role == "pv") != (device.direction == "reversed")
    return EXPORT if exported else IMPORT


def _with(samples: Samples, at_us: int, count_kwh: float | None) -> Samples:
    """Add a count read off a display, unless the device sent one of that very instant."""
    if count_kwh is None or at_us in samples.times_us:
        return samples
    at = int(np.searchsorted(samples.times_us, at_us))
    return Samples(
        np.insert(samples.times_us, at, at_us),
        np.insert(samples.readings, at, count_kwh),
        np.insert(samples.uncertain, at, False),
    )


def _reweighed(part: Part, correction: Correction) -> Iterator[Part]:
    """Part the service at both ends of the stretch; inside it the ratio is another."""
    ratio = part.device.ratio
    yield from _cut(part, None, correction.start, ratio, part.samples)
    yield from _cut(part, correction.start, correction.end, ratio * (correction.factor or 1.0), part.samples)
    yield from _cut(part, correction.end, None, ratio, part.samples)


def _cut(
    part: Part, start: datetime | None, end: datetime | None, ratio: float, samples: DeviceSamples
) -> Iterator[Part]:
    """Yield what of a part lies in [start, end), if anything does."""
    device = part.device
    starts = [t for t in (start, device.valid_from) if t is not None]
    ends = [t for t in (end, device.valid_to) if t is not None]
    first, last = max(starts, default=None), min(ends, default=None)
    if first is None or last is None or first < last:
        changed = {"valid_from": first, "valid_to": last, "ratio": ratio}
        yield Part(device.model_copy(update=changed), samples)


def _inside(times_us: Ints, correction: Correction) -> Bools:
    first, last = to_us(correction.start), to_us(correction.end or correction.start)
    return (times_us >= first) & (times_us < last)


def _chosen(samples: Samples, keep: Bools) -> Samples:
    return Samples(samples.times_us[keep], samples.readings[keep], samples.uncertain[keep])


# -- slots


def whole_days(corrections: Iterable[Correction], grid: Grid) -> tuple[datetime, datetime]:
    """Return the stretch whose slots have to be known together: the grid's, and that of every sum to be spread."""
    start, end = widened(
        sums(corrections), grid.start + timedelta(microseconds=1), grid.end - timedelta(microseconds=1)
    )
    return min(start, grid.start), max(end, grid.end)


def corrected_flow(series: SlotSeries, flow: str, corrections: Iterable[Correction], edges_us: Ints) -> SlotSeries:
    """Return a point's energies per slot with `set` and `estimate` applied, and the reason where anything was corrected.

    `flow` is import_kwh or export_kwh. A slot that was set is estimated throughout; `estimate` leaves slots of which
    nothing is known unknown.
    """
    for correction in corrections:
        if correction.kind is Kind.SET and correction.quantity == flow:
            series = _set(series, correction, edges_us)
        elif correction.kind is Kind.ESTIMATE and correction.quantity == flow:
            series = _evened(series, correction, edges_us)
    return marked(series, corrections, edges_us, {None, flow})


def marked(
    series: SlotSeries, corrections: Iterable[Correction], edges_us: Ints, quantities: Iterable[str | None] = (None,)
) -> SlotSeries:
    """Give the reason `corrected` to slots that a correction speaks of."""
    wanted = set(quantities)
    reasons = series.reasons
    for correction in corrections:
        if correction.quantity in FLOWS and correction.quantity not in wanted:
            continue
        first, last = (to_us(t) for t in correction.stretch)
        touched = (edges_us[:-1] < max(last, first + 1)) & (edges_us[1:] > first)
        reasons = np.where(touched, reasons | _CORRECTED, reasons)
    return series if reasons is series.reasons else replace(series, reasons=reasons)


def _set(series: SlotSeries, correction: Correction, edges_us: Ints) -> SlotSeries:
    first, last = to_us(correction.start), to_us(correction.end or correction.start)
    inside = (edges_us[:-1] >= first) & (edges_us[:-1] < last)
    if not inside.any():
        return series
    total_wh = (correction.total_kwh or 0.0) * 1000.0
    edges = edges_us[np.append(inside, False) | np.append(False, inside)]
    upto = (edges - first) / (last - first)
    if correction.shape == "own":
        own = _weights(series.value[inside])
        upto = upto if own is None else np.concatenate(([0.0], np.cumsum(own) / own.sum()))
    return _filled(series, inside, _spread(total_wh, upto))


def _evened(series: SlotSeries, correction: Correction, edges_us: Ints) -> SlotSeries:
    first, last = to_us(correction.start), to_us(correction.end or correction.start)
    inside = (edges_us[:-1] >= first) & (edges_us[:-1] < last) & series.known
    count = int(inside.sum())
    if not count:
        return series
    total_wh = float(series.value[inside].sum()) * 1000.0
    return _filled(series, inside, _spread(total_wh, np.arange(count + 1) / count))


def _weights(values: Floats) -> Floats | None:
    """Return the shape of energies; slots without one weigh the mean of the others. None where there is no shape."""
    known = np.isfinite(values)
    positive = np.where(known, np.maximum(values, 0.0), 0.0)
    if positive.sum() <= 0:
        return None
    weights: Floats = np.where(known, positive, positive.sum() / known.sum())
    return weights


def _spread(total_wh: float, upto: Floats) -> Floats:
    """Return energies in kWh, whole watt-hours that add up to the total, from growing shares of it."""
    counts = np.floor(total_wh * upto + 0.5)
    spread: Floats = np.diff(counts) / 1000.0
    return spread


def _filled(series: SlotSeries, inside: Bools, values: Floats) -> SlotSeries:
    value = series.value.copy()
    value[inside] = values
    return SlotSeries(
        value,
        np.where(inside, 0.0, series.coverage),
        np.where(inside, 1.0, series.estimated),
        np.where(inside, (series.reasons | _CORRECTED) & ~_MISSING, series.reasons),
    )


def cut(series: SlotSeries, first: int, size: int) -> SlotSeries:
    """Return `size` slots from number `first` on."""
    stretch = slice(first, first + size)
    return SlotSeries(
        series.value[stretch], series.coverage[stretch], series.estimated[stretch], series.reasons[stretch]
    )
