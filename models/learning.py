"""Calibrations as they come about: which arrays still learn, what the days of a stretch say, and what was said of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from core.frames import instant
from core.park import Array, Park
from core.quality import Reason
from core.quantities import Period, Scope
from core.statements import FOREVER, Json, Kind, Statement
from core.store import State, Store
from core.timebase import day_bounds, day_of
from models import band, calibration, pv
from models.calibration import Build, Calibration, Learned
from models.clean_days import BRIGHT, CleanDay, DaySlots, candidate
from models.derive import Derived
from models.plant import Known, arrays_by_id
from models.rows import on_grid
from models.series import Bools, Floats, Grid, SlotSeries, bit, grid_of, reason_text, to_us, unknown
from models.sky import Sky, sky_over

_OF_SLOT = ("expected_kwh", "irradiation_kwh_m2", "generation_kwh")
ELSEWHERE = bit(Reason.RUNG_SERVICE) | bit(Reason.RUNG_PEERS)  # light nobody measured on the site teaches nothing
_OF_DAY = ("energy_performance_index", "irradiation_kwh_m2")


@dataclass(frozen=True)
class Verdict:
    """What the days up to a local midnight say of an array: a factor from then on, or why there is none yet."""

    array: str
    start: datetime
    body: Mapping[str, Json]

    @property
    def learned(self) -> bool:
        """Whether there is a factor."""
        return "refused" not in self.body


class Learning:
    """Follows one computing of a park: knows what was said, and says what its days let it say."""

    def __init__(self, park: Park, store: Store, state: State) -> None:
        """Take what was said so far."""
        self._park = park
        self._store = store
        self._state = state
        self._builds = {i: calibration.builds_of(v) for i, v in arrays_by_id(park).items()}
        self._said: list[Statement] = []
        if park.arrays:
            self._said = state.statements(Kind.CALIBRATION)
        self._days: dict[str, dict[date, CleanDay | None]] = {}
        self._daily: dict[str, dict[date, tuple[float, float]]] = {}
        self._slots: Mapping[tuple[str, str], SlotSeries] = {}
        self._sky: Sky | None = None

    def known(self, grid: Grid) -> Known:
        """Return the calibrations and, for the band, the index of the days before a grid."""
        found = calibration.calibrations_of(self._said)
        if not found:
            return Known()
        start = grid.start - timedelta(days=band.LOOK_BACK_DAYS + 1)
        stored = self._store.slots(
            Period.DAY, start, grid.start, scope=Scope.ARRAY, entities=sorted(found), quantities=_OF_DAY
        )
        return Known(found, band.history(stored, self._park.zone))

    def judge(self, derived: Derived, grid: Grid) -> list[Verdict]:
        """Return what is new by every closed day of a grid, no further than the first day that yields a factor."""
        closed = [d for n, d in enumerate(grid.days) if grid.elapsed()[n] == np.diff(grid.day_at)[n]]
        learning = [b for builds in self._builds.values() for b in builds if not self._calibration(b)]
        found: list[Verdict] = []
        if not closed or not learning:
            return found
        self._take(derived, grid, learning)
        for day in closed:
            found += self._of_day(day, learning, found)
            if any(v.learned for v in found):
                break
        return found

    def say(self, verdicts: Sequence[Verdict], now: datetime) -> list[datetime]:
        """Put verdicts on record; returns from when new factors count."""
        said = [
            Statement(Kind.CALIBRATION, v.array, v.start, FOREVER, now, calibration.VERSION, v.body) for v in verdicts
        ]
        self._state.add_statements(said)
        self._said.extend(said)
        return [v.start for v in verdicts if v.learned]

    def _of_day(self, day: date, builds: Iterable[Build], found: Sequence[Verdict]) -> Iterator[Verdict]:
        midnight, start = day_bounds(day, self._park.zone)
        for build in builds:
            if not build.holds(midnight, start - timedelta(microseconds=1)):
                continue
            learned = self._learned(build, day)
            body = calibration.body_of(learned, build.versions[-1])
            earlier = [(v.start, v.body) for v in found if v.array == build.array]
            if not learned.refused or learned.refused != self._refusal(build, start, earlier):
                yield Verdict(build.array, start, body)

    def _learned(self, build: Build, last: date) -> Learned:
        if not self._alone(build):
            return Learned(calibration.SHARED_METER)
        first_possible = last - timedelta(days=calibration.WINDOW_DAYS - 1)
        daily = self._daily.get(build.array, {})
        days = sorted(d for d in daily if first_possible <= d <= last and self._in_build(build, d))
        first = days[0] if days else None
        if first is None or (last - first).days + 1 < calibration.LEARN_DAYS:
            return Learned(calibration.TOO_EARLY)
        bright = [d for d in days if daily[d][0] >= band.LEAST_COVERAGE and daily[d][1] >= BRIGHT]
        if len(bright) < calibration.BRIGHT_DAYS:
            return Learned(calibration.TOO_FEW_DAYS)
        self._load(build, bright)
        known = self._days.get(build.array, {})
        found = [c for d in bright if (c := known.get(d)) is not None]
        return calibration.learn(found, first, last)

    def _calibration(self, build: Build) -> Calibration | None:
        said = calibration.calibrations_of(s for s in self._said if s.entity == build.array)
        return calibration.of_build(build, said.get(build.array, ()))

    def _refusal(
        self, build: Build, start: datetime, earlier: Sequence[tuple[datetime, Mapping[str, Json]]]
    ) -> str | None:
        """Return the refusal that stands at `start`."""
        said = [(s.start, s.body) for s in self._said if s.entity == build.array]
        tick = timedelta(microseconds=1)
        standing = [(at, body) for at, body in (*said, *earlier) if at <= start and build.holds(at - tick)]
        code = max(standing, key=lambda one: one[0])[1].get("refused") if standing else None
        return code if isinstance(code, str) else None

    def _alone(self, build: Build) -> bool:
        """Say whether the array's meter counts nothing else."""
        return {a.id for a in self._park.arrays_of(build.versions[0].point)} == {build.array}

    def _in_build(self, build: Build, day: date) -> bool:
        start, end = day_bounds(day, self._park.zone)
        return build.holds(start, end - timedelta(microseconds=1))

    def _take(self, derived: Derived, grid: Grid, builds: Iterable[Build]) -> None:
        """Take in the days of a grid, and what is stored of those before it."""
        arrays = sorted({b.array for b in builds if self._alone(b)})
        if not arrays:
            return
        start = grid.start - timedelta(days=calibration.WINDOW_DAYS + 1)
        stored = self._store.slots(
            Period.DAY, start, grid.start, scope=Scope.ARRAY, entities=arrays, quantities=_OF_DAY
        )
        self._daily = {a: {} for a in arrays}
        indices = stored[stored["quantity"] == _OF_DAY[0]]
        suns = stored[stored["quantity"] == _OF_DAY[1]].set_index(["entity", "start"])["value"].to_dict()
        for at, entity, value, coverage, reasons in zip(
            indices["start"], indices["entity"], indices["value"], indices["coverage"], indices["reasons"], strict=True
        ):
            if np.isfinite(value) and Reason.RUNG_CLEAR_SKY not in str(reasons).split():
                day = day_of(instant(at), self._park.zone)
                self._daily[str(entity)][day] = (float(coverage), float(suns.get((entity, at), 0.0)))
        self._take_grid(derived, grid, set(arrays))

    def _take_grid(self, derived: Derived, grid: Grid, arrays: set[str]) -> None:
        own = [r for r in derived.days if r.scope is Scope.ARRAY and r.entity in arrays]
        index = {r.entity: r.series for r in own if r.quantity == _OF_DAY[0]}
        sun = {r.entity: r.series for r in own if r.quantity == _OF_DAY[1]}
        clear = bit(Reason.RUNG_CLEAR_SKY)
        for entity, series in index.items():
            for n in np.flatnonzero(series.known & ((series.reasons & clear) == 0)):
                measured = float(series.coverage[n]), float(np.nan_to_num(sun[entity].value[n]))
                self._daily[entity][grid.days[int(n)]] = measured
        slots: dict[tuple[str, str], SlotSeries] = {
            (r.entity, r.quantity): r.series
            for r in derived.slots
            if r.scope is Scope.ARRAY and r.entity in arrays and r.quantity in _OF_SLOT
        }
        self._grid, self._slots, self._sky = grid, slots, None
        for entity in arrays:
            for day in grid.days:
                self._days.setdefault(entity, {}).pop(day, None)

    def _load(self, build: Build, days: Sequence[date]) -> None:
        """Make candidates of days not looked at yet: those of the grid in hand, and stored ones."""
        known = self._days.setdefault(build.array, {})
        wanted = [d for d in days if d not in known]
        here = [d for d in wanted if d in set(self._grid.days)]
        stored = [d for d in wanted if d not in set(here)]
        if here:
            self._sky = self._sky or sky_over(self._park, self._grid)
            known.update(self._candidates(build, here, self._grid, self._slots, self._sky))
        if stored:
            end = day_bounds(stored[-1], self._park.zone)[1]
            grid = grid_of(stored[0], stored[-1], self._park.zone, end)
            rows = self._store.slots(
                Period.SLOT, grid.start, grid.end, scope=Scope.ARRAY, entities=[build.array], quantities=_OF_SLOT
            )
            slots = on_grid(rows, grid.edges_us[:-1])
            known.update(self._candidates(build, stored, grid, slots, sky_over(self._park, grid)))

    def _candidates(
        self,
        build: Build,
        days: Sequence[date],
        grid: Grid,
        slots: Mapping[tuple[str, str], SlotSeries],
        sky: Sky,
    ) -> Iterator[tuple[date, CleanDay | None]]:
        expected, sun, made = (slots.get((build.array, q), unknown(grid.size)) for q in _OF_SLOT)
        measured = pv.comparable(made) & expected.known & (expected.estimated <= 0) & sun.known
        measured &= (expected.reasons & ELSEWHERE) == 0
        cloudless: dict[int, Floats] = {}
        for day in days:
            n = (day - grid.days[0]).days
            cut = slice(int(grid.day_at[n]), int(grid.day_at[n + 1]))
            array = self._at(build, day)
            if id(array) not in cloudless:
                cloudless[id(array)] = pv.array_series(array, {}, sky, grid).irradiation.value
            clear = cloudless[id(array)][cut]
            rung = _rung(expected, measured & sky.up, cut)
            day_slots = DaySlots(
                np.nan_to_num(made.value[cut]),
                np.nan_to_num(expected.value[cut]),
                np.nan_to_num(sun.value[cut]),
                clear,
                measured[cut],
                sky.up[cut],
                array.ac_kw / 4.0,
            )
            yield day, candidate(day, day_slots, rung)

    def _at(self, build: Build, day: date) -> Array:
        start = day_bounds(day, self._park.zone)[0]
        return next((a for a in build.versions if a.valid_at(start)), build.versions[-1])


def _rung(expected: SlotSeries, compared: Bools, cut: slice) -> str:
    """Return the sources of irradiance of a day's slots."""
    mask = int(np.bitwise_or.reduce(np.where(compared[cut], expected.reasons[cut], 0)))
    return " ".join(code for code in reason_text(mask).split() if code.startswith("rung_"))


def first_of(verdicts: Sequence[Verdict]) -> datetime | None:
    """Return from when the first new factor counts."""
    return min((v.start for v in verdicts if v.learned), default=None)


def days_from(start: datetime, until: datetime, park: Park) -> list[date]:
    """Return the local days from an instant to the one that runs."""
    first, last = day_of(start, park.zone), day_of(until - timedelta(microseconds=1), park.zone)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def before(start: datetime, grid: Grid) -> bool:
    """Say whether an instant lies within a grid, not at its end."""
    return to_us(start) < int(grid.edges_us[-1])
