"""Register readings -> one growing curve in whole watt-hours, of one (device, quantity, channel).

Every step between two readings is one of the named cases of `models.judging`. The steps that count are chained;
`models.slotting` reads energies per slot off the curve, so any sum of slots telescopes. What cannot be known, such as
the energy around an unseen reset, is an event with bounds. Between any two accepted readings holds, to the watt-hour:

    display's difference = energy of the slots + `uncounted_wh` of the events - change of how far it stands below its mark
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.quality import Reason
from models.judging import (
    FLOAT32,
    HEADROOM,
    Case,
    Judgement,
    Register,
    blips,
    inferred_cap_w,
    judge,
    resolution_wh,
    thawed,
)
from models.power import gaps
from models.series import Bools, Floats, Ints

REASON = {
    Case.JITTER: Reason.JITTER,
    Case.SPURIOUS: Reason.SPURIOUS,
    Case.ROLLOVER: Reason.ROLLOVER,
    Case.RESET: Reason.RESET,
    Case.REPLACED: Reason.REPLACED,
    Case.IMPLAUSIBLE: Reason.IMPLAUSIBLE,
    Case.SILENT: Reason.MISSING,
}
MEASURED = (Case.NORMAL, Case.JITTER, Case.SPURIOUS, Case.ROLLOVER)
LONGEST_RUN = 8192  # readings taken at once; bounds the work on a register that falls all the time


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
    below_wh: Ints  # how far the display stood below its high-water mark: rounding
    cases: Ints  # per step between accepted readings
    gaps: Bools  # per step: too long to know when it was
    events: tuple[RegisterEvent, ...]


def read_register(
    times_us: Ints,
    values_kwh: Floats,
    *,
    rating_kw: float | None,
    interval_s: float,
    rollover_kwh: float | None = None,
) -> Curve:
    """Return the growing curve behind readings of one register.

    `times_us` are microseconds since 1970 in any order; of equal instants the last one counts. `values_kwh` is what
    the display showed; NaN is no reading. `rating_kw` is the largest power of what is metered, before any ratio; None
    means inferred from the readings where there are enough of them, else no step is too large. `interval_s` is how
    often the device reports, `rollover_kwh` the count at which its display starts again, where somebody declared it.
    """
    t, w = _clean(times_us, values_kwh)
    resolution = resolution_wh(w)
    cap_w = rating_kw * 1000.0 * HEADROOM if rating_kw else inferred_cap_w(t, w)
    wrap = round(rollover_kwh * 1000.0) if rollover_kwh else None
    moving, held_us = thawed(t, w, cap_w, resolution)
    if len(held_us):
        t, w = t[moving], w[moving]
    register = Register(t, w, cap_w, resolution, wrap)
    spikes = blips(register)
    if spikes:
        keep = np.ones(len(t), dtype=bool)
        for before, after in spikes:
            keep[before + 1 : after] = False
        register = Register(t[keep], w[keep], cap_w, resolution, wrap)
    left_out = {int(t[before]): after - before - 1 for before, after in spikes}
    return _chained(register, held_us, left_out, interval_s)


def _clean(times_us: Ints, values_kwh: Floats) -> tuple[Ints, Ints]:
    fine = np.isfinite(values_kwh)
    t, shown = (times_us, values_kwh) if fine.all() else (times_us[fine], values_kwh[fine])
    w: Ints = np.rint(shown * 1000.0).astype(np.int64)
    span = np.diff(t)
    if np.any(span < 0):
        order = np.argsort(t, kind="stable")
        t, w = t[order], w[order]
        span = np.diff(t)
    if np.all(span > 0):
        return t, w
    last = np.append(span != 0, np.ones(min(1, len(t)), dtype=bool))
    return t[last], w[last]


class _Chain:
    """The accepted readings so far. `level` is the display's high-water mark at the last of them."""

    def __init__(self, register: Register) -> None:
        self.register = register
        self.level = int(register.w[0])
        none = np.zeros(0, dtype=np.int64)
        self.accepted: list[Ints] = [np.array([0])]
        self.rises: list[Ints] = [np.array([0])]
        self.below: list[Ints] = [np.array([0])]
        self.cases: list[Ints] = [none]
        self.events: list[RegisterEvent] = []

    def run_on(self, i: int, j: int) -> int:
        """Accept the readings i+1 to j that follow by counting and rounding; return the last of them."""
        w = self.register.w[i + 1 : min(j, i + LONGEST_RUN) + 1]
        marks = np.maximum.accumulate(np.concatenate(([self.level], w)))
        below = marks[1:] - w
        fine = below <= 2 * self.register.resolution_wh + FLOAT32 * marks[1:]
        end = len(w) if fine.all() else int(np.argmin(fine))
        self.accepted.append(np.arange(i + 1, i + 1 + end))
        self.rises.append(np.diff(marks[: end + 1]))
        self.below.append(below[:end])
        self.cases.append(np.where(below[:end] > 0, np.int64(Case.JITTER), np.int64(Case.NORMAL)))
        self.level = int(marks[end])
        return i + end

    def step(self, i: int, found: Judgement) -> None:
        """Accept one reading after i as judged."""
        r, j, case = self.register, found.at, found.case
        after = int(r.w[j])
        level = max(self.level, after) if case in {Case.JITTER, Case.SPURIOUS} else after
        self.accepted.append(np.array([j]))
        self.rises.append(np.array([found.rise_wh]))
        self.below.append(np.array([level - after]))
        self.cases.append(np.array([int(case)]))
        if case not in {Case.NORMAL, Case.JITTER}:
            event = RegisterEvent(
                REASON[case],
                int(r.t[i]),
                int(r.t[j]),
                self.level,
                after,
                found.rise_wh,
                level - self.level - found.rise_wh,
                found.bound_wh,
                j - i - 1,
            )
            self.events.append(event)
        self.level = level

    def curve(self, held_us: Ints, left_out: dict[int, int], interval_s: float) -> Curve:
        """Return what was accepted; gaps that hold measured energy become events too, and spikes left out before."""
        r = self.register
        at = np.concatenate(self.accepted)
        t, rises, cases = r.t[at], np.concatenate(self.rises), np.concatenate(self.cases)
        for k in np.flatnonzero(np.isin(t[:-1], list(left_out))) if left_out else ():
            if cases[k] in {Case.NORMAL, Case.JITTER}:
                cases[k] = Case.SPURIOUS
                display, rise, number = r.w[at[k : k + 2]], int(rises[k + 1]), left_out[int(t[k])]
                span = (int(t[k]), int(t[k + 1]), int(display[0]), int(display[1]))
                self.events.append(RegisterEvent(Reason.SPURIOUS, *span, rise, 0, 0.0, number))
        in_gap = gaps(t, interval_s)
        if len(held_us):
            in_gap |= np.isin(t[:-1], held_us)
        for k in np.flatnonzero(in_gap):
            if cases[k] not in MEASURED:
                continue
            before, after = int(r.w[at[k]]), int(r.w[at[k + 1]])
            rise = int(rises[k + 1])
            self.events.append(RegisterEvent(Reason.GAP, int(t[k]), int(t[k + 1]), before, after, rise, 0, 0.0))
        events = tuple(sorted(self.events, key=lambda e: e.start_us))
        return Curve(t, np.cumsum(rises), np.concatenate(self.below), cases, in_gap, events)


def _chained(r: Register, held_us: Ints, left_out: dict[int, int], interval_s: float) -> Curve:
    n = len(r.t)
    if n == 0:
        none = np.zeros(0, dtype=np.int64)
        return Curve(none, none, none, none, np.zeros(0, dtype=bool), ())
    odd = np.append(r.odd(), n - 1)
    chain = _Chain(r)
    i = 0
    while i < n - 1:
        j = int(odd[np.searchsorted(odd, i)])
        at = chain.run_on(i, j) if j > i else i
        if at > i:
            i = at
            continue
        found = judge(r, chain.level, i)
        if found is None:
            break  # the last readings contradict the rest and nothing follows yet that would tell who is right
        chain.step(i, found)
        i = found.at
    return chain.curve(held_us, left_out, interval_s)
