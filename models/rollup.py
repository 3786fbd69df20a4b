"""Slots -> days and months: sums, time-weighted means and ratios of sums, each with its coverage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.quality import Reason
from models.series import Bools, Floats, Grid, Ints, SlotSeries, bit, with_missing


@dataclass(frozen=True)
class Periods:
    """Longer periods on a grid: `of[k]` is the number of the period that holds slot k; `elapsed` counts closed slots."""

    of: Ints
    count: int
    elapsed: Ints
    running: Bools  # not over yet
    closed: int

    def sums(self, values: Floats) -> Floats:
        """Return the sum of `values` over the closed slots of every period; NaN does not count."""
        weights = np.where(np.isfinite(values[: self.closed]), values[: self.closed], 0.0)
        return np.bincount(self.of[: self.closed], weights=weights, minlength=self.count).astype(float)

    def reasons(self, masks: Ints) -> Ints:
        """Return all reasons of the closed slots of every period, without `missing`."""
        found = np.zeros(self.count, dtype=np.int64)
        np.bitwise_or.at(found, self.of[: self.closed], masks[: self.closed])
        return found & ~bit(Reason.MISSING)

    def share(self, shares: Floats, of: Floats | None = None) -> Floats:
        """Return the sum of `shares` over the elapsed slots, or over another count of slots; 0 where none elapsed."""
        slots = self.elapsed if of is None else of
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(slots > 0, np.clip(self.sums(shares) / slots, 0.0, 1.0), 0.0)

    def series(self, value: Floats, coverage: Floats, estimated: Floats, reasons: Ints) -> SlotSeries:
        """Return a series of these periods, marked where partly missing or still running."""
        reasons = with_missing(reasons, coverage + estimated)
        return SlotSeries(value, coverage, estimated, np.where(self.running, reasons | bit(Reason.PARTIAL), reasons))


def days_of(grid: Grid) -> Periods:
    """Return the local days of a grid."""
    elapsed = grid.elapsed()
    return Periods(grid.day_numbers(), len(grid.days), elapsed, elapsed < np.diff(grid.day_at), grid.closed)


def whole(grid: Grid) -> Periods:
    """Return the whole grid as one period: a month."""
    elapsed = np.array([grid.closed])
    return Periods(np.zeros(grid.size, dtype=np.int64), 1, elapsed, elapsed < grid.size, grid.closed)


def amount(series: SlotSeries, periods: Periods) -> SlotSeries:
    """Return the sum of what is known in every period; NaN where nothing is."""
    known = periods.sums(series.known.astype(float))
    value = np.where(known > 0, periods.sums(series.value), np.nan)
    shown = series.known
    return periods.series(
        value,
        periods.share(np.where(shown, series.coverage, 0.0)),
        periods.share(np.where(shown, series.estimated, 0.0)),
        periods.reasons(series.reasons),
    )


def mean(series: SlotSeries, periods: Periods) -> SlotSeries:
    """Return the mean over the known time of every period, weighted by that time."""
    weights = np.where(series.known, series.coverage, 0.0)
    time = periods.sums(weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(time > 0, periods.sums(series.value * weights) / time, np.nan)
    return periods.series(value, periods.share(weights), np.zeros(periods.count), periods.reasons(series.reasons))


def ratio(
    top: Floats, bottom: Floats, valid: Bools, parts: list[SlotSeries], periods: Periods, of: Bools | None = None
) -> SlotSeries:
    """Return sum(top) / sum(bottom) over the valid slots of every period; NaN where the divisor is not positive.

    Coverage is the measured share of the elapsed slots, or of those slots in `of`, counting only valid ones.
    """
    above = periods.sums(np.where(valid, top, 0.0))
    below = periods.sums(np.where(valid, bottom, 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(below > 0, above / below, np.nan)
    coverage = np.min([p.coverage for p in parts], axis=0)
    estimated = np.max([p.estimated for p in parts], axis=0)
    within = valid if of is None else valid & of
    slots = None if of is None else periods.sums(of.astype(float))
    masks = np.bitwise_or.reduce([p.reasons for p in parts])
    return periods.series(
        value,
        periods.share(np.where(within, coverage, 0.0), slots),
        periods.share(np.where(within, estimated, 0.0), slots),
        periods.reasons(np.where(valid, masks, 0)),
    )
