"""A clock that is off: a meter's or a weather station's day is as it should be, but earlier or later.

Two sources are held against each other and each against the sun. The station's light against a cloudless sky tells a
shift of the better part of an hour or more; a meter against the light as the station saw it tells every shift, since
clouds pass both at once. Which of the two is off where they differ by less, the other meters say, and where there
are none, the middle between first and last light.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from core.findings import Fault, Finding, Picture
from core.quality import Event, Reason
from core.timebase import SLOT_HOURS, day_bounds
from models.faults import lag
from models.faults.pictures import SLOTS_AROUND, slots_around
from models.faults.sight import LIT, LIT_WM2, Sight
from models.faults.spans import runs
from models.series import Bools, Floats, Ints, bit, from_us

BY_SUN = 3  # slots: what a cloudless sky can tell of light under clouds
BY_MODEL = 4  # slots: what irradiance nobody measured on the site can tell
NEARLY = 1.0  # slots
CLOSE = 2  # slots: first and last light are dimmed by haze and hills
BETTER = 0.4  # of the misfit that is left after moving it
CLEAREST = 0.2  # of the days: clouds hide the sun's own shape on the others
LEAST = 0.01  # of misfit: ten minutes, which an azimuth written a few degrees wrong makes too
BEST = 0.35  # of misfit: what fits no better is no day of the sun's
DAYS = 3
USUAL_DAYS = 14
MINUTES = 15
MINUTES_PER_DEGREE = 4.0  # of longitude
CHECKED = 8  # slots: within two hours a day that lost its morning looks late
SAME_ENERGY = 0.85  # of what it gives at other times: a clock takes nothing away
FEWEST_OTHER = 7  # days, to know that
LOWEST_WM2 = 20.0  # of a cloudless sky: below, the share of it that is seen says nothing
BRIGHTEST = 1.3  # of a cloudless sky
BESIDE = timedelta(days=1)  # a clock goes wrong within a day
ON_SITE = bit(Reason.RUNG_POA) | bit(Reason.RUNG_GHI)


@dataclass(frozen=True)
class Shift:
    """Days `first` to `last` of the grid, both included, in which a clock was `slots` late (negative: early)."""

    first: int
    last: int
    slots: int

    def on(self, days: Ints) -> Bools:
        """Say for every slot, by its day, whether it lies in it."""
        inside: Bools = (days >= self.first) & (days <= self.last)
        return inside


def clocks(sights: Sequence[Sight]) -> tuple[list[Finding], list[Sight]]:
    """Return the times in which clocks were off, and the sights with the meters' clocks set right.

    Where the station's was, its expectation is worth nothing: those days are no longer measured.
    """
    found: list[Finding] = []
    mended: dict[int, Sight] = {}
    for under in dict.fromkeys(s.under for s in sights):
        group = [s for s in sights if s.under == under]
        station, meters = _agreed(group)
        common = _common(station, meters)
        found += [_of_station(group[0], shift, shift in common) for shift in station]
        for sight, shifts in zip(group, meters, strict=True):
            own = [s for s in shifts if s not in common or not station]
            found += [_of_meter(sight, shift) for shift in own]
            mended[id(sight)] = _mended(sight, shifts, station)
    return found, [mended[id(s)] for s in sights]


def told_by(found: Sequence[Finding], events: Sequence[Event], sights: Sequence[Sight]) -> list[Event]:
    """Return the events without what a shifted clock explains: light at night, a value that stands still by day."""
    points = {s.entity: s.point for s in sights}
    spans: list[tuple[set[str], datetime, datetime | None]] = []
    for one in found:
        group = [s.point for s in sights if s.under == one.entity and one.picture.facts.get("clocks") == "all"]
        who = {points.get(one.entity, one.entity), *group}
        spans.append((who, one.start - BESIDE, one.end + BESIDE if one.end else None))
    return [
        e
        for e in events
        if not any(e.entity in who and e.end > start and (end is None or e.start < end) for who, start, end in spans)
    ]


def _agreed(group: Sequence[Sight]) -> tuple[list[Shift], list[list[Shift]]]:
    """Return when the station's clock was off, and when each meter's."""
    station = [_signed(group, shift) for shift in _station_by_sun(group[0])]
    meters = [_with_station(sight, _meter(sight, station), station) for sight in group]
    for n, shifts in enumerate(list(meters)):
        for shift in shifts:
            if not any(_same(shift, s) for s in meters[n]):
                continue
            known = [s for s in station if s.first <= shift.last and shift.first <= s.last]
            if _is_stations(group, meters, n, shift, known):
                rest = [s for s in station if s not in known]
                told = [replace(s, slots=s.slots - shift.slots) for s in known]
                station = [*rest, *(told or [replace(shift, slots=-shift.slots)])]
                meters = [[s for s in own if not _same(s, shift)] for own in meters]
    return sorted((s for s in station if s.slots), key=lambda s: s.first), meters


def _with_station(sight: Sight, own: list[Shift], station: Sequence[Shift]) -> list[Shift]:
    """Return a meter's shifts, with those of the station it rather goes with than with the sun: the same logger, often."""
    found = list(own)
    for shift in station:
        if any(s.first <= shift.last and shift.first <= s.last for s in own):
            continue
        due, *_ = _due(sight, station)
        misfit = lag.misfits(due, np.where(sight.whole, sight.generation, np.nan), sight.grid)
        both = misfit[shift.first : shift.last + 1, [lag.FARTHEST + shift.slots, lag.FARTHEST]]
        known = both[np.isfinite(both).all(axis=1)]
        if len(known) and np.median(known[:, 0]) < BETTER * np.median(known[:, 1]):
            found.append(shift)
    return found


