"""The one place of this room that reads and writes: dirty marks -> slots -> days -> months -> events -> settled."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from core.archived import dropped_spans, without_dropped
from core.corrections import Correction, in_force
from core.factors import factor_for
from core.park import Park, Point
from core.quality import Event
from core.quantities import Period
from core.store import State, Store
from core.timebase import SLOT, day_bounds, day_of, slot_start
from models import corrections as correcting
from models import meter_checks, months, rows
from models.affected import affected, runs_of
from models.context import NEAR_US, samples_around
from models.derive import Derived, derive
from models.foretelling import Foretelling
from models.judging import CONTEXT_US, RETURN_WITHIN_US
from models.learning import Learning, before, days_from, first_of
from models.points import NEEDED, PointSeries, part_of, point_series
from models.power import gap_limit_us
from models.rows import day_starts
from models.samples import DeviceSamples
from models.seams import DaySeams
from models.series import Grid, grid_of, to_us
from models.tariffs import tariff_events

SETTLE = timedelta(minutes=2)  # a slot counts as closed this long after its end: readings are on their way
CHUNK_DAYS = 31
QUANTITIES = 5  # that a device typically sends
ROWS_PER_READ = 400_000  # bounds the memory of one read
_NEAR = timedelta(microseconds=NEAR_US)
_UNTIL_KEY = "models/computed_until"
_LEARNED_KEY = "models/learned"  # from when a new factor counts, until all days have it

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ComputeResult:
    """What a run did."""

    days: int
    first_day: date | None
    last_day: date | None
    computed_until: datetime
    changed: int  # rows of slots, days and months whose value is new or different
    events: int


class Compute:
    """Keeps the derived series of a park in step with its readings."""

    def __init__(self, park: Park, store: Store, state: State) -> None:
        """Take the park's description; raises ConfigError where a carbon choice has no factor."""
        self._park = park
        self._store = store
        self._state = state
        self._settled_until: datetime | None = None
        self._foretelling = Foretelling(park, store, state)
        for choice in park.carbon:
            factor_for(choice.scheme, choice.region, date.max)

    def run(self, now: datetime, progress: Progress | None = None) -> ComputeResult:
        """Compute every day that is dirty, the running day, and the days since the last run.

        A crash at any point only repeats work: marks are settled after everything they ask for is stored. Where no
        slot has closed since and nothing is marked, the numbers stand already and nothing is read.
        `progress` is told (days done, days in all).
        """
        until = slot_start(now - SETTLE)
        marks = self._state.dirty()
        if not marks and until == self._settled_until:
            return ComputeResult(0, None, None, until, 0, 0)
        stored = self._state.value(_UNTIL_KEY)
        since = min(datetime.fromisoformat(stored), until) - SLOT if stored else None
        work = affected(self._park, self._store, self._state, marks, until, since)
        result = self._compute(work.days, until, now, progress)
        work.remember(self._state)
        self._state.settle(marks)
        self._state.set_value(_UNTIL_KEY, until.isoformat())
        self._settled_until = until
        return result

    def recompute(
        self, first_day: date, last_day: date, now: datetime, progress: Progress | None = None
    ) -> ComputeResult:
        """Compute the local days `first_day` to `last_day`, both included, whether dirty or not."""
        until = slot_start(now - SETTLE)
        days = [first_day + timedelta(days=n) for n in range((last_day - first_day).days + 1)]
        return self._compute([d for d in days if day_bounds(d, self._park.zone)[0] < until], until, now, progress)

    def _compute(
        self, days: Sequence[date], until: datetime, now: datetime, progress: Progress | None
    ) -> ComputeResult:
        days = self._computable(days)
        corrections = in_force(self._state.corrections()) if days else ()
        seams = DaySeams(self._state, self._park.zone)
        learning = Learning(self._park, self._store, self._state)
        wanted, computed = self._with_interrupted(days, until), set[date]()
        changed = events = 0
        while wanted:
            stretches = deque(runs_of(wanted, self._chunk_days()))
            while stretches:
                first, last = stretches.popleft()
                grid = grid_of(first, last, self._park.zone, until)
                points = self._points(grid, until, corrections)
                derived = derive(self._park, points, grid, learning.known(grid))
                verdicts = learning.judge(derived, grid)
                start = first_of(verdicts)
                if start is not None and before(start, grid):
                    # What was learned counts from its day on, as if the days had come one by one.
                    day = day_of(start, self._park.zone)
                    stretches.extendleft([(day, last), (first, day - timedelta(days=1))])
                    continue
                changed += self._write(derived, grid)
                if begins := learning.say(verdicts, now):
                    self._state.set_value(_LEARNED_KEY, min(begins).isoformat())
                    stretches = self._from(min(begins), stretches, until)
                events += self._write_events(derived.events, grid)
                seams.take({p: s.seams for p, s in points.items()}, grid)
                computed.update(grid.days)
                if progress:
                    progress(len(computed), len(computed.union(days)))
            open_days = seams.open_days(computed, day_of(until - timedelta(microseconds=1), self._park.zone))
            wanted = list(self._computable(open_days))
        days = sorted(computed)
        changed += self._foretelling.write_plans(days, now)
        changed += months.write_months(self._park, self._store, self._state, days, until)
        seams.remember()
        if self._state.value(_LEARNED_KEY):
            self._state.set_value(_LEARNED_KEY, "")
        first_day, last_day = (days[0], days[-1]) if days else (None, None)
        return ComputeResult(len(days), first_day, last_day, until, changed, events)

    def _with_interrupted(self, days: Sequence[date], until: datetime) -> list[date]:
        """Return the days, and those a factor learned in a run that was interrupted had still to be applied to."""
        begin = self._state.value(_LEARNED_KEY) if days else None
        more = days_from(datetime.fromisoformat(begin), until, self._park) if begin else []
        return sorted({*days, *self._computable(more)})

    def _from(
        self, begin: datetime, stretches: Iterable[tuple[date, date]], until: datetime
    ) -> deque[tuple[date, date]]:
        """Return the stretches still to compute, with every day from which a new factor counts, in order.

        Where history came in later than newer days, these have been computed without it.
        """
        left = {first + timedelta(days=n) for first, last in stretches for n in range((last - first).days + 1)}
        left.update(self._computable(days_from(begin, until, self._park)))
        return deque(runs_of(sorted(left), self._chunk_days()))

    def _computable(self, days: Sequence[date]) -> Sequence[date]:
        """Return the days whose readings are there; of an archived month the numbers stand until it is back."""
        spans = dropped_spans(self._state) if days else []
        if not spans:
            return days
        bounds = [(to_us(start), to_us(end)) for start, end in (day_bounds(d, self._park.zone) for d in days)]
        return [d for d, whole in zip(days, without_dropped(spans, bounds), strict=True) if whole]

    def _chunk_days(self) -> int:
        """Return how many days at once keep the readings of the busiest point in bounds."""
        per_day = max((QUANTITIES * 86_400.0 / d.interval_s for _, d in self._park.assignments()), default=1.0)
        return max(1, min(CHUNK_DAYS, int(ROWS_PER_READ / per_day)))

    def _points(self, grid: Grid, until: datetime, corrections: Sequence[Correction]) -> dict[str, PointSeries]:
        """Read what a grid needs, a few devices at a time, and return every point's series."""
        found: dict[str, PointSeries] = {}
        for group in self._groups(grid):
            wanted = [self._park.point(p) for p in group]
            own = {p.id: correcting.of_point(corrections, p) for p in wanted} if corrections else {}
            grids = {p.id: self._grid_of_sums(grid, until, own.get(p.id, ())) for p in wanted}
            devices = sorted({d.id for p in wanted for d in p.devices})
            margin = max((self._margin(d.interval_s) for p in wanted for d in p.devices), default=timedelta(0))
            start = min(g.start for g in grids.values()) - _NEAR
            end = max(g.end for g in grids.values()) + _NEAR
            for applied in own.values():
                start, end = correcting.readings_needed(applied, start, end)
            samples = samples_around(self._store, start, end, devices, NEEDED, margin)
            for point in wanted:
                series = self._series(point, samples, grid, grids[point.id], own.get(point.id, ()))
                checked = [*meter_checks.meter_events(point, samples, grid), *tariff_events(point, samples, grid)]
                found[point.id] = replace(series, events=(*series.events, *checked))
        return found

    def _grid_of_sums(self, grid: Grid, until: datetime, corrections: Sequence[Correction]) -> Grid:
        """Return the grid, or a longer one where a correction spreads a sum over more than the grid."""
        start, end = correcting.whole_days(corrections, grid) if corrections else (grid.start, grid.end)
        if (start, end) == (grid.start, grid.end):
            return grid
        zone = self._park.zone
        return grid_of(day_of(start, zone), day_of(end - timedelta(microseconds=1), zone), zone, until)

    @staticmethod
    def _series(
        point: Point,
        samples: Mapping[str, DeviceSamples],
        grid: Grid,
        whole: Grid,
        corrections: Sequence[Correction],
    ) -> PointSeries:
        series = point_series(point, samples, whole, corrections)
        return series if whole is grid else part_of(series, whole, grid)

    def _groups(self, grid: Grid) -> Iterator[list[str]]:
        """Yield point ids whose readings together are few enough for one read."""
        seconds = (grid.end - grid.start).total_seconds()
        group: list[str] = []
        held = 0.0
        for point in self._park.points:
            expected = sum(QUANTITIES * seconds / d.interval_s for d in point.devices)
            if group and held + expected > ROWS_PER_READ:
                yield group
                group, held = [], 0.0
            group.append(point.id)
            held += expected
        if group:
            yield group

    @staticmethod
    def _margin(interval_s: float) -> timedelta:
        """Return how far beyond a stretch its cases are decided: gaps with a shape, dips that return, confirmation."""
        needed_us = max(CONTEXT_US, RETURN_WITHIN_US + gap_limit_us(interval_s), 2 * gap_limit_us(interval_s))
        return timedelta(microseconds=needed_us)

    def _write(self, derived: Derived, grid: Grid) -> int:
        if grid.closed == 0:
            return 0
        slots = rows.frame(derived.slots, grid.edges_us[:-1], slice(0, grid.closed))
        begun = int((grid.elapsed() > 0).sum())
        daily = rows.frame(derived.days, day_starts(grid), slice(0, begun))
        return self._store.write_slots(Period.SLOT, slots) + self._store.write_slots(Period.DAY, daily)

    def _write_events(self, events: Sequence[Event], grid: Grid) -> int:
        entities = [self._park.id, *(p.id for p in self._park.points), *(a.id for a in self._park.arrays)]
        for entity in dict.fromkeys(entities):
            own = [e for e in events if e.entity == entity and to_us(e.start) < grid.edges_us[-1]]
            self._state.replace_events(entity, grid.start, grid.end, own)
        return len(events)
