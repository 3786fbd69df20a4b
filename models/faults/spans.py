"""Runs of slots or days, and what belongs together of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np

from models.series import Bools


def runs(flags: Bools) -> list[tuple[int, int]]:
    """Return (first, one after the last) of every run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def joined(days: Iterable[date], gap: int) -> list[tuple[date, date]]:
    """Return (first, last) of days that follow one another with at most `gap` days between them."""
    found: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if found and (day - found[-1][1]).days <= gap + 1:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found
