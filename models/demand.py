r"""How much a load uses in a day by class of day, outdoor temperature and darkness: the baseline consumption is held against.

Change-point regression (ASHRAE Guideline 14-2014, annex D; IPMVP option C; Kissock et al., ASHRAE RP-1050):

.. math:: E_d = L_{g(d)} (+|\cdot) [h\,(T_h - T_d)^+ + c\,(T_d - T_c)^+]

with a level L per group of day classes, slopes h, c >= 0 and balance points T_h <= T_c found on a grid; temperature
adds kWh (form `added`) or a share of the level (form `share`, for a closed building heats less). Street lamps and the
like follow the sun: kWh per hour of darkness take the place of temperature where the days show it. Of all
forms the one with the least Bayesian information criterion is taken. What cannot be learned is refused with a code, never guessed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from core.holidays import DAY_CLASSES, HOLIDAY, MAKEUP, WEEKDAYS, WORKDAYS
from core.statements import Json, number
from models.series import Bools, Floats, Ints
from models.sky import night_hours

VERSION = "demand-2"
MIN_DAYS = 28  # every weekday four times
WINDOW_DAYS = 365  # older days speak of another use
MIN_WORKDAYS = 10
MIN_SEEN = 2  # a weekday met less often has no level of its own
MIN_RANGE_K = 0.5  # a thermometer that varies less in four weeks does not measure
MIN_NIGHT_RANGE_H = 0.5  # a fortnight away from the solstices at middle latitudes
FOLLOWS = (0.5, 2.0)  # of the mean use per hour of darkness: half of it may burn by day, or be dimmed late at night
MAX_CV_RMSE = 0.30  # ASHRAE Guideline 14: the bound for hourly models; a daily one has to be better than that
MIN_KWH = 0.05  # a day; below it there is nothing to model
STEP_K = 1.0  # of the grid of balance points
HEATING_C, COOLING_C = (4.0, 20.0), (14.0, 30.0)  # where balance points are looked for
FLAT = 1e-6  # squared degrees; less is no variation beside the design
MIN_SIDE = 7  # days on the sloped side of a balance point
BETTER = 2.0  # of BIC, for one more parameter to be believed ("positive", Kass and Raftery 1995)
CHANGED = 10.0  # of BIC, for a change of use or a load that follows darkness to be believed ("very strong")
OUTLIER = 5.0  # robust standard deviations
MAX_OUTLIERS = 0.05
SPLIT_EVERY = 3
MIN_SEGMENT = 14
MIN_STEP = 0.10  # of the mean; a smaller change of level is no change of use


@dataclass(frozen=True)
class Daily:
    """Days a baseline learns from, oldest first: kWh of the day, mean outdoor temperature in degrees C (NaN: unknown)."""

    days: Sequence[date]
    kwh: Floats
    temp_air_c: Floats
    day_class: Sequence[str]
    latitude: float | None = None  # where lamps may be learned from the length of the night

    def where(self, chosen: Bools) -> Daily:
        """Return some of the days."""
        at = np.flatnonzero(chosen).tolist()
        days, classes = [self.days[i] for i in at], [self.day_class[i] for i in at]
        return Daily(days, self.kwh[chosen], self.temp_air_c[chosen], classes, self.latitude)

    @property
    def dark(self) -> Floats | None:
        """Hours of darkness beyond the mean of these days; None where they are too much alike to learn from."""
        if self.latitude is None or not len(self.days):
            return None
        hours = _night(self.latitude, self.days)
        return hours - hours.mean() if float(np.ptp(hours)) >= MIN_NIGHT_RANGE_H else None


@dataclass(frozen=True)
class _Fit:
    """A temperature part: balance points in degrees C, slopes per K, the squares left and the parameters spent."""

    heating_c: float | None
    cooling_c: float | None
    heating: float
    cooling: float
    squares: float
    spent: int


def baseline(daily: Daily) -> dict[str, Json]:
    """Return the body of a baseline: a model of kWh per day, or why there is none (`refused`).

    ``CV(RMSE) = sqrt(sum(e^2) / (n - p)) / mean``, ``NMBE = sum(e) / ((n - p) mean)`` (ASHRAE Guideline 14), on the days
    learned from. A use that changed within the days is learned from the change on.
    """
    daily = daily.where(np.isfinite(daily.kwh))
    refusal = insufficient(daily)
    if refusal:
        return {"refused": refusal, **_span(daily)}
    daily = daily.where(np.isfinite(daily.temp_air_c))
    refusal = insufficient(daily)
    if refusal:  # the thermometer may have slept on every Sunday
        return {"refused": refusal, **_span(daily)}
    changed = change_of_use(daily)
    if changed is None:
        return _model(daily)
    later = daily.where(np.array([d >= changed for d in daily.days]))
    told: dict[str, Json] = {"changed_on": changed.isoformat()}
    if insufficient(later):
        return {"refused": "change_of_use", **told, **_span(daily)}
    return _model(later) | told


def insufficient(daily: Daily) -> str:
    """Return why these days are too few or too much alike to learn from; "" where they suffice."""
    warm = daily.temp_air_c[np.isfinite(daily.temp_air_c)]
    at_work = [c for c in daily.day_class if c in WORKDAYS]
    if len(daily.days) < MIN_DAYS:
        return "too_few_days"
    if float(np.mean(daily.kwh)) < MIN_KWH:
        return "no_consumption"
    if len(warm) < MIN_DAYS:
        return "no_temperature"
    if float(np.ptp(warm)) < MIN_RANGE_K:
        return "constant_temperature"
    if len(at_work) < MIN_WORKDAYS or len(set(daily.day_class) & set(WEEKDAYS)) < len(WEEKDAYS):
        return "too_few_workdays"
    return ""


def predict(
    body: Mapping[str, Json], temp_air_c: Floats, day_class: Sequence[str], days: Sequence[date] = ()
) -> Floats:
    """Return kWh per day by a baseline's body. What is unknown, temperature or day, counts as the mean learned from."""
    groups = _mapping(body["day_classes"])
    levels = _mapping(body["levels"])
    base = np.array([number(levels[str(groups[c])]) for c in day_class])
    air = np.asarray(temp_air_c, dtype=float)
    air = np.where(np.isfinite(air), air, number(body["temp_mean_c"]))
    rise = np.zeros(len(air))
    if body["heating_c"] is not None:
        rise += number(body["heating"]) * np.maximum(number(body["heating_c"]) - air, 0.0)
    if body["cooling_c"] is not None:
        rise += number(body["cooling"]) * np.maximum(air - number(body["cooling_c"]), 0.0)
    if "night" in body and len(days):
        night = _mapping(body["night"])
        longer = _night(number(night["latitude"]), days) - number(night["mean_h"])
        base = base + number(night["kwh_per_h"]) * longer
    used: Floats = base * (1.0 + rise) if body["form"] == "share" else base + rise
    return np.maximum(used, 0.0)


