"""`make run`: a broker, two months of history, a live simulator, and the service on top."""

from __future__ import annotations

import logging
import shutil
import socket
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from core.clock import SystemClock
from core.errors import ConfigError
from core.park import Park
from core.park_file import load_park
from core.timebase import slot_start
from ingest.broker import ChildBroker
from ingest.child import start_watched, stop_watched
from ingest.files import import_files
from service import address, serving
from service.demo.faults import Faults
from service.demo.history import write_history
from service.demo.plant import Plant, epoch_of
from service.demo.site import PARK_ID, park_yaml
from service.runner import Runtime, catch_up, opened

log = logging.getLogger(__name__)

DEFAULT_SEED = 1
HISTORY_LAG = timedelta(minutes=5)  # what lies between the history and now comes over MQTT, like everything after

Progress = Callable[[str], Callable[[int, int], None]]


def launch(
    folder: Path, port: int, seed: int | None, interval_s: float, progress: Progress, ready: Callable[[str], None]
) -> None:
    """Set up a fresh demo park in `folder` and serve it until told to end.

    Without a seed the three faults of the README are planted; with one, others at other places.
    """
    folder = folder.resolve()
    _make_room(folder)
    clock = SystemClock()
    until = slot_start(clock.now() - HISTORY_LAG)
    broker = ChildBroker(folder / "broker")
    host, broker_port = broker.start()
    try:
        config = folder / "PARK.yaml"
        text = park_yaml(
            until,
            http_port=port,
            broker_host=host,
            broker_port=broker_port,
            username=broker.username,
            password_file=broker.password_file,
        )
        config.write_text(text, encoding="utf-8")
        park = load_park(config)
        listener = serving.listen(park)
        with opened(park, clock, text, "ingest", "serve") as runtime:
            faults = _faults(park, seed)
            _history(runtime, folder, Plant(park, seed or DEFAULT_SEED, faults), until, progress)
            ready(f"http://{park.http.listen}:{listener.getsockname()[1]}")
            _serve(runtime, config, seed, interval_s, listener)
    finally:
        broker.stop()


def _make_room(folder: Path) -> None:
    """Empty the demo's own folder; refuse to touch anybody else's."""
    config = folder / "PARK.yaml"
    if folder.exists() and any(folder.iterdir()):
        if not config.is_file() or f"id: {PARK_ID}" not in config.read_text(encoding="utf-8"):
            raise ConfigError(f"{folder} is not empty and no demo park's", "choose another with --folder, or delete it")
        owner = address.running(load_park(config))
        if owner:
            raise ConfigError(
                f"the demo already runs at {owner.url} (process {owner.pid})", "end it first, or use --folder"
            )
    for name in ("data", "broker", "PARK.yaml", "history.parquet", "simulator.log"):
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)


def _faults(park: Park, seed: int | None) -> Faults:
    start = epoch_of(park)
    return Faults.demo(park, DEFAULT_SEED, start) if seed is None else Faults.random(park, seed, start)


def _history(runtime: Runtime, folder: Path, plant: Plant, until: datetime, progress: Progress) -> None:
    path = folder / "history.parquet"
    log.info("writing 60 days of history")
    write_history(plant, until, path)
    log.info("importing it")
    import_files(runtime.park, runtime.store, runtime.state, [path], runtime.clock, progress("importing"))
    log.info("computing balance, expectation and alerts")
    catch_up(runtime, progress("computing"))


def _serve(runtime: Runtime, config: Path, seed: int | None, interval_s: float, listener: socket.socket) -> None:
    kind = ["--faults", "demo"] if seed is None else ["--faults", "random"]
    arguments = ["--seed", str(seed or DEFAULT_SEED), "--interval", str(interval_s), *kind]
    with (config.parent / "simulator.log").open("wb") as output:
        simulator = start_watched([sys.executable, "-m", "service.demo.simulate", str(config), *arguments], output)
        try:
            serving.serve_runtime(runtime, listener, collect=True)
        finally:
            stop_watched(simulator)
