"""The views in which people act, in a real browser against the real service."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from core.store import AlertRecord
from service.runner import Runtime

pytestmark = pytest.mark.browser
CHROMIUM = "/usr/bin/chromium"
SHELL = Path(__file__).with_name("shell.html").read_text(encoding="utf-8")
NOW = datetime(2026, 11, 12, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
RANGE = "from=2026-10-14&to=2026-11-12"
REFUSED = "400 (Bad Request)"  # what a form says in words
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("chromium is not on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.fixture
def visit(browser: Browser, server: str) -> Iterator[Visit]:
    """Open one view; afterwards it must have been quiet and asked nobody but the service."""
    complaints: list[str] = []
    opened = []

    def go(view: str, language: str = "en", width: int = 1440, theme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        opened.append(context)
        page = context.new_page()
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" and REFUSED not in m.text else None)
        page.on("request", lambda r: None if r.url.startswith((server, "blob:")) else complaints.append(r.url))
        page.route("**/shell.html*", lambda route: route.fulfill(body=SHELL, content_type="text/html; charset=utf-8"))
        page.goto(f"{server}/shell.html?view={view}&lang={language}&{RANGE}")
        page.locator("#content[data-drawn]").wait_for(timeout=20_000)
        return page

    yield go
    for context in opened:
        context.close()
    assert complaints == []


def shot(page: Page, name: str) -> None:
    """Keep a picture where somebody asked for them."""
    folder = os.environ.get("PICTURES")
    if folder:
        page.wait_for_timeout(300)
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def fits(page: Page) -> None:
    """Nothing sticks out of the window to the right."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


# -- alerts


def alert(entity: str, hours: float, rule: str = "meter_silent", **changes: object) -> AlertRecord:
    at = NOW + hours * HOUR
    params = {"since_at": at.isoformat(), "silent_minutes": -60.0 * hours, "device": f"{entity}-1", "lost_kwh": 71.4}
    record = AlertRecord(f"{rule}/{entity}", rule, entity, "warning", "firing", at, at, params=params)
    return replace(record, **changes)


@pytest.fixture
def alerts(runtime: Runtime) -> None:
    runtime.state.save_alerts(
        [
            *(replace(a, state="resolved", resolved_at=NOW - HOUR) for a in runtime.state.alerts()),
            alert("hall", -3),
            alert("small", -1, "park_silent", severity="critical"),
            alert("roof", -200, state="resolved", resolved_at=NOW - 150 * HOUR),
            alert("roof", -100, state="resolved", resolved_at=NOW - 99 * HOUR, severity="info"),
        ]
    )


def sign(page: Page, **fields: str) -> None:
    dialog = page.get_by_role("dialog")
    for name, value in fields.items():
        dialog.locator(f"[name={name}]").fill(value)
    dialog.locator("button[type=submit]").click()


@pytest.mark.usefixtures("alerts")
def test_an_alert_is_acknowledged_commented_on_and_silenced(visit: Visit) -> None:
    page = visit("alerts")
    hall = page.locator("#open-alerts li.alert", has_text="Hall 1")
    hall.get_by_role("button", name="Acknowledge…").click()
    expect(page.get_by_role("dialog")).to_contain_text("Hall 1: no data since 12 November, 09:00")
    sign(page, author="Li Wei", text="<i>on my way</i>")
    expect(hall).to_contain_text("Acknowledged by Li Wei, 2026-11-12 12:00: <i>on my way</i>")
    expect(hall.get_by_role("button", name="Acknowledge…")).to_have_count(0)
    hall.get_by_role("button", name="Comment…").click()
    assert page.get_by_role("dialog").locator("[name=author]").input_value() == "Li Wei"  # it is remembered
    sign(page, text="the fuse is gone")
    expect(hall).to_contain_text("Li Wei comment “the fuse is gone”")
    hall.get_by_role("button", name="Silence…").click()
    dialog = page.get_by_role("dialog")
    assert [dialog.locator(f"[name={n}]").input_value() for n in ("rule", "entity")] == ["meter_silent", "hall"]
    sign(page, end="2026-12-13T08:00", reason="being moved")
    expect(dialog.get_by_role("alert")).to_have_text("a silence lasts at most 14 days")
    sign(page, end="2026-11-13T08:00")
    expect(hall).to_contain_text("Silenced until 2026-11-13 08:00 by Li Wei: being moved")
    shot(page, "alerts-en")
    silences = page.locator("#silences")
    expect(silences).to_contain_text("Meter silent · Hall 1")
    silences.get_by_role("button", name="End now…").click()
    sign(page, reason="done early")
    expect(silences).to_contain_text("ended by Li Wei, 2026-11-12 12:00: done early")
    expect(hall).not_to_contain_text("Silenced until")
    hall.get_by_role("button", name="Give back…").click()
    sign(page)
    expect(hall.get_by_role("button", name="Acknowledge…")).to_be_visible()


@pytest.mark.usefixtures("alerts")
def test_alerts_are_filtered_and_the_past_opens(visit: Visit) -> None:
    page = visit("alerts", "zh")
    expect(page.locator("#open-alerts li.alert")).to_have_count(2)
    shot(page, "alerts-zh")
    page.get_by_label("级别").select_option("critical")
    expect(page.locator("#open-alerts li.alert")).to_have_count(1)
    page.get_by_label("级别").select_option("")
    page.get_by_label("对象").select_option("roof")
    expect(page.locator("#open-alerts")).to_contain_text("没有符合筛选条件的告警")
    rows = page.locator("#alert-history li")
    expect(rows).to_have_count(2)
    rows.first.locator("summary").press("Enter")
    expect(rows.first.get_by_role("button", name="备注…")).to_be_visible()
    assert "屋顶, 电表无数据: 2026-11-04 04:00" in str(page.locator("#timeline [role=img]").get_attribute("aria-label"))


@pytest.mark.usefixtures("alerts")
def test_alerts_fit_a_phone_and_the_dark(visit: Visit) -> None:
    for language in ("en", "zh"):
        page = visit("alerts", language, width=360, theme="dark")
        fits(page)
        shot(page, f"alerts-{language}-phone")
