"""Who may ask the page: by Host, by Origin, and what a browser is told."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from service.security import Gate


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    app.middleware("http")(Gate("127.0.0.1", ["energy.example"]))

    @app.get("/")
    def read() -> str:
        return "read"

    @app.post("/")
    def write() -> str:
        return "written"

    return TestClient(app)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:8080", "energy.example"])
def test_own_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "[::2]:80", "localhost.evil.example:8080"]
)
def test_other_names_are_refused(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    ("method", "origin", "status"),
    [
        ("POST", "http://localhost:8080", 200),
        ("POST", "http://evil.example", 403),
        ("GET", "http://evil.example", 403),
        ("POST", "http://localhost:9999", 403),
        ("POST", "null", 403),
        ("GET", "null", 200),
    ],
)
def test_pages_of_other_sites_are_refused(client: TestClient, method: str, origin: str, status: int) -> None:
    answer = client.request(method, "/", headers={"host": "localhost:8080", "origin": origin})
    assert answer.status_code == status


def test_the_browser_is_told_to_fetch_nothing_from_elsewhere(client: TestClient) -> None:
    headers = client.get("/", headers={"host": "localhost"}).headers
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert headers["x-frame-options"] == "DENY"
