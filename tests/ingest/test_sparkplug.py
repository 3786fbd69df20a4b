"""Sparkplug B: births, aliases, sequence and the request for a rebirth; by itself and on a real broker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import paho.mqtt.client as mqtt
import pytest

from core.clock import ManualClock, SystemClock
from core.park import Park
from ingest import tahu
from ingest.batch import Batch, BatchReader
from ingest.collector import Collector
from ingest.device_time import microseconds
from ingest.handoff import Received
from ingest.router import Router
from ingest.sparkplug import KEPT_UNDER, Archive, Nodes
from ingest.templates import load_templates
from tests.conftest import Mosquitto, wait_for
from tests.ingest.fakes import FakeState, FakeStore, listening

NOW = datetime(2026, 10, 1, 0, 0, 5, tzinfo=UTC)
T = 1790812800000  # NOW, but for five seconds
ZONE = ZoneInfo("Asia/Shanghai")
NODE, METER = "spBv1.0/park/{}/node-1", "spBv1.0/park/{}/node-1/meter-2"
DOUBLE, INT16 = 10, 2


@pytest.fixture
def park(small_park: Park) -> Park:
    point = next(p for p in small_park.points if p.role == "load")
    device = point.devices[0].model_copy(update={"id": "meter-2", "template": "sparkplug-b"})
    return small_park.model_copy(update={"points": (point.model_copy(update={"devices": (device,)}),), "arrays": ()})


class Host:
    """What a collector does with telegrams, without a broker."""

    def __init__(self, park: Park, kept: dict[str, str] | None = None) -> None:
        self.router = Router(park, load_templates())
        self.clock = ManualClock(NOW)
        self.published: list[tuple[str, bytes]] = []
        self.nodes = Nodes(self.clock, lambda topic, payload: self.published.append((topic, payload)), kept)
        self.reader = BatchReader(self.router, ZONE, self.nodes)
        self.kept = dict(kept or {})

    def take(self, *messages: tuple[str, bytes]) -> Batch:
        batch = self.reader.read([Received(t, p, microseconds(NOW), 0, 0, 1) for t, p in messages])
        self.kept |= {key.removeprefix(KEPT_UNDER): value for key, value in self.nodes.unsaved()}
        self.nodes.saved()
        return batch


def nbirth(seq: int = 0, session: int = 7) -> tuple[str, bytes]:
    return NODE.format("NBIRTH"), tahu.build(T, [{"name": "bdSeq", "datatype": 4, "long_value": session}], seq)


def dbirth(seq: int = 1, alias: int = 3, time_ms: int = T) -> tuple[str, bytes]:
    metrics = [
        {"name": "energy_import_kwh", "alias": alias, "datatype": DOUBLE, "double_value": 100.0},
        {"name": "active_power_kw", "alias": alias + 1, "datatype": INT16, "int_value": 5},
    ]
    return METER.format("DBIRTH"), tahu.build(time_ms, metrics, seq)


def ddata(seq: int, kwh: float = 101.0, alias: int = 3, time_ms: int = T + 1000) -> tuple[str, bytes]:
    return METER.format("DDATA"), tahu.build(time_ms, [{"alias": alias, "double_value": kwh}], seq)


def read(batch: Batch) -> list[tuple[str, str, float]]:
    columns = ("device", "quantity", "value")
    return [tuple(row) for row in batch.readings[list(columns)].itertuples(index=False)]


def test_aliases_are_read_with_the_names_and_types_of_the_birth(park: Park) -> None:
    host = Host(park)
    power = METER.format("DDATA"), tahu.build(T + 2000, [{"alias": 4, "int_value": 2**32 - 12}], 3)
    batch = host.take(nbirth(), dbirth(), ddata(2), power)
    assert read(batch) == [
        ("meter-2", "energy_import_kwh", 100.0),
        ("meter-2", "active_power_kw", 5.0),
        ("meter-2", "energy_import_kwh", 101.0),
        ("meter-2", "active_power_kw", -12.0),
    ]
    assert batch.counts.total() == 0
    assert host.published == []


def test_data_before_any_birth_wait_in_quarantine_and_the_node_is_asked_once(park: Park) -> None:
    host = Host(park)
    batch = host.take(ddata(40), ddata(41))
    assert read(batch) == []
    assert dict(batch.counts) == {"no_birth": 2}
    ((topic, payload),) = host.published
    assert topic == "spBv1.0/park/NCMD/node-1"
    rebirth = tahu.parse(payload).named("Node Control/Rebirth")
    assert rebirth is not None
    assert (rebirth.value, rebirth.datatype) == (True, tahu.BOOLEAN)


def test_an_unanswered_request_is_repeated_ever_more_rarely(park: Park) -> None:
    host = Host(park)
    for second in range(100):
        host.take(ddata(second))
        host.clock.advance(timedelta(seconds=1))
    assert len(host.published) == 4  # after 0, 10, 30 and 70 seconds


def test_a_missed_telegram_makes_aliases_doubtful_until_the_node_is_born_again(park: Park) -> None:
    host = Host(park)
    host.take(nbirth(), dbirth(), ddata(2))
    batch = host.take(ddata(4, 103.0), (METER.format("DDATA"), named(5, 104.0)))
    assert read(batch) == [("meter-2", "energy_import_kwh", 104.0)]  # what has its name needs no birth
    assert dict(batch.counts) == {"sequence_gap": 1}
    assert len(host.published) == 1
    # Born again with other aliases: the doubt was justified.
    batch = host.take(nbirth(), dbirth(alias=8), ddata(2, 105.0, alias=8), ddata(3, 1.0, alias=3))
    assert read(batch)[-1] == ("meter-2", "energy_import_kwh", 105.0)
    assert dict(batch.counts) == {"unknown_alias": 1}


def named(seq: int, kwh: float) -> bytes:
    return tahu.build(T + 3000, [{"name": "energy_import_kwh", "double_value": kwh}], seq)


def test_the_sequence_wraps_and_counts_the_telegrams_of_all_devices(park: Park) -> None:
    host = Host(park)
    other = "spBv1.0/park/DDATA/node-1/somebody-else"
    host.take(nbirth(254), dbirth(255), ddata(0))
    batch = host.take((other, tahu.build(T, [{"alias": 9, "double_value": 1.0}], 1)), ddata(2, 102.0))
    assert read(batch) == [("meter-2", "energy_import_kwh", 102.0)]
    assert dict(batch.counts) == {"unknown_device": 1}
    assert host.published == []


def test_what_an_edge_node_says_of_itself_is_no_stranger_unless_it_holds_a_quantity(park: Park) -> None:
    host = Host(park)
    assert host.take(nbirth()).counts.total() == 0
    meter = tahu.build(T, [{"name": "energy_import_kwh", "datatype": DOUBLE, "double_value": 1.0}], 0)
    assert dict(host.take((NODE.format("NBIRTH"), meter)).counts) == {"unknown_device": 1}


def test_deaths_end_what_aliases_mean_but_not_those_of_an_older_session(park: Park) -> None:
    host = Host(park)
    host.take(nbirth(session=8), dbirth())
    old = NODE.format("NDEATH"), tahu.build(T, [{"name": "bdSeq", "datatype": 4, "long_value": 7}])
    assert read(host.take(old, ddata(2))) == [("meter-2", "energy_import_kwh", 101.0)]
    dead = NODE.format("NDEATH"), tahu.build(T, [{"name": "bdSeq", "datatype": 4, "long_value": 8}])
    assert dict(host.take(dead, ddata(3)).counts) == {"no_birth": 1}


def test_a_device_that_died_needs_its_own_birth(park: Park) -> None:
    host = Host(park)
    host.take(nbirth(), dbirth(), (METER.format("DDEATH"), tahu.build(T, [], 2)))
    assert dict(host.take(ddata(3)).counts) == {"no_birth": 1}


def test_null_and_historical_values_and_times_of_their_own(park: Park) -> None:
    host = Host(park)
    metrics: list[dict[str, Any]] = [
        {"name": "energy_import_kwh", "timestamp": T - 60_000, "is_historical": True, "double_value": 99.0},
        {"name": "energy_export_kwh", "is_null": True},
        {"name": "voltage_v", "datatype": 12, "string_value": "high"},
        {"name": "frequency_hz", "float_value": 50.0},
    ]
    batch = host.take((METER.format("DDATA"), tahu.build(T, metrics, 5)))
    times = [str(t) for t in batch.readings["time"]]
    assert read(batch) == [("meter-2", "energy_import_kwh", 99.0), ("meter-2", "frequency_hz", 50.0)]
    assert times == ["2026-09-30 23:59:00+00:00", "2026-10-01 00:00:00+00:00"]
    assert dict(batch.counts) == {"wrong_type": 1}


def test_a_replay_reads_with_the_birth_before_a_telegram_or_the_first_one_after_it(park: Park) -> None:
    host = Host(park)
    early = ddata(9, time_ms=T - 5000)
    assert dict(host.take(early).counts) == {"no_birth": 1}
    host.take(nbirth(), dbirth(), nbirth(), dbirth(alias=8, time_ms=T + 60_000))
    late = ddata(9, 7.0, alias=8, time_ms=T + 61_000)
    telegrams = [Received(t, p, microseconds(NOW), 0, 0, 1) for t, p in (early, ddata(9), late)]
    batch = BatchReader(host.router, ZONE, Archive(host.kept)).read(telegrams)
    assert [value for *_, value in read(batch)] == [101.0, 101.0, 7.0]
    assert batch.counts.total() == 0


def test_births_that_say_the_same_are_kept_once_and_only_a_few_others(park: Park) -> None:
    host = Host(park)
    for alias in (1, 1, 1, 2, 3, 4, 5, 6):
        host.take(nbirth(), dbirth(alias=alias, time_ms=T + alias))
    assert list(host.kept) == ["park/node-1/meter-2"]
    assert host.kept["park/node-1/meter-2"].count("time_ms") == 4


def test_a_batch_that_is_read_twice_is_no_gap(park: Park) -> None:
    host = Host(park)
    host.take(nbirth(), dbirth(), ddata(2))
    host.nodes.forget_order()
    assert host.take(ddata(2)).counts.total() == 0


@pytest.mark.parametrize("payload", [b"\xff\xff", b"\x12", b"hello", b"\x12\x00" * 20_001])
def test_what_is_no_telegram_is_named(park: Park, payload: bytes) -> None:
    assert dict(Host(park).take((METER.format("DDATA"), payload)).counts) == {"not_protobuf": 1}


# -- on a broker


class EdgeNode:
    """An edge node with one device, which is born again when it is told to."""

    def __init__(self, port: int) -> None:
        self.births = 0
        self._seq = 0
        self._lock = threading.Lock()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self._client.on_message = self._commanded
        granted = threading.Event()
        self._client.on_subscribe = lambda *_: granted.set()
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("spBv1.0/park/NCMD/node-1")
        self._client.loop_start()
        assert granted.wait(20)

    def _commanded(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        rebirth = tahu.parse(message.payload).named("Node Control/Rebirth")
        if rebirth is not None and rebirth.value is True:
            self.be_born()

    def be_born(self) -> None:
        with self._lock:
            self._client.publish(*nbirth())
            self._client.publish(*dbirth())
            self._seq = 1
            self.births += 1

    def send(self, kwh: float, time_ms: int, *, lost: bool = False) -> None:
        """Publish a register by its alias alone; one that is lost counts, but never reaches the broker."""
        with self._lock:
            self._seq += 1
            if not lost:
                self._client.publish(*ddata(self._seq, kwh, time_ms=time_ms))

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def edge(mosquitto: Mosquitto) -> Iterator[EdgeNode]:
    node = EdgeNode(mosquitto.port)
    yield node
    node.stop()


@pytest.mark.broker
def test_a_node_on_a_broker_is_asked_and_read_across_gaps_and_restarts(
    park: Park, mosquitto: Mosquitto, edge: EdgeNode
) -> None:
    park = park.model_copy(update={"mqtt": park.mqtt.model_copy(update={"port": mosquitto.port})})
    store, state = FakeStore(), FakeState()

    def values() -> set[float]:
        frame = store.all()
        return set(frame.loc[frame["quantity"] == "energy_import_kwh", "value"])

    def running() -> Collector:
        collector = Collector(park, store, state, SystemClock())
        granted = listening(collector)
        collector.start()
        wait_for(lambda: granted.is_set() and collector.status().connected, what="the collector's connection")
        return collector

    def has(value: float) -> None:
        wait_for(lambda: value in values(), what=f"the register {value}")

    collector = running()
    try:
        edge.send(101.0, T + 1000)  # born before we listened: its alias means nothing to us
        wait_for(lambda: edge.births == 1, what="the first rebirth")
        edge.send(102.0, T + 2000)
        has(102.0)
        edge.send(103.0, T + 3000, lost=True)
        edge.send(104.0, T + 4000)
        wait_for(lambda: edge.births == 2, what="the rebirth after a gap")
        edge.send(105.0, T + 5000)
        has(105.0)
        collector.stop()
        collector = running()
        edge.send(106.0, T + 6000)
        wait_for(lambda: edge.births == 3, what="the rebirth after a restart")
        edge.send(107.0, T + 7000)
        has(107.0)
    finally:
        collector.stop()
    assert values() == {100.0, 102.0, 105.0, 107.0}
    assert [(i.reason, i.device) for i in state.items] == [
        ("no_birth", "meter-2"),
        ("sequence_gap", "meter-2"),
        ("no_birth", "meter-2"),
    ]
    # The births are kept, so that a replay reads what waits.
    archive = Archive({k.removeprefix(KEPT_UNDER): v for k, v in state.values(KEPT_UNDER).items()})
    waiting = [Received(i.topic, i.payload, microseconds(i.received_at), 0, 0, 0) for i in state.items]
    batch = BatchReader(Router(park, load_templates()), ZONE, archive).read(waiting)
    assert sorted(batch.readings["value"]) == [101.0, 104.0, 106.0]
