"""The views of the page in a real browser: addresses, ranges, comparison, zoom, keys, phone, live."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from dashboards.views.figures import write

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("views")]

OWN = ("energy", "pv", "buildings", "carbon")


def _drawn(page: Page, view: str) -> None:
    page.wait_for_selector(f"html[data-view={view}] #view section.panel")
    expect(page.locator("#page")).to_have_attribute("aria-busy", "false")


def _overflow(page: Page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("view", OWN)
@pytest.mark.parametrize(
    ("language", "width", "theme"),
    [("zh", 360, "light"), ("en", 360, "dark"), ("zh", 1440, "dark"), ("en", 1440, "light"), ("en", 3840, "dark")],
)
def test_every_view(visit, tmp_path: Path, view: str, language: str, width: int, theme: str):
    page = visit(language, width, theme, address=f"view={view}&compare=month")
    _drawn(page, view)
    title = {
        "energy": ("能源", "Energy"), "pv": ("光伏", "PV"), "buildings": ("建筑", "Buildings"), "carbon": ("碳排放", "Carbon"),
    }[view][language == "en"]  # fmt: skip
    expect(page.locator("#view-title")).to_have_text(title)
    expect(page.locator("#views a[aria-current=page]")).to_have_attribute("data-view", view)
    assert page.locator("#view section.panel").count() >= 3
    assert _overflow(page) == 0
    silent = "[...document.querySelectorAll('[role=img]')].filter((e) => !e.getAttribute('aria-label')).length"
    assert page.evaluate(silent) == 0
    page.screenshot(path=tmp_path / f"{view}-{language}-{width}-{theme}.png", full_page=True)


def test_numbers_of_a_month_and_what_they_are_compared_with(visit):
    page = visit(address="view=pv&compare=month")
    _drawn(page, "pv")
    expect(page.locator("#compared")).to_have_text("Compared with 1–21 October 2026, drawn paler")
    tile = page.locator("[data-panel=pv-today]")
    expect(tile.locator(".value strong")).to_have_text("50.6")
    expect(tile.locator(".trend span")).to_have_text("2,710 kWh less than 1–21 October 2026 (−5 %), over 20 whole days")


def test_the_address_holds_the_view_and_back_works(visit):
    page = visit()
    page.wait_for_selector("#today .plot svg")
    page.locator("#views a[data-view=pv]").click()
    _drawn(page, "pv")
    assert page.evaluate("document.activeElement.id") == "view-title"
    page.locator("[data-preset='7d']").click()
    expect(page.locator("#from")).to_have_value("2026-11-15")
    page.locator("#earlier").click()
    expect(page.locator("#to")).to_have_value("2026-11-14")
    page.locator("#compare").select_option("week")
    expect(page.locator("#compared")).to_have_text("Compared with 1–7 November 2026, drawn paler")
    assert page.url.endswith("?view=pv&from=2026-11-08&to=2026-11-14&compare=week&lang=en")
    page.reload()
    _drawn(page, "pv")
    expect(page.locator("#from")).to_have_value("2026-11-08")
    for _ in range(3):
        page.go_back()
    expect(page.locator("#from")).to_have_value("2026-11-01")
    page.go_back()
    expect(page.locator(".sentence")).to_be_visible()
    page.go_forward()
    _drawn(page, "pv")


def test_dragging_over_a_plot_zooms_and_the_wider_button_zooms_out(visit):
    page = visit(address="view=pv&from=2026-11-02&to=2026-11-11")
    _drawn(page, "pv")
    box = page.locator("#panel-pv-power .plot").bounding_box()
    left, width = 2.9 * 16.1, box["width"] - 2.9 * 16.1
    page.mouse.move(box["x"] + left + 0.35 * width, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + left + 0.55 * width, box["y"] + 60, steps=4)
    page.mouse.up()
    expect(page.locator("#from")).to_have_value("2026-11-05")
    expect(page.locator("#to")).to_have_value("2026-11-07")
    page.locator("#wider").click()
    expect(page.locator("#from")).to_have_value("2026-11-02")
    expect(page.locator("#to")).to_have_value("2026-11-10")


def test_the_keyboard_alone_reads_and_zooms(visit):
    page = visit(address="view=energy&from=2026-11-02&to=2026-11-20")
    _drawn(page, "energy")
    plot = page.locator("#panel-days .plot")
    plot.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    at = page.locator("#panel-days .reading .at")
    expect(at).to_have_text(re.compile("18 Nov 2026"))
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#from")).to_have_value("2026-11-18")
    expect(page.locator("#to")).to_have_value("2026-11-19")


def test_shortcuts_and_their_list(visit):
    page = visit()
    page.wait_for_selector("#today .plot svg")
    page.keyboard.press("4")
    _drawn(page, "pv")
    page.keyboard.press("t")
    expect(page.locator("#from")).to_have_value("2026-11-21")
    page.keyboard.press("c")
    expect(page.locator("#compare")).to_have_value("week")
    page.keyboard.press("?")
    expect(page.locator("#keys h2")).to_have_text("Keyboard shortcuts")
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_have_count(0)


def test_every_number_leads_to_what_it_is_made_of(visit):
    page = visit()
    page.wait_for_selector("#today .plot svg")
    page.locator("#arrays a", has_text="Car park 2").click()
    _drawn(page, "pv")
    expect(page.locator("#view-title")).to_have_text("PV · Car park 2")
    assert page.url.endswith("?view=pv&range=7d&array=carport-2&lang=en")
    expect(page.locator("[data-panel=pv-index-today] .value strong")).to_have_text("67.2")
    csv = page.locator("#panel-pv-power .csv").get_attribute("href")
    assert csv == (
        "api/v1/export?series=generation_kwh%2Cexpected_kwh&scope=array&period=slot"
        "&from=2026-11-15&to=2026-11-21&entity=carport-2"
    )
    page.locator("#panel-array-generation summary").click()
    first = page.locator("#panel-array-generation tbody tr").nth(1)
    expect(first.locator("th")).to_have_text("Fri, 20 Nov 2026")
    assert len(first.locator("td").inner_text()) > 2


def test_a_gap_is_hatched_and_never_bridged(visit):
    page = visit(address="view=energy&from=2026-11-21&to=2026-11-21")
    _drawn(page, "energy")
    expect(page.locator("#panel-today .hole")).to_have_count(1)
    path = page.locator("#panel-today path.line").first.get_attribute("d")
    assert path.count("M") >= 2  # the line begins anew behind the hole
    assert "NaN" not in page.locator("#panel-today").inner_html()


def test_word_of_a_change_brings_new_numbers_and_nothing_moves_under_the_finger(visit, site, store):
    page = visit(address="view=carbon")
    _drawn(page, "carbon")
    expect(page.locator("html")).to_have_attribute("data-live", "on")
    month = next(p for p in store.frames if p == "month")
    frame = store.frames[month]
    chosen = (frame["quantity"] == "carbon_kg") & (frame["scope"] == "park")
    tile = page.locator("[data-panel=carbon-today] .value strong")
    expect(tile).to_have_text("21.8")
    page.locator("#panel-day-carbon .plot").hover()
    frame.loc[chosen, "value"] = 9999.0
    asked = len(site.asked)
    site.changes += 1
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').filter((e) => e.name.includes('views/carbon')).length > 1"
    )
    assert len(site.asked) > asked
    expect(tile).to_have_text("21.8")  # the pointer reads a plot
    page.mouse.move(0, 0)
    site.changes += 1
    expect(tile).to_have_text("10,000")


def test_a_stopped_service_keeps_what_stands_and_says_so(visit, site):
    page = visit(address="view=pv", quiet=False)
    _drawn(page, "pv")
    site.view = site.meta = None
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#banner")).to_contain_text("The service does not answer")
    expect(page.locator("[data-panel=pv-today]")).to_be_visible()


def test_an_address_that_makes_no_sense_shows_something_sensible(visit):
    page = visit(address="view=nonsense&from=2026-13-99&to=x&compare=never&every=-5&range=ever")
    page.wait_for_selector("#today .plot svg")
    expect(page.locator("#views a[aria-current=page]")).to_have_attribute("data-view", "overview")


def test_an_unknown_array_is_answered_in_words(visit):
    page = visit(address="view=pv&array=%3Cscript%3E", quiet=False)
    expect(page.locator("#view")).to_contain_text("The service has no answer for this range.")
    expect(page.locator("#banner")).to_be_hidden()


def test_the_wall_turns_and_ends_at_a_key(visit):
    page = visit(address="view=energy&wall=1&every=5")
    _drawn(page, "energy")
    expect(page.locator("#views")).to_be_hidden()
    page.wait_for_selector("html[data-view=pv]", timeout=15_000)
    page.keyboard.press("x")
    expect(page.locator("#views")).to_be_visible()
    assert "wall" not in page.url


def test_the_bar_fits_a_thumb(visit):
    page = visit("en", 360)
    page.wait_for_selector("#today .plot svg")
    places = [
        page.locator(f"#views a[data-view={v}]").bounding_box() for v in ("overview", "pv", "buildings", "alerts")
    ]
    assert all(p["height"] >= 44 and p["width"] >= 44 for p in places)
    expect(page.locator("#views a[data-view=carbon]")).to_be_hidden()
    page.locator("#more").click()
    page.locator("#views a[data-view=carbon]").click()
    _drawn(page, "carbon")
    expect(page.locator("#more")).to_have_text("Carbon")


def test_a_view_brings_only_its_own_and_all_of_it_is_light(visit, site):
    page = visit(address="view=pv")
    _drawn(page, "pv")
    scripts = [path for path in site.asked if path.endswith(".js")]
    assert "/static/view-pv.js" in scripts
    assert "/static/view-alerts.js" not in scripts
    weight = "performance.getEntriesByType('resource').filter((e) => e.initiatorType !== 'fetch')"
    assert page.evaluate(f"{weight}.reduce((sum, e) => sum + e.decodedBodySize, 0)") < 250_000


@pytest.mark.parametrize("view", OWN)
def test_the_wall_shows_every_view_whole(visit, view: str):
    page = visit(width=1920, address=f"view={view}&wall=1&every=3600")
    _drawn(page, view)
    page.wait_for_function("document.getElementById('view').style.zoom !== ''")
    page.wait_for_timeout(300)
    over = "[...document.querySelectorAll('#view > *')].filter((e) => e.getBoundingClientRect().bottom > innerHeight + 0.5).length"
    assert page.evaluate(over) == 0
    assert page.locator("#view > :visible").count() >= 2
    assert page.locator("main a[href]").count() == 0


def test_days_the_wrong_way_round_are_turned_and_the_page_says_so(visit):
    page = visit(address="view=pv&from=2026-11-08&to=2026-11-02")
    _drawn(page, "pv")
    told = page.locator("#swapped")
    expect(told).to_have_text(
        "The last day was before the first: they are swapped, and 2026-11-02 to 2026-11-08 is shown."
    )
    expect(page.locator("#from")).to_have_value("2026-11-02")
    expect(page.locator("#to")).to_have_value("2026-11-08")
    page.locator("#from").fill("2026-11-12")
    expect(page.locator("#to")).to_have_value("2026-11-12")
    expect(page.locator("#from")).to_have_value("2026-11-08")
    expect(told).to_contain_text("2026-11-08 to 2026-11-12")
    assert "from=2026-11-08&to=2026-11-12" in page.url
    page.locator("[data-preset='7d']").click()
    expect(told).to_be_empty()


@pytest.mark.parametrize(
    ("written", "value", "unit"),
    [("0 kWh", -0.0004, "kWh"), ("−0.02 kWh", -0.016, "kWh"), ("0.02 kWh", 0.0160, "kWh"), ("1.23 kWh", 1.2345, "kWh"),
     ("0 kg CO₂", -0.001, "kgCO2"), ("0 kW", -0.01, "kW"), ("0.07 kW", 0.0712, "kW"), ("−12.3 MWh", -12345, "kWh")],
)  # fmt: skip
def test_small_amounts_are_written_as_the_service_writes_them(visit, written: str, value: float, unit: str):
    page = visit(address="view=pv")
    _drawn(page, "pv")
    ours = page.evaluate("async ([v, u]) => (await import('/static/say.js')).amount(v, u)", [value, unit])
    assert (ours, write(value, unit)) == (written, written)
    assert page.evaluate("async () => (await import('/static/say.js')).exact(-0.0004, 'kWh')") == "0"


@pytest.mark.parametrize(("language", "width"), [("zh", 360), ("en", 1440)])
def test_why_draws_the_waterfall_under_its_sentence(visit, language: str, width: int):
    page = visit(language, width, "dark", address="view=why&from=2026-10-01&to=2026-10-31")
    _drawn(page, "why")
    expect(page.locator("#view-title")).to_have_text({"zh": "差额原因", "en": "Why"}[language])
    expect(page.locator("#why-sentence")).to_contain_text({"zh": "光伏天气", "en": "weather at the PV"}[language])
    bars = page.locator("#why svg rect title")
    expect(bars).to_have_count(6)
    assert (
        bars.nth(2).text_content()
        == {
            "zh": "1 号车棚组串或部分设备失效 −4,196 kWh",
            "en": "strings or inverters lost at Car park 1 −4,196 kWh",
        }[language]
    )
    assert _overflow(page) == 0
