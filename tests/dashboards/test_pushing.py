"""Dashboards pushed into a Grafana that is already there: what it takes, what it refuses, and in which words."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from core.errors import ConfigError, Retryable
from core.park import Park
from core.text import Language
from dashboards.grafana import build
from dashboards.look import look_of
from dashboards.pushing import Push, Source, park_source_uid
from tests.conftest import free_port
from tests.dashboards.grafana_stand_in import TOKEN, GrafanaStandIn

NOW = datetime(2026, 11, 21, 6, 20, tzinfo=UTC)
PASSWORD = "never-to-be-seen"  # noqa: S105


@pytest.fixture
def grafana() -> Iterator[GrafanaStandIn]:
    made = GrafanaStandIn()
    yield made
    made.stop()


@pytest.fixture
def source(lakeside: Park) -> Source:
    uid = park_source_uid(lakeside.id)
    return Source(uid, "Parkwatt lakeside", "http://influxdb:8086", "parkwatt", "grafana", PASSWORD)


_made: dict[tuple[str, str], str] = {}


def documents(park: Park, uid: str | None = None) -> list:
    """Make a park's dashboards once; every caller gets its own copy."""
    key = (park.id, uid or park_source_uid(park.id))
    if key not in _made:
        _made[key] = json.dumps(list(build([look_of(park, k, NOW, key[1]) for k in Language]).values()))
    return json.loads(_made[key])


def push(grafana: GrafanaStandIn, park: Park, source: Source | str, *, token: str = TOKEN, **how):
    door = Push(grafana.url, token, timeout_s=5)
    try:
        return door.push(documents(park, source if isinstance(source, str) else source.uid), source, **how)
    finally:
        door.close()


def test_an_empty_grafana_gets_everything(grafana: GrafanaStandIn, lakeside: Park, source: Source):
    done = push(grafana, lakeside, source)
    assert (len(done.created), done.changed, done.unchanged) == (14, [], [])
    assert done.created[:2] == ["folder Parkwatt", "data source Parkwatt lakeside"]
    assert grafana.folders["parkwatt"]["title"] == "Parkwatt"
    kept = grafana.sources[source.uid]
    assert kept["jsonData"] == {
        "version": "InfluxQL", "dbName": "parkwatt", "httpMode": "POST", "timeInterval": "15m",
    }  # fmt: skip
    assert kept["secret"] == {"password": PASSWORD}
    assert len(grafana.dashboards) == 12
    assert {m["folderUid"] for m in grafana.meta.values()} == {"parkwatt"}
    sources = {t["datasource"]["uid"] for d in grafana.dashboards.values() for p in d["panels"] for t in p["targets"]}
    assert sources == {source.uid}


def test_a_second_push_changes_nothing(grafana: GrafanaStandIn, lakeside: Park, source: Source):
    push(grafana, lakeside, source)
    grafana.writes.clear()
    done = push(grafana, lakeside, source)
    assert (done.created, done.changed, len(done.unchanged)) == ([], [], 13)
    assert grafana.writes == []


def test_only_what_differs_is_written(grafana: GrafanaStandIn, lakeside: Park, source: Source):
    push(grafana, lakeside, source)
    uid = next(u for u in grafana.dashboards if u.endswith("-pv-en"))
    grafana.dashboards[uid]["title"] = "An older title"
    grafana.meta[uid]["folderUid"] = "moved-here"
    grafana.sources[source.uid]["url"] = "http://old:8086"
    grafana.writes.clear()
    done = push(grafana, lakeside, source)
    assert done.changed == ["data source Parkwatt lakeside", "Lakeside zero-carbon park · PV"]
    assert grafana.writes == [f"source {source.uid}", f"dashboard {uid}"]
    assert grafana.dashboards[uid]["version"] == 2
    assert grafana.meta[uid]["folderUid"] == "moved-here"


def test_a_new_password_is_handed_over_when_asked(grafana: GrafanaStandIn, lakeside: Park, source: Source):
    push(grafana, lakeside, source)
    grafana.sources[source.uid]["secret"] = {"password": "old"}
    assert push(grafana, lakeside, source).changed == []
    assert push(grafana, lakeside, source, renew_secrets=True).changed == ["data source Parkwatt lakeside"]
    assert grafana.sources[source.uid]["secret"] == {"password": PASSWORD}


def test_two_parks_live_side_by_side(grafana: GrafanaStandIn, lakeside: Park, source: Source):
    push(grafana, lakeside, source)
    other = lakeside.model_copy(update={"id": "hillside"})
    its = Source(park_source_uid("hillside"), "Parkwatt hillside", "http://other:8086", "hill")
    # Its name is that of the first park, which a folder of old does not take twice.
    assert len(push(grafana, other, its, folder="Hillside").created) == 14
    assert len(grafana.dashboards) == 24
    assert len(grafana.sources) == 2


