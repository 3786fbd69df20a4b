"""Alerts handled over HTTP: acknowledged, commented on, silenced, by whom, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from core.clock import ManualClock
from core.park_file import load_park
from core.store import AlertRecord
from service.http import make_app
from service.runner import Runtime, opened
from tests.service.conftest import SIX_WEEKS, written

TOKEN = "secret-of-this-test"  # noqa: S105
BEARER = {"authorization": f"Bearer {TOKEN}"}
HERE = "http://127.0.0.1:8080"
NOW = datetime(2026, 11, 12, 4, 0, tzinfo=UTC)  # noon in the park
HOUR = timedelta(hours=1)
SINCE = NOW - 3 * HOUR
OF_HALL = {"fingerprint": "meter_silent/hall", "active_at": SINCE.isoformat()}
FOR_A_DAY = {"rule": "meter_silent", "end": "2026-11-13T08:00", "reason": "meter is being moved", "author": "Li Wei"}


def alert(entity: str = "hall", **changes: object) -> AlertRecord:
    params = {"since_at": SINCE.isoformat(), "silent_minutes": 180.0, "device": f"{entity}-1"}
    record = AlertRecord(
        f"meter_silent/{entity}", "meter_silent", entity, "warning", "firing", SINCE, SINCE, params=params
    )
    return replace(record, **changes)


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """The small park without readings: these tests are about its alerts."""
    with opened(load_park(written(tmp_path)), ManualClock(NOW), SIX_WEEKS, "ingest", "serve") as made:
        yield made


@pytest.fixture
def client(runtime: Runtime) -> TestClient:
    runtime.state.save_alerts(
        [
            alert(),
            alert("roof", active_at=SINCE - 48 * HOUR, state="resolved", resolved_at=SINCE - 24 * HOUR),
            alert("grid", state="pending", fired_at=None),
        ]
    )
    return TestClient(make_app(runtime, TOKEN), base_url=HERE, client=("127.0.0.1", 50000))


def post(client: TestClient, path: str, body: object, **headers: str):
    return client.post(f"/api/v1/{path}?lang=en", json=body, headers=BEARER | headers)


def view(client: TestClient, **query: str) -> dict:
    return client.get("/api/v1/alerts/view", params={"lang": "en"} | query).json()


def hall(client: TestClient) -> dict:
    (shown,) = view(client)["open"]
    return shown


def test_an_alert_is_acknowledged_commented_on_and_given_back(client: TestClient) -> None:
    made = post(client, "alerts/ack", OF_HALL | {"author": "Li Wei", "text": " on my way "})
    assert made.status_code == 200
    assert made.json() == {
        "id": 1, "kind": "ack", "word": "acknowledged", "author": "Li Wei", "at": "2026-11-12T04:00:00+00:00",
        "at_text": "2026-11-12 12:00", "text": "on my way",
    }  # fmt: skip
    shown = hall(client)
    assert (shown["acknowledged"], shown["silenced"]) == (True, False)
    assert shown["handled_text"] == ["Acknowledged by Li Wei, 2026-11-12 12:00: on my way"]
    (overview,) = client.get("/api/v1/overview?lang=zh").json()["alerts"]["items"]
    assert overview["handled_text"] == ["Li Wei 于 2026-11-12 12:00 确认：on my way"]
    again = post(client, "alerts/ack", OF_HALL | {"author": "Ann"})
    assert (again.status_code, again.json()["detail"]) == (400, "Li Wei has acknowledged it already")
    assert post(client, "alerts/comment", OF_HALL | {"author": "Ann", "text": "<b>fuse</b>"}).status_code == 200
    assert post(client, "alerts/unack", OF_HALL | {"author": "Ann"}).status_code == 200
    assert post(client, "alerts/unack", OF_HALL | {"author": "Ann"}).status_code == 400
    shown = hall(client)
    assert (shown["acknowledged"], shown["handled_text"]) == (False, [])
    assert [(a["kind"], a["author"], a["text"]) for a in shown["acts"]] == [
        ("ack", "Li Wei", "on my way"), ("comment", "Ann", "<b>fuse</b>"), ("unack", "Ann", "")
    ]  # fmt: skip


def test_the_past_can_be_commented_on_but_not_acknowledged(client: TestClient) -> None:
    past = {"fingerprint": "meter_silent/roof", "active_at": (SINCE - 48 * HOUR).isoformat(), "author": "Ann"}
    assert "this alert is over" in post(client, "alerts/ack", past).json()["detail"]
    assert post(client, "alerts/comment", past | {"text": "it was the gateway"}).status_code == 200
    entry = next(e for e in view(client)["history"]["entries"] if e["state"] == "resolved")
    assert (entry["duration_text"], entry["acts"][0]["text"]) == ("1 d", "it was the gateway")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "fingerprint"),
        ([], ""),
        ({**OF_HALL, "fingerprint": "meter_silent/hangar"}, "no such alert"),
        ({**OF_HALL, "fingerprint": "x" * 201}, "at most 200"),
        ({**OF_HALL, "fingerprint": "no-slash"}, "no such alert"),
        ({**OF_HALL, "fingerprint": "meter_silent/grid"}, "no such alert"),  # pending: nobody knows of it yet
        ({**OF_HALL, "active_at": "2026-11-12T09:00"}, "needs an offset"),
        ({**OF_HALL, "active_at": (SINCE + HOUR).isoformat()}, "no such alert"),
        ({**OF_HALL, "active_at": "yesterday"}, "datetime"),
        ({**OF_HALL, "text": "x" * 501}, "at most 500"),
        ({**OF_HALL, "text": "a\x00b"}, "characters that may not stand here"),
        ({**OF_HALL, "text": "a\u202eb"}, "characters that may not stand here"),
        ({**OF_HALL, "author": "x" * 81}, "at most 80"),
        ({**OF_HALL, "author": "a\nb"}, "characters that may not stand here"),
        ({**OF_HALL, "author": " "}, "at least 1"),
        ({**OF_HALL, "kind": "broken"}, "Extra inputs"),
    ],
)
def test_what_cannot_be_is_refused_in_words(client: TestClient, body: object, word: str) -> None:
    answer = post(
        client, "alerts/comment", body if not isinstance(body, dict) else {"text": "x", "author": "A", **body}
    )
    assert answer.status_code in {400, 422}
    assert word in str(answer.json()["detail"])
    assert hall(client)["acts"] == []


def test_a_comment_says_something_and_there_is_no_other_act(client: TestClient) -> None:
    assert "says something" in post(client, "alerts/comment", OF_HALL | {"author": "A"}).json()["detail"]
    assert post(client, "alerts/broken", OF_HALL | {"author": "A"}).status_code == 422


def test_a_silence_is_made_shown_and_ended(client: TestClient, runtime: Runtime) -> None:
    made = post(client, "silences", FOR_A_DAY | {"entity": "hall"}).json()
    assert (made["what"], made["start_text"], made["end_text"], made["in_force"]) == (
        "Meter silent · Hall 1", "2026-11-12 12:00", "2026-11-13 08:00", True
    )  # fmt: skip
    shown = hall(client)  # it hides nothing
    assert (shown["silenced"], shown["handled_text"]) == (
        True, ["Silenced until 2026-11-13 08:00 by Li Wei: meter is being moved"]
    )  # fmt: skip
    ended = post(client, "silences/1/end", {"author": "Ann", "reason": "done early"})
    assert ended.json()["ended"] == {"at_text": "2026-11-12 12:00", "author": "Ann", "reason": "done early"}
    assert hall(client)["silenced"] is False
    assert post(client, "silences/1/end", {"author": "Ann", "reason": "again"}).status_code == 400
    assert post(client, "silences/2/end", {"author": "Ann", "reason": "?"}).status_code == 400
    assert post(client, "silences/99999999999999999999/end", {"author": "A", "reason": "?"}).status_code == 422
    assert [s["in_force"] for s in client.get("/api/v1/silences?lang=en").json()] == [False]
    assert len(runtime.state.silences()) == 1


def test_a_silence_expires_by_itself(client: TestClient, runtime: Runtime) -> None:
    post(client, "silences", FOR_A_DAY)
    assert hall(client)["silenced"] is True
    assert isinstance(runtime.clock, ManualClock)
    runtime.clock.advance(timedelta(hours=20))
    assert hall(client)["silenced"] is False
    assert "over already" in post(client, "silences/1/end", {"author": "A", "reason": "late"}).json()["detail"]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"rule": None}, "names a rule, an entity or both"),
        ({"rule": "no_such_rule"}, "no rule no_such_rule"),
        ({"rule": "../x"}, "characters"),
        ({"entity": "hangar"}, "no point or array of that name"),
        ({"end": "2026-11-12T11:00"}, "does not lie after the start and after now"),
        ({"start": "2026-11-13T09:00"}, "does not lie after the start"),
        ({"end": "2026-11-26T12:01"}, "at most 14 days"),
        ({"start": "2028-01-01", "end": "2028-01-02"}, "begins within 366 days"),
        ({"end": "9999-12-31T23:59:59"}, "1970 to 2200"),
        ({"end": "9999-12-31T23:59:59-14:00"}, "1970 to 2200"),
        ({"end": "9999-12-31"}, "1970 to 2200"),
        ({"end": None}, "end"),
        ({"end": 5}, "is no date"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 501}, "at most 500"),
        ({"reason": "a\x1b[31mb"}, "characters that may not stand here"),
        ({"made_at": "2020-01-01T00:00Z"}, "Extra inputs"),
    ],
)
def test_a_silence_that_cannot_be_is_refused_in_words(client: TestClient, changes: dict, word: str) -> None:
    answer = post(client, "silences", FOR_A_DAY | changes)
    assert answer.status_code == 400
    assert word in answer.json()["detail"]
    assert client.get("/api/v1/silences").json() == []


def test_the_longest_silence_is_the_park_s_own(client: TestClient, runtime: Runtime) -> None:
    limits = runtime.park.alerts.model_copy(update={"longest_silence_days": 30})
    runtime.park = runtime.park.model_copy(update={"alerts": limits})
    assert post(client, "silences", FOR_A_DAY | {"end": "2026-12-12T12:00"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("alerts/ack", OF_HALL | {"author": "A"}),
        ("silences", FOR_A_DAY),
        ("silences/1/end", {"author": "A", "reason": "r"}),
    ],
)
def test_only_operators_write(client: TestClient, path: str, body: dict) -> None:
    for headers in ({}, {"authorization": "Bearer wrong"}, {"X-Parkwatt-Token": "forged", "origin": HERE}):
        assert client.post(f"/api/v1/{path}", json=body, headers=headers).status_code == 401
    evil = client.post(f"/api/v1/{path}", json=body, headers=BEARER | {"origin": "http://evil.example"})
    assert evil.status_code == 403
    assert hall(client)["acts"] == client.get("/api/v1/silences").json() == []


def test_the_page_has_to_say_who_acts(client: TestClient) -> None:
    token = client.get("/api/v1/page-token").json()["token"]
    headers = {"X-Parkwatt-Token": token, "origin": HERE}
    nameless = client.post("/api/v1/alerts/ack", json=OF_HALL, headers=headers)
    assert (nameless.status_code, nameless.json()["detail"]) == (400, "author: say who you are")
    assert (
        client.post("/api/v1/alerts/ack", json=OF_HALL | {"author": "Ann"}, headers=headers).json()["author"] == "Ann"
    )


# -- the past


def test_history_comes_in_pages(client: TestClient, runtime: Runtime) -> None:
    days = [
        alert("roof", active_at=SINCE - 24 * n * HOUR, state="resolved", resolved_at=SINCE - (24 * n - 1) * HOUR)
        for n in range(3, 10)
    ]
    runtime.state.save_alerts(days)
    seen, after = [], None
    while True:
        asked = {"limit": 4, "lang": "en"} | ({"after": after} if after else {})
        page = client.get("/api/v1/alerts/history", params=asked).json()
        seen += [e["since"] for e in page["entries"]]
        after = page["next"]
        if after is None:
            break
    assert len(seen) == 9
    assert seen == sorted(seen, reverse=True)

    def count(**query: str) -> int:
        return len(client.get("/api/v1/alerts/history", params=query).json()["entries"])

    assert [count(state="firing"), count(entity="roof"), count(rule="deficit_day"), count(severity="warning")] == [
        1,
        8,
        0,
        9,
    ]
    assert count(**{"from": "2026-11-12", "to": "2026-11-12"}) == 1
    assert count(**{"from": "2026-11-03", "to": "2026-11-04"}) == 2


@pytest.mark.parametrize(
    "query",
    [
        {"after": "x"}, {"after": "2026-11-12T00:00:00~x"}, {"limit": "0"}, {"limit": "201"}, {"severity": "x"},
        {"state": "pending"}, {"from": "2026-11-12", "to": "2026-11-11"}, {"from": "0001-01-01"}, {"to": "9999-12-31"},
        {"rule": "x" * 129}, {"lang": "fr"},
    ],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused(client: TestClient, query: dict) -> None:
    answer = client.get("/api/v1/alerts/history", params=query)
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_the_view_brings_all_a_page_needs(client: TestClient) -> None:
    shown = view(client, **{"from": "2026-11-10", "to": "2026-11-12"})
    assert [(a["entity"], a["state_word"]) for a in shown["open"]] == [("Hall 1", "open")]
    assert [(a["entity"], a["state_word"]) for a in shown["history"]["entries"]] == [
        ("Hall 1", "open"),
        ("Roof", "over"),
    ]
    assert {"id": "meter_silent", "name": "Meter silent"} in shown["rules"]
    assert [e["name"] for e in shown["entities"]] == ["Small park", "Grid", "Roof", "Hall 1"]
    assert (shown["longest_silence_days"], shown["zone"]) == (14, "Asia/Shanghai")
