"""What a day, a month or a year will come to: PV, load, net balance and self-sufficiency as P10, P50 and P90.

Paths of the days still open are drawn, seeded, from the park's own days: blocks of consecutive past days with their
clearness, their temperature and what their consumption was of its baseline, so that spells of weather stay together
(block bootstrap, Künsch 1989). Where a weather service foretells a day, its clearness takes the place of the drawn one,
with the error such forecasts had. What is measured of the period stands.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from core.quantities import Scope
from core.statements import Json
from models import demand, past, plan
from models.own_days import RATIO_BOUNDS, Pool, cloudless_kwh, course, own_use, pool_of, saturation
from models.plan import Known
from models.series import Floats, Ints

__all__ = ["Foretold", "Pool", "Ways", "body", "cloudless_kwh", "course", "drawn", "own_use", "pool_of", "saturation"]

VERSION = "outlook-2"
PATHS = 400
BLOCK_DAYS = 3
MIN_POOL = 14
LEVELS = (0.1, 0.5, 0.9)
NEIGHBOUR = 0.2  # clearness: how near a past day's eve has to be to yesterday to be drawn often for tomorrow
FAR = 0.2  # how often one unlike it is drawn
NEIGHBOURS = 4  # days on either side that are like it in how much PV there was for the consumption
SEASON_RISK = 0.10  # by how much a level of PV moves in a month where nothing else is known, standard deviation
LOAD_RISK = 0.05  # the same of consumption over its course
RISK_MONTHS = 4  # months of the park's own count as much as these two
RISK_DAYS = 30  # in so many days they are reached, growing as a random walk does; no further
WALK_SHARE = 2 / 3  # variance of neighbouring months' means over a month's of the random walk they are means of
HALF_LIFE_DAYS = 30.0  # the last weeks count for less the older they are: seasons move, faults come and go
FORECAST_ERROR = 0.12  # of clearness, standard deviation for the day itself, until the service's own errors are known
FORECAST_GROWTH = 0.02  # per day ahead
MIN_ERRORS = 14
WHOLE_FORECAST = 0.9  # of a day a forecast covers
BLOCKS_DAYS = 2  # consumption drifts for days: its mean is known as from half as many of them


@dataclass(frozen=True)
class Foretold:
    """What a weather service says of days to come: clearness as share of a cloudless day's energy, air in degrees C."""

    service: str
    clearness: Mapping[date, float]
    temp_air_c: Mapping[date, float] = field(default_factory=dict)
    error: float = FORECAST_ERROR  # standard deviation of clearness for the first day


@dataclass(frozen=True)
class Ways:
    """Drawn paths: kWh per path and day."""

    generation: Floats
    load: Floats
    own: Floats  # PV used on the spot


def body(k: Known, days: Sequence[date], today: date, foretold: Foretold | None = None) -> dict[str, Json]:
    """Return the outlook for `days` as known at the beginning of `today`, or why there is none.

    Quantiles are of the sums over the period: what is measured of it and what is drawn of the rest.
    """
    seen = k.past.seen
    made = k.past.whole(Scope.PARK, k.park.id, "generation_kwh")
    used = k.past.whole(Scope.PARK, k.park.id, "load_kwh")
    own = k.past.whole(Scope.PARK, k.park.id, "self_consumed_kwh")
    known = {d for d, g, u in zip(seen, made, used, strict=True) if np.isfinite(g) and np.isfinite(u)}
    since = min(known, default=today)
    counted = [d for d in days if d >= since]
    done = [d for d in counted if d in known]
    still = [d for d in counted if d not in known]
    told: dict[str, Json] = {
        "since": counted[0].isoformat() if counted else None,
        "days": len(counted),
        "open_days": len(still),
        "known_until": last.isoformat() if (last := k.past.last_known()) else None,
    }
    pool = pool_of(k)
    if int(pool.usable.sum()) < MIN_POOL:
        return {"refused": "too_few_days", **told}
    at = {d: n for n, d in enumerate(seen)}
    places = np.array([at[d] for d in done], dtype=np.int64)
    ways = drawn(k, pool, still, today, foretold)
    g = made[places].sum() + ways.generation.sum(axis=1)
    load = used[places].sum() + ways.load.sum(axis=1)
    measured = np.isfinite(own[places])
    taken = np.where(measured, own[places], own_use(made[places], used[places], pool.limit))
    self_used = taken.sum() + ways.own.sum(axis=1)
    net = g - load
    ratio = self_used / np.maximum(load, 1e-9)
    served = [d for d in still if foretold is not None and d in foretold.clearness]
    _, weather = past.pool(seen, pool.share, still[0] if still else today)
    return told | {
        "generation_kwh": _quantiles(g, 1),
        "load_kwh": _quantiles(load, 1),
        "net_balance_kwh": _quantiles(net, 1),
        "self_sufficiency": _quantiles(np.minimum(ratio, 1.0), 4),
        "miss_probability": round(float(np.mean(net < 0)), 3),
        "basis": f"forecast:{foretold.service}" if foretold and served else "climatology",
        "weather": weather,
        "pool_days": int(pool.usable.sum()),
        "to_date": {
            "days": len(done),
            "generation_kwh": round(float(made[places].sum()), 1),
            "load_kwh": round(float(used[places].sum()), 1),
        },
        "foretold": {d.isoformat(): round(foretold.clearness[d], 3) for d in served} if foretold else {},
        "paths": PATHS,
    }


