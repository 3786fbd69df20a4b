"""The data of views over HTTP, of the demo park."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from core.rungs import MODEL_VERSION
from service.http import make_app
from service.runner import Runtime


@pytest.fixture
def client(demo_park: Runtime) -> TestClient:
    return TestClient(make_app(demo_park, "secret-of-this-test"), base_url="http://127.0.0.1:8080")


def test_what_every_view_stands_on(client: TestClient) -> None:
    told = client.get("/api/v1/meta?lang=en").json()
    assert told["park"]["name"] == "Lingang zero-carbon park (demo)"
    assert told["zone"] == "Asia/Shanghai"
    assert len(told["today"]) == 10
    assert "carport-2" in {a["id"] for a in told["arrays"]}
    assert told["expectation"]["version"] == MODEL_VERSION
    assert told["expectation"]["rungs"][0]["name"] == "measured plane-of-array irradiance"


@pytest.mark.parametrize("dashboard", ["park-overview", "pv", "buildings", "carbon", "alerts", "data"])
def test_every_dashboard_answers(client: TestClient, dashboard: str) -> None:
    told = client.get(f"/api/v1/views/{dashboard}?from=2026-11-01&to=2026-11-07&compare=week&lang=en").json()
    assert told["dashboard"] == dashboard
    assert told["range"]["text"] == "1–7 November 2026"
    assert told["compare"]["text"] == "25–31 October 2026"
    assert told["panels"]


def test_a_view_agrees_with_the_series_it_is_made_of(client: TestClient) -> None:
    told = client.get("/api/v1/views/carbon?from=2026-11-01&to=2026-11-07").json()
    drawn = next(p for p in told["panels"] if p["id"] == "day-carbon")["series"][0]["values"]
    stored = client.get("/api/v1/series?quantity=carbon_kg&period=day&from=2026-11-01&to=2026-11-07").json()["series"]
    assert drawn == [round(v, 4) for v in stored[0]["value"]]


def test_the_month_has_the_same_number_everywhere(client: TestClient) -> None:
    month = "from=2026-10-01&to=2026-10-31"
    told = client.get(f"/api/v1/views/pv?{month}").json()
    drawn = next(p for p in told["panels"] if p["id"] == "pv-index-today")["series"][0]["total"]["value"]
    asked = f"/api/v1/series?quantity=energy_performance_index&period=month&{month}"
    assert drawn == client.get(asked).json()["series"][0]["value"][0]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("nothing", 404),
        ("..%2f..%2fetc", 404),
        ("pv?from=2026-11-02&to=2026-11-01", 422),
        ("pv?from=1976-01-01&to=2026-01-01", 422),
        ("pv?from=0001-01-01&to=2026-01-01", 422),
        ("pv?from=9999-12-31&to=9999-12-31", 422),
        ("pv?from=yesterday", 422),
        ("pv?compare=decade", 422),
        ("pv?array=nowhere", 422),
        ("pv?array=" + "x" * 200, 422),
        ("pv?lang=fr", 422),
    ],
)
def test_a_wrong_question_is_answered_in_words(client: TestClient, path: str, status: int) -> None:
    answer = client.get(f"/api/v1/views/{path}")
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_a_view_defaults_to_this_month(client: TestClient) -> None:
    told = client.get("/api/v1/views/carbon").json()
    assert told["range"]["from"].endswith("-01")
