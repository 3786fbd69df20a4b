"""Ten days and two months of the demo park: every part of the split against the park simulated anew without its cause."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.text import Language
from core.why import Cause
from core.why_words import sentence
from tests.why_twin import DAYS, MONTHS, Held, held


@pytest.fixture(scope="module")
def park(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    folder: Path = tmp_path_factory.mktemp("why")
    with held(folder) as found:
        yield found


@pytest.mark.parametrize("span", [*((d, d) for d in DAYS), *MONTHS], ids=lambda s: f"{s[0]}..{s[1]}")
def test_every_part_is_near_its_truth_and_all_add_up(park: Held, span) -> None:
    said, rows = park.rows(*span)
    assert said.left_out == {}
    assert [r for r in rows if not r.right] == []
    added = sum(p.kwh for p in said.parts) + said.unexplained_kwh
    # Every part is rounded to whole Wh of its own.
    assert abs(added - said.difference_kwh) <= 0.0005 * (len(said.parts) + 3)


def test_the_days_show_every_cause_a_park_without_storage_can_have(park: Held) -> None:
    causes = {p.cause for day in DAYS for p in park.why(day, day).parts}
    wanted = {Cause.WEATHER, Cause.FINDING, Cause.CURTAILMENT, Cause.CALENDAR, Cause.TEMPERATURE, Cause.ABOVE_BASELINE}
    assert causes >= wanted | {Cause.UNMETERED, Cause.MISSING_DATA}


def test_a_month_is_the_sum_of_its_days(park: Held) -> None:
    first, last = MONTHS[0]
    month = park.why(first, last)
    days = [park.why(d, d) for d in park.twin.days if first <= d <= last]
    weather = [sum(p.kwh for p in why.parts if p.cause is Cause.WEATHER) for why in (month, *days)]
    assert weather[0] == pytest.approx(sum(weather[1:]), abs=0.1)
    assert month.unexplained_kwh == pytest.approx(sum(d.unexplained_kwh for d in days), abs=0.1)


def test_a_day_is_said_in_one_sentence_in_both_languages(park: Held) -> None:
    said = park.why(DAYS[2], DAYS[2])
    english, chinese = (sentence(said, park.park, language) for language in (Language.EN, Language.ZH))
    assert english.startswith("22 September 2026: net balance 570 kWh, ")
    assert "Laboratory above its baseline" in english
    assert "比计划低" in chinese
    assert "实验楼用电高于基线" in chinese
