"""Slot series -> rows of a SLOTS frame, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.frames import slots_frame
from core.quality import Reason
from core.quantities import Scope
from models.series import Grid, Ints, SlotSeries, bit, reason_texts, unknown


@dataclass(frozen=True)
class Row:
    """A series with its name in the store."""

    scope: Scope
    entity: str
    quantity: str
    series: SlotSeries


def frame(rows: Sequence[Row], starts_us: Ints, keep: slice) -> pd.DataFrame:
    """Return the kept part of every series as one SLOTS frame; `starts_us` labels the periods."""
    starts = starts_us[keep]
    size = len(starts)
    if not rows or size == 0:
        return slots_frame()

    def column(values: Iterable[np.ndarray[tuple[int], np.dtype[np.float64]]]) -> object:
        return np.concatenate([v[keep] for v in values])

    def names(texts: Iterable[str]) -> object:
        return np.repeat(np.array(list(texts), dtype=object), size)

    return slots_frame(
        {
            "start": pd.to_datetime(np.tile(starts, len(rows)), unit="us", utc=True),
            "scope": names(str(r.scope) for r in rows),
            "entity": names(r.entity for r in rows),
            "quantity": names(r.quantity for r in rows),
            "value": column(r.series.value for r in rows),
            "coverage": column(r.series.coverage for r in rows),
            "estimated": column(r.series.estimated for r in rows),
            "reasons": reason_texts(np.concatenate([r.series.reasons[keep] for r in rows])),
        }
    )


def on_grid(slots: pd.DataFrame, starts_us: Ints) -> Mapping[tuple[str, str], SlotSeries]:
    """Return (entity, quantity) -> series from rows of one scope; periods without a row are unknown."""
    found: dict[tuple[str, str], SlotSeries] = {}
    if slots.empty:
        return found
    at = np.searchsorted(starts_us, slots["start"].astype("int64").to_numpy(dtype=np.int64))
    value, coverage, estimated = (slots[c].to_numpy(dtype=float) for c in ("value", "coverage", "estimated"))
    masks = _masks(slots["reasons"])
    groups = slots.groupby(["entity", "quantity"], sort=False).ngroup().to_numpy()
    entities, quantities = slots["entity"].to_numpy(), slots["quantity"].to_numpy()
    order = np.argsort(groups, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        series = unknown(len(starts_us))
        for target, source in (
            (series.value, value),
            (series.coverage, coverage),
            (series.estimated, estimated),
            (series.reasons, masks),
        ):
            target[at[rows]] = source[rows]
        found[str(entities[rows[0]]), str(quantities[rows[0]])] = series
    return found


def _masks(texts: pd.Series[str]) -> Ints:
    codes, known = pd.factorize(texts)
    valid = set(Reason)
    masks = [sum(bit(code) for code in str(text).split() if code in valid) for text in known]
    return np.array(masks, dtype=np.int64)[codes]


def day_starts(grid: Grid) -> Ints:
    """Return the label of every day of a grid."""
    return grid.edges_us[grid.day_at[:-1]]