def _signed(group: Sequence[Sight], shift: Shift) -> Shift:
    """Return a shift of the station with its sign: half a day early or late is all the same to the sun, not to clouds."""
    if abs(shift.slots) < lag.FARTHEST:
        return shift
    both = [replace(shift, slots=k) for k in (lag.FARTHEST, -lag.FARTHEST)]
    return min(both, key=lambda s: _left(group[0], s))


def _left(sight: Sight, station: Shift) -> float:
    """Return what a shift of the station leaves of the meter's misfit."""
    misfit = lag.misfits(_due(sight, [station])[0], sight.generation, sight.grid)[:, lag.FARTHEST]
    known = misfit[np.isfinite(misfit)]
    return float(np.median(known)) if len(known) else 1.0


def _common(station: Sequence[Shift], meters: Sequence[Sequence[Shift]]) -> list[Shift]:
    """Return the shifts that all clocks share: no clock is off then, but the place or the time zone is."""
    return [s for s in station if all(any(_same(s, own) for own in shifts) for shifts in meters)]


def _same(a: Shift, b: Shift) -> bool:
    return a.slots == b.slots and a.first <= b.last and b.first <= a.last


def _is_stations(
    group: Sequence[Sight], meters: Sequence[Sequence[Shift]], number: int, shift: Shift, known: Sequence[Shift]
) -> bool:
    """Say whether the station's clock explains what a meter differs from it: all meters do, and the sun is with them.

    `known` is what the sun already said of the station then, to within a few slots.
    """
    sight = group[number]
    alike = [any(_same(own, shift) for own in shifts) for shifts in meters]
    if sight.light is None or sight.clear_light is None or not all(alike):
        return False
    if known:
        return abs(shift.slots) < BY_SUN
    middles = [_middle(x.generation, x.clear, LIT * SLOT_HOURS * x.rating_kw, x, shift) for x in group]
    known_middles = [m for m in middles if np.isfinite(m)]
    stations = _middle(sight.light, sight.clear_light, LIT_WM2, sight, shift)
    if not known_middles or not np.isfinite(stations):
        return len(group) > 1
    own = float(np.median(known_middles))
    meters_off = abs(own - shift.slots) + abs(stations)
    stations_off = abs(own) + abs(stations + shift.slots)
    # Where the sun does not decide, many clocks are seldom wrong together.
    return stations_off < meters_off + (NEARLY if len(group) > 1 else 0.0)


