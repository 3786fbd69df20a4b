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
