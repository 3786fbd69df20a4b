"""How far the data can be trusted, over HTTP, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from starlette.testclient import TestClient

from core.clock import ManualClock
from core.frames import readings_frame
from core.park_file import load_park
from core.quality import Event
from core.store import QuarantineItem
from service.http import make_app
from service.runner import Runtime, opened
from tests.service.conftest import SIX_WEEKS, written

NOW = datetime(2026, 11, 12, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    with opened(load_park(written(tmp_path)), ManualClock(NOW), SIX_WEEKS, "ingest", "serve") as made:
        yield made


@pytest.fixture
def client(runtime: Runtime) -> TestClient:
    return TestClient(make_app(runtime, "token"), base_url="http://127.0.0.1:8080", client=("127.0.0.1", 50000))


def view(client: TestClient, **query: str) -> dict:
    return client.get("/api/v1/data/view", params={"lang": "en"} | query).json()


def test_a_new_park_has_nothing_to_show_and_says_so(client: TestClient) -> None:
    shown = view(client)
    assert shown["coverage"]["meters"][0]["values"] == [None] * 30
    assert [r["word"] for r in shown["lateness"]] == ["late"] * 3
    assert shown["lateness"][0]["age_text"] is None
    assert (shown["events"], shown["collectors"], shown["corrections"]) == ({"entries": [], "more": 0}, [], 0)
    assert (shown["quarantine"]["counts"], shown["quarantine"]["entries"]) == ([], [])
    (config,) = shown["configs"]
    assert (config["running"], config["digest"]) == (True, shown["digest"])


def test_the_latest_device_comes_first(client: TestClient, runtime: Runtime) -> None:
    times = {"grid-1": NOW - 5 * HOUR, "inv-1": NOW - 45 * HOUR / 60, "hall-1": NOW - 46 * HOUR / 60}
    frame = {
        "time": list(times.values()),
        "device": list(times),
        "quantity": "active_power_kw",
        "channel": "",
        "value": 1.0,
    }
    rows = pd.DataFrame({**frame, "received_at": NOW, "flags": 0})
    runtime.store.append_readings(readings_frame(rows))
    assert [(r["device"], r["age_text"], r["late"], r["interval"]) for r in view(client)["lateness"]] == [
        ("grid-1", "5 h ago", True, "15 min"),
        ("hall-1", "46 min ago", True, "15 min"),
        ("inv-1", "45 min ago", False, "15 min"),
    ]


def test_events_of_the_range_are_told_newest_first(client: TestClient, runtime: Runtime) -> None:
    events = [
        Event("hall", "missing", NOW - n * 24 * HOUR, NOW - n * 24 * HOUR + HOUR, {"hours": 1.0}) for n in (1, 3, 40)
    ]
    runtime.state.notice(events)
    shown = view(client)["events"]
    assert [e["when"] for e in shown["entries"]] == ["2026-11-11 12:00", "2026-11-09 12:00"]
    assert (
        shown["entries"][0]["text"] == "Hall 1: no data for 1 h; energy unknown (2026-11-11 12:00 – 2026-11-11 13:00)"
    )


def test_what_strangers_sent_is_shown_without_anything_invisible(client: TestClient, runtime: Runtime) -> None:
    evil = QuarantineItem(NOW, "a\x1b[2Jb\u202e", b"\x1b[31m<script>", "not_json", "x\ny", "dev\x07")
    runtime.state.quarantine([evil, QuarantineItem(NOW, "t", b"x" * 9000, "too_large", "", "")])
    shown = client.get("/api/v1/quarantine/1?lang=en").json()
    assert (shown["topic"], shown["device"], shown["detail"]) == ("a·[2Jb·", "dev·", "x·y")
    assert shown["payload"].startswith("00000000  1b 5b 33 31 6d 3c 73 63")
    assert shown["what"] == "the payload is not JSON"
    long = client.get("/api/v1/quarantine/2").json()
    assert (len(long["payload"]), long["cut"], long["bytes"]) == (8192, True, 9000)
    listed = client.get("/api/v1/quarantine?reason=not_json&lang=en").json()
    assert ([i["id"] for i in listed["entries"]], listed["next"]) == ([1], None)
    assert "payload" not in listed["entries"][0]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("data/view?from=2026-11-12&to=2026-11-11", 422),
        ("data/view?from=2025-01-01&to=2026-11-11", 422),
        ("data/view?from=2025-11-08&to=2026-11-12", 200),
        ("data/view?to=0001-01-02", 422),
        ("data/view?to=9999-12-31", 422),
        ("data/view?from=today", 422),
        ("quarantine/1", 404),
        ("quarantine/0", 422),
        ("quarantine/99999999999999999999", 422),
        ("quarantine/..%2f1", 404),
        ("quarantine?before=x", 422),
        ("quarantine?reason=" + "x" * 65, 422),
    ],
)
def test_questions_that_make_no_sense_are_refused(client: TestClient, path: str, status: int) -> None:
    assert client.get(f"/api/v1/{path}").status_code == status