def drawn(k: Known, pool: Pool, days: Sequence[date], today: date, foretold: Foretold | None = None) -> Ways:
    """Return paths of generation and load of the days still open, at the beginning of `today`."""
    if not days:
        return Ways(*(np.zeros((PATHS, 0)) for _ in range(3)))
    # Seeded by park and day: an outlook that anyone can repeat.
    rng = np.random.default_rng(zlib.crc32(f"{k.park.id}:{today.isoformat()}".encode()))
    origins = _origins(k, pool, days, today, rng)
    ahead = np.array([max((d - today).days, 0) for d in days], dtype=float)
    season = SEASON_RISK if past.pool(k.past.seen, pool.share, today)[1] != "own_years" else 0.0
    recent = np.where(pool.usable, _recency(k.past.seen, today), 0.0)
    chosen = recent * past.pool(k.past.seen, np.where(pool.usable, pool.share, np.nan), days[0])[0]
    weights = chosen if np.count_nonzero(chosen) >= MIN_POOL / 2 else recent
    share = pool.share[origins] * _risk(pool.share, pool.level, weights, ahead, season, rng)
    normal, _ = plan.normal_air(k, days)
    air = normal[None, :] + pool.air[origins]
    if foretold is not None:
        share, air = _served(share, air, days, ahead, foretold, rng)
    cloudless = cloudless_kwh(k, days)
    ratio = pool.ratio[origins] * _risk(pool.ratio, pool.ratio, weights, ahead, LOAD_RISK, rng)
    load = course(k, days, air) * np.clip(ratio, *RATIO_BOUNDS)
    now, spread = pool.given
    made = np.clip(share * (now + spread * rng.normal(size=share.shape)), 0.0, None) * cloudless[None, :]
    own = np.minimum(own_use(made, load, pool.limit) * _own_like(pool, made, load, rng), np.minimum(made, load))
    return Ways(made, load, own)


def _own_like(pool: Pool, made: Floats, load: Floats, rng: np.random.Generator) -> Floats:
    """Return how own use was against its curve on one of the past days with about as much PV for their consumption."""
    past_days = np.flatnonzero(pool.usable)
    order = past_days[np.argsort(pool.plenty[past_days])]
    at = np.searchsorted(pool.plenty[order], made / np.maximum(load, demand.MIN_KWH))
    near = np.clip(at + rng.integers(-NEIGHBOURS, NEIGHBOURS + 1, size=at.shape), 0, len(order) - 1)
    return np.asarray(pool.own[order[near]])


