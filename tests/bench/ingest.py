"""Speed and memory of ingest: `make bench ARGS=ingest`.

Publisher, Mosquitto and one collector share the machine. A run lasts from the first telegram's leaving until the last
reading is committed, and counts only if the store then holds every one. `bare` is the same without any check.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from core.park_file import load_park
from store.opening import open_store
from tests.bench.collecting import begin_park_session
from tests.bench.publisher import Publisher
from tests.bench.row import Row
from tests.bench.servers import cpu_s, influxd, mosquitto, park_file, resident_mb
from tests.conftest import free_port

RUNS = 3
METERS = 1000
TELEGRAMS = {1: 200_000, 20: 60_000}
GOAL_TELEGRAMS, GOAL_VALUES = 25_000.0, 300_000.0
MANY_METERS, MANY_TELEGRAMS = 10_000, 100_000
DOWN_RATE, DOWN_S = 2000, 60
READY_S, DONE_S = 120, 300


@dataclass
class Run:
    """What one run took."""

    seconds: float
    cpu_s: float
    resident_mb: float
    peak_mb: float


class Collecting:
    """The collector's process."""

    def __init__(self, park: Path, readings: int, *, bare: bool = False) -> None:
        program = [sys.executable, "-m", "tests.bench.collecting", str(park), str(readings)]
        self.process = subprocess.Popen(
            [*program, *(["--bare"] if bare else [])], stdout=subprocess.PIPE, text=True
        )  # fmt: skip
        if self.process.stdout.readline() != "connected\n":
            raise SystemExit("the collector did not connect")

    def done_s(self) -> float:
        """Wait until every reading is committed and return when that was."""
        word, _, at = self.process.stdout.readline().partition(" ")
        if word != "done":
            raise SystemExit("the collector failed")
        return float(at)

    def end(self) -> None:
        """Let it close its files."""
        self.process.terminate()
        if self.process.wait(30):
            raise SystemExit("the collector failed")


@contextmanager
def bench_folder() -> Iterator[Path]:
    """Yield an empty folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="parkwatt-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def once(telegrams: int, meters: int, values: int, *, bare: bool = False) -> Run:
    """Take telegrams from the publisher to the store, and see that all are there."""
    with bench_folder() as folder, mosquitto(folder / "broker") as port:
        path = park_file(folder, port, meters)
        park = load_park(path)
        begin_park_session(park)
        collector = Collecting(path, telegrams * values, bare=bare)
        pid = collector.process.pid
        publisher = Publisher(port, telegrams, meters, values)
        try:
            before_s = cpu_s(pid)
            publisher.go()
            first_s = publisher.result().first_s
            done_s = collector.done_s()
            run = Run(done_s - first_s, cpu_s(pid) - before_s, resident_mb(pid), resident_mb(pid, "VmHWM"))
        finally:
            publisher.end()
            collector.end()
        if bare:
            with duckdb.connect(park.store.path) as table:
                ((held,),) = table.execute("SELECT count(DISTINCT (time, topic, quantity)) FROM reading").fetchall()
        else:
            store = open_store(park)
            held = store.info().readings
            store.close()
        if held != telegrams * values:
            raise SystemExit(f"{held} readings are stored, {telegrams * values} were sent")
    return run


def many_meters() -> Run:
    """Let a collector that is a process of its own, as with InfluxDB, serve a large park."""
    with bench_folder() as folder, mosquitto(folder / "broker") as port, influxd(folder / "influxd") as url:
        path = park_file(folder, port, MANY_METERS, {"kind": "influx", "url": url, "database": "bench"})
        begin_park_session(load_park(path))
        collector = Collecting(path, MANY_TELEGRAMS)
        pid = collector.process.pid
        publisher = Publisher(port, MANY_TELEGRAMS, MANY_METERS, 1)
        try:
            before_s = cpu_s(pid)
            publisher.go()
            first_s = publisher.result().first_s
            seconds = collector.done_s() - first_s
            return Run(seconds, cpu_s(pid) - before_s, resident_mb(pid), resident_mb(pid, "VmHWM"))
        finally:
            publisher.end()
            collector.end()


def while_down() -> Run:
    """Publish while the store refuses; the collector keeps what it may and leaves the rest to the broker."""
    with bench_folder() as folder, mosquitto(folder / "broker") as port:
        store = {"kind": "influx", "url": f"http://127.0.0.1:{free_port()}"}
        path = park_file(folder, port, METERS, store)
        begin_park_session(load_park(path))
        collector = Collecting(path, 1)
        pid = collector.process.pid
        publisher = Publisher(port, DOWN_RATE * DOWN_S, METERS, 4, rate=DOWN_RATE)
        try:
            publisher.go()
            published = publisher.result()
            time.sleep(2)
            seconds = published.last_s - published.first_s
            return Run(seconds, cpu_s(pid), resident_mb(pid), resident_mb(pid, "VmHWM"))
        finally:
            publisher.end()
            collector.end()


def rows_for(values: int) -> list[Row]:
    """Compare ours and the bare one, in turn."""
    telegrams = TELEGRAMS[values]
    ours, bare = [], []
    for _ in range(RUNS):
        bare.append(once(telegrams, METERS, values, bare=True))
        ours.append(once(telegrams, METERS, values))
    seconds, bare_s = (statistics.median(r.seconds for r in runs) for runs in (ours, bare))
    cpu, bare_cpu = (statistics.median(r.cpu_s for r in runs) / telegrams * 1e6 for runs in (ours, bare))
    name, unit, goal = {
        1: ("QoS 1 telegrams with one value, to committed", "telegrams/s", GOAL_TELEGRAMS),
        20: ("values, twenty a telegram, to committed", "values/s", GOAL_VALUES),
    }[values]
    peer = "bare paho, orjson, DuckDB"
    return [
        Row(name, telegrams * values / seconds, unit, goal, peer, bare_s / seconds, more_is_better=True),
        Row("  the same, bare: no check, no mark", telegrams * values / bare_s, unit, more_is_better=True),
        Row("  collector CPU for a million telegrams", cpu, "s", None, peer, bare_cpu / cpu),
        Row("  the same, bare", bare_cpu, "s"),
    ]


def measure() -> list[Row]:
    """Take all figures."""
    rows = [*rows_for(1), *rows_for(20)]
    many, whole = many_meters(), once(MANY_TELEGRAMS, MANY_METERS, 1)
    rows.append(Row(f"collector memory at {MANY_METERS:,} meters, InfluxDB, resident", many.resident_mb, "MB", 200))
    rows.append(Row("  the same, peak: PARK.yaml being read", many.peak_mb, "MB"))
    rows.append(Row("  the same, the embedded store in the same process", whole.resident_mb, "MB"))
    down = while_down()
    name = f"collector memory, {DOWN_RATE:,} telegrams/s and the store down for {DOWN_S} s"
    rows.append(Row(f"{name}, peak", down.peak_mb, "MB", 300))
    return rows
