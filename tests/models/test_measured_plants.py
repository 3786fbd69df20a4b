"""Two measured 20 MW plants, one year hourly, through store and models: the sick one is found, the healthy one is not.

`dc_kwp` and `ac_kw` were fitted on April and May 2018 only (tests/data/pvops/fit.py); everything after is prediction.
"""

from __future__ import annotations

import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.frames import readings_frame
from core.park_file import load_park
from core.quantities import Period
from core.timebase import day_of, month_bounds
from models.compute import Compute
from store.embedded import EmbeddedStore
from store.state import SqliteState

DATA = Path(__file__).parents[1] / "data" / "pvops"
sys.path.insert(0, str(DATA))
import fit  # noqa: E402 - the fit lives with its data

FIRST, LAST = date(2018, 4, 1), date(2019, 3, 31)


def readings(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """The plant's hours as a meter and a weather station would send them: at mid-hour, generation as export."""
    sent = rows.assign(active_power_kw=-rows["generated_kw"]).drop(columns="generated_kw")
    long = sent.rename_axis("time").reset_index().melt("time", var_name="quantity").dropna()
    device = np.where(long["quantity"] == "active_power_kw", f"{name.lower()}-meter", f"{name.lower()}-weather")
    return readings_frame(long.assign(device=device, channel="", received_at=long["time"], flags=0))


@pytest.fixture(scope="module")
def replay(tmp_path_factory):
    """Daily and monthly rows and events of both plants, computed once."""
    found = {}
    for name in ("R10", "R15"):
        folder = tmp_path_factory.mktemp(name)
        park = load_park(DATA / f"{name}.yaml")
        store, state = EmbeddedStore(folder / "park.duckdb", park.id), SqliteState(folder / "state.sqlite")
        sent = readings(name, fit.hours(name))
        store.append_readings(sent)
        state.mark_dirty({(d, t) for d, t in zip(sent["device"], sent["time"].dt.date, strict=True)})
        now = month_bounds(2019, 3, park.zone)[1] + timedelta(minutes=3)
        result = Compute(park, store, state).run(now)
        assert result.days == 366  # 365 and the one that has just begun
        start, end = month_bounds(2018, 4, park.zone)[0], now
        days = store.slots(Period.DAY, start, end, scope="array")
        months = store.slots(Period.MONTH, start, end, scope="array")
        events = state.events(start, end)
        found[name] = (table(days, park.zone), table(months, park.zone), events)
        store.close()
        state.close()
    return found


def table(rows: pd.DataFrame, zone) -> pd.DataFrame:
    """One line per period, a column per quantity."""
    wide = rows.pivot_table(index="start", columns="quantity", values="value", dropna=False)
    wide.index = pd.DatetimeIndex([day_of(t.to_pydatetime(), zone) for t in wide.index])
    return wide


def median3(days: pd.DataFrame) -> pd.Series:
    """3-day median of the index over the days with more than 1 kWh/m²."""
    bright = days[days["irradiation_kwh_m2"] > 1.0]
    return bright["energy_performance_index"].rolling(3).median()


def test_the_plants_descriptions_hold_what_april_and_may_say():
    for name in ("R10", "R15"):
        park = load_park(DATA / f"{name}.yaml")
        array = park.arrays[0]
        assert fit.fitted(park, fit.hours(name)) == (array.dc_kwp, array.ac_kw)


def test_the_sick_plant_is_found_within_days_and_seen_to_recover(replay):
    low = median3(replay["R15"][0]) < 0.90
    bad = low.index[low]
    assert bad[0].date() == date(2018, 10, 28)
    assert bad[-1].date() == date(2019, 2, 11)


def test_the_healthy_plant_never_falls_below(replay):
    days = median3(replay["R10"][0])
    assert len(days) > 340
    assert days.min() > 0.90


def test_a_temperature_converted_twice_is_recognised_and_a_good_one_believed(replay):
    faulty = {name: [e for e in events if e.code == "sensor_fault"] for name, (_, _, events) in replay.items()}
    assert faulty["R15"] == []
    assert {e.params["quantity"] for e in faulty["R10"]} == {"temp_air_c"}
    assert len(faulty["R10"]) > 340


def test_monthly_indices(replay):
    index = {name: months["energy_performance_index"].round(3) for name, (_, months, _) in replay.items()}
    print("\n" + pd.DataFrame(index).to_string())
    # April 2018 to March 2019
    assert index["R15"].tolist() == pytest.approx(
        [1.006, 0.994, 0.983, 0.977, 0.986, 0.990, 0.942, 0.667, 0.614, 0.653, 0.931, 1.016], abs=0.002
    )
    assert index["R10"].tolist() == pytest.approx(
        [0.997, 1.003, 1.007, 1.014, 1.005, 1.012, 1.000, 1.006, 1.064, 1.067, 1.057, 1.018], abs=0.002
    )
