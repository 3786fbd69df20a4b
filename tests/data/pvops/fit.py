"""Fit `dc_kwp` and `ac_kw` of both plants on April and May 2018, and nothing later.

`ac_kw` is the largest hourly mean of these two months: both plants reach their inverters' limit. `dc_kwp` is what makes
expected and measured energy of the two months equal; losses, temperature coefficient and ageing stay at their defaults,
so `dc_kwp` takes up everything that scales. Run from the root of the repository:

    python -m tests.data.pvops.fit
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from core.park import Park
from core.park_file import load_park
from core.timebase import day_bounds
from models import plant, power, pv, sensors
from models.series import SlotSeries, grid_of
from models.sky import sky_over

HERE = Path(__file__).parent
WEATHER = ("poa_wm2", "temp_air_c", "wind_speed_ms", "temp_module_c")
FIRST, LAST = date(2018, 4, 1), date(2018, 5, 31)
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


def fitted(park: Park, rows: pd.DataFrame) -> tuple[float, float]:
    """Return (dc_kwp, ac_kw) from April and May 2018."""
    end = day_bounds(LAST, park.zone)[1]
    rows = rows[rows.index < end]
    grid = grid_of(FIRST, LAST, park.zone, end)
    sky = sky_over(park, grid)
    gauges = {q: slot_means(rows[q], grid.edges_us) for q in WEATHER}
    rise_k = plant.hottest_rise(park, "weather", gauges, sky, grid)
    gauges, _ = sensors.credible("weather", gauges, rise_k, sky, grid)
    measured = slot_means(rows["generated_kw"], grid.edges_us).value * 0.25
    ac_kw = round(float(rows["generated_kw"].max()), -1)
    low, high = 0.5 * ac_kw, 3.0 * ac_kw
    while high - low > 1.0:
        middle = (low + high) / 2
        array = park.arrays[0].model_copy(update={"dc_kwp": middle, "ac_kw": ac_kw})
        expected = pv.array_series(array, gauges, sky, grid).expected
        both = np.isfinite(measured) & (expected.estimated == 0) & expected.known
        low, high = (low, middle) if expected.value[both].sum() > measured[both].sum() else (middle, high)
    return round(low, -1), ac_kw


if __name__ == "__main__":
    for plant_name in ("R10", "R15"):
        dc, ac = fitted(load_park(HERE / f"{plant_name}.yaml"), hours(plant_name))
        print(f"{plant_name}: dc_kwp {dc:g}, ac_kw {ac:g}")
