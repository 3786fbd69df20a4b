"""The readings a stretch of time has to be computed from, and what in them concerns days on both sides of midnight.

A day is judged from its own readings and those beside it. Where what they say is odd (a dip, a gap, a reset, a count
nobody can place yet), a reading of one day may settle what another day was. Such places are told by day edge, as short
texts: when the text of an edge is another than when both its days were computed, both have to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from core.frames import READING_KEY
from core.quantities import READING, Kind
from core.store import Store
from models.judging import CONTEXT_READINGS, CONTEXT_US, FROZEN_WITHIN_US, SPREADABLE_US
from models.power import Profile
from models.registers import Curve
from models.samples import DeviceSamples, Samples, split
from models.series import Ints, from_us, to_us
from models.slotting import counts_at, knots

NEAR_US = FROZEN_WITHIN_US  # how far a reading may change what was before it, gaps apart


@dataclass
class Seam:
    """What is odd near one edge between two days, and how far it reaches."""

    texts: list[str] = field(default_factory=list)
    start_us: int = 2**62
    end_us: int = -(2**62)

    def add(self, text: str, start_us: int, end_us: int) -> None:
        """Take note of one more."""
        self.texts.append(text)
        if end_us - start_us <= SPREADABLE_US:
            self.start_us, self.end_us = min(self.start_us, start_us), max(self.end_us, end_us)


Seams = dict[int, Seam]


def add_seams(seams: Seams, name: str, curve: Curve, last_us: int, day_edges: Ints, shape: Profile | None) -> None:
    """Note what a register says near each day edge; `last_us` is the time of its last reading."""
    odd = [(e.start_us, e.end_us, f"{name} {e.reason} {e.counted_wh}") for e in curve.events]
    if len(curve.times_us) and curve.times_us[-1] < last_us:
        odd.append((int(curve.times_us[-1]), last_us, f"{name} open"))
    for start, end, text in odd:
        first, last = np.searchsorted(day_edges, (start - NEAR_US, end + NEAR_US + 1))
        near = day_edges[first:last]
        if not len(near):
            continue
        began = curve.count_wh[np.searchsorted(curve.times_us, start)]
        upto = counts_at(near, *knots(curve, near, shape)) - began if len(curve.times_us) > 1 else near
        for edge, count in zip(near.tolist(), upto.tolist(), strict=True):
            booked = f"{count}" if start < edge < end else ""
            closed = "" if text.endswith("open") else f"{end}"
            seams.setdefault(edge, Seam()).add(f"{text} {start} {closed} {booked}", start, end)


def samples_around(
    store: Store, start: datetime, end: datetime, devices: Sequence[str], quantities: Sequence[str], margin: timedelta
) -> dict[str, dict[tuple[str, str], Samples]]:
    """Return all readings that say anything about [start, end): see `models.judging.context`.

    Beyond a gap the store's nearest reading alone does not say whether it is to be believed; its neighbours do.
    """
    bounds = (start - margin, end + margin)
    found = store.readings(*bounds, devices=devices, quantities=quantities, edges=True)
    samples = split(found)
    for _ in range(CONTEXT_READINGS):
        wanted = _lacking(samples, (to_us(start), to_us(end)), (to_us(bounds[0]), to_us(bounds[1])))
        more = [
            store.readings(from_us(a), from_us(b), devices=[d], quantities=[q], edges=True) for d, q, a, b in wanted
        ]
        size = len(found)
        if wanted:
            found = pd.concat([found, *(m for m in more if not m.empty)], ignore_index=True)
            found = found.drop_duplicates(list(READING_KEY))
        if len(found) == size:
            break
        samples = split(found)
    return samples


def _lacking(
    samples: Mapping[str, DeviceSamples], edges: tuple[int, int], bounds: tuple[int, int]
) -> list[tuple[str, str, int, int]]:
    """Return (device, quantity, from, to) of what has still to be read before or after the edges.

    Only a series that goes on beyond what was read, and has readings on both sides of the edge, has a step to judge.
    """
    wanted = set()
    for device, own in samples.items():
        for (quantity, _), found in own.items():
            if READING[quantity].kind is not Kind.REGISTER:
                continue
            t = found.times_us
            n = int(np.searchsorted(t, edges[0]))
            if 0 < n < len(t) and t[0] < bounds[0] and not (n > CONTEXT_READINGS and t[n - 1] - t[0] >= CONTEXT_US):
                wanted.add((device, quantity, int(min(t[0], t[n - 1] - CONTEXT_US)), int(t[0])))
            n = int(np.searchsorted(t, edges[1]))
            left = len(t) - n
            if 0 < n < len(t) and t[-1] >= bounds[1] and not (left > CONTEXT_READINGS and t[-1] - t[n] >= CONTEXT_US):
                wanted.add((device, quantity, int(t[-1]) + 1, int(max(t[-1], t[n] + CONTEXT_US)) + 1))
    return sorted(wanted)


def merged(parts: Iterable[Mapping[int, Seam]]) -> Seams:
    """Return the seams of several registers by edge."""
    found: Seams = {}
    for part in parts:
        for edge, seam in part.items():
            one = found.setdefault(edge, Seam())
            one.texts += seam.texts
            one.start_us, one.end_us = min(one.start_us, seam.start_us), max(one.end_us, seam.end_us)
    return found
