"""Random register histories with known true energy: `make torture ARGS=histories`.

Every history is three local days of one register, some of them with 92 or 100 slots, with one kind of fault (or
several: "mixed"). Checked for each, in whole watt-hours: slots and events make up the display's difference between any
two accepted readings; no slot is negative; never more energy than there was, beyond the display's resolution; what is
not booked lies within the bounds of an event; order and duplicates do not matter; each day computed from the readings
around it is the same as all days at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from core.quality import Reason
from models.judging import ROLLOVERS_WH, context
from models.registers import Curve, read_register
from models.series import HOUR_US, Grid, Ints, SlotSeries, grid_of, to_us
from models.slotting import slot_energy

HISTORIES = 100_000
RATING_KW = 100.0
ALWAYS = (-(2**62), 2**62)
BERLIN = ZoneInfo("Europe/Berlin")
FIRST_DAYS = (date(2026, 3, 28), date(2026, 10, 24), date(2026, 6, 9), date(2026, 12, 30))
SPACINGS_S = (900, 900, 900, 300, 300, 60, 3600)
SHOWN_OF_EACH_KIND = 3


@dataclass
class History:
    """What flowed and what the display showed of it, in Wh; `interval_s` is how often the device reports."""

    times_us: Ints
    true_wh: Ints
    shown_wh: Ints
    interval_s: float
    grid: Grid
    resolution_wh: int = 1
    rollover_kwh: float | None = None
    bounded: bool = True  # energy is compared with the truth; several faults at once may be read in two ways
    timely: bool = True  # the display shows what flowed when it flowed, so any stretch is compared

    def keep(self, fine: np.ndarray) -> None:
        """Leave readings out."""
        self.times_us, self.true_wh, self.shown_wh = self.times_us[fine], self.true_wh[fine], self.shown_wh[fine]


@dataclass
class Tally:
    """What happened to the histories of one kind."""

    histories: int = 0
    readings: int = 0
    slots: int = 0
    events: int = 0
    violations: int = 0
    shown: list[str] = field(default_factory=list)


@cache
def grid_from(first: date) -> Grid:
    """Return three local days."""
    return grid_of(first, first + timedelta(days=2), BERLIN, datetime(2030, 1, 1, tzinfo=BERLIN))


def honest(rng: np.random.Generator) -> History:
    """Return a meter that works."""
    grid = grid_from(FIRST_DAYS[rng.integers(len(FIRST_DAYS))])
    spacing_s = int(rng.choice(SPACINGS_S))
    start, end = to_us(grid.start) - 9 * HOUR_US, to_us(grid.end) + 9 * HOUR_US
    times = np.arange(start, end, spacing_s * 1_000_000, dtype=np.int64)
    times = times + rng.integers(0, 1 + spacing_s * 200_000, len(times))
    load = RATING_KW * 1000 * rng.random() * rng.random(len(times)) * (rng.random(len(times)) > 0.2)
    true = np.cumsum(np.rint(load * np.diff(times, prepend=times[0]) / HOUR_US)).astype(np.int64)
    resolution = int(rng.choice((1, 1, 10, 100)))
    begin = int(rng.choice((0, 700_000, 48_213_500, 9_000_000_000)))
    history = History(times, true, begin + true, float(spacing_s), grid, resolution)
    return rounded(history)


def rounded(history: History) -> History:
    """Show no more than the display can."""
    history.shown_wh = history.shown_wh // history.resolution_wh * history.resolution_wh
    return history


def place(rng: np.random.Generator, history: History) -> int:
    """Choose a reading, often the first after midnight or after a slot's edge."""
    n = len(history.times_us)
    if rng.random() < 0.4:
        midnights = history.grid.edges_us[history.grid.day_at]
        at = int(np.searchsorted(history.times_us, rng.choice(midnights)))
    else:
        at = int(rng.integers(3, n - 3))
    return int(np.clip(at, 3, n - 3))


def stretch(rng: np.random.Generator, history: History, longest_us: int, most: int) -> slice:
    """Choose readings in a row, from one to as many as last `longest_us`."""
    at = place(rng, history)
    until = int(np.searchsorted(history.times_us, history.times_us[at] + longest_us))
    return slice(at, at + 1 + int(rng.integers(0, max(1, min(most, until - at - 1)))))


def room_wh(history: History, at: int) -> int:
    """Return what the point can carry at the most between a reading and the one before it, and some more."""
    span = int(history.times_us[at] - history.times_us[at - 1])
    return int(1.2 * RATING_KW * 1000 * span / HOUR_US) + 10 * history.resolution_wh + 5_000


