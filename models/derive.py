"""Everything one stretch of local days derives from the points' series; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from core.park import Park, Point
from core.quality import Event, Reason
from core.quantities import Scope
from core.timebase import SLOT_HOURS
from models import balance, meter_checks, plant, rollup, sensors
from models.points import DC_POWER, PointSeries
from models.rollup import Periods
from models.rows import Row
from models.series import Grid, SlotSeries, bit
from models.sky import sky_over

ROLE_AMOUNTS = {
    "pv": (("generation_kwh", "exported"),),
    "load": (("load_kwh", "imported"),),
    "storage": (("charge_kwh", "imported"), ("discharge_kwh", "exported")),
    "grid": (),
    "weather": (),
}
BALANCE_COVERAGE = 0.9  # the residual of a day measured less than this proves nothing


class Derived(NamedTuple):
    """Rows per slot and per day, and events."""

    slots: list[Row]
    days: list[Row]
    events: list[Event]


def derive(
    park: Park, points: Mapping[str, PointSeries], grid: Grid, known: plant.Known = plant.NOTHING_KNOWN
) -> Derived:
    """Return every series of a grid of local days; `known` is what was learned of the arrays before."""
    days = rollup.days_of(grid)
    found = Derived([], [], [event for series in points.values() for event in series.events])
    sky = sky_over(park, grid)
    weather: dict[str, Mapping[str, SlotSeries]] = {}
    shown = dict(points)
    for point in park.by_role("weather"):
        gauges = points[point.id].gauges
        rise_k = plant.hottest_rise(park, point.id, gauges, sky, grid)
        weather[point.id], faults = sensors.credible(point.id, gauges, rise_k, sky, grid)
        found.events.extend(faults)
        shown[point.id] = _with_faults(points[point.id], weather[point.id])
    for point in park.points:
        _derive_point(found, point, shown[point.id], days)
    for point in park.by_role("pv"):
        found.events.extend(meter_checks.stuck_power(point, points[point.id], _clipping_kw(park, point), sky, grid))
    found.events.extend(meter_checks.children_events(park, points, grid))
    _derive_park(found, park, points, grid, days)
    made = plant.plant_of(park, _generation(park, points), weather, sky, grid, known, _dc(park, points))
    found.slots.extend(plant.slot_rows(park, made))
    found.slots.extend(plant.band_rows(park, made, sky, grid))
    found.days.extend(plant.day_rows(park, made, sky, grid, days))
    return found


def _clipping_kw(park: Park, point: Point) -> float | None:
    """Return the power at which the inverters of a PV point clip, in kW; None where nobody says."""
    own = {a.id: a.ac_kw for a in park.arrays_of(point.id)}
    rated = [d.rating_kw for d in point.devices if d.rating_kw]
    return sum(own.values()) or max(rated, default=None)


def _generation(park: Park, points: Mapping[str, PointSeries]) -> dict[str, SlotSeries]:
    return {p.id: series for p in park.by_role("pv") if (series := points[p.id].exported) is not None}


def _dc(park: Park, points: Mapping[str, PointSeries]) -> dict[str, SlotSeries]:
    """Return the DC energy of every PV point that measures it, in kWh."""
    measured = ((p.id, points[p.id].gauges.get(DC_POWER)) for p in park.by_role("pv"))
    return {point: power.times(SLOT_HOURS) for point, power in measured if power is not None}


def _with_faults(series: PointSeries, clean: Mapping[str, SlotSeries]) -> PointSeries:
    """Return a weather point as measured, with the reason `sensor_fault` where a column is not believed."""
    fault = bit(Reason.SENSOR_FAULT)
    gauges = {q: replace(g, reasons=g.reasons | (clean[q].reasons & fault)) for q, g in series.gauges.items()}
    return replace(series, gauges=gauges)


def _derive_point(found: Derived, point: Point, series: PointSeries, days: Periods) -> None:
    for quantity, energy in point_amounts(point, series):
        found.slots.append(Row(Scope.POINT, point.id, quantity, energy))
        found.days.append(Row(Scope.POINT, point.id, quantity, rollup.amount(energy, days)))
    for quantity, gauge in series.gauges.items():
        found.slots.append(Row(Scope.POINT, point.id, quantity, gauge))
        found.days.append(Row(Scope.POINT, point.id, quantity, rollup.mean(gauge, days)))


def point_amounts(point: Point, series: PointSeries) -> Iterable[tuple[str, SlotSeries]]:
    """Yield the energies of a point by quantity.

    A way the point is not there for (export of a load, import of a PV point) is left out where nothing measures it.
    """
    for quantity, way in (("import_kwh", "imported"), ("export_kwh", "exported"), *ROLE_AMOUNTS[point.role]):
        energy: SlotSeries | None = getattr(series, way)
        if energy is not None and (energy is series.main or point.role in {"grid", "storage"} or energy.known.any()):
            yield quantity, energy


def _derive_park(found: Derived, park: Park, points: Mapping[str, PointSeries], grid: Grid, days: Periods) -> None:
    slots = balance.park_slots(park, points, grid)
    daily = {**balance.amounts(slots, days), **balance.ratios(slots, days)}
    for quantity, series in {**slots, **balance.slot_ratios(slots)}.items():
        found.slots.append(Row(Scope.PARK, park.id, quantity, series))
    for quantity, series in daily.items():
        found.days.append(Row(Scope.PARK, park.id, quantity, series))
    found.events.extend(balance_events(park, slots, grid, days))


def balance_events(park: Park, slots: Mapping[str, SlotSeries], grid: Grid, days: Periods) -> Iterable[Event]:
    """Yield an event for every closed day whose sub-meters exceed the total by more than 2 % of the load."""
    if "residual_kwh" not in slots:
        return
    residual = slots["residual_kwh"]
    left = days.sums(residual.value)
    load = days.sums(np.where(residual.known, slots["load_kwh"].value, np.nan))
    covered = days.share(np.where(residual.known, residual.coverage, 0.0))
    for n in np.flatnonzero((load > 0) & (covered >= BALANCE_COVERAGE) & ~days.running):
        if left[n] < balance.RESIDUAL_FLOOR * load[n]:
            start, end = grid.day_span(int(n))
            share = f"{100 * left[n] / load[n]:.1f} %"
            yield Event(park.id, "balance", start, end, {"energy": round(float(left[n]), 3), "share": share})
