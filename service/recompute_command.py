"""`parkwatt recompute`: figures of the past follow a PARK.yaml that was put right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from core.archived import dropped_spans, without_dropped
from core.clock import SystemClock
from core.errors import ConfigError
from core.park import Park
from core.timebase import day_bounds, day_of, days_between
from models.series import from_us, to_us
from service import address, basis
from service.progress import bar
from service.runner import Runtime, catch_up, opened

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Recomputed:
    """Which local days were computed anew, and of which the readings are archived."""

    days: tuple[date, ...]
    archived: tuple[date, ...]

    def told(self) -> str:
        """Say it in lines for a person."""
        lines = [f"{len(self.days)} days computed anew, {self.days[0]} to {self.days[-1]}"] if self.days else []
        if self.archived:
            lines.append(
                f"{len(self.archived)} days stand as they were, {self.archived[0]} to {self.archived[-1]}: their "
                "readings are archived; import the archived files first to compute them too"
            )
        return "\n".join(lines)


def command(park: Park, first: date | None, last: date | None) -> int:
    """Compute the days from `first` to `last` anew; by default all from the first reading until today."""
    if address.running(park):
        # It computes by the PARK.yaml that it read when it started, which may be the wrong one.
        raise ConfigError("the park is running by the PARK.yaml it started with", "stop it, recompute, start it again")
    with opened(park, SystemClock(), "", "serve") as runtime:
        result = recompute(runtime, first, last, bar("computing"))
    print(result.told())
    return 0


def recompute(
    runtime: Runtime, first: date | None = None, last: date | None = None, progress: Progress | None = None
) -> Recomputed:
    """Compute local days anew, whether their readings changed or not; raises ConfigError where there are none.

    A crash on the way repeats work at the next run: the days are marked before anything is computed.
    """
    with runtime.working:
        days = _asked(runtime, first, last)
        zone = runtime.park.zone
        bounds = [(to_us(start), to_us(end)) for start, end in (day_bounds(day, zone) for day in days)]
        whole = without_dropped(dropped_spans(runtime.state), bounds)
        there = tuple(day for day, is_whole in zip(days, whole, strict=True) if is_whole)
        # A marked day is computed for the whole park: one device stands for all, of which there may be ten thousand.
        device = min(device.id for _, device in runtime.park.assignments())
        runtime.state.mark_dirty((device, day) for day in there)
        basis.keep(runtime.park, runtime.state)
    catch_up(runtime, progress)
    return Recomputed(there, tuple(sorted(set(days) - set(there))))


def _asked(runtime: Runtime, first: date | None, last: date | None) -> list[date]:
    """Return the local days of a range that can hold figures."""
    zone, now = runtime.park.zone, runtime.clock.now()
    today = day_of(now, zone)
    if first and last and first > last:
        raise ConfigError(f"--from {first} is after --to {last}", "name the first day before the last")
    for day in (first, last):
        if day and day > today:
            raise ConfigError(f"{day} is yet to come", f"it is {today} in the park")
    begun = runtime.store.info().first_reading
    if begun is None or not runtime.park.assignments():
        raise ConfigError("there are no readings to compute from", "bring some in with `parkwatt import`")
    start = min([begun, *(from_us(since) for since, _ in dropped_spans(runtime.state))])
    days = [d for d in days_between(start, now, zone) if (first or d) <= d <= (last or d)]
    if not days:
        raise ConfigError(f"there are no readings up to {last}", f"the first are of {day_of(start, zone)}")
    return days
