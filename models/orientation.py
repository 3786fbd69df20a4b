"""Which way an array really faces, from its own energy: a wrong azimuth or tilt in PARK.yaml shows in the shape of days."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from core.park import Array, Park
from core.quality import Reason
from core.quantities import Period, Scope
from core.store import Store
from core.timebase import SLOT_HOURS, day_of
from models import pv, rows
from models.light import Gauges
from models.series import Bools, Floats, Grid, Ints, SlotSeries, bit, grid_of
from models.sky import Sky, sky_over

FEWEST_DAYS = 10
FEWEST_SLOTS = 200
CLEAR_SHARE = 0.2  # where nobody measures the light: of the days, those with the most energy
LIMITING = 0.95  # of the AC rating; above it the shape is the inverter's, not the sun's
LOW_SUN_DEG = 80.0  # of zenith; lower, neighbours and hills have their say
KEPT = 0.9  # of the slots; the worst are faults, snow, or a cloud over one of the two
FLAT_DEG = 5.0  # below it nobody can tell an azimuth
APART_DEG = 10.0  # between the planes' normals: less is within what this can tell
BETTER = 0.05  # of the RMSE, to be worth a word


@dataclass(frozen=True)
class Orientation:
    """What the energy says. `apart_deg` lies between it and PARK.yaml; `rmse` are shares of the mean energy."""

    tilt: float
    azimuth: float
    rmse: float
    rmse_written: float
    apart_deg: float
    days: int
    rung: str

    @property
    def differs(self) -> bool:
        """Whether PARK.yaml is likely to be wrong."""
        return self.apart_deg > APART_DEG and self.rmse < (1.0 - BETTER) * self.rmse_written


def inferred(
    array: Array, generation: SlotSeries, gauges: Gauges, sky: Sky, grid: Grid, service: Gauges | None = None
) -> Orientation | str:
    """Return the orientation whose expectation follows an array's energy best, or a reason why nobody can tell.

    Light on the horizontal decides, measured or a service's; irradiance measured in some plane says nothing of the
    modules' own. Without any, the brightest fifth of the days is held against a cloudless sky. Only shapes are
    compared: how much the array gives in all is left free. Reasons: `too_few_days`, `too_little_light`.
    """
    horizontal = {quantity: series for quantity, series in gauges.items() if quantity != "poa_wm2"}
    written = pv.array_series(array, horizontal, sky, grid, service)
    usable = _usable(array, generation, written, sky)
    day_of = grid.day_numbers()
    lit = usable & (written.expected.estimated <= 0)
    cloudless = not lit.any()
    chosen = usable & np.isin(day_of, _brightest(generation, day_of, usable)) if cloudless else lit
    days = len(np.unique(day_of[chosen]))
    if days < FEWEST_DAYS:
        return "too_few_days"
    if np.count_nonzero(chosen) < FEWEST_SLOTS:
        return "too_little_light"
    fit = _Fit(array, {} if cloudless else horizontal, None if cloudless else service, sky, grid, generation.value)
    coarse = fit.best(itertools.product(range(0, 91, 10), range(0, 360, 15)), chosen)
    chosen = chosen & fit.followed(coarse, chosen)
    finer = fit.best(_around(*coarse, 10, 5, 15, 5), chosen)
    tilt, azimuth = fit.best(_around(*finer, 4, 1, 4, 1), chosen)
    reasons = int(np.bitwise_or.reduce(written.irradiation.reasons[chosen]))
    rung = next((r.value for r in (Reason.RUNG_GHI, Reason.RUNG_SERVICE) if reasons & bit(r)), "rung_clear_sky")
    return Orientation(
        tilt=tilt,
        azimuth=azimuth if tilt >= FLAT_DEG else array.azimuth,
        rmse=fit.rmse([(tilt, azimuth)], chosen)[0],
        rmse_written=fit.rmse([(array.tilt, array.azimuth)], chosen)[0],
        apart_deg=_between(array.tilt, array.azimuth, tilt, azimuth),
        days=days,
        rung=rung,
    )


def of_stored(park: Park, store: Store, array_id: str, days: int, now: datetime) -> Orientation | str:
    """Return what the last whole days in the store say of an array as it is described now, or why they say nothing.

    Besides those of `inferred`: `no_own_meter` where its meter serves other arrays too.
    """
    array = next(a for a in reversed(park.arrays) if a.id == array_id)
    if {a.id for a in park.arrays_of(array.point)} != {array_id}:
        return "no_own_meter"
    last = day_of(now, park.zone) - timedelta(days=1)
    grid = grid_of(last - timedelta(days=days - 1), last, park.zone, now)
    skies = {p.id: p.source for p in park.by_role("weather")}
    wanted = ["generation_kwh", "ghi_wm2", "temp_air_c", "wind_speed_ms"]
    stored = store.slots(
        Period.SLOT, grid.start, grid.end, scope=Scope.POINT, entities=[array.point, *skies], quantities=wanted
    )
    series = rows.on_grid(stored, grid.edges_us[:-1])
    generation = series.get((array.point, "generation_kwh"))
    if generation is None:
        return "too_few_days"
    exists = pv.exists_at(array, grid)
    made = replace(generation, value=np.where(exists, generation.value, np.nan))
    station = array.weather or next((i for i, source in skies.items() if source == "station"), None)
    service = next((i for i, source in skies.items() if source == "service"), None)
    gauges = {q: _believed(g) for (i, q), g in series.items() if i == station and i != service}
    computed = {q: _believed(g) for (i, q), g in series.items() if i == service}
    return inferred(array, made, gauges, sky_over(park, grid), grid, computed)


def _believed(gauge: SlotSeries) -> SlotSeries:
    faulty = (gauge.reasons & bit(Reason.SENSOR_FAULT)) > 0
    return replace(gauge, value=np.where(faulty, np.nan, gauge.value))


@dataclass(frozen=True)
class _Fit:
    array: Array
    gauges: Gauges
    service: Gauges | None
    sky: Sky
    grid: Grid
    made: Floats

    def expected(self, planes: Iterable[tuple[float, float]], where: Bools) -> Floats:
        """Return expectations of many planes at once, each scaled to the energy that was made."""
        free = {"ac_kw": 2.0 * self.array.dc_kwp, "horizon": self.array.horizon, "transposition": None}
        arrays = [
            self.array.model_copy(update={**free, "tilt": float(t), "azimuth": float(a), "valid_from": None})
            for t, a in planes
        ]
        made = pv.portfolio(arrays, self.gauges, self.sky, self.grid, self.service)
        found = np.array([m.expected.value[where] for m in made])
        own = self.made[where]
        scaled: Floats = found * ((found @ own) / np.maximum((found**2).sum(axis=1), 1e-12))[:, None]
        return scaled

    def rmse(self, planes: Iterable[tuple[float, float]], where: Bools) -> list[float]:
        """Return how far each plane's expectation is off, as a share of the mean energy."""
        miss = self.expected(planes, where) - self.made[where]
        return [float(x) for x in np.sqrt((miss**2).mean(axis=1)) / self.made[where].mean()]

    def best(self, planes: Iterable[tuple[float, float]], where: Bools) -> tuple[float, float]:
        """Return the plane that is off least."""
        tried = list(dict.fromkeys((float(t), float(a)) for t, a in planes))
        return tried[int(np.argmin(self.rmse(tried, where)))]

    def followed(self, plane: tuple[float, float], where: Bools) -> Bools:
        """Return the slots without those a plane misses most."""
        miss = np.full(len(where), np.inf)
        miss[where] = np.abs(self.expected([plane], where)[0] - self.made[where])
        kept: Bools = miss <= np.quantile(miss[where], KEPT)
        return kept


