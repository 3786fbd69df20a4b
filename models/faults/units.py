"""Numbers that are right in another unit: power a thousand times off, degrees converted twice or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from core.findings import Fault, Finding, Picture
from core.quality import Event, Reason
from core.timebase import SLOT_HOURS, day_bounds
from models.faults.sight import Sight
from models.faults.spans import joined, runs
from models.series import Bools, Floats, to_us

THOUSAND = 1000.0
WITHIN = 1.6  # either way
TENTH = 0.1
CLOUDED = 10.0
LIT = 0.05  # of the rating
DAYS = 2
FAR_K = 15.0  # from what is typical for the place and season
NEAR_K = 12.0
NO_WEATHER_K = 20.0  # from what is typical, for days on end
FEWEST = 8  # slots of a day
FITTING = 0.8  # of the days
APART_DAYS = 21  # on mild days a wrong unit may look right
RISE_K = (-2.0, 40.0)  # of modules over air by day
NIGHT_FALL_K = 8.0  # of modules by night below air by day
MOST_SHOWN = 40
HIGH_WM2 = 300.0  # of a cloudless sky
DARKEST, BRIGHTEST = 0.16, 1.35  # of a cloudless day: weeks beyond are no weather
DARK, DARK_DAYS = 0.03, 10  # what a dark day leaves of it, and how long such weather never lasts

# What an irradiance of 1 W/m2 is in other units.
LIGHT_UNITS: Mapping[str, float] = {
    "kW/m²": 0.001,
    "MJ/m² / h": 0.0036,
    "%": 0.1,
    "mW/m²": 1000.0,
}

# What was done to a true value in degrees C, told by what undoes it.
UNDO: Mapping[str, Callable[[Floats], Floats]] = {
    "°F→°C ×2": lambda x: x * 9.0 / 5.0 + 32.0,
    "°F": lambda x: (x - 32.0) * 5.0 / 9.0,
    "K": lambda x: x - 273.15,
}


def wrong_power(sight: Sight, events: Sequence[Event] = ()) -> tuple[list[Finding], Sight]:
    """Return the times in which a meter was a thousand times off, and the sight with them set right.

    Counts that no rating allows were booked as nothing; what they would have been tells the unit all the same. Where
    the registers are right and only the power is off, that is told of the power.
    """
    shown = _shown(sight, events)
    due, blind = _due(sight)
    lit = sight.free & (due > LIT * sight.rating_kw * SLOT_HOURS) & np.isfinite(shown)
    found, where = _thousandfold(sight, shown, due, lit, "", blind=blind)
    for factor, inside in where:
        right = np.where(inside, 1.0 / factor, 1.0)
        power = np.abs(sight.power_kw) * SLOT_HOURS
        both = lit & inside & np.isfinite(power)
        by_power, counted = float(np.sum(power[both])), float(np.sum(shown[both]))
        same = TENTH * counted < by_power < counted / TENTH  # else one of the two alone is off
        sight = replace(
            sight,
            generation=sight.generation * right,
            drawn=sight.drawn * right,
            power_kw=sight.power_kw * right if same else sight.power_kw,
        )
    power = np.abs(sight.power_kw) * SLOT_HOURS
    own = np.nan_to_num(sight.generation)
    lit = sight.free & sight.whole & sight.bright & np.isfinite(power)
    more, where = _thousandfold(sight, power, own, lit & (own > 0), "active_power_kw ")
    for factor, inside in where:
        sight = replace(sight, power_kw=np.where(inside, sight.power_kw / factor, sight.power_kw))
    return [*found, *more], sight


def _due(sight: Sight) -> tuple[Floats, Bools]:
    """Return what was due per slot, kWh, and on which days that is a cloudless sky's because nobody measured the light."""
    seen = sight.sums(np.ones(sight.grid.size), sight.due_known & sight.bright_sky)
    blind: Bools = seen < FEWEST
    clear = np.zeros(sight.grid.size) if sight.clear is None else sight.clear
    return np.where(blind[sight.days], clear, np.where(sight.due_known, sight.expected, 0.0)), blind