def _middle(
    made: Floats, clear: Floats | None, floor: Floats | float, sight: Sight, shift: Shift, at: int = 0
) -> float:
    """Return by how many slots the middle of the light is late, by the median of the days of a shift.

    Against that of the other days, where there are enough: a hill in the west is no clock. `at` is where it is sought.
    """
    if clear is None:
        return np.nan
    late = lag.middles(made, floor, sight.grid, at) - lag.middles(clear, floor, sight.grid, 0)
    own = np.zeros(len(late), dtype=bool)
    own[shift.first : shift.last + 1] = True
    usual = late[~own & np.isfinite(late)] if at == 0 else np.zeros(0)
    known = late[own & np.isfinite(late)]
    if not len(known):
        return np.nan
    return float(np.median(known) - (np.median(usual) if len(usual) >= FEWEST_OTHER else 0.0))


def _station_by_sun(sight: Sight) -> list[Shift]:
    if sight.light is None or sight.clear_light is None:
        return []
    misfit = lag.misfits(sight.clear_light, sight.light, sight.grid)
    misfit[:, 0] = np.nan  # half a day early is half a day late: one of them will do
    found = _shifts(misfit, BY_SUN, CLEAREST)
    return [s for s in found if _by_light(sight.light, sight.clear_light, LIT_WM2, sight, s)]


def _by_light(made: Floats, clear: Floats, floor: Floats | float, sight: Sight, shift: Shift) -> bool:
    """Say whether first and last light moved with the rest of the day."""
    return abs(_middle(made, clear, floor, sight, shift, shift.slots) - shift.slots) <= CLOSE


def _meter(sight: Sight, station: Sequence[Shift]) -> list[Shift]:
    """Return when a meter's clock was off, held against the light as the station saw it, or against the sun alone."""
    due, nearest, share = _due(sight, station)
    made = np.where(sight.whole, sight.generation, np.nan)
    found = _shifts(lag.misfits(due, made, sight.grid), nearest, share)
    found = [s for s in found if _same_energy(sight, s)]
    if sight.clear is None or sight.light is not None:
        return found
    floor = LIT * SLOT_HOURS * sight.rating_kw
    return [s for s in found if _by_light(sight.generation, sight.clear, floor, sight, s)]


def _due(sight: Sight, station: Sequence[Shift]) -> tuple[Floats, int, float]:
    """Return what shape the array's days should have, the least shift it can tell, and on what share of the days."""
    own = sight.per_reading // 2 + 1
    known = np.isfinite(sight.expected) & sight.due_known
    seen = _as_seen(sight, station)
    if seen is not None:
        on_site = known & (sight.rungs & ON_SITE != 0)
        for shift in station:
            on_site &= ~shift.on(sight.days)
        return np.where(on_site, sight.expected, seen), own, 0.5
    if (known & sight.bright).any():
        return np.where(known, sight.expected, np.nan), max(own, BY_MODEL), CLEAREST
    return (np.full(sight.grid.size, np.nan) if sight.clear is None else sight.clear), max(own, BY_MODEL), CLEAREST


def _as_seen(sight: Sight, station: Sequence[Shift]) -> Floats | None:
    """Return what shape the light gives the array's days, kWh at nameplate, once the station's clock is set right."""
    if sight.clear is None or sight.light is None or sight.clear_light is None:
        return None
    light = _light_in_time(sight.light, sight, station)
    high = sight.clear_light > LOWEST_WM2
    share = np.clip(light / np.where(high, sight.clear_light, 1.0), 0.0, BRIGHTEST)
    # Days nobody saw have no shape, not even in the twilight where no share can be told.
    seen = np.where(high, share, np.where(np.isfinite(light), 1.0, np.nan))
    return np.minimum(sight.clear * seen, sight.rating_kw * SLOT_HOURS)


def _light_in_time(light: Floats, sight: Sight, station: Sequence[Shift]) -> Floats:
    """Return the station's light as it would be with its clock set right."""
    found = light
    for shift in station:
        found = np.where(shift.on(sight.days), np.roll(light, -shift.slots), found)
    return found


