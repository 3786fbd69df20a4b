"""A measured array under a satellite's sun, through store, models and rules: left alone when well, told when it lost a part."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pandas as pd

from core.frames import readings_frame
from core.park_file import parse_park
from core.quality import ReadingFlag
from core.store import AlertRecord
from core.timebase import day_bounds
from models.compute import Compute
from rules.engine import RuleEngine
from store.embedded import EmbeddedStore
from store.state import SqliteState

DATA = Path(__file__).parents[1] / "data" / "serf" / "east.csv.gz"
RULE = "pv_below_weather_service"
# With 5.5 kWp its July has an index of about 1; nothing later was looked at for it.
PARK = b"""
id: serf
name: SERF East
latitude: 39.742
longitude: -105.1727
altitude_m: 1829
timezone: Etc/GMT+7
points:
  - {id: grid, role: grid, name: Grid}
  - {id: pv, role: pv, name: PV, devices: [{id: meter, template: json, rating_kw: 6, interval_s: 900}]}
  - {id: sky, role: weather, name: Sky, source: service}
arrays:
  - {id: east, name: East, point: pv, weather: sky, dc_kwp: 5.5, ac_kw: 6, tilt: 45, azimuth: 158, losses: 0,
     gamma_pdc: -0.0045}
"""


def sent(left: float, since: str) -> pd.DataFrame:
    """The array's quarter-hours, of which `left` remains from a day on, and the satellite's hours."""
    rows = pd.read_csv(DATA, parse_dates=["local_time"]).set_index("local_time")
    rows = rows[:"2016-10-12"].asfreq("15min", fill_value=0.0)
    rows.index = rows.index.tz_localize("Etc/GMT+7").tz_convert("UTC")
    kw = -rows["ac_w"].clip(lower=0.0) / 1000.0
    kw = kw.where(kw.index < pd.Timestamp(since, tz="Etc/GMT+7"), kw * left)
    hours = rows[["ghi_wm2", "temp_air_c"]].resample("1h").mean()
    parts = [(kw.rename("active_power_kw"), "meter", 7.5, ReadingFlag.NONE)]
    parts += [(hours[q], "sky-service", 30.0, ReadingFlag.SERVICE) for q in hours]
    frames = [
        pd.DataFrame(
            {"time": s.index + pd.Timedelta(minutes=m), "value": s.to_numpy(), "device": d, "flags": int(f)}
        ).assign(quantity=str(s.name), channel="", received_at=lambda frame: frame["time"])
        for s, d, m, f in parts
    ]
    return readings_frame(pd.concat(frames, ignore_index=True))


def replay(folder: Path, left: float, since: str) -> list[AlertRecord]:
    park = parse_park(PARK)
    store, state = EmbeddedStore(folder / "park.duckdb", park.id), SqliteState(folder / "state.sqlite")
    try:
        rows = sent(left, since)
        store.append_readings(rows)
        state.mark_dirty({(d, t) for d, t in zip(rows["device"], rows["time"].dt.date, strict=True)})
        first, last = (rows["time"].min().to_pydatetime(), rows["time"].max().to_pydatetime())
        end = day_bounds(last.astimezone(park.zone).date(), park.zone)[1] + timedelta(minutes=30)
        Compute(park, store, state).run(end)
        return [a for a in RuleEngine(park, store, state).replay(first, end) if a.rule.startswith("pv_")]
    finally:
        store.close()
        state.close()


def test_a_healthy_array_is_left_alone(tmp_path: Path) -> None:
    assert replay(tmp_path, 1.0, "2016-09-01") == []


def test_an_array_that_lost_a_part_is_told(tmp_path: Path) -> None:
    (alert,) = replay(tmp_path, 0.7, "2016-09-01")
    assert (alert.rule, alert.state, alert.resolved_at) == (RULE, "firing", None)
    assert (alert.params["since_day"], alert.fired_at.date().isoformat()) == ("2016-09-01", "2016-09-06")
    assert 0.25 < alert.params["shortfall_share"] < 0.35
