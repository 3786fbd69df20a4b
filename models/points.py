"""Readings of the devices of one point -> what flowed at the point, per slot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from core.corrections import Correction
from core.park import DeviceAssignment, Point
from core.quality import Event, Reason
from core.quantities import READING, Kind
from models import corrections as correcting
from models import power, slotting, unclocked
from models.context import Seam, Seams, add_seams, merged
from models.judging import HEADROOM
from models.power import Profile, gap_limit_us
from models.registers import Curve, RegisterEvent, read_register
from models.samples import DeviceSamples, Samples
from models.series import SLOT_US, Grid, SlotSeries, bit, from_us, joined, joined_means, to_us

IMPORT, EXPORT, POWER = "energy_import_kwh", "energy_export_kwh", "active_power_kw"
WEATHER = ("poa_wm2", "ghi_wm2", "temp_air_c", "temp_module_c", "wind_speed_ms")
DC_POWER = "dc_power_kw"
NEEDED = (IMPORT, EXPORT, POWER, DC_POWER, *WEATHER)
TARIFF = re.compile(r"t[0-9]{1,2}")  # DL/T 645: t1 sharp, t2 peak, t3 flat, t4 valley
PHASES = ("l1", "l2", "l3")
REPORTS_AWAITED = 3.0  # so many of its intervals a device may be late before its slots are said to be missing
_ALWAYS = (-(2**62), 2**62)


@dataclass(frozen=True)
class PointSeries:
    """What the readings say of one point. Weather points have gauges only, others energies in kWh per slot."""

    point: Point
    imported: SlotSeries | None = None
    exported: SlotSeries | None = None
    gauges: Mapping[str, SlotSeries] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    seams: Mapping[int, Seam] = field(default_factory=dict)  # by day edge: what concerns the days on both sides

    @property
    def main(self) -> SlotSeries | None:
        """The energy the point is there for: export of a PV point, else import."""
        return self.exported if self.point.role == "pv" else self.imported


def point_series(
    point: Point, samples: Mapping[str, DeviceSamples], grid: Grid, corrections: Sequence[Correction] = ()
) -> PointSeries:
    """Return what flowed at a point on a grid.

    Each device counts only while it is assigned to the point, with the ratio and direction it had then. Energy is in
    kWh, import positive into what is metered (at the grid connection: into the park). `corrections` are those in force,
    in the order they were made.
    """
    own = correcting.of_point(corrections, point) if corrections else ()
    parts = [p for d in point.devices for p in correcting.parts(point, d, samples.get(d.id, {}), own)]
    if point.role == "weather":
        return _weather_series(point, parts, grid, own)
    ways: dict[str, list[SlotSeries]] = {IMPORT: [], EXPORT: [], POWER: [], DC_POWER: []}
    events: list[Event] = []
    seams: list[Seams] = []
    for part in parts:
        served = _Device(point, part.device, part.samples, grid)
        if not served.touches():
            continue
        for quantity, series in served.flows().items():
            ways[quantity].append(series)
        events += served.events
        seams.append(served.seams)
    size, edges = grid.size, grid.edges_us
    imported, exported = joined(ways[IMPORT], size), joined(ways[EXPORT], size)
    gauges = {q: joined_means(ways[q], size) for q in (POWER, DC_POWER) if ways[q]}
    if own:
        imported = correcting.corrected_flow(imported, "import_kwh", own, edges)
        exported = correcting.corrected_flow(exported, "export_kwh", own, edges)
        gauges = {q: correcting.marked(g, own, edges) for q, g in gauges.items()}
    whole = PointSeries(point, imported, exported, gauges, seams=merged(seams))
    events += _missing(whole.main, point, grid, _first_us(parts))
    return replace(whole, events=tuple(events))


def _weather_series(
    point: Point, parts: Sequence[correcting.Part], grid: Grid, corrections: Sequence[Correction]
) -> PointSeries:
    means: dict[str, list[SlotSeries]] = {}
    for part in parts:
        for (quantity, channel), found in part.samples.items():
            if channel or READING[quantity].kind is not Kind.GAUGE:
                continue
            curve = power.profile(found.times_us, found.readings, gap_limit_us(part.device.interval_s, found.times_us))
            means.setdefault(quantity, []).append(power.slot_mean(curve, grid.edges_us, span_of(part.device)))
    gauges = {q: joined_means(means[q], grid.size) for q in WEATHER if q in means}
    best = max(gauges.values(), key=lambda g: float(g.coverage.sum()), default=None)
    events = tuple(_missing(best, point, grid, _first_us(parts)))
    return PointSeries(
        point, gauges={q: correcting.marked(g, corrections, grid.edges_us) for q, g in gauges.items()}, events=events
    )


def part_of(series: PointSeries, whole: Grid, grid: Grid) -> PointSeries:
    """Return what of a point's series on a longer grid lies on a shorter one."""
    first = int(np.searchsorted(whole.edges_us, grid.edges_us[0]))

    def part(found: SlotSeries | None) -> SlotSeries | None:
        return None if found is None else correcting.cut(found, first, grid.size)

    gauges = {q: correcting.cut(g, first, grid.size) for q, g in series.gauges.items()}
    events = tuple(e for e in series.events if grid.start <= e.start < grid.end)
    return PointSeries(series.point, part(series.imported), part(series.exported), gauges, events, series.seams)


