"""What a collector notices about its broker, its line and itself, on real brokers and lines."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from core.clock import SystemClock
from core.errors import Retryable
from core.park import Park
from ingest.broker_drops import DROPPED_TOPIC, DropWatch
from ingest.collector import Collector
from ingest.handoff import Handoff
from ingest.session_memory import SessionMemory
from ingest.warden import quiet_after_s
from tests.conftest import Mosquitto, accepts, free_port, need, wait_for
from tests.ingest.fakes import FakeState, FakeStore, listening
from tests.ingest.test_collector import Run, at, publish, publisher, run

__all__ = ["publisher", "run"]  # fixtures

NOON = datetime(2026, 11, 13, 4, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


# -- the broker's drop counter


def test_a_rise_of_the_counter_is_an_event_also_across_restarts() -> None:
    state = FakeState()
    watch = DropWatch("small", "b:1883", state)
    assert (watch.settle(NOON), watch.dropped) == (0, None)
    watch.hear(b"7")
    assert (watch.settle(NOON), watch.dropped) == (0, 0)  # before our time
    watch.hear(b"no number")
    assert watch.settle(NOON + MINUTE) == 0
    watch.hear(b"9")
    assert (watch.settle(NOON + 2 * MINUTE), watch.dropped) == (2, 2)
    again = DropWatch("small", "b:1883", state)
    again.hear(b"2009")
    assert again.settle(NOON + 9 * MINUTE) == 2000
    again.hear(b"3")  # the broker started anew
    assert (again.settle(NOON + 10 * MINUTE), again.dropped) == (3, 2003)
    again.hear(b"0")
    assert again.settle(NOON + 11 * MINUTE) == 0
    assert [(e.entity, e.code, e.start, e.end, e.params) for e in state.noticed] == [
        ("small", "broker_dropped", NOON, NOON + 2 * MINUTE, {"messages": 2.0}),
        ("small", "broker_dropped", NOON + 2 * MINUTE, NOON + 9 * MINUTE, {"messages": 2000.0}),
        ("small", "broker_dropped", NOON + 9 * MINUTE, NOON + 10 * MINUTE, {"messages": 3.0}),
    ]
    assert state.counted == {"ingest.broker_dropped": 2005}


def broker_with(folder: Path, port: int, *lines: str) -> subprocess.Popen[bytes]:
    """A Mosquitto of other settings than the fixture's."""
    program = need("mosquitto", "mosquitto")
    user = "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody")
    config = folder / f"mosquitto-{port}.conf"
    config.write_text("\n".join([f"listener {port} 127.0.0.1", f"user {user}", "log_dest none", *lines, ""]))
    process = subprocess.Popen([program, "-c", str(config)])
    wait_for(lambda: accepts(port), what="mosquitto")
    return process


def connected_publisher(port: int, name: str | None = None, password: str | None = None) -> mqtt.Client:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    if name:
        client.username_pw_set(name, password)
    client.max_inflight_messages_set(1000)
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


@pytest.mark.broker
def test_what_a_broker_drops_while_we_are_away_is_told(tmp_path: Path, small_park: Park) -> None:
    port = free_port()
    broker = broker_with(tmp_path, port, "allow_anonymous true", "max_queued_messages 100", "sys_interval 1")
    client = connected_publisher(port)
    store, state = FakeStore(), FakeState()
    try:
        first = Collector(at(small_park, port), store, state, SystemClock())
        first.start()
        wait_for(lambda: first.status().broker_dropped == 0, what="the broker's counter")
        first.stop()
        publish(client, 300)
        second = Collector(at(small_park, port), store, state, SystemClock())
        second.start()
        wait_for(lambda: second.status().broker_dropped, what="the rise")
        wait_for(lambda: len(store.rows) + (second.status().broker_dropped or 0) == 300, what="all accounted for")
        dropped = second.status().broker_dropped
        assert dropped >= 150
        second.stop()
        assert state.counted["ingest.broker_dropped"] == dropped
        assert {(e.entity, e.code) for e in state.noticed} == {("small", "broker_dropped")}
        assert state.items == []  # the counter is no telegram
        assert second.status().received == 300 - dropped
    finally:
        client.disconnect()
        client.loop_stop()
        broker.kill()
        broker.wait()


