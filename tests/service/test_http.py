"""The read API over the demo park."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from service.http import make_app
from service.runner import Runtime

TOKEN = "secret-of-this-test"  # noqa: S105


@pytest.fixture
def client(demo_park: Runtime) -> TestClient:
    return TestClient(make_app(demo_park, TOKEN), base_url="http://127.0.0.1:8080")


def test_the_page_and_its_scripts_come_from_here(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "://" not in page.text.replace("http://www.w3.org", "")
    script = client.get("/static/app.js")
    assert script.status_code == 200
    assert client.get("/static/app.js", headers={"if-none-match": script.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    "path", ["/static/../views/overview.py", "/static/%2e%2e%2f__init__.py", "/static/none.js", "/docs"]
)
def test_nothing_else_is_handed_out(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(("lang", "word"), [("zh", "11 月至今"), ("en", "November so far")])
def test_the_overview_speaks_both_languages(client: TestClient, lang: str, word: str) -> None:
    assert client.get(f"/api/v1/overview?lang={lang}").json()["verdict"]["sentence"].startswith(word)


def test_a_series_has_a_value_for_every_day_asked_for(client: TestClient) -> None:
    answer = client.get("/api/v1/series?quantity=load_kwh&period=day&from=2026-11-01&to=2026-11-07").json()
    assert answer["unit"] == "kWh"
    assert answer["start"][0] == "2026-10-31T16:00:00+00:00"
    (series,) = answer["series"]
    assert series["entity"] == "lingang-demo"
    assert len(series["value"]) == 7
    assert all(v > 1000 for v in series["value"])
    assert series["coverage"] == [1.0] * 7


@pytest.mark.parametrize(
    "query",
    ["quantity=none", "quantity=load_kwh&from=2026-11-02&to=2026-11-01", "quantity=load_kwh&from=1990-01-01",
     "quantity=load_kwh&period=year", "quantity=load_kwh&from=yesterday"],
)  # fmt: skip
def test_a_wrong_question_is_answered_in_words(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/v1/series?{query}")
    assert answer.status_code == 422
    assert answer.json()["detail"]


@pytest.mark.parametrize("name", ["zh.pdf", "en.pdf", "xlsx", "json"])
def test_reports_can_be_fetched(client: TestClient, name: str) -> None:
    answer = client.get(f"/api/v1/reports/2026-10/{name}")
    assert answer.status_code == 200
    assert f"parkwatt-lingang-demo-2026-10.{name}" in answer.headers["content-disposition"]


@pytest.mark.parametrize(
    "path", ["2026-13/zh.pdf", "9999-12/json", "2026-10/..%2f..%2fstate.sqlite", "october/json", "2026-10/exe"]
)
def test_reports_that_cannot_be_are_refused(client: TestClient, path: str) -> None:
    assert client.get(f"/api/v1/reports/{path}").status_code in {400, 404}


def test_months_are_listed_newest_first(client: TestClient) -> None:
    assert client.get("/api/v1/reports").json() == ["2026-11", "2026-10", "2026-09"]


def test_writing_needs_the_token(client: TestClient) -> None:
    assert client.post("/api/v1/import", json=["/etc/passwd"]).status_code == 401
    wrong = {"authorization": "Bearer wrong"}
    assert client.post("/api/v1/import", json=["/etc/passwd"], headers=wrong).status_code == 401


def test_health_and_metrics(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"ok": True, "problems": [], "collector": None, "jobs": {}}
    assert [client.head(path).status_code for path in ("/", "/healthz")] == [200, 200]
    text = client.get("/metrics").text
    assert "parkwatt_dirty_days 0.0" in text
    assert "parkwatt_alerts_firing" in text


def test_the_api_describes_itself(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/api/v1/overview", "/api/v1/series", "/api/v1/alerts", "/healthz", "/metrics"} <= set(paths)


def test_a_series_is_plain_json_for_who_cannot_decompress_and_the_same(client: TestClient) -> None:
    path = "/api/v1/series?quantity=generation_kwh&scope=array&from=2026-11-01&to=2026-11-02"
    plain = client.get(path, headers={"accept-encoding": "identity"})
    packed = client.get(path, headers={"accept-encoding": "gzip"})
    assert (plain.headers.get("content-encoding"), packed.headers["content-encoding"]) == (None, "gzip")
    assert plain.json() == packed.json()
    assert (plain.json()["first"], plain.json()["step_s"]) == ("2026-10-31T16:00:00+00:00", 900)
    assert len(plain.json()["series"]) > 1
    assert {len(one[c]) for one in plain.json()["series"] for c in ("value", "coverage", "estimated")} == {2 * 96}


def test_all_meters_of_three_years_by_the_quarter_are_too_much_for_one_answer(client: TestClient) -> None:
    query = "quantity=load_kwh&scope=point&from=2023-11-20&to=2026-11-20"
    answer = client.get(f"/api/v1/series?{query}")
    assert (answer.status_code, "entity" in answer.json()["detail"]) == (422, True)
    assert client.get(f"/api/v1/series?{query}&period=day").status_code == 200
    assert client.get(f"/api/v1/series?{query}&entity=bldg-lab").status_code == 200
