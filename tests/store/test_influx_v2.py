"""What only InfluxDB 2 has: tokens, organisations, buckets and mappings, and refusals in its own words."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import requests

from core.clock import ManualClock
from core.errors import ConfigError, Rejected, Retryable
from core.quantities import Period
from store.influx import InfluxStore
from store.influx_v1 import InfluxV1
from store.influx_v2 import InfluxV2
from tests.conftest import free_port, need, wait_for
from tests.store.influx2 import ADMIN, KEEPER, ORG, READER, Influx2, Told

START = datetime(2026, 6, 1, tzinfo=UTC)
ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
ELSEWHERE = "0.0.0.0"  # noqa: S104 - reaches this machine without its name saying so


@pytest.fixture
def alone() -> Iterator[Influx2]:
    """The stand-in with nothing behind it: it takes every line and keeps the request."""
    server = Influx2()
    server.add_bucket("park")
    server.virtual = True
    yield server
    server.stop()


@pytest.fixture
def opened() -> Iterator[Callable[..., InfluxStore]]:
    """Open stores of a bucket."""
    stores: list[InfluxStore] = []

    def make(server: Influx2, token: str = KEEPER, org: str = ORG, bucket: str = "park", database: str = "park"):
        clock = ManualClock(datetime(2026, 7, 1, 12, tzinfo=UTC))
        v2 = InfluxV2(f"{server.url}/", bucket, org, token, database, clock=clock)
        stores.append(InfluxStore(v2, "park-1", clock))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.mark.influx
@pytest.mark.parametrize(("token", "there"), [(ADMIN, False), (KEEPER, True)])
def test_bucket_and_mapping_are_made_where_they_are_not_there(influx2, opened, rows, token, there):
    if there:
        influx2.add_bucket("park")
    store = opened(influx2, token, database="energy")
    store.append_readings(rows((0, 1.5)))
    assert store.readings(*ALWAYS)["value"].tolist() == [1.5]
    assert list(influx2.buckets) == ["park"]
    (mapping,) = influx2.mappings
    assert (mapping["database"], mapping["bucketID"], mapping["default"]) == ("energy", influx2.buckets["park"], True)
    influx2.asked.clear()
    store.append_readings(rows((1, 2.5)))
    assert influx2.asked == ["POST /api/v2/write"]


@pytest.mark.influx
def test_a_bucket_that_is_a_database_by_its_own_name_needs_no_mapping(influx2, opened, rows):
    influx2.virtual = True
    influx2.maps_by_keeper = False
    influx2.add_bucket("park")
    store = opened(influx2)
    store.append_readings(rows((0, 1.5)))
    assert store.readings(*ALWAYS)["value"].tolist() == [1.5]
    assert influx2.mappings == []


@pytest.mark.influx
def test_a_mapping_that_was_removed_is_made_again(influx2, opened, rows):
    influx2.add_bucket("park")
    store = opened(influx2)
    store.append_readings(rows((0, 1.5)))
    influx2.mappings.clear()
    with pytest.raises(Retryable, match="retention policy not found"):
        store.readings(*ALWAYS)
    assert len(store.readings(*ALWAYS)) == 1
    assert len(influx2.mappings) == 1


@pytest.mark.influx
def test_a_type_conflict_costs_only_the_rows_it_concerns_and_says_which_field(influx2, opened, rows):
    influx2.add_bucket("park")
    store = opened(influx2)
    week = 7 * 24 * 60
    foreign = pd.Timestamp(START + timedelta(days=7)).value // 1000
    place = {"db": influx2.kept_in("park"), "precision": "u"}
    requests.post(f"{influx2.behind}/write", params=place, data=f'reading,park=x value="text" {foreign}', timeout=9)
    sent = rows((0, 1.0), (week, 2.0), (1, 3.0), (2, 5.0))
    with pytest.raises(Rejected) as refused:
        store.append_readings(sent)
    assert refused.value.reason == (
        "InfluxDB refused 1 readings: field type conflict: another program keeps string in the field value of measurement "
        "reading, where Parkwatt writes float; give Parkwatt a database or bucket of its own"
    )
    assert [item[3] for item in refused.value.items] == [START + timedelta(minutes=week)]
    assert store.readings(*ALWAYS)["value"].tolist() == [1.0, 3.0, 5.0]


@pytest.mark.influx
def test_a_line_that_cannot_be_read_costs_only_itself(influx2, opened, rows):
    influx2.add_bucket("park")
    store = opened(influx2)
    sent = rows(*((n, float(n)) for n in range(40)))
    sent.loc[17, "time"] = pd.Timestamp("2300-01-01", tz="UTC")
    with pytest.raises(Rejected, match="value out of range") as refused:
        store.append_readings(sent)
    assert [item[3] for item in refused.value.items] == [pd.Timestamp("2300-01-01", tz="UTC")]
    assert len(store.readings(*ALWAYS)) == 39


@pytest.mark.parametrize(
    ("status", "headers", "words", "wait_s"),
    [
        (401, {}, "refuses this token on bucket park of organisation park org: check store.token_env", None),
        (403, {}, "that the token may read and write the bucket; data are kept until it lets us in", None),
        (404, {}, "answered 404: because", None),
        (429, {"Retry-After": "7"}, "answered 429: because", 7.0),
        (500, {}, "answered 500: because", None),
        (503, {"Retry-After": "Wed, 01 Jul 2026 12:00:30 GMT"}, "answered 503: because", 30.0),
        (302, {"Location": "http://127.0.0.1:9/"}, "answered 302", None),
    ],
)
def test_an_answer_that_may_change_keeps_the_data_and_is_not_repeated_by_the_client(
    alone, opened, rows, status, headers, words, wait_s
):
    store = opened(alone)
    alone.told = [Told(status, headers=headers)]
    with pytest.raises(Retryable, match=words) as kept:
        store.append_readings(rows((0, 1.0)))
    assert kept.value.retry_after_s == wait_s
    assert KEEPER not in str(kept.value)
    assert len(alone.writes) == 1
    store.append_readings(rows((0, 1.0)))
    (line,) = alone.writes[1].lines
    assert line.split(" ") == [
        "reading,device=m1,park=park-1,quantity=energy_import_kwh",
        "value=1.0,received_at=1780272001.0,flags=0",
        "1780272000000000000",
    ]
    assert alone.writes[1].agent.startswith("influxdb-client-python")


def test_a_batch_too_large_is_sent_in_halves_and_one_line_too_large_is_refused(alone, opened, rows):
    store = opened(alone)
    alone.most_bytes = 400
    store.append_readings(rows(*((n, float(n)) for n in range(10))))
    assert [len(w.lines) for w in alone.writes] == [10, 5, 2, 3, 5, 2, 3]
    alone.most_bytes = 10
    with pytest.raises(Rejected, match="points batch is too large"):
        store.append_readings(rows((0, 1.0)))


def test_points_outside_the_retention_of_the_bucket_are_refused_at_once(alone, opened, rows):
    store = opened(alone)
    words = "failure writing points to database: partial write: dropped 4 points outside retention policy dropped=4"
    alone.told = [Told(422, words)]
    with pytest.raises(Rejected, match="4 points outside retention policy") as refused:
        store.append_readings(rows(*((n, 1.0) for n in range(4))))
    assert len(refused.value.items) == 4
    assert len(alone.writes) == 1


def test_lines_and_answers_are_packed_only_for_another_machine(influx2_far, rows):
    server, near, far = influx2_far
    near.append_readings(rows((0, 1.0)))
    far.append_readings(rows((0, 1.0)))
    assert [w.encoding for w in server.writes] == ["identity", "gzip"]
    assert server.writes[0].lines == server.writes[1].lines
    for store in (near, far):
        store.latest()
    assert server.queries == ["identity", "gzip"]


@pytest.fixture
def influx2_far(influxd: str) -> Iterator[tuple[Influx2, InfluxStore, InfluxStore]]:
    server = Influx2(influxd)
    server.add_bucket("park")
    hosts = ("localhost", ELSEWHERE)
    urls = [f"http://{host}:{server.server_address[1]}" for host in hosts]
    stores = [InfluxStore(InfluxV2(url, "park", ORG, KEEPER), "park-1") for url in urls]
    yield server, stores[0], stores[1]
    for store in stores:
        store.close()
    server.stop()


@pytest.mark.parametrize(
    ("token", "org", "bucket", "words"),
    [
        ("wrong-token", ORG, "park", "refuses this token on bucket park .* check store.token_env or store.token_file"),
        (KEEPER, "no org", "park", 'has no organisation no org, .* check store.org; .* name "no org" not found'),
        (
            KEEPER,
            ORG,
            "none",
            "no bucket none that this token may see, .* the token may not make one: check store.bucket",
        ),
        (READER, ORG, "park", "refuses this token .* may read and write the bucket; .*insufficient permissions"),
    ],
)
def test_what_is_wrong_with_the_account_is_said_and_nothing_is_lost(alone, opened, rows, token, org, bucket, words):
    store = opened(alone, token, org, bucket)  # opening does not fail: the server may be put right
    with pytest.raises(Retryable, match=words) as kept:
        store.append_readings(rows((0, 1.0)))
    assert token not in str(kept.value)


def test_a_mapping_the_token_may_not_make_is_told_with_the_command_for_it(alone, opened):
    alone.virtual = alone.maps_by_keeper = False
    store = opened(alone)
    words = "influx v1 dbrp create --db park --rp autogen --default --bucket-id 0000000000000010"
    with pytest.raises(Retryable, match=words):
        store.latest()


def test_a_database_that_is_another_bucket_is_a_fault_of_the_settings(alone, opened):
    alone.add_bucket("other")
    with pytest.raises(ConfigError, match="the database other is another bucket than park"):
        opened(alone, database="other")


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("3.10.1", "is InfluxDB 3.10.1 .use InfluxDB 1.x or 2.x: InfluxDB 3 cannot erase single points"),
        ("1.8.10", "is InfluxDB 1.8.10, which has no buckets .leave out store.bucket, store.org and the token"),
    ],
)
def test_a_version_that_does_not_fit_is_refused_at_once(alone, opened, version, words):
    alone.version = version
    with pytest.raises(ConfigError, match=words):
        opened(alone)


def test_influxdb_3_is_refused_by_its_1x_interface_too(alone):
    alone.version = "3.10.1"
    with pytest.raises(ConfigError, match="cannot erase single points"):
        InfluxStore(InfluxV1(alone.url, "park"), "park-1")


@pytest.mark.influx
def test_a_real_influxdb_1x_is_not_taken_for_2(influxd):
    with pytest.raises(ConfigError, match=r"is InfluxDB 1\.\S+, which has no buckets"):
        InfluxStore(InfluxV2(influxd, "park", ORG, KEEPER), "park-1")


def test_a_version_that_shows_later_keeps_the_data(alone, opened, rows):
    store = opened(alone)
    store._http._ready = False
    alone.version = "3.10.1"
    with pytest.raises(Retryable, match="cannot erase single points"):
        store.append_readings(rows((0, 1.0)))


def test_a_server_that_is_away_keeps_the_data(rows):
    store = InfluxStore(InfluxV2(f"http://127.0.0.1:{free_port()}", "park", ORG, KEEPER, timeout_s=1), "park-1")
    for ready in (False, True):  # before anything was ever made, and by the client that writes
        store._http._ready = ready
        told = []
        for _ in range(2):
            with pytest.raises(Retryable, match="does not answer; nothing is lost meanwhile") as kept:
                store.append_readings(rows((0, 1.0)))
            told.append(str(kept.value))
        assert told[0] == told[1]
    store.close()


@pytest.fixture
def victoria(tmp_path: Path) -> Iterator[str]:
    """The URL of a running VictoriaMetrics: its answer to a write is always 204, so look for what came of it."""
    program = need("victoria-metrics", "victoria-metrics")
    port = free_port()
    options = [f"-storageDataPath={tmp_path}/vm", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=100y"]
    with (tmp_path / "vm.log").open("wb") as log:
        process = subprocess.Popen([program, *options], stdout=log, stderr=log, env={**os.environ, "GOGC": "100"})
        url = f"http://127.0.0.1:{port}"

        def up() -> bool:
            try:
                return requests.get(f"{url}/health", timeout=1).status_code == 200
            except requests.RequestException:
                return False

        wait_for(up, what="victoria-metrics")
        yield url
        process.terminate()
        process.wait()


@pytest.mark.parametrize("host", ["127.0.0.1", ELSEWHERE])
def test_the_vendors_client_writes_into_victoriametrics(victoria, rows, slot_rows, host):
    server = InfluxV2(victoria.replace("127.0.0.1", host), "park", ORG, KEEPER)
    server._ready = True  # it has neither buckets nor InfluxQL: only writes are meant here
    store = InfluxStore(server, "park-1")
    store.append_readings(rows((0, 1.5), (1, -2.25), channel="l1", device="A, b=c 电"))
    store._write_slots(Period.SLOT, slot_rows(7.0, 8.0))
    store.close()

    def exported(name: str) -> list[dict[str, object]]:
        answer = requests.get(f"{victoria}/api/v1/export", params={"match[]": name, "start": "0"}, timeout=9)
        return [json.loads(line) for line in answer.text.splitlines()]

    wait_for(lambda: exported("reading_value") and exported("slot_value"), what="what was written")
    (reading,), (slot,) = exported("reading_value"), exported("slot_value")
    assert {k: v for k, v in reading["metric"].items() if k != "db"} == {
        "__name__": "reading_value",
        "park": "park-1",
        "device": "A, b=c 电",
        "quantity": "energy_import_kwh",
        "channel": "l1",
    }
    assert (reading["values"], reading["timestamps"]) == ([1.5, -2.25], [1780272000000, 1780272060000])
    assert (slot["values"], slot["timestamps"]) == ([7, 8], [1780272000000, 1780272900000])
