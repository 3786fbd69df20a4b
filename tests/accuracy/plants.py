"""Reference outputs and measured plants as the models see them: grids, gauges and what was really produced."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from core.park import Array, Park, Point
from models.series import Floats, Grid, SlotSeries, grid_of, to_us
from models.sky import Sky, sky_over

DATA = Path(__file__).parents[1] / "data"
FAR = datetime(2100, 1, 1, tzinfo=UTC)
POINTS = (Point(id="grid", role="grid", name="g"), Point(id="pv", role="pv", name="p"))


def site(latitude: float, longitude: float, altitude_m: float, timezone: str) -> Park:
    """Return a park that is nothing but a place."""
    where = {"latitude": latitude, "longitude": longitude, "altitude_m": altitude_m, "timezone": timezone}
    return Park.model_validate({"id": "t", "name": "T", "points": POINTS, **where})


def array(**terms: object) -> Array:
    """Return an array on the PV point."""
    return Array.model_validate({"id": "a", "name": "A", "point": "pv", **terms})


def every(minutes: int, first: date, last: date, zone: ZoneInfo) -> Grid:
    """Return a grid of other spacing than the store's quarters of an hour."""
    whole = grid_of(first, last, zone, FAR)
    step = minutes * 60_000_000
    edges = np.arange(whole.edges_us[0], whole.edges_us[-1] + 1, step, dtype=np.int64)
    day_at = (whole.edges_us[whole.day_at] - edges[0]) // step
    return Grid(edges, whole.days, day_at, len(edges) - 1, whole.closed_until_us)


def known(values: Floats) -> SlotSeries:
    """Return values as measured; NaN is not."""
    fine = np.isfinite(values)
    return SlotSeries(values, fine.astype(float), np.zeros(len(values)), np.zeros(len(values), dtype=np.int64))


@dataclass(frozen=True)
class Case:
    """A place, its grid and sky, what was measured or given there, and AC energy in kWh per slot and unit."""

    park: Park
    grid: Grid
    sky: Sky
    gauges: dict[str, SlotSeries]
    made: dict[str, Floats]

    @property
    def daily(self) -> np.ndarray:
        """Number of the day of every slot."""
        return self.grid.day_numbers()