def _usable(array: Array, generation: SlotSeries, written: pv.ArraySeries, sky: Sky) -> Bools:
    whole = generation.known & (generation.coverage >= pv.WHOLE) & (generation.estimated <= 1.0 - pv.WHOLE)
    with np.errstate(invalid="ignore"):
        making = (generation.value > 0) & (generation.value < LIMITING * array.ac_kw * SLOT_HOURS)
    return whole & making & (sky.zenith < LOW_SUN_DEG) & written.expected.known


def _brightest(generation: SlotSeries, day_of: Ints, usable: Bools) -> Ints:
    energy = np.bincount(day_of, weights=np.where(usable, generation.value, 0.0))
    made = np.flatnonzero(energy > 0)
    most = max(FEWEST_DAYS, int(np.ceil(CLEAR_SHARE * len(made))))
    return made[np.argsort(energy[made])[::-1][:most]]


def _around(
    tilt: float, azimuth: float, tilts: int, tilt_step: int, azimuths: int, azimuth_step: int
) -> Iterable[tuple[float, float]]:
    for t, a in itertools.product(range(-tilts, tilts + 1, tilt_step), range(-azimuths, azimuths + 1, azimuth_step)):
        yield min(max(tilt + t, 0.0), 90.0), (azimuth + a) % 360.0


def _between(tilt: float, azimuth: float, other_tilt: float, other_azimuth: float) -> float:
    """Return the angle between the normals of two planes, in degrees."""
    t, a, u, b = np.radians([tilt, azimuth, other_tilt, other_azimuth])
    return float(np.degrees(np.arccos(np.clip(np.cos(t) * np.cos(u) + np.sin(t) * np.sin(u) * np.cos(a - b), -1, 1))))
