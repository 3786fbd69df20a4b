"""The hours of both plants as the program reads them."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from models import power
from models.series import SlotSeries

HERE = Path(__file__).parent
WEATHER = ("poa_wm2", "temp_air_c", "wind_speed_ms", "temp_module_c")
ALWAYS = (-(2**62), 2**62)


def hours(name: str) -> pd.DataFrame:
    """Return one plant's rows, indexed by the middle of the hour in UTC."""
    rows = pd.read_csv(HERE / "plants.csv.gz")
    rows = rows[rows["plant"] == name]
    ends = pd.DatetimeIndex(rows["local_time"]).tz_localize(ZoneInfo("America/Los_Angeles"))
    middles = (ends - pd.Timedelta(minutes=30)).tz_convert("UTC").as_unit("us")
    return rows.drop(columns=["plant", "local_time"]).set_axis(middles, axis="index")


def slot_means(column: pd.Series, edges_us: np.ndarray) -> SlotSeries:
    """Return the means per slot, as the program makes them of readings."""
    times = column.index.astype("int64").to_numpy()
    curve = power.profile(times, column.to_numpy(dtype=float), power.gap_limit_us(3600.0))
    return power.slot_mean(curve, edges_us, ALWAYS)