def change_of_use(daily: Daily) -> date | None:
    """Return the first day of another use: a step of the level that neither temperature, calendar nor a trend explains.

    The step with the least squares left is believed if it beats both no change and a steady drift by BIC, and if it is
    larger than a tenth of the mean.
    """
    size = len(daily.days)
    if size < 2 * MIN_SEGMENT:
        return None
    groups, _ = _groups(daily, "week")
    dummies = _with_night(daily, _dummies(groups))
    rises = _rises(daily.temp_air_c)
    plain = _bic(_best(daily.kwh, dummies, rises), size, dummies.shape[1])
    drift = np.column_stack([dummies, np.linspace(0.0, 1.0, size)])
    rivals = min(plain, _bic(_best(daily.kwh, drift, rises), size, drift.shape[1]))
    found: tuple[float, int] | None = None
    for split in range(MIN_SEGMENT, size - MIN_SEGMENT + 1, SPLIT_EVERY):
        value = _bic(_best(daily.kwh, _stepped(dummies, split), rises), size, drift.shape[1] + 1)
        if found is None or value < found[0]:
            found = (value, split)
    if found is None or found[0] > rivals - CHANGED:
        return None
    near = range(max(MIN_SEGMENT, found[1] - SPLIT_EVERY + 1), min(size - MIN_SEGMENT, found[1] + SPLIT_EVERY - 1) + 1)
    split = min(near, key=lambda n: _best(daily.kwh, _stepped(dummies, n), rises).squares)
    design = _stepped(dummies, split)
    fit = _best(daily.kwh, design, rises)
    left = daily.kwh - _rise(fit, daily.temp_air_c)
    step = float(np.linalg.lstsq(design, left, rcond=None)[0][-1])
    return daily.days[split] if abs(step) > MIN_STEP * float(np.mean(daily.kwh)) else None


