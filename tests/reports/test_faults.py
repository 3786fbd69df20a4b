"""Faults in the month's report: what they cost in it and in all, with the picture that shows each."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from core.findings import Fault, Finding, Picture, statement_of
from core.quantities import Period
from core.searched import Searched
from core.statements import FOREVER, Kind, Statement
from core.text import Language
from reports.jsonfile import json_bytes
from reports.monthly import build, write
from reports.view import view
from tests.reports.conftest import NOVEMBER, Month, say

START = datetime(2026, 9, 28, 16, tzinfo=UTC)


def lost_string() -> Finding:
    days = [date(2026, 9, 15) + timedelta(days=n) for n in range(30)]
    picture = Picture(
        "days", "kWh", tuple(d.isoformat() for d in days), (*[300.0] * 14, *[270.0] * 15, None), (*[301.0] * 29, None),
        14, 30, {"share": 0.897, "strings": 1.0},
    )  # fmt: skip
    lost = {date(2026, 9, 29) + timedelta(days=n): 31.0 for n in range(22)}
    return Finding(
        "car-park", Fault.STRING_LOSS, START, START + timedelta(days=22), lost, 500.0, 864.0, 0.97, "rung_ghi", picture,
        lost_money=545.6, currency="EUR",
    )  # fmt: skip


@pytest.fixture
def october(park, state):
    profile = Picture("hours", "kW", ("09:00", "09:15", "09:30"), (10.0, None, 30.0), (40.0, 42.0, 44.0), 0, 2)
    shade = replace(lost_string(), code=Fault.SHADING, picture=profile, days={date(2026, 10, 3): 12.0}, end=None)
    state.all_statements = [statement_of(f, NOVEMBER) for f in (shade, lost_string())]
    return build(park, Month(park, 2026, 10).store(), state, 2026, 10, NOVEMBER, say)


def test_a_fault_costs_the_month_only_what_it_lost_in_it(october):
    first, second = october.pv.faults
    assert (first.code, second.code) == ("string_loss", "shading")
    assert first.month.value == 20 * 31.0
    assert first.total.value == 22 * 31.0
    assert (first.low_kwh, first.high_kwh, first.money.value, first.money.unit) == (500.0, 864.0, 545.6, "EUR")
    assert first.end is not None
    assert second.end is None


def test_the_json_holds_the_evidence(october):
    document, _ = json_bytes(october)
    told = json.loads(document)["pv"]["faults"][0]
    assert told["picture"]["measured"][13:15] == [300.0, 270.0]
    assert told["picture"]["measured"][-1] is None
    assert told["confidence"] == 0.97


@pytest.mark.parametrize("language", list(Language))
def test_the_charts_have_their_holes_and_their_stretch(october, language):
    bars, profile = view(october, language, "")["charts"]["faults"]
    assert (bars["first"], bars["last"], bars["measured"][-1]) == (14, 30, None)
    assert [label["label"] for label in profile["labels"]] == ["09:00", "09:15", "09:30"]


def test_the_pdf_shows_them(october, tmp_path):
    if not shutil.which("pdftotext"):
        pytest.skip("pdftotext is not on this machine: apt-get install poppler-utils")
    written = write(october, tmp_path)
    (english,) = [p for p in written if p.name.endswith(".en.pdf")]
    text = subprocess.run(
        ["pdftotext", "-layout", str(english), "-"], capture_output=True, check=True, text=True
    ).stdout
    assert "Faults found" in text
    assert "strings or inverters lost" in text
    assert "500 – 864" in text


def test_no_month_is_called_free_of_faults_that_nobody_searched(park, state):
    def told(searched: Searched | None) -> tuple[str, str]:
        state.values.clear()
        if searched:
            state.values["findings/searched"] = json.dumps(
                {"first": str(searched.first), "last": str(searched.last), "at": str(searched.at), "cut": searched.cut}
            )
        pv = build(park, Month(park, 2026, 10).store(), state, 2026, 10, NOVEMBER, say).pv
        return pv.no_faults.en, pv.unsearched.en if pv.unsearched else ""

    lacking = "nobody has looked for faults yet"
    assert told(None) == (lacking, lacking)
    assert told(Searched(date(2026, 8, 1), date(2026, 10, 31), NOVEMBER)) == ("no faults found", "")
    only = "faults were looked for from 2026-08-01 to 2026-10-15 only"
    assert told(Searched(date(2026, 8, 1), date(2026, 10, 15), NOVEMBER)) == (f"no faults found; {only}", only)


def test_an_array_that_learned_within_the_month_is_not_called_unlearned(park, state):
    middle = datetime(2026, 10, 14, 16, tzinfo=UTC)
    body = {"factor": 0.981, "first_day": "2026-08-20", "last_day": "2026-10-14", "days": 33}
    state.all_statements = [
        Statement(Kind.CALIBRATION, "car-park", middle, FOREVER, middle, "calibration-1", body),
        Statement(
            Kind.CALIBRATION, "roof-a", middle, FOREVER, middle, "calibration-1", {"refused": "too_few_clean_days"}
        ),
    ]
    store = Month(park, 2026, 10).store()
    days = store.frames[Period.DAY]
    days.loc[(days["quantity"] == "expected_kwh") & (days["scope"] == "array"), "reasons"] = "rung_poa uncalibrated"
    report = build(park, store, state, 2026, 10, NOVEMBER, say)
    by_id = {a.id: a for a in report.pv.arrays}
    assert by_id["car-park"].rungs == ("rung_poa",)
    assert by_id["roof-a"].rungs == ("rung_poa", "uncalibrated")
    rows = {row[0]: row[2] for row in view(report, Language.EN, "")["tables"]["standing"]["rows"]}
    assert sorted(rows.values()) == [
        (
            "by nameplate: too few days were bright, measured on the site and without fault\n"
            "Look at the coverage of the irradiance sensor and the meter"
        ),
        "factor 0.981 since 2026-10-15, by nameplate before; learned on 33 clean days, 2026-08-20 to 2026-10-14",
    ]
    assert "not learned" not in json.dumps([n.en for n in report.method.notes])
