"""What docker-compose.yml hands to the broker and to Grafana: run for real where no container engine is needed."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
import yaml

from core.park_file import load_park
from dashboards.dsl import DATASOURCE_UID

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


@pytest.fixture
def compose() -> dict:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def test_every_mounted_file_and_volume_exists(compose: dict):
    for name, service in compose["services"].items():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in compose["volumes"], (name, mount)


def test_images_are_pinned_and_what_runs_for_long_has_a_health_check(compose: dict):
    for name, service in compose["services"].items():
        tag = service["image"].rpartition(":")[2]
        assert re.fullmatch(r"\d+\.\d+\.\d+", tag), name
    assert {n for n, s in compose["services"].items() if "healthcheck" in s} == {
        "mosquitto",
        "influxdb",
        "serve",
        "grafana",
    }


def test_no_password_stands_in_any_file(compose: dict):
    for service in compose["services"].values():
        for key, value in service.get("environment", {}).items():
            if any(word in key.upper() for word in ("PASSWORD", "TOKEN", "SECRET")):
                assert key.endswith("_FILE")
                assert value.startswith("/secrets/")


def test_grafana_reads_the_generated_dashboards_with_the_data_source_they_name(compose: dict):
    provisioning = DEPLOY / "grafana" / "provisioning"
    source = yaml.safe_load((provisioning / "datasources" / "parkwatt.yaml").read_text(encoding="utf-8"))
    provider = yaml.safe_load((provisioning / "dashboards" / "parkwatt.yaml").read_text(encoding="utf-8"))
    assert [d["uid"] for d in source["datasources"]] == [DATASOURCE_UID]
    assert source["datasources"][0]["jsonData"]["dbName"] == "parkwatt"
    assert provider["providers"][0]["allowUiUpdates"] is False
    assert "./dashboards/generated:/dashboards:ro" in compose["services"]["grafana"]["volumes"]
    assert provider["providers"][0]["options"]["path"] == "/dashboards"


def test_the_example_park_is_valid_and_uses_what_compose_makes():
    park = load_park(DEPLOY / "compose" / "PARK.yaml")
    assert park.store.kind == "influx"
    assert str(park.store.password_file) == "/secrets/influx_password"
    assert str(park.mqtt.password_file) == "/secrets/mqtt_password"


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
    assert len(first) == 10
    assert all(len(text) == 32 for text in first.values())
    assert first[Path("parkwatt/mqtt_password")] == first[Path("mosquitto/collector")]
    assert first[Path("grafana/influx_password")] == first[Path("influxdb/grafana_password")]
    assert len(set(first.values())) == 7
    _make_secrets(secrets)
    assert all((secrets / name).read_bytes() == text for name, text in first.items())


@pytest.fixture
def broker(mosquitto, secrets: Path, tmp_path: Path):
    """The shipped broker configuration on a loopback port."""
    mosquitto.kill()
    text = (DEPLOY / "mosquitto.conf").read_text(encoding="utf-8")
    user = "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody")
    for shipped, here in {
        "listener 1883": f"listener {mosquitto.port} 127.0.0.1\nuser {user}",
        "/secrets/passwd": str(secrets / "mosquitto" / "passwd"),
        "/mosquitto/config/mosquitto.acl": str(DEPLOY / "mosquitto.acl"),
        "/mosquitto/data/": f"{tmp_path}/",
        "log_dest stdout": "log_dest none",
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


class Client:
    """An MQTT client with a persistent session; what happens to it comes out of a queue."""

    def __init__(self, port: int, name: str, user: str | None = None, password: str | None = None) -> None:
        self.happened: queue.Queue[str] = queue.Queue()
        self.mqtt = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        self.mqtt.on_connect = lambda _c, _u, _f, reason, _p: self.happened.put(str(reason))
        self.mqtt.on_message = lambda _c, _u, message: self.happened.put(message.topic)
        self.mqtt.on_subscribe = lambda *_: self.happened.put("subscribed")
        if user:
            self.mqtt.username_pw_set(user, password)
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
