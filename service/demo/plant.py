"""The true park: power of every point in every minute, and the energy counted since an epoch.

Everything is a pure function of (park, seed, faults, epoch) and time. A register is the integral of one-minute power
from the epoch on, so history, live telegrams and a restarted simulator continue one another exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from core.errors import ConfigError
from core.park import Array, Park, Point, valid_one
from service.demo.arrays import array_power_kw, cell_temp_c
from service.demo.faults import Faults
from service.demo.loads import load_power_kw
from service.demo.noise import DAY_MINUTES, Floats
from service.demo.sky import Sky, sky

DEFAULT_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)  # for a park that does not say since when it is measured
UNMETERED_KW = 0.8  # gate, cameras, sockets nobody meters
UNMETERED_SHARE = 0.012  # cables and transformer, of all that is metered below
BATCH_DAYS = 8
KEPT_DAYS = 80
MINUTE_S = 60
DAY_S = DAY_MINUTES * MINUTE_S
WEATHER = ("ghi_wm2", "temp_air_c", "wind_speed_ms", "temp_module_c")


@dataclass(frozen=True)
class Normal:
    """What of the park is as it normally is, to see what comes of its being otherwise."""

    sky: bool = False  # over the arrays
    warmth: bool = False  # as the loads feel it
    habits: frozenset[str] = frozenset()  # of these loads


@dataclass(frozen=True)
class Day:
    """One UTC day: a row per minute. Powers in kW by point, import positive; unmetered draw beside them."""

    power_kw: Mapping[str, Floats]
    unmetered_kw: Floats
    weather: Mapping[str, Floats]


@dataclass(frozen=True)
class Sample:
    """What is true of one point at some instants."""

    import_kwh: Floats
    export_kwh: Floats
    power_kw: Floats


def epoch_of(park: Park) -> datetime:
    """Return the instant from which a park's twin counts: since when its grid meter serves."""
    starts = [d.valid_from for p in park.by_role("grid") for d in p.devices if d.valid_from is not None]
    return min(starts, default=DEFAULT_EPOCH)


