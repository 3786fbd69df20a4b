"""What expectations stand on, on the page; and the band, which is drawn where there is one."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from playwright.sync_api import expect

from core.quantities import Period
from core.statements import FOREVER, Kind, Statement
from core.text import Language
from dashboards.views import Filters, standing
from dashboards.views.spans import Span

BODY = {"factor": 1.034, "first_day": "2026-09-26", "last_day": "2026-11-18", "days": 40}


@pytest.fixture
def told(lakeside, store, state, now):
    """Answer for a park of which one array has learned and another cannot."""
    first, second, *_ = (a.id for a in lakeside.arrays)
    start = datetime(2026, 11, 18, 16, tzinfo=UTC)
    state.said = [
        Statement(Kind.CALIBRATION, first, start, FOREVER, now, "calibration-1", BODY),
        Statement(Kind.CALIBRATION, second, start, FOREVER, now, "calibration-1", {"refused": "shared_meter"}),
    ]
    for period in (Period.SLOT, Period.DAY):
        frame = store.frames[period]
        frame.loc[frame["quantity"] == "expected_kwh", "reasons"] = "rung_poa"

    def answer(language: str, days: int = 21, **filters: object) -> dict:
        span = Span(date(2026, 11, 1), date(2026, 11, days))
        return standing(lakeside, store, state, span, now, Language(language), Filters(**filters))

    return answer


def test_who_has_not_learned_stands_first(told, lakeside):
    answer = told("en")
    assert len(answer["arrays"]) == len({a.id for a in lakeside.arrays})
    by_id = {a["entity"]: a for a in answer["arrays"]}
    first, second, *_ = (a.id for a in lakeside.arrays)
    assert answer["arrays"][-1]["entity"] == first
    assert by_id[first]["calibration_text"].startswith("factor 1.034 since 2026-11-19, by nameplate before; learned on")
    assert by_id[second]["calibration_text"] == "by nameplate: its meter counts another array too"
    assert by_id[second]["advice"] == "Give the array a meter of its own"
    assert by_id[first]["basis_text"] == "measured plane-of-array irradiance"
    assert [a["entity"] for a in told("en", array=second)["arrays"]] == [second]


@pytest.mark.browser
@pytest.mark.usefixtures("views")
@pytest.mark.parametrize(("language", "width"), [("zh", 390), ("en", 1440)])
def test_the_page_tells_it(visit, site, told, language, width):
    site.standing = told
    page = visit(language, width, "light", address="view=pv")
    rows = page.locator("#panel-standing tbody tr")
    expect(rows).to_have_count(len(told("en")["arrays"]))
    expect(rows.last).to_contain_text("1.034")
    expect(page.locator("#panel-standing")).not_to_contain_text("rung_")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
@pytest.mark.parametrize(("spread", "shaded"), [(0.1, 1), (0.0, 0)])
def test_a_band_is_shaded_and_where_there_is_none_nothing_is_drawn(visit, site, views, spread, shaded):
    told = site.view

    def with_band(dashboard: str, asked: dict[str, str]) -> dict:
        answer = told(dashboard, asked)
        (power,) = [p for p in answer["panels"] if p["id"] == "pv-power"]
        power["series"] = [s for s in power["series"] if "_p" not in s["quantity"]]
        (expected,) = [s for s in power["series"] if s["quantity"] == "expected_kwh"]
        for name, share in (("expected_p10_kwh", 1 - spread), ("expected_p90_kwh", 1 + spread)):
            values = [None if v is None else v * share for v in expected["values"]]
            power["series"].append({**expected, "quantity": name, "values": values})
        return answer

    del views
    site.view = with_band
    panel = visit("en", 1440, "light", address="view=pv").locator("#panel-pv-power")
    expect(panel.locator(".plot svg")).to_be_visible()
    assert panel.locator(".plot path.band").count() == shaded
    assert panel.locator(".legend").first.inner_text().count("P10 – P90") == shaded
    assert panel.locator(".plot path.line.dashed").count() <= 2  # of one series: measured, and estimated


@pytest.mark.browser
@pytest.mark.usefixtures("views")
def test_days_that_nobody_searched_are_not_called_free_of_faults(visit, site):
    words = "nobody has looked for faults yet"
    site.found = lambda _language: {"findings": [], "searched": False, "unsearched": words, "none_text": words}
    panel = visit("en", 390, "dark", address="view=pv").locator("#panel-findings")
    expect(panel).to_contain_text("Nobody has looked for faults yet")
    expect(panel.locator(".shape.green")).to_have_count(0)
