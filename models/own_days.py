"""The park's own past days as an outlook draws from them: how clear the sky was, what was used, how much of it at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from core.holidays import alike
from core.quantities import Scope
from models import demand, past, plan
from models.plan import Known
from models.series import Bools, Floats

RATIO_BOUNDS = (0.3, 3.0)  # a day's consumption against its baseline
PERFORMANCE_DAYS = 14  # what the park gives of its expectation is taken from as many days
SATURATIONS = np.arange(0.05, 1.51, 0.01)


@dataclass(frozen=True)
class Pool:
    """The park's own past days: clearness of the sky or of what was generated, consumption over its course, and so on.

    `plenty` is generation over consumption, `own` the PV used on the spot over what `saturation` makes of it, `air` the
    distance from the weeks around.
    `given` is what is generated of each unit of clearness now, and its standard deviation from day to day.
    """

    share: Floats
    ratio: Floats
    plenty: Floats
    own: Floats
    air: Floats
    usable: Bools
    limit: float
    given: tuple[float, float]
    level: Floats  # generation over a cloudless day's, so what the sky and what the park did


def pool_of(k: Known) -> Pool:
    """Return what paths are drawn from.

    Clearness is that of the sky, hence on the scale of the nameplates throughout: the day from which a calibration
    counts is no change of weather. What the park makes of it, `given`, has the calibration in it.
    """
    seen = k.past.seen
    made, used, own, expected = (
        k.past.whole(Scope.PARK, k.park.id, q)
        for q in ("generation_kwh", "load_kwh", "self_consumed_kwh", "expected_kwh")
    )
    expected = expected / past.park_scale(k.past, list(k.clearness))
    cloudless = cloudless_kwh(k, seen)
    air = plan.air_of(k.park, k.past)
    given, spread, measured = _given(k, made, expected)
    limit = saturation(made, used, own)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Where the sky was measured its clearness is drawn, and what the park makes of it now is put on top.
        sky = np.where(measured, expected / cloudless, made / cloudless / given)
        share = np.where(cloudless > 0, sky, np.where(made == 0, 0.0, np.nan))
        level = np.where(cloudless > 0, made / cloudless, np.nan)
        ratio = np.clip(used / course(k, seen, air[None, :])[0], *RATIO_BOUNDS) if seen else np.zeros(0)
        usual = own_use(made, used, limit)
        taken = np.where(np.isfinite(own) & (usual > 0), own / usual, 1.0)
    away = air - _running(air - plan.typical_days(k.park, seen)) - plan.typical_days(k.park, seen) if seen else air
    usable = np.isfinite(share) & np.isfinite(ratio) & np.isfinite(made)
    away = np.where(np.isfinite(away), away, 0.0)
    plenty = np.where(usable, made / np.maximum(used, demand.MIN_KWH), np.nan)
    return Pool(share, ratio, plenty, np.clip(taken, *RATIO_BOUNDS), away, usable, limit, (given, spread), level)


def _given(k: Known, made: Floats, expected: Floats) -> tuple[float, float, Bools]:
    """Return what the park lately generated of its expectation, how that varies, and where the sky was measured.

    Faults last: what is lost today is taken to be lost until somebody mends it.
    """
    key = (Scope.PARK.value, k.park.id, "expected_kwh")
    if key not in k.past.table:
        return 1.0, 0.0, np.zeros(len(made), dtype=bool)
    measured = np.isfinite(expected) & (k.past.table[key].estimated[: k.past.size] <= past.MAX_ESTIMATED)
    both = np.flatnonzero(measured & np.isfinite(made) & (expected > 0))[-PERFORMANCE_DAYS:]
    if len(both) < plan.MIN_DAYS:
        return 1.0, 0.0, np.zeros(len(made), dtype=bool)
    lately = float(np.clip(made[both].sum() / expected[both].sum(), *RATIO_BOUNDS))
    middle = np.median(made[both] / expected[both])
    spread = 1.4826 * float(np.median(np.abs(made[both] / expected[both] - middle)))
    return lately, spread, measured


def _running(values: Floats) -> Floats:
    """Return the mean of four weeks around every day, of what is known."""
    known = np.isfinite(values)
    kernel = np.ones(min(29, 2 * (len(values) // 2) + 1))
    weight = np.convolve(known.astype(float), kernel, "same")[: len(values)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.convolve(np.where(known, values, 0.0), kernel, "same")[: len(values)] / weight)


def cloudless_kwh(k: Known, days: Sequence[date]) -> Floats:
    """Return what the park's arrays would give on cloudless days, in kWh.

    PV meters without a described array follow the others; with no array at all every day counts as one, and clearness
    is energy over the mean day's.
    """
    total = np.zeros(len(days))
    for array in k.clearness:
        total += k.clear.of(days, array)[0]
    if k.clearness:
        return total
    made = k.past.whole(Scope.PARK, k.park.id, "generation_kwh")
    known = made[np.isfinite(made)]
    return np.full(len(days), known.mean() if known.size else 0.0)


def course(k: Known, days: Sequence[date], air: Floats) -> Floats:
    """Return the park's consumption in kWh by baseline, per row of air temperatures and day.

    Loads without a baseline, and what no sub-meter counts, are the mean of days of work or days off of the last weeks.
    """
    classes = k.park.days.day_classes(days)
    total = np.zeros((len(air), len(days)))
    rest = k.past.whole(Scope.PARK, k.park.id, "load_kwh").copy()
    held = [p.id for p in k.park.top_loads()] or [k.park.id]
    for entity in held:
        told = k.baselines.get(entity)
        if told is None or "refused" in told:
            continue
        total += demand.predict(told, air.ravel(), classes * len(air), list(days) * len(air)).reshape(air.shape)
        scope = Scope.PARK if entity == k.park.id else Scope.POINT
        rest -= k.past.whole(scope, entity, "load_kwh")
    return total + np.maximum(_by_class(k, rest, classes), 0.0)[None, :]


def _by_class(k: Known, values: Floats, classes: Sequence[str]) -> Floats:
    """Return the mean of the last 60 days' values by work or off, for every class."""
    calendar = k.park.days.day_classes(k.past.seen)
    recent = np.arange(k.past.size) >= k.past.size - past.RECENT_DAYS
    found: dict[str, float] = {}
    for name in set(classes):
        same = np.array([alike(c, name) for c in calendar], dtype=bool) & recent & np.isfinite(values)
        any_day = recent & np.isfinite(values)
        chosen = same if same.sum() >= plan.MIN_DAYS else any_day
        found[name] = float(np.mean(values[chosen])) if chosen.any() else 0.0
    return np.array([found[c] for c in classes])


def saturation(made: Floats, used: Floats, own: Floats) -> float:
    """Return c of ``own / load = c (1 - exp(-(generation / load) / c))``: the share of a day's load that PV can reach.

    Little PV is used up whole; much PV reaches no more than the load by day and what storage brings into the night.
    Least squares over the days that are known; 0.5 where none is. Our own form.
    """
    known = np.isfinite(made) & np.isfinite(used) & np.isfinite(own) & (used > 0)
    if not known.any():
        return 0.5
    misses = [float(np.sum((own_use(made[known], used[known], c) - own[known]) ** 2)) for c in SATURATIONS]
    return float(SATURATIONS[int(np.argmin(misses))])


def own_use(made: Floats, used: Floats, limit: float) -> Floats:
    """Return the PV used on the spot in kWh; see `saturation`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.where(used > 0, made / used, 0.0)
    return np.asarray(np.minimum(used * limit * (1.0 - np.exp(-x / limit)), used))