def test_a_data_source_that_is_there_can_be_used(grafana: GrafanaStandIn, lakeside: Park):
    grafana.sources["theirs"] = {"uid": "theirs", "name": "Influx", "type": "influxdb"}
    push(grafana, lakeside, "theirs")
    assert list(grafana.sources) == ["theirs"]
    grafana.sources["loki"] = {"uid": "loki", "name": "Logs", "type": "loki"}
    with pytest.raises(ConfigError, match="of type loki, not influxdb"):
        push(grafana, lakeside, "loki")
    with pytest.raises(ConfigError, match="no data source with the uid nowhere"):
        push(grafana, lakeside, "nowhere")


def test_a_provisioned_data_source_stays_as_it_is(grafana: GrafanaStandIn, lakeside: Park, source: Source):
    push(grafana, lakeside, source)
    grafana.sources[source.uid] |= {"readOnly": True, "url": "http://from-a-file:8086"}
    assert "data source Parkwatt lakeside" in push(grafana, lakeside, source).unchanged


def test_a_grafana_below_a_path_is_found(lakeside: Park, source: Source):
    grafana = GrafanaStandIn("/grafana")
    assert len(push(grafana, lakeside, source).created) == 14
    grafana.stop()


def refused(grafana: GrafanaStandIn, park: Park, source: Source | str, kind=ConfigError, **how) -> str:
    before = list(grafana.writes)
    with pytest.raises(kind) as told:
        push(grafana, park, source, **how)
    assert grafana.writes == before  # nothing half done
    assert PASSWORD not in str(told.value)
    assert TOKEN not in str(told.value)
    return str(told.value)


def test_a_bad_token_is_told(grafana: GrafanaStandIn, lakeside: Park, source: Source):
    said = refused(grafana, lakeside, source, token="glsa_wrong")  # noqa: S106
    assert "does not accept the token (401 Invalid API key)" in said
    assert "glsa_wrong" not in said


def test_a_token_that_may_not_is_told_what_it_lacks(grafana: GrafanaStandIn, lakeside: Park, source: Source):
    grafana.forbidden = {"folders:create"}
    assert "Permissions needed: folders:create" in refused(grafana, lakeside, source)
    grafana.folders["parkwatt"] = {"uid": "parkwatt", "title": "Parkwatt"}
    grafana.forbidden = {"datasources:create"}
    assert "use --datasource UID" in refused(grafana, lakeside, source)


@pytest.mark.parametrize(
    ("version", "fine"), [("9.5.1", False), ("10.2.8", False), ("10.3.0", True), ("13.3.0-1", True)]
)
def test_an_old_grafana_is_told_the_least_version(
    grafana: GrafanaStandIn, lakeside: Park, source: Source, version: str, fine: bool
):
    grafana.version = version
    if fine:
        push(grafana, lakeside, source)
    else:
        assert f"is {version}; the dashboards need 10.3 or later" in refused(grafana, lakeside, source)


def test_a_grafana_that_hides_its_version_is_taken_at_its_word(grafana: GrafanaStandIn, lakeside: Park, source: Source):
    grafana.version = ""
    assert len(push(grafana, lakeside, source).created) == 14


def test_somebody_elses_dashboard_is_never_overwritten(grafana: GrafanaStandIn, lakeside: Park, source: Source):
    uid = documents(lakeside)[3]["uid"]
    theirs = {"uid": uid, "title": "Mine", "tags": ["private"], "version": 7, "id": 1}
    grafana.dashboards[uid], grafana.meta[uid] = dict(theirs), {"folderUid": ""}
    assert "'Mine' with the uid" in refused(grafana, lakeside, source)
    assert grafana.dashboards == {uid: theirs}


def test_a_dashboard_of_the_same_name_is_told(grafana: GrafanaStandIn, lakeside: Park, source: Source):
    push(grafana, lakeside, source)
    document = grafana.dashboards.pop(next(u for u in grafana.dashboards if u.endswith("-data-zh")))
    grafana.dashboards["other"] = document | {"uid": "other"}
    grafana.meta["other"] = {"folderUid": "parkwatt"}
    said = refused(grafana, lakeside, source)
    assert "the name is taken: A dashboard with the same name in the folder already exists" in said


def test_a_folder_that_is_not_ours_is_left_alone_until_named(grafana: GrafanaStandIn, lakeside: Park, source: Source):
    grafana.folders["abc"] = {"uid": "abc", "title": "Parkwatt"}
    assert "a folder called Parkwatt that is not ours (uid abc)" in refused(grafana, lakeside, source)
    push(grafana, lakeside, source, folder="Parkwatt")
    assert {m["folderUid"] for m in grafana.meta.values()} == {"abc"}
    assert list(grafana.folders) == ["abc"]


