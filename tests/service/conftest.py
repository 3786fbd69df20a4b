"""One demo park with its 60 days of history, computed once for all tests that look at it; and a small one to change."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import uvicorn

from core.clock import ManualClock
from core.frames import readings_frame
from core.park_file import load_park
from ingest.files import import_files
from service import address
from service.demo.faults import Faults
from service.demo.history import write_history
from service.demo.plant import Plant, epoch_of
from service.demo.site import park_yaml
from service.http import make_app
from service.runner import Runtime, catch_up, opened
from service.serving import listen

UNTIL = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)  # noon in the park
NOW = datetime(2026, 11, 20, 4, 5, tzinfo=UTC)

TOKEN = "secret-of-this-test"  # noqa: S105
NOVEMBER = datetime(2026, 11, 12, 4, 0, tzinfo=UTC)
OCTOBER = datetime(2026, 9, 30, 16, 0, tzinfo=UTC)  # midnight in the park
SIX_WEEKS = """
id: small
name: {zh: 小园区, en: Small park}
latitude: 31.2
longitude: 121.5
timezone: Asia/Shanghai
http: {port: 0}
store: {path: FOLDER/park.duckdb}
state: FOLDER/state.sqlite
points:
  - {id: grid, role: grid, name: {zh: 并网点, en: Grid}, devices: [{id: grid-1, template: json, interval_s: 900}]}
  - {id: roof, role: pv, name: {zh: 屋顶, en: Roof}, devices: [{id: inv-1, template: json, interval_s: 900}]}
  - {id: hall, role: load, name: {zh: 一号馆, en: Hall 1}, devices: [{id: hall-1, template: json, interval_s: 900}]}
carbon:
  - {scheme: location, region: CN-SH}
"""
FLOWS = (
    ("grid-1", "energy_import_kwh", 30.0), ("grid-1", "energy_export_kwh", 0.0), ("inv-1", "energy_export_kwh", 10.0),
    ("hall-1", "energy_import_kwh", 25.0),
)  # fmt: skip


@pytest.fixture(scope="session")
def demo_park(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """The demo park at noon of 20 November 2026; no test may change it."""
    folder: Path = tmp_path_factory.mktemp("demo")
    text = park_yaml(UNTIL)
    config = folder / "PARK.yaml"
    config.write_text(text, encoding="utf-8")
    park = load_park(config)
    plant = Plant(park, 1, Faults.demo(park, 1, epoch_of(park)))
    write_history(plant, UNTIL, folder / "history.parquet")
    with opened(park, ManualClock(NOW), text, "ingest", "serve") as runtime:
        import_files(park, runtime.store, runtime.state, [folder / "history.parquet"], runtime.clock, None)
        catch_up(runtime)
        yield runtime


# -- a park of steady flows that a test may change


def written(folder: Path) -> Path:
    path = folder / "PARK.yaml"
    path.write_text(SIX_WEEKS.replace("FOLDER/", ""), encoding="utf-8")
    return path


def fill(runtime: Runtime) -> None:
    """Six weeks: 30 kW from the grid, 10 kW made, 25 kW used in the hall; the hall's meter was changed on 20 October."""
    times = pd.date_range(OCTOBER, NOVEMBER, freq="15min", unit="us")
    hours = np.arange(len(times)) / 4
    for device, quantity, kw in FLOWS:
        kwh = 5000.0 + kw * hours
        if device == "hall-1":
            changed = np.asarray(times >= datetime(2026, 10, 20, 3, 50, tzinfo=UTC))
            kwh = np.where(changed, kwh - 5000.0 - kw * hours[changed][0] + 60.0, kwh)
        frame = {"time": times, "device": device, "quantity": quantity, "channel": "", "value": kwh}
        runtime.store.append_readings(readings_frame(pd.DataFrame({**frame, "received_at": times, "flags": 0})))
        runtime.state.mark_dirty({(device, t.date()) for t in times})
    catch_up(runtime)


@pytest.fixture(scope="session")
def six_weeks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PARK.yaml of that park, everything computed; to be copied."""
    path = written(tmp_path_factory.mktemp("six-weeks"))
    with opened(load_park(path), ManualClock(NOVEMBER), SIX_WEEKS, "ingest", "serve") as made:
        fill(made)
    return path


@pytest.fixture
def runtime(six_weeks: Path, tmp_path: Path) -> Iterator[Runtime]:
    shutil.copytree(six_weeks.parent, tmp_path, dirs_exist_ok=True)
    with opened(load_park(tmp_path / "PARK.yaml"), ManualClock(NOVEMBER), SIX_WEEKS, "ingest", "serve") as made:
        yield made


@contextmanager
def served(runtime: Runtime) -> Iterator[str]:
    """The service over a real socket, announced to commands."""
    listener = listen(runtime.park)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    service = uvicorn.Server(uvicorn.Config(make_app(runtime, TOKEN), log_config=None, access_log=False))
    thread = threading.Thread(target=service.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    address.announce(runtime.park, address.Address(url, TOKEN, os.getpid()))
    yield url
    address.withdraw(runtime.park)
    service.should_exit = True
    thread.join(20)
    listener.close()


@pytest.fixture
def server(runtime: Runtime) -> Iterator[str]:
    with served(runtime) as url:
        yield url


# -- a park to take along


@pytest.fixture(scope="session")
def made_for_backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PARK.yaml of a small park with everything a store and a state can hold; no test may change it."""
    from tests.service.backups import make  # noqa: PLC0415 - that one needs this one

    return make(tmp_path_factory.mktemp("home"))


@pytest.fixture
def config(made_for_backup: Path, tmp_path: Path) -> Path:
    """PARK.yaml of a copy of it."""
    return shutil.copytree(made_for_backup.parent, tmp_path / "home") / "PARK.yaml"
