"""The heat map of a series: a column per day, a cell per slot or hour of the day."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from core.timebase import SLOT_HOURS
from dashboards.panel import Series
from dashboards.views.choosing import CARPET_DAYS
from dashboards.views.columns import Columns, Floats, Key
from dashboards.views.data import LATE_SLOTS
from dashboards.views.spans import Axis, Grain

Json: TypeAlias = "dict[str, object]"

SLOT_ROWS, HOUR_ROWS = 96, 24
FINE_DAYS = 31  # up to here a cell is a slot, beyond an hour
FIGURES = 3


def carpet(columns: Columns, series: Series, key: Key, zone: ZoneInfo, now: datetime) -> Json | None:
    """Return the cells, day after day, each from midnight on; None for ranges no picture can hold.

    A cell is a local clock time: in autumn two slots share one (their mean), in spring some stay empty.
    """
    days = columns.span.length
    if days > CARPET_DAYS:
        return None
    rows = SLOT_ROWS if days <= FINE_DAYS else HOUR_ROWS
    axis = columns.axis(Grain.SLOT)
    local = pd.DatetimeIndex(pd.to_datetime(axis.edges[:-1], unit="s", utc=True)).tz_convert(zone)
    cell = (np.asarray(local.hour) * 60 + np.asarray(local.minute)) * rows // 1440
    value = columns.get(Grain.SLOT, key).value / (SLOT_HOURS if series.as_power else 1.0)
    cells = _means(value, axis.day_of * rows + cell, days * rows)
    return {"rows": rows, "cells": _short(cells), "elapsed": _begun(axis, cell, rows, now)}


def _begun(axis: Axis, cell: np.ndarray, rows: int, now: datetime) -> int:
    """Return how many cells should be known by now: the newest slots may still be on their way."""
    last = axis.begun(now) - 1 - LATE_SLOTS
    if axis.begun(now) == axis.size:
        return int(axis.day_of[-1] + 1) * rows
    return int(axis.day_of[last]) * rows + int(cell[last]) + 1 if last >= 0 else 0


def _means(value: Floats, at: np.ndarray, size: int) -> Floats:
    known = np.isfinite(value)
    count = np.bincount(at[known], minlength=size)
    total = np.bincount(at[known], weights=value[known], minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, total / count, np.nan)


def _short(cells: Floats) -> list[float | None]:
    """Write three figures: a colour tells no more."""
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.where(cells == 0, 0.0, np.floor(np.log10(np.abs(cells))))
    scale = 10.0 ** (FIGURES - 1 - np.clip(np.nan_to_num(size), -FIGURES, FIGURES))
    return [None if v != v else v for v in (np.round(cells * scale) / scale).tolist()]  # noqa: PLR0124 - NaN
