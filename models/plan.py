"""The plan a day is held against: PV under normal weather, consumption on the day's class; made once and kept.

Normal weather is the park's own: the same season of its earlier years, else how clear its last weeks were. Where that
cannot be told yet, the plan is the mean of comparable days of the last four weeks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from core.holidays import alike
from core.park import Park
from core.quantities import Scope
from core.statements import Json, number
from models import demand, past
from models.past import Clear, Clearness, Past
from models.series import Bools, Floats
from models.sky import DAYLIGHT_C, typical_air

VERSION = "plan-4"
LOOKBACK_DAYS = 28
MIN_DAYS = 3
MIN_COVERAGE = 0.9
MONTH = "month"
COMPARABLE = "comparable_days"


@dataclass(frozen=True)
class Known:
    """What a plan is made from: everything known before some day began, and the baselines in force on it."""

    park: Park
    past: Past
    clear: Clear
    baselines: Mapping[str, Mapping[str, Json]]
    clearness: Mapping[str, Clearness]


def known(park: Park, earlier: Past, clear: Clear, baselines: Mapping[str, Mapping[str, Json]]) -> Known:
    """Gather what a plan for the day after `earlier` is made from."""
    arrays = dict.fromkeys(a.id for a in park.arrays)
    return Known(park, earlier, clear, baselines, {a: past.clearness(earlier, clear, a) for a in arrays})


def day_body(k: Known, day: date) -> dict[str, Json] | None:
    """Return the body of the plan of `day`; None where there is no basis for one."""
    usual = comparable_days(k, day)
    arrays, irradiation, sun = _normal_pv(k, day)
    arrays |= _bare_pv(k, usual)
    loads, baselines = _loads(k, day, usual)
    residual = _mean(k, Scope.PARK, k.park.id, "residual_kwh", usual)
    if not k.park.top_loads():
        residual, baselines = _park_load(k, day, usual)
    air, air_basis = normal_air(k, [day])
    body: dict[str, Json] = {
        "arrays": dict(arrays),
        "irradiation": dict(irradiation),
        "calibration": {a: _scale(k, a) for a in k.clearness},
        "loads": dict(loads),
        "storage_kwh": round(_kept(k, usual), 3),
        "temp_air_c": round(float(air[0]), 2),
        "temp_basis": air_basis,
        "day_class": k.park.days.day_class(day),
        "announced": k.park.days.announced(day.year),
        "baselines": dict(baselines),
        "known_until": last.isoformat() if (last := k.past.last_known()) else None,
    }
    whole = sum(arrays.values()) - sum(loads.values()) - residual
    if np.isfinite(whole) and baselines and sun != "typical":
        return body | {
            "residual_kwh": round(residual, 3),
            "net_balance_kwh": round(whole, 3),
            "basis": f"{sun}+baseline",
        }
    return _comparable_body(k, body, arrays, usual)


def comparable_days(k: Known, day: date) -> Bools:
    """Return which past days a day compares with: both of work or both off, in the four weeks before what is known."""
    calendar, last = k.park.days, k.past.last_known()
    first = (day if last is None else min(day, last + timedelta(days=1))) - timedelta(days=LOOKBACK_DAYS)
    own = calendar.day_class(day)
    return np.array([d >= first and alike(calendar.day_class(d), own) for d in k.past.seen], dtype=bool)


def month_body(k: Known, days: Sequence[date]) -> dict[str, Json] | None:
    """Return the plan of a month: the sum of its days' plans, all made from the same past; None without a basis."""
    bodies = [day_body(k, d) for d in days]
    made = [b for b in bodies if b is not None]
    if len(made) < len(days):
        return None
    first = made[0]
    sums: dict[str, Json] = {name: _keyed_sum(made, name) for name in ("arrays", "irradiation", "loads")}
    totals = ("residual_kwh", "storage_kwh", "net_balance_kwh")
    sums |= {name: round(sum(number(b[name]) for b in made), 3) for name in totals}
    air = float(np.mean([number(b["temp_air_c"]) for b in made]))
    classes = [str(b["day_class"]) for b in made]
    return sums | {
        "temp_air_c": round(air, 2),
        "day_class": dict(sorted({c: classes.count(c) for c in classes}.items())),
        "announced": all(bool(b["announced"]) for b in made),
        "basis": first["basis"],
        "baselines": first["baselines"],
        "known_until": first["known_until"],
    }


def _keyed_sum(bodies: Sequence[Mapping[str, Json]], name: str) -> dict[str, Json]:
    found: dict[str, float] = {}
    for body in bodies:
        each = body[name]
        if isinstance(each, dict):
            for key, value in each.items():
                found[key] = found.get(key, 0.0) + number(value)
    return {key: round(value, 3) for key, value in found.items()}


