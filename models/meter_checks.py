"""Which meters contradict themselves or one another over a closed day: wiring, scaling, a value that stands still.

Nothing is left out of the energy because of these: what is wrong has to be mended at the meter. Only whole local days
are judged, and only where enough of them was measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from core.park import DeviceAssignment, Park, Point
from core.quality import Event
from models import power
from models.points import PHASES, POWER, PointSeries, span_of
from models.power import gap_limit_us
from models.samples import DeviceSamples
from models.series import SLOT_US, Bools, Floats, Grid, from_us, to_us
from models.sky import Sky

OVER_RATING = 1.5  # readings of power beyond this share of the rating
FLOOR_KW = 0.05  # less than this says nothing about direction
MOST = 0.5  # of the slots of a day
SELDOM = 0.05  # a phase that also imports now and then is no reversed transformer but a generator
PHASE_TOLERANCE = 0.05  # of phases against the total
CHILDREN_TOLERANCE = 0.03
CHILDREN_FLOOR_KWH = 1.0
COVERED = 0.9  # a day measured less than this proves nothing about parent and children
HALF_SEEN = 0.5  # of a slot
STUCK_SLOTS = 12  # the sun moves on for three hours, the power does not
SUN_UP_DEG = 80.0  # zenith
CLIPPED = 0.95  # of the inverters' rating: there power does stand still


def meter_events(point: Point, samples: Mapping[str, DeviceSamples], grid: Grid) -> list[Event]:
    """Return what the power readings of one point's devices say against themselves, per closed day.

    `over_rating`: readings beyond 1.5 x rating_kw. `phase_reversed`: at a load, one phase exports while the other two
    import for most of the day and hardly ever imports itself, as a current transformer the wrong way round makes it.
    `phase_mismatch`: the phases and the total differ by more than 5 % of the total, in kWh over the day.
    """
    if point.role == "weather":
        return []
    found: list[Event] = []
    for device in point.devices:
        own = samples.get(device.id, {})
        found += _over_rating(point, device, own, grid)
        phases = [own.get((POWER, phase)) for phase in PHASES]
        if any(p is None for p in phases):
            continue
        means = {phase: _means(device, own, phase, grid) for phase in PHASES}
        if point.role == "load":
            found += _reversed(point, means, grid)
        if (POWER, "") in own:
            found += _mismatch(point, means, _means(device, own, "", grid), grid)
    return found


def stuck_power(point: Point, series: PointSeries, limit_kw: float | None, sky: Sky, grid: Grid) -> list[Event]:
    """Return one event per closed day on which a PV point's power stood exactly still for hours by daylight.

    Zero is no stuck value but an outage, and at `limit_kw`, the rating of its inverters in kW, they clip.
    """
    gauge = series.gauges.get(POWER)
    if gauge is None:
        return []
    size = np.abs(gauge.value)
    fine = (gauge.coverage >= HALF_SEEN) & (sky.zenith < SUN_UP_DEG) & (size > FLOOR_KW)
    if limit_kw:
        fine &= size < CLIPPED * limit_kw
    same = np.append(False, (gauge.value[1:] == gauge.value[:-1]) & fine[1:] & fine[:-1])
    found = []
    for day, cut in _closed_days(grid):
        first, length = _longest(same[cut])
        if length + 1 < STUCK_SLOTS:
            continue
        at = cut.start + first - 1  # the slot before the first that equals it
        start, end = from_us(grid.edges_us[at]), from_us(grid.edges_us[at + length + 1])
        params: dict[str, float | str] = {"value": float(gauge.value[at]), "hours": (length + 1) * SLOT_US / 3.6e9}
        found.append(Event(point.id, "stuck", max(start, grid.day_span(day)[0]), end, params))
    return found


def children_events(park: Park, points: Mapping[str, PointSeries], grid: Grid) -> list[Event]:
    """Return one event per closed day and parent whose children counted over 3 % more than it did, in kWh.

    Parent and children must be of one kind: a load meter with PV below it may well show less than its loads.
    """
    found = []
    for parent in park.points:
        children = [p for p in park.points if p.parent == parent.id]
        if parent.role not in {"load", "pv"} or not children or any(c.role != parent.role for c in children):
            continue
        own = points[parent.id].main
        parts = [m for c in children if (m := points[c.id].main) is not None]
        if own is None or len(parts) < len(children):
            continue
        known = own.known & np.all([p.known for p in parts], axis=0)
        coverage = np.where(known, np.min([s.coverage for s in (own, *parts)], axis=0), 0.0)
        summed = np.sum([p.value for p in parts], axis=0)
        for day, cut in _closed_days(grid):
            total, below = (float(np.sum(v[cut][known[cut]])) for v in (own.value, summed))
            excess = below - total
            if np.mean(coverage[cut]) < COVERED or excess <= max(CHILDREN_FLOOR_KWH, CHILDREN_TOLERANCE * total):
                continue
            params: dict[str, float | str] = {"energy": round(excess, 3), "parent": round(total, 3)}
            if total > 0:
                params["share"] = f"{100 * excess / total:.1f} %"
            found.append(Event(parent.id, "children_exceed_parent", *grid.day_span(day), params))
    return found


def _over_rating(point: Point, device: DeviceAssignment, samples: DeviceSamples, grid: Grid) -> Iterator[Event]:
    if not device.rating_kw:
        return
    limit_kw = OVER_RATING * device.rating_kw
    parts = [s for (quantity, _), s in samples.items() if quantity == POWER]
    if not parts:
        return
    times = np.concatenate([s.times_us for s in parts])
    size = np.abs(np.concatenate([s.readings for s in parts])) * device.ratio
    beyond = size > limit_kw
    served_from, served_to = span_of(device)
    for day, _ in _closed_days(grid):
        start_us, end_us = (to_us(t) for t in grid.day_span(day))
        first, last = max(start_us, served_from), min(end_us, served_to)
        rows = np.flatnonzero(beyond & (times >= first) & (times < last))
        if len(rows):
            start, end = from_us(int(times[rows].min())), from_us(int(times[rows].max()))
            params: dict[str, float | str] = {
                "count": float(len(rows)),
                "value": float(size[rows].max()),
                "rating": device.rating_kw,
            }
            yield Event(point.id, "over_rating", start, end, params)


def _means(device: DeviceAssignment, samples: DeviceSamples, channel: str, grid: Grid) -> Floats:
    """Return mean power per slot in kW, positive with import; NaN where less than half of the slot was seen."""
    own = samples[POWER, channel]
    curve = power.profile(own.times_us, own.readings, gap_limit_us(device.interval_s, own.times_us))
    series = power.slot_mean(curve, grid.edges_us, span_of(device))
    sign = -1.0 if device.direction == "reversed" else 1.0
    return np.where(series.coverage >= HALF_SEEN, series.value, np.nan) * device.ratio * sign


def _reversed(point: Point, means: Mapping[str, Floats], grid: Grid) -> Iterator[Event]:
    judged = np.all([np.isfinite(m) for m in means.values()], axis=0)
    for day, cut in _closed_days(grid):
        slots = np.count_nonzero(judged[cut])
        if slots < MOST * (cut.stop - cut.start):
            continue
        for phase in PHASES:
            own = means[phase][cut]
            others = np.all([means[p][cut] > FLOOR_KW for p in PHASES if p != phase], axis=0)
            bad = np.count_nonzero((own < -FLOOR_KW) & others)
            if bad > MOST * slots and np.count_nonzero(own > FLOOR_KW) <= SELDOM * slots:
                params: dict[str, float | str] = {
                    "phase": phase.upper(),
                    "power": round(float(np.nanmean(own)), 3),
                    "hours": bad / 4,
                }
                yield Event(point.id, "phase_reversed", *grid.day_span(day), params)


def _mismatch(point: Point, means: Mapping[str, Floats], total: Floats, grid: Grid) -> Iterator[Event]:
    summed = np.sum([means[p] for p in PHASES], axis=0)
    for day, cut in _closed_days(grid):
        known = np.isfinite(summed[cut]) & np.isfinite(total[cut])
        slots = int(np.count_nonzero(known))
        if slots < MOST * (cut.stop - cut.start):
            continue
        off = float(np.sum(np.abs(summed[cut][known] - total[cut][known])))
        whole = float(np.sum(np.abs(total[cut][known])))
        if off > PHASE_TOLERANCE * whole and off > FLOOR_KW * slots:
            params: dict[str, float | str] = {"energy": round(off / 4, 3), "total": round(whole / 4, 3)}
            if whole > 0:
                params["share"] = f"{100 * off / whole:.1f} %"
            yield Event(point.id, "phase_mismatch", *grid.day_span(day), params)


def _closed_days(grid: Grid) -> Iterator[tuple[int, slice]]:
    """Yield number and slots of every day that is over."""
    for n in np.flatnonzero(grid.elapsed() == np.diff(grid.day_at)):
        yield int(n), slice(int(grid.day_at[n]), int(grid.day_at[n + 1]))


def _longest(flags: Bools) -> tuple[int, int]:
    """Return where the longest run of true begins, and its length."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    if not len(edges):
        return 0, 0
    lengths = edges[1::2] - edges[::2]
    k = int(np.argmax(lengths))
    return int(edges[::2][k]), int(lengths[k])
