"""The views in which people act, in a real browser against the real service."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from core.store import AlertRecord, QuarantineItem
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
    expect(page.locator("#open-alerts")).to_contain_text("没有符合筛选条件的内容")
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


# -- reports


def test_a_report_is_made_and_downloaded_as_it_was_made(visit: Visit, runtime: Runtime) -> None:
    page = visit("reports")
    october = page.locator("#report-months .months > li", has_text="October 2026")
    november = page.locator("#report-months .months > li", has_text="November 2026")
    expect(november).to_contain_text("not over yet: preliminary")
    expect(october).to_contain_text("not made yet")
    october.get_by_role("button", name="Make now").press("Enter")
    expect(october.get_by_role("status")).to_have_text(re.compile(r"Waiting its turn…|Making…|Made\."))
    shot(page, "reports-making")
    expect(october.get_by_role("status")).to_have_text("Made.", timeout=60_000)
    expect(october).to_contain_text("made 2026-11-12 12:00")
    with page.expect_download() as waiting:
        october.get_by_role("link", name="XLSX").click()
    assert waiting.value.suggested_filename == "parkwatt-small-2026-10.xlsx"
    assert Path(waiting.value.path()).read_bytes()[:2] == b"PK"
    names = [a.inner_text() for a in october.get_by_role("link").all()]
    assert names == ["PDF 中文", "PDF English", "XLSX", "JSON"]
    with runtime.working:  # so that it is still to be made when it is stopped
        november.get_by_role("button", name="Make now").click()
        november.get_by_role("button", name="Stop").click()
    expect(november.get_by_role("status")).to_have_text("Stopped.", timeout=60_000)
    shot(page, "reports-en")


def test_making_goes_on_when_the_viewer_leaves(visit: Visit) -> None:
    page = visit("reports", "zh", width=360, theme="dark")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("button", name="立即生成: 2026 年 10 月").click()
    page.close()
    again = visit("reports", "zh", width=360, theme="dark")
    expect(again.locator(".months")).to_contain_text("生成于 2026-11-12 12:00", timeout=60_000)
    fits(again)
    shot(again, "reports-zh-phone")


# -- corrections


def test_a_correction_shows_its_effect_before_it_is_recorded_and_is_found_again(visit: Visit, runtime: Runtime) -> None:
    page = visit("corrections")
    section = page.locator("#all-corrections")
    expect(section).to_contain_text("Nothing was corrected.")
    section.get_by_role("button", name="Correct…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What").select_option("ratio")
    dialog.get_by_label("Point").select_option("roof")
    dialog.get_by_role("button", name="Show the effect").click()
    expect(dialog.locator(".effect")).to_contain_text("start")  # what is missing, in words
    for name, value in {"start": "2026-10-08T00:00", "end": "2026-10-15T00:00", "factor": "3"}.items():
        dialog.locator(f"[name={name}]").fill(value)
    dialog.get_by_role("button", name="Show the effect").click()
    effect = dialog.locator(".effect tbody tr").first
    expect(effect).to_contain_text("1,680 kWh", timeout=20_000)
    expect(effect).to_contain_text("5,040 kWh")
    shot(page, "corrections-form-en")
    assert runtime.state.corrections() == []
    sign(page, author="Li Wei", reason="CT is 200/5")
    expect(section).to_contain_text("#1 Roof: counted energy and power multiplied by 3", timeout=30_000)
    page.get_by_label("Point").select_option("hall")
    expect(section).to_contain_text("Nothing fits the filters.")
    page.get_by_label("Point").select_option("roof")
    section.get_by_role("button", name="Undo: #1").click()
    sign(page, author="Ann", reason="the CT was right")
    expect(section).to_contain_text("undone by Ann", timeout=30_000)
    page.get_by_label("State").select_option("force")
    expect(section).not_to_contain_text("#1 Roof")
    page.get_by_label("State").select_option("undone")
    expect(section).to_contain_text("#1 Roof")
    shot(page, "corrections-en")


def test_corrections_fit_a_phone(visit: Visit) -> None:
    page = visit("corrections", "zh", width=360)
    page.get_by_role("button", name="新增更正…").click()
    fits(page)
    shot(page, "corrections-zh-phone")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


# -- data


@pytest.fixture
def strangers(runtime: Runtime) -> None:
    text = QuarantineItem(
        NOW - HOUR, "site/<b>x</b>", b'{"kwh": "<script>alert(1)</script>"}', "wrong_type", "kwh", "hall-1"
    )
    raw = QuarantineItem(NOW, "spBv1.0/x\x1b[31m", bytes(range(64)), "not_protobuf", "no message", "")
    runtime.state.quarantine([text, raw, *([text] * 60)])
    runtime.state.archive_config("0" * 64, "old", NOW - 900 * HOUR)


@pytest.mark.usefixtures("strangers")
def test_data_quality_shows_what_can_be_trusted(visit: Visit) -> None:
    page = visit("data")
    hall = page.locator("#coverage-calendar .strip", has_text="Hall 1").get_by_role("img")
    assert str(hall.get_attribute("aria-label")).startswith("Hall 1: mean 99.9 %")  # a meter was changed
    assert hall.locator("title").count() == 30
    expect(page.locator("#data-events")).to_contain_text("Hall 1: meter replaced")
    expect(page.locator("#lateness tbody tr").first).to_contain_text("on time")
    quarantine = page.locator("#quarantine")
    expect(quarantine).to_contain_text("61 waiting")
    expect(quarantine.locator(".kept > li")).to_have_count(50)
    quarantine.get_by_role("button", name="Earlier ones…").click()
    expect(quarantine.locator(".kept > li")).to_have_count(62)
    quarantine.locator(".kept summary").first.press("Enter")
    expect(quarantine.locator("pre").first).to_have_text('{"kwh": "<script>alert(1)</script>"}')
    quarantine.locator(".kept summary").nth(60).click()
    expect(quarantine.locator("pre").nth(1)).to_contain_text("00000000  00 01 02 03")
    expect(page.locator("#collectors")).to_contain_text("No collector has ever run.")
    expect(page.locator("#configs")).to_contain_text("running")
    expect(page.locator("#configs")).to_contain_text("0" * 12)
    page.get_by_role("button", name="See corrections").click()
    assert page.locator("#content").get_attribute("data-gone") == '["corrections",{}]'
    shot(page, "data-en")


@pytest.mark.usefixtures("strangers")
def test_data_quality_fits_a_phone_and_the_dark(visit: Visit) -> None:
    page = visit("data", "zh", width=360, theme="dark")
    fits(page)
    expect(page.locator("#quarantine")).to_contain_text("数值不是数字")
    shot(page, "data-zh-phone")