def normal_air(k: Known, days: Sequence[date]) -> tuple[Floats, str]:
    """Return a normal mean air temperature of each day in degrees C, and the basis of the first.

    The same season of earlier years where they know it; else the last fortnight moved by the typical course of the year
    at this latitude; else that course alone.
    """
    air, seen = air_of(k.park, k.past), k.past.seen
    normal, basis = typical_days(k.park, days), "typical"
    last = np.flatnonzero(np.isfinite(air))[-14:]
    pools = [past.pool(seen, air, d) for d in days] if len(last) else []
    if pools and pools[0][1] != "typical":
        basis = pools[0][1]
        normal = normal + float(np.mean(air[last] - typical_days(k.park, [seen[i] for i in last])))
    for n, (chosen, of_day) in enumerate(pools):
        if of_day == "own_years":
            normal[n] = float(np.mean(air[chosen > 0]))
    return normal, basis


def typical_days(park: Park, days: Sequence[date]) -> Floats:
    """Return the typical mean air temperature of each day at the park's latitude and altitude."""
    numbers = np.array([d.timetuple().tm_yday for d in days], dtype=float)
    return typical_air(park.latitude, park.altitude_m, numbers) - DAYLIGHT_C


def air_of(park: Park, earlier: Past) -> Floats:
    """Return the park's mean outdoor temperature per past day: of its first weather point that knows the day."""
    found = np.full(earlier.size, np.nan)
    for point in park.by_role("weather"):
        own = earlier.whole(Scope.POINT, point.id, "temp_air_c")
        found = np.where(np.isfinite(found), found, own)
    return found


def _normal_pv(k: Known, day: date) -> tuple[dict[str, float], dict[str, float], str]:
    """Return energy and irradiation of every array under normal weather, and the weakest basis among them."""
    energy: dict[str, float] = {}
    plane: dict[str, float] = {}
    bases = set()
    for array, clearness in k.clearness.items():
        clear_energy, clear_plane = k.clear.of([day], array)
        chosen, basis = past.pool(k.past.seen, clearness.energy, day)
        share, light = past.TYPICAL_CLEARNESS, past.TYPICAL_CLEARNESS
        if basis != "typical":
            share = _weighted(clearness.energy, chosen * clearness.weight)
            light = _weighted(clearness.irradiation, chosen * clearness.weight)
        energy[array] = round(share * float(clear_energy[0]), 3)
        plane[array] = round((light if np.isfinite(light) else share) * float(clear_plane[0]), 4)
        bases.add(basis)
    order = ("typical", "recent", "own_years")
    return energy, plane, next((b for b in order if b in bases), "none")


def _weighted(values: Floats, weights: Floats) -> float:
    usable = np.isfinite(values) & (weights > 0)
    return float(np.average(values[usable], weights=weights[usable])) if usable.any() else float("nan")


def _loads(k: Known, day: date, usual: Bools) -> tuple[dict[str, float], dict[str, Json]]:
    """Return the plan of every top load, and which baseline each was made by."""
    air, _ = normal_air(k, [day])
    found: dict[str, float] = {}
    by: dict[str, Json] = {}
    for point in k.park.top_loads():
        body = k.baselines.get(point.id)
        if body is not None and "refused" not in body:
            found[point.id] = round(float(demand.predict(body, air, [k.park.days.day_class(day)], [day])[0]), 3)
            by[point.id] = body["last_day"]
        else:
            found[point.id] = round(_mean(k, Scope.POINT, point.id, "load_kwh", usual), 3)
    return found, by


def _park_load(k: Known, day: date, usual: Bools) -> tuple[float, dict[str, Json]]:
    """Return the plan of the whole consumption of a park whose loads are not metered one by one."""
    body = k.baselines.get(k.park.id)
    if body is not None and "refused" not in body:
        air, _ = normal_air(k, [day])
        used = float(demand.predict(body, air, [k.park.days.day_class(day)], [day])[0])
        return used, {k.park.id: body["last_day"]}
    return _mean(k, Scope.PARK, k.park.id, "load_kwh", usual), {}


def _bare_pv(k: Known, usual: Bools) -> dict[str, float]:
    """Return the usual generation of PV meters behind which no array is described, by point."""
    described = {a.point for a in k.park.arrays}
    ids = {p.id for p in k.park.by_role("pv")}
    bare = [p.id for p in k.park.by_role("pv") if p.parent not in ids and p.id not in described]
    return {p: round(_mean(k, Scope.POINT, p, "generation_kwh", usual), 3) for p in bare}


