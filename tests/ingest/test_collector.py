"""The collector against a real broker, with store and state in memory."""

from __future__ import annotations

import gc
import json
import logging
import socket
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from core.clock import SystemClock
from core.errors import ConfigError, Retryable
from core.park import Park
from ingest.broker import _mosquitto_hash
from ingest.collector import Collector
from ingest.handoff import Handoff, Received
from ingest.wire import Wire
from tests.conftest import Mosquitto, accepts, free_port, need, wait_for
from tests.ingest.fakes import FakeState, FakeStore, listening

pytestmark = pytest.mark.broker


class Running:
    """A collector and what it wrote."""

    def __init__(self, park: Park, handoff: Handoff | None = None) -> None:
        self.store = FakeStore()
        self.state = FakeState()
        self.collector = Collector(park, self.store, self.state, SystemClock(), handoff)
        self.granted = listening(self.collector)

    def start(self) -> Running:
        self.collector.start()
        return self

    def connected(self) -> Running:
        wait_for(lambda: self.granted.is_set() and self.collector.status().connected, what="the collector's connection")
        return self


Run = Callable[..., Running]


@pytest.fixture
def run() -> Iterator[Run]:
    made: list[Running] = []

    def make(park: Park, handoff: Handoff | None = None) -> Running:
        made.append(Running(park, handoff))
        return made[-1].start()

    yield make
    for each in made:
        each.collector.stop()


def at(park: Park, port: int, **changes: object) -> Park:
    return park.model_copy(update={"mqtt": park.mqtt.model_copy(update={"port": port, **changes})})


@pytest.fixture
def publisher(mosquitto: Mosquitto) -> Iterator[mqtt.Client]:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(1000)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def publish(client: mqtt.Client, count: int, first: int = 0, *, pad: int = 0, retain: bool = False) -> None:
    sent = [
        client.publish(
            "parkwatt/grid-1/telemetry",
            json.dumps({"time": 1790820000 + n, "energy_import_kwh": n, "note": "x" * pad}),
            1,
            retain=retain,
        )
        for n in range(first, first + count)
    ]
    for info in sent:
        info.wait_for_publish(20)


def test_stores_what_every_template_sends(
    mosquitto: Mosquitto, small_park: Park, publisher: mqtt.Client, run: Run
) -> None:
    running = run(at(small_park, mosquitto.port)).connected()
    devices = Path(__file__).parents[1] / "devices"
    publisher.publish("parkwatt/grid-1/telemetry", (devices / "json/payload.json").read_bytes(), 1)
    publisher.publish("shelly-a/events/rpc", (devices / "shelly-gen2-em/payload.json").read_bytes(), 1)
    publisher.publish(
        "shelly-a/status/emdata:0", (devices / "shelly-gen2-em/status-emdata/payload.json").read_bytes(), 1
    )
    publisher.publish("tele/new-b/SENSOR", (devices / "tasmota-energy/payload.json").read_bytes(), 0)
    publisher.publish("parkwatt/stranger/telemetry", b"{}", 1)
    publisher.publish("parkwatt/met-1/telemetry", b"\xff", 1)
    wait_for(lambda: running.collector.status().pending == 0 and running.collector.status().received == 6)
    status = running.collector.status()
    assert (status.stored, status.quarantined, status.out_of_range, status.error) == (6 + 17 + 8 + 6, 2, 2, None)
    assert status.reasons == {"unknown_device": 1, "not_json": 1}
    assert status.last_message_at is not None
    assert {key[0] for key in running.store.rows} == {"grid-1", "shelly-a", "new-b"}
    assert sorted((i.reason, i.topic) for i in running.state.items) == [
        ("not_json", "parkwatt/met-1/telemetry"),
        ("unknown_device", "parkwatt/stranger/telemetry"),
    ]


def test_each_message_is_delivered_once(
    mosquitto: Mosquitto, small_park: Park, publisher: mqtt.Client, run: Run
) -> None:
    park = at(small_park, mosquitto.port, topics=("#", "parkwatt/+/telemetry", "tele/+/SENSOR"))
    running = run(park).connected()
    publish(publisher, 200)
    wait_for(lambda: len(running.store.rows) == 200)
    assert running.collector.status().received == 200


