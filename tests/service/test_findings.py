"""Findings over HTTP and on the command line, of the demo park's own faults."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from starlette.testclient import TestClient

from core.clock import ManualClock
from core.park_file import load_park
from core.searched import noted
from core.statements import Kind
from core.text import Language
from service import cli, found
from service.demo.site import park_yaml
from service.findings_command import lines
from service.http import make_app
from service.runner import Runtime, opened
from tests.service.conftest import NOW, UNTIL

WRONG = [
    ({"form": "2026-11-01"}, 422, "there is no parameter form; there are: array, day, from, lang, month, to"),
    ({"from": "2026-11-12", "to": "2026-11-01"}, 422, "`to` lies before `from`"),
    ({"from": "1926-01-01", "to": "2026-11-01"}, 422, "must lie between"),
    ({"from": "2010-01-01", "to": "2026-11-01"}, 422, "ask for at most 3660 days"),
    ({"day": "2026-11-12", "month": "2026-11"}, 422, "ask for a day, a month or a range"),
    ({"day": "2026-11-31"}, 400, "is no day"),
    ({"month": "2026-13"}, 400, "is no month"),
    ({"array": "roof-of-somebody-else"}, 422, "there is no such array"),
    ({"from": "yesterday"}, 422, "query.from"),
]


@pytest.fixture
def client(demo_park: Runtime) -> TestClient:
    return TestClient(make_app(demo_park, "token"), base_url="http://127.0.0.1:8080", client=("127.0.0.1", 50000))


def asked(client: TestClient, **query: str) -> dict:
    answer = client.get("/api/v1/findings", params={"lang": "en"} | query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("query", [{}, {"month": "2026-11"}, {"day": "2026-11-18"}, {"from": "2026-11-18"}])
def test_a_finding_is_there_however_its_days_are_asked_for(client: TestClient, query: dict[str, str]) -> None:
    answer = asked(client, **query)
    (one,) = answer["findings"]
    assert (one["entity"], one["code"], one["rung"]) == ("carport-2", "string_loss", "rung_ghi")
    assert one["rung_text"] == "measured horizontal irradiance, decomposed and transposed"
    assert answer["unsearched"] is None


def test_amounts_are_rounded_as_others_are(client: TestClient) -> None:
    (one,) = asked(client)["findings"]
    amounts = [one["lost_kwh"], one["lost_low_kwh"], one["lost_high_kwh"], *one["days"].values()]
    assert amounts == [round(a, 4) for a in amounts]


def test_one_array_is_asked_for_with_what_measures_it(client: TestClient) -> None:
    assert len(asked(client, array="carport-2")["findings"]) == 1
    assert asked(client, array="carport-1")["findings"] == []


@pytest.mark.parametrize(("query", "status", "words"), WRONG)
def test_a_wrong_question_is_answered_in_words(client: TestClient, query: dict, status: int, words: str) -> None:
    answer = client.get("/api/v1/findings", params=query)
    assert answer.status_code == status
    assert words in str(answer.json()["detail"])


def test_the_running_day_is_not_called_free_of_faults(client: TestClient) -> None:
    # A fault that goes on reaches into it; of an array without one nobody knows yet.
    answer = asked(client, day="2026-11-20", array="carport-1")
    assert answer["none_text"] == "faults are looked for once a day is over"


def test_the_search_says_which_days_it_saw(demo_park: Runtime) -> None:
    searched = noted(demo_park.state)
    assert searched is not None
    assert (searched.first, searched.last, searched.cut) == (date(2026, 9, 21), date(2026, 11, 19), False)


def test_where_nobody_searched_nothing_is_claimed(tmp_path) -> None:
    path = tmp_path / "PARK.yaml"
    path.write_text(park_yaml(UNTIL), encoding="utf-8")
    park = load_park(path)
    with opened(park, ManualClock(NOW), "", "serve") as empty:
        days = (NOW.date() - timedelta(days=30), NOW.date())
        assert lines(found.told(park, empty.state, days, NOW, Language.EN)) == ["nobody has looked for faults yet"]
        assert lines(found.told(park, empty.state, days, NOW, Language.ZH)) == ["尚未查找过故障"]


def test_the_command_searches_first_where_no_service_runs(runtime: Runtime, tmp_path, capsys) -> None:
    # The park of steady flows has a PV meter without an array: nothing can be found, and nothing is claimed.
    assert runtime.state.statements(Kind.FINDING) == []
    runtime.state.close()
    runtime.store.close()
    assert cli.main(["findings", str(tmp_path / "PARK.yaml")]) == 0
    assert capsys.readouterr().out == "this park has no PV arrays\n"


def test_a_finding_is_printed_in_words(client: TestClient) -> None:
    title, figures, advice = lines(asked(client))
    assert title.startswith("Carport 2: strings or inverters lost since 2026-11-1")
    assert "confidence 99 %" in figures
    assert "measured horizontal irradiance" in figures
    assert "rung_" not in figures
    assert advice.startswith("    Measure each string's current")
