"""Signing in, out, and again after the session ended, in a real browser against the real service."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from core.access import Role
from service.access.passwords import Passwords
from service.runner import Runtime

pytestmark = pytest.mark.browser
CHROMIUM = "/usr/bin/chromium"
PASSWORD = "correct horse battery"  # noqa: S105
NEW = "battery staple 马 walks"


@pytest.fixture
def people(runtime: Runtime) -> Runtime:
    stored = Passwords().hashed(PASSWORD)
    runtime.people.add_person("Ann", Role.ADMIN, stored, runtime.clock.now())
    runtime.people.add_person("Vera", Role.VIEWER, stored, runtime.clock.now())
    return runtime


@pytest.fixture
def browse() -> Iterator[Callable[..., BrowserContext]]:
    """Open a browser's window of its own; afterwards no script may have failed."""
    if not Path(CHROMIUM).exists():
        pytest.skip("chromium is not on this machine: apt-get install chromium")
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])

        def opened(**settings) -> BrowserContext:
            context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, "locale": "en-GB"} | settings)
            context.on("page", lambda page: page.on("pageerror", lambda e: complaints.append(str(e))))
            return context

        yield opened
        browser.close()
    assert complaints == []


def enter(page: Page, name: str, password: str) -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.usefixtures("people")
def test_a_viewer_is_offered_nothing_that_would_be_refused(server: str, browse) -> None:
    for name, offered in (("Vera", 0), ("Ann", 1)):
        page = browse().new_page()
        page.goto(f"{server}/?lang=en")
        enter(page, name, PASSWORD)
        page.wait_for_selector("html[data-role]")
        page.wait_for_selector("#corrections h2")
        expect(page.get_by_role("button", name="Correct…")).to_have_count(offered)


def test_signing_in_leads_back_and_signing_out_shuts(people: Runtime, server: str, browse, tmp_path: Path) -> None:
    page = browse().new_page()
    page.goto(f"{server}/?lang=en#power")
    page.wait_for_url("**/login?lang=en&next=*")
    expect(page.get_by_label("User name")).to_be_focused()
    page.screenshot(path=tmp_path / "login.png")
    before = page.get_by_role("button", name="Sign in").bounding_box()
    enter(page, "ann", "not the password")
    expect(page.get_by_role("alert")).to_have_text("User name or password is not right.")
    expect(page.get_by_label("Password")).to_be_focused()
    assert page.get_by_role("button", name="Sign in").bounding_box() == before  # nothing moved
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{server}/?lang=en#power")
    account = page.get_by_role("button", name="Account: Ann")
    account.click()
    dialog = page.get_by_role("dialog", name="Ann")
    expect(dialog).to_contain_text("admin")
    dialog.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login?lang=en")
    page.go_back()
    page.wait_for_url("**/login?lang=en&next=*")  # nothing was kept
    assert [e.deed.action for e in people.people.audit()] == ["sign-out", "sign-in", "sign-in"]


def test_what_was_typed_stands_when_the_session_has_ended(people: Runtime, server: str, browse, tmp_path: Path) -> None:
    page = browse().new_page()
    page.goto(f"{server}/login?lang=en")
    enter(page, "Ann", PASSWORD)
    section = page.locator("#corrections")
    section.get_by_role("button", name="Correct…").click()
    form = page.get_by_role("dialog", name="Correct…")
    form.get_by_label("What").select_option("ratio")
    form.get_by_label("Point").select_option("roof")
    form.locator("[name=start]").fill("2026-10-08T00:00")
    form.locator("[name=end]").fill("2026-10-15T00:00")
    form.get_by_label("Multiply by").fill("3")
    expect(form.get_by_label("Your name")).to_have_count(0)  # the service knows who it is
    form.get_by_label("Reason").fill("CT is 200/5")
    people.people.disable("Vera", None)
    people.people.set_password("Ann", people.people.person("Ann").password)  # ends every session
    form.get_by_role("button", name="Record and recompute").click()
    again = page.get_by_role("dialog", name="Sign in again")
    expect(again).to_contain_text("what you typed is still here")
    page.screenshot(path=tmp_path / "again.png")
    again.get_by_label("Password").fill("wrong")
    again.get_by_role("button", name="Sign in").click()
    expect(again.get_by_role("alert")).to_have_text("User name or password is not right.")
    again.get_by_label("Password").fill(PASSWORD)
    again.get_by_role("button", name="Sign in").click()
    expect(again).to_have_count(0)
    expect(form.get_by_label("Reason")).to_have_value("CT is 200/5")
    form.get_by_role("button", name="Record and recompute").click()
    expect(section).to_contain_text("#1 Roof", timeout=30_000)
    expect(section).to_contain_text("Ann")
    deed = people.people.audit()[0].deed
    assert (deed.who, deed.action, deed.subject, deed.outcome) == ("Ann", "correction.add", "#1", "done")


