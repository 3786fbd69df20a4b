"""What buildings, lamps, poles and pumps draw: measured load shapes, the sun, and the weather."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.park import Park, Point
from service.demo import source_years
from service.demo.faults import Closure, ExtraLoad
from service.demo.noise import Floats, smooth
from service.demo.sky import Sky

COMFORT_C = (15.0, 23.0)  # no heating above, no cooling below
DUSK_ZENITH = 91.5  # degrees; street lamps switch here
DIMMED_HOURS = (0, 5)  # park time in which street lamps run at DIMMED_SHARE
DIMMED_SHARE = 0.6
USUAL_WEEKS = 4  # a usual day is the mean of the same weekday in so many weeks before and after
GENERIC_PEAK_SHARE = 0.45  # of a point's rating, where nothing better is known
GENERIC_RATING_KW = 50.0


@dataclass(frozen=True)
class Shape:
    """A load: `base_kw` always, `peak_kw` times a measured shape, more when it is hot or cold."""

    profile: str
    base_kw: float
    peak_kw: float
    cooling_per_k: float = 0.0
    heating_per_k: float = 0.0
    noise: float = 0.04
    lamps: bool = False
    week_shift_days: int = 0  # 2: closed on Monday and Tuesday instead of Saturday and Sunday


SHAPES = {
    "bldg-expo": Shape("G1-A", 7.0, 228.0, 0.022, 0.010, week_shift_days=2),
    "bldg-hub": Shape("G1-B", 4.0, 150.0, 0.025, 0.012),
    "bldg-lab": Shape("G0-M", 2.0, 36.0, 0.010, 0.006, 0.03),
    "street-lamps": Shape("G6-A", 0.05, 5.0, noise=0.005, lamps=True),
    "smart-poles": Shape("G6-A", 1.4, 1.0, noise=0.05),
    "lake-pumps": Shape("G0-A", 0.4, 11.0, noise=0.03),
}
GENERIC_PROFILES = ("G0-M", "G1-A", "G3-M", "G0-A", "G1-B", "G3-H")


def shape_of(point: Point, park: Park) -> Shape:
    """Return the shape of a load point: the demo park's own, or one of the measured shapes at its rating."""
    if point.id in SHAPES:
        return SHAPES[point.id]
    order = [p.id for p in park.by_role("load")].index(point.id)
    ratings = [d.rating_kw for d in point.devices if d.rating_kw]
    peak = GENERIC_PEAK_SHARE * (max(ratings) if ratings else GENERIC_RATING_KW)
    return Shape(GENERIC_PROFILES[order % len(GENERIC_PROFILES)], 0.05 * peak, peak, 0.015, 0.010)


def load_power_kw(
    point: Point,
    park: Park,
    sky: Sky,
    seed: int,
    first_minute: int,
    changes: Sequence[ExtraLoad | Closure] = (),
    *,
    usual: bool = False,
) -> Floats:
    """Return what a load draws in each minute, in kW; its `usual` draw is the mean of the weeks around."""
    own = [c for c in changes if c.point == point.id]
    return _drawn(point, park, sky, seed, first_minute, own, usual) + sum(
        (np.where(_during(c, sky), c.kw, 0.0) for c in own if isinstance(c, ExtraLoad)), np.zeros(len(sky.utc))
    )


def _drawn(
    point: Point, park: Park, sky: Sky, seed: int, first_minute: int, own: Sequence[ExtraLoad | Closure], usual: bool
) -> Floats:
    shape = shape_of(point, park)
    local = sky.utc.tz_convert(park.zone)
    noise = 1 + (0.0 if usual else shape.noise * smooth(seed, f"load-{point.id}", first_minute, len(sky.utc), 6))
    if shape.lamps:
        return np.maximum(shape.base_kw + shape.peak_kw * _lamp_share(sky, local) * noise, 0.0)
    shifted = local - pd.Timedelta(days=shape.week_shift_days)
    for closure in own:
        if isinstance(closure, Closure):
            back = np.where(_during(closure, sky), shifted.day_of_week.to_numpy() + 1, 0)
            shifted = shifted - pd.to_timedelta(back, unit="D")  # the Sunday before
    weeks = range(-USUAL_WEEKS, USUAL_WEEKS + 1) if usual else (0,)
    around = [source_years.profile(shape.profile, shifted + pd.Timedelta(weeks=n)) for n in weeks]
    draw = shape.base_kw + shape.peak_kw * np.asarray(sum(around[1:], around[0]) / len(around))
    cold, hot = COMFORT_C
    climate = (
        1
        + shape.cooling_per_k * np.maximum(sky.temp_air_c - hot, 0)
        + shape.heating_per_k * np.maximum(cold - sky.temp_air_c, 0)
    )
    return np.maximum(draw * climate * noise, 0.0)


def _during(change: ExtraLoad | Closure, sky: Sky) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray((sky.utc >= pd.Timestamp(change.start)) & (sky.utc < pd.Timestamp(change.end)))


def _lamp_share(sky: Sky, local: pd.DatetimeIndex) -> Floats:
    lit = (sky.zenith > DUSK_ZENITH).astype(np.float64)
    late = (local.hour >= DIMMED_HOURS[0]) & (local.hour < DIMMED_HOURS[1])
    return lit * np.where(late, DIMMED_SHARE, 1.0)
