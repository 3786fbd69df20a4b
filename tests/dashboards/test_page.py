"""The page in a real browser, from its own files and seeded data; nothing may come from elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.text import Text

pytestmark = pytest.mark.browser


def _drawn(page: Page) -> None:
    page.wait_for_selector("#today .main-svg")
    page.wait_for_selector("#power .flow svg")


@pytest.mark.parametrize(
    ("language", "width", "theme"),
    [("zh", 360, "light"), ("en", 360, "dark"), ("zh", 1440, "dark"), ("en", 1440, "light")],
)
def test_the_first_screen(visit, site, answer, tmp_path: Path, language: str, width: int, theme: str):
    site.answer = answer
    page = visit(language, width, theme)
    _drawn(page)
    sentence = {
        "zh": "11 月至今：距净零差 17.7 MWh，计划差 14.2 MWh。",
        "en": "November so far: 17.7 MWh short of net zero; the plan was 14.2 MWh short.",
    }
    expect(page.locator(".sentence")).to_have_text(sentence[language])
    expect(page.locator(".number")).to_have_count(5)
    expect(page.locator("html")).to_have_attribute("lang", {"zh": "zh-CN", "en": "en"}[language])
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    page.screenshot(path=tmp_path / f"{language}-{width}-{theme}.png", full_page=True)


def test_the_language_switch_keeps_the_choice_in_the_address(visit, site, answer):
    site.answer = answer
    page = visit("en")
    _drawn(page)
    page.get_by_role("button", name="中文").click()
    expect(page.locator("#park-name")).to_have_text("湖畔零碳园区")
    assert page.url.endswith("?lang=zh")
    expect(page.get_by_role("button", name="中文")).to_have_attribute("aria-pressed", "true")


def test_the_theme_switch_turns_and_is_remembered(visit, site, answer):
    site.answer = answer
    page = visit("en", theme="dark")
    _drawn(page)
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(14, 19, 24)"
    page.locator("#theme").click()
    assert page.evaluate(ground) == "rgb(243, 245, 247)"
    page.reload()
    expect(page.locator("#theme")).to_have_text("Theme: light")


def test_missing_slots_are_holes_in_every_line(visit, site, answer):
    site.answer = answer
    page = visit()
    _drawn(page)
    crossing = page.evaluate(
        """() => document.querySelector('.chart').data
            .filter((t) => t.mode === 'lines' && t.line.dash === 'solid')
            .map((t) => t.x.filter((x, i) => x > 12 && x < 17 && t.y[i] !== null).length)"""
    )
    assert crossing == [0, 0, 0, 0]
    assert page.locator("#today path[style*='pattern'], #today pattern").count() > 0


def test_names_are_text_and_never_markup(visit, site, answer, lakeside, state):
    nasty = '<img src=x onerror="document.title=1"><b>x</b>'
    points = tuple(p.model_copy(update={"name": Text(zh=nasty, en=nasty)}) for p in lakeside.points)
    park = lakeside.model_copy(
        update={"points": points, "name": Text(zh=nasty, en=nasty), "notice": Text(zh=nasty, en=nasty)}
    )
    words = json.dumps({"zh": [nasty] * 3, "en": [nasty] * 3})
    for alert in state.open:
        alert.params["words"] = words
    site.answer = lambda language: answer(language, park=park)
    page = visit()
    _drawn(page)
    expect(page.locator("#park-name")).to_have_text(nasty)
    page.locator("#today .chart").hover()
    assert page.locator("main img, main b b, header h1 img").count() == 0


def test_a_stopped_service_is_said_and_the_page_recovers(visit, site, answer):
    site.answer = answer
    page = visit("zh", quiet=False)
    _drawn(page)
    site.answer = None
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#banner")).to_have_text("服务没有回应，页面停在 2026-11-21 14:20。每 15 秒重试一次。")
    expect(page.locator(".sentence")).to_be_visible()
    site.answer = answer
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#banner")).to_be_hidden()


def test_a_service_that_never_answered(visit):
    page = visit("en", quiet=False)
    expect(page.locator("#banner")).to_have_text("The service does not answer. Trying again every 15 s.")


def test_a_silent_park_says_since_when(visit, site, answer, now):
    site.answer = lambda language: answer(language, now=now.replace(hour=9))
    page = visit("zh")
    _drawn(page)
    expect(page.locator("#banner")).to_have_text("数据停在 2026-11-21 14:19，此后没有收到新数据。")
    expect(page.locator("#power .node.stale")).to_have_count(3)


def test_a_new_park_says_what_to_do(visit, site, answer, store, state):
    nothing = type(store)()
    site.answer = lambda language: answer(language, store=nothing, state=type(state)())
    page = visit("en", 360)
    expect(page.locator("#empty h2")).to_have_text("No data yet")
    expect(page.locator("#empty code").first).to_have_text("parkwatt check PARK.yaml")
    expect(page.locator("#content")).to_be_hidden()


def test_what_is_open_stays_open_and_nothing_moves_when_new_data_come(visit, site, answer):
    site.answer = answer
    page = visit()
    _drawn(page)
    page.locator("#month summary").click()
    before = page.locator("#numbers").bounding_box()
    page.evaluate("document.querySelector('#alerts').firstChild.dataset.kept = 'yes'")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(400)
    assert page.locator("#numbers").bounding_box() == before
    expect(page.locator("#alerts > [data-kept=yes]")).to_have_count(1)
    expect(page.locator("#month details")).to_have_attribute("open", "")


def test_keyboard_reaches_everything_that_acts(visit, site, answer):
    site.answer = answer
    page = visit()
    _drawn(page)
    reached = []
    for _ in range(19):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                """(({ className, id, lang, dataset }) => className || dataset.view || id || lang)(document.activeElement)"""
            )
        )
    assert reached[:4] == ["skip", "zh-CN", "en", "plain"]
    assert reached[4:8] == ["plain", "overview", "energy", "pv"]
    assert reached[14:19] == ["number"] * 5


def test_sections_stand_in_reading_order_and_every_picture_has_words(visit, site, answer):
    site.answer = answer
    page = visit()
    _drawn(page)
    names = ("verdict", "numbers", "today", "alerts", "arrays", "month")
    tops = [page.locator(f"#{name}").bounding_box()["y"] for name in names]
    assert tops == sorted(tops)
    silent = "[...document.querySelectorAll('[role=img]')].filter((e) => !e.getAttribute('aria-label')).length"
    assert page.evaluate(silent) == 0
    assert page.locator("[role=img]").count() > 20
