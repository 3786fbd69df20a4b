"""Parkwatt beside Node-RED: the same telegrams into the same InfluxDB: `make bench-peers`.

Node-RED's flow (tests/bench/node-red/flow.json) takes JSON at QoS 1, makes points of four fields, two tags and the
device's time, joins 1,000 and writes them at once; it acknowledges on receipt and checks nothing. Parkwatt's collector
does all it does in service: templates, checks, marks, quarantine, acknowledgement only after the store accepted. A
run lasts from the first telegram until InfluxDB itself counts every row. Runs alternate; medians are shown.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from core.park_file import load_park
from tests.bench.collecting import begin_park_session, begin_session
from tests.bench.ingest import Collecting, Run, bench_folder
from tests.bench.publisher import Publisher
from tests.bench.row import Row
from tests.bench.servers import cpu_s, influxd, mosquitto, need, park_file, resident_mb, running, until
from tests.conftest import free_port

PAIRS = 3
TELEGRAMS, METERS, VALUES = 200_000, 1000, 4
GOAL_CPU_RATIO = 1.2
FLOW = Path(__file__).parent / "node-red"
# Kept between runs, for npm brings some hundred MB; `make clean` removes it.
INSTALLED = Path("build") / "node-red"
PEER = "Node-RED, join 1,000, batch"


def install() -> Path:
    """Set Node-RED up by npm, in the versions package.json names; returns its folder."""
    need("node", "nodejs")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    wanted = (FLOW / "package.json").read_bytes()
    kept = INSTALLED / "package.json"
    if not (kept.exists() and kept.read_bytes() == wanted and (INSTALLED / "installed").exists()):
        kept.write_bytes(wanted)
        print("setting up Node-RED", flush=True)
        options = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
        subprocess.run([need("npm", "npm"), "install", *options], cwd=INSTALLED, check=True)
        (INSTALLED / "installed").touch()
    for name in ("flow.json", "settings.js"):
        shutil.copy(FLOW / name, INSTALLED / name)
    return INSTALLED.resolve()


@contextmanager
def node_red(folder: Path, mqtt_port: int, influx_port: str) -> Iterator[int]:
    """Run the flow; yields its process once it is connected."""
    installed, log = install(), folder / "node-red.log"
    begin_session(mqtt_port, "node-red-bench", ["parkwatt/+/telemetry"])
    ports = {"BENCH_MQTT_PORT": str(mqtt_port), "BENCH_INFLUX_PORT": influx_port, "BENCH_UI_PORT": str(free_port())}
    program = [need("node", "nodejs"), str(installed / "node_modules" / "node-red" / "red.js")]
    options = ["--userDir", str(installed), "--settings", str(installed / "settings.js")]
    with running([*program, *options], log, os.environ | ports) as pid:
        until(lambda: "Connected to broker" in log.read_text(), 60, "Node-RED")
        yield pid
        if "rror" in log.read_text():
            raise SystemExit(f"Node-RED had a fault:\n{log.read_text()}")


@contextmanager
def parkwatt(folder: Path, mqtt_port: int, influx_url: str) -> Iterator[int]:
    """Run the collector; yields its process once it is connected."""
    path = park_file(folder, mqtt_port, METERS, {"kind": "influx", "url": influx_url, "database": "bench"})
    begin_park_session(load_park(path))
    collector = Collecting(path, TELEGRAMS * VALUES)
    try:
        yield collector.process.pid
    finally:
        collector.end()


def counted(url: str, field: str) -> int:
    """Return how many values of a field InfluxDB holds."""
    query = {"db": "bench", "q": f'SELECT count("{field}") FROM reading'}  # noqa: S608 - our own names
    (result,) = requests.get(f"{url}/query", params=query, timeout=60).json()["results"]
    return int(result["series"][0]["values"][0][1]) if "series" in result else 0


def once(*, peer: bool) -> Run:
    """Take the telegrams from the publisher to InfluxDB, and see that all are there."""
    with bench_folder() as folder, mosquitto(folder / "broker") as port, influxd(folder / "influxd") as url:
        requests.post(f"{url}/query", data={"q": "CREATE DATABASE bench"}, timeout=10).raise_for_status()
        if peer:
            pipeline, field, rows = node_red(folder, port, url.rpartition(":")[2]), "energy_import_kwh", TELEGRAMS
        else:
            pipeline, field, rows = parkwatt(folder, port, url), "received_at", TELEGRAMS * VALUES
        with pipeline as pid:
            publisher = Publisher(port, TELEGRAMS, METERS, VALUES)
            try:
                before_s = cpu_s(pid)
                publisher.go()
                first_s = publisher.result().first_s
                until(lambda: counted(url, field) >= rows, 300, f"{rows} rows", 0.1)
                seconds = time.monotonic() - first_s
                return Run(seconds, cpu_s(pid) - before_s, resident_mb(pid), resident_mb(pid, "VmHWM"))
            finally:
                publisher.end()


def measure() -> list[Row]:
    """Run both in turn and put them side by side."""
    install()
    ours, theirs = [], []
    for pair in range(1, PAIRS + 1):
        theirs.append(once(peer=True))
        ours.append(once(peer=False))
        told = (f"{name} {TELEGRAMS / r.seconds:,.0f}/s {_cpu(r):.1f} s CPU" for name, r in
                (("Node-RED", theirs[-1]), ("Parkwatt", ours[-1])))  # fmt: skip
        print(f"  pair {pair} of {PAIRS}: {', '.join(told)}", flush=True)
    speed, peer_speed = _median(ours, _speed), _median(theirs, _speed)
    cpu, peer_cpu = _median(ours, _cpu), _median(theirs, _cpu)
    memory, peer_memory = _median(ours, _memory), _median(theirs, _memory)
    return [
        Row("telegrams with four values into InfluxDB", speed, "telegrams/s", None, PEER, speed / peer_speed, True),
        Row("  the same, Node-RED", peer_speed, "telegrams/s", more_is_better=True),
        Row("  collector CPU for a million telegrams", cpu, "s", peer_cpu / GOAL_CPU_RATIO, PEER, peer_cpu / cpu),
        Row("  the same, Node-RED", peer_cpu, "s"),
        Row("  collector memory, peak", memory, "MB", None, PEER, peer_memory / memory),
        Row("  the same, Node-RED", peer_memory, "MB"),
    ]


def _median(runs: list[Run], figure: Callable[[Run], float]) -> float:
    return statistics.median(figure(r) for r in runs)


def _speed(run: Run) -> float:
    return TELEGRAMS / run.seconds


def _cpu(run: Run) -> float:
    return run.cpu_s / TELEGRAMS * 1e6


def _memory(run: Run) -> float:
    return run.peak_mb
