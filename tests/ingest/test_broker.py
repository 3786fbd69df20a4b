from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from core.errors import ConfigError
from ingest.broker import ChildBroker
from tests.conftest import accepts, need, wait_for

KINDS = ["mosquitto", "amqtt"]


@pytest.fixture(params=KINDS)
def child(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ChildBroker]:
    if request.param == "mosquitto":
        need("mosquitto", "mosquitto")
    else:
        pytest.importorskip("amqtt")
    broker = ChildBroker(tmp_path / "broker", request.param)
    broker.start()
    yield broker
    broker.stop()


def client(broker: ChildBroker, name: str, password: str | None = None) -> mqtt.Client:
    made = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
    made.username_pw_set(broker.username, broker.password if password is None else password)
    made.max_inflight_messages_set(100)
    return made


def connected(made: mqtt.Client, broker: ChildBroker) -> mqtt.Client:
    codes: list[object] = []
    made.on_connect = lambda _c, _u, _f, code, _p: codes.append(code)
    made.connect(broker.host, broker.port)
    made.loop_start()
    wait_for(lambda: codes, what="CONNACK")
    assert not codes[0].is_failure
    return made


def away(broker: ChildBroker, name: str, topic: str) -> None:
    """Subscribe in a persistent session and leave."""
    subscriber = client(broker, name)
    granted: list[object] = []
    subscriber.on_subscribe = lambda *_: granted.append(1)
    connected(subscriber, broker)
    subscriber.subscribe(topic, 1)
    wait_for(lambda: granted, what="SUBACK")
    subscriber.disconnect()
    subscriber.loop_stop()


def publish(broker: ChildBroker, topic: str, count: int) -> None:
    publisher = connected(client(broker, "publisher"), broker)
    for info in [publisher.publish(topic, str(n), 1) for n in range(count)]:
        info.wait_for_publish(10)
    publisher.disconnect()
    publisher.loop_stop()


def collected(broker: ChildBroker, name: str, count: int) -> list[int]:
    found: list[int] = []
    subscriber = client(broker, name)
    subscriber.on_message = lambda _c, _u, message: found.append(int(message.payload))
    connected(subscriber, broker)
    wait_for(lambda: len(found) >= count, what=f"{count} messages, {len(found)} came")
    subscriber.disconnect()
    subscriber.loop_stop()
    return found


def test_keeps_qos_1_messages_for_an_absent_client(child: ChildBroker) -> None:
    away(child, "absent", "park/+")
    publish(child, "park/x", 300)
    assert sorted(set(collected(child, "absent", 300))) == list(range(300))


def test_refuses_a_wrong_password(child: ChildBroker) -> None:
    codes: list[object] = []
    stranger = client(child, "stranger", "wrong")
    stranger.on_connect = lambda _c, _u, _f, code, _p: codes.append(code)
    stranger.connect(child.host, child.port)
    stranger.loop_start()
    wait_for(lambda: codes, what="an answer")
    stranger.loop_stop()
    assert codes[0].is_failure


def test_folder_and_secrets_are_private(child: ChildBroker) -> None:
    assert stat.S_IMODE(child.password_file.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(f.stat().st_mode) & 0o077 for f in child.password_file.parent.glob("password*")} == {0}
    assert child.password_file.read_text() == child.password
    settings = child.settings("collector")
    assert (settings.host, settings.port, settings.username) == ("127.0.0.1", child.port, "parkwatt")


def test_stop_ends_it(child: ChildBroker) -> None:
    assert child.alive
    child.stop()
    assert not child.alive
    assert not accepts(child.port)


def test_mosquitto_keeps_sessions_over_a_restart(tmp_path: Path) -> None:
    need("mosquitto", "mosquitto")
    broker = ChildBroker(tmp_path / "broker", "mosquitto")
    broker.start()
    password = broker.password
    away(broker, "absent", "park/#")
    publish(broker, "park/x", 1500)
    broker.stop()
    again = ChildBroker(tmp_path / "broker", "mosquitto")
    again.start()
    try:
        assert again.password == password
        assert sorted(set(collected(again, "absent", 1500))) == list(range(1500))
    finally:
        again.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_ends_with_its_parent_even_when_that_is_killed(kind: str, tmp_path: Path) -> None:
    if kind == "mosquitto":
        need("mosquitto", "mosquitto")
    code = (
        "import sys, threading, time\nfrom pathlib import Path\nfrom ingest.broker import ChildBroker\n"
        f"b = ChildBroker(Path({str(tmp_path / 'broker')!r}), {kind!r})\n"
        # Started from a thread that ends at once: the broker must not end with it.
        "t = threading.Thread(target=b.start); t.start(); t.join()\nprint(b.port, flush=True)\ntime.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    port = int(parent.stdout.readline())
    time.sleep(0.3)
    assert accepts(port)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not accepts(port), what="the end of the broker")


def test_says_what_to_install_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.broker.shutil.which", lambda *_a, **_k: None)
    monkeypatch.setattr("ingest.broker.importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match="no MQTT broker"):
        ChildBroker(tmp_path / "broker").start()