def _model(daily: Daily) -> dict[str, Json]:
    """Fit every form and return the best as a body; days far off are left out once and counted."""
    body, left = _fitted(daily)
    spread = 1.4826 * float(np.median(np.abs(left - np.median(left))))
    usual = np.abs(left - np.median(left)) <= OUTLIER * max(spread, 1e-9)
    if spread > 0 and 0 < np.sum(~usual) <= MAX_OUTLIERS * len(left) and not insufficient(daily.where(usual)):
        kept = daily.where(usual)
        body, left = _fitted(kept)
    else:
        usual = np.ones(len(left), dtype=bool)
        kept = daily
    if float(number(body["cv_rmse"])) > MAX_CV_RMSE:
        return {"refused": "poor_fit", "cv_rmse": body["cv_rmse"], "nmbe": body["nmbe"], **_span(kept)}
    return body | {"left_out": [d.isoformat() for d, u in zip(daily.days, usual, strict=True) if not u]}


def _fitted(daily: Daily) -> tuple[dict[str, Json], Floats]:
    """Return the best form as a body and what it leaves, in kWh."""
    size = len(daily.days)
    candidates: list[tuple[float, dict[str, Json], Floats]] = []
    for calendar in ("none", "work", "busy", "week"):
        groups, names = _groups(daily, calendar)
        dummies = _dummies(groups)
        rises = _rises(daily.temp_air_c)
        for form in ("added", "share", "night"):
            base = dummies if form != "night" else _and_night(daily, dummies)
            weights = (dummies @ _levels(daily.kwh, dummies)) if form == "share" else np.ones(size)
            if base is None or np.any(weights < MIN_KWH):
                continue
            fit = _unwarmed() if form == "night" else _best(daily.kwh, base, rises * weights[:, None])
            factor = _rise(fit, daily.temp_air_c)
            design = base * (1.0 + factor)[:, None] if form == "share" else base
            target = daily.kwh if form == "share" else daily.kwh - factor
            levels = _levels(target, design)
            if form == "night" and not _follows(daily, float(levels[-1])):
                continue
            left = target - design @ levels
            parameters = base.shape[1] + fit.spent
            value = _bic_of(float(left @ left), size, parameters) + (CHANGED if form == "night" else 0.0)
            body = _body(daily, fit, form, calendar, names, levels, left, parameters)
            candidates.append((value + BETTER * parameters, body, left))
    _, body, left = min(candidates, key=lambda c: c[0])
    return body, left


def _body(
    daily: Daily,
    fit: _Fit,
    form: str,
    calendar: str,
    names: Mapping[str, str],
    levels: Floats,
    left: Floats,
    parameters: int,
) -> dict[str, Json]:
    mean, free = float(np.mean(daily.kwh)), max(len(daily.days) - parameters, 1)
    order = sorted({names[c] for c in daily.day_class})
    seen = {c: daily.day_class.count(c) for c in DAY_CLASSES}
    levels, night = (levels[:-1], float(levels[-1])) if form == "night" else (levels, None)
    shape = {(False, False): "none", (True, False): "heating", (False, True): "cooling", (True, True): "both"}
    return {
        "model": f"{shape[fit.heating_c is not None, fit.cooling_c is not None]}/{calendar}/{form}",
        "form": "share" if form == "share" else "added",
        "levels": {name: round(float(level), 4) for name, level in zip(order, levels, strict=True)},
        "day_classes": dict(names),
        "assumed": [c for c in (HOLIDAY, MAKEUP) if seen[c] < MIN_SEEN],
        "heating_c": fit.heating_c,
        "cooling_c": fit.cooling_c,
        "heating": round(fit.heating, 6),
        "cooling": round(fit.cooling, 6),
        "cv_rmse": round(math.sqrt(float(left @ left) / free) / mean, 4),
        "nmbe": round(float(left.sum()) / (free * mean), 6),
        "temp_mean_c": round(float(np.mean(daily.temp_air_c)), 2),
        "temp_low_c": round(float(np.min(daily.temp_air_c)), 2),
        "temp_high_c": round(float(np.max(daily.temp_air_c)), 2),
        **({"night": _night_part(daily, night)} if night is not None else {}),
        **_span(daily),
    }


