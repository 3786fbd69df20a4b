"""Questions beyond all bounds: refused in words, and never at the cost of whoever else asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date

import pytest
import requests
from starlette.testclient import TestClient

from service import exporting
from service.http import make_app
from service.runner import Runtime
from tests.service.conftest import TOKEN, served

HERE = "http://127.0.0.1:8080"


@pytest.fixture
def client(runtime: Runtime) -> TestClient:
    return TestClient(make_app(runtime, TOKEN), base_url=HERE, client=("127.0.0.1", 50000))


# -- exports


def test_an_export_of_ages_gives_what_there_is_at_once(client: TestClient) -> None:
    asked = "/api/v1/export?series=import_kwh&scope=point&entity=grid&period={}&from=1970-01-01&to=2200-12-31"
    assert len(client.get(asked.format("slot")).text.splitlines()) == 1 + 4175
    assert len(client.get(asked.format("day")).text.splitlines()) == 1 + 44
    readings = "/api/v1/export?series=energy_import_kwh&scope=reading&entity=grid-1&from=1970-01-01&to=2200-12-31"
    assert len(client.get(readings).text.splitlines()) == 1 + 4081
    assert client.get(f"{readings}".replace("1970-01-01", "2101-01-01")).text.count("\n") == 1


@pytest.mark.parametrize(
    "days", ["from=1900-01-01&to=2026-10-01", "from=2026-10-01&to=9000-01-01", "from=2026-10-01&to=9999-12-31"]
)
def test_days_of_other_ages_are_refused(client: TestClient, days: str) -> None:
    answer = client.get(f"/api/v1/export?series=import_kwh&{days}")
    assert (answer.status_code, answer.json()) == (400, {"detail": "a day lies between 1970 and 2200"})


@pytest.mark.parametrize("days", ["to=0001-01-01", "to=9999-12-31", "from=0001-01-01", "from=9999-12-31&to=9999-12-31"])
def test_a_series_of_other_ages_is_refused(client: TestClient, days: str) -> None:
    assert client.get(f"/api/v1/series?quantity=import_kwh&{days}").status_code == 422


def test_empty_days_let_whoever_hands_them_on_stop(runtime: Runtime) -> None:
    what = exporting.wanted(runtime.park, ["import_kwh"], "point", "grid", "slot", date(2025, 10, 1), date(2025, 10, 5))
    assert list(exporting.csv_blocks(runtime.park, runtime.store, what))[1:] == [""] * 5


def test_three_exports_at_once_and_everybody_else_is_served(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real sockets: exports that never end hold three turns; the fourth is told to come again, once one left it gets in."""
    let_go, begun = threading.Event(), threading.Semaphore(0)

    def endless(*_asked: object) -> Iterator[str]:
        begun.release()
        while True:
            yield "a line\n" if let_go.wait(0.05) else ""

    monkeypatch.setattr(exporting, "csv_blocks", endless)
    with served(runtime) as url, ExitStack() as listening:
        asked = f"{url}/api/v1/export?series=import_kwh&from=2026-10-01&to=2026-10-02"
        for _ in range(3):
            listening.enter_context(requests.get(asked, stream=True, timeout=20))
        assert all(begun.acquire(timeout=20) for _ in range(3))
        fourth = requests.get(asked, timeout=20)
        assert (fourth.status_code, fourth.headers["retry-after"]) == (503, "30")
        assert requests.get(f"{url}/api/v1/park", timeout=20).status_code == 200
        listening.close()
        again = 503
        for _ in range(400):
            with requests.get(asked, stream=True, timeout=20) as answer:
                again = answer.status_code
            if again == 200:
                break
            time.sleep(0.05)
        assert again == 200
        let_go.set()


# -- corrections

BEARER = {"authorization": f"Bearer {TOKEN}"}
SIGNED = {"author": "Li Wei", "reason": "meter check"}


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"])
@pytest.mark.parametrize("path", ["corrections", "corrections/preview"])
def test_a_correction_of_other_ages_is_refused_in_words(client: TestClient, path: str, start: str) -> None:
    asked = {"kind": "replace", "point": "grid", "start": start, **SIGNED}
    answer = client.post(f"/api/v1/{path}", json=asked, headers=BEARER)
    assert answer.status_code == 400
    assert answer.json()["detail"].endswith("lies outside 1970 to 2200")
    assert client.get("/api/v1/corrections").json() == []


def test_a_correction_long_before_the_first_reading_changes_nothing(client: TestClient) -> None:
    asked = {"kind": "replace", "point": "grid", "start": "1970-01-01T00:00:00Z", **SIGNED}
    figures = client.get("/api/v1/series?quantity=import_kwh&from=2026-09-30&to=2026-11-12").json()
    shown = client.post("/api/v1/corrections/preview", json=asked, headers=BEARER)
    assert (shown.status_code, shown.json()["days"]) == (200, [])
    assert client.post("/api/v1/corrections", json=asked, headers=BEARER).status_code == 200
    assert client.get("/api/v1/series?quantity=import_kwh&from=2026-09-30&to=2026-11-12").json() == figures


@pytest.mark.parametrize(
    "asked",
    [
        {"kind": "ratio", "factor": 2, "start": "2025-10-08", "end": "2026-11-10"},
        {"kind": "shift", "seconds": 60, "start": "2025-06-01", "end": "2025-06-02"},
        {"kind": "replace", "start": "2026-10-01T00:00:00"},
        {"kind": "exclude", "start": "2026-09-01", "end": "2026-11-12"},
    ],
    ids=lambda a: a["kind"],
)
def test_days_without_values_can_be_tried(client: TestClient, asked: dict) -> None:
    answer = client.post("/api/v1/corrections/preview", json={"point": "grid", **asked, **SIGNED}, headers=BEARER)
    assert answer.status_code == 200


def test_where_computing_fails_the_answer_says_what_is_on_record(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_asked: object) -> None:
        raise IndexError("index -1")

    asked = {"kind": "ratio", "point": "roof", "factor": 2, "start": "2026-10-08", "end": "2026-10-09", **SIGNED}
    monkeypatch.setattr("service.corrections.catch_up", broken)
    answer = client.post("/api/v1/corrections", json=asked, headers=BEARER)
    assert answer.status_code == 500
    assert answer.json()["detail"] == (
        "correction 1 is on record, but computing what follows from it failed (IndexError); "
        "it is tried again at the next run; to take it back, undo 1"
    )
    assert [entry["id"] for entry in client.get("/api/v1/corrections").json()] == [1]
