from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from core.errors import ConfigError
from core.store import AlertRecord
from rules.notify.pipeline import Notifier

NOW = datetime(2026, 11, 16, 23, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = "key-that-stays-out-of-logs"
# Apprise imports a module that Python will drop; its own fallback is ready.
apprise_warns = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


class Inbox(ThreadingHTTPServer):
    """A real HTTP server that keeps what it is sent and answers as told."""

    def __init__(self) -> None:
        self.status, self.headers = 200, {}
        self.got: list[dict[str, object]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}/hook/{KEY}"


class Handler(BaseHTTPRequestHandler):
    server: Inbox

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.status == 200:
            self.server.got.append(json.loads(body))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    server = Inbox()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def told(make_world, inbox):
    """A world that tells the inbox by webhook."""
    return make_world(receivers=[{"id": "hook", "kind": "webhook", "url": f"http://{inbox.address}"}])


def firing(entity: str = "pv-a", severity: str = "warning", **changes: object) -> AlertRecord:
    params = {"since_at": "2026-11-16T20:00:00+00:00", "silent_minutes": 180.0, "device": "inv-a", "x": float("nan")}
    start = NOW - 3 * HOUR
    record = AlertRecord(
        f"meter_silent/{entity}", "meter_silent", entity, severity, "firing", start, start, value=180.0, params=params
    )
    return replace(record, **changes)


def whys(inbox: Inbox) -> list[list[tuple[str, str]]]:
    return [[(a["entity"], a["why"]) for a in got["alerts"]] for got in inbox.got]


def test_a_webhook_is_told_everything_once(told, inbox) -> None:
    told.state.save_alerts([firing()])
    notifier = Notifier(told.park, told.state)
    notifier.send(NOW)
    notifier.send(NOW + HOUR)
    (got,) = inbox.got
    assert (got["version"], got["status"], got["sent_at"]) == (1, "firing", "2026-11-16T23:00:00+00:00")
    assert got["park"] == {"id": "small", "name": {"zh": "小园区", "en": "Small park"}}
    (alert,) = got["alerts"]
    words = alert.pop("words")
    assert alert == {
        "fingerprint": "meter_silent/pv-a",
        "why": "new",
        "rule": "meter_silent",
        "entity": "pv-a",
        "entity_name": {"zh": "A 楼屋顶光伏", "en": "Roof A"},
        "state": "firing",
        "severity": "warning",
        "active_at": "2026-11-16T20:00:00+00:00",
        "fired_at": "2026-11-16T20:00:00+00:00",
        "resolved_at": None,
        "value": 180.0,
        "params": {
            "since_at": "2026-11-16T20:00:00+00:00",
            "silent_minutes": 180.0,
            "device": "inv-a",
            "x": None,
        },
    }
    assert words["en"]["title"] == "Roof A: no data since 17 November, 04:00"
    assert words["zh"]["detail"] == "设备 inv-a 已有 3 小时没有上报。"
    assert told.open("meter_silent").last_sent_at == NOW


def test_a_restart_tells_nobody_twice(told, inbox) -> None:
    told.state.save_alerts([firing()])
    Notifier(told.park, told.state).send(NOW)
    Notifier(told.park, told.state).send(NOW + HOUR)
    assert len(inbox.got) == 1


def test_what_is_new_goes_out_alone_and_the_gravest_first(told, inbox) -> None:
    notifier = Notifier(told.park, told.state)
    told.state.save_alerts([firing("pv-a")])
    notifier.send(NOW)
    told.state.save_alerts([firing("pv-b", "info"), firing("grid", "critical")])
    notifier.send(NOW + HOUR)
    assert whys(inbox) == [[("pv-a", "new")], [("grid", "new"), ("pv-b", "new")]]


def test_open_warnings_are_repeated_together_each_day_and_information_never(told, inbox) -> None:
    notifier = Notifier(told.park, told.state)
    told.state.save_alerts([firing("pv-a"), firing("grid", "info")])
    notifier.send(NOW)
    told.state.save_alerts([firing("pv-b")])
    notifier.send(NOW + 10 * HOUR)
    notifier.send(NOW + 23 * HOUR)
    notifier.send(NOW + 24 * HOUR)
    notifier.send(NOW + 47 * HOUR)
    notifier.send(NOW + 48 * HOUR)
    both = [("pv-a", "repeat"), ("pv-b", "repeat")]
    assert whys(inbox) == [[("pv-a", "new"), ("grid", "new")], [("pv-b", "new")], both, both]


def test_a_worse_alert_is_told_again_a_milder_one_is_not(told, inbox) -> None:
    notifier = Notifier(told.park, told.state)
    for n, severity in enumerate(("info", "warning", "info", "warning", "critical")):
        told.state.save_alerts([firing(severity=severity)])
        notifier.send(NOW + n * HOUR)
    assert whys(inbox) == [[("pv-a", "new")], [("pv-a", "worse")], [("pv-a", "worse")]]
    assert [got["alerts"][0]["severity"] for got in inbox.got] == ["info", "warning", "critical"]


def test_who_was_told_of_it_is_told_when_it_is_over(told, inbox) -> None:
    told.state.save_alerts([firing()])
    Notifier(told.park, told.state).send(NOW)
    told.state.save_alerts([firing(state="resolved", resolved_at=NOW + HOUR)])
    notifier = Notifier(told.park, told.state)
    notifier.send(NOW + HOUR)
    notifier.send(NOW + 2 * HOUR)
    assert whys(inbox) == [[("pv-a", "new")], [("pv-a", "resolved")]]
    assert (inbox.got[1]["status"], inbox.got[1]["alerts"][0]["state"]) == ("resolved", "resolved")
    again = firing(active_at=NOW + 3 * HOUR)
    told.state.save_alerts([again])
    notifier.send(NOW + 3 * HOUR)
    assert whys(inbox)[2] == [("pv-a", "new")]


def test_what_began_and_ended_in_the_past_is_never_told(told, inbox) -> None:
    long_ago = NOW - timedelta(days=30)
    past = firing(active_at=long_ago, fired_at=long_ago, state="resolved", resolved_at=long_ago + HOUR)
    pending = firing("grid", state="pending", fired_at=None)
    told.state.save_alerts([past, pending])
    Notifier(told.park, told.state).send(NOW)
    assert inbox.got == []


def test_each_receiver_hears_from_its_own_severity_on(make_world, inbox, caplog) -> None:
    receivers = [
        {"id": "log", "kind": "log", "language": "en"},
        {"id": "hook", "kind": "webhook", "url": f"http://{inbox.address}", "severity": "critical"},
    ]
    world = make_world(receivers=receivers)
    world.state.save_alerts([firing("pv-a"), firing("grid", "critical")])
    with caplog.at_level(logging.INFO):
        Notifier(world.park, world.state).send(NOW)
    assert whys(inbox) == [[("grid", "new")]]
    assert [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "rules.notify.log"] == [
        ("ERROR", "[critical] Grid connection: no data since 17 November, 04:00"),
        ("WARNING", "[warning] Roof A: no data since 17 November, 04:00"),
    ]


def test_a_receiver_that_fails_blocks_no_other_and_is_tried_again(make_world, inbox, caplog) -> None:
    receivers = [
        {"id": "dead", "kind": "webhook", "url": f"http://127.0.0.1:1/{KEY}"},
        {"id": "hook", "kind": "webhook", "url": f"http://{inbox.address}"},
    ]
    world = make_world(receivers=receivers)
    world.state.save_alerts([firing()])
    notifier = Notifier(world.park, world.state)
    inbox.status = 503
    for minutes in (0, 1, 2, 3):  # tried at 0, 1 and 3: the pause doubles
        notifier.send(NOW + timedelta(minutes=minutes))
    assert world.open("meter_silent").last_sent_at is None
    inbox.status = 200
    notifier.send(NOW + timedelta(minutes=6))
    assert inbox.got == []
    notifier.send(NOW + timedelta(minutes=7))
    assert whys(inbox) == [[("pv-a", "new")]]
    told = [r.getMessage() for r in caplog.records if r.name == "rules.notify.pipeline" and r.levelname == "ERROR"]
    assert len(told) == 2  # one per receiver, not one per attempt
    assert "receiver dead cannot be told" in told[0]
    assert "answered 503" in told[1]
    assert KEY not in caplog.text


def test_a_receiver_may_say_how_long_to_wait(told, inbox) -> None:
    told.state.save_alerts([firing()])
    notifier = Notifier(told.park, told.state)
    inbox.status, inbox.headers = 429, {"Retry-After": "600"}
    notifier.send(NOW)
    inbox.status = 200
    notifier.send(NOW + timedelta(minutes=9))
    assert inbox.got == []
    notifier.send(NOW + timedelta(minutes=10))
    assert len(inbox.got) == 1


@pytest.mark.parametrize("status", [302, 400, 404])
def test_a_refusal_is_told_and_not_taken_for_delivered(told, inbox, status: int, caplog) -> None:
    told.state.save_alerts([firing()])
    notifier = Notifier(told.park, told.state)
    inbox.status = status
    notifier.send(NOW)
    assert f"answered {status}" in caplog.text
    inbox.status = 200
    notifier.send(NOW + HOUR)
    assert len(inbox.got) == 1


@apprise_warns
def test_apprise_speaks_the_receivers_language(make_world, inbox) -> None:
    receivers = [
        {"id": "zh", "kind": "apprise", "url": f"json://{inbox.address}"},
        {"id": "en", "kind": "apprise", "url": f"json://{inbox.address}", "language": "en"},
    ]
    world = make_world(receivers=receivers)
    notifier = Notifier(world.park, world.state)
    world.state.save_alerts([firing()])
    notifier.send(NOW)
    zh, en = inbox.got
    assert (zh["title"], zh["type"]) == ("小园区 | [警告] A 楼屋顶光伏：自 11 月 17 日 04:00 起没有数据", "warning")
    assert en["title"] == "Small park | [warning] Roof A: no data since 17 November, 04:00"
    assert "Device inv-a has not reported for 3 h." in en["message"]
    world.state.save_alerts([firing(state="resolved", resolved_at=NOW + HOUR)])
    notifier.send(NOW + HOUR)
    assert inbox.got[3]["type"] == "success"
    assert inbox.got[3]["message"] == "[resolved] Roof A: no data for 3 h from 17 November, 04:00 on; they are back"


@apprise_warns
def test_apprise_that_fails_is_tried_again(make_world, inbox) -> None:
    world = make_world(receivers=[{"id": "a", "kind": "apprise", "url": f"json://{inbox.address}"}])
    world.state.save_alerts([firing()])
    notifier = Notifier(world.park, world.state)
    inbox.status = 500
    notifier.send(NOW)
    inbox.status = 200
    notifier.send(NOW + HOUR)
    assert len(inbox.got) == 1


def test_addresses_come_from_the_environment_too(make_world, inbox, monkeypatch) -> None:
    world = make_world(receivers=[{"id": "hook", "kind": "webhook", "url_env": "PARK_HOOK"}])
    with pytest.raises(ConfigError, match="set the environment variable PARK_HOOK"):
        Notifier(world.park, world.state)
    monkeypatch.setenv("PARK_HOOK", f"http://{inbox.address}")
    world.state.save_alerts([firing()])
    Notifier(world.park, world.state).send(NOW)
    assert len(inbox.got) == 1


@apprise_warns
def test_an_address_apprise_does_not_know_is_a_configuration_fault(make_world) -> None:
    world = make_world(receivers=[{"id": "a", "kind": "apprise", "url": "nonsense://x"}])
    with pytest.raises(ConfigError, match="receiver a: Apprise does not understand"):
        Notifier(world.park, world.state)
