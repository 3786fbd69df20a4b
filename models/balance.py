"""The park's energy balance per slot, and the KPIs of a day or month made from it.

Notation per slot, in kWh: g generation (export of the PV meters), i import and e export at the grid connection,
c and d charge and discharge of storage, l load. Balance: l = g + i - e + d - c. All hang on the registers of the grid
connection and the PV meters; sub-meters only split the load, and what they leave over is the residual.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from core.factors import factor_for
from core.park import Park, Point, valid_one
from models.points import PointSeries
from models.rollup import Periods, amount, ratio
from models.series import Grid, SlotSeries, combined, sum_of, total

SUMMED = ("generation_kwh", "import_kwh", "export_kwh", "load_kwh", "residual_kwh", "net_balance_kwh", "carbon_kg")
STORED = ("charge_kwh", "discharge_kwh")
RESIDUAL_FLOOR = -0.02  # sub-meters may exceed the total by this share of the load before it is an event


def top(park: Park, role: str) -> tuple[Point, ...]:
    """Return the points of a role that are not below another point of the same role: nothing counts twice."""
    ids = {p.id for p in park.by_role(role)}
    return tuple(p for p in park.by_role(role) if p.parent not in ids)


def park_slots(park: Park, points: Mapping[str, PointSeries], grid: Grid) -> dict[str, SlotSeries]:
    """Return the park's own series per slot, in kWh (carbon in kg CO2), labelled by slot start.

    Source of the balance: energy conservation at the park's bus (Luthander et al. 2015,
    doi:10.1016/j.apenergy.2014.12.028, for g, l, i, e without storage). A slot in which any contributing meter is
    unknown is unknown; its coverage is the least and its estimated share the largest of the meters involved.
    """
    size = grid.size
    generation = total([_way(points, p, "exported") for p in top(park, "pv")], size)
    grids = top(park, "grid")
    imported = total([_way(points, p, "imported") for p in grids], size)
    exported = total([_way(points, p, "exported") for p in grids], size)
    slots = {"generation_kwh": generation, "import_kwh": imported, "export_kwh": exported}
    flows = generation.value + imported.value - exported.value
    meters = [generation, imported, exported]
    storage = top(park, "storage")
    if storage:
        charge = total([_way(points, p, "imported") for p in storage], size)
        discharge = total([_way(points, p, "exported") for p in storage], size)
        slots |= {"charge_kwh": charge, "discharge_kwh": discharge}
        flows = flows + discharge.value - charge.value
        meters += [charge, discharge]
    load = combined(flows, meters)
    slots["load_kwh"] = load
    slots["self_consumed_kwh"] = combined(np.maximum(generation.value - exported.value, 0.0), [generation, exported])
    slots["net_balance_kwh"] = combined(generation.value - load.value, [generation, load])
    slots["carbon_kg"] = imported.times(carbon_factors(park, grid))
    parts = [_way(points, p, "imported") for p in park.top_loads()]
    if parts:
        slots["residual_kwh"] = combined(load.value - sum_of(p.value for p in parts), [load, *parts])
    return slots


def carbon_factors(park: Park, grid: Grid) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the emission factor of grid import per slot, in kg CO2 per kWh; NaN where none was chosen.

    Per local day the row of `core.factors` for the park's choice valid at the day's start (location-based, GHG
    Protocol scope 2); exported energy earns nothing.
    """
    daily = np.full(len(grid.days), np.nan)
    for n, day in enumerate(grid.days):
        choice = valid_one(park.carbon, grid.day_span(n)[0])
        if choice is not None:
            daily[n] = factor_for(choice.scheme, choice.region, day).value
    return daily[grid.day_numbers()]


def amounts(slots: Mapping[str, SlotSeries], periods: Periods) -> dict[str, SlotSeries]:
    """Return the park's energies of longer periods: sums of what is known.

    Self-consumption is generation minus export of the whole period, floored once: that is what the registers say;
    a floor in every slot would add up what merely is a difference in sampling.
    """
    found = {q: amount(slots[q], periods) for q in (*SUMMED, *STORED) if q in slots}
    own = amount(slots["self_consumed_kwh"], periods)
    metered = amount(replace(slots["self_consumed_kwh"], value=_own_use(slots)), periods)
    found["self_consumed_kwh"] = replace(own, value=np.maximum(metered.value, 0.0))
    return found