# -- the faults


def gap(rng: np.random.Generator, history: History) -> None:
    hours = float(rng.choice((1, 3, 7, 20, 40)))
    at = place(rng, history)
    inside = np.arange(len(history.times_us)) >= at
    inside &= history.times_us < history.times_us[at] + int(hours * HOUR_US)
    inside[[0, 1, 2, -1, -2, -3]] = False
    history.keep(~inside)


def jitter(rng: np.random.Generator, history: History) -> None:
    low = rng.random(len(history.times_us)) < rng.choice((0.02, 0.5))
    history.shown_wh = np.maximum(history.shown_wh - low * history.resolution_wh, 0)


def dip(rng: np.random.Generator, history: History) -> None:
    history.shown_wh += 50_000_000  # a display near zero could have begun anew
    history.shown_wh[stretch(rng, history, 100 * 60_000_000, 50)] = int(rng.choice((0, 0, 3_000)))


def long_dip(rng: np.random.Generator, history: History) -> None:
    history.shown_wh += 50_000_000
    history.shown_wh[stretch(rng, history, 330 * 60_000_000, 1000)] = 0


def last_dip(rng: np.random.Generator, history: History) -> None:
    history.shown_wh += 50_000_000
    history.shown_wh[-int(rng.integers(1, 4)) :] = 0


def spike(rng: np.random.Generator, history: History) -> None:
    history.shown_wh[stretch(rng, history, 100 * 60_000_000, 4)] += int(rng.integers(4_000_000, 2**40))
    rounded(history)


def reset(rng: np.random.Generator, history: History) -> None:
    at = place(rng, history)
    history.shown_wh += 60_000_000  # no reset at a count where a display could have wrapped
    lost = int(rng.integers(0, history.true_wh[at] - history.true_wh[at - 1] + 1))
    history.shown_wh[at:] = history.true_wh[at:] - history.true_wh[at - 1] - lost
    rounded(history)


def replaced(rng: np.random.Generator, history: History) -> None:
    at = place(rng, history)
    history.shown_wh += 500_000_000
    begin = int(rng.integers(room_wh(history, at), 400_000_000))
    history.shown_wh[at:] = begin + history.true_wh[at:] - history.true_wh[at]
    rounded(history)


def jump(rng: np.random.Generator, history: History) -> None:
    at = place(rng, history)
    history.shown_wh[at:] += room_wh(history, at) + int(rng.integers(0, 2**36))
    rounded(history)


def frozen(rng: np.random.Generator, history: History) -> None:
    found = stretch(rng, history, 300 * 60_000_000, 1000)
    found = slice(found.start, min(found.stop, len(history.times_us) - 5))
    history.shown_wh[found] = history.shown_wh[found.start]
    history.timely = False


def wrapping(wraps: tuple[int, ...], declared: bool) -> Callable[[np.random.Generator, History], None]:
    def fault(rng: np.random.Generator, history: History) -> None:
        wrap = int(rng.choice(wraps))
        if wrap > 10**9 and not declared:
            history.resolution_wh = int(
                next(u for u in (1000, 100, 10, 1) if wrap % (2**32 * u) == 0 or wrap % 10**6 == 0)
            )
        history.shown_wh = wrap - 1 - history.true_wh[place(rng, history)] + history.true_wh
        history.shown_wh %= wrap
        history.rollover_kwh = wrap / 1000.0 if declared else None
        rounded(history)

    return fault


def duplicate(rng: np.random.Generator, history: History) -> None:
    again = rng.integers(0, len(history.times_us), 40)
    order = np.concatenate((np.arange(len(history.times_us)), again))
    history.times_us, history.shown_wh = history.times_us[order], history.shown_wh[order]
    history.true_wh = history.true_wh[order]


def reorder(rng: np.random.Generator, history: History) -> None:
    history.keep(rng.permutation(len(history.times_us)))


def coarse(_rng: np.random.Generator, history: History) -> None:
    history.resolution_wh = 1000
    rounded(history)


def float32(_rng: np.random.Generator, history: History) -> None:
    kept = (history.shown_wh / 1000.0).astype(np.float32).astype(float)
    history.shown_wh = np.rint(kept * 1000).astype(np.int64)
    history.resolution_wh += max(1, int(np.spacing(np.float32(history.shown_wh.max() / 1000)) * 1000) + 1)


def mixed(rng: np.random.Generator, history: History) -> None:
    history.bounded = False
    for kind in rng.choice(list(MIXABLE), int(rng.integers(2, 5))):
        FAULTS[str(kind)](rng, history)


