"""Findings on the page: a list, and the picture that shows each."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from playwright.sync_api import expect

from core.findings import Fault, Finding, Picture
from core.text import Language
from dashboards.views import findings

START = datetime(2026, 11, 13, 16, tzinfo=UTC)  # local midnight of the 14th


def lost_string(**changes) -> Finding:
    days = [f"2026-11-{n:02d}" for n in range(10, 20)]
    picture = Picture(
        "days", "kWh", tuple(days), (300.0, None, 310.0, 305.0, *[270.0] * 6), (300.0, None, *[304.0] * 8), 4, 10,
        {"share": 0.888},
    )  # fmt: skip
    told = {
        "entity": "roof-a", "code": Fault.STRING_LOSS, "start": START, "end": None,
        "days": {date(2026, 11, n): 34.0 for n in range(14, 20)}, "low_kwh": 150.0, "high_kwh": 258.0,
        "confidence": 0.97, "rung": "rung_ghi", "picture": picture, "lost_money": 146.9, "currency": "CNY",
    }  # fmt: skip
    return Finding(**{**told, **changes})


def noted(**changes) -> Finding:
    picture = Picture("hours", "kW", ("11:00", "11:15", "11:30"), (50.0, 50.0, 50.0), (55.0, 60.0, 56.0), 0, 3)
    return lost_string(code=Fault.CLIPPING, days={}, low_kwh=0.0, high_kwh=0.0, picture=picture, **changes)


def test_what_costs_most_stands_first_and_what_is_only_noted_last(small_park):
    answer = findings(small_park, [noted(), lost_string(days={date(2026, 11, 14): 1.0}), lost_string()], Language.EN)
    assert [f["code"] for f in answer["findings"]] == ["string_loss", "string_loss", "clipping"]
    first = answer["findings"][0]
    assert first["lost_kwh"] == 204.0
    assert first["title"].endswith(
        "strings or inverters lost since 2026-11-14; about 204 kWh lost (90 %: 150 kWh to 258 kWh), "
        "yielding 88.8 % of what it should"
    )
    assert (first["lost_text"], first["money_text"], first["confidence_text"]) == ("204 kWh", "147 CNY", "97 %")
    assert first["picture"]["mark"] == [4, 10]
    assert first["picture"]["measured"]["values"][1] is None


def test_times_of_a_profile_are_the_parks_own(small_park):
    (clipped,) = findings(small_park, [noted()], Language.ZH)["findings"]
    at = datetime.fromtimestamp(clipped["picture"]["starts"][0], UTC).astimezone(small_park.zone)
    assert (at.hour, at.minute) == (11, 0)
    assert clipped["annotation"] is True


@pytest.mark.browser
@pytest.mark.usefixtures("views")
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_lists_them_with_their_pictures(visit, site, small_park, language):
    site.found = lambda asked: findings(small_park, [noted(), lost_string()], Language(asked))
    page = visit(language, 1440, "light", address="view=pv")
    listed = page.locator("#panel-findings .finding")
    expect(listed).to_have_count(2)
    expect(listed.nth(0).locator(".evidence .plot svg")).to_be_visible()
    expect(listed.nth(0).locator(".marked")).to_have_count(1)
    listed.nth(1).locator("summary").click()
    expect(listed.nth(1).locator(".evidence .plot svg")).to_be_visible()
    assert page.locator("#panel-findings [role=img]:not([aria-label])").count() == 0
