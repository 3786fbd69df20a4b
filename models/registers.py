"""Register readings -> slot energies of one (device, quantity, channel), exact to the watt-hour.

Every step between two readings is one of the named cases of `Case`. The steps that count are chained to one growing
curve in whole watt-hours; the curve is interpolated at slot edges, rounded to whole watt-hours and differenced, so any
sum of slots telescopes. What cannot be known, such as the energy around an unseen reset, is an event with bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from core.quality import Reason
from models.power import SHARE_DECIMALS, Profile, gap_limit_us
from models.series import HOUR_US, SLOT_US, Bools, Floats, Ints, SlotSeries, bit, with_missing

HEADROOM = 1.2  # a meter point may exceed its rating by this factor before a step is implausible
RETURN_WITHIN_US = 2 * HOUR_US  # a dip or spike has to come back within this time or RETURN_READINGS
RETURN_READINGS = 3
NEAR = 0.1  # a dip that comes back this close, relative to its depth, was a dip even where the meter is a large one
FROZEN_WITHIN_US = 6 * HOUR_US  # a display is believed to have frozen for no longer
FLOAT32 = 2.4e-7  # relative noise of a register that passed through a 32-bit float
# Longer gaps run evenly: whoever computes any day sees this much beyond its ends, so all see the same shape.
SHAPED_US = 6 * HOUR_US
SPREADABLE_US = 400 * 24 * HOUR_US  # a longer silence says nothing about its days
# Counts at which real displays and firmwares wrap: decimal displays of 4 to 9 digits, 32-bit watt-hours, in Wh.
ROLLOVERS_WH = (*(10**digits * 1000 for digits in range(4, 10)), 2**32)
ROLLOVER_ZONE = 0.99  # a wrap is believed only from the last hundredth of the display
INFERENCE_STEPS = 20  # without a rating: fewer growing steps than this say nothing about the largest power
INFERENCE_RANK = 3  # the third steepest step has happened before; one or two may be faults
INFERENCE_FACTOR = 5.0


class Case(IntEnum):
    """What one step between two accepted readings is."""

    NORMAL = 0
    JITTER = 1  # fell by no more than rounding: no energy, the high-water mark stays
    SPURIOUS = 2  # readings between were a dip or spike that returned; they are left out
    ROLLOVER = 3  # the display wrapped
    RESET = 4  # began again from zero: the new count is energy, what came before it is unknown
    REPLACED = 5  # another count altogether: no energy is booked
    IMPLAUSIBLE = 6  # rose more than the point can carry, and stayed there: no energy is booked
    SILENT = 7  # so long without a reading that its energy cannot be given to days


_REASON = {
    Case.JITTER: Reason.JITTER,
    Case.SPURIOUS: Reason.SPURIOUS,
    Case.ROLLOVER: Reason.ROLLOVER,
    Case.RESET: Reason.RESET,
    Case.REPLACED: Reason.REPLACED,
    Case.IMPLAUSIBLE: Reason.IMPLAUSIBLE,
    Case.SILENT: Reason.MISSING,
}
_MEASURED = (Case.NORMAL, Case.JITTER, Case.SPURIOUS, Case.ROLLOVER)


@dataclass(frozen=True)
class RegisterEvent:
    """A step that is not normal, in the register's own count.

    `counted_wh` was booked as energy. `uncounted_wh` is the step of the display that was not: booked plus not booked
    is always the difference of the display. `bound_wh` is the most the point can have carried beyond what was booked,
    NaN where its rating is unknown.
    """

    reason: Reason
    start_us: int
    end_us: int
    before_wh: int
    after_wh: int
    counted_wh: int
    uncounted_wh: int
    bound_wh: float
    left_out: int = 0  # readings


@dataclass(frozen=True)
class Curve:
    """The accepted readings of a register as one growing count in Wh, zero at the first of them."""

    times_us: Ints
    count_wh: Ints
    cases: Ints  # per step between accepted readings
    gaps: Bools  # per step: longer than the gap limit
    events: tuple[RegisterEvent, ...]


@dataclass(frozen=True)
class _Register:
    """Clean readings with what is plausible for them."""

    t: Ints
    w: Ints
    cap_w: float  # inf: unknown
    resolution_wh: int
    gap_us: int
    held_us: Ints  # readings after which the display froze

    def room_wh(self, i: int, j: int) -> float:
        """Return the most the register can have grown between two readings."""
        return self.cap_w * float(self.t[j] - self.t[i]) / HOUR_US + self.resolution_wh

    def jitter_wh(self, level: int) -> float:
        """Return how far the register may fall by rounding alone."""
        return 2 * self.resolution_wh + FLOAT32 * level


def read_register(times_us: Ints, values_kwh: Floats, *, rating_kw: float | None, interval_s: float) -> Curve:
    """Return the growing curve behind readings of one register.

    `times_us` are microseconds since 1970 in any order; of equal instants the last one counts. `values_kwh` is what
    the display showed; NaN is no reading. `rating_kw` is the largest power of what is metered, before any ratio; None
    means inferred from the readings where there are enough of them, else no step is too large. `interval_s` is how
    often the device reports.
    """
    t, w = _clean(times_us, values_kwh)
    resolution = _resolution_wh(w)
    cap_w = rating_kw * 1000.0 * HEADROOM if rating_kw else _inferred_cap_w(t, w)
    gap_us = gap_limit_us(interval_s, t)
    moving, held_us = _thawed(t, w, cap_w, resolution)
    return _chain(_Register(t[moving], w[moving], cap_w, resolution, gap_us, held_us))


def slot_energy(curve: Curve, edges_us: Ints, span_us: tuple[int, int], shape: Profile | None = None) -> SlotSeries:
    """Return energy per slot in kWh (whole Wh), labelled by slot start.

    Only what lies in `span_us` (half-open, microseconds) counts: the time the device served the point. Coverage is the
    share of the slot on measured steps, `estimated` the share on steps whose total is known but whose shape is not
    (gaps, resets); energy over a gap of up to six hours follows `shape`, the point's own power, where that is known for
    at least a quarter of the gap, and runs evenly otherwise. Slots of which nothing is known are NaN.
    """
    size = len(edges_us) - 1
    if len(curve.times_us) < 2:  # noqa: PLR2004 - a lone reading spans no time
        missing = np.full(size, bit(Reason.MISSING), dtype=np.int64)
        return SlotSeries(np.full(size, np.nan), np.zeros(size), np.zeros(size), missing)
    edges = np.clip(edges_us, *span_us)
    times, counts = _knots(curve, edges, shape)
    # Half a watt-hour always rounds up: unlike rounding to even this does not depend on where the count began.
    count_wh = np.floor(np.interp(edges, times, counts) + 0.5).astype(np.int64)
    measured = np.isin(curve.cases, _MEASURED)
    coverage = _share(curve, edges, measured & ~curve.gaps)
    estimated = _share(curve, edges, (measured & curve.gaps) | (curve.cases == Case.RESET))
    known = coverage + estimated > 0
    value = np.where(known, np.diff(count_wh) / 1000.0, np.nan)
    return SlotSeries(value, coverage, estimated, with_missing(_reasons(curve, edges), coverage + estimated))


def _clean(times_us: Ints, values_kwh: Floats) -> tuple[Ints, Ints]:
    fine = np.isfinite(values_kwh)
    t, w = times_us[fine], np.rint(values_kwh[fine] * 1000.0).astype(np.int64)
    order = np.argsort(t, kind="stable")
    t, w = t[order], w[order]
    last = np.ones(len(t), dtype=bool)
    last[:-1] = t[1:] != t[:-1]
    return t[last], w[last]


def _resolution_wh(w: Ints) -> int:
    """Return the coarsest of 1 kWh, 100 Wh, 10 Wh and 1 Wh that all readings are multiples of."""
    return next(step for step in (1000, 100, 10, 1) if not np.any(w % step))


def _inferred_cap_w(t: Ints, w: Ints) -> float:
    """Return a generous largest power from the readings' own slopes; inf where they are too few.

    Steps beside a falling one are left out: they belong to resets and dips.
    """
    rise = np.diff(w)
    falls = np.flatnonzero(rise < 0)
    fine = rise > 0
    for near in (falls - 1, falls + 1):
        fine[near[(near >= 0) & (near < len(fine))]] = False
    if np.count_nonzero(fine) < INFERENCE_STEPS:
        return np.inf
    slopes = np.sort(rise[fine] * (HOUR_US / np.diff(t)[fine]))
    return float(INFERENCE_FACTOR * slopes[-INFERENCE_RANK])


def _thawed(t: Ints, w: Ints, cap_w: float, resolution_wh: int) -> tuple[Bools, Ints]:
    """Return which readings are alive, and the instants after which the display froze.

    A gateway that has lost its meter repeats the last value; when the meter is back, its register steps further than
    one interval allows, but not further than the time since the display last moved. The repeated values are no
    readings: the energy is known in total, its time is not. The step has to last, or it is a spike.
    """
    moving, held = np.ones(len(t), dtype=bool), []
    if not np.isfinite(cap_w):
        return moving, np.zeros(0, dtype=np.int64)
    rise = np.diff(w)
    leaps = rise > cap_w * np.diff(t) / HOUR_US + resolution_wh
    for i in np.flatnonzero(leaps[1:] & (rise[:-1] == 0)) + 1:
        others = np.flatnonzero(w[:i] != w[i])
        k = int(others[-1]) + 1 if len(others) else 0
        after = w[i + 1 : i + 2 + RETURN_READINGS]
        lasts = len(after) > RETURN_READINGS and bool((after >= after[0]).all())
        fits = rise[i] <= cap_w * (t[i + 1] - t[k]) / HOUR_US + resolution_wh
        if lasts and fits and t[i] - t[k] <= FROZEN_WITHIN_US:
            moving[k + 1 : i + 1] = False
            held.append(int(t[k]))
    return moving, np.array(held, dtype=np.int64)


class _Chain:
    """The accepted readings so far. `level` is the display's high-water mark at the last of them."""

    def __init__(self, register: _Register) -> None:
        self.register = register
        self.level = int(register.w[0])
        self.accepted: list[Ints] = [np.array([0])]
        self.rises: list[Ints] = []
        self.cases: list[Ints] = []
        self.events: list[RegisterEvent] = []

    def run_on(self, i: int, j: int) -> None:
        """Accept the normal readings i+1 to j."""
        self.accepted.append(np.arange(i + 1, j + 1))
        self.rises.append(np.diff(self.register.w[i : j + 1]))
        self.cases.append(np.zeros(j - i, dtype=np.int64))
        self.level = int(self.register.w[j])

    def step(self, i: int, j: int, case: Case, rise_wh: int) -> None:
        """Accept reading j after i as one step of the given case and energy."""
        r = self.register
        after = int(r.w[j])
        self.accepted.append(np.array([j]))
        self.rises.append(np.array([rise_wh]))
        self.cases.append(np.array([int(case)]))
        level = max(self.level, after) if case in {Case.JITTER, Case.SPURIOUS} else after
        if case not in {Case.NORMAL, Case.JITTER}:
            bound = 0.0 if case in _MEASURED else max(0.0, r.room_wh(i, j) - rise_wh)
            bound = bound if np.isfinite(bound) else np.nan
            uncounted = level - self.level - rise_wh
            event = RegisterEvent(
                _REASON[case], int(r.t[i]), int(r.t[j]), self.level, after, rise_wh, uncounted, bound, j - i - 1
            )
            self.events.append(event)
        self.level = level

    def curve(self) -> Curve:
        """Return what was accepted; gaps that hold measured energy become events too."""
        r = self.register
        at = np.concatenate(self.accepted)
        t = r.t[at]
        rises = np.concatenate([np.zeros(1, dtype=np.int64), *self.rises]).astype(np.int64)
        cases = np.concatenate([np.zeros(0, dtype=np.int64), *self.cases])
        gaps = (np.diff(t) > r.gap_us) | np.isin(t[:-1], r.held_us)
        for k in np.flatnonzero(gaps & np.isin(cases, _MEASURED)):
            rise = int(rises[k + 1])
            before, after = int(r.w[at[k]]), int(r.w[at[k + 1]])
            self.events.append(RegisterEvent(Reason.GAP, int(t[k]), int(t[k + 1]), before, after, rise, 0, 0.0))
        return Curve(t, np.cumsum(rises), cases, gaps, tuple(sorted(self.events, key=lambda e: e.start_us)))