def _shown(sight: Sight, events: Sequence[Event]) -> Floats:
    """Return the energy the meter showed per slot, kWh: counted, else refused as too much for it, else by its power."""
    refused = np.full(sight.grid.size, np.nan)
    for event in events:
        if event.entity != sight.point or event.code != Reason.IMPLAUSIBLE:
            continue
        first, last = np.searchsorted(sight.grid.edges_us, (to_us(event.start), to_us(event.end))).tolist()
        before, after = (event.params.get(name) for name in ("before", "after"))
        if isinstance(before, int | float) and isinstance(after, int | float) and after > before and last > first:
            refused[first:last] = (after - before) / (last - first)
    counted = np.where(np.isfinite(refused), refused, sight.generation)
    return np.where(np.isfinite(counted), counted, np.abs(sight.power_kw) * SLOT_HOURS)


def _thousandfold(
    sight: Sight, shown: Floats, right: Floats, lit: Bools, name: str, blind: Bools | None = None
) -> tuple[list[Finding], list[tuple[float, Bools]]]:
    """Return the times in which `shown` was a thousand times what is right, or a thousandth, with the slots of them."""
    due, made = sight.sums(right, lit), sight.sums(np.nan_to_num(shown), lit)
    count = sight.sums(np.ones(sight.grid.size), lit)
    with np.errstate(invalid="ignore", divide="ignore"):
        index = np.where((count >= FEWEST) & (due > 0), made / due, np.nan)
    found: list[Finding] = []
    where: list[tuple[float, Bools]] = []
    for factor, what in ((THOUSAND, "×1000"), (1 / THOUSAND, "÷1000")):
        # Clouds take most of a day's light, and add little to it.
        least = factor / (WITHIN if blind is None else np.where(blind, CLOUDED, WITHIN))
        off = (index > least) & (index < factor * WITHIN)
        well = np.isfinite(index) & ~off
        for first, last in joined((sight.grid.days[n] for n in np.flatnonzero(off)), APART_DAYS):
            begin, end = (sight.grid.days.index(d) for d in (first, last))
            if np.count_nonzero(off[begin : end + 1]) < DAYS:
                continue
            shows = range(max(0, begin - 7), min(len(sight.grid.days), begin + MOST_SHOWN))
            picture = Picture(
                "days",
                "kWh",
                tuple(sight.grid.days[n].isoformat() for n in shows),
                tuple(float(made[n]) if count[n] else None for n in shows),
                tuple(float(due[n]) if count[n] else None for n in shows),
                begin - shows.start,
                min(end + 1, shows.stop) - shows.start,
                {"what": f"{name}{what}", "factor": factor},
            )
            found.append(_said(sight, sight.entity, begin, end, picture, sight.rung_of(lit)))
            # A dim day in between tells nothing, and is no other for it.
            where.append((factor, (sight.days >= begin) & (sight.days <= end) & ~well[sight.days]))
    return found, where


def wrong_light(sight: Sight) -> list[Finding]:
    """Return the times in which a station's irradiance makes sense only in another unit, against a cloudless sky.

    The brightest day of a stretch tells the unit. A tenth may be a dark week too: then the arrays must have seen more.
    """
    if sight.light is None or sight.clear_light is None:
        return []
    high = np.isfinite(sight.light) & (sight.clear_light > HIGH_WM2)
    count = sight.sums(np.ones(sight.grid.size), high)
    seen, clear = sight.sums(np.nan_to_num(sight.light), high), sight.sums(sight.clear_light, high)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(count >= FEWEST, seen / clear, np.nan)
    found = []
    strange = (share < DARKEST) | (share > BRIGHTEST)
    known = np.flatnonzero(np.isfinite(share))
    for a, b in runs(strange[known]):
        begin, end = int(known[a]), int(known[b - 1])
        unit = _unit_of_light(sight, share[known[a:b]], begin, end)
        if unit is None:
            continue
        shows = range(max(0, begin - 7), min(len(share), begin + MOST_SHOWN))
        picture = Picture(
            "trend",
            "W/m²",
            tuple(sight.grid.days[n].isoformat() for n in shows),
            tuple(float(seen[n] / count[n]) if count[n] else None for n in shows),
            tuple(float(clear[n] / count[n]) if count[n] else None for n in shows),
            begin - shows.start,
            min(end + 1, shows.stop) - shows.start,
            {"what": f"{sight.light_name}: {unit}", "factor": LIGHT_UNITS[unit]},
        )
        found.append(_said(sight, sight.under, begin, end, picture, "", over=b < len(known)))
    return found


