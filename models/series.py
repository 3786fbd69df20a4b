"""A number per slot with what is known about it, and the grid of slots it lies on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from core.quality import Reason
from core.timebase import SLOT, day_bounds

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SLOT_US = int(SLOT / timedelta(microseconds=1))
HOUR_US = 3_600_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BIT = {reason: 1 << n for n, reason in enumerate(Reason)}


def bit(reason: Reason | str) -> int:
    """Return the bit that stands for a reason code."""
    return _BIT[Reason(reason)]


def reason_text(mask: int) -> str:
    """Return a mask in the stored form: sorted codes, space-separated."""
    return " ".join(sorted(r for r, b in _BIT.items() if mask & b))


def reason_texts(masks: Ints) -> npt.NDArray[np.object_]:
    """Return every mask in the stored form."""
    known, inverse = np.unique(masks, return_inverse=True)
    return np.array([reason_text(int(m)) for m in known], dtype=object)[inverse]


def to_us(instant: datetime) -> int:
    """Return an aware instant as microseconds since 1970."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def from_us(stamp_us: int) -> datetime:
    """Return microseconds since 1970 as an aware instant in UTC."""
    return _EPOCH + timedelta(microseconds=int(stamp_us))


@dataclass(frozen=True)
class Grid:
    """Consecutive slots of whole local days. `day_at[k]` is the index of the first slot of day k, one more at the end."""

    edges_us: Ints
    days: tuple[date, ...]
    day_at: Ints
    closed: int  # how many slots, counted from the first, are over
    closed_until_us: int  # until when slots are over, also beyond this grid

    @property
    def size(self) -> int:
        """Number of slots."""
        return len(self.edges_us) - 1

    @property
    def start(self) -> datetime:
        """First instant."""
        return from_us(self.edges_us[0])

    @property
    def end(self) -> datetime:
        """First instant after the last slot."""
        return from_us(self.edges_us[-1])

    def day_numbers(self) -> Ints:
        """Return for every slot the index of its day."""
        return np.repeat(np.arange(len(self.days)), np.diff(self.day_at))

    def elapsed(self) -> Ints:
        """Return for every day how many of its slots are over."""
        return np.clip(self.closed - self.day_at[:-1], 0, np.diff(self.day_at))

    def day_span(self, number: int) -> tuple[datetime, datetime]:
        """Return first instant and end of one day."""
        return from_us(self.edges_us[self.day_at[number]]), from_us(self.edges_us[self.day_at[number + 1]])


def grid_of(first: date, last: date, zone: ZoneInfo, closed_until: datetime) -> Grid:
    """Return the grid of the local days `first` to `last`, both included."""
    days = tuple(first + timedelta(days=n) for n in range((last - first).days + 1))
    bounds = np.array(
        [to_us(day_bounds(d, zone)[0]) for d in days] + [to_us(day_bounds(last, zone)[1])], dtype=np.int64
    )
    edges = np.arange(bounds[0], bounds[-1] + 1, SLOT_US, dtype=np.int64)
    closed = int(np.clip((to_us(closed_until) - bounds[0]) // SLOT_US, 0, len(edges) - 1))
    return Grid(edges, days, (bounds - bounds[0]) // SLOT_US, closed, to_us(closed_until))


@dataclass(frozen=True)
class SlotSeries:
    """One quantity on a grid.

    `value` is NaN where nothing is known. `coverage` is the measured share of each slot, `estimated` the filled
    share, both in [0, 1]; `reasons` holds a bit per reason code.
    """

    value: Floats
    coverage: Floats
    estimated: Floats
    reasons: Ints

    @property
    def known(self) -> Bools:
        """Where there is a value."""
        return np.isfinite(self.value)

    def times(self, factor: float | Floats) -> SlotSeries:
        """Return the series in another unit or direction."""
        return replace(self, value=self.value * factor)

    def marked(self, where: Bools, reason: Reason) -> SlotSeries:
        """Return the series with one more reason where told."""
        return replace(self, reasons=np.where(where, self.reasons | bit(reason), self.reasons))


def unknown(size: int) -> SlotSeries:
    """Return a series of which nothing is known."""
    return SlotSeries(
        np.full(size, np.nan), np.zeros(size), np.zeros(size), np.full(size, bit(Reason.MISSING), dtype=np.int64)
    )


def joined(parts: Sequence[SlotSeries], size: int) -> SlotSeries:
    """Return one series from parts that follow one another in time, such as the devices of a point.

    Within a slot their known energies and shares add up.
    """
    if not parts:
        return unknown(size)
    if len(parts) == 1:
        return parts[0]
    values = np.array([p.value for p in parts])
    known = np.isfinite(values)
    value = np.where(known.any(axis=0), np.where(known, values, 0.0).sum(axis=0), np.nan)
    coverage = np.clip(sum_of(p.coverage for p in parts), 0.0, 1.0)
    estimated = np.clip(sum_of(p.estimated for p in parts), 0.0, 1.0)
    reasons = np.bitwise_or.reduce([np.where(p.coverage + p.estimated > 0, p.reasons, 0) for p in parts])
    return SlotSeries(value, coverage, estimated, with_missing(reasons, coverage + estimated))


def joined_means(parts: Sequence[SlotSeries], size: int) -> SlotSeries:
    """Return one series of means from parts that follow one another in time, each weighing what it covers of a slot."""
    whole = joined(parts, size)
    if len(parts) < 2:  # noqa: PLR2004 - one part is the whole
        return whole
    covered = np.array([np.where(p.known, p.coverage, 0.0) for p in parts])
    values = np.array([np.where(p.known, p.value, 0.0) for p in parts])
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (values * covered).sum(axis=0) / covered.sum(axis=0)
    # Where one part covers the slot alone its own value stands, free of rounding.
    shared = (covered > 0).sum(axis=0) > 1
    return replace(whole, value=np.where(shared, np.round(mean, 6), whole.value))


def combined(value: Floats, parts: Iterable[SlotSeries]) -> SlotSeries:
    """Return `value`, computed from `parts`, with their least coverage, largest estimate and all their reasons."""
    parts = list(parts)
    return SlotSeries(
        value,
        np.min([p.coverage for p in parts], axis=0),
        np.max([p.estimated for p in parts], axis=0),
        np.bitwise_or.reduce([p.reasons for p in parts]),
    )


def total(parts: Sequence[SlotSeries], size: int) -> SlotSeries:
    """Return the sum of parts that all must be known; zero, fully covered, where there are no parts at all."""
    if not parts:
        return SlotSeries(np.zeros(size), np.ones(size), np.zeros(size), np.zeros(size, dtype=np.int64))
    return combined(sum_of(p.value for p in parts), parts)


def sum_of(arrays: Iterable[Floats]) -> Floats:
    """Return the element-wise sum."""
    summed: Floats = np.sum(list(arrays), axis=0)
    return summed


def with_missing(reasons: Ints, known_share: Floats) -> Ints:
    """Return reasons with `missing` exactly where part of the slot is unknown (a microsecond is rounding)."""
    missing = bit(Reason.MISSING)
    return np.where(known_share < 1.0 - 1e-9, reasons | missing, reasons & ~missing)