def _chain(r: _Register) -> Curve:
    n = len(r.t)
    if n == 0:
        none = np.zeros(0, dtype=np.int64)
        return Curve(none, none, none, np.zeros(0, dtype=bool), ())
    rise, span = np.diff(r.w), np.diff(r.t)
    room = r.cap_w * span / HOUR_US + r.resolution_wh
    odd = np.append(np.flatnonzero((rise < 0) | (rise > room) | (span > SPREADABLE_US)), n - 1)
    chain = _Chain(r)
    i = 0
    while i < n - 1:
        if chain.level == r.w[i]:
            j = int(odd[np.searchsorted(odd, i)])
            if j > i:
                chain.run_on(i, j)
                i = j
                continue
        step = _judge(r, chain.level, i)
        if step is None:
            break  # the last readings contradict the rest and nothing follows yet that would tell who is right
        case, j, rise_wh = step
        chain.step(i, j, case, rise_wh)
        i = j
    return chain.curve()


def _judge(r: _Register, level: int, i: int) -> tuple[Case, int, int] | None:
    """Say what follows reading i: (case, next accepted reading, energy in Wh); None while that is open."""
    j = i + 1
    after = int(r.w[j])
    rise = after - level
    room = r.room_wh(i, j)
    if r.t[j] - r.t[i] > SPREADABLE_US:
        return Case.SILENT, j, 0
    if 0 <= rise <= room:
        return Case.NORMAL, j, rise
    if rise < 0 and -rise <= r.jitter_wh(level):
        return Case.JITTER, j, 0
    return _judge_odd(r, level, i)