class _Device:
    """One device while it serves one point."""

    def __init__(self, point: Point, device: DeviceAssignment, samples: DeviceSamples, grid: Grid) -> None:
        self.point = point
        self.device = device
        self.samples = samples
        self.grid = grid
        self.span = span_of(device)
        self.sign = -1.0 if device.direction == "reversed" else 1.0
        self.events: list[Event] = []
        self.seams: Seams = {}

    def touches(self) -> bool:
        """Say whether the device served the point at any time of the grid."""
        return bool(self.span[0] < self.grid.edges_us[-1] and self.span[1] > self.grid.edges_us[0])

    def flows(self) -> dict[str, SlotSeries]:
        """Return import and export of the point, and mean power where the device sends it."""
        profile = self._profile()
        own = {IMPORT: IMPORT, EXPORT: EXPORT} if self.sign > 0 else {IMPORT: EXPORT, EXPORT: IMPORT}
        flows: dict[str, SlotSeries] = {}
        for n, way in enumerate((IMPORT, EXPORT)):
            series = self._from_registers(own[way], profile)
            if series is None and profile is not None:
                series = power.slot_energy(profile, self.grid.edges_us, self.span)[n]
            if series is not None:
                flows[way] = series
        if profile is not None:
            flows[POWER] = power.slot_mean(profile, self.grid.edges_us, self.span)
        if self.point.role == "pv" and (own_dc := self._curve(DC_POWER)) is not None:
            flows[DC_POWER] = power.slot_mean(own_dc, self.grid.edges_us, self.span)
        return {way: self._with_uncertain(series) for way, series in flows.items()}

    def _profile(self) -> Profile | None:
        """Return the point's power in kW, positive with import, ratio and direction applied."""
        curve = self._curve(POWER)
        if curve is None:
            return None
        factor = self.sign * self.device.ratio
        gap_us = gap_limit_us(self.device.interval_s, self._channels(POWER)[0].times_us)
        return power.profile(curve.times_us, curve.ordinates * factor, gap_us)

    def _curve(self, quantity: str) -> Profile | None:
        """Return a power in kW as the device shows it, its channels added up."""
        parts = self._channels(quantity)
        if not parts:
            return None
        gap_us = gap_limit_us(self.device.interval_s, parts[0].times_us)
        curves = [power.profile(*unclocked.calm(p, self.device.interval_s), gap_us) for p in parts]
        return curves[0] if len(curves) == 1 else _summed(curves, gap_us)

    def _channels(self, quantity: str) -> list[Samples]:
        """Return the device's total; without one its tariff registers, else its phases, else whatever it has.

        Tariffs and phases are two ways to split the same energy: adding up both would count it twice.
        """
        own = {channel: s for (q, channel), s in sorted(self.samples.items(), key=lambda i: i[0]) if q == quantity}
        for group in ([""], [c for c in own if TARIFF.fullmatch(c)], [c for c in own if c in PHASES]):
            found = [own[c] for c in group if c in own]
            if found:
                return found
        return list(own.values())

    def _from_registers(self, quantity: str, profile: Profile | None) -> SlotSeries | None:
        parts = self._channels(quantity)
        if not any(len(p.times_us) for p in parts):
            return None  # corrections may have left none: that is as if it sent no register
        exports = (quantity == EXPORT) == (self.sign > 0)
        shape = profile
        if profile is not None and exports:
            shape = replace(profile, positive=profile.negative, negative=profile.positive, ordinates=-profile.ordinates)
        found = [self._register(f"{quantity}.{n}", p, shape) for n, p in enumerate(parts)]
        if len(found) == 1:
            return found[0]
        value = np.sum([f.value for f in found], axis=0)
        return SlotSeries(
            value,
            np.min([f.coverage for f in found], axis=0),
            np.max([f.estimated for f in found], axis=0),
            np.bitwise_or.reduce([f.reasons for f in found]),
        )

    def _register(self, name: str, samples: Samples, shape: Profile | None) -> SlotSeries:
        device = self.device
        # The rating is that of the point; the register counts before the ratio.
        rating_kw = device.rating_kw / device.ratio if device.rating_kw else None
        cap_kw = rating_kw * HEADROOM if rating_kw else None
        times_us, values = unclocked.register(samples, device.interval_s, cap_kw)
        curve = read_register(
            times_us, values, rating_kw=rating_kw, interval_s=device.interval_s, rollover_kwh=device.rollover_kwh
        )
        self.events += self._told(curve)
        day_edges = self.grid.edges_us[self.grid.day_at]
        if len(times_us):
            add_seams(self.seams, f"{device.id} {name}", curve, int(times_us[-1]), day_edges, shape)
        return slotting.slot_energy(curve, self.grid.edges_us, self.span, shape).times(device.ratio)

    def _told(self, curve: Curve) -> Iterable[Event]:
        first, last = (int(e) for e in self.grid.edges_us[[0, -1]])
        for event in curve.events:
            if first <= event.start_us < last and self.span[0] <= event.start_us < self.span[1]:
                yield _event(event, self.point.id, self.device.ratio)

    def _with_uncertain(self, series: SlotSeries) -> SlotSeries:
        stamps = [s.times_us[s.uncertain] for (q, _), s in self.samples.items() if q in {IMPORT, EXPORT, POWER}]
        times = np.concatenate(stamps) if stamps else np.zeros(0, dtype=np.int64)
        if not len(times):
            return series
        counts = np.histogram(times, bins=self.grid.edges_us)[0]
        return series.marked((counts > 0) & series.known, Reason.TIME_UNCERTAIN)


