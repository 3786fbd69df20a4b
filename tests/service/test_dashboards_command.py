"""`parkwatt dashboards build` and `push`, as typed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.cli import main
from tests.dashboards.grafana_stand_in import TOKEN, GrafanaStandIn
from tests.service.conftest import SIX_WEEKS, written

PASSWORD = "never-to-be-seen"  # noqa: S105


@pytest.fixture
def grafana() -> Iterator[GrafanaStandIn]:
    made = GrafanaStandIn()
    yield made
    made.stop()


@pytest.fixture
def park(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("INFLUX_SECRET", PASSWORD)
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    path = tmp_path / "PARK.yaml"
    store = "store: {url: 'http://influx.example:8086', database: park, username: reader, password_env: INFLUX_SECRET}"
    text = SIX_WEEKS.replace("store: {path: FOLDER/park.duckdb}", store).replace("FOLDER", str(tmp_path))
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_build_writes_the_parks_own_dashboards(park: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "made"
    assert main(["dashboards", "build", park, "--out", str(out)]) == 0
    files = sorted(out.iterdir())
    assert len(files) == 12
    assert capsys.readouterr().out.count("\n") == 12
    document = json.loads((out / "pv-zh.json").read_text(encoding="utf-8"))
    assert document["title"] == "小园区 · 光伏"
    assert document["timezone"] == "Asia/Shanghai"
    assert document["panels"][0]["targets"][0]["datasource"]["uid"] == "parkwatt-influx"


def test_push_says_what_it_did_and_the_second_time_that_nothing_was_to_do(
    park: str, grafana: GrafanaStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["dashboards", "push", park, "--url", grafana.url, "--token-env", "GRAFANA_TOKEN"]
    assert main(typed) == 0
    said = capsys.readouterr().out
    assert said.endswith("14 made, 0 changed, 0 as they were\n")
    assert "made: 小园区 · 光伏\n" in said
    (source,) = grafana.sources.values()
    assert (source["url"], source["user"], source["secret"]["password"]) == (
        "http://influx.example:8086", "reader", PASSWORD,
    )  # fmt: skip
    assert main(typed) == 0
    assert capsys.readouterr().out == "0 made, 0 changed, 13 as they were\n"


def test_grafana_may_find_influxdb_elsewhere_as_somebody_else(
    park: str, grafana: GrafanaStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("READER", "reads-only")
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    typed = ["--url", grafana.url, "--token-file", str(token), "--datasource-url", "http://influxdb:8086"]
    reader = ["--datasource-user", "grafana", "--datasource-password-env", "READER", "--folder", "Energy"]
    assert main(["dashboards", "push", park, *typed, *reader]) == 0
    (source,) = grafana.sources.values()
    assert (source["url"], source["user"], source["secret"]["password"]) == (
        "http://influxdb:8086", "grafana", "reads-only",
    )  # fmt: skip
    assert [f["title"] for f in grafana.folders.values()] == ["Energy"]


def test_influxdb_2_is_read_with_a_token_of_grafanas_own(
    park: str, grafana: GrafanaStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("READER", "reads-only")
    typed = ["dashboards", "push", park, "--url", grafana.url, "--token-env", "GRAFANA_TOKEN"]
    assert main([*typed, "--datasource-token-env", "READER"]) == 0
    (source,) = grafana.sources.values()
    assert source["secret"] == {"httpHeaderValue1": "Token reads-only"}
    assert source["jsonData"]["httpHeaderName1"] == "Authorization"
    assert source["user"] == ""
    assert main([*typed, "--datasource-token-env", "ABSENT"]) == 2


def test_without_a_token_of_its_own_grafana_gets_the_parks(park: str, grafana: GrafanaStandIn) -> None:
    path = Path(park)
    store = "database: park, bucket: park, org: us, token_env: INFLUX_SECRET}"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("database: park, username: reader, password_env: INFLUX_SECRET}", store))
    assert main(["dashboards", "push", park, "--url", grafana.url, "--token-env", "GRAFANA_TOKEN"]) == 0
    (source,) = grafana.sources.values()
    assert source["secret"] == {"httpHeaderValue1": f"Token {PASSWORD}"}


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "the environment variable T holds no token"),
        ("two words", "what the environment variable T holds is no token"),
        ("glsa_wrong", "does not accept the token (401 Invalid API key)"),
    ],
)
def test_a_bad_token_ends_in_one_line_without_the_token(
    park: str, grafana: GrafanaStandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    token: str, words: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("T", token)
    assert main(["dashboards", "push", park, "--url", grafana.url, "--token-env", "T"]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert not token or token not in said.replace("is no token", "")
    assert PASSWORD not in said


@pytest.mark.parametrize(
    "action", [["build", "--out", "x"], ["push", "--url", "http://127.0.0.1:1", "--token-env", "T"]]
)
def test_without_the_extra_it_says_what_to_install(
    park: str, action: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("dashboards.dsl", "dashboards.pushing"):
        monkeypatch.setitem(sys.modules, name, None)
    assert main(["dashboards", action[0], park, *action[1:]]) == 2
    assert "pip install 'parkwatt[grafana]'" in capsys.readouterr().err


def test_a_token_file_that_is_not_there_is_named(park: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboards", "push", park, "--url", "http://127.0.0.1:1", "--token-file", "/nowhere/token"]) == 2
    assert "/nowhere/token: No such file" in capsys.readouterr().err


def test_a_grafana_that_is_down_is_worth_another_try(park: str, capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["dashboards", "push", park, "--url", "http://127.0.0.1:1", "--token-env", "GRAFANA_TOKEN"]
    assert main(typed) == 75
    assert "Grafana at http://127.0.0.1:1 cannot be reached" in capsys.readouterr().err


def test_a_park_with_the_embedded_store_has_nothing_grafana_could_read(
    tmp_path: Path, grafana: GrafanaStandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("T", TOKEN)
    assert main(["dashboards", "push", str(written(tmp_path)), "--url", grafana.url, "--token-env", "T"]) == 2
    assert "Grafana reads InfluxDB, and this park has the embedded store" in capsys.readouterr().err
    assert grafana.writes == []
