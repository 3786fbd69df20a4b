"""Usable readings of devices, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.quality import UNUSABLE, ReadingFlag
from models.series import Bools, Floats, Ints


@dataclass(frozen=True)
class Samples:
    """Usable readings of one (device, quantity, channel), sorted by time."""

    times_us: Ints
    readings: Floats
    uncertain: Bools  # the time is ours, not the device's


DeviceSamples = Mapping[tuple[str, str], Samples]


def split(readings: pd.DataFrame) -> dict[str, dict[tuple[str, str], Samples]]:
    """Return a READINGS frame as device -> (quantity, channel) -> samples; unusable readings and NaN are left out."""
    fine = ((readings["flags"].to_numpy() & int(UNUSABLE)) == 0) & np.isfinite(readings["value"].to_numpy())
    readings = readings[fine]
    if readings.empty:
        return {}
    found: dict[str, dict[tuple[str, str], Samples]] = {}
    groups = readings.groupby(["device", "quantity", "channel"], sort=False).ngroup().to_numpy()
    times = np.asarray(readings["time"].astype("int64"), dtype=np.int64)
    values = readings["value"].to_numpy(dtype=float)
    uncertain = (readings["flags"].to_numpy() & int(ReadingFlag.TIME_UNCERTAIN)) != 0
    order = np.lexsort((times, groups))
    names = [readings[name].to_numpy() for name in ("device", "quantity", "channel")]
    for rows in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        device, quantity, channel = (str(name[rows[0]]) for name in names)
        found.setdefault(device, {})[quantity, channel] = Samples(
            times[rows].astype(np.int64), values[rows], uncertain[rows]
        )
    return found