def test_stop_finishes_and_the_session_keeps_what_comes_after(
    mosquitto: Mosquitto, small_park: Park, publisher: mqtt.Client, run: Run
) -> None:
    park = at(small_park, mosquitto.port)
    first = run(park).connected()
    publish(publisher, 1500)
    wait_for(lambda: first.collector.status().received > 0)
    first.collector.stop()
    assert first.collector.status().pending == 0
    publish(publisher, 2500, first=1500)
    second = run(park)
    wait_for(lambda: len(first.store.rows | second.store.rows) == 4000, what="all 4,000")
    assert not first.collector.status().connected


def test_nothing_is_acknowledged_while_the_store_is_down(
    mosquitto: Mosquitto, small_park: Park, publisher: mqtt.Client, run: Run
) -> None:
    park = at(small_park, mosquitto.port)
    first = run(park).connected()
    first.store.failures = [Retryable("no space left", 60.0)] * 1000
    publish(publisher, 300)
    wait_for(lambda: first.collector.status().error == "no space left")
    first.collector._writer.stop(timeout_s=0.1)
    first.collector.stop()
    assert first.store.rows == {}
    second = run(park)
    wait_for(lambda: len(second.store.rows) == 300, what="the redelivery")


@pytest.mark.parametrize(("messages", "size"), [(150, 1 << 30), (1 << 30, 40_000)])
def test_past_the_high_water_mark_it_disconnects_and_comes_back(
    mosquitto: Mosquitto,
    small_park: Park,
    publisher: mqtt.Client,
    run: Run,
    caplog: pytest.LogCaptureFixture,
    messages: int,
    size: int,
) -> None:
    caplog.set_level(logging.INFO)
    handoff = Handoff(high_water_messages=messages, high_water_bytes=size)
    running = run(at(small_park, mosquitto.port), handoff).connected()
    running.store.failures = [Retryable("slow", 0.4)] * 3
    publish(publisher, 3000, pad=200)
    wait_for(lambda: len(running.store.rows) == 3000, what="all 3,000")
    assert "disconnected until" in caplog.text
    assert "caught up; connecting again" in caplog.text
    wait_for(lambda: running.collector.status().connected)


