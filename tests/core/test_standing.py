"""What an expectation stands on: shares of its rungs, and the factor in force or why there is none."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from core.frames import slots_frame
from core.standing import Standing, advice, basis_words, calibration_words, shares_of, standings
from core.statements import FOREVER, Kind, Statement
from core.text import Language

ZONE = ZoneInfo("Asia/Shanghai")
NOVEMBER = datetime(2026, 10, 31, 16, tzinfo=UTC)
NAMES = ("start", "scope", "entity", "quantity", "value", "coverage", "estimated", "reasons")
LEARNED = {"factor": 1.0344, "first_day": "2026-09-26", "last_day": "2026-11-18", "days": 40, "rung": "rung_ghi"}


def said(start: datetime, body: dict) -> Statement:
    return Statement(Kind.CALIBRATION, "roof", start, FOREVER, start, "calibration-1", body)


def rows(quantity: str, *values: tuple[float, str]) -> pd.DataFrame:
    made = [
        (NOVEMBER + n * timedelta(days=1), "array", "roof", quantity, value, 1.0, 0.0, reasons)
        for n, (value, reasons) in enumerate(values)
    ]
    return slots_frame(pd.DataFrame(made, columns=list(NAMES)))


def of_november(*statements: Statement, factors: tuple[float, ...] = ()) -> Standing:
    applied = rows("calibration_factor", *((f, "") for f in factors))
    bounds = (NOVEMBER, NOVEMBER + timedelta(days=30))
    expected = rows("expected_kwh", (3.0, "rung_ghi uncalibrated"), (0.0, "rung_clear_sky"))
    return standings(["roof"], statements, expected, applied, bounds, ZONE)["roof"]


def test_shares_are_of_the_time_with_sun_and_the_worst_rung_of_a_day_counts():
    expected = rows(
        "expected_kwh", (0.0, "rung_clear_sky"), (5.0, "default_temperature rung_poa"), (4.0, "rung_poa"),
        (4.0, "rung_ghi rung_poa"), (1.0, "rung_clear_sky"), (float("nan"), "missing"),
    )  # fmt: skip
    shares = shares_of(expected)["roof"]
    assert shares == {"rung_poa": 0.5, "rung_ghi": 0.25, "rung_clear_sky": 0.25}
    assert list(shares) == ["rung_poa", "rung_ghi", "rung_clear_sky"]
    assert basis_words(Standing(shares)).en.startswith("measured plane-of-array irradiance 50.0 %; measured horiz")


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({}, "–"),
        ({"rung_poa": 1.0}, "实测组件面辐照度"),
        ({"rung_poa": 0.99999, "rung_peers": 0.00001}, "实测组件面辐照度 > 99.9 %；相邻方阵的单位容量发电量，按朝向换算 < 0.1 %"),
    ],
)  # fmt: skip
def test_a_share_is_neither_rounded_to_nothing_nor_to_all(shares, words):
    assert basis_words(Standing(shares)).say(Language.ZH) == words


def test_the_factor_in_force_at_the_end_is_told_with_what_it_was_learned_on():
    found = of_november(
        said(NOVEMBER, {"refused": "too_early"}), said(NOVEMBER + timedelta(days=18), LEARNED), factors=(1.0, 1.034)
    )
    assert (found.factor, found.since, found.days, found.late) == (1.034, date(2026, 11, 19), 40, True)
    assert calibration_words(found).en == (
        "factor 1.034 since 2026-11-19, by nameplate before; learned on 40 clean days, 2026-09-26 to 2026-11-18"
    )
    assert advice(found) is None


def test_a_factor_learned_before_the_range_holds_for_all_of_it():
    found = of_november(said(NOVEMBER - timedelta(days=40), LEARNED))
    assert calibration_words(found).zh == ("系数 1.034，自 2026-09-22 起；学自 2026-09-26 至 2026-11-18 的 40 个正常日")


def test_what_was_learned_after_the_range_is_not_known_in_it():
    late = said(NOVEMBER + timedelta(days=30), LEARNED)
    assert calibration_words(of_november(late)).en == "by nameplate"
    assert of_november(said(NOVEMBER, {"refused": "unsettled"}), late).refused == "unsettled"


@pytest.mark.parametrize("code", ["too_early", "too_few_clean_days", "unsettled", "implausible_factor", "shared_meter"])
def test_a_refusal_is_told_with_its_reason_and_what_to_do(code):
    found = of_november(said(NOVEMBER, {"refused": code}))
    for language in Language:
        assert code not in calibration_words(found).say(language)
        assert calibration_words(found).say(language) not in {"按标称容量", "by nameplate"}
    assert advice(found) is not None