@pytest.mark.broker
def test_a_broker_that_does_not_let_us_see_its_counter_is_no_error(tmp_path: Path, small_park: Park) -> None:
    port = free_port()
    (tmp_path / "acl").write_text("topic readwrite parkwatt/#\n")
    broker = broker_with(tmp_path, port, "allow_anonymous true", f"acl_file {tmp_path / 'acl'}", "sys_interval 1")
    client = connected_publisher(port)
    store, state = FakeStore(), FakeState()
    collector = Collector(at(small_park, port), store, state, SystemClock())
    granted = listening(collector)
    collector.start()
    try:
        wait_for(lambda: granted.is_set() and collector.status().connected, what="the connection")
        publish(client, 50)
        wait_for(lambda: len(store.rows) == 50, what="the readings")
        status = collector.status()
        assert (status.connected, status.error, status.broker_dropped) == (True, None, None)
    finally:
        collector.stop()
        client.disconnect()
        client.loop_stop()
        broker.kill()
        broker.wait()


@pytest.mark.broker
def test_a_broker_that_hangs_up_over_the_counter_is_not_asked_again(
    mosquitto: Mosquitto, small_park: Park, publisher: mqtt.Client, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.backoff.Backoff.delay_s", lambda _self, _failures: 0.02)
    asked: list[str] = []
    real = mqtt.Client.subscribe

    def subscribe(self: mqtt.Client, topics: list[tuple[str, int]], *rest: object) -> object:
        if topics[0][0] == DROPPED_TOPIC:
            asked.append("counter")
            result = real(self, topics, *rest)
            self._sock_close()
            return result
        return real(self, topics, *rest)

    monkeypatch.setattr(mqtt.Client, "subscribe", subscribe)
    running = run(at(small_park, mosquitto.port))
    wait_for(lambda: running.collector.status().connected and len(asked) == 2, what="a connection that stands")
    publish(publisher, 50)
    wait_for(lambda: len(running.store.rows) == 50, what="the readings")
    assert asked == ["counter", "counter"]
    assert running.collector.status().error is None


# -- a session the broker has lost


def test_only_a_session_there_was_can_be_forgotten(small_park: Park) -> None:
    state = FakeState()
    memory = SessionMemory(small_park, "", state)
    assert memory.connected(["a"], NOON, present=False) is False
    assert memory.connected(["a"], NOON + MINUTE, present=True) is False
    memory.stands(["a"], NOON + 5 * MINUTE)
    later = SessionMemory(small_park, "", state)
    assert later.filters == ("a",)
    assert later.connected(["b"], NOON + 9 * MINUTE, present=False) is True
    (event,) = state.noticed
    assert (event.code, event.start, event.end) == ("session_forgotten", NOON + 5 * MINUTE, NOON + 9 * MINUTE)
    assert state.counted == {"ingest.session_forgotten": 1}


@pytest.mark.broker
def test_a_broker_that_comes_back_without_its_memory_is_told_and_subscribed_to_again(
    tmp_path: Path, small_park: Park, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ingest.backoff.Backoff.delay_s", lambda _self, _failures: 0.05)
    port = free_port()
    settings = ("allow_anonymous true", "persistence false")
    broker = broker_with(tmp_path, port, *settings)
    running = run(at(small_park, port)).connected()
    wait_for(lambda: running.state.small, what="the session on record")
    broker.kill()
    broker.wait()
    wait_for(lambda: not running.collector.status().connected, what="the loss")
    broker = broker_with(tmp_path, port, *settings)
    client = connected_publisher(port)
    try:
        wait_for(lambda: running.collector.status().forgotten == 1, what="the telling")
        publish(client, 100)
        wait_for(lambda: len(running.store.rows) == 100, what="readings after it")
        assert [(e.entity, e.code) for e in running.state.noticed] == [("small", "session_forgotten")]
        assert "the broker had forgotten the session: messages sent meanwhile are lost" in caplog.text
        running.collector.stop()
    finally:
        client.disconnect()
        client.loop_stop()
        broker.kill()
        broker.wait()


@pytest.mark.broker
def test_filters_that_park_yaml_no_longer_has_are_left(
    mosquitto: Mosquitto, small_park: Park, publisher: mqtt.Client
) -> None:
    state, store = FakeState(), FakeStore()
    for topics in (("parkwatt/#", "other/#"), ("parkwatt/#",)):
        collector = Collector(at(small_park, mosquitto.port, topics=topics), store, state, SystemClock())
        collector.start()
        wait_for(lambda topics=topics: any(f'"{topics[-1]}"]' in v for v in state.small.values()), what="the record")
        collector.stop()
    publisher.publish("other/1", b"1", 1).wait_for_publish(10)
    publish(publisher, 10)
    last = Collector(at(small_park, mosquitto.port, topics=("parkwatt/#",)), store, state, SystemClock())
    last.start()
    wait_for(lambda: len(store.rows) == 10, what="the readings")
    last.stop()
    assert state.items == []


# -- the line


class StallingProxy:
    """A TCP proxy that can fall silent without closing anything."""

    def __init__(self, target: int) -> None:
        self.stalled = threading.Event()
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.getsockname()[1])

    def _serve(self) -> None:
        pairs: dict[socket.socket, socket.socket] = {}
        made: list[socket.socket] = [self._server]
        while not self._stopping.is_set():
            ready, _, _ = select.select([self._server, *pairs], [], [], 0.05)
            for one in ready:
                if one is self._server:
                    client, _ = self._server.accept()
                    broker = socket.create_connection(("127.0.0.1", self._target))
                    pairs |= {client: broker, broker: client}
                    made += [client, broker]
                else:
                    self._pass_on(one, pairs)
        for each in made:
            each.close()

    def _pass_on(self, one: socket.socket, pairs: dict[socket.socket, socket.socket]) -> None:
        try:
            data = one.recv(65536)
        except OSError:
            data = b""
        if not data:
            other = pairs.pop(one)
            if not self.stalled.is_set():  # else the other end must not learn of it
                with contextlib.suppress(OSError):
                    other.shutdown(socket.SHUT_RDWR)
        elif not self.stalled.is_set():
            with contextlib.suppress(OSError):
                pairs[one].sendall(data)

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()


@pytest.fixture
def proxy(mosquitto: Mosquitto) -> Iterator[StallingProxy]:
    made = StallingProxy(mosquitto.port)
    yield made
    made.close()


@pytest.mark.broker
def test_a_line_that_falls_silent_is_found_and_replaced(
    proxy: StallingProxy, small_park: Park, publisher: mqtt.Client, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.backoff.Backoff.delay_s", lambda _self, _failures: 0.05)
    keepalive_s = 5
    given: list[int] = []
    real = mqtt.Client.connect

    def connect(self: mqtt.Client, host: str, port: int, keepalive: int) -> object:
        given.append(keepalive)
        return real(self, host, port, keepalive)

    monkeypatch.setattr(mqtt.Client, "connect", connect)
    running = run(at(small_park, proxy.port, keepalive_s=keepalive_s)).connected()
    publish(publisher, 50)
    wait_for(lambda: len(running.store.rows) == 50, what="the first readings")
    proxy.stalled.set()
    publish(publisher, 50, first=50)
    wait_for(lambda: not running.collector.status().connected, what="the silence to be found")
    assert "Keep alive timeout" in running.collector.status().error
    # The client gives a line up after two of its own keepalives: that is within one and a half of ours.
    assert 2 * given[0] <= 1.5 * keepalive_s
    proxy.stalled.clear()
    wait_for(lambda: len(running.store.rows) == 100, what="what the broker kept")
    assert running.collector.status().error is None


@pytest.mark.broker
def test_a_connection_that_brings_nothing_is_begun_anew_and_hears_again(
    mosquitto: Mosquitto, small_park: Park, publisher: mqtt.Client, run: Run
) -> None:
    running = run(at(small_park, mosquitto.port)).connected()
    publish(publisher, 10)
    wait_for(lambda: len(running.store.rows) == 10, what="the first readings")
    # A broker that has lost only the subscription, as a cluster may: it lets us leave what we asked for.
    other = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="parkwatt-small", clean_session=False)
    other.on_connect = lambda client, *_: client.unsubscribe("parkwatt/+/telemetry")
    left = threading.Event()
    other.on_unsubscribe = lambda *_: left.set()
    session = running.collector._session
    session._stopping.set()  # our own thread ends while another takes the session's name
    wait_for(lambda: not session._thread.is_alive(), what="the pause")
    other.connect("127.0.0.1", mosquitto.port)
    other.loop_start()
    assert left.wait(10)
    real, session._subscriptions = session._subscriptions, ()
    other.disconnect()
    other.loop_stop()
    session._stopping.clear()
    session.start()
    running.connected()
    publish(publisher, 10, first=10)
    session._subscriptions = real
    running.collector._warden._quiet_s = running.collector._warden._first_quiet_s = 0.0
    wait_for(lambda: running.collector.status().renewed >= 1, what="the doubt")
    running.collector._warden._quiet_s = running.collector._warden._first_quiet_s = 600.0

    def heard() -> bool:
        # Until it has subscribed again, what is published is lost: the old connection may still stand a moment.
        publish(publisher, 10, first=20)
        return len(running.store.rows) >= 20

    wait_for(heard, what="readings after it")


def test_how_long_silence_is_believed() -> None:
    assert quiet_after_s([60.0, 900.0]) == 300.0
    assert quiet_after_s([900.0]) == 4500.0
    assert quiet_after_s([]) == 300.0


# -- ourselves


@pytest.mark.broker
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_receiving_thread_that_ends_is_started_again(
    mosquitto: Mosquitto, small_park: Park, publisher: mqtt.Client, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = run(at(small_park, mosquitto.port)).connected()
    exchange = type(running.collector._session)._exchange
    ends = [SystemExit()]

    def fatal(self: object, *arguments: object) -> None:
        if ends:
            raise ends.pop()
        exchange(self, *arguments)

    monkeypatch.setattr(type(running.collector._session), "_exchange", fatal)
    wait_for(lambda: running.collector.status().restarts == 1, what="the restart")
    publish(publisher, 50)
    wait_for(lambda: len(running.store.rows) == 50, what="the readings")
    assert running.collector.status().error is None
    assert not running.collector.broken


@pytest.mark.broker
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_storing_thread_that_ends_is_the_end_of_the_process(
    mosquitto: Mosquitto, small_park: Park, publisher: mqtt.Client, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    running = run(at(small_park, mosquitto.port)).connected()
    running.store.failures = [SystemExit()]  # nothing that is caught on purpose
    publish(publisher, 1)
    wait_for(lambda: running.collector.broken, what="the verdict")
    assert [r.levelno for r in caplog.records if "the thread that stores has ended" in r.getMessage()] == [
        logging.CRITICAL
    ]
    assert running.collector.status().error == "the thread that stores has ended"


@pytest.mark.broker
def test_a_fault_outside_of_storing_keeps_the_messages(
    mosquitto: Mosquitto, small_park: Park, publisher: mqtt.Client, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.backoff.Backoff.delay_s", lambda _self, _failures: 0.02)
    running = run(at(small_park, mosquitto.port)).connected()
    faults = [RuntimeError("unforeseen")]
    kept = running.collector._writer._strangers.kept

    def faulty(*arguments: object) -> object:
        if faults:
            raise faults.pop()
        return kept(*arguments)

    monkeypatch.setattr(running.collector._writer._strangers, "kept", faulty)
    publish(publisher, 50)
    wait_for(lambda: len(running.store.rows) == 50, what="the readings")
    assert running.collector._writer.alive


@pytest.mark.broker
def test_every_pause_for_a_slow_store_is_counted_and_said(
    mosquitto: Mosquitto, small_park: Park, publisher: mqtt.Client, run: Run
) -> None:
    running = run(at(small_park, mosquitto.port), Handoff(high_water_messages=50)).connected()
    running.store.failures = [Retryable("slow", 1.0)] * 3
    publish(publisher, 500)
    wait_for(lambda: running.collector.status().pauses >= 1, what="the pause")
    wait_for(lambda: running.collector._session.error or len(running.store.rows) == 500, what="words for it")
    wait_for(lambda: len(running.store.rows) == 500, what="all readings")
    wait_for(lambda: running.collector.status().error is None, what="the end of it")


# -- nothing is dropped without being counted


@pytest.mark.broker
def test_whatever_comes_becomes_a_reading_or_is_counted_with_its_reason(
    mosquitto: Mosquitto, small_park: Park, publisher: mqtt.Client, run: Run
) -> None:
    running = run(at(small_park, mosquitto.port, topics=("#",))).connected()
    good = b'{"time": 1790820000, "energy_import_kwh": 1}'
    for topic, payload, qos, retain in (
        ("parkwatt/grid-1/telemetry", good, 0, False),
        ("parkwatt/inv-a/telemetry", good, 1, True),
        ("parkwatt/grid-1/telemetry", b"", 1, False),
        ("parkwatt/grid-1/telemetry", b"x" * ((1 << 20) + 1), 1, False),
        ("parkwatt/grid-1/telemetry", b"\x00\xff", 1, False),
        ("parkwatt/grid-1/telemetry", b'{"time": 1790820000, "energy_import_kwh": "much"}', 1, False),
        ("parkwatt/grid-1/telemetry", b'{"time": "soon", "energy_import_kwh": 1}', 1, False),
        ("parkwatt/grid-1/telemetry", b'{"time": 1790820000}', 1, False),
        ("parkwatt/nobody/telemetry", good, 0, False),
        ("parkwatt", b"", 1, False),
        ("\u7535\u8868/1", b"1", 1, False),
    ):
        publisher.publish(topic, payload, qos, retain=retain).wait_for_publish(20)
    wait_for(lambda: running.collector.status().received == 11, what="all of them")
    wait_for(lambda: running.collector.status().pending == 0, what="their storing")
    status = running.collector.status()
    assert (status.stored, status.quarantined) == (2, 9)
    assert status.reasons == {
        "empty": 1, "too_large": 1, "not_json": 1, "wrong_type": 1, "bad_time": 1, "no_readings": 1,
        "unknown_device": 1, "unknown_topic": 2,
    }  # fmt: skip
    assert sorted(i.reason for i in running.state.items) == sorted(
        reason for reason, n in status.reasons.items() for _ in range(n)
    )
