"""Corrections the whole way: asked for over HTTP or on the command line, followed by every figure, and undone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from starlette.testclient import TestClient

from core.errors import ConfigError
from core.quantities import Period
from core.text import Language
from reports import monthly
from reports.view import view
from service import corrections
from service.cli import main
from service.http import make_app
from service.runner import Runtime

TOKEN = "secret-of-this-test"  # noqa: S105
BEARER = {"authorization": f"Bearer {TOKEN}"}
HERE = "http://127.0.0.1:8080"
SIGNED = {"author": "Li Wei", "reason": "CT is 200/5, not 5/5"}
NOW = datetime(2026, 11, 12, 4, 0, tzinfo=UTC)
FIRST = datetime(2026, 9, 30, 16, 0, tzinfo=UTC)  # midnight in the park
RATIO = {"kind": "ratio", "point": "roof", "start": "2026-10-08", "end": "2026-10-15", "factor": 3, **SIGNED}


@pytest.fixture
def client(runtime: Runtime) -> TestClient:
    return TestClient(make_app(runtime, TOKEN), base_url=HERE, client=("127.0.0.1", 50000))


def document(runtime: Runtime, month: int = 10) -> dict:
    built = monthly.build(runtime.park, runtime.store, runtime.state, 2026, month, NOW, runtime.say)
    return json.loads(monthly.json_bytes(built)[0])


def figures(report: dict) -> dict:
    """Return everything a report says but what only grows: the trail of corrections, and alerts people were told."""
    quality = {k: v for k, v in report["quality"].items() if k not in {"corrections", "replaced_values"}}
    headline = {k: v for k, v in report["headline"].items() if k not in {"alerts_open", "alerts_total"}}
    pv = {k: v for k, v in report["pv"].items() if k != "findings"}
    rest = {k: v for k, v in report.items() if k not in {"digest", "alerts"}}
    return rest | {"quality": quality, "headline": headline, "pv": pv}


def line(report: dict, key: str) -> float:
    lines = report["energy"]["supply"] + report["energy"]["use"]
    return next(round(x["figure"]["value"], 3) for x in lines if x["key"] == key)


def day(runtime: Runtime, entity: str, quantity: str, number: int) -> float:
    start = FIRST + timedelta(days=number - 1)
    found = runtime.store.slots(Period.DAY, start, start + timedelta(hours=1), entities=[entity], quantities=[quantity])
    return round(float(found["value"].iloc[0]), 3)


def test_a_ratio_a_month_back_changes_the_report_and_undoing_gives_the_first_figures_again(runtime: Runtime) -> None:
    raw = runtime.store.readings(FIRST, NOW)
    before, november = document(runtime), document(runtime, 11)
    entry = corrections.add(runtime, RATIO)
    after = document(runtime)
    days = [day(runtime, "roof", "generation_kwh", n) for n in (7, 8, 14, 15)]
    corrections.undo(runtime, entry.id, {"author": "Ann", "reason": "the CT was right"})
    undone = document(runtime)
    table = [[line(r, key) for r in (before, after, undone)] for key in ("generation_kwh", "import_kwh", "load_kwh")]
    print("generation, import, load of October: before, corrected, undone", table)
    made, extra = 31 * 240.0, 7 * 480.0
    assert table == [[made, made + extra, made], [22320.0] * 3, [29760.0, 29760.0 + extra, 29760.0]]
    assert days == [240.0, 720.0, 720.0, 240.0]
    assert figures(undone) == figures(before)
    assert figures(after) != figures(before)
    assert figures(document(runtime, 11)) == figures(november)
    pd.testing.assert_frame_equal(runtime.store.readings(FIRST, NOW), raw)
    assert undone["quality"]["replaced_values"] > after["quality"]["replaced_values"] > 0
    (listed,) = after["quality"]["corrections"]
    assert (listed["id"], listed["in_force"], listed["undone"]) == (1, True, None)
    assert listed["words"]["en"] == (
        "Roof: counted energy and power multiplied by 3 (2026-10-08 00:00 – 2026-10-15 00:00)"
    )
    assert listed["by"]["zh"] == "Li Wei，2026-11-12 12:00；理由：CT is 200/5, not 5/5"
    (listed,) = undone["quality"]["corrections"]
    assert listed["undone"]["en"] == "undone by Ann, 2026-11-12 12:00; reason: the CT was right"
    assert document(runtime, 11)["quality"]["corrections"] == []


def test_a_replaced_meter_with_both_displays_read_loses_nothing(runtime: Runtime) -> None:
    before = document(runtime)
    assert day(runtime, "hall", "load_kwh", 20) == 593.75  # the quarter of an hour of the change is unknown
    hours = (datetime(2026, 10, 20, 3, 52, tzinfo=UTC) - FIRST) / timedelta(hours=1)
    change = {"kind": "replace", "point": "hall", "start": "2026-10-20T11:52", "author": "Ann", "reason": "new meter",
              "last_kwh": round(5000 + 25 * hours, 3), "first_kwh": round(60 - 25 * 8 / 60, 3)}  # fmt: skip
    corrections.add(runtime, change)
    assert day(runtime, "hall", "load_kwh", 20) == 600.0
    codes = {e["event"]["code"] for e in document(runtime)["quality"]["events"] if e["event"]["entity"] == "hall"}
    assert codes == set()
    corrections.undo(runtime, 1, SIGNED)
    assert figures(document(runtime)) == figures(before)


def test_what_lies_between_neighbours_days_apart_follows_too(runtime: Runtime) -> None:
    """Two exclusions side by side: the days of the first follow when the second makes the gap longer."""
    before = document(runtime)
    asked = {"kind": "exclude", "device": "hall-1", **SIGNED}
    corrections.add(runtime, asked | {"start": "2026-10-04T12:00", "end": "2026-10-07"})
    corrections.add(runtime, asked | {"start": "2026-10-07", "end": "2026-10-09T12:00"})
    one_by_one = [day(runtime, "hall", "load_kwh", n) for n in range(3, 12)]
    assert one_by_one == [600.0] * 9
    row = runtime.store.slots(Period.DAY, FIRST, NOW, entities=["hall"], quantities=["load_kwh"])
    assert [round(v, 2) for v in row["estimated"][2:10]] == [0.0, 0.51, 1.0, 1.0, 1.0, 1.0, 0.5, 0.0]
    corrections.undo(runtime, 1, SIGNED)
    corrections.undo(runtime, 2, SIGNED)
    assert figures(document(runtime)) == figures(before)


def test_pdf_and_workbook_list_corrections_even_with_a_character_the_font_lacks(runtime: Runtime, tmp_path) -> None:
    corrections.add(runtime, RATIO | {"reason": "CT 😀 =1+1"})
    built = monthly.build(runtime.park, runtime.store, runtime.state, 2026, 10, NOW, runtime.say)
    assert len(monthly.write(built, tmp_path)) == 4
    (shown,) = view(built, Language.EN, "")["corrections"]["shown"]
    assert shown.startswith("Roof: counted energy and power multiplied by 3 (2026-10-08 00:00 – 2026-10-15 00:00)")
    assert shown.endswith(" · Li Wei, 2026-11-12 12:00; reason: CT □ =1+1")


# -- who may write


def test_the_service_token_writes_and_every_figure_has_followed(client: TestClient) -> None:
    first = client.get("/api/v1/reports/2026-10/json").json()
    made = client.post("/api/v1/corrections?lang=en", json=RATIO, headers=BEARER)
    assert made.status_code == 200
    assert (made.json()["id"], made.json()["start"], made.json()["undone"]) == (1, "2026-10-07T16:00:00Z", None)
    assert line(client.get("/api/v1/reports/2026-10/json").json(), "generation_kwh") == 31 * 240.0 + 7 * 480.0
    assert client.post("/api/v1/corrections/1/undo", json=SIGNED, headers=BEARER).status_code == 200
    assert client.post("/api/v1/corrections/1/undo", json=SIGNED, headers=BEARER).status_code == 400
    assert client.post("/api/v1/corrections/9/undo", json=SIGNED, headers=BEARER).status_code == 400
    (listed,) = client.get("/api/v1/corrections?lang=zh").json()
    assert listed["undone_text"].startswith("已撤销：Li Wei")
    assert figures(client.get("/api/v1/reports/2026-10/json").json()) == figures(first)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Bearer "}, 401),
        ({"X-Parkwatt-Token": "", "origin": HERE}, 401),
        ({"X-Parkwatt-Token": "wrong", "origin": HERE}, 401),
        ({"X-Parkwatt-Token": TOKEN, "origin": HERE}, 401),  # that is not the page's
        ({"X-Parkwatt-Token": "PAGE"}, 403),  # no Origin: no browser's page
        ({"X-Parkwatt-Token": "PAGE", "origin": "http://evil.example"}, 403),
        ({"X-Parkwatt-Token": "PAGE", "origin": "null"}, 403),
        ({"X-Parkwatt-Token": "PAGE", "origin": HERE, "x-forwarded-for": "10.0.0.9"}, 403),
        ({"X-Parkwatt-Token": "PAGE", "origin": HERE, "host": "rebound.example"}, 421),
        ({"authorization": f"Bearer {TOKEN}", "origin": "http://evil.example"}, 403),
        ({"X-Parkwatt-Token": "PAGE", "origin": HERE}, 200),
    ],
)  # fmt: skip
def test_only_the_command_and_the_page_may_write(client: TestClient, headers: dict, status: int) -> None:
    page = client.get("/api/v1/page-token").json()["token"]
    headers = {k: v.replace("PAGE", page) for k, v in headers.items()}
    assert client.post("/api/v1/corrections", json=RATIO, headers=headers).status_code == status
    assert len(client.get("/api/v1/corrections").json()) == (status == 200)


def test_the_page_s_token_stays_on_this_machine(client: TestClient, runtime: Runtime) -> None:
    app = make_app(runtime, TOKEN)
    own = TestClient(app, base_url=HERE, client=("127.0.0.1", 1))
    token = own.get("/api/v1/page-token").json()["token"]
    assert len(token) >= 40
    assert token not in {TOKEN, client.get("/api/v1/page-token").json()["token"]}  # another start, another token
    for headers in ({"sec-fetch-site": "same-site"}, {"x-forwarded-for": "10.0.0.9"}):
        assert own.get("/api/v1/page-token", headers=headers).json() == {"token": None}
    other = TestClient(app, base_url=HERE, client=("10.0.0.9", 1))
    assert other.get("/api/v1/page-token").json() == {"token": None}
    refused = other.post("/api/v1/corrections", json=RATIO, headers={"X-Parkwatt-Token": token, "origin": HERE})
    assert refused.status_code == 403
    assert own.get("/api/v1/page-token", headers={"origin": "http://evil.example"}).status_code == 403
    assert own.get("/api/v1/page-token", headers={"sec-fetch-site": "cross-site"}).status_code == 403


@pytest.mark.parametrize("body", [{}, {**RATIO, "factor": -1}, {**RATIO, "point": "hangar"}, {**RATIO, "x": 1}])
def test_a_correction_that_cannot_be_is_refused_in_words(client: TestClient, body: dict) -> None:
    answer = client.post("/api/v1/corrections", json=body, headers=BEARER)
    assert answer.status_code == 400
    assert answer.json()["detail"]
    assert client.get("/api/v1/corrections").json() == []


# -- the command


ADD = ["ratio", "--point", "roof", "--from", "2026-10-08", "--to", "2026-10-15", "--factor", "3"]
SIGN = ["--author", "Li Wei", "--reason", "CT is 200/5, not 5/5"]


def test_the_command_works_without_a_service(runtime: Runtime, tmp_path: Path, capsys) -> None:
    path = str(tmp_path / "PARK.yaml")
    runtime.store.close()
    runtime.state.close()
    assert main(["correct", path, "list"]) == 0
    assert main(["correct", path, "add", *ADD, *SIGN]) == 0
    assert main(["correct", path, "undo", "1", *SIGN]) == 0
    assert main(["correct", path, "list"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "no corrections"
    assert told[1] == "   1  Roof: counted energy and power multiplied by 3 (2026-10-08 00:00 – 2026-10-15 00:00)"
    assert told[-1].startswith("      undone by Li Wei")
    assert main(["correct", path, "undo", "1", *SIGN]) == 2
    assert main(["correct", path, "add", *ADD[:-2], *SIGN]) == 2
    assert "ratio needs factor" in capsys.readouterr().err


@pytest.mark.usefixtures("server")
def test_the_command_goes_through_the_service_that_owns_the_park(runtime: Runtime, capsys) -> None:
    path = str(runtime.park.state.parent / "PARK.yaml")
    assert main(["correct", path, "add", *ADD, *SIGN]) == 0
    assert line(document(runtime), "generation_kwh") == 31 * 240.0 + 7 * 480.0
    assert main(["correct", path, "undo", "1", *SIGN]) == 0
    assert main(["correct", path, "list"]) == 0
    assert "undone by Li Wei" in capsys.readouterr().out
    assert main(["correct", path, "undo", "1", *SIGN]) == 2
    assert "undone already" in capsys.readouterr().err


def test_what_was_archived_away_cannot_be_corrected(runtime: Runtime) -> None:
    september = [datetime(2026, month, 30, 16, tzinfo=UTC).timestamp() * 1e6 for month in (8, 9)]
    runtime.state.set_value("archive/dropped/2026-09", "{:.0f} {:.0f}".format(*september))
    late = RATIO | {"start": "2026-09-29", "end": "2026-10-05"}
    with pytest.raises(ConfigError, match="were archived and have left the store"):
        corrections.add(runtime, late)
    assert runtime.state.corrections() == []
    runtime.state.set_value("archive/dropped/2026-09", "")
    assert corrections.add(runtime, late).id == 1


# -- what one would change


def test_a_trial_tells_what_a_correction_changes_and_records_nothing(client: TestClient, runtime: Runtime) -> None:
    before = document(runtime)
    asked = client.post("/api/v1/corrections/preview?lang=en", json=RATIO, headers=BEARER)
    assert asked.status_code == 200
    found = asked.json()
    roof = [t for t in found["totals"] if t["entity"] == "Roof"]
    assert [(t["days"], t["before"], t["after"]) for t in roof] == [(7, "1,680 kWh", "5,040 kWh")]
    park = {t["quantity"]: (t["before"], t["after"]) for t in found["totals"] if t["entity"] == "Small park"}
    assert list(park.values()) == [("1,680 kWh", "5,040 kWh"), ("6,720 kWh", "10.1 MWh")]  # the balance is import's
    assert sorted({d["day"] for d in found["days"]}) == [f"2026-10-{n:02d}" for n in range(8, 15)]
    assert found["untried"] == 0
    assert (runtime.state.corrections(), runtime.state.dirty()) == ([], [])
    assert document(runtime) == before
    corrections.add(runtime, RATIO)
    assert day(runtime, "roof", "generation_kwh", 8) == 720.0


@pytest.mark.parametrize("body", [{}, {**RATIO, "factor": -1}, {**RATIO, "point": "hangar"}, {**RATIO, "x": 1}])
def test_a_trial_refuses_what_cannot_be(client: TestClient, body: dict) -> None:
    assert client.post("/api/v1/corrections/preview", json=body, headers=BEARER).status_code == 400
    assert client.post("/api/v1/corrections/preview", json=RATIO).status_code == 401


def test_the_page_s_list_is_about_its_range(client: TestClient, runtime: Runtime) -> None:
    corrections.add(runtime, RATIO)
    asked = {"lang": "en", "from": "2026-10-14", "to": "2026-10-20"}
    view = client.get("/api/v1/corrections/view", params=asked).json()
    assert ([e["id"] for e in view["entries"]], view["all"], view["zone"]) == ([1], 1, "Asia/Shanghai")
    later = client.get("/api/v1/corrections/view", params={"from": "2026-10-16"}).json()
    assert (later["entries"], later["all"]) == ([], 1)
    assert client.get("/api/v1/corrections/view", params={"from": "9999-12-31"}).status_code == 422