def none(_rng: np.random.Generator, _history: History) -> None:
    pass


FAULTS: dict[str, Callable[[np.random.Generator, History], None]] = {
    "none": none,
    "gap": gap,
    "jitter": jitter,
    "dip": dip,
    "dip, long": long_dip,
    "dip, last seen": last_dip,
    "spike": spike,
    "reset": reset,
    "replaced": replaced,
    "jump that stays": jump,
    "frozen display": frozen,
    "rollover": wrapping(tuple(w for w in ROLLOVERS_WH if w % 10**6 == 0), declared=False),
    "rollover, declared": wrapping((3_000_000_000, 999_999_900, 65_536_000), declared=True),
    "32-bit wrap": wrapping(tuple(2**32 * u for u in (1, 10, 100)), declared=False),
    "duplicate": duplicate,
    "reorder": reorder,
    "1 kWh display": coarse,
    "32-bit float": float32,
    "mixed": mixed,
}
MIXABLE = ("gap", "jitter", "dip", "dip, long", "spike", "reset", "replaced", "jump that stays", "frozen display")


# -- what must hold


def read(history: History, part: slice | Ints = slice(None)) -> Curve:
    """Return the curve of some of the readings."""
    return read_register(
        history.times_us[part],
        history.shown_wh[part] / 1000.0,
        rating_kw=RATING_KW,
        interval_s=history.interval_s,
        rollover_kwh=history.rollover_kwh,
    )


def broken(history: History, rng: np.random.Generator) -> tuple[list[str], SlotSeries, Curve]:
    """Return what does not hold of one history."""
    curve = read(history)
    slots = slot_energy(curve, history.grid.edges_us, ALWAYS)
    found = [*_telescopes(history, curve, rng), *_slots_fit(curve, slots)]
    if history.bounded:
        found += _within_truth(history, curve)
    found += _any_order(history, curve, rng)
    found += _in_pieces(history, curve, slots)
    found += _in_two_services(history, curve, slots, rng)
    return found, slots, curve


def _sorted(history: History) -> tuple[Ints, Ints, Ints]:
    times, first = np.unique(history.times_us, return_index=True)
    return times, history.true_wh[first], history.shown_wh[first]


def _telescopes(history: History, curve: Curve, rng: np.random.Generator) -> Iterator[str]:
    times, _, shown = _sorted(history)
    display = shown[np.searchsorted(times, curve.times_us)]
    cuts = np.sort(rng.integers(0, len(curve.times_us), 6))
    for a, b in itertools.pairwise((0, *cuts, len(curve.times_us) - 1)):
        start, end = curve.times_us[[a, b]]
        told = sum(e.uncounted_wh for e in curve.events if start <= e.start_us < end)
        counted = int(curve.count_wh[b] - curve.count_wh[a])
        below = int(curve.below_wh[b] - curve.below_wh[a])
        if counted + told - below != int(display[b] - display[a]):
            yield "slots and events do not make up the display"
        if curve.below_wh[b] > 2 * history.resolution_wh + 2.4e-7 * display.max() + 1:
            yield "the display stands further below its mark than rounding explains"


