"""kill -9 at every named place: what was published at QoS 1 is in the store, each reading once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from core.clock import SystemClock
from core.park_file import load_park
from ingest.router import Router
from ingest.templates import load_templates
from store.opening import open_store
from store.state import SqliteState
from tests.conftest import SMALL_PARK, Mosquitto, wait_for

pytestmark = pytest.mark.broker

PROGRAM = Path(__file__).with_name("collector_process.py")
START = datetime(2026, 10, 1, tzinfo=UTC)
DEVICES = ("grid-1", "inv-a", "inv-b")


class Rig:
    """A broker, a park file, a collector process and a ledger of what was published and acknowledged."""

    def __init__(self, broker: Mosquitto, folder: Path) -> None:
        self.broker = broker
        self.park_file = folder / "PARK.yaml"
        self.park_file.write_text(SMALL_PARK.read_text() + f"mqtt: {{port: {broker.port}}}\n")
        self.ledger: dict[tuple[str, datetime], float] = {}
        self.probes = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.publisher = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="ledger")
        self.publisher.connect("127.0.0.1", broker.port)
        self.publisher.loop_start()

    def start(self, failpoint: str = "") -> None:
        environment = os.environ | {"PARKWATT_FAILPOINT": failpoint, "PYTHONWARNINGS": "error"}
        arguments = [sys.executable, str(PROGRAM), str(self.park_file)]
        self.process = subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"started\n"

    def begin_session(self) -> None:
        """Make the collector's persistent session at the broker, so that it is kept everything from now on."""
        park = load_park(self.park_file)
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"parkwatt-{park.id}", clean_session=False)
        granted: list[object] = []
        client.on_subscribe = lambda *_: granted.append(True)
        client.connect("127.0.0.1", self.broker.port)
        client.loop_start()
        client.subscribe([(t, 1) for t in Router(park, load_templates()).subscriptions])
        wait_for(lambda: granted, what="SUBACK")
        client.disconnect()
        client.loop_stop()

    def publish(self, count: int) -> None:
        """Publish so many readings; on return the broker has acknowledged every one."""
        sent = []
        for _ in range(count):
            number = len(self.ledger)
            device, at = DEVICES[number % 3], START + timedelta(seconds=number)
            self.ledger[device, at] = float(number)
            payload = json.dumps({"time": at.isoformat(), "energy_import_kwh": number})
            sent.append(self.publisher.publish(f"parkwatt/{device}/telemetry", payload, 1))
        for info in sent:
            info.wait_for_publish(20)

    def killed(self) -> int:
        code = self.process.wait(20)
        self.process.stdout.close()
        return code

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.killed() == 0

    def settled(self) -> None:
        """Wait until a reading published after all others is stored; the broker delivers in order.

        The first time this also proves that the collector's session exists: only then is anything kept for it. So the
        reading is repeated until it arrives.
        """
        self.probes += 1
        at = datetime(2026, 9, self.probes, 12, tzinfo=UTC)
        payload = json.dumps({"time": at.isoformat(), "temp_air_c": 20})

        def arrived() -> bool:
            self.publisher.publish("parkwatt/met-1/telemetry", payload, 1)
            time.sleep(0.1)
            state = SqliteState(self.park_file.parent / "data" / "state.sqlite", SystemClock())
            try:
                return any(m.device == "met-1" and m.day == at.date() for m in state.dirty())
            finally:
                state.close()

        wait_for(arrived, what="the collector")
        # The mark comes before the rows.
        time.sleep(0.3)

    def end(self) -> None:
        self.stop()
        self.publisher.disconnect()
        self.publisher.loop_stop()

    def stored(self) -> tuple[dict[tuple[str, datetime], float], int, set[tuple[str, str]]]:
        """Return the readings by key, the number of rows, and the days marked dirty."""
        park = load_park(self.park_file)
        store, state = open_store(park), SqliteState(park.state, SystemClock())
        frame = store.readings(START, START + timedelta(days=2), quantities=["energy_import_kwh"])
        marks = {(m.device, m.day.isoformat()) for m in state.dirty()}
        store.close()
        state.close()
        found = {(row["device"], row["time"].to_pydatetime()): row["value"] for row in frame.to_dict("records")}
        return found, len(frame), marks


@pytest.fixture
def rig(mosquitto: Mosquitto, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(mosquitto, tmp_path)
    yield made
    if made.process and made.process.poll() is None:
        made.process.kill()
        made.killed()
    made.end()


@pytest.mark.parametrize("place", ["after_mark", "after_insert", "after_commit", "before_ack"])
def test_killed_at_a_failpoint_nothing_is_lost_or_doubled(rig: Rig, place: str) -> None:
    rig.begin_session()
    rig.publish(100)
    rig.start(f"{place}:1")
    assert rig.killed() == -signal.SIGKILL
    rig.publish(400)
    rig.start(f"{place}:2")
    while rig.process.poll() is None:  # how many batches that makes is for the collector to say
        rig.publish(100)
    assert rig.killed() == -signal.SIGKILL
    rig.start()
    rig.publish(200)
    rig.settled()
    rig.stop()
    found, rows, marks = rig.stored()
    assert rig.ledger == found
    assert rows == len(rig.ledger)
    assert {(device, "2026-10-01") for device in DEVICES} <= marks


def test_killed_at_random_under_load(rig: Rig) -> None:
    rig.begin_session()
    for pause_s in (0.05, 0.3):
        rig.start()
        rig.publish(1000)
        time.sleep(pause_s)
        rig.process.kill()
        rig.killed()
        rig.publish(500)
    rig.start()
    rig.settled()
    rig.stop()
    found, rows, _ = rig.stored()
    assert rig.ledger == found
    assert rows == 3000


def test_a_broker_that_was_killed_and_came_back(rig: Rig) -> None:
    rig.start()
    rig.settled()
    rig.publish(300)
    rig.settled()
    rig.broker.kill()
    time.sleep(0.3)
    rig.broker.start()
    wait_for(rig.publisher.is_connected, what="the publisher")
    rig.publish(300)
    rig.settled()
    rig.stop()
    found, rows, _ = rig.stored()
    assert rig.ledger == found
    assert rows == 600