@cache
def pvwatts() -> Case:
    """Return NREL PVWatts' year: its own beam and diffuse stand in the sky, in place of a cloudless one."""
    park = site(39.73, -105.18, 1820.0, "Etc/GMT+7")
    grid = every(60, date(2025, 1, 1), date(2025, 12, 31), park.zone)
    rack = pd.read_csv(DATA / "pvwatts" / "rackmount.csv.gz")
    roof = pd.read_csv(DATA / "pvwatts" / "roofmount.csv.gz")
    stamps = pd.to_datetime(rack[["month", "day", "hour"]].assign(year=2025))
    at = ((stamps - pd.Timestamp(2025, 1, 1)) // pd.Timedelta(hours=1)).to_numpy()

    def over(column: pd.Series) -> Floats:
        values = np.zeros(grid.size)
        values[at] = column
        return values

    sky = sky_over(park, grid)
    dni, dhi = over(rack["dni_wm2"]), over(rack["dhi_wm2"])
    ghi = dni * np.maximum(np.cos(np.radians(sky.zenith)), 0.0) + dhi
    air = np.interp(np.arange(grid.size), at, rack["temp_air_c"])
    gauges = {"temp_air_c": known(air), "wind_speed_ms": known(over(rack["wind_speed_ms"]))}
    made = {"rack": over(rack["ac_w"]) / 1000.0, "roof": over(roof["ac_w"]) / 1000.0, "poa": over(rack["poa_wm2"])}
    return Case(park, grid, replace(sky, dni=dni, ghi=ghi, dhi=dhi), gauges, made)


def pvwatts_array(kind: str) -> Array:
    """Return the system PVWatts was asked for: 4 kW, installed NOCT 45 °C on a rack, 49 °C on a roof (Dobos 2014)."""
    terms = {"dc_kwp": 4.0, "ac_kw": 4.0 / 1.2, "tilt": 20.0, "azimuth": 180.0, "losses": 0.1408, "gamma_pdc": -0.0047}
    return array(**terms, noct_c={"rack": 45.0, "roof": 49.0}[kind])


@cache
def srrl() -> tuple[Case, Floats]:
    """Return eight days of NREL's laboratory: a pyranometer on the horizontal, and one 40° to the south."""
    park = site(39.742, -105.18, 1829.0, "Etc/GMT+7")
    rows = pd.read_csv(DATA / "captest" / "srrl.csv.gz", parse_dates=["local_time"])
    first, last = rows["local_time"].iloc[0].date(), rows["local_time"].iloc[-1].date()
    grid = grid_of(first, last, park.zone, FAR)
    gauges = {"ghi_wm2": known(_placed(rows, "ghi_wm2", grid, park.zone))}
    return Case(park, grid, sky_over(park, grid), gauges, {}), _placed(rows, "poa_wm2", grid, park.zone)


@cache
def serf() -> Case:
    """Return SERF East with the irradiance of a satellite, 104 days of 2016."""
    park = site(39.742, -105.1727, 1829.0, "Etc/GMT+7")
    rows = pd.read_csv(DATA / "serf" / "east.csv.gz", parse_dates=["local_time"])
    # The last day ends in the night and is left out.
    grid = grid_of(rows["local_time"].iloc[0].date(), date(2016, 10, 12), park.zone, FAR)
    # Left out of the file is the night, in which there is neither light nor power.
    ghi, air = np.nan_to_num(_placed(rows, "ghi_wm2", grid, park.zone)), _placed(rows, "temp_air_c", grid, park.zone)
    service = {"ghi_wm2": known(ghi), "temp_air_c": known(air)}
    made = np.maximum(np.nan_to_num(_placed(rows, "ac_w", grid, park.zone)), 0.0) * 0.25 / 1000.0
    return Case(park, grid, sky_over(park, grid), service, {"east": made})


@cache
def captest() -> Case:
    """Return five days of a 6 MW plant: two weather stations, a meter and eight inverters."""
    park = site(20.0, -77.5, 90.0, "Etc/GMT+5")  # its place is hidden; this one has its daylight
    rows = pd.read_csv(DATA / "captest" / "plant.csv.gz", parse_dates=["local_time"])
    quarters = rows.set_index("local_time").resample("15min").mean().reset_index()
    grid = grid_of(date(1990, 10, 9), date(1990, 10, 13), park.zone, FAR)
    pairs = {"poa_wm2": "poa_pyranometer", "temp_air_c": "amb_temp", "wind_speed_ms": "windspeed"}
    gauges = {}
    for quantity, name in pairs.items():
        both = np.array([_placed(quarters, f"met{n}_{name}", grid, park.zone) for n in (1, 2)])
        gauges[quantity] = known(both.mean(axis=0))
    units = {n: f"inv{n}_w" for n in range(1, 9)} | {0: "meter_w"}
    made = {str(n): _placed(quarters, c, grid, park.zone) * 0.25 / 1000.0 for n, c in units.items()}
    return Case(park, grid, sky_over(park, grid), gauges, made)


def _placed(rows: pd.DataFrame, column: str, grid: Grid, zone: ZoneInfo) -> Floats:
    """Return a column on the grid; a row belongs to the slot that begins at its local time."""
    starts = rows["local_time"].dt.tz_localize(zone).dt.tz_convert(UTC)
    at = (starts.astype("datetime64[us, UTC]").astype("int64").to_numpy() - to_us(grid.start)) // 900_000_000
    fine = (at >= 0) & (at < grid.size)
    values = np.full(grid.size, np.nan)
    values[at[fine]] = rows[column].to_numpy()[fine]
    return values
