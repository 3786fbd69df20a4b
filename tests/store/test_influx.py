"""What only InfluxDB can answer: refusals of every kind, from a real server and from one that says what it is told."""

from __future__ import annotations

import gzip
import itertools
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import numpy as np
import pandas as pd
import pytest
import requests

from core.clock import ManualClock
from core.errors import Rejected, Retryable
from core.quantities import Period
from store import influxql, line_protocol
from store.influx import InfluxStore
from store.influx_v1 import InfluxV1
from tests.conftest import free_port

START = datetime(2026, 6, 1, tzinfo=UTC)
ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
ELSEWHERE = "0.0.0.0"  # noqa: S104 - reaches this machine without its name saying so
_databases = itertools.count(1)


@pytest.fixture
def opened(influxd: str) -> Iterator[Callable[[], InfluxStore]]:
    """Open stores of one fresh database."""
    database = f"only{next(_databases)}"
    stores: list[InfluxStore] = []

    def make(park: str = "park-1") -> InfluxStore:
        stores.append(InfluxStore(InfluxV1(influxd, database), park))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.mark.influx
def test_a_type_conflict_costs_only_the_rows_it_concerns(opened, rows, influxd):
    store = opened()
    place = {"db": store._http.database, "precision": "u"}
    # Somebody else's tool wrote a text where Parkwatt writes floats, in the shard of the second week.
    foreign = pd.Timestamp(START + timedelta(days=7)).value // 1000
    requests.post(f"{influxd}/write", params=place, data=f'reading,park=x value="text" {foreign}', timeout=9)
    week = 7 * 24 * 60
    sent = rows((0, 1.0), (week, 2.0), (1, 3.0), (week + 1, 4.0), (2, 5.0))
    with pytest.raises(Rejected, match="field type conflict") as refused:
        store.append_readings(sent)
    assert [item[3] for item in refused.value.items] == [
        START + timedelta(minutes=week),
        START + timedelta(minutes=week + 1),
    ]
    assert store.readings(*ALWAYS)["value"].tolist() == [1.0, 3.0, 5.0]


@pytest.mark.influx
def test_one_bad_row_among_thousands_is_found(opened, rows):
    store = opened()
    sent = rows(*((n, float(n)) for n in range(6000)))
    sent.loc[4321, "time"] = pd.Timestamp("2300-01-01", tz="UTC")
    with pytest.raises(Rejected, match="value out of range") as refused:
        store.append_readings(sent)
    (item,) = refused.value.items
    assert item == ("m1", "energy_import_kwh", "", pd.Timestamp("2300-01-01", tz="UTC"))
    assert len(store.readings(*ALWAYS)) == 5999


@pytest.mark.influx
def test_in_a_large_batch_the_later_receipt_wins_and_every_refusal_is_told(opened, rows):
    store = opened()
    minutes = range(6000)
    first = [rows(*((n, 1.0) for n in minutes), device=name) for name in ("a", "b")]
    later = [rows(*((n, 2.0) for n in minutes), device=name, late_s=1e6) for name in ("a", "b")]
    sent = pd.concat([*later, *first], ignore_index=True)
    sent.loc[[17, 20_017], "time"] = pd.Timestamp("2300-01-01", tz="UTC")
    with pytest.raises(Rejected, match="refused 2 readings: .*value out of range") as refused:
        store.append_readings(sent)
    assert sorted(item[0] for item in refused.value.items) == ["a", "b"]
    stored = store.readings(*ALWAYS)
    assert stored["device"].value_counts().to_dict() == {"a": 6000, "b": 6000}
    assert stored.loc[stored["value"] == 1.0, ["device", "time"]].to_numpy().tolist() == [
        ["a", pd.Timestamp(START + timedelta(minutes=17))]
    ]


@pytest.mark.influx
@pytest.mark.parametrize("name", ["two\nlines", "ends in \\"])
def test_a_name_no_tag_can_hold_is_refused(opened, rows, name):
    store = opened()
    with pytest.raises(Rejected) as refused:
        store.append_readings(pd.concat([rows((0, 1.0), device=name), rows((0, 2.0))]))
    assert [item[0] for item in refused.value.items] == [name]
    assert store.readings(*ALWAYS)["value"].tolist() == [2.0]