def _night_part(daily: Daily, kwh_per_h: float) -> dict[str, Json]:
    latitude = daily.latitude or 0.0
    hours = _night(latitude, daily.days)
    return {"kwh_per_h": round(kwh_per_h, 6), "mean_h": round(float(hours.mean()), 6), "latitude": latitude}


def _follows(daily: Daily, kwh_per_h: float) -> bool:
    """Say whether so much per hour of darkness is what a load that is on by night can use: about its energy over its nights.

    Anything else is another course of the year that the night happens to be like.
    """
    nightly = float(np.mean(daily.kwh)) / float(_night(daily.latitude or 0.0, daily.days).mean())
    return FOLLOWS[0] * nightly <= kwh_per_h <= FOLLOWS[1] * nightly


def _night(latitude: float, days: Sequence[date]) -> Floats:
    return night_hours(latitude, np.array([d.timetuple().tm_yday for d in days], dtype=float))


def _and_night(daily: Daily, dummies: Floats) -> Floats | None:
    dark = daily.dark
    return None if dark is None else np.column_stack([dummies, dark])


def _unwarmed() -> _Fit:
    """Return the temperature part of lamps: none. Beside a slope over temperature the night would only mend its shape."""
    return _Fit(None, None, 0.0, 0.0, 0.0, 0)


def _with_night(daily: Daily, dummies: Floats) -> Floats:
    """Return the calendar's columns, with darkness beside them where the load follows that instead of the temperature."""
    both, size = _and_night(daily, dummies), len(daily.days)
    if both is None:
        return dummies
    levels = _levels(daily.kwh, both)
    left = daily.kwh - both @ levels
    warm = _bic(_best(daily.kwh, dummies, _rises(daily.temp_air_c)), size, dummies.shape[1])
    better = _bic_of(float(left @ left), size, both.shape[1]) + CHANGED < warm
    return both if better and _follows(daily, float(levels[-1])) else dummies


def _span(daily: Daily) -> dict[str, Json]:
    first, last = (daily.days[0].isoformat(), daily.days[-1].isoformat()) if len(daily.days) else (None, None)
    return {"days": len(daily.days), "first_day": first, "last_day": last}


def _groups(daily: Daily, calendar: str) -> tuple[Ints, dict[str, str]]:
    """Return a group number per day, in the order of the groups' names, and the group of every class.

    `none`: all days alike. `work`: Monday to Friday against the rest. `busy`: the weekdays parted where their means lie
    furthest apart, for who closes on other days. `week`: every class for itself.
    """
    day_class = daily.day_class
    seen = {c: sum(d == c for d in day_class) for c in DAY_CLASSES}
    if calendar == "none":
        names = dict.fromkeys(DAY_CLASSES, "all")
    elif calendar == "work":
        names = {c: "work" if c in (*WORKDAYS, MAKEUP) else "off" for c in DAY_CLASSES}
    elif calendar == "busy":
        names = _busy(daily, seen)
    else:
        names = {c: c for c in WEEKDAYS}
        # A park that never saw a holiday is taken to keep it like a Sunday, a make-up workday like a Friday.
        names[HOLIDAY] = HOLIDAY if seen[HOLIDAY] >= MIN_SEEN else "sun"
        names[MAKEUP] = MAKEUP if seen[MAKEUP] >= MIN_SEEN else "fri"
    order = sorted({names[c] for c in day_class})
    number = {name: n for n, name in enumerate(order)}
    return np.array([number[names[c]] for c in day_class], dtype=np.int64), names


def _busy(daily: Daily, seen: Mapping[str, int]) -> dict[str, str]:
    classes = np.array(daily.day_class)
    means = {c: float(np.mean(daily.kwh[classes == c])) for c in DAY_CLASSES if seen[c] >= MIN_SEEN or c in WEEKDAYS}
    order = sorted(means, key=lambda c: means[c])
    gaps = [means[later] - means[sooner] for sooner, later in itertools.pairwise(order)]
    at = int(np.argmax(gaps)) + 1
    names = {c: "quiet" if c in order[:at] else "busy" for c in order}
    return {HOLIDAY: names["sun"], MAKEUP: names["fri"]} | names


def _dummies(groups: Ints) -> Floats:
    return np.asarray(groups[:, None] == np.arange(int(groups.max()) + 1)[None, :], dtype=float)


def _stepped(dummies: Floats, split: int) -> Floats:
    return np.column_stack([dummies, np.asarray(np.arange(len(dummies)) >= split, dtype=float)])