class Plant:
    """A park's twin."""

    def __init__(
        self,
        park: Park,
        seed: int = 1,
        faults: Faults | None = None,
        epoch: datetime | None = None,
        normal: Normal | None = None,
    ) -> None:
        _check(park)
        self.normal = normal or Normal()
        self.park = park
        self.seed = seed
        self.faults = faults or Faults.none()
        self.epoch = epoch or epoch_of(park)
        self._first_day = int(self.epoch.timestamp()) // DAY_S
        self._days: dict[int, Day] = {}
        self._points = [p.id for p in park.points if p.role != "weather"]
        # Energy counted up to the start of each day since the epoch: rows of (import, export) per point.
        self._counted: list[Floats] = [np.zeros((len(self._points), 2))]

    def day(self, number: int) -> Day:
        """Return one UTC day, counted from 1970-01-01."""
        if number < self._first_day:
            raise ValueError("the twin does not exist before its epoch")
        if number not in self._days:
            self._compute(number)
        return self._days[number]

    def sample(self, point: str, times_s: Floats) -> Sample:
        """Return true energy since the epoch and power of a point at Unix times, in seconds."""
        row = self._points.index(point)
        energies, powers = np.empty((len(times_s), 2)), np.empty(len(times_s))
        for number, where in _by_day(times_s):
            power = self.day(number).power_kw[point]
            within = (times_s[where] - number * DAY_S) / MINUTE_S
            flows = np.stack([np.maximum(power, 0.0), np.maximum(-power, 0.0)], axis=1) / 60
            counted = np.concatenate([np.zeros((1, 2)), np.cumsum(flows, axis=0)])
            minute = within.astype(np.int64)
            part = (within - minute)[:, None]
            energies[where] = self._counted_before(number)[row] + counted[minute] + flows[minute] * part
            powers[where] = power[minute]
        return Sample(energies[:, 0], energies[:, 1], powers)

    def weather(self, quantity: str, times_s: Floats) -> Floats:
        """Return the true weather of the minute around each Unix time, in seconds."""
        values = np.empty(len(times_s))
        for number, where in _by_day(times_s):
            minute = ((times_s[where] - number * DAY_S) / MINUTE_S).astype(np.int64)
            values[where] = self.day(number).weather[quantity][minute]
        return values

    def _counted_before(self, number: int) -> Floats:
        while len(self._counted) <= number - self._first_day:
            day = self.day(self._first_day + len(self._counted) - 1)
            power = np.stack([day.power_kw[p] for p in self._points])
            flows = np.stack([np.maximum(power, 0.0), np.maximum(-power, 0.0)], axis=2).sum(axis=1) / 60
            self._counted.append(self._counted[-1] + flows)
        return self._counted[number - self._first_day]

    def _compute(self, first: int) -> None:
        # The same batches whoever asks: a batch that began elsewhere could differ in the last bit.
        first -= (first - self._first_day) % BATCH_DAYS
        first_minute = first * DAY_MINUTES
        place, usual = self.park, self.normal
        where = (place.latitude, place.longitude, place.altitude_m, self.seed, first_minute, BATCH_DAYS * DAY_MINUTES)
        over = sky(*where)
        mean = sky(*where, normal=True) if usual.sky or usual.warmth else over
        felt = replace(over, temp_air_c=mean.temp_air_c) if usual.warmth else over
        power, unmetered = self._powers(mean if usual.sky else over, felt, first_minute)
        weather = self._weather(over)
        for n in range(BATCH_DAYS):
            part = slice(n * DAY_MINUTES, (n + 1) * DAY_MINUTES)
            self._days[first + n] = Day(
                {p: values[part] for p, values in power.items()},
                unmetered[part],
                {q: values[part] for q, values in weather.items()},
            )
        for old in sorted(self._days)[:-KEPT_DAYS]:
            del self._days[old]

    def _powers(self, over: Sky, felt: Sky, first_minute: int) -> tuple[dict[str, Floats], Floats]:
        """Return power by point and what is unmetered, under one sky over the arrays and one the loads feel."""
        park, count = self.park, len(over.utc)
        changes, habits = self.faults.load_changes, self.normal.habits
        own = {
            p.id: load_power_kw(p, park, felt, self.seed, first_minute, changes, usual=p.id in habits)
            for p in park.by_role("load")
        }
        power = {p: self._with_children(p, own, count) for p in own}
        for point in park.by_role("pv"):
            arrays = _arrays_at(park, point, over)
            power[point.id] = -sum(
                (array_power_kw(a, over, self.seed, self.faults.array_faults) for a in arrays), np.zeros(count)
            )
        metered = sum((power[p.id] for p in park.top_loads()), np.zeros(count))
        unmetered = UNMETERED_KW + UNMETERED_SHARE * metered
        net = metered + unmetered + sum((power[p.id] for p in park.by_role("pv")), np.zeros(count))
        for point in park.by_role("grid"):
            power[point.id] = net / len(park.by_role("grid"))
        return power, unmetered

    def _with_children(self, load: str, own: Mapping[str, Floats], count: int) -> Floats:
        below = [p.id for p in self.park.by_role("load") if p.parent == load]
        return own[load] + sum((self._with_children(p, own, count) for p in below), np.zeros(count))

    def _weather(self, over: Sky) -> dict[str, Floats]:
        arrays = self.park.arrays
        module = cell_temp_c(arrays[0], over) if arrays else over.temp_air_c
        return dict(zip(WEATHER, (over.ghi, over.temp_air_c, over.wind_speed_ms, module), strict=True))


def _check(park: Park) -> None:
    if park.by_role("storage"):
        raise ConfigError("the simulator has no model of storage yet", "take points of role storage out of the file")
    bare = [p.id for p in park.by_role("pv") if not park.arrays_of(p.id)]
    if bare:
        raise ConfigError(f"no array is behind {', '.join(bare)}", "the simulator needs every PV point's arrays")


def _arrays_at(park: Park, point: Point, over: Sky) -> Sequence[Array]:
    names = dict.fromkeys(a.id for a in park.arrays_of(point.id))
    found = [valid_one([a for a in park.arrays_of(point.id) if a.id == n], over.utc[0]) for n in names]
    return [a for a in found if a is not None]


def _by_day(times_s: Floats) -> list[tuple[int, np.ndarray[tuple[int], np.dtype[np.int64]]]]:
    numbers = (times_s // DAY_S).astype(np.int64)
    return [(int(n), np.flatnonzero(numbers == n)) for n in np.unique(numbers)]