@pytest.mark.influx
def test_parks_of_one_database_do_not_see_each_other(opened, rows, slot_rows):
    one, two = opened("park-1"), opened("park-2")
    one.append_readings(rows((0, 1.0)))
    two.append_readings(rows((0, 2.0), (90, 3.0)))
    one.write_slots(Period.SLOT, slot_rows(1.0))
    assert one.readings(START, START + timedelta(hours=1), edges=True)["value"].tolist() == [1.0]
    assert two.latest()["value"].tolist() == [3.0]
    assert two.slots(Period.SLOT, *ALWAYS).empty
    assert (one.info().readings, two.info().readings) == (1, 2)


@pytest.mark.influx
def test_the_schema_is_what_dashboards_ask_for(opened, rows, slot_rows, influxd):
    store = opened()
    store.append_readings(rows((0, 1.5), channel="l1"))
    store.write_slots(Period.DAY, slot_rows(float("nan"), reasons="missing"))
    names = {"db": store._http.database, "q": 'SELECT * FROM "reading"; SELECT * FROM "day"'}
    reading, day = requests.get(f"{influxd}/query", params=names, timeout=9).json()["results"]
    found = dict(zip(reading["series"][0]["columns"], reading["series"][0]["values"][0], strict=True))
    assert found == {
        "time": "2026-06-01T00:00:00Z",
        "channel": "l1",
        "device": "m1",
        "flags": 0,
        "park": "park-1",
        "quantity": "energy_import_kwh",
        "received_at": 1780272001,
        "value": 1.5,
    }
    found = dict(zip(day["series"][0]["columns"], day["series"][0]["values"][0], strict=True))
    assert found == {
        "time": "2026-06-01T00:00:00Z",
        "coverage": 1,
        "entity": "grid",
        "estimated": 0,
        "park": "park-1",
        "quantity": "import_kwh",
        "reasons": "missing",
        "scope": "point",
    }


@pytest.mark.influx
def test_a_database_that_was_dropped_is_made_again(opened, rows):
    store = opened()
    store.append_readings(rows((0, 1.0)))
    store._http.execute(f"DROP DATABASE {influxql.name(store._http.database)}")
    with pytest.raises(Retryable, match="database not found"):
        store.append_readings(rows((0, 1.0)))
    store.append_readings(rows((0, 1.0)))
    assert len(store.readings(*ALWAYS)) == 1