def _unit_of_light(sight: Sight, share: Floats, begin: int, end: int) -> str | None:
    """Return the unit that puts the brightest days of a stretch under a cloudless sky; None where none does."""
    top = float(np.max(share))
    unit = min(LIGHT_UNITS, key=lambda u: abs(np.log(LIGHT_UNITS[u] / top)) if top > 0 else np.inf)
    if not LIGHT_UNITS[unit] / WITHIN < top < LIGHT_UNITS[unit] * BRIGHTEST:
        return None
    if len(share) < (DAYS if not DARK < LIGHT_UNITS[unit] < DARKEST else DARK_DAYS):
        return None
    if LIGHT_UNITS[unit] < DARK or LIGHT_UNITS[unit] > BRIGHTEST:
        return unit
    where = sight.whole & sight.bright_sky & (sight.days >= begin) & (sight.days <= end)
    clear = float(np.sum(sight.clear[where])) if sight.clear is not None else 0.0
    made = float(np.sum(np.nan_to_num(sight.generation)[where]))
    return unit if clear > 0 and made / clear > 2 * top else None


def wrong_degrees(sight: Sight, quantity: str) -> list[Finding]:
    """Return the times in which a thermometer of the weather point makes sense only in another unit."""
    series = sight.weather.get(quantity)
    if series is None:
        return []
    module = quantity == "temp_module_c"
    # By night modules are an air thermometer too; by day their light would have to be known.
    known = series.known & (series.coverage >= 0.5) & (~sight.sky.up if module else sight.sky.up)  # noqa: PLR2004 - half a slot
    count = sight.sums(np.ones(sight.grid.size), known)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count >= FEWEST, sight.sums(series.value, known) / count, np.nan)
        warm = sight.sky.typical_air_c - (NIGHT_FALL_K if module else 0.0)
        typical = np.where(count >= FEWEST, sight.sums(warm, known) / count, np.nan)
    far = np.abs(mean - typical) > FAR_K
    found = []
    for first, last in joined((sight.grid.days[n] for n in np.flatnonzero(far)), APART_DAYS):
        begin, end = (sight.grid.days.index(d) for d in (first, last))
        days = np.arange(begin, end + 1)[np.isfinite(mean[begin : end + 1])]
        if len(days) < DAYS * 2:
            continue
        best = _undone(sight, quantity, mean, typical, days)
        if best is None:
            continue
        shown = days[:MOST_SHOWN]
        right = UNDO[best](mean)
        picture = Picture(
            "trend",
            "°C",
            tuple(sight.grid.days[n].isoformat() for n in shown),
            tuple(float(mean[n]) for n in shown),
            tuple(float(right[n]) for n in shown),
            0,
            len(shown),
            {"what": f"{quantity}: {best}"},
        )
        found.append(_said(sight, sight.under, begin, end, picture, ""))
    return found


def _undone(
    sight: Sight, quantity: str, mean: Floats, typical: Floats, days: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> str | None:
    """Return what must have been done to the values, where undoing it brings them to what the place and the modules say."""
    misses = {name: np.abs(undo(mean[days]) - typical[days]) for name, undo in UNDO.items()}
    name = min(misses, key=lambda k: float(np.median(misses[k])))
    still = float(np.median(np.abs(mean[days] - typical[days])))
    if np.mean(misses[name] < NEAR_K) < FITTING or still < NO_WEATHER_K:
        return None
    other = sight.weather.get("temp_module_c")
    if quantity == "temp_air_c" and other is not None:
        lit = sight.bright_sky & other.known & np.isfinite(sight.weather[quantity].value)
        air = UNDO[name](sight.weather[quantity].value[lit])
        # Both sensors of one logger are often in the same wrong unit.
        rises = [float(np.median(module - air)) for module in (other.value[lit], UNDO[name](other.value[lit]))]
        if lit.any() and not any(RISE_K[0] < rise < RISE_K[1] for rise in rises):
            return None
    return name


def _said(
    sight: Sight, entity: str, begin: int, end: int, picture: Picture, rung: str, *, over: bool | None = None
) -> Finding:
    days = sight.grid.days
    if over is None:  # where a day may look right by chance
        over = end < len(days) - APART_DAYS
    return Finding(
        entity=entity,
        code=Fault.UNITS,
        start=day_bounds(days[begin], sight.zone)[0],
        end=day_bounds(days[end], sight.zone)[1] if over else None,
        days={},
        low_kwh=0.0,
        high_kwh=0.0,
        confidence=0.95,
        rung=rung,
        picture=picture,
    )
