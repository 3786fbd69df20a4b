"""The curve of a register -> energy per slot, exact to the watt-hour.

The curve is interpolated at slot edges, rounded to whole watt-hours and differenced, so any sum of slots telescopes.
"""

from __future__ import annotations

import numpy as np

from core.quality import Reason
from models.judging import Case
from models.power import SHARE_DECIMALS, Profile
from models.registers import MEASURED, REASON, Curve
from models.series import HOUR_US, SLOT_US, Bools, Floats, Ints, SlotSeries, bit, with_missing

# Longer gaps run evenly: whoever computes any day sees this much beyond its ends, so all see the same shape.
SHAPED_US = 6 * HOUR_US
_IS_MEASURED = np.isin(list(Case), MEASURED)


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
    count_wh = counts_at(edges, *knots(curve, edges, shape))
    measured = _IS_MEASURED[curve.cases]
    coverage = _share(curve, edges, measured & ~curve.gaps)
    estimated = _share(curve, edges, (measured & curve.gaps) | (curve.cases == Case.RESET))
    known = coverage + estimated > 0
    value = np.where(known, np.diff(count_wh) / 1000.0, np.nan)
    return SlotSeries(value, coverage, estimated, with_missing(_reasons(curve, edges), coverage + estimated))


def counts_at(edges: Ints, times: Ints, counts: Ints) -> Ints:
    """Return the count at each edge in whole watt-hours, flat beyond both ends.

    Half a watt-hour always rounds up, and the arithmetic is whole: the day before and the day after must find the same
    count at midnight, wherever the count of each began.
    """
    at = np.clip(edges, times[0], times[-1])
    k = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    rise, into, span = counts[k + 1] - counts[k], at - times[k], times[k + 1] - times[k]
    if np.any(rise.astype(float) * into > 2**61):  # a step of months and millions of kWh
        rise, into, span = (a.astype(object) for a in (rise, into, span))
    found: Ints = counts[k] + ((2 * rise * into + span) // (2 * np.maximum(span, 1))).astype(np.int64)
    return found


def knots(curve: Curve, edges: Ints, shape: Profile | None) -> tuple[Ints, Ints]:
    """Return the curve's knots, with more of them inside gaps where the point's own power tells the shape."""
    times, counts = curve.times_us, curve.count_wh
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
            more_c.append(counts[k] + np.rint((counts[k + 1] - counts[k]) * fractions[1:-1]).astype(np.int64))
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
        mask = bit(REASON[case]) if case in REASON else 0
        mask |= bit(Reason.GAP) if curve.gaps[k] and case in MEASURED else 0
        first = max(0, int(np.searchsorted(edges, curve.times_us[k], side="right")) - 1)
        last = int(np.searchsorted(edges, curve.times_us[k + 1], side="left"))
        masks[first:last] |= mask
    return masks
