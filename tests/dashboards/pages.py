"""A browser, and a site that answers as the service would, from the page's own files and seeded data."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from core.errors import Rejected
from core.park_file import load_park
from core.text import Language
from core.why import Cause, Part, Why
from core.why_waterfall import document
from core.words import AlertWords
from dashboards.views import Compare, Filters, Question, dashboard_view, meta, overview
from service.security import HEADERS

WEB = Path(__file__).parents[2] / "dashboards" / "web"
POLICY = HEADERS["Content-Security-Policy"]
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip
NO_FAULTS = {"findings": [], "searched": True, "unsearched": None, "none_text": "no faults found"}


class Site:
    """The service as the page sees it: its files, and an answer per language that a test may change."""

    def __init__(self) -> None:
        self.answer: Callable[[str], dict] | None = None
        self.view: Callable[[str, dict[str, str]], dict] | None = None
        self.meta: Callable[[str], dict] | None = None
        self.role = "operator"  # as on the service's own machine
        self.standing: Callable[[str], dict] = lambda _language: {"arrays": []}
        self.found: Callable[[str], dict] = lambda _language: NO_FAULTS
        self.asked: list[str] = []
        self.changes = 0  # what /live tells
        self.streams = 0
        self.ended = False
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/api/v1/live":
                    self.stream()
                    return
                site.asked.append(self.path)
                status, kind, body = site.reply(self.path)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Security-Policy", POLICY)
                self.end_headers()
                self.wfile.write(body)

            def stream(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                site.streams += 1
                told = -1
                try:
                    while not site.ended:
                        if told != site.changes:
                            kind = "hello" if told < 0 else "changed"
                            told = site.changes
                            self.wfile.write(f'retry: 200\nevent: {kind}\ndata: {{"data": {told}}}\n\n'.encode())
                            self.wfile.flush()
                        time.sleep(0.05)
                        self.wfile.write(b":\n\n")
                except OSError:
                    pass
                site.streams -= 1

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def reply(self, address: str) -> tuple[int, str, bytes]:
        parts = urlsplit(address)
        if parts.path == "/":
            return 200, TYPES[".html"], (WEB / "index.html").read_bytes()
        if parts.path.startswith("/static/"):
            file = WEB / parts.path.removeprefix("/static/")
            return 200, TYPES[file.suffix], file.read_bytes()
        asked = dict(parse_qsl(parts.query))
        try:
            told = self.told(parts.path, asked)
        except Rejected as error:
            return 422, "application/json", json.dumps({"detail": str(error)}).encode()
        if told is not None:
            return 200, "application/json", json.dumps(told, allow_nan=False).encode()
        return 503, "text/plain", b"gone"

    def told(self, path: str, asked: dict[str, str]) -> dict | None:  # noqa: PLR0911 - one line per address
        if path == "/api/v1/overview" and self.answer:
            return self.answer(asked["lang"])
        if path == "/api/v1/me":
            return {"name": None, "role": self.role, "how": "open", "zone": "Asia/Shanghai"}
        if path == "/api/v1/meta" and self.meta:
            return self.meta(asked["lang"])
        if path == "/api/v1/why":
            return why_of_october(Language(asked["lang"]))
        if path == "/api/v1/findings":
            return self.found(asked["lang"])
        if path == "/api/v1/expectation":
            return self.standing(asked["lang"])
        if path.startswith("/api/v1/views/") and self.view:
            return self.view(path.removeprefix("/api/v1/views/"), asked)
        return None


def why_of_october(language: Language) -> dict:
    """Return a month below its plan, split."""
    park = load_park(Path(__file__).parent / "park.yaml")
    parts = (
        Part(Cause.WEATHER, -7924.0),
        Part(Cause.FINDING, -4196.0, "carport-1", "string_loss"),
        Part(Cause.ABOVE_BASELINE, 603.0, "bldg-expo"),
    )
    first, last = date(2026, 10, 1), date(2026, 10, 31)
    said = Why(first, last, 31, {}, 13_362.0, 2_525.0, parts, parts, 680.0)
    return document(said, park, language)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("chromium is not on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()
    yield served
    served.ended = True
    served.server.shutdown()
    served.server.server_close()


def _spoken(alert, language) -> AlertWords:
    return AlertWords(*json.loads(alert.params["words"])[language.value])


@pytest.fixture
def answer(lakeside, store, state, now):
    """Make the service's answer from seeded data."""

    def _answer(language: str, **changed) -> dict:
        given = {"park": lakeside, "store": store, "state": state, "now": now} | changed
        collector = {"connected": True, "received": 128_391, "quarantined": 3}
        return overview(given["park"], given["store"], given["state"], given["now"], language, _spoken, collector)

    return _answer


@pytest.fixture
def views(site: Site, answer, lakeside, store, now):
    """Let the site answer every view; what the test changes in `views` changes the answers."""
    given = {"park": lakeside, "store": store, "now": now}

    def view(dashboard: str, asked: dict[str, str]) -> dict:
        span = [date.fromisoformat(asked[name]) for name in ("from", "to")]
        filters = Filters(asked.get("array", ""), asked.get("building", ""), "all" in asked)
        question = Question(*span, Compare(asked.get("compare", "")), filters)
        return dashboard_view(given["park"], given["store"], dashboard, question, given["now"], Language(asked["lang"]))

    site.answer = lambda language: answer(language, **given)
    site.view = view
    site.meta = lambda language: meta(given["park"], given["store"], given["now"], Language(language))
    return given


@pytest.fixture
def visit(browser: Browser, site: Site):
    """Open the page; afterwards it must have been quiet and asked nobody but the site."""
    opened, complaints, elsewhere = [], [], []

    def _visit(
        language: str = "en", width: int = 1440, theme: str = "light", quiet: bool = True, address: str = ""
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 780 if width < 500 else 900}, color_scheme=theme, locale="en-GB"
        )
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if quiet and m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.on(
            "request", lambda r: None if r.url.startswith((site.url, "data:", "blob:")) else elsewhere.append(r.url)
        )
        page.goto(f"{site.url}?{address}&lang={language}" if address else f"{site.url}?lang={language}")
        opened.append(context)
        return page

    yield _visit
    for context in opened:
        context.close()
    assert complaints == []
    assert elsewhere == []