@pytest.mark.usefixtures("people")
def test_on_a_phone_one_changes_the_own_password(server: str, browse, tmp_path: Path) -> None:
    page = browse(viewport={"width": 360, "height": 780}, color_scheme="dark").new_page()
    page.goto(f"{server}/?lang=zh")
    page.get_by_label("用户名").fill("vera")
    page.get_by_label("密码", exact=True).fill(PASSWORD)
    page.screenshot(path=tmp_path / "login-phone.png")
    page.get_by_role("button", name="登录").click()
    account = page.get_by_role("button", name="账户：Vera")
    expect(account).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    account.click()
    dialog = page.get_by_role("dialog", name="Vera")
    dialog.get_by_label("当前密码").fill(PASSWORD)
    dialog.get_by_label("新密码（至少 12 个字符）").fill(NEW)
    dialog.get_by_label("再次输入新密码").fill(NEW + "x")
    dialog.get_by_role("button", name="修改密码").click()
    expect(dialog.get_by_role("alert")).to_have_text("两次输入的新密码不同。")
    dialog.get_by_label("再次输入新密码").fill(NEW)
    dialog.get_by_role("button", name="修改密码").click()
    expect(dialog.get_by_role("alert")).to_contain_text("密码已修改")
    page.screenshot(path=tmp_path / "account-phone.png")


@pytest.mark.usefixtures("people")
def test_the_form_works_without_scripts(server: str, browse) -> None:
    page = browse(java_script_enabled=False).new_page()
    page.goto(f"{server}/login?lang=en&next=%3Flang%3Den")
    enter(page, "Vera", PASSWORD)
    page.wait_for_url(f"{server}/?lang=en")
    page.goto(f"{server}/api/v1/me")
    expect(page.locator("body")).to_contain_text('"name":"Vera"')


@pytest.mark.usefixtures("people")
def test_a_link_from_another_site_finds_the_session_again(server: str, browse) -> None:
    context = browse()
    page = context.new_page()
    page.goto(f"{server}/login?lang=en")
    enter(page, "Ann", PASSWORD)
    expect(page.get_by_role("button", name="Account: Ann")).to_be_visible()
    context.route("http://mail.example/", lambda route: route.fulfill(
        content_type="text/html", body=f"<a href='{server}/?lang=en'>page</a><a href='{server}/login'>login</a>"
        f"<form method=post action='{server}/logout'><button>out</button></form>"))  # fmt: skip
    page.goto("http://mail.example/")
    page.get_by_role("link", name="page").click()
    expect(page.get_by_role("button", name="Account: Ann")).to_be_visible()
    page.goto("http://mail.example/")
    page.get_by_role("link", name="login").click()
    page.wait_for_url(re.compile(f"^{re.escape(server)}/$"))
    page.goto("http://mail.example/")
    page.get_by_role("button", name="out").click()
    expect(page.locator("body")).to_contain_text("other sites are refused")


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (360, "dark")])
def test_an_admin_manages_users_and_reads_the_record(
    people: Runtime, server: str, browse, tmp_path: Path, width: int, theme: str
) -> None:
    page = browse(viewport={"width": width, "height": 900}, color_scheme=theme).new_page()
    page.goto(f"{server}/login?lang=en")
    enter(page, "Ann", PASSWORD)
    page.get_by_role("button", name="Account: Ann").click()
    page.get_by_role("button", name="Users, tokens, record of changes").click()
    box = page.get_by_role("dialog", name="Users, tokens, record of changes")
    expect(box.get_by_role("row", name="Ann").first).to_contain_text("12 Nov 2026, 12:00")  # the park's time
    box.get_by_label("Name").first.fill("Wei Zhang")
    box.get_by_label("First password").fill("short")
    box.get_by_role("button", name="Add user").click()
    expect(box.get_by_role("alert").first).to_contain_text("at least 12 characters")
    box.get_by_label("First password").fill(PASSWORD)
    box.get_by_role("button", name="Add user").click()
    expect(box.get_by_label("Role: Wei Zhang")).to_have_value("viewer")
    box.get_by_label("Role: Ann").select_option("viewer")
    expect(box.get_by_role("alert").first).to_contain_text("last admin")
    expect(box.get_by_label("Role: Ann")).to_have_value("admin")
    box.get_by_label("Role: Vera").select_option("operator")
    expect(box.get_by_role("region", name="Record of changes")).to_contain_text("user.change")
    box.get_by_role("button", name="Disable: Vera").click()
    expect(box.get_by_role("button", name="Enable: Vera")).to_be_visible()
    box.get_by_label("Name").nth(1).fill("grafana")
    box.get_by_role("button", name="Add token").click()
    expect(box.get_by_role("alert").nth(1)).to_contain_text("shown this once: pkw_")
    page.screenshot(path=tmp_path / f"managing-{width}.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    vera = people.people.person("vera")
    assert (vera.role, bool(vera.disabled_at)) == (Role.OPERATOR, True)
    assert people.people.tokens()[0].scopes == ("read",)
