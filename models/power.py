"""Instant values -> slot energies and slot means, weighted by time.

Between two samples the value runs along a straight line (trapezoid rule), so unevenly spaced samples weigh what they
last and never what they number. A gap is not bridged: there nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.quality import Reason
from models.series import HOUR_US, SLOT_US, Bools, Floats, Ints, SlotSeries, bit, with_missing

# Integrals are differences of long running sums; beyond these decimals they are noise, and noise is no new value.
ENERGY_DECIMALS = 6
SHARE_DECIMALS = 9
COARSEST_PACE_US = HOUR_US + 300_000_000  # samples further apart than this say too little about the slots between
PACE_SPACINGS = 6  # fewer like spacings than this are no pace
PACE_TOLERANCE = 0.5
GAP_TOLERANCE_US = 60_000_000  # spacing of one slot may jitter by a minute before it counts as a gap


def gap_limit_us(interval_s: float, times_us: Ints | None = None) -> int:
    """Return the longest spacing of samples, in microseconds, that still is no gap.

    Three times the reporting interval, yet never less than one slot and a minute: imported history often comes at
    15-minute spacing from devices that report every minute when live. Where the samples `times_us` themselves keep a
    coarser pace of up to an hour, as hourly history does, twice that pace.
    """
    limit = max(int(3e6 * interval_s), SLOT_US + GAP_TOLERANCE_US)
    return limit if times_us is None else max(limit, 2 * _pace_us(times_us))


def gaps(times_us: Ints, interval_s: float) -> Bools:
    """Return for every step between sorted samples whether it is a gap.

    As `gap_limit_us`, but the pace is that of the spacings beside each step, so it does not matter how much more of a
    history the samples hold.
    """
    span = np.diff(times_us)
    limit = gap_limit_us(interval_s)
    found = span > limit
    wide = np.flatnonzero(found)
    wide = wide[span[wide] <= 2 * COARSEST_PACE_US]
    if len(wide):
        at = wide[:, None] + np.arange(-PACE_SPACINGS, PACE_SPACINGS + 1)
        near = np.sort(np.where((at >= 0) & (at < len(span)), span[np.clip(at, 0, len(span) - 1)], 0), axis=1)
        passed = np.cumsum(near, axis=1)
        half = np.argmax(2 * passed >= passed[:, -1:], axis=1)
        pace = near[np.arange(len(wide)), half]
        alike = np.count_nonzero((np.abs(near - pace[:, None]) <= PACE_TOLERANCE * pace[:, None]) & (near > 0), axis=1)
        kept = (pace <= COARSEST_PACE_US) & (alike >= PACE_SPACINGS)
        found[wide] = span[wide] > np.where(kept, np.maximum(limit, 2 * pace), limit)
    return found


def _pace_us(times_us: Ints) -> int:
    """Return the spacing most of the time is spent at, where it is regular and at most an hour; else 0."""
    spacing = np.sort(np.diff(times_us))
    if not len(spacing):
        return 0
    passed = np.cumsum(spacing)
    pace = float(spacing[np.searchsorted(passed, passed[-1] / 2)])
    alike = np.count_nonzero(np.abs(spacing - pace) <= PACE_TOLERANCE * pace)
    return int(pace) if pace <= COARSEST_PACE_US and alike >= PACE_SPACINGS else 0


@dataclass(frozen=True)
class Profile:
    """A piecewise linear curve with holes, and its integrals up to every knot.

    `positive` and `negative` are integrals of the curve's two signs in unit-hours, both growing; `known_us` is the
    time on the curve, in microseconds. Knots stand at every sample and every change of sign.
    """

    times_us: Ints
    ordinates: Floats
    positive: Floats
    negative: Floats
    known_us: Floats
    bridged: Floats  # per stretch between knots: 1 on the curve, 0 in a hole

    def at(self, instants_us: Ints) -> tuple[Floats, Floats, Floats]:
        """Return (positive, negative, known_us) integrals from the first knot up to each instant."""
        if len(self.times_us) < 2:  # noqa: PLR2004 - a single sample spans no time
            zero = np.zeros(len(instants_us))
            return zero, zero, zero
        x = np.clip(instants_us, self.times_us[0], self.times_us[-1])
        k = np.clip(np.searchsorted(self.times_us, x, side="right") - 1, 0, len(self.times_us) - 2)
        into = (x - self.times_us[k]).astype(float)
        slope = (self.ordinates[k + 1] - self.ordinates[k]) / (self.times_us[k + 1] - self.times_us[k])
        area = (self.ordinates[k] * into + 0.5 * slope * into**2) / HOUR_US * self.bridged[k]
        return (
            self.positive[k] + np.maximum(area, 0.0),
            self.negative[k] + np.maximum(-area, 0.0),
            self.known_us[k] + into * self.bridged[k],
        )


def profile(times_us: Ints, values: Floats, gap_us: int) -> Profile:
    """Return the curve through samples sorted by time, each time once; NaN samples are left out."""
    fine = np.isfinite(values)
    t, v = times_us[fine], values[fine].astype(float)
    crossing = np.flatnonzero(v[:-1] * v[1:] < 0)
    if len(crossing):
        share = v[crossing] / (v[crossing] - v[crossing + 1])
        zero_at = t[crossing] + np.round(share * (t[crossing + 1] - t[crossing])).astype(np.int64)
        inside = (zero_at > t[crossing]) & (zero_at < t[crossing + 1]) & (np.diff(t)[crossing] <= gap_us)
        t = np.insert(t, crossing[inside] + 1, zero_at[inside])
        v = np.insert(v, crossing[inside] + 1, 0.0)
    span = np.diff(t).astype(float)
    bridged = (span <= gap_us).astype(float)
    area = 0.5 * (v[:-1] + v[1:]) * span / HOUR_US * bridged
    return Profile(
        t, v, _running(np.maximum(area, 0.0)), _running(np.maximum(-area, 0.0)), _running(span * bridged), bridged
    )


def slot_energy(curve: Profile, edges_us: Ints, span_us: tuple[int, int]) -> tuple[SlotSeries, SlotSeries]:
    """Return (import, export) energy per slot in kWh from power in kW, positive with import.

    Slots are labelled by their start. Only what lies in `span_us` (half-open, microseconds) counts. Both series carry
    the reason `from_power`; a slot in which no time is known is NaN.
    """
    positive, negative, known = (np.diff(a) for a in curve.at(np.clip(edges_us, *span_us)))
    share = np.round(known / SLOT_US, SHARE_DECIMALS)
    reasons = with_missing(np.where(known > 0, bit(Reason.FROM_POWER), 0), share)
    nothing = np.zeros(len(known))
    return (
        SlotSeries(np.where(known > 0, np.round(positive, ENERGY_DECIMALS), np.nan), share, nothing, reasons),
        SlotSeries(np.where(known > 0, np.round(negative, ENERGY_DECIMALS), np.nan), share, nothing, reasons),
    )


def slot_mean(curve: Profile, edges_us: Ints, span_us: tuple[int, int]) -> SlotSeries:
    """Return the time-weighted mean per slot, over the known part of it, in the samples' own unit."""
    positive, negative, known = (np.diff(a) for a in curve.at(np.clip(edges_us, *span_us)))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known > 0, np.round((positive - negative) * HOUR_US / known, ENERGY_DECIMALS), np.nan)
    share = np.round(known / SLOT_US, SHARE_DECIMALS)
    return SlotSeries(mean, share, np.zeros(len(known)), with_missing(np.zeros(len(known), dtype=np.int64), share))


def _running(steps: Floats) -> Floats:
    return np.concatenate(([0.0], np.cumsum(steps)))