def _slots_fit(curve: Curve, slots: SlotSeries) -> Iterator[str]:
    wh = np.rint(slots.value[slots.known] * 1000).astype(np.int64)
    if len(wh) and wh.min() < 0:
        yield "a slot is negative"
    if np.any(slots.coverage + slots.estimated > 1 + 1e-9):
        yield "a slot is covered twice"
    whole = np.arange(curve.times_us[0] // 900_000_000, curve.times_us[-1] // 900_000_000 + 2) * 900_000_000
    everywhere = slot_energy(curve, whole, ALWAYS)
    total = int(np.rint(everywhere.value[everywhere.known] * 1000).sum())
    if total != curve.count_wh[-1]:
        yield "the slots do not add up to the curve"


def _within_truth(history: History, curve: Curve) -> Iterator[str]:
    times, true, _ = _sorted(history)
    between = np.diff(true[np.searchsorted(times, curve.times_us)])
    bounds = np.zeros(len(between))
    for event in curve.events:
        if event.bound_wh > 0:
            bounds[int(np.searchsorted(curve.times_us, event.end_us)) - 1] += event.bound_wh
    counted, slack = np.cumsum(np.diff(curve.count_wh)), 4 * history.resolution_wh + 2
    over, under = counted - np.cumsum(between), np.cumsum(between - bounds) - counted
    if _worst(over, history.timely) > slack:
        yield "more energy than there was"
    if _worst(under - curve.below_wh[1:], history.timely) > slack:
        yield "energy is missing that no event bounds"


def _worst(excess: Ints, anywhere: bool) -> float:
    """Return the greatest excess over any stretch of time, or over all of it."""
    if not len(excess):
        return 0.0
    return float(np.max(excess - np.minimum.accumulate(np.append(0, excess))[:-1])) if anywhere else float(excess[-1])


def _any_order(history: History, curve: Curve, rng: np.random.Generator) -> Iterator[str]:
    order = rng.permutation(len(history.times_us))
    other = read(history, np.concatenate((order, order[:5])))
    if not (np.array_equal(curve.count_wh, other.count_wh) and curve.events == other.events):
        yield "the order of arrival matters"


def _in_pieces(history: History, curve: Curve, slots: SlotSeries) -> Iterator[str]:
    times, _, _ = _sorted(history)
    where = np.unique(history.times_us, return_index=True)[1]
    events = []
    for first, last in itertools.pairwise(history.grid.day_at):
        edges = history.grid.edges_us[first : last + 1]
        own = read(history, where[context(times, int(edges[0]), int(edges[-1]))])
        day = slot_energy(own, edges, ALWAYS)
        same = np.array_equal(day.value, slots.value[first:last], equal_nan=True)
        if not (same and np.array_equal(day.reasons, slots.reasons[first:last])):
            yield "a day alone is another than with all the rest"
        events += [e for e in own.events if edges[0] <= e.start_us < edges[-1]]
    ends = history.grid.edges_us[[0, -1]]
    if [_told(e) for e in events] != [_told(e) for e in curve.events if ends[0] <= e.start_us < ends[1]]:
        yield "events of single days are others than of all at once"


def _in_two_services(history: History, curve: Curve, slots: SlotSeries, rng: np.random.Generator) -> Iterator[str]:
    """Cut the register's service in two, as a change of its ratio does: nothing is lost or counted twice."""
    edges = history.grid.edges_us
    at = int(rng.integers(edges[0], edges[-1]))
    parts = [slot_energy(curve, edges, span) for span in ((ALWAYS[0], at), (at, ALWAYS[1]))]
    if np.any(np.abs(sum(np.nan_to_num(p.value) for p in parts) - np.nan_to_num(slots.value)) > 1e-6):
        yield "a change of ratio loses or doubles energy"


def _told(event: object) -> tuple[object, ...]:
    return tuple(v for k, v in vars(event).items() if k != "bound_wh")


def one(kind: str, seed: int, number: int) -> tuple[History, list[str], SlotSeries, Curve]:
    """Make and check one history; the same three words make the same history."""
    rng = np.random.default_rng([seed, number])
    history = honest(rng)
    FAULTS[kind](rng, history)
    return history, *broken(history, rng)


def tallied(histories: int, seed: int) -> dict[str, Tally]:
    """Check so many histories, the kinds in turn."""
    tallies = {kind: Tally() for kind in FAULTS}
    for number, kind in zip(range(histories), itertools.cycle(FAULTS), strict=False):
        history, wrong, slots, curve = one(kind, seed, number)
        tally = tallies[kind]
        tally.histories += 1
        tally.readings += len(history.times_us)
        tally.slots += len(slots.value)
        tally.events += len([e for e in curve.events if e.reason is not Reason.GAP])
        tally.violations += len(wrong)
        tally.shown += [f"seed {seed}, history {number}: {w}" for w in wrong][: SHOWN_OF_EACH_KIND - len(tally.shown)]
    return tallies


def run(share: float, seed: int) -> bool:
    """Check the histories and print a line per kind of fault."""
    tallies = tallied(max(len(FAULTS), int(HISTORIES * share)), seed)
    print(f"{'fault':20} {'histories':>9} {'readings':>11} {'slots':>11} {'events':>8} {'violations':>10}")
    for kind, t in tallies.items():
        print(f"{kind:20} {t.histories:9,} {t.readings:11,} {t.slots:11,} {t.events:8,} {t.violations:10,}")
    total = [
        sum(getattr(t, n) for t in tallies.values()) for n in ("histories", "readings", "slots", "events", "violations")
    ]
    print(f"{'all':20} {total[0]:9,} {total[1]:11,} {total[2]:11,} {total[3]:8,} {total[4]:10,}")
    for kind, t in tallies.items():
        for line in t.shown:
            print(f"VIOLATION {kind}: {line}")
    return total[4] == 0
