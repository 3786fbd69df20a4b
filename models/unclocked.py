"""Readings of devices that send no time: stamped on receipt, they seem newer than they are whenever a broker held them."""

from __future__ import annotations

import numpy as np

from models.samples import Samples
from models.series import HOUR_US, Bools, Floats, Ints

# By then a register that showed old telegrams again has shown a new one, even if the broker lost some in between.
REPEATED_INTERVALS = 3.0
REPEATED_US = HOUR_US // 6
OUTAGE_INTERVALS = 3.0  # a longer silence is an outage
CATCHING_UP_US = HOUR_US // 2  # after it, what waited is still coming in


def calm(samples: Samples, interval_s: float) -> tuple[Ints, Floats]:
    """Return times and values without bursts of uncertain time: of those only the last one counts.

    Messages that waited out an outage arrive at once; where the device sent no time they all seem to be of the time
    of receipt. Their last register reading is right then; the earlier ones and their power belong elsewhere.
    """
    found = _calm(samples, interval_s)
    return found.times_us, found.readings


def register(samples: Samples, interval_s: float, cap_kw: float | None) -> tuple[Ints, Floats]:
    """Return times and values in kWh of a register without those that an outage made to seem newer than they are.

    `cap_kw` is the largest power of what is metered, before any ratio; None where it is unknown.
    """
    found = _calm(_once(samples, interval_s), interval_s)
    if cap_kw is not None:
        found = _caught_up(found, interval_s, cap_kw)
    return found.times_us, found.readings


def _calm(samples: Samples, interval_s: float) -> Samples:
    if not samples.uncertain.any():
        return samples
    near = np.diff(samples.times_us) < 0.25e6 * interval_s
    return _without(samples, np.append(near & samples.uncertain[:-1], False))


def _once(samples: Samples, interval_s: float) -> Samples:
    """Return registers without those of uncertain time that are old telegrams delivered again.

    A broker that was killed brings back what it had delivered since it last saved, and without a time of its own an old
    telegram looks new. It gives itself away: the register falls to values it has shown before, each of them exactly,
    and is back above where it was within minutes.
    """
    t, v = samples.times_us, samples.readings
    falls = np.flatnonzero((np.diff(v) < 0) & samples.uncertain[1:]) + 1
    if not len(falls):
        return samples
    _, first_at, which = np.unique(v, return_index=True, return_inverse=True)
    shown_at = first_at[which]
    repeated = np.zeros(len(v), dtype=bool)
    within_us = max(REPEATED_US, REPEATED_INTERVALS * interval_s * 1e6)
    for k in falls.tolist():
        if repeated[k]:
            continue
        end = int(np.searchsorted(t, t[k] + within_us, side="right"))
        back = np.flatnonzero(v[k:end] >= v[k - 1])
        if len(back):
            again = slice(k, k + int(back[0]))
            # A dip to zero is a fault of the meter, and told as one.
            old = (shown_at[again] < k) & (v[again] != 0) & samples.uncertain[again]
            repeated[again] = bool(old.all())
    return _without(samples, repeated)


def _caught_up(samples: Samples, interval_s: float, cap_kw: float) -> Samples:
    """Return registers without those on the way through a backlog that comes in several bursts.

    From one burst to the next the register rises further than the time between them allows, but not further than the
    time since the outage began: then only the total is known, and the last burst tells it.
    """
    t, v = samples.times_us, samples.readings
    span, rise = np.diff(t), np.diff(v)
    leaps = np.flatnonzero((rise > _most_kwh(span, cap_kw)) & samples.uncertain[:-1])
    if not len(leaps):
        return samples
    after_outage = np.append(False, span > OUTAGE_INTERVALS * interval_s * 1e6)
    previous = np.arange(len(v)) - 1
    early = np.zeros(len(v), dtype=bool)
    for i in leaps.tolist():
        lowest = int(np.searchsorted(t, t[i] - CATCHING_UP_US))
        begun = np.flatnonzero(after_outage[lowest : i + 1])
        if not len(begun):
            continue
        first = lowest + int(begun[-1])
        last = int(previous[first])
        fits = 0 <= v[i + 1] - v[last] <= _most_kwh(t[i + 1] - t[last], cap_kw)
        if fits and samples.uncertain[first : i + 1].all():
            early[first : i + 1] = True
            # The outage now lasts until the next burst.
            after_outage[i + 1], previous[i + 1] = True, last
    return _without(samples, early)


def _most_kwh(span_us: Ints | int, cap_kw: float) -> Floats | float:
    return cap_kw * span_us / HOUR_US


def _without(samples: Samples, left_out: Bools) -> Samples:
    return Samples(samples.times_us[~left_out], samples.readings[~left_out], samples.uncertain[~left_out])
