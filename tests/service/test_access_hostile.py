"""What somebody hostile tried: each of these once worked."""

# ruff: noqa: F811 - fixtures are imported

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from core.access import Deed, Role
from core.errors import Retryable
from service.access.passwords import Passwords
from service.access.throttle import Throttle
from service.http import make_app
from service.runner import Runtime
from tests.service.test_access import NOW, SERVICE, SITE, bearer, open_park, park, sign_in, signed, token_of, visitor  # noqa: F401 - fixtures


def bring(client: TestClient, headers: dict[str, str], *files: Path, mapping: Path | None = None):
    query = {"mapping": str(mapping)} if mapping else {}
    return client.post("/api/v1/import", params=query, json=[str(f) for f in files], headers=headers)


def test_a_token_brings_in_no_file_that_the_owner_did_not_put_there(park: Runtime, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("hunter2,of the house\n1,2\n", encoding="utf-8")
    client, ann = visitor(park), visitor(park)
    for answer in (
        bring(client, bearer(token_of(park, "import")), secret),
        bring(client, bearer(token_of(park, "admin", name="adm")), secret, mapping=secret),
        bring(ann, signed(ann, "Ann"), secret),
    ):
        assert answer.status_code == 400
        assert "hunter2" not in answer.text
        assert "may import no file from there" in answer.json()["detail"]
    told = bring(client, bearer(SERVICE), secret)
    assert "hunter2" in told.json()["detail"]  # who reads files on this machine anyway is told why


@pytest.mark.parametrize("open_park", [", import_folders: [FOLDER/in]"], indirect=True)
def test_only_what_lies_below_the_folders_is_brought_in(park: Runtime, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    good, bad, link = tmp_path / "in" / "good.csv", tmp_path / "in" / "bad.csv", tmp_path / "in" / "link.csv"
    good.write_text("time,grid-1.energy_import_kwh\n2026-11-12T00:00:00Z,1\n2026-11-12T00:15:00Z,hunter2\n", "utf-8")
    bad.write_text("hunter2,of the house\n1,2\n", encoding="utf-8")
    secret = tmp_path / "secret.csv"
    secret.write_text(good.read_text("utf-8"), encoding="utf-8")
    link.symlink_to(secret)
    client, token = visitor(park), bearer(token_of(park, "import"))
    for path in (secret, link, tmp_path / "in" / ".." / "secret.csv", tmp_path / "in2", Path("in/good.csv")):
        assert "may import no file from there" in bring(client, token, path).json()["detail"], path
    assert "may import no file from there" in bring(client, token, good, mapping=secret).json()["detail"]
    quoted = bring(client, token, bad)
    assert (quoted.status_code, "hunter2" in quoted.text) == (400, False)
    assert bring(client, token, good, mapping=bad).status_code == 400
    done = bring(client, token, good)
    assert (done.status_code, done.json()["new"], done.json()["rejected"]) == (200, 1, 1)
    assert "hunter2" not in done.text


def test_the_record_is_read_whatever_stands_in_it(park: Runtime) -> None:
    client, own = visitor(park), bearer(SERVICE)
    deep = "[" * 300 + "]" * 300
    for body in (f'{{"a": {2**64}, "b": [{2**70}, {-(2**64)}]}}', f'{{"a": {"9" * 4000}}}', '{"a": NaN, "b": -Infinity}',
                 f'{{"a": {deep}}}', '{"a": "\\ud800"}'):  # fmt: skip
        client.post("/api/v1/corrections", content=body, headers={**own, "Content-Type": "application/json"})
    answer = client.get("/api/v1/audit", headers=own)
    assert answer.status_code == 200
    *_, second, first = answer.json()
    assert first["detail"]["after"] == {
        "a": "18446744073709551616",
        "b": ["1180591620717411303424", "-18446744073709551616"],
    }
    assert second["detail"]["after"]["a"] == "a number of 13288 bits"


def test_what_was_put_on_record_before_it_was_bounded_is_read_too(park: Runtime) -> None:
    park.people.begin(Deed("olga", "session", "", "old"), NOW)
    for detail in ('{"a": 36893488147419103232}', '{"a": NaN}', "[" * 100_000, "7", "{"):
        with closing(sqlite3.connect(park.park.state)) as file, file:
            file.execute(
                "INSERT INTO audit (at_us, who, how, address, action, subject, detail, outcome) "
                "VALUES (0, '', '', '', 'old', '', ?, '')", [detail],
            )  # fmt: skip
    answer = visitor(park).get("/api/v1/audit", headers=bearer(SERVICE))
    assert answer.status_code == 200
    details = [e["detail"] for e in answer.json()]
    assert details == [{"cut": "{"}, {"cut": 7}, {"cut": "[" * 500}, {"a": "nan"}, {"a": "36893488147419103232"}, None]


@pytest.mark.parametrize(("scope", "named"), [("operate", "grafana"), ("admin", "grafana")])
def test_a_token_signs_with_its_own_name(park: Runtime, scope: str, named: str) -> None:
    given = {"kind": "note", "point": "grid", "from": "2026-11-01", "to": "2026-11-02", "author": "olga", "reason": "x"}
    visitor(park).post("/api/v1/corrections", json=given, headers=bearer(token_of(park, scope)))
    (entry,) = park.people.audit()
    assert entry.deed.detail is not None
    assert entry.deed.detail["after"]["author"] == named


def test_a_fault_nobody_foresaw_is_answered_with_the_same_headers(park: Runtime) -> None:
    app = make_app(park, SERVICE)

    @app.get("/api/v1/broken")
    def broken() -> None:
        raise RuntimeError("secret of the house")

    client = TestClient(app, base_url=SITE, raise_server_exceptions=False)
    answer = client.get("/api/v1/broken", headers=bearer(SERVICE))
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["content-security-policy"].startswith("default-src 'self';")
    assert client.get("/", headers={"Origin": "http://[::1"}).status_code == 403


def test_steady_failures_of_others_keep_nobody_out_who_comes_back_when_told() -> None:
    throttle, now = Throttle(), 0.0
    for n in range(30):
        now += throttle.attempt("olga", f"10.0.0.{n}", now)
    told = throttle.attempt("olga", "192.0.2.1", now)
    assert told == 30.0
    for second in range(30):  # somebody fails again whenever that is heard
        throttle.attempt("olga", f"10.0.1.{second}", now + second)
        throttle.attempt("olga", f"10.0.0.{second}", now + second)
        assert throttle.attempt("olga", "192.0.2.1", now + second) == 30.0 - second
    for n in range(100, 105):
        throttle.attempt("olga", f"10.0.0.{n % 30}", now + 30)
    assert throttle.attempt("olga", "192.0.2.1", now + 30) == 0
    assert throttle.attempt("olga", "192.0.2.1", now + 30) == 30.0  # one attempt each time


def test_a_password_nobody_looked_at_counts_for_nothing(park: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> bool:
        raise Retryable("too many people sign in at this moment", 2.0)

    client = visitor(park)
    with monkeypatch.context() as patched:
        patched.setattr("service.access.passwords.Passwords.fits", busy)
        for _ in range(30):
            assert sign_in(client, "olga").headers["retry-after"] == "2"
    assert [sign_in(client, "olga", "a wrong password").status_code for _ in range(5)] == [401] * 5
    assert sign_in(client, "olga").status_code == 429


@pytest.mark.parametrize(
    "expires", ["9999-12-31", "9999-12-31T23:59:59-12:00", "2201-01-02", "2200-12-31T23:00:00-02:00"]
)
def test_no_token_lasts_beyond_what_can_be_written(park: Runtime, expires: str) -> None:
    asked = {"name": "far", "scopes": ["read"], "expires": expires}
    client = visitor(park)
    assert client.post("/api/v1/tokens", json=asked, headers=bearer(SERVICE)).status_code == 400
    assert client.get("/api/v1/tokens", headers=bearer(SERVICE)).json() == []


@pytest.mark.parametrize("number", [2**53 + 1, 2**64, 0, -1])
def test_numbers_no_record_can_have_are_refused(park: Runtime, number: int) -> None:
    client, own = visitor(park), bearer(SERVICE)
    assert client.get(f"/api/v1/audit?before={number}", headers=own).status_code == 422
    assert client.post(f"/api/v1/corrections/{number}/undo", json={"reason": "x"}, headers=own).status_code == 422
    asked = {"digest": park.park.digest, "number": number}
    assert client.post("/api/v1/quarantine/replay", json=asked, headers=own).status_code == 422


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("olga", {"password": "another good one", "role": "king"}), ("olga", {"role": "viewer", "password": "short"}),
     ("Ann", {"password": "another good one", "role": "viewer"}), ("Ann", {"password": "another good one", "disabled": True})],
)  # fmt: skip
def test_a_user_is_changed_whole_or_not(park: Runtime, name: str, wrong: dict[str, object]) -> None:
    before = park.people.person(name)
    answer = visitor(park).patch(f"/api/v1/users/{name}", json=wrong, headers=bearer(SERVICE))
    assert answer.status_code == 400
    assert park.people.person(name) == before
    right = {"password": "another good one", "role": "viewer", "disabled": True}
    assert visitor(park).patch("/api/v1/users/olga", json=right, headers=bearer(SERVICE)).json()["role"] == "viewer"
    changed = park.people.person("olga")
    assert changed is not None
    assert (changed.role, changed.disabled_at) == (Role.VIEWER, NOW)
    assert Passwords().fits(changed.password, "another good one")


def test_nobody_bears_a_name_that_is_taken_for_another_s(park: Runtime) -> None:
    client, own = visitor(park), bearer(SERVICE)

    def token(name: str) -> int:
        return client.post("/api/v1/tokens", json={"name": name, "scopes": ["read"]}, headers=own).status_code

    def user(name: str) -> int:
        given = {"name": name, "role": "viewer", "password": "another good one"}
        return client.post("/api/v1/users", json=given, headers=own).status_code

    assert [token(n) for n in ("olga", "OLGA", "page", "parkwatt", "\u043elga")] == [400] * 5
    assert [token("grafana"), token("Grafana"), user("GRAFANA")] == [201, 400, 400]
    assert [user("\u043elga"), user("Ann\u03b1"), user("Ольга"), user("Αννα"), user("李 Lei")] == [
        400,
        400,
        201,
        201,
        201,
    ]
    client.delete("/api/v1/tokens/1", headers=own)
    assert user("grafana") == 201


def test_what_is_done_with_alerts_and_reports_is_on_record_in_words(park: Runtime) -> None:
    client, own = visitor(park), bearer(SERVICE)
    act = {"fingerprint": "meter_silent/grid", "active_at": NOW.isoformat(), "text": "seen"}
    for what in ("ack", "unack", "comment"):
        client.post(f"/api/v1/alerts/{what}", json=act, headers=own)
    quiet = {"rule": "meter_silent", "entity": "grid", "end": "2026-11-13T08:00", "reason": "moved"}
    assert client.post("/api/v1/silences", json=quiet, headers=own).status_code == 200
    assert client.post("/api/v1/silences/1/end", json={"reason": "done"}, headers=own).status_code == 200
    client.post("/api/v1/reports/2026-13", headers=own)
    client.post("/api/v1/report-jobs/none/cancel", headers=own)
    deeds = [e.deed for e in reversed(park.people.audit())]
    assert [(d.action, d.subject) for d in deeds] == [
        ("alert.ack", "meter_silent/grid"), ("alert.unack", "meter_silent/grid"), ("alert.comment", "meter_silent/grid"),
        ("silence.add", "#1 meter_silent/grid"), ("silence.end", "#1"), ("report.make", "2026-13"),
        ("report.cancel", "none"),
    ]  # fmt: skip
    assert deeds[3].detail == {"after": {**quiet, "until": "2026-11-13T00:00:00+00:00"}}
    assert deeds[4].detail == {"after": {"reason": "done"}}