def _levels(target: Floats, design: Floats) -> Floats:
    return np.asarray(np.linalg.lstsq(design, target, rcond=None)[0], dtype=float)


def _points(bounds: tuple[float, float]) -> Floats:
    points: Floats = np.arange(bounds[0], bounds[1] + STEP_K / 2, STEP_K)
    return points


def _rises(temp: Floats) -> Floats:
    """Return a column of degree days per balance point: first heating, then cooling."""
    heat = np.maximum(_points(HEATING_C)[None, :] - temp[:, None], 0.0)
    cool = np.maximum(temp[:, None] - _points(COOLING_C)[None, :], 0.0)
    return np.column_stack([heat, cool])


def _rise(fit: _Fit, temp: Floats) -> Floats:
    rise = np.zeros(len(temp))
    if fit.heating_c is not None:
        rise += fit.heating * np.maximum(fit.heating_c - temp, 0.0)
    if fit.cooling_c is not None:
        rise += fit.cooling * np.maximum(temp - fit.cooling_c, 0.0)
    return rise


def _best(kwh: Floats, design: Floats, rises: Floats) -> _Fit:
    """Return the temperature part that leaves least by BIC beside `design`; slopes below zero are no physics.

    Frisch-Waugh-Lovell: what `design` explains is taken out of energy and degree days alike, so that every balance
    point and every pair of them needs no more than a division.
    """
    basis, _ = np.linalg.qr(design)
    y = kwh - basis @ (basis.T @ kwh)
    x = rises - basis @ (basis.T @ rises)
    size, total = len(kwh), float(y @ y)
    enough = (np.sum(rises > 0, axis=0) >= MIN_SIDE) & (np.sum(x * x, axis=0) > FLAT)
    half = len(_points(HEATING_C))
    squares, products = np.sum(x * x, axis=0), x.T @ y
    found = [_Fit(None, None, 0.0, 0.0, total, 0)]
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(enough, products / squares, -1.0)
    gain = np.where(slope > 0, slope * products, 0.0)
    heat, cool = int(np.argmax(gain[:half])), half + int(np.argmax(gain[half:]))
    heats, cools = _points(HEATING_C), _points(COOLING_C)
    if gain[heat] > 0:
        found.append(_Fit(float(heats[heat]), None, float(slope[heat]), 0.0, total - float(gain[heat]), 2))
    if gain[cool] > 0:
        found.append(_Fit(None, float(cools[cool - half]), 0.0, float(slope[cool]), total - float(gain[cool]), 2))
    found += _both(x, y, enough, total)
    return min(found, key=lambda f: _bic_of(f.squares, size, f.spent) + BETTER * f.spent)


def _both(x: Floats, y: Floats, enough: Bools, total: float) -> Iterable[_Fit]:
    """Yield the best pair of a heating and a cooling balance point."""
    heats, cools = _points(HEATING_C), _points(COOLING_C)
    half = len(heats)
    a, b = x[:, :half], x[:, half:]
    aa, bb, ab = np.sum(a * a, axis=0)[:, None], np.sum(b * b, axis=0)[None, :], a.T @ b
    ay, by = (a.T @ y)[:, None], (b.T @ y)[None, :]
    det = aa * bb - ab**2
    with np.errstate(divide="ignore", invalid="ignore"):
        heating, cooling = (ay * bb - by * ab) / det, (by * aa - ay * ab) / det
    allowed = enough[:half, None] & enough[None, half:] & (heats[:, None] <= cools[None, :]) & (det > 1e-6 * aa * bb)
    allowed &= (heating > 0) & (cooling > 0)
    if not allowed.any():
        return
    gain = np.where(allowed, heating * ay + cooling * by, -np.inf)
    i, j = np.unravel_index(int(np.argmax(gain)), gain.shape)
    slopes = float(heating[i, j]), float(cooling[i, j])
    yield _Fit(float(heats[i]), float(cools[j]), *slopes, max(total - float(gain[i, j]), 0.0), 4)


def _bic(fit: _Fit, size: int, others: int) -> float:
    return _bic_of(fit.squares, size, fit.spent + others)


def _bic_of(squares: float, size: int, parameters: int) -> float:
    return size * math.log(max(squares, 1e-9) / size) + parameters * math.log(size)


def _mapping(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise TypeError("a baseline's body holds a mapping here")
    return value
