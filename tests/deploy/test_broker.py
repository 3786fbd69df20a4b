"""The broker's shipped configuration and the secrets of the first start, run for real on loopback."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from tests.conftest import free_port

pytestmark = pytest.mark.checkout

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """Secrets as the first start makes them."""
    _make_secrets(tmp_path)
    return tmp_path


def _make_secrets(folder: Path) -> None:
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    if shutil.which("mosquitto_passwd", path=path) is None:
        pytest.skip("mosquitto_passwd is not on this machine: apt-get install mosquitto")
    subprocess.run(
        ["sh", DEPLOY / "compose" / "make_secrets.sh", folder], check=True, env={"PATH": path}, capture_output=True
    )


def test_secrets_are_made_once_and_shared_where_needed(secrets: Path):
    first = {p.relative_to(secrets): p.read_bytes() for p in secrets.rglob("*") if p.is_file() and p.name != "passwd"}
    assert sorted(map(str, first)) == [
        "grafana/admin_password",
        "grafana/influx_password",
        "grafana/secret_key",
        "influxdb/admin_password",
        "influxdb/admin_token",
        "influxdb/grafana_password",
        "mosquitto/collector",
        "mosquitto/devices",
        "parkwatt/admin_password",
        "parkwatt/mqtt_password",
        "simulator/devices",
    ]
    assert all(len(text) == 32 for text in first.values())
    assert first[Path("parkwatt/mqtt_password")] == first[Path("mosquitto/collector")]
    assert first[Path("simulator/devices")] == first[Path("mosquitto/devices")]
    assert first[Path("grafana/influx_password")] == first[Path("influxdb/grafana_password")]
    assert len(set(first.values())) == 8
    assert all(p.stat().st_mode & 0o077 == 0 for p in secrets.rglob("*"))
    _make_secrets(secrets)
    assert all((secrets / name).read_bytes() == text for name, text in first.items())


@pytest.fixture
def tls_port() -> int:
    return free_port()


@pytest.fixture
def broker(mosquitto, secrets: Path, tmp_path: Path, tls_port: int):
    """The shipped broker configuration on a loopback port."""
    mosquitto.kill()
    _tls_listener(tmp_path / "broker.d", tls_port)
    text = (DEPLOY / "mosquitto.conf").read_text(encoding="utf-8")
    user = "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody")
    for shipped, here in {
        "listener 1883": f"listener {mosquitto.port} 127.0.0.1\nuser {user}",
        "/secrets/passwd": str(secrets / "mosquitto" / "passwd"),
        "/mosquitto/config/mosquitto.acl": str(DEPLOY / "mosquitto.acl"),
        "/mosquitto/data/": f"{tmp_path}/",
        "include_dir /mosquitto/config/broker.d": f"include_dir {tmp_path}/broker.d",
        "log_dest stderr": "log_dest none",
    }.items():
        assert shipped in text
        text = text.replace(shipped, here)
    config = tmp_path / "shipped.conf"
    config.write_text(text, encoding="utf-8")
    process = subprocess.Popen([mosquitto.program, "-c", config], stderr=subprocess.DEVNULL)
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", mosquitto.port), 0.1):
            break
        time.sleep(0.02)
    yield mosquitto.port, secrets / "mosquitto"
    process.terminate()
    process.wait()


def _tls_listener(folder: Path, port: int) -> None:
    """Put the example listener beside a certificate for this machine, as an operator would."""
    folder.mkdir()
    text = (DEPLOY / "compose" / "broker.d" / "tls.conf.example").read_text(encoding="utf-8")
    assert "listener 8883\n" in text
    text = text.replace("listener 8883", f"listener {port} 127.0.0.1").replace(
        "/mosquitto/config/broker.d", str(folder)
    )
    (folder / "tls.conf").write_text(text, encoding="utf-8")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "broker.key", "-out", "broker.crt"]
    subprocess.run(made, cwd=folder, check=True, capture_output=True)


class Client:
    """An MQTT client with a persistent session; what happens to it comes out of a queue."""

    def __init__(
        self, port: int, name: str, user: str | None = None, password: str | None = None, ca: Path | None = None
    ) -> None:
        self.happened: queue.Queue[str] = queue.Queue()
        self.mqtt = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        self.mqtt.on_connect = lambda _c, _u, _f, reason, _p: self.happened.put(str(reason))
        self.mqtt.on_message = lambda _c, _u, message: self.happened.put(message.topic)
        self.mqtt.on_subscribe = lambda *_: self.happened.put("subscribed")
        if user:
            self.mqtt.username_pw_set(user, password)
        if ca:
            self.mqtt.tls_set(ca_certs=str(ca), tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self.mqtt.max_queued_messages_set(0)
        self.mqtt.connect("127.0.0.1", port)
        self.mqtt.loop_start()

    def next(self) -> str:
        return self.happened.get(timeout=10)

    def listen(self) -> str:
        self.mqtt.subscribe("#", qos=1)
        return self.next()

    def send(self, *topics: str) -> None:
        for sent in [self.mqtt.publish(topic, b"1", qos=1) for topic in topics]:
            sent.wait_for_publish(10)

    def close(self) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


@pytest.mark.broker
def test_the_broker_refuses_strangers_and_keeps_a_nights_messages_for_the_collector(broker: tuple[int, Path]):
    port, secrets = broker
    stranger = Client(port, "stranger")
    assert stranger.next() == "Not authorized"
    stranger.close()

    password = (secrets / "collector").read_text()
    collector = Client(port, "collector", "parkwatt", password)
    assert [collector.next(), collector.listen()] == ["Success", "subscribed"]
    collector.close()

    topics = [f"park/m/{n}" for n in range(1500)]
    meter = Client(port, "meter", "devices", (secrets / "devices").read_text())
    meter.send(*topics)
    meter.close()

    collector = Client(port, "collector", "parkwatt", password)
    assert [collector.next() for _ in range(1501)] == ["Success", *topics]
    collector.close()


@pytest.mark.broker
def test_meters_cannot_listen_and_the_collector_cannot_send(broker: tuple[int, Path]):
    port, secrets = broker
    spy = Client(port, "spy", "devices", (secrets / "devices").read_text())
    collector = Client(port, "collector", "parkwatt", (secrets / "collector").read_text())
    assert [spy.next(), spy.listen()] == ["Success", "subscribed"]
    assert [collector.next(), collector.listen()] == ["Success", "subscribed"]
    collector.send("park/forged")  # refused; the broker may close the connection over it
    spy.send("park/real")
    heard = list(iter(collector.next, "park/real"))
    assert set(heard) <= {"Success"}
    assert spy.happened.empty()
    for client in (spy, collector):
        client.close()


@pytest.mark.broker
def test_a_meter_may_come_by_tls_and_needs_its_password_there_too(
    broker: tuple[int, Path], tls_port: int, tmp_path: Path
):
    port, secrets = broker
    authority = tmp_path / "broker.d" / "broker.crt"
    stranger = Client(tls_port, "stranger", ca=authority)
    assert stranger.next() == "Not authorized"
    collector = Client(port, "collector", "parkwatt", (secrets / "collector").read_text())
    assert [collector.next(), collector.listen()] == ["Success", "subscribed"]
    meter = Client(tls_port, "meter", "devices", (secrets / "devices").read_text(), authority)
    assert meter.next() == "Success"
    meter.send("park/m/1")
    assert collector.next() == "park/m/1"
    for client in (stranger, collector, meter):
        client.close()
