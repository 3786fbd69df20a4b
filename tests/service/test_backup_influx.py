"""Between the stores and back: the same rows to the bit, the same report to the figure."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from core.frames import readings_frame
from core.park_file import load_park
from core.quality import ReadingFlag
from core.store import Table
from service.backup_rows import Chunk, digest, rows_of
from service.runner import Runtime
from store.opening import open_store
from tests.service.backups import (
    EVER,
    as_json,
    but_for_configuration,
    done,
    held,
    influx,
    killed,
    parkwatt,
    refused,
    report,
    sibling,
    state_rows,
)
from tests.service.conftest import NOVEMBER, served

pytestmark = pytest.mark.influx


def append(config: Path, *rows: tuple[str, str, str, str, float, int]) -> None:
    """Add readings (time, device, quantity, channel, value, flags) to a park's store."""
    store = open_store(load_park(config))
    names = ("time", "device", "quantity", "channel", "value", "flags")
    frame = pd.DataFrame(rows, columns=list(names))
    frame["time"] = pd.to_datetime(frame["time"], utc=True, format="ISO8601").astype("datetime64[us, UTC]")
    store.append_readings(readings_frame(frame.assign(received_at=frame["time"] + pd.Timedelta(microseconds=1))))
    store.close()


AWKWARD = (
    ("1970-01-01T00:00:00Z", "表 1", "active_power_kw", "", math.nan, int(ReadingFlag.FUTURE)),
    ("2199-12-31T23:59:59.999999Z", "a,b=c d", "active_power_kw", "相 2", -0.0, 0),
    ("2026-10-03T00:00:00.000001Z", 'quo"te', "energy_import_kwh", "t1", 5e-324, 8),
    ("2026-10-03T00:00:00.000002Z", "⚡", "energy_import_kwh", "", 1.7976931348623157e308, 15),
)


@pytest.mark.slow
def test_a_park_moves_to_influx_and_back(config: Path, tmp_path: Path, influxd: str) -> None:
    append(config, *AWKWARD)
    first, before = held(load_park(config)), but_for_configuration(report(load_park(config), NOVEMBER))
    first, state = held(load_park(config)), state_rows(load_park(config).state)
    there = sibling(config, tmp_path / "there", influx(influxd))
    told = done("copy", "--from", config, "--to", there)
    assert "from embedded to influx" in told
    assert held(load_park(there)) == first
    assert state_rows(load_park(there).state) == state

    folder = tmp_path / "backup"
    done("backup", there, folder)
    fresh = sibling(config, tmp_path / "fresh", influx(influxd))
    done("restore", folder, "--park", fresh)
    assert held(load_park(fresh)) == first
    refused("restore", folder, says="this park keeps its data in InfluxDB")

    back = sibling(config, tmp_path / "back", "{path: park.duckdb}")
    done("copy", "--from", fresh, "--to", back)
    assert held(load_park(back)) == first
    for park in map(load_park, (there, fresh, back)):
        assert but_for_configuration(report(park, NOVEMBER)) == before


def test_what_the_other_store_cannot_hold_is_told(config: Path, tmp_path: Path, influxd: str) -> None:
    append(
        config,
        ("2026-10-03T00:00:00Z", "ends in \\", "active_power_kw", "", 1.0, 0),
        ("2300-01-01T00:00:00Z", "far", "active_power_kw", "", 1.0, 0),
        ("2026-10-03T00:00:00Z", "fine", "active_power_kw", "", 1.0, 0),
    )
    there = sibling(config, tmp_path / "there", influx(influxd))
    status, words = parkwatt("copy", "--from", config, "--to", there)
    assert status == 1
    assert words.count("DIFFERENT") == 2
    assert "1 rows not kept, such as 2026-10-03 00:00:00+00:00 ends in \\ active_power_kw" in words
    assert "1 rows not kept, such as 2300-01-01 00:00:00+00:00 far active_power_kw" in words
    store = open_store(load_park(there))
    assert "fine" in set(store.latest()["device"])
    store.close()


@pytest.mark.slow
def test_a_copy_that_is_killed_goes_on_and_one_state_may_serve_both(config: Path, tmp_path: Path, influxd: str) -> None:
    there = config.with_name("influx.yaml")
    text = config.read_text(encoding="utf-8")
    there.write_text(text.replace("store: {path: park.duckdb}", f"store: {influx(influxd)}"), encoding="utf-8")
    other = shutil.copytree(config.parent, tmp_path / "other") / "PARK.yaml"
    first, state = held(load_park(config)), state_rows(load_park(config).state)
    for place in ("after_chunk:2", "after_chunk_noted:3"):
        killed("copy", "--from", config, "--to", there, at=place)
        refused("report", there, "--month", "2026-10", "--out", tmp_path, says="a copy into this park has not come")
    refused("copy", "--from", other, "--to", there, says="from another source into this park is unfinished")
    told = done("copy", "--from", config, "--to", there)
    assert "were there from an earlier run" in told
    assert "the state file is shared" in told
    assert held(load_park(there)) == first
    assert state_rows(load_park(there).state) == state
    refused("copy", "--from", config, "--to", there, says="is not empty")


@pytest.mark.slow
def test_the_demo_park_goes_round(demo_park: Runtime, influxd: str, tmp_path: Path, shown: Callable[..., None]) -> None:
    """Embedded -> backup -> embedded -> InfluxDB -> backup -> InfluxDB -> embedded, the first while it is running."""
    home = demo_park.park.state.parent.parent / "PARK.yaml"
    text = home.read_text(encoding="utf-8")
    first = {t.value: digest(rows_of(demo_park.store, Chunk(t, *EVER, 0))) for t in Table}
    rows = sum(len(rows_of(demo_park.store, Chunk(t, *EVER, 0))) for t in Table)
    before = but_for_configuration(as_json(demo_park))
    table = [f"{'what':44}{'rows':>9}{'seconds':>9}  rows to the bit  report"]

    def park_at(name: str, store: str) -> Path:
        path = tmp_path / name / "PARK.yaml"
        path.parent.mkdir()
        path.write_text(text.replace('store: {path: "data/parkwatt.duckdb"}', f"store: {store}"), encoding="utf-8")
        return path

    def trip(what: str, config: Path | None, *command: object) -> None:
        begun = time.monotonic()
        done(*command)
        line = f"{what:44}{rows:9,}{time.monotonic() - begun:9.1f}"
        if config:
            park = load_park(config)
            same = held(park) == first, but_for_configuration(report(park, demo_park.clock.now())) == before
            line += "".join(f"{'equal' if s else 'DIFFERENT':>17}" for s in same)
        table.append(line)

    home_again = tmp_path / "a" / "PARK.yaml"
    there, fresh = park_at("b", influx(influxd)), park_at("c", influx(influxd))
    back = park_at("d", "{path: d.duckdb}")
    with served(demo_park):
        trip("embedded, running -> backup", None, "backup", home, tmp_path / "one")
    trip("backup -> embedded", home_again, "restore", tmp_path / "one", "--into", tmp_path / "a")
    trip("copy embedded -> InfluxDB 1.6.7", there, "copy", "--from", home_again, "--to", there)
    trip("InfluxDB 1.6.7 -> backup", None, "backup", there, tmp_path / "two")
    trip("backup -> a fresh InfluxDB 1.6.7 database", fresh, "restore", tmp_path / "two", "--park", fresh)
    trip("copy InfluxDB 1.6.7 -> embedded", back, "copy", "--from", fresh, "--to", back)
    shown(*table)
    assert not any("DIFFERENT" in line for line in table)
