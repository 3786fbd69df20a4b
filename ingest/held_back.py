"""Readings that come late for a month that was archived: kept in quarantine until the month is back.

The store has none of that month's other readings, so a lone one would make its known days unknown.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.archived import Span, dropped_spans
from core.store import State
from ingest.batch import Batch, quarantine_item

REASON = "archived"


class HeldBack:
    """Takes late readings of archived months out of batches."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._spans: Sequence[Span] | None = None

    def sort_out(self, batch: Batch) -> None:
        """Move the messages of such readings into the batch's quarantine, once each; their other readings stay."""
        if self._spans is None:
            self._spans = dropped_spans(self._state)
        if not self._spans or batch.readings.empty or not self._inside(batch, self._spans).any():
            return
        # An import may have brought the month back meanwhile.
        self._spans = dropped_spans(self._state)
        inside = self._inside(batch, self._spans)
        devices = batch.readings["device"].to_numpy()
        for index in np.unique(batch.origin[inside]):
            row = np.flatnonzero(inside & (batch.origin == index))[0]
            at = batch.readings["time"].iloc[row].isoformat()
            detail = f"a reading of {at}, whose month was archived and left the store"
            batch.counts[REASON] += 1
            batch.quarantine.append(quarantine_item(batch.messages[index], REASON, detail, str(devices[row])))
            batch.faulty.append(int(index))
        batch.readings = batch.readings[~inside].reset_index(drop=True)
        batch.origin = batch.origin[~inside]

    @staticmethod
    def _inside(batch: Batch, spans: Sequence[Span]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        time_us = batch.readings["time"].to_numpy("datetime64[us]").view("int64")
        inside = np.zeros(len(time_us), dtype=bool)
        for first, last in spans:
            inside |= (time_us >= first) & (time_us < last)
        return inside