class Told(ThreadingHTTPServer):
    """Answers writes with the statuses it was told, and keeps the lines it accepted."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, dict[str, str], str]] = []
        self.most_lines = 10_000
        self.packed = False
        self.lines: list[str] = []
        self.requests: list[dict[str, list[str]]] = []
        self.query_body = '{"results":[{"statement_id":0}]}\n'
        self.query_status = 200
        self.statements: list[str] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Told

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        url = urlparse(self.path)
        if url.path == "/query":
            self.server.statements.append(parse_qs(body.decode())["q"][0])
            self.say(self.server.query_status, {}, self.server.query_body)
            return
        self.server.packed = self.headers["Content-Encoding"] == "gzip"
        lines = (gzip.decompress(body) if self.server.packed else body).decode().split("\n")
        self.server.requests.append(parse_qs(url.query))
        if self.server.answers:
            self.say(*self.server.answers.pop(0))
        elif len(lines) > self.server.most_lines:
            self.say(413, {}, '{"error":"Request Entity Too Large"}')
        else:
            self.server.lines += lines
            self.say(204, {}, "")

    def say(self, status: int, headers: dict[str, str], body: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body.encode()))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_arguments: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def told() -> Iterator[Told]:
    server = Told()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(told: Told) -> Iterator[InfluxStore]:
    clock = ManualClock(datetime(2026, 7, 1, 12, tzinfo=UTC))
    store = InfluxStore(
        InfluxV1(f"http://127.0.0.1:{told.server_address[1]}/", "db", "keeper", "secret", clock=clock), "park-1", clock
    )
    yield store
    store.close()


@pytest.mark.parametrize(
    ("status", "headers", "words", "wait_s"),
    [
        (401, {}, "refuses the user keeper on database db: check store.username", None),
        (403, {}, "refuses the user keeper", None),
        (404, {}, "answered 404: because", None),
        (429, {"Retry-After": "7"}, "answered 429: because", 7.0),
        (500, {}, "answered 500", None),
        (502, {"Retry-After": "soon"}, "answered 502", None),
        (503, {"Retry-After": "Wed, 01 Jul 2026 12:00:30 GMT"}, "answered 503", 30.0),
        (302, {"Location": "http://127.0.0.1:9/"}, "answered 302", None),
    ],
)
def test_an_answer_that_may_change_keeps_the_data(told, client, rows, status, headers, words, wait_s):
    told.answers = [(status, headers, '{"error":"because"}')]
    with pytest.raises(Retryable, match=words) as kept:
        client.append_readings(rows((0, 1.0)))
    assert kept.value.retry_after_s == wait_s
    assert "secret" not in str(kept.value)
    client.append_readings(rows((0, 1.0)))
    (line,) = told.lines
    assert line.split(" ") == [
        "reading,device=m1,park=park-1,quantity=energy_import_kwh",
        "value=1.0,received_at=1780272001.0,flags=0",
        "1780272000000000000",
    ]


def test_an_answer_that_is_no_json_is_shown_by_its_name(told, client, rows):
    told.answers = [(503, {}, "<html>")]
    with pytest.raises(Retryable, match="answered 503: Service Unavailable"):
        client.append_readings(rows((0, 1.0)))


def test_a_limit_the_operator_can_lift_keeps_the_data(told, client, rows):
    told.answers = [(400, {}, '{"error":"partial write: max-series-per-database limit exceeded: (1) dropped=1"}')]
    with pytest.raises(Retryable, match="limit exceeded"):
        client.append_readings(rows((0, 1.0)))


def test_a_body_too_large_is_sent_in_halves(told, client, rows):
    told.most_lines = 3
    client.append_readings(rows(*((n, float(n)) for n in range(10))))
    assert len(told.lines) == 10
    assert [line.split(" ")[1].split(",")[0] for line in told.lines] == [f"value={n}.0" for n in range(10)]


def test_one_line_too_large_is_refused(told, client, rows):
    told.most_lines = 0
    with pytest.raises(Rejected, match="Too Large"):
        client.append_readings(rows((0, 1.0)))


def test_a_batch_refused_as_a_whole_is_not_halved(told, client, rows):
    told.answers = [(400, {}, '{"error":"partial write: points beyond retention policy dropped=4"}')]
    with pytest.raises(Rejected, match="4 readings: partial write: points beyond retention policy") as refused:
        client.append_readings(rows(*((n, 1.0) for n in range(4))))
    assert len(refused.value.items) == 4
    assert len(told.requests) == 1


def test_batches_hold_ten_thousand_lines_and_name_no_precision(told, client, rows):
    client.append_readings(rows(*((n, 1.0) for n in range(22_001))))
    assert len(told.requests) == 3
    assert told.requests[0] == {"db": ["db"]}
    assert len(told.lines) == 22_001


@pytest.mark.parametrize(("host", "packed"), [("127.0.0.1", False), ("localhost", False), (ELSEWHERE, True)])
def test_lines_are_packed_unless_influxdb_is_on_this_machine(told, rows, host, packed):
    store = InfluxStore(InfluxV1(f"http://{host}:{told.server_address[1]}", "db"), "park-1")
    store.append_readings(rows((0, 1.0)))
    store.close()
    assert told.packed is packed
    assert len(told.lines) == 1


def test_a_reading_is_one_line_and_an_unknown_value_is_no_field(told, client, rows):
    sent = [
        rows((0, 1e22), channel="l1", late_s=2.25),
        rows((0, -0.0, 3), device="A, b=c 电"),
        rows((1, float("nan")), device="x value=null,"),
        rows((1, 0.1 + 0.2)),
    ]
    client.append_readings(pd.concat(sent))
    assert told.lines == [
        (
            "reading,device=A\\,\\ b\\=c\\ 电,park=park-1,quantity=energy_import_kwh "
            "value=-0.0,received_at=1780272001.0,flags=3 1780272000000000000"
        ),
        (
            "reading,channel=l1,device=m1,park=park-1,quantity=energy_import_kwh "
            "value=1e+22,received_at=1780272002.25,flags=0 1780272000000000000"
        ),
        (
            "reading,device=x\\ value\\=null\\,,park=park-1,quantity=energy_import_kwh "
            "received_at=1780272061.0,flags=0 1780272060000000000"
        ),
        (
            "reading,device=m1,park=park-1,quantity=energy_import_kwh "
            "value=0.30000000000000004,received_at=1780272061.0,flags=0 1780272060000000000"
        ),
    ]


def test_series_beyond_what_is_remembered_are_named_again(told, client, rows, monkeypatch):
    monkeypatch.setattr(line_protocol, "MOST_STARTS", 2)
    for device in ("a", "b", "c", "d", "a"):
        client.append_readings(rows((0, 1.0), device=device))
    assert [line.split(",")[1] for line in told.lines] == [f"device={d}" for d in "abcda"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"results":[{"statement_id":0,"error":"timeout"}]}', "could not answer: timeout"),
        ('{"error":"engine is closed"}', "engine is closed"),
        ('{"results":[{"statement_id":0,"partial":true,"series":[]}]}', "broke off"),
        ('{"results":[{"stat', "broke off"),
    ],
)
def test_an_answer_that_is_not_whole_is_never_taken_for_the_data(told, client, body, words):
    told.query_body = body
    with pytest.raises(Retryable, match=words):
        client.readings(*ALWAYS)


def test_a_user_who_may_not_create_uses_the_database_that_is_there(told, rows):
    told.query_status, told.query_body = 403, '{"error":"error authorizing query: requires admin privilege"}'
    store = InfluxStore(InfluxV1(f"http://127.0.0.1:{told.server_address[1]}", "db"), "park-1")
    store.append_readings(rows((0, 1.0)))
    assert len(told.lines) == 1
    with pytest.raises(Retryable, match="refuses a client without a user name"):
        store.latest()
    store.close()


def test_a_server_that_is_away_is_worth_another_try_and_opening_does_not_fail(rows):
    store = InfluxStore(InfluxV1("http://127.0.0.1:9", "db", timeout_s=1), "park-1")
    with pytest.raises(Retryable, match="does not answer; nothing is lost"):
        store.append_readings(rows((0, 1.0)))
    with pytest.raises(Retryable, match="does not answer"):
        store.latest()
    store.close()


def test_lines_are_floats_with_escaped_names():
    start = line_protocol.series("reading", {"park": "p", "device": "A, b=c 电", "channel": ""})
    assert start == r"reading,device=A\,\ b\=c\ 电,park=p"
    fields = [
        line_protocol.number_fields("value", np.array([5, float("nan"), 1e22])),
        line_protocol.text_fields("reasons", ["", 'a "b"', "c\\d"]),
    ]
    assert line_protocol.lines([start] * 3, fields, [1, 2, 3]) == [
        start + r' value=5.0,reasons="" 1',
        start + r' reasons="a \"b\"" 2',
        start + r' value=1e+22,reasons="c\\d" 3',
    ]


def test_texts_in_a_query_cannot_end_it():
    assert influxql.text("it's; DROP \\ DATABASE\n") == "'it\\'s; DROP \\\\ DATABASE\\n'"
    assert influxql.name('a"b') == '"a\\"b"'


def test_a_database_that_is_listed_is_not_created(told, client, rows):
    told.query_body = (
        '{"results":[{"statement_id":0,"series":[{"name":"databases","columns":["name"],"values":[["db"]]}]}]}\n'
    )
    told.statements.clear()
    client._http._ready = False  # as at a fresh start
    client.append_readings(rows((0, 1.0)))
    assert told.statements == ["SHOW DATABASES"]


def test_a_server_that_is_away_is_told_of_in_the_same_words_each_time(rows):
    store = InfluxStore(InfluxV1(f"http://127.0.0.1:{free_port()}", "db"), "park-1")
    told = []
    for _ in range(2):
        with pytest.raises(Retryable, match="does not answer; nothing is lost meanwhile") as refused:
            store.append_readings(rows((0, 1.0)))
        told.append(str(refused.value))
    store.close()
    assert told[0] == told[1]
    assert "Connection refused" in told[0]
