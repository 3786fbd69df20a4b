"""Two collectors side by side, as operators start them, on a real broker and a real InfluxDB."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from core.clock import SystemClock
from core.park_file import load_park
from service.collectors import read_status
from store.opening import open_store
from store.state import SqliteState
from tests.conftest import Mosquitto, wait_for

pytestmark = [pytest.mark.broker, pytest.mark.influx]

ROOT = Path(__file__).parents[2]
FIRST = 1790820000
START = datetime.fromtimestamp(FIRST, UTC)
PARK = """
id: two
name: Two halls
latitude: 31.2
longitude: 121.5
timezone: Asia/Shanghai
mqtt: {{port: {port}, {shards}}}
store: {{kind: influx, url: "{url}", database: shards}}
state: {folder}/state.sqlite
http: {{port: 0}}
points:
  - {{id: grid, role: grid, name: Grid, devices: [{{id: grid-1, template: json}}]}}
  - {{id: hall, role: load, name: Hall, devices: [{{id: hall-1, template: json}}]}}
carbon: [{{}}]
"""
SHARDS = "shards: {north: {devices: [grid-1]}, south: {devices: [hall-1]}}"

Start = Callable[..., subprocess.Popen[bytes]]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "service.cli", *arguments]


def asked(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def config(tmp_path: Path, mosquitto: Mosquitto, influxd: str) -> Path:
    return write(tmp_path, mosquitto, influxd, SHARDS)


def write(folder: Path, mosquitto: Mosquitto, url: str, shards: str) -> Path:
    path = folder / "PARK.yaml"
    path.write_text(PARK.format(port=mosquitto.port, url=url, folder=folder, shards=shards), encoding="utf-8")
    return path


@pytest.fixture
def start(config: Path, tmp_path: Path) -> Iterator[Start]:
    made: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: str) -> subprocess.Popen[bytes]:
        with (tmp_path / "ingest.log").open("ab") as log:
            made.append(subprocess.Popen(command("ingest", *arguments, str(config)), cwd=ROOT, stderr=log))
        return made[-1]

    yield begin
    for process in made:
        process.kill()
        process.wait()


@pytest.fixture
def publisher(mosquitto: Mosquitto) -> Iterator[mqtt.Client]:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def publish(client: mqtt.Client, device: str, first: int, count: int) -> None:
    sent = [
        client.publish(f"parkwatt/{device}/telemetry", json.dumps({"time": FIRST + n, "energy_import_kwh": n}), 1)
        for n in range(first, first + count)
    ]
    for info in sent:
        info.wait_for_publish(20)


def stored(config: Path, device: str) -> list[int]:
    park = load_park(config)
    store = open_store(park)
    try:
        found = store.readings(START, START + timedelta(days=1), devices=[device])
        return [int(v) for v in found["value"]]
    finally:
        store.close()


def connected(config: Path, *names: str) -> bool:
    park = load_park(config)
    if not park.state.exists():
        return False
    state = SqliteState(park.state)
    try:
        found = read_status(park, state, SystemClock().now())
        return all(name in found and found[name].connected for name in names)
    finally:
        state.close()


def counted(config: Path) -> dict[str, int]:
    state = SqliteState(load_park(config).state)
    try:
        return state.counts()
    finally:
        state.close()


@pytest.mark.slow
def test_two_shards_store_everything_once_also_when_one_is_killed(
    config: Path, start: Start, publisher: mqtt.Client
) -> None:
    north, south = start("--shard", "north"), start("--shard", "south")
    wait_for(lambda: connected(config, "north", "south"), 40, "both collectors")
    twice = asked("ingest", str(config), "--shard", "north")
    assert twice.returncode == 2
    assert f"process {north.pid} already does `ingest/north`" in twice.stderr
    whole = asked("quarantine", str(config), "replay")
    assert f"process {north.pid} already does `ingest/north`" in whole.stderr

    for device in ("grid-1", "hall-1"):
        publish(publisher, device, 0, 300)
    wait_for(lambda: len(stored(config, "grid-1")) == len(stored(config, "hall-1")) == 300, what="600 readings")

    os.kill(north.pid, signal.SIGKILL)
    north.wait()
    for device in ("grid-1", "hall-1"):
        publish(publisher, device, 300, 300)
    wait_for(lambda: len(stored(config, "hall-1")) == 600, what="the other shard")
    assert stored(config, "grid-1") == list(range(300))

    start("--shard", "north")
    wait_for(lambda: len(stored(config, "grid-1")) == 600, 40, "what the broker kept")
    assert stored(config, "grid-1") == stored(config, "hall-1") == list(range(600))
    south.terminate()
    assert south.wait(20) == 0
    wait_for(lambda: counted(config).get("ingest.messages", 0) >= 1200, what="the counts")
    # One of the two may have stored a batch twice; neither received the other's messages.
    assert counted(config)["quarantined"] == 0


@pytest.mark.slow
def test_another_layout_strands_nothing(
    config: Path, start: Start, publisher: mqtt.Client, tmp_path: Path, mosquitto: Mosquitto, influxd: str
) -> None:
    north = start("--shard", "north")
    wait_for(lambda: connected(config, "north"), 40, "the collector")
    north.terminate()
    assert north.wait(20) == 0
    publish(publisher, "grid-1", 1000, 200)

    write(tmp_path, mosquitto, influxd, "client_id: parkwatt-two")
    check = asked("check", str(config))
    assert check.returncode == 0
    assert "may keep messages for parkwatt-two-north, which nobody resumes: parkwatt ingest --drain" in check.stdout

    whole = start()
    wait_for(lambda: connected(config, ""), 40, "the one collector")
    whole.terminate()
    assert whole.wait(20) == 0
    assert "parkwatt ingest --drain parkwatt-two-north" in (tmp_path / "ingest.log").read_text(encoding="utf-8")
    refused = asked("ingest", str(config), "--drain", "parkwatt-two")
    assert refused.returncode == 2
    assert "start that collector" in refused.stderr
    drained = asked("ingest", str(config), "--drain", "parkwatt-two-north")
    assert drained.stdout == "parkwatt-two-north: 200 messages stored, its session at the broker is ended\n"
    assert [v for v in stored(config, "grid-1") if v >= 1000] == list(range(1000, 1200))
    assert "nobody resumes" not in asked("check", str(config)).stdout


def test_check_says_who_receives_what(config: Path) -> None:
    check = asked("check", str(config))
    assert check.returncode == 0
    assert "shard      north: parkwatt-two-north receives parkwatt/grid-1/telemetry" in check.stdout
    assert "no shard receives all of parkwatt/+/telemetry: a new meter there goes unnoticed" in check.stdout


def test_a_shard_has_to_be_named(config: Path) -> None:
    result = asked("ingest", str(config))
    assert result.returncode == 2
    assert "this park has several collectors: north, south" in result.stderr