def ratios(slots: Mapping[str, SlotSeries], periods: Periods) -> dict[str, SlotSeries]:
    r"""Return the metered ratios and the one netted per slot.

    .. math::

        SSR = \frac{\sum g - \sum e}{\sum l}, \quad SCR = \frac{\sum g - \sum e}{\sum g}, \quad
        NZR = \frac{\sum g}{\sum l}, \quad SSR_{15} = \frac{\sum \min(g, l)}{\sum l}

    Sums run over the slots in which all parts are known, the same ones above and below the line; the ratio is never
    a mean of ratios. Source: Luthander, Widén, Nilsson, Palm: Photovoltaic self-consumption in buildings, Applied
    Energy 142 (2015), doi:10.1016/j.apenergy.2014.12.028; NZR: Sartori, Napolitano, Voss 2012 (load/generation
    balance). With storage the SSR counts discharged energy as own only as far as it displaced import.
    """
    g, e, load = slots["generation_kwh"], slots["export_kwh"], slots["load_kwh"]
    own = _own_use(slots)
    all_known = load.known
    return {
        "self_sufficiency": _floored(ratio(own, load.value, all_known, [load], periods)),
        "self_consumption": _floored(ratio(own, g.value, g.known & e.known, [g, e], periods)),
        "net_zero_ratio": ratio(g.value, load.value, all_known, [load], periods),
        "self_sufficiency_15min": ratio(np.minimum(g.value, load.value), load.value, all_known, [load], periods),
    }


def netted(slots: Mapping[str, SlotSeries], periods: Periods, inner: Periods) -> SlotSeries:
    r"""Return the self-sufficiency of `periods` when generation and load are netted within each of `inner`.

    .. math:: SSR_T = \sum_T \min(\sum_{t \in T} g_t, \sum_{t \in T} l_t) / \sum_t l_t

    Source: load match at growing time resolution, Sartori, Napolitano, Voss 2012, and Luthander et al. 2015. The
    longer the netting window, the more of the grid's service is hidden; the window is part of the quantity's name.
    """
    g, load = slots["generation_kwh"], slots["load_kwh"]
    outer = ratio(g.value, load.value, load.known, [load], periods)
    made = inner.sums(np.where(load.known, g.value, 0.0))
    used = inner.sums(np.where(load.known, load.value, 0.0))
    first_slot = np.searchsorted(inner.of, np.arange(inner.count))
    matched = np.bincount(periods.of[first_slot], weights=np.minimum(made, used), minlength=periods.count)
    needed = np.bincount(periods.of[first_slot], weights=used, minlength=periods.count)
    with np.errstate(invalid="ignore", divide="ignore"):
        return replace(outer, value=np.where(needed > 0, matched / needed, np.nan))


def slot_ratios(slots: Mapping[str, SlotSeries]) -> dict[str, SlotSeries]:
    """Return the metered ratios of single slots."""
    g, load, own = slots["generation_kwh"], slots["load_kwh"], slots["self_consumed_kwh"]
    divide: Callable[[SlotSeries, SlotSeries], SlotSeries] = lambda a, b: combined(  # noqa: E731 - three lines of one shape
        np.divide(a.value, b.value, out=np.full(len(a.value), np.nan), where=b.value > 0), [a, b]
    )
    return {
        "self_sufficiency": divide(own, load),
        "self_consumption": divide(own, g),
        "net_zero_ratio": divide(g, load),
    }


def _own_use(slots: Mapping[str, SlotSeries]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return slots["generation_kwh"].value - slots["export_kwh"].value


def _floored(series: SlotSeries) -> SlotSeries:
    return replace(series, value=np.maximum(series.value, 0.0))


def _way(points: Mapping[str, PointSeries], point: Point, way: str) -> SlotSeries:
    series: SlotSeries | None = getattr(points[point.id], way)
    if series is None:
        raise ValueError(f"{point.id} carries no energy")
    return series