def test_an_absent_broker_is_one_line_and_waited_for(
    tmp_path: Path, small_park: Park, run: Run, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = need("mosquitto", "mosquitto")
    monkeypatch.setattr("ingest.backoff.Backoff.delay_s", lambda _self, _failures: 0.02)
    port = free_port()
    running = run(at(small_park, port))
    wait_for(lambda: running.collector._session._failures > 5, what="some attempts")
    status = running.collector.status()
    assert not status.connected
    assert status.error == f"broker 127.0.0.1:{port}: Connection refused"
    warnings = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert [r.getMessage() for r in warnings] == [f"{status.error}; trying again until it answers"]
    broker = Mosquitto(program, tmp_path, port)
    broker.start()
    running.connected()
    assert running.collector.status().error is None
    broker.kill()
    wait_for(lambda: not running.collector.status().connected and running.collector.status().error)
    broker.start()
    running.connected()
    broker.kill()


def test_somebody_who_is_no_broker_is_said_to_be_none(
    small_park: Park, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.session.CONNECT_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        running = run(at(small_park, server.getsockname()[1]))
        wait_for(lambda: running.collector.status().error, what="an error")
        assert "does not answer as an MQTT broker" in running.collector.status().error
        running.collector.stop()


def test_a_retained_message_is_an_ordinary_reading(
    mosquitto: Mosquitto, small_park: Park, publisher: mqtt.Client, run: Run
) -> None:
    publish(publisher, 1, retain=True)
    park = at(small_park, mosquitto.port)
    for _ in range(2):
        running = run(park)
        wait_for(lambda running=running: len(running.store.rows) == 1)
        running.collector.stop()
    (row,) = running.store.rows.values()
    assert row["time"].to_pydatetime() == datetime.fromtimestamp(1790820000, UTC)


def test_acknowledgements_of_an_older_connection_are_dropped(
    mosquitto: Mosquitto, small_park: Park, publisher: mqtt.Client, run: Run
) -> None:
    running = run(at(small_park, mosquitto.port)).connected()
    session = running.collector._session
    sent: list[int] = []
    real = Wire.acknowledge
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Wire, "acknowledge", lambda self, mids: (sent.extend(mids), real(self, mids))[1])
        publish(publisher, 1)
        wait_for(lambda: sent)
        old = len(sent)
        session.acknowledge([Received("t", b"", 0, 77, 1, session._epoch - 1)])
        session.acknowledge([Received("t", b"", 0, 78, 0, session._epoch)])
        publish(publisher, 1, first=1)
        wait_for(lambda: len(sent) > old)
    assert 77 not in sent
    assert 78 not in sent


def test_survives_an_exception_nobody_foresaw(
    mosquitto: Mosquitto, small_park: Park, publisher: mqtt.Client, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = run(at(small_park, mosquitto.port)).connected()
    messages = Wire.messages
    faults = [RuntimeError("unforeseen")]

    def faulty(self: Wire, received_us: int, epoch: int) -> list[Received]:
        found = messages(self, received_us, epoch)
        if found and faults:
            raise faults.pop()
        return found

    monkeypatch.setattr(Wire, "messages", faulty)
    exchange = type(running.collector._session)._exchange
    broken = [RuntimeError("unforeseen")]

    def once_broken(self: object, *arguments: object) -> None:
        if broken:
            raise broken.pop()
        exchange(self, *arguments)

    monkeypatch.setattr(type(running.collector._session), "_exchange", once_broken)
    publish(publisher, 50)
    # The one whose hand-over failed was not acknowledged; the next connection brings it.
    wait_for(lambda: len(running.store.rows) == 50, what="all readings")
    running.connected()
    assert running.collector.status().error is None


# paho leaves a socket whose TLS handshake failed to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_with_name_and_password_over_tls(tmp_path: Path, small_park: Park, run: Run) -> None:
    program, openssl = need("mosquitto", "mosquitto"), need("openssl", "openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    port = free_port()
    (tmp_path / "users").write_text(f"park:{_mosquitto_hash('right')}\n")
    (tmp_path / "password").write_text("right\n")
    config = tmp_path / "tls.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nuser root\ncertfile {certificate}\nkeyfile {key}\nallow_anonymous false\n"
        f"password_file {tmp_path / 'users'}\nlog_dest none\n"
    )
    broker = subprocess.Popen([program, "-c", config])
    try:
        wait_for(lambda: accepts(port), what="mosquitto")
        secure = {"host": "localhost", "tls": True, "ca_file": certificate, "username": "park"}
        running = run(at(small_park, port, **secure, password_file=tmp_path / "password")).connected()
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.username_pw_set("park", "right")
        client.tls_set(str(certificate))
        client.connect("localhost", port)
        client.loop_start()
        publish(client, 500, pad=500)
        wait_for(lambda: len(running.store.rows) == 500)
        client.disconnect()
        client.loop_stop()
        (tmp_path / "password").write_text("wrong\n")
        refused = run(at(small_park, port, **secure, client_id="other", password_file=tmp_path / "password"))
        wait_for(lambda: refused.collector.status().error)
        assert "refuses us: Not authorized" in refused.collector.status().error
        untrusted = run(at(small_park, port, host="localhost", tls=True, client_id="third"))
        wait_for(lambda: untrusted.collector.status().error)
        assert "certificate verify failed" in untrusted.collector.status().error
        untrusted.collector.stop()
    finally:
        broker.kill()
        broker.wait()
        gc.collect()


def test_faults_of_the_park_file_are_met_before_anything_starts(small_park: Park, tmp_path: Path) -> None:
    for changes, words in (
        ({"username": "u", "password_env": "PARKWATT_NOT_SET"}, "the environment has no PARKWATT_NOT_SET"),
        ({"username": "u", "password_file": tmp_path / "none"}, "cannot read mqtt.password_file"),
        ({"tls": True, "ca_file": tmp_path / "none"}, "TLS files"),
    ):
        with pytest.raises(ConfigError, match=words):
            Collector(at(small_park, 1, **changes), FakeStore(), FakeState(), SystemClock())