def _shifts(misfit: lag.Matrix, nearest: int, share: float = 0.5) -> list[Shift]:
    """Return the stretches of days of which this share, the clearest, fit clearly better when moved.

    What a plane described not quite right or the label of a satellite's half hour moves the days by is there on all of
    them and fits them little better: a clock is what differs from that.
    """
    path = lag.steady(misfit)
    all_ = [Shift(a, b - 1, k) for k in np.unique(path).tolist() for a, b in runs(path == k)]
    sure = [s for s in all_ if s.slots and _fits(misfit, s, 0, share)]
    usual = _usual([s for s in all_ if s not in sure])
    if usual:
        sure = [s for s in all_ if s.slots != usual and _fits(misfit, s, usual, share)]
    found = [replace(s, slots=_refined(misfit[s.first : s.last + 1], s.slots, share) - usual) for s in sure]
    return [s for s in _joined(sorted(found, key=lambda s: s.first)) if abs(s.slots) >= nearest]


def _fits(misfit: lag.Matrix, shift: Shift, usual: int, share: float) -> bool:
    """Say whether days fit clearly better where they are moved than where all days are."""
    both = misfit[shift.first : shift.last + 1, [lag.FARTHEST + shift.slots, lag.FARTHEST + usual]]
    known = both[np.isfinite(both).all(axis=1)]
    if len(known) < DAYS:
        return False
    moved, still = np.quantile(known, share, axis=0).tolist()
    return bool(moved < BETTER * still and moved < BEST and still > LEAST)


def _usual(unmoved: Sequence[Shift]) -> int:
    """Return the lag nearest to none that many days have without being better for it."""
    days: dict[int, int] = {}
    for s in unmoved:
        days[s.slots] = days.get(s.slots, 0) + s.last + 1 - s.first
    often = [k for k, count in days.items() if count >= USUAL_DAYS and abs(k) <= CLOSE]
    return min(often, key=abs, default=0)


def _joined(shifts: Sequence[Shift]) -> list[Shift]:
    """Return the shifts with those that follow one another and differ by one slot as one."""
    found: list[Shift] = []
    for shift in shifts:
        last = found[-1] if found else None
        if last is None or shift.first > last.last + 1 or abs(shift.slots - last.slots) > 1:
            found.append(shift)
            continue
        old, new = last.last + 1 - last.first, shift.last + 1 - shift.first
        slots = round((last.slots * old + shift.slots * new) / (old + new))
        found[-1] = Shift(last.first, shift.last, slots)
    return found


def _refined(misfit: lag.Matrix, slots: int, share: float) -> int:
    """Return the lag at or beside `slots` that explains this share of the days, the clearest, best."""
    near = [k for k in range(slots - 1, slots + 2) if abs(k) <= lag.FARTHEST and k != 0]
    columns = [misfit[:, lag.FARTHEST + k] for k in near]
    left = [float(np.nanquantile(c, share)) if np.isfinite(c).any() else 1.0 for c in columns]
    return near[int(np.argmin(left))]


def _same_energy(sight: Sight, shift: Shift) -> bool:
    """Say whether the days of a small shift give what others do: what lacks energy is cut, not late."""
    if abs(shift.slots) > CHECKED:
        return True
    lit = sight.measured
    made, due = sight.sums(np.nan_to_num(sight.generation), lit), sight.sums(np.nan_to_num(sight.expected), lit)
    own = np.arange(len(due))
    inside = (own >= shift.first) & (own <= shift.last) & (due > 0)
    other = ~inside & (due > 0)
    if not inside.any():
        return True
    usual = float(np.median(made[other] / due[other])) if np.count_nonzero(other) >= FEWEST_OTHER else 1.0
    return float(np.median(made[inside] / due[inside])) >= SAME_ENERGY * usual