def _event(event: RegisterEvent, entity: str, ratio: float) -> Event:
    """Return a register event in the words of the park: display values as shown, energies with the ratio applied."""
    params: dict[str, float | str] = {"before": event.before_wh / 1000.0, "after": event.after_wh / 1000.0}
    if event.reason is Reason.SPURIOUS:
        params["count"] = float(event.left_out)
    if event.reason in {Reason.GAP, Reason.MISSING}:
        params["hours"] = round((event.end_us - event.start_us) / 3.6e9, 2)
    params["energy"] = event.counted_wh / 1000.0 * ratio
    if np.isfinite(event.bound_wh) and event.bound_wh > 0:
        params["unknown_up_to"] = event.bound_wh / 1000.0 * ratio
    return Event(entity, event.reason.value, from_us(event.start_us), from_us(event.end_us), params)


def _missing(series: SlotSeries | None, point: Point, grid: Grid, first_us: int) -> list[Event]:
    """Return one event per local day and stretch of closed slots of which nothing is known.

    Time before the first reading is not missing: nobody promised data. Steps that have an event of their own are not
    told twice. The newest slots have closed just now: a device gets a slot, or three of its own intervals, to be heard.
    """
    if series is None:
        return []
    waited_us = grid.closed_until_us - max(
        SLOT_US, *(int(REPORTS_AWAITED * 1e6 * d.interval_s) for d in point.devices), 0
    )
    told = bit(Reason.REPLACED) | bit(Reason.IMPLAUSIBLE) | bit(Reason.RESET)
    empty = (series.coverage + series.estimated <= 0) & ((series.reasons & told) == 0)
    empty &= grid.edges_us[:-1] >= first_us
    empty[grid.closed :] = False
    starts = empty & ~np.concatenate(([False], empty[:-1]))
    starts[grid.day_at[:-1]] = empty[grid.day_at[:-1]]
    events = []
    for first in np.flatnonzero(starts):
        day_end = grid.day_at[np.searchsorted(grid.day_at, first, side="right")]
        stretch = empty[first:day_end]
        length = len(stretch) if stretch.all() else int(np.argmin(stretch))
        begin_us, end_us = (int(grid.edges_us[k]) for k in (first, first + length))
        if begin_us >= waited_us and end_us == grid.closed_until_us:
            continue
        begin, end = from_us(begin_us), from_us(end_us)
        hours = (end - begin).total_seconds() / 3600.0
        events.append(Event(point.id, Reason.MISSING.value, begin, end, {"hours": hours}))
    return events


def span_of(device: DeviceAssignment) -> tuple[int, int]:
    """Return when a device serves its point, half-open, in microseconds since 1970."""
    return (
        to_us(device.valid_from) if device.valid_from else _ALWAYS[0],
        to_us(device.valid_to) if device.valid_to else _ALWAYS[1],
    )


def _first_us(parts: Iterable[correcting.Part]) -> int:
    return min((int(s.times_us[0]) for p in parts for s in p.samples.values() if len(s.times_us)), default=_ALWAYS[1])


def _summed(curves: list[Profile], gap_us: int) -> Profile:
    """Return the sum of phases, known where all of them are."""
    times = np.unique(np.concatenate([c.times_us for c in curves]))
    ordinates = np.zeros(len(times))
    for curve in curves:
        if not len(curve.times_us):
            continue
        at = np.interp(times, curve.times_us, curve.ordinates, left=np.nan, right=np.nan)
        k = np.clip(np.searchsorted(curve.times_us, times, side="right") - 1, 0, max(0, len(curve.bridged) - 1))
        in_hole = (curve.bridged[k] == 0) & ~np.isin(times, curve.times_us) if len(curve.bridged) else False
        ordinates += np.where(in_hole, np.nan, at)
    fine = np.isfinite(ordinates)
    return power.profile(times[fine], ordinates[fine], gap_us)