def _judge_odd(r: _Register, level: int, i: int) -> tuple[Case, int, int] | None:
    """Judge a step that one register cannot have made by counting."""
    j = i + 1
    back = _returns_at(r, level, i)
    if back is not None:
        return Case.SPURIOUS, back, max(0, int(r.w[back]) - level)
    if len(r.t) - j < RETURN_READINGS and r.t[-1] - r.t[j] < RETURN_WITHIN_US:
        return None
    if r.w[j] > level:
        return Case.IMPLAUSIBLE, j, 0
    return _fallen(r, level, i)


def _fallen(r: _Register, level: int, i: int) -> tuple[Case, int, int]:
    """Judge a register that fell and stayed down."""
    j = i + 1
    after = int(r.w[j])
    room = r.room_wh(i, j)
    if np.isfinite(room):
        for wrap in ROLLOVERS_WH:
            if ROLLOVER_ZONE * wrap <= level < wrap and after + wrap - level <= room:
                return Case.ROLLOVER, j, after + wrap - level
        if after <= room:
            return Case.RESET, j, after
    elif after <= r.resolution_wh:
        return Case.RESET, j, after
    return Case.REPLACED, j, 0


def _returns_at(r: _Register, level: int, i: int) -> int | None:
    """Return the reading at which a dip or spike after reading i is over; None where it does not return."""
    j = i + 1
    by_time = int(np.searchsorted(r.t, r.t[j] + RETURN_WITHIN_US, side="right"))
    candidates = np.arange(j + 1, min(len(r.t), max(by_time, j + 1 + RETURN_READINGS)))
    if not len(candidates):
        return None
    off = r.w[candidates] - level
    room = r.cap_w * (r.t[candidates] - r.t[i]) / HOUR_US + r.resolution_wh
    last_step = r.w[candidates] - r.w[candidates - 1]
    fits = (off >= -r.jitter_wh(level)) & (off <= room)
    first = int(r.w[j])
    if first > level:
        fits &= last_step < 0
    else:
        depth = level - first
        last_room = r.cap_w * (r.t[candidates] - r.t[candidates - 1]) / HOUR_US + r.resolution_wh
        in_one_step = (r.w[candidates - 1] - first <= NEAR * depth) & (off <= NEAR * depth)
        fits &= (last_step > last_room) | in_one_step
    found = np.flatnonzero(fits)
    return int(candidates[found[0]]) if len(found) else None