def _mended(sight: Sight, shifts: Sequence[Shift], station: Sequence[Shift]) -> Sight:
    """Return the sight with its meter's clock set right, and without the days of which nothing can be said."""
    generation, measured, drawn, power = sight.generation, sight.measured, sight.drawn, sight.power_kw
    for shift in shifts:
        where = shift.on(sight.days)
        generation, drawn, power = (
            np.where(where, np.roll(column, -shift.slots), column) for column in (generation, drawn, power)
        )
        measured = np.where(where, np.roll(sight.whole, -shift.slots) & sight.due_known, measured)
        measured &= ~_beside(sight, shift)
    for shift in station:
        measured &= ~shift.on(sight.days) & ~_beside(sight, shift)
    light = None if sight.light is None else _light_in_time(sight.light, sight, station)
    return replace(sight, generation=generation, measured=measured, drawn=drawn, power_kw=power, light=light)


def _beside(sight: Sight, shift: Shift) -> Bools:
    """Return the days at both ends of a shift: a clock goes wrong within one, and its readings lie over the next."""
    days, last = sight.days, len(sight.grid.days) - 1
    begun = (days >= shift.first - 1) & (days <= shift.first) & (shift.first > 0)
    over = (days >= shift.last) & (days <= shift.last + 1) & (shift.last < last)
    return begun | over


def _of_meter(sight: Sight, shift: Shift) -> Finding:
    lit = np.flatnonzero((sight.days == _shown(sight, shift)) & sight.bright)
    first, last = (int(lit[0]), int(lit[-1]) + 1) if len(lit) else (0, 0)
    rung = sight.rung_of(sight.bright & shift.on(sight.days))
    return _finding(sight, sight.entity, shift, rung, slots_around(sight, first, last, _facts(shift)))


def _of_station(sight: Sight, shift: Shift, common: bool) -> Finding:
    day = _shown(sight, shift)
    first, last = int(sight.grid.day_at[day]), int(sight.grid.day_at[day + 1])
    begin, end = max(0, first - SLOTS_AROUND), min(sight.grid.closed, last + SLOTS_AROUND)
    times = (from_us(stamp) for stamp in sight.grid.edges_us[begin:end])
    names = tuple(t.astimezone(sight.zone).isoformat(timespec="minutes") for t in times)
    seen, clear = (_known(column, begin, end) for column in (sight.light, sight.clear_light))
    facts = _facts(shift) | (
        {"clocks": "all", "east_deg": shift.slots * MINUTES / MINUTES_PER_DEGREE} if common else {}
    )
    picture = Picture("slots", "W/m²", names, seen, clear, first - begin, min(last, end) - begin, facts)
    return _finding(sight, sight.under, shift, "", picture)


def _known(column: Floats | None, begin: int, end: int) -> tuple[float | None, ...]:
    values = np.full(end - begin, np.nan) if column is None else column[begin:end]
    return tuple(float(v) if np.isfinite(v) else None for v in values)


def _shown(sight: Sight, shift: Shift) -> int:
    """Return the sunniest of the first days of a shift."""
    days = range(shift.first, min(shift.last, shift.first + FEWEST_OTHER) + 1)
    made = sight.sums(np.nan_to_num(sight.generation), sight.whole)
    return max(days, key=lambda n: float(made[n]))


def _facts(shift: Shift) -> dict[str, float | str]:
    minutes = float(shift.slots * MINUTES)
    return {"minutes": minutes, "what": f"{minutes:+.0f} min".replace("-", "−")}


def _finding(sight: Sight, entity: str, shift: Shift, rung: str, picture: Picture) -> Finding:
    grid = sight.grid
    return Finding(
        entity=entity,
        code=Fault.TIME_SHIFT,
        start=sight.at(int(grid.day_at[shift.first])),
        end=None if shift.last >= len(grid.days) - DAYS else day_bounds(grid.days[shift.last], sight.zone)[1],
        days={grid.days[n]: 0.0 for n in range(shift.first, shift.last + 1)},
        low_kwh=0.0,
        high_kwh=0.0,
        confidence=0.95,
        rung=rung,
        picture=picture,
    )