def _served(
    share: Floats, air: Floats, days: Sequence[date], ahead: Floats, foretold: Foretold, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draw every path towards what a service foretells, by how far each of the two can be trusted.

    With the variance c of the draw and f of the service's error, ``s + c / (c + f) (forecast + error - s)``: the update
    of an ensemble by an observation (Evensen 1994). Far ahead, or where the sky hardly varies, little is left of it.
    """
    share, air = share.copy(), air.copy()
    for n, day in enumerate(days):
        if day in foretold.temp_air_c:
            air[:, n] = foretold.temp_air_c[day] + rng.normal(0, 1.0 + 0.2 * ahead[n], len(air))
        if day in foretold.clearness:
            error = foretold.error + FORECAST_GROWTH * ahead[n]
            variance = float(np.var(share[:, n]))
            said = foretold.clearness[day] + rng.normal(0, error, len(share))
            share[:, n] += variance / (variance + error**2) * (said - share[:, n])
    return np.clip(share, 0.02, None), air


def _risk(
    values: Floats, level: Floats, weights: Floats, ahead: Floats, most: float, rng: np.random.Generator
) -> Floats:
    """Return a factor per path and day for what the pool does not know: its own mean, and where the level goes.

    The mean is known as from so many days as the weights come to (Kish 1965), of which those that follow each other are
    alike. The level walks at random away from the days that were drawn, not from today. How fast is known from a few
    months at best, hence Student's t.
    """
    drawn_from = weights > 0
    mean = max(float(np.average(values[drawn_from], weights=weights[drawn_from])), 1e-9)
    spread = float(np.sqrt(np.average((values[drawn_from] - mean) ** 2, weights=weights[drawn_from]))) / mean
    size = float(weights.sum()) ** 2 / float(np.sum(weights**2))
    own = spread / np.sqrt(max(size / BLOCKS_DAYS, 1.0))
    pace, months = walk(level, most)
    lag = np.minimum(ahead, RISK_DAYS) + lag_days(weights)
    one, other = rng.normal(size=(PATHS, 1)), rng.standard_t(months, size=(PATHS, 1))
    return np.asarray(np.clip(np.exp(own * one + pace * np.sqrt(lag / RISK_DAYS)[None, :] * other), *RATIO_BOUNDS))


def walk(level: Floats, most: float) -> tuple[float, int]:
    """Return by how much a level moves in a month, as a standard deviation, and from how many months that is known.

    By the means of the park's own months, each against the one before; what days that vary about one level would make
    of these is taken off. `most` counts as some months more; 0 says that the level is known from other years.
    """
    count = len(level) // RISK_DAYS
    if most <= 0 or not count:
        return most, RISK_MONTHS
    months = level[len(level) - count * RISK_DAYS :].reshape(count, RISK_DAYS)
    months = months[np.isfinite(months).sum(axis=1) >= RISK_DAYS / 2]
    means = np.nanmean(months, axis=1) if len(months) else np.zeros(0)
    if len(means) < 2 or (means <= 0).any():  # noqa: PLR2004 - one month moves nowhere
        return most, RISK_MONTHS
    moved = np.diff(np.log(means)) ** 2
    sampled = (np.nanstd(months, axis=1) / means) ** 2 * BLOCKS_DAYS / np.isfinite(months).sum(axis=1)
    own = max(float(np.mean(moved - sampled[1:] - sampled[:-1])) / WALK_SHARE, 0.0)
    known = len(moved) + RISK_MONTHS
    return float(np.sqrt((own * len(moved) + most**2 * RISK_MONTHS) / known)), known


def lag_days(weights: Floats) -> float:
    """Return how long a random walk would take to be as far from its weighted past mean as it is today, in days."""
    older = np.cumsum(weights) / weights.sum()
    return float(np.sum(older[:-1] ** 2))


def _origins(k: Known, pool: Pool, days: Sequence[date], today: date, rng: np.random.Generator) -> Ints:
    """Return for every path and open day the past day it is drawn from, in blocks of consecutive days."""
    seen, usable = k.past.seen, pool.usable
    share = np.where(usable, pool.share, np.nan)
    longest = np.array([usable[n : n + BLOCK_DAYS].all() and n + BLOCK_DAYS <= len(usable) for n in range(len(usable))])
    origins = np.zeros((PATHS, len(days)), dtype=np.int64)
    for first in range(0, len(days), BLOCK_DAYS):
        length = min(BLOCK_DAYS, len(days) - first)
        chosen, _ = past.pool(seen, share, days[first])
        weights = np.where(longest, chosen * _recency(seen, today), 0.0)
        if np.count_nonzero(weights) < MIN_POOL / 2:
            weights = usable.astype(float)
        if first == 0 and days[0] <= today:
            weights = weights * _eve(pool, seen, today)
        weights = weights / weights.sum()
        starts = rng.choice(len(seen), size=PATHS, p=weights)
        block = np.minimum(starts[:, None] + np.arange(length)[None, :], len(seen) - 1)
        origins[:, first : first + length] = np.where(usable[block], block, starts[:, None])
    return origins


def _recency(seen: Sequence[date], today: date) -> Floats:
    """Return weights that halve with every month of the last year; earlier years all count alike."""
    age = np.array([(today - d).days for d in seen], dtype=float)
    return np.where(age < past.EARLIER_DAYS, 0.5 ** (age / HALF_LIFE_DAYS), 1.0)


def _eve(pool: Pool, seen: Sequence[date], today: date) -> Floats:
    """Return how much the day before each past day was like yesterday; 1 throughout where that is not known."""
    if not seen or (today - seen[-1]).days != 1 or not pool.usable[-1]:
        return np.ones(len(seen))
    before = np.concatenate([[np.nan], np.where(pool.usable, pool.share, np.nan)[:-1]])
    near = np.exp(-(((before - pool.share[-1]) / NEIGHBOUR) ** 2) / 2)
    return np.where(np.isfinite(near), near, 0.0) + FAR


def _quantiles(values: Floats, digits: int) -> list[Json]:
    return [round(float(v), digits) for v in np.quantile(values, LEVELS)]


def forecast_error(k: Known, said: Sequence[Mapping[str, Json]]) -> float:
    """Return the standard deviation of clearness that was foretold for days since measured; a default while too few."""
    pool = pool_of(k)
    actual = {d: s for d, s, u in zip(k.past.seen, pool.share, pool.usable, strict=True) if u}
    away = []
    for one in said:
        foretold = one.get("foretold")
        for day, share in (foretold if isinstance(foretold, dict) else {}).items():
            at = date.fromisoformat(day)
            if at in actual and isinstance(share, int | float):
                away.append(actual[at] - share)
    return float(np.sqrt(np.mean(np.square(away)))) if len(away) >= MIN_ERRORS else FORECAST_ERROR