def test_a_data_source_of_the_same_name_is_told(grafana: GrafanaStandIn, lakeside: Park, source: Source):
    grafana.sources["abc"] = {"uid": "abc", "name": "Parkwatt lakeside", "type": "influxdb"}
    assert "use it with --datasource abc" in refused(grafana, lakeside, source)


def test_a_provisioned_dashboard_cannot_be_pushed(grafana: GrafanaStandIn, lakeside: Park, source: Source):
    push(grafana, lakeside, source)
    next(iter(grafana.meta.values()))["provisioned"] = True
    assert "comes from files of the Grafana server" in refused(grafana, lakeside, source)


def test_who_saves_at_the_same_moment_is_not_run_over(grafana: GrafanaStandIn, lakeside: Park, source: Source):
    push(grafana, lakeside, source)
    uid = next(u for u in grafana.dashboards if u.endswith("-pv-en"))
    grafana.dashboards[uid]["title"] = "Being worked on"

    def save() -> None:
        grafana.dashboards[uid]["version"] = 9

    grafana.before_write = save
    assert "saved it in Grafana at this very moment" in refused(grafana, lakeside, source, Retryable)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((503, {"message": "the server is starting"}), "503 the server is starting"),
        ((500, "boom"), "500 no reason given"),
        ((429, {"message": "slow down"}), "429 slow down"),
    ],
)
def test_a_grafana_that_cannot_now_is_asked_again_later(
    grafana: GrafanaStandIn, lakeside: Park, source: Source, answer: tuple[int, object], words: str
):
    grafana.failing = answer
    assert words in refused(grafana, lakeside, source, Retryable)


def test_a_grafana_that_is_down_is_told(lakeside: Park, source: Source):
    door = Push(f"http://127.0.0.1:{free_port()}", TOKEN, timeout_s=2)
    with pytest.raises(Retryable, match=r"Grafana at http://127\.0\.0\.1:\d+ cannot be reached: .*refused"):
        door.push(documents(lakeside), source)
    door.close()


def test_something_else_that_answers_is_not_taken_for_grafana(grafana: GrafanaStandIn, lakeside: Park, source: Source):
    grafana.html = True
    assert "is not Grafana" in refused(grafana, lakeside, source)


@pytest.mark.parametrize("url", ["grafana.example", "ftp://grafana", "http://", "http://user:hunter2@grafana:3000"])
def test_an_address_that_is_none_is_told_without_what_is_secret_in_it(url: str):
    with pytest.raises(ConfigError, match="is no address of Grafana") as told:
        Push(url, TOKEN)
    assert "hunter2" not in str(told.value)


def test_a_certificate_nobody_vouches_for_is_told_and_can_be_given(grafana: GrafanaStandIn, lakeside, source, tmp_path):
    pem = tmp_path / "grafana.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(pem), "-out", str(tmp_path / "ca.pem"),
         "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    pem.write_text(pem.read_text() + (tmp_path / "ca.pem").read_text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    grafana.server.socket = context.wrap_socket(grafana.server.socket, server_side=True)
    url = grafana.url.replace("http:", "https:")
    door = Push(url, TOKEN, timeout_s=5)
    with pytest.raises(ConfigError, match="is not trusted.*--ca-file"):
        door.push(documents(lakeside), source)
    door.close()
    door = Push(url, TOKEN, str(tmp_path / "ca.pem"), timeout_s=5)
    assert len(door.push(documents(lakeside), source).created) == 14
    door.close()


def test_secrets_do_not_show(source: Source):
    assert PASSWORD not in repr(source)


@pytest.mark.parametrize("said", [[1, 2, 3], {"buildInfo": 5}, {}, {"buildInfo": None}, [], "text", 5, None])
def test_an_answer_of_another_shape_is_a_strangers(
    grafana: GrafanaStandIn, lakeside: Park, source: Source, said: object
):
    grafana.failing = 200, said
    assert "is not Grafana" in refused(grafana, lakeside, source)


@pytest.mark.parametrize("asked", ["_dashboard", "_folder", "_source"])
@pytest.mark.parametrize(
    "said",
    [
        [1, 2, 3],
        {"dashboard": 5},
        {"dashboard": {}, "meta": []},
        {"dashboard": {"tags": 5}},
        {"type": "influxdb", "jsonData": 5},
    ],
)
def test_later_answers_of_another_shape_end_in_words_too(
    grafana: GrafanaStandIn, lakeside: Park, source: Source, said: object, asked: str, monkeypatch: pytest.MonkeyPatch
):
    """The version was right, what comes then is not: never anything but a fault in words."""
    genuine = getattr(Push, asked)

    def misled(self: Push, *terms: object):
        grafana.failing = 200, said
        try:
            return genuine(self, *terms)
        finally:
            grafana.failing = None

    monkeypatch.setattr(Push, asked, misled)
    door = Push(grafana.url, TOKEN, timeout_s=5)
    with suppress(ConfigError):
        door.push(documents(lakeside), source)
    door.close()
