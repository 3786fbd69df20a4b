"""The page in a real browser, from its own files and seeded data; nothing may come from elsewhere."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.text import Text

pytestmark = pytest.mark.browser


def _drawn(page: Page) -> None:
    page.wait_for_selector("#today .plot svg")
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
        "zh": "11 月至今：距净零差 17.7 MWh；原计划短缺 14.2 MWh。",
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
    hole = page.locator("#today .hole")
    expect(hole).to_have_count(1)
    left, width = (float(hole.get_attribute(name)) for name in ("x", "width"))
    crossing = page.evaluate(
        """([from, to]) => [...document.querySelectorAll('#today .line:not(.dashed, .light)')].map((line) => {
            const points = Array.from({ length: 400 }, (_, i) => line.getPointAtLength(i / 399 * line.getTotalLength()).x);
            return points.filter((x) => x > from + 1 && x < to - 1).length;
        })""",
        [left, left + width],
    )
    assert crossing == [0, 0, 0, 0]
    assert hole.get_attribute("fill").startswith("url(#hatch-")


def test_the_keyboard_reads_todays_curve(visit, site, answer):
    site.answer = answer
    page = visit()
    _drawn(page)
    page.locator("#today .plot").focus()
    page.keyboard.press("End")
    at = page.locator("#today .at")
    expect(at).to_have_text("13:45–14:00")
    assert page.locator("#today .entry").all_inner_texts() == [
        "Consumption\n187 kW", "PV actual\n411 kW", "PV expected\n441 kW", "Grid import\n0 kW", "Grid export\n224 kW",
    ]  # fmt: skip
    expect(page.locator("#today [aria-live]")).to_have_text(
        "13:45–14:00: Consumption 187 kW; PV actual 411 kW; PV expected 441 kW; Grid import 0 kW; Grid export 224 kW"
    )
    for _ in range(40):
        page.keyboard.press("ArrowLeft")
    expect(at).to_have_text("03:45–04:00")
    expect(page.locator("#today .entry b").first).to_have_text("missing")
    page.keyboard.press("Escape")
    expect(at).to_have_text("")


def test_a_part_of_today_can_be_looked_at_closely_and_stays_so_when_new_data_come(visit, site, answer, now):
    site.answer = answer
    page = visit()
    _drawn(page)
    box = page.locator("#today .plot").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 60, steps=4)
    page.mouse.up()
    back = page.get_by_role("button", name="Whole day")
    expect(back).to_be_visible()
    ticks = page.locator("#today .plot text.tick").all_inner_texts()
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    site.answer = lambda language: answer(language, now=now.replace(minute=21))
    page.evaluate("document.querySelector('#today .plot').dataset.old = 'yes'")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#today .plot[data-old]")).to_have_count(0)
    page.wait_for_selector("#today .plot svg")
    assert page.locator("#today .plot text.tick").all_inner_texts() == ticks
    back.click()
    expect(back).to_have_count(0)
    expect(page.locator("#today .plot")).to_be_focused()


def test_nothing_is_drawn_anew_under_a_pointer_that_reads(visit, site, answer, now):
    site.answer = answer
    page = visit()
    _drawn(page)
    page.locator("#today .plot").hover()
    page.evaluate("document.querySelector('#today .plot').dataset.old = 'yes'")
    site.answer = lambda language: answer(language, now=now.replace(minute=21))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#clock")).to_have_text("2026-11-21 14:21")
    expect(page.locator("#today .plot[data-old]")).to_have_count(1)


def test_todays_curve_is_a_table_too_and_says_what_its_marks_are(visit, site, answer):
    site.answer = answer
    page = visit("zh", theme="dark")
    _drawn(page)
    page.locator("#today summary").click()
    expect(page.locator("#today tbody tr")).to_have_count(56)
    assert page.locator("#today thead th").all_inner_texts() == [
        "时刻", "用电 kW", "光伏实发 kW", "光伏应发 kW", "购电 kW", "上网 kW",
    ]  # fmt: skip
    newest = page.locator("#today tbody tr").first.locator("th, td").all_inner_texts()
    assert newest == ["11/21 13:45", "186.583", "410.896", "441.308", "0", "224.314"]
    assert page.locator("#today .sign.alert title").all_text_contents() == ["智慧灯杆电表失联"]
    page.locator("#today .plot").focus()
    for key in ("End", *["ArrowLeft"] * 43):
        page.keyboard.press(key)
    expect(page.locator("#today .at")).to_have_text("03:00–03:15")
    told = "并网点：数据中断 1.25 小时；期间电量 24.6 kWh 为实测总量，按时间分摊 (2026-11-21 03:00 – 2026-11-21 04:00)"
    expect(page.locator("#today .marked")).to_have_text(told)


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
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                """(({ className, id, lang, dataset }) => className || dataset.view || id || lang)(document.activeElement)"""
            )
        )
    assert reached[:4] == ["skip", "zh-CN", "en", "plain"]
    assert reached[4:8] == ["plain", "overview", "energy", "why"]
    assert reached[15:20] == ["number"] * 5


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


@pytest.mark.parametrize(("role", "shown"), [("viewer", 0), ("operator", 1), ("admin", 1)])
def test_who_may_only_look_is_offered_nothing_else(visit, site, answer, role: str, shown: int):
    site.answer, site.role = answer, role
    page = visit()
    _drawn(page)
    page.wait_for_selector(f"html[data-role={role}]")
    expect(page.get_by_role("button", name="Correct…")).to_have_count(shown)


def test_of_many_open_alerts_the_page_shows_some_counts_all_and_leads_to_the_rest(visit, site, answer, state):
    one = next(alert for alert in state.open if alert.rule == "meter_stale")
    state.open = [
        *(replace(one, fingerprint=f"f-{n}", entity=f"meter-{n}", severity="info") for n in range(486)),
        replace(one, fingerprint="worst", severity="critical", active_at=one.active_at - timedelta(hours=9)),
    ]
    site.answer = answer
    page = visit()
    _drawn(page)
    expect(page.locator("#alerts .note").first).to_have_text("The 12 most urgent of 487 open alerts, newest first")
    expect(page.locator("#alerts li")).to_have_count(12)
    expect(page.locator("#alerts li").last.locator(".word")).to_have_text("critical")
    more = page.locator("#alerts").get_by_role("link", name="and 475 more, less severe, older or attended to")
    assert more.get_attribute("href").endswith("/?view=alerts&lang=en")
    expect(page.locator(".number[data-leads=alerts] strong")).to_have_text("487")
    assert len(json.dumps(answer("en"))) < 60_000


def test_what_an_alert_costs_has_a_heading(visit, site, answer):
    site.answer = answer
    page = visit("zh")
    _drawn(page)
    expect(page.locator("#alerts .stake dt")).to_have_text("损失电量")
    expect(page.locator("#alerts .stake dt")).to_be_visible()


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 720), (3840, 2160), (1080, 1920), (1024, 768)])
def test_a_wall_shows_whole_things_and_leads_nowhere(visit, site, answer, width: int, height: int):
    site.answer = answer
    page = visit("en", address="wall=1&every=3600")
    page.set_viewport_size({"width": width, "height": height})
    _drawn(page)
    page.wait_for_function("document.getElementById('content').style.zoom !== ''")
    page.wait_for_timeout(300)
    cut = """[...document.querySelectorAll('#content > section, #alerts li, #today .plot')].filter((e) => e.getClientRects().length
        && e.getBoundingClientRect().bottom > innerHeight + 0.5).map((e) => e.id || e.className)"""
    assert page.evaluate(cut) == []
    assert page.locator("main a[href]").count() == 0
    assert page.locator("main button:visible, .head a:visible").count() == 0
    expect(page.locator("#numbers")).to_be_visible()
    page.keyboard.press("x")
    expect(page.locator("#month")).to_be_visible()
    expect(page.locator("#alerts .head a")).to_have_attribute("href", re.compile("view=alerts"))
    assert page.evaluate("document.getElementById('content').style.zoom") == ""
