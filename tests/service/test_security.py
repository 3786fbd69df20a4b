"""Who may ask the page: by Host, by Origin, and what a browser is told."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from service.security import Gate


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    app.add_middleware(Gate, listen="127.0.0.1", hosts=["energy.example"])

    @app.get("/")
    def read() -> str:
        return "read"

    @app.post("/")
    def write() -> str:
        return "written"

    @app.get("/api/v1/data")
    def data() -> str:
        return "figures"

    return TestClient(app)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:8080", "energy.example"])
def test_own_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "",
        "[::2]:80",
        "localhost.evil.example:8080",
        "localhost:@evil",
        "[::1]evil",
        "127.0.0.1:8392:evil",
        "localhost:",
        "localhost:80 ",
        "[::1",
    ],
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
        ("GET", "http://[::1", 403),
        ("POST", "http://[::1", 403),
    ],
)
def test_pages_of_other_sites_are_refused(client: TestClient, method: str, origin: str, status: int) -> None:
    answer = client.request(method, "/", headers={"host": "localhost:8080", "origin": origin})
    assert answer.status_code == status
    assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    ("path", "site", "mode", "status"),
    [("/api/v1/data", "cross-site", "no-cors", 403), ("/api/v1/data", "cross-site", "navigate", 200),
     ("/api/v1/data", "same-origin", "cors", 200), ("/", "cross-site", "navigate", 200)],
)  # fmt: skip
def test_other_sites_lead_here_and_do_not_read(
    client: TestClient, path: str, site: str, mode: str, status: int
) -> None:
    headers = {"host": "localhost", "sec-fetch-site": site, "sec-fetch-mode": mode}
    assert client.get(path, headers=headers).status_code == status


def test_the_browser_is_told_to_fetch_nothing_from_elsewhere(client: TestClient) -> None:
    headers = client.get("/", headers={"host": "localhost"}).headers
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert headers["x-frame-options"] == "DENY"
