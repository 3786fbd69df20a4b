"""Collectors in other processes, as the page, /healthz and /metrics see them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from starlette.testclient import TestClient

from core.park import Broker, Shard
from ingest.collector import CollectorStatus
from service.collectors import read_status, together, write_status
from service.http import make_app
from service.runner import Runtime
from tests.service.conftest import NOVEMBER, TOKEN

WELL = CollectorStatus(
    connected=True, received=10, stored=20, quarantined=1, last_message_at=NOVEMBER, pending=0, error=None,
    reasons={"empty": 1}, broker_dropped=3, forgotten=1,
)  # fmt: skip


def test_shards_are_shown_each_and_together(runtime: Runtime) -> None:
    shards = {"north": Shard(topics=("n/#",)), "south": Shard(topics=("s/#",))}
    runtime.park = runtime.park.model_copy(update={"mqtt": Broker(shards=shards)})
    client = TestClient(make_app(runtime, TOKEN), base_url="http://127.0.0.1:8080")
    assert runtime.collector_status() is None
    write_status(runtime.state, "north", WELL, NOVEMBER)
    status = runtime.collector_status()
    assert (status["connected"], status["received"], status["broker_dropped"]) == (False, 10, 3)
    assert status["error"] == "south: `parkwatt ingest --shard south` is not running"
    assert [status["shards"][n]["connected"] for n in ("north", "south")] == [True, False]
    problems = client.get("/healthz").json()["problems"]
    assert problems == ["collector south: not connected to the broker: `parkwatt ingest --shard south` is not running"]
    write_status(runtime.state, "south", replace(WELL, broker_dropped=None, pauses=2), NOVEMBER)
    status = runtime.collector_status()
    assert (status["connected"], status["received"], status["pauses"], status["error"]) == (True, 20, 2, None)
    assert status["reasons"] == {"empty": 2}
    metrics = client.get("/metrics").text
    assert 'parkwatt_broker_dropped_messages_total{shard="north"} 3.0' in metrics
    assert 'parkwatt_receiving_pauses_total{shard="south"} 2.0' in metrics
    assert 'parkwatt_broker_connected{shard="south"} 1.0' in metrics
    assert client.get("/api/v1/overview?lang=en").json()["meta"]["collector"]["broker_dropped"] == 3


def test_a_collector_that_writes_no_more_is_not_at_work(runtime: Runtime) -> None:
    write_status(runtime.state, "", WELL, NOVEMBER)
    assert read_status(runtime.park, runtime.state, NOVEMBER) == {"": WELL}
    late = read_status(runtime.park, runtime.state, NOVEMBER + timedelta(minutes=2))[""]
    assert (late.connected, late.error) == (
        False, "`parkwatt ingest` has not been heard of since 2026-11-12 04:00 UTC",
    )  # fmt: skip
    write_status(runtime.state, "", None, NOVEMBER)
    assert read_status(runtime.park, runtime.state, NOVEMBER)[""].error == "`parkwatt ingest` is not running"
    assert together({}) is None
