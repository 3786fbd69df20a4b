"""What one step between two readings of a register is: the named cases, and the bounds that tell them apart.

A judgement looks at few readings around the step (`CONTEXT_READINGS`, and `CONTEXT_US` of time): whoever sees these
judges the same, however much more of the register he sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from models.series import HOUR_US, Bools, Floats, Ints

HEADROOM = 1.2  # a meter point may exceed its rating by this factor before a step is implausible
RETURN_WITHIN_US = 2 * HOUR_US  # a dip or spike has to come back within this time or RETURN_READINGS
RETURN_READINGS = 3  # where it stands still meanwhile, within FROZEN_WITHIN_US
NEAR = 0.1  # a dip that comes back this close, relative to its depth, was a dip even where the meter is a large one
FROZEN_WITHIN_US = 6 * HOUR_US  # a display is believed to have frozen for no longer
FLOAT32 = 2.4e-7  # relative noise of a register that passed through a 32-bit float
SPREADABLE_US = 400 * 24 * HOUR_US  # a longer silence says nothing about its days
CONTEXT_US = 7 * HOUR_US  # on either side of a step: what froze, and six spacings of the coarsest pace
CONTEXT_READINGS = 8
# Counts at which real displays and firmwares wrap, in Wh: decimal displays of 4 to 9 digits, unsigned 32 bits of
# 1 Wh, 0.01 kWh, 0.1 kWh and 1 kWh.
ROLLOVERS_WH = (*(10**digits * 1000 for digits in range(4, 10)), *(2**32 * unit for unit in (1, 10, 100, 1000)))
ROLLOVER_ZONE = 0.99  # a wrap nobody declared is believed only from the last hundredth of the display
INFERENCE_STEPS = 20  # without a rating: fewer growing steps than this say nothing about the largest power
INFERENCE_RANK = 3  # the third steepest step has happened before; one or two may be faults
INFERENCE_FACTOR = 5.0


class Case(IntEnum):
    """What one step between two accepted readings is."""

    NORMAL = 0
    JITTER = 1  # below the high-water mark by no more than rounding: no energy, the mark stays
    SPURIOUS = 2  # readings between were a dip or spike that returned; they are left out
    ROLLOVER = 3  # the display wrapped
    RESET = 4  # began again from zero: the new count is energy, what came before it is unknown
    REPLACED = 5  # another count altogether: no energy is booked
    IMPLAUSIBLE = 6  # rose more than the point can carry, and stayed there: no energy is booked
    SILENT = 7  # so long without a reading that its energy cannot be given to days


@dataclass(frozen=True)
class Judgement:
    """What follows a reading: the case, the next accepted reading, its energy, and how much more it may have been."""

    case: Case
    at: int
    rise_wh: int
    bound_wh: float = 0.0


@dataclass(frozen=True)
class Register:
    """Clean readings with what is plausible for them."""

    t: Ints
    w: Ints
    cap_w: float  # inf: unknown
    resolution_wh: int
    rollover_wh: int | None  # declared; None: the usual ones are tried

    def room_wh(self, i: int, j: int) -> float:
        """Return the most the register can have grown between two readings."""
        return self.cap_w * float(self.t[j] - self.t[i]) / HOUR_US + self.grain_wh(int(self.w[i]))

    def grain_wh(self, level: int) -> float:
        """Return the smallest step the display can show near a count."""
        return self.resolution_wh + FLOAT32 * level

    def jitter_wh(self, level: int) -> float:
        """Return how far the register may fall by rounding alone."""
        return 2 * self.resolution_wh + FLOAT32 * level

    def odd(self) -> Ints:
        """Return the readings after which something happens that counting and rounding do not explain."""
        rise, span, grain = np.diff(self.w), np.diff(self.t), FLOAT32 * self.w[:-1]
        room = self.cap_w * span / HOUR_US + self.resolution_wh + grain
        falls = rise < -(2 * self.resolution_wh + grain)
        return np.flatnonzero(falls | (rise > room) | (span > SPREADABLE_US))


def resolution_wh(w: Ints) -> int:
    """Return the coarsest of 1 kWh, 100 Wh, 10 Wh and 1 Wh that all readings are multiples of."""
    return next(step for step in (1000, 100, 10, 1) if step == 1 or not np.any(w % step))


def inferred_cap_w(t: Ints, w: Ints) -> float:
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


def thawed(t: Ints, w: Ints, cap_w: float, resolution: int) -> tuple[Bools, Ints]:
    """Return which readings are alive, and the instants after which the display froze.

    A gateway that has lost its meter repeats the last value; when the meter is back, its register steps further than
    one interval allows, but not further than the time since the display last moved. The repeated values are no
    readings: the energy is known in total, its time is not. The step has to last, or it is a spike.
    """
    moving, held = np.ones(len(t), dtype=bool), []
    if not np.isfinite(cap_w):
        return moving, np.zeros(0, dtype=np.int64)
    rise, grain = np.diff(w), resolution + FLOAT32 * w[:-1]
    leaps = rise > cap_w * np.diff(t) / HOUR_US + grain
    for i in np.flatnonzero(leaps[1:] & (rise[:-1] == 0)) + 1:
        first = max(0, int(np.searchsorted(t, t[i] - FROZEN_WITHIN_US)) - 1)
        others = np.flatnonzero(w[first:i] != w[i])
        k = first + int(others[-1]) + 1 if len(others) else first
        after = w[i + 1 : i + 2 + RETURN_READINGS]
        lasts = len(after) > RETURN_READINGS and bool((after >= after[0]).all())
        fits = rise[i] <= cap_w * (t[i + 1] - t[k]) / HOUR_US + grain[i]
        if lasts and fits and t[i] - t[k] <= FROZEN_WITHIN_US:
            moving[k + 1 : i + 1] = False
            held.append(int(t[k]))
    return moving, np.array(held, dtype=np.int64)


def blips(r: Register) -> list[tuple[int, int]]:
    """Return spikes no higher than the point could have counted, as the readings before and after each.

    Nothing tells them on the way up; but the register falls, and stands where the reading before them leads to. What
    is low enough to have begun from zero is left to the other cases.
    """
    found: list[tuple[int, int]] = []
    if not np.isfinite(r.cap_w):
        return found
    falls = np.flatnonzero(np.diff(r.w) < -(2 * r.resolution_wh + FLOAT32 * r.w[:-1]))
    for i in falls.tolist():
        j, after = i + 1, int(r.w[i + 1])
        if after <= r.room_wh(i, j):
            continue
        for p in range(i - 1, max(-1, i - 1 - RETURN_READINGS), -1):
            counts_on = -r.jitter_wh(after) <= after - int(r.w[p]) <= r.room_wh(p, j)
            if counts_on and bool((r.w[p + 1 : j] > after).all()):
                if not found or p >= found[-1][1]:
                    found.append((p, j))
                break
    return found


def judge(r: Register, level: int, i: int) -> Judgement | None:
    """Say what follows reading i, with the high-water mark `level`; None while that is open."""
    j = i + 1
    rise = int(r.w[j]) - level
    if r.t[j] - r.t[i] > SPREADABLE_US:
        return Judgement(Case.SILENT, j, 0, _more(r, i, j, 0))
    if 0 <= rise <= r.room_wh(i, j):
        return Judgement(Case.NORMAL, j, rise)
    if rise < 0 and -rise <= r.jitter_wh(level):
        return Judgement(Case.JITTER, j, 0)
    return _judge_odd(r, level, i)


def _judge_odd(r: Register, level: int, i: int) -> Judgement | None:
    """Judge a step that one register cannot have made by counting."""
    j = i + 1
    back = _returns_at(r, level, i)
    if back is not None:
        return _left_out(r, level, i, back)
    if _open(r, j):
        return None
    if r.w[j] > level:
        return Judgement(Case.IMPLAUSIBLE, j, 0, _more(r, _still_since(r, i), j, 0))
    return _fallen(r, level, i)


def _more(r: Register, i: int, j: int, rise_wh: int) -> float:
    """Return how much more than what is booked can have flowed between two readings; NaN where nobody knows."""
    room = r.room_wh(i, j)
    return max(0.0, room - rise_wh) if np.isfinite(room) else np.nan


def _still_since(r: Register, i: int) -> int:
    """Return since which reading the display has stood still; what it shows then may be no count."""
    first = max(0, int(np.searchsorted(r.t, r.t[i] - FROZEN_WITHIN_US)))
    others = np.flatnonzero(r.w[first:i] != r.w[i])
    return first + int(others[-1]) + 1 if len(others) else first


def _still_until(r: Register, j: int) -> int:
    """Return the last reading of those after j at which the display stands still."""
    last = int(np.searchsorted(r.t, r.t[j] + FROZEN_WITHIN_US, side="right"))
    return j + int(np.argmax(np.append(r.w[j:last] != r.w[j], True))) - 1


def _open(r: Register, j: int) -> bool:
    """Say whether it is too early to tell what reading j began: it may still return.

    Three readings settle it, but only if the display counts: zeros in a row, as at midnight, may return for hours.
    """
    counts = bool(np.any(r.w[j:] != r.w[j]))
    if counts and len(r.t) - j >= RETURN_READINGS:
        return False
    return bool(r.t[-1] - r.t[j] < (RETURN_WITHIN_US if counts else FROZEN_WITHIN_US))


def _left_out(r: Register, level: int, i: int, back: int) -> Judgement:
    """Judge a dip or spike that is over at reading `back`.

    Where the return is no more than the point could have counted, the display may as well have begun anew.
    """
    rise = max(0, int(r.w[back]) - level)
    counted = r.w[i + 1] < level and r.w[back] - r.w[back - 1] <= r.room_wh(back - 1, back)
    return Judgement(Case.SPURIOUS, back, rise, _more(r, i, back, rise) if counted else 0.0)


def _fallen(r: Register, level: int, i: int) -> Judgement:
    """Judge a register that fell and stayed down."""
    j = i + 1
    after = int(r.w[j])
    room = r.room_wh(i, j)
    if r.rollover_wh is not None and level < r.rollover_wh:
        wrapped = after + r.rollover_wh - level
        if wrapped <= room if np.isfinite(room) else level >= ROLLOVER_ZONE * r.rollover_wh:
            return Judgement(Case.ROLLOVER, j, wrapped)
    if np.isfinite(room):
        for wrap in ROLLOVERS_WH if r.rollover_wh is None else ():
            if ROLLOVER_ZONE * wrap <= level < wrap and after + wrap - level <= room:
                return Judgement(Case.ROLLOVER, j, after + wrap - level)
        if after <= room:
            return Judgement(Case.RESET, j, after, _more(r, i, _still_until(r, j), after))
    elif after <= r.resolution_wh:
        return Judgement(Case.RESET, j, after, np.nan)
    return Judgement(Case.REPLACED, j, 0, _more(r, i, j, 0))


def _returns_at(r: Register, level: int, i: int) -> int | None:
    """Return the reading at which a dip or spike after reading i is over; None where it does not return."""
    j = i + 1
    by_time = int(np.searchsorted(r.t, r.t[j] + RETURN_WITHIN_US, side="right"))
    by_frozen = int(np.searchsorted(r.t, r.t[j] + FROZEN_WITHIN_US, side="right"))
    counts_at = j + int(np.argmax(np.append(r.w[j:by_frozen] != r.w[j], True)))  # until then it stood still
    last = max(by_time, j + 1 + RETURN_READINGS, min(counts_at + 1, by_frozen))
    candidates = np.arange(j + 1, min(len(r.t), last))
    if not len(candidates):
        return None
    off = r.w[candidates] - level
    room = r.cap_w * (r.t[candidates] - r.t[i]) / HOUR_US + r.grain_wh(level)
    last_step = r.w[candidates] - r.w[candidates - 1]
    fits = (off >= -r.jitter_wh(level)) & (off <= room)
    first = int(r.w[j])
    if first > level:
        fits &= last_step < 0
    else:
        depth = level - first
        last_room: Floats = r.cap_w * (r.t[candidates] - r.t[candidates - 1]) / HOUR_US + r.resolution_wh
        in_one_step = (r.w[candidates - 1] - first <= NEAR * depth) & (off <= NEAR * depth)
        # Too high to have begun from zero, and above its old count within three readings: no other meter does that.
        no_reset = (first > r.room_wh(i, j)) & (candidates <= j + RETURN_READINGS)
        fits &= (last_step > last_room) | in_one_step | no_reset
    found = np.flatnonzero(fits)
    return int(candidates[found[0]]) if len(found) else None


def context(times_us: Ints, start_us: int, end_us: int) -> slice:
    """Return which of sorted readings say all there is to say about [start, end): more of them change nothing.

    That is the readings inside, and beside the nearest ones outside `CONTEXT_US` and the one beyond, or
    `CONTEXT_READINGS`.
    """
    before = int(np.searchsorted(times_us, start_us)) - 1
    after = int(np.searchsorted(times_us, end_us))
    first, last = 0, len(times_us)
    if before >= 0:
        by_time = int(np.searchsorted(times_us, times_us[before] - CONTEXT_US))
        first = max(0, min(by_time - 1, before - CONTEXT_READINGS))
    if after < len(times_us):
        by_time = int(np.searchsorted(times_us, times_us[after] + CONTEXT_US, side="right"))
        last = max(by_time + 1, after + 1 + CONTEXT_READINGS)
    return slice(first, last)
