"""Our PV chain against a year computed by NREL's own PVWatts: layer by layer, then whole."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.park import Array, Park, Point
from models import pv
from models.series import SlotSeries, grid_of
from models.sky import sky_over

DATA = Path(__file__).parents[1] / "data" / "pvwatts" / "rackmount.csv.gz"
TERMS = {"id": "a", "name": "A", "point": "pv", "dc_kwp": 4.0, "ac_kw": 4.0 / 1.2, "tilt": 20.0, "azimuth": 180.0}
PLANT = Array(**TERMS, losses=0.1408, gamma_pdc=-0.0047)


@pytest.fixture(scope="module")
def year() -> pd.DataFrame:
    return pd.read_csv(DATA)


def test_the_inverter_is_theirs(year):
    """Fed with their DC power, AC agrees to a hundredth of a watt in every hour: the limit is 4 kW / 1.2 on the AC side."""
    bare = Array(**TERMS, losses=0.0, gamma_pdc=0.0)
    dc_w = year["dc_w"].to_numpy()
    ac_kw = pv.ac_power(bare, dc_w / 4.0, np.full(len(dc_w), 25.0), np.zeros(len(dc_w)))
    # Below 1 % of the limit they cut off a little earlier.
    loaded = dc_w > 0.01 * 4000 / 1.2
    assert np.abs(ac_kw * 1000 - year["ac_w"].to_numpy())[loaded].max() < 0.01


def test_dc_from_their_plane_and_cell_temperature(year):
    """They also take off reflection at flat angles, which our losses hold as a share: 1.9 % over the year."""
    poa, cell = year["poa_wm2"].to_numpy(), year["cell_c"].to_numpy()
    ac_kwh = pv.ac_power(PLANT, poa, cell, np.zeros(len(poa))).sum()
    assert ac_kwh / (year["ac_w"].sum() / 1000) == pytest.approx(1.019, abs=0.002)


def test_cell_temperature_on_an_open_rack(year):
    poa, air, wind = (year[c].to_numpy() for c in ("poa_wm2", "temp_air_c", "wind_speed_ms"))
    ours = pv.cell_temperature(PLANT, poa, air, wind, np.ones(len(poa), dtype=bool))
    bright = poa > 400
    error = (ours - year["cell_c"].to_numpy())[bright]
    assert error.mean() == pytest.approx(-0.9, abs=0.1)
    assert np.abs(error).max() < 20.0


def test_the_whole_year_from_horizontal_irradiance(year):
    """GHI, air and wind in, energy out: what a park with one horizontal pyranometer gets."""
    points = (Point(id="grid", role="grid", name="g"), Point(id="pv", role="pv", name="p"))
    where = {"latitude": 39.73, "longitude": -105.18, "altitude_m": 1820.0, "timezone": "Etc/GMT+7"}
    park = Park(id="t", name="T", points=points, arrays=(PLANT,), **where)
    grid = grid_of(date(2025, 1, 1), date(2025, 12, 31), park.zone, datetime(2027, 1, 1, tzinfo=UTC))
    sky = sky_over(park, grid)
    stamps = pd.to_datetime(year[["month", "day", "hour"]].assign(year=2025))
    first_slot = ((stamps - pd.Timestamp(2025, 1, 1)) / pd.Timedelta(minutes=15)).astype(int).to_numpy()

    def on_slots(column: str) -> np.ndarray:
        values = np.zeros(grid.size)
        for quarter in range(4):
            values[first_slot + quarter] = year[column]
        return values

    def exact(values: np.ndarray) -> SlotSeries:
        return SlotSeries(values, np.ones(grid.size), np.zeros(grid.size), np.zeros(grid.size, dtype=np.int64))

    ghi = on_slots("dni_wm2") * np.maximum(np.cos(np.radians(sky.zenith)), 0) + on_slots("dhi_wm2")
    gauges = {"ghi_wm2": exact(ghi), "temp_air_c": exact(on_slots("temp_air_c"))}
    gauges["wind_speed_ms"] = exact(on_slots("wind_speed_ms"))
    made = pv.array_series(PLANT, gauges, sky, grid)
    monthly = pd.Series(made.expected.value).groupby(pd.DatetimeIndex(_local(grid)).month).sum()
    theirs = year.groupby("month")["ac_w"].sum() / 1000
    assert made.irradiation.value.sum() / (year["poa_wm2"].sum() / 1000) == pytest.approx(0.990, abs=0.002)
    assert made.expected.value.sum() / theirs.sum() == pytest.approx(0.995, abs=0.002)
    assert np.abs(monthly / theirs - 1).max() < 0.02


def _local(grid) -> np.ndarray:
    return (grid.edges_us[:-1] - 7 * 3_600_000_000).astype("datetime64[us]")