def _knots(curve: Curve, edges: Ints, shape: Profile | None) -> tuple[Ints, Floats]:
    """Return the curve's knots, with more of them inside gaps where the point's own power tells the shape."""
    times, counts = curve.times_us, curve.count_wh.astype(float)
    if shape is None or not len(shape.times_us):
        return times, counts
    more_t, more_c = [times], [counts]
    span = np.diff(times)
    for k in np.flatnonzero(curve.gaps & (np.diff(counts) > 0) & (span <= SHAPED_US)):
        a, b = times[k], times[k + 1]
        inner = edges[(edges > a) & (edges < b)]
        fractions = _fractions(shape, np.concatenate(([a], inner, [b])))
        if fractions is not None and len(inner):
            more_t.append(inner)
            more_c.append(counts[k] + np.rint((counts[k + 1] - counts[k]) * fractions[1:-1]))
    if len(more_t) == 1:
        return times, counts
    t, c = np.concatenate(more_t), np.concatenate(more_c)
    # Two assignments may put the same edge in twice; stable order keeps equal knots together.
    order = np.argsort(t, kind="stable")
    return t[order], c[order]


def _fractions(shape: Profile, instants: Ints) -> Floats | None:
    """Return the share of a gap's energy up to each instant; time without power is taken at the mean power."""
    energy, _, known = shape.at(instants)
    energy, known = energy - energy[0], known - known[0]
    span = (instants - instants[0]).astype(float)
    if known[-1] < 0.25 * span[-1] or energy[-1] <= 0:
        return None
    filled = energy + energy[-1] / known[-1] * (span - known)
    fractions: Floats = filled / filled[-1]
    return fractions


def _share(curve: Curve, edges: Ints, steps: Bools) -> Floats:
    """Return the share of every slot that lies on the given steps."""
    span = np.where(steps, np.diff(curve.times_us), 0)
    covered = np.concatenate(([0], np.cumsum(span))).astype(float)
    share: Floats = np.diff(np.interp(edges, curve.times_us, covered)) / SLOT_US
    np.clip(np.round(share, SHARE_DECIMALS), 0.0, 1.0, out=share)
    return share


def _reasons(curve: Curve, edges: Ints) -> Ints:
    """Return for every slot the bits of the steps that touch it."""
    masks = np.zeros(len(edges) - 1, dtype=np.int64)
    for k in np.flatnonzero((curve.cases != Case.NORMAL) | curve.gaps):
        case = Case(int(curve.cases[k]))
        mask = bit(_REASON[case]) if case in _REASON else 0
        mask |= bit(Reason.GAP) if curve.gaps[k] and case in _MEASURED else 0
        first = max(0, int(np.searchsorted(edges, curve.times_us[k], side="right")) - 1)
        last = int(np.searchsorted(edges, curve.times_us[k + 1], side="left"))
        masks[first:last] |= mask
    return masks
