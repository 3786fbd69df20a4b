"""Faults of a park's arrays, looked for in what is stored, and put on record as statements."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np

from core.findings import Finding, statement_of, withdrawn
from core.park import Array, Park, valid_one
from core.quality import ReadingFlag, Reason
from core.quantities import READING, Period, Scope
from core.quantities import Kind as Sort
from core.searched import Searched, note
from core.statements import FOREVER, Kind, Statement
from core.store import State, Store
from core.timebase import SLOT_HOURS, day_bounds, day_of
from models import pv
from models.faults.diagnose import diagnose
from models.faults.facing import is_strange
from models.faults.sight import Facing, Sight, rung_masks
from models.orientation import inferred
from models.plant import rated_kw
from models.rows import on_grid
from models.series import Floats, Grid, SlotSeries, bit, from_us, grid_of, total, unknown
from models.sky import Sky, sky_over

log = logging.getLogger(__name__)

WINDOW_DAYS = 400
WARM_UP_DAYS = 60  # the first days of the window have no past: what began in them is not judged anew
SLOT_S = int(SLOT_HOURS * 3600)
GRACE = timedelta(minutes=30)  # late readings of a day are waited for
ENTITIES_PER_READ = 8
HALF_SEEN = 0.5  # of a slot
GAUGES = tuple(q.name for q in READING.values() if q.kind is Sort.GAUGE)
DEGREES = ("temp_air_c", "temp_module_c")
FACING_DAYS = 60  # the newest that tell which way an array faces
BEYOND_DAYS = 4  # without a usable value, until somebody asks why
SLOTS_OF_DAY = 96
WEATHER = ("poa_wm2", "ghi_wm2", "temp_air_c", "temp_module_c", "wind_speed_ms")

Progress = Callable[[int, int], None]


class Diagnosis:
    """Looks for faults over closed days and says what it found."""

    def __init__(self, park: Park, store: Store, state: State) -> None:
        self._park = park
        self._store = store
        self._state = state

    def run(self, now: datetime, progress: Progress | None = None) -> int:
        """Look at the last 400 closed days; return how many findings are new, changed or taken back.

        Run again on the same data it says nothing new.
        """
        first, last, cut = self._span(now)
        if first is None or last < first:
            return 0
        found = self.findings(first, last, progress)
        settled = day_bounds(first + timedelta(days=WARM_UP_DAYS), self._park.zone)[0] if cut else None
        said = self._state.add_statements(self._changes(found, settled, now))
        note(self._state, Searched(first, last, now, cut))
        return said

    def findings(self, first: date, last: date, progress: Progress | None = None) -> list[Finding]:
        """Return what is wrong in the local days `first` to `last`, both included, with its price."""
        grid = grid_of(first, last, self._park.zone, day_bounds(last, self._park.zone)[1])
        sights = self.sights(grid, progress)
        events = self._state.events(grid.start, grid.end)
        return [self._priced(f) for f in diagnose(sights, events)]

    def sights(self, grid: Grid, progress: Progress | None = None) -> list[Sight]:
        """Return what is seen of every array, or of the arrays behind one meter together."""
        sky = sky_over(self._park, grid)
        weather = self._weather(grid)
        clear = _cloudless(self._park, sky, grid)
        groups = list(_groups(self._park))
        found = []
        for n in range(0, len(groups), ENTITIES_PER_READ):
            part = groups[n : n + ENTITIES_PER_READ]
            arrays = self._read(
                grid, Scope.ARRAY, [a for _, ids in part for a in ids], ("expected_kwh", "irradiation_kwh_m2")
            )
            arrays = {**arrays, **self._on_one_scale(grid, arrays)}
            points = self._read(
                grid, Scope.POINT, [p for p, _ in part], ("generation_kwh", "import_kwh", "active_power_kw")
            )
            found += [
                s for p, ids in part if (s := _sight(self._park, p, ids, grid, sky, arrays, points, weather, clear))
            ]
            if progress:
                progress(min(n + ENTITIES_PER_READ, len(groups)), len(groups))
        return found

    def last_day(self, now: datetime) -> date:
        """Return the last local day that is over for long enough."""
        return day_of(now - GRACE, self._park.zone) - timedelta(days=1)

    def _span(self, now: datetime) -> tuple[date | None, date, bool]:
        """Return the first and the last day to be looked at, and whether readings go back farther."""
        last = self.last_day(now)
        begun = self._store.info().first_reading
        if begun is None:
            return None, last, False
        first, window = day_of(begun, self._park.zone), last - timedelta(days=WINDOW_DAYS - 1)
        return max(first, window), last, first < window

    def _read(
        self, grid: Grid, scope: Scope, entities: Sequence[str], quantities: Sequence[str]
    ) -> Mapping[tuple[str, str], SlotSeries]:
        slots = self._store.slots(
            Period.SLOT,
            grid.start,
            grid.end,
            scope=scope,
            entities=list(dict.fromkeys(entities)),
            quantities=quantities,
        )
        return on_grid(slots, grid.edges_us[:-1])

    def _on_one_scale(
        self, grid: Grid, arrays: Mapping[tuple[str, str], SlotSeries]
    ) -> dict[tuple[str, str], SlotSeries]:
        """Return the expectations as if each array had had its newest calibration all along.

        The day from which an expectation is calibrated is neither a fault nor a recovery.
        """
        ids = [entity for entity, quantity in arrays if quantity == "expected_kwh"]
        rows = self._store.slots(
            Period.DAY, grid.start, grid.end, scope=Scope.ARRAY, entities=ids, quantities=("calibration_factor",)
        )
        days = on_grid(rows, grid.edges_us[grid.day_at[:-1]])
        found = {}
        for entity in ids:
            factor = days.get((entity, "calibration_factor"))
            known = np.nan_to_num(factor.value) if factor is not None else np.zeros(0)
            if (known > 0).any():
                scale = known[known > 0][-1] / np.where(known > 0, known, 1.0)
                found[entity, "expected_kwh"] = arrays[entity, "expected_kwh"].times(scale[grid.day_numbers()])
        return found

    def _weather(self, grid: Grid) -> dict[str, dict[str, SlotSeries]]:
        points = [p.id for p in self._park.by_role("weather")]
        found: dict[str, dict[str, SlotSeries]] = {p: {} for p in points}
        if points:
            for (entity, quantity), series in self._read(grid, Scope.POINT, points, WEATHER).items():
                found[entity][quantity] = series
        for point in points:
            found[point] |= self._beyond(grid, point, found[point])
        return found

    def _beyond(self, grid: Grid, point: str, gauges: Mapping[str, SlotSeries]) -> dict[str, SlotSeries]:
        """Return gauges that show nothing but impossible values, as they show them: kelvin are no degrees C.

        Such readings are kept and never used, so nothing else sees them.
        """
        found: dict[str, SlotSeries] = {}
        devices = [d.id for d in self._park.point(point).devices]
        for quantity in DEGREES:
            known = np.flatnonzero(gauges[quantity].known) if quantity in gauges else np.zeros(0, dtype=np.int64)
            after = int(known[-1]) + 1 if len(known) else 0
            if not devices or grid.size - after < BEYOND_DAYS * SLOTS_OF_DAY:
                continue
            read = self._store.readings(from_us(grid.edges_us[after]), grid.end, devices=devices, quantities=[quantity])
            flagged = (read["flags"].to_numpy() & int(ReadingFlag.OUT_OF_RANGE)) != 0
            if not flagged.any():
                continue
            slots = np.searchsorted(grid.edges_us, read["time"].astype("int64").to_numpy()[flagged], side="right") - 1
            count = np.bincount(slots, minlength=grid.size)[: grid.size]
            sums = np.bincount(slots, weights=read["value"].to_numpy(dtype=float)[flagged], minlength=grid.size)
            shown = np.where(count > 0, sums[: grid.size] / np.maximum(count, 1), np.nan)
            own = gauges.get(quantity, unknown(grid.size))
            value = np.where(own.known, own.value, shown)
            found[quantity] = replace(own, value=value, coverage=np.where(np.isfinite(shown), 1.0, own.coverage))
        return found

    def _priced(self, finding: Finding) -> Finding:
        """Put a price on what was lost: that of the grid import it would have replaced."""
        money, currency = 0.0, ""
        for day, kwh in finding.days.items():
            tariff = valid_one(self._park.tariffs, day_bounds(day, self._park.zone)[0])
            if tariff:
                money, currency = money + kwh * tariff.import_per_kwh, tariff.currency
        return replace(finding, lost_money=money if currency else None, currency=currency)

    def _changes(self, found: Sequence[Finding], settled: datetime | None, now: datetime) -> list[Statement]:
        """Return what is said anew: findings, and the withdrawal of those no longer held."""
        keys = {f.key for f in found}
        held = [s for s in self._state.statements(Kind.FINDING) if not s.body.get("withdrawn")]
        open_ = {(s.entity, s.subject, s.start) for s in held if s.end >= FOREVER}
        kept = [f for f in found if settled is None or f.start >= settled or f.key in open_]
        gone = [
            withdrawn(s, now)
            for s in held
            if (s.entity, s.subject, s.start) not in keys and (settled is None or s.start >= settled)
        ]
        return [*gone, *(statement_of(f, now) for f in kept)]


def _groups(park: Park) -> Iterable[tuple[str, list[str]]]:
    """Yield every PV point with the arrays behind it."""
    for point in park.by_role("pv"):
        ids = list(dict.fromkeys(a.id for a in park.arrays_of(point.id)))
        if ids:
            yield point.id, ids


def _sight(
    park: Park,
    point: str,
    ids: Sequence[str],
    grid: Grid,
    sky: Sky,
    arrays: Mapping[tuple[str, str], SlotSeries],
    points: Mapping[tuple[str, str], SlotSeries],
    weather: Mapping[str, Mapping[str, SlotSeries]],
    clear: Mapping[str, pv.ArraySeries],
) -> Sight | None:
    generation = points.get((point, "generation_kwh"))
    parts = [arrays.get((i, "expected_kwh")) for i in ids]
    if generation is None or any(p is None for p in parts):
        return None
    expected = total([p for p in parts if p is not None], grid.size)
    versions = park.arrays_of(point)
    nothing = unknown(grid.size)
    sun = [arrays.get((i, "irradiation_kwh_m2"), nothing).value for i in ids]
    under = versions[0].weather or next(iter(weather), "")
    gauges = weather.get(under, {}) if under and park.point(under).source == "station" else {}
    drawn = points.get((point, "import_kwh"), nothing)
    light_name, light, clear_light = _light(gauges, np.nan_to_num(clear[ids[0]].irradiation.value), sky)
    sight = Sight(
        entity=ids[0] if len(ids) == 1 else point,
        point=point,
        under=under,
        zone=park.zone,
        grid=grid,
        sky=sky,
        generation=generation.value,
        expected=expected.value,
        irradiation=np.nan_to_num(np.mean(sun, axis=0)),
        measured=pv.comparable(generation) & expected.known & (expected.estimated <= 0),
        rungs=rung_masks(expected),
        rating_kw=rated_kw(versions, grid),
        free=np.ones(grid.size, dtype=bool),
        power_kw=points.get((point, "active_power_kw"), nothing).value,
        drawn=np.where(pv.comparable(drawn), drawn.value, np.nan),
        weather=weather.get(under, {}),
        strings=_strings(versions),
        allowed=_allowed(park, ids, arrays, grid),
        per_reading=_per_reading(park, point),
        counted=pv.comparable(generation),
        by_measurement=expected.known & (expected.estimated <= 0),
        clear=np.sum([np.nan_to_num(clear[i].expected.value) for i in ids], axis=0),
        light=light,
        clear_light=clear_light,
        light_name=light_name,
        latitude=park.latitude,
    )
    if len(ids) > 1 or not gauges or not is_strange(sight):
        return sight
    return replace(sight, facing=_facing(versions[-1], generation, gauges, sky, grid))


def _facing(
    array: Array, generation: SlotSeries, gauges: Mapping[str, SlotSeries], sky: Sky, grid: Grid
) -> Facing | None:
    """Return which way an array looks to face by its newest days; None where its energy does not say."""
    first = max(0, len(grid.days) - FACING_DAYS)
    a = int(grid.day_at[first])
    part = Grid(
        grid.edges_us[a:], grid.days[first:], grid.day_at[first:] - a, max(0, grid.closed - a), grid.closed_until_us
    )
    believed = {
        q: replace(g, value=np.where(g.reasons & bit(Reason.SENSOR_FAULT), np.nan, g.value)) for q, g in gauges.items()
    }
    newest = {q: _from(g, a) for q, g in believed.items()}
    made = _from(generation, a)
    exists = pv.exists_at(array, part)
    made = replace(made, value=np.where(exists, made.value, np.nan))
    found = inferred(array, made, newest, sky.at(np.arange(a, grid.size)), part)
    if isinstance(found, str):
        return None
    other = array.model_copy(update={"tilt": found.tilt, "azimuth": found.azimuth, "valid_from": None})
    expected = pv.array_series(other, believed, sky, grid).expected
    return Facing(found, (array.tilt, array.azimuth), expected.value)


def _from(series: SlotSeries, first: int) -> SlotSeries:
    return SlotSeries(series.value[first:], series.coverage[first:], series.estimated[first:], series.reasons[first:])


def _cloudless(park: Park, sky: Sky, grid: Grid) -> dict[str, pv.ArraySeries]:
    """Return what every array would make and get under a cloudless sky, by nameplate."""
    series = dict(zip(map(id, park.arrays), pv.portfolio(park.arrays, {}, sky, grid), strict=True))
    ids = dict.fromkeys(a.id for a in park.arrays)
    return {i: pv.versions_joined([(a, series[id(a)]) for a in park.arrays if a.id == i], grid) for i in ids}


def _light(gauges: Mapping[str, SlotSeries], plane: Floats, sky: Sky) -> tuple[str, Floats | None, Floats | None]:
    """Return the irradiance a station shows, W/m², and what a cloudless sky would show it; in the plane if it can."""
    for quantity, clear in (("poa_wm2", plane * 1000.0 / SLOT_HOURS), ("ghi_wm2", sky.ghi)):
        series = gauges.get(quantity)
        if series is not None and series.known.any():
            return quantity, np.where(series.coverage >= HALF_SEEN, series.value, np.nan), clear
    return "", None, None


def _allowed(park: Park, ids: Sequence[str], arrays: Mapping[tuple[str, str], SlotSeries], grid: Grid) -> Floats | None:
    """Return what the arrays might deliver under the orders of their logs, kWh per slot; None without any order."""
    versions = {i: [a for a in park.arrays if a.id == i] for i in ids}
    if not any(a.curtailments for own in versions.values() for a in own):
        return None
    parts = [pv.curtailed(own, arrays[i, "expected_kwh"], grid).value for i, own in versions.items()]
    allowed: Floats = np.sum(parts, axis=0)
    return allowed


def _per_reading(park: Park, point: str) -> int:
    longest = max((d.interval_s for d in park.point(point).devices), default=0.0)
    return max(1, -(-int(longest) // SLOT_S))


def _strings(versions: Sequence[Array]) -> int | None:
    counts = {a.id: a.strings for a in versions}
    known = [c for c in counts.values() if c]
    return sum(known) if len(known) == len(counts) else None