def _kept(k: Known, usual: Bools) -> float:
    """Return what storage usually keeps of a day, in kWh; 0 where there is none."""
    if not k.park.by_role("storage"):
        return 0.0
    ways = [_mean(k, Scope.PARK, k.park.id, q, usual) for q in ("charge_kwh", "discharge_kwh")]
    return ways[0] - ways[1] if np.isfinite(ways).all() else 0.0


def _mean(k: Known, scope: Scope, entity: str, quantity: str, usual: Bools) -> float:
    values = k.past.whole(scope, entity, quantity)[usual]
    values = values[np.isfinite(values)]
    return float(np.mean(values)) if len(values) >= MIN_DAYS else float("nan")


def _comparable_body(
    k: Known, body: dict[str, Json], arrays: Mapping[str, float], usual: Bools
) -> dict[str, Json] | None:
    """Return a plan of means over the same comparable days for the balance and for all it is made of.

    What arrays and loads do not make up of it is the remainder: what is unmetered, and loads known on too few days.
    """
    days, loads = _common(k, usual)
    net = _mean(k, Scope.PARK, k.park.id, "net_balance_kwh", days)
    if not np.isfinite(net):
        return None
    used = {point: round(_mean(k, Scope.POINT, point, "load_kwh", days), 3) for point in loads}
    usually = {a: _usual_pv(k, a, days) for a in k.clearness}
    made = {a: round(kwh if np.isfinite(kwh := usually[a][0]) else arrays[a], 3) for a in usually}
    made |= _bare_pv(k, days)
    made = {a: kwh for a, kwh in made.items() if np.isfinite(kwh)}
    scales = {a: round(scale, 6) for a, (kwh, scale) in usually.items() if np.isfinite(kwh) and np.isfinite(scale)}
    rest = sum(made.values()) - sum(used.values()) - net
    return body | {
        "arrays": dict(made),
        "calibration": dict(scales),
        "loads": dict(used),
        "baselines": {},
        "residual_kwh": round(rest, 3),
        "net_balance_kwh": round(net, 6),
        "basis": COMPARABLE,
    }


def _common(k: Known, usual: Bools) -> tuple[Bools, list[str]]:
    """Return the comparable days on which balance and loads are all known, and the loads: without those known least."""
    known = {p.id: np.isfinite(k.past.whole(Scope.POINT, p.id, "load_kwh")) & usual for p in k.park.top_loads()}
    booked = usual & np.isfinite(k.past.whole(Scope.PARK, k.park.id, "net_balance_kwh"))
    order = sorted(known, key=lambda p: int((known[p] & booked).sum()))
    for dropped in range(len(order) + 1):
        days = np.logical_and.reduce([booked, *(known[p] for p in order[dropped:])])
        if days.sum() >= MIN_DAYS:
            return days, [p for p in known if p in order[dropped:]]
    return booked, []


def _scale(k: Known, array: str) -> float:
    """Return the calibration a plan is made by."""
    factors = past.scale(k.past, array)
    return round(float(factors[-1]), 6) if len(factors) else 1.0


def _usual_pv(k: Known, array: str, usual: Bools) -> tuple[float, float]:
    """Return what an array usually made in kWh, and what that is of its uncalibrated expectation; NaN where unknown.

    A balance of comparable days has in it what meters counted; a plan of PV by expectation would leave the error of
    the model to what no sub-meter counts. Arrays at one meter share what it counted by their expectation, by their
    peak power where nobody expects anything of them.
    """
    behind = k.park.arrays_of(next(a.point for a in k.park.arrays if a.id == array))
    expected = {a.id: k.past.whole(Scope.ARRAY, a.id, "expected_kwh") for a in behind}
    generated = k.past.whole(Scope.POINT, behind[0].point, "generation_kwh")
    together = sum(expected.values(), np.zeros(k.past.size))
    days = usual & np.isfinite(together) & np.isfinite(generated)
    counted = _mean(k, Scope.POINT, behind[0].point, "generation_kwh", usual)
    if days.sum() < MIN_DAYS or together[days].sum() <= 0:
        peaks = {a.id: a.dc_kwp for a in behind}
        return counted * peaks[array] / sum(peaks.values()), float("nan")
    own = expected[array][days]
    made = counted * float(own.sum() / together[days].sum())
    given = float(generated[days].sum() / together[days].sum())
    key = (Scope.ARRAY.value, array, "expected_kwh")
    lit = k.past.table[key].estimated[: k.past.size][days] <= past.MAX_ESTIMATED
    uncalibrated = float((own / past.scale(k.past, array)[days]).sum())
    scale = given * float(own.sum()) / uncalibrated if lit.all() and uncalibrated > 0 else float("nan")
    return made, scale
