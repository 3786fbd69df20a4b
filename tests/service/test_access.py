"""Who may see and change what: over the whole application, as a stranger, a user, a program and an enemy."""

from __future__ import annotations

import io
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from core.access import Deed, Role
from core.clock import ManualClock
from core.errors import ConfigError, Retryable
from core.park_file import load_park, parse_park
from service import address
from service.access import managing
from service.access.passwords import NOBODY, Passwords, checked
from service.access.throttle import Throttle
from service.cli import main
from service.http import make_app
from service.runner import Runtime, opened
from service.serving import serve_runtime
from store.access import AccessTables

SERVICE = "the-service-s-own"
NOW = datetime(2026, 11, 12, 4, 0, tzinfo=UTC)
SITE = "http://127.0.0.1:8080"
PASSWORD = "correct horse battery"  # noqa: S105
HASH = Passwords().hashed(PASSWORD)
YAML = """
id: small
name: {zh: 小园区, en: Small park}
latitude: 31.2
longitude: 121.5
timezone: Asia/Shanghai
http: {port: 0HTTP}
store: {path: FOLDER/park.duckdb}
state: FOLDER/state.sqlite
points:
  - {id: grid, role: grid, name: {zh: 并网点, en: Grid}, devices: [{id: grid-1, template: json, interval_s: 900}]}
"""


def yaml(folder: Path, http: str = "") -> str:
    return YAML.replace("FOLDER", str(folder)).replace("HTTP", http)


@pytest.fixture
def open_park(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Runtime]:
    """A park without users; a test may say more about `http`."""
    text = yaml(tmp_path, getattr(request, "param", "").replace("FOLDER", str(tmp_path)))
    with opened(parse_park(text.encode()), ManualClock(NOW), text, "ingest", "serve") as runtime:
        yield runtime


@pytest.fixture
def park(open_park: Runtime) -> Runtime:
    for name, role in (("Ann", Role.ADMIN), ("olga", Role.OPERATOR), ("张伟", Role.VIEWER)):
        open_park.people.add_person(name, role, HASH, NOW)
    return open_park


@pytest.fixture
def guest(park: Runtime) -> TestClient:
    """Somebody on this machine who has not signed in."""
    return visitor(park)


def visitor(runtime: Runtime, address: str = "127.0.0.1", app=None, site: str = SITE) -> TestClient:
    return TestClient(app or make_app(runtime, SERVICE), base_url=site, client=(address, 40000), follow_redirects=False)


def sign_in(client: TestClient, name: str, password: str = PASSWORD, **more: str):
    form = {"name": name, "password": password, **more}
    return client.post("/login", data=form, headers={"Origin": str(client.base_url)})


def signed(client: TestClient, name: str) -> dict[str, str]:
    """Sign in, and return what the page shows when it writes."""
    assert sign_in(client, name).status_code == 303
    token = client.get("/api/v1/page-token").json()["token"]
    return {"X-Parkwatt-Token": token, "Origin": str(client.base_url)}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def routes(app) -> list[tuple[str, str]]:
    """Every method and address of the application, with 1 for whatever stands in it."""
    found = list(_below(app.routes, ""))
    assert len(found) > 25
    return found


def _below(some, prefix: str) -> Iterator[tuple[str, str]]:
    for route in some:
        if hasattr(route, "original_router"):
            yield from _below(route.original_router.routes, prefix + route.include_context.prefix)
        elif isinstance(route, Route):
            for method in route.methods:
                yield method, prefix + re.sub(r"\{(\w+)\}", "1", route.path)
        else:
            raise TypeError(f"{route} is a kind of route this test does not know")


OPEN = {"/", "/login", "/logout", "/healthz", "/metrics"}


def test_no_route_is_read_or_changed_without_signing_in(park: Runtime) -> None:
    app = make_app(park, SERVICE)
    stranger = visitor(park, "192.0.2.7", app)
    for method, path in routes(app):
        if path in OPEN - {"/metrics"} or path.startswith("/static/"):
            continue
        answer = stranger.request(method, path)
        assert answer.status_code == 401, (method, path)
        assert method == "HEAD" or answer.json() == {"detail": "sign in first, or show a token"}
    assert park.people.audit() == []


def test_no_route_lets_a_viewer_change_anything_but_their_own(park: Runtime) -> None:
    app = make_app(park, SERVICE)
    viewer = visitor(park, app=app)
    shown = signed(viewer, "张伟")
    changing = [(m, p) for m, p in routes(app) if m not in {"GET", "HEAD"} and p not in OPEN]
    assert len(changing) >= 8
    for method, path in changing:
        if path == "/api/v1/me/password":
            continue
        answer = viewer.request(method, path, json={}, headers=shown)
        assert answer.status_code == 403, (method, path)
        assert answer.json()["detail"] == "this needs the role operator; 张伟 is viewer"


def test_every_change_is_on_record_whatever_its_route_says(park: Runtime) -> None:
    app = make_app(park, SERVICE)

    @app.post("/api/v1/forgetful")
    def forgetful() -> str:
        return "changed"

    @app.post("/api/v1/broken")
    def broken() -> None:
        raise RuntimeError("secret of the house")

    operator = visitor(park, app=app)
    shown = signed(operator, "olga")
    for method, path in routes(app):
        if method in {"GET", "HEAD"} or path in OPEN:
            continue
        before = len(park.people.audit(limit=1000))
        client = TestClient(app, base_url=SITE, client=("127.0.0.1", 1), raise_server_exceptions=False)
        client.cookies = operator.cookies
        answer = client.request(method, path, json={}, headers=shown)
        assert "secret" not in answer.text
        entries = park.people.audit(limit=1000)
        assert len(entries) == before + 1, (method, path)
        assert entries[0].deed.who == "olga"
        assert entries[0].deed.address == "127.0.0.1"
        assert entries[0].deed.outcome
    said = {e.deed.action: e.deed.outcome for e in park.people.audit(limit=1000)}
    assert said["POST /api/v1/forgetful"] == "done"
    assert said["POST /api/v1/broken"] == "failed"
    assert said["POST /api/v1/import"] == "refused (422)"


@pytest.mark.parametrize("name", ["olga", "OLGA", " olga ", "ｏｌｇａ"])
def test_signing_in_gives_a_cookie_that_scripts_and_other_sites_do_not_get(guest: TestClient, name: str) -> None:
    answer = sign_in(guest, name, next="?lang=en#alerts")
    assert answer.status_code == 303
    assert answer.headers["location"] == "./?lang=en#alerts"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("parkwatt-small=")
    assert re.search(r"; HttpOnly; Max-Age=43200; Path=/; SameSite=strict$", cookie)
    assert guest.get("/api/v1/me").json() == {
        "name": "olga",
        "role": "operator",
        "how": "session",
        "zone": "Asia/Shanghai",
    }
    assert guest.get("/api/v1/park").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
     "?x\r\nSet-Cookie: a=b", "evil", "/../x", "?" + "x" * 2000],
)  # fmt: skip
def test_after_signing_in_nobody_is_led_elsewhere(guest: TestClient, target: str) -> None:
    answer = sign_in(guest, "olga", next=target)
    assert answer.headers["location"] == "./"
    assert answer.headers.get_list("set-cookie") == [answer.headers["set-cookie"]]


@pytest.mark.parametrize(
    ("name", "password"),
    [("olga", "wrong password"), ("nobody", PASSWORD), ("olga", ""), ("", ""), ("o' OR 1=1 --", PASSWORD),
     ("olga\x00", PASSWORD), ("olga", PASSWORD + "\x00"), ("olga", "x" * 5000), ("\ud800", "\ud800"), ("<b>", "y")],
)  # fmt: skip
def test_a_wrong_name_and_a_wrong_password_are_told_apart_by_nobody(
    guest: TestClient, name: str, password: str
) -> None:
    answer = guest.post("/login", json={"name": name.encode("utf-8", "replace").decode(), "password": password[:9000]
                        if "\ud800" not in password else "?"}, headers={"Origin": SITE})  # fmt: skip
    assert answer.status_code == 401
    assert answer.json() == {"detail": "wrong", "wait_s": 0}
    form = sign_in(guest, "<b>", "y")
    assert "User name or password is not right." in form.text or "用户名或密码不正确。" in form.text
    assert "<b>" not in form.text
    assert "set-cookie" not in form.headers


@pytest.mark.parametrize("body", [b"\xff\xfe", b"{", b"[1]", b'{"name": 1}', b"&" * 100, b"name=a&" * 50])
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
def test_a_form_that_is_none_is_a_wrong_one(guest: TestClient, body: bytes, kind: str) -> None:
    answer = guest.post("/login", content=body, headers={"Origin": SITE, "Content-Type": kind})
    assert answer.status_code == 401


def test_nobody_has_to_read_a_password_of_a_megabyte(guest: TestClient) -> None:
    assert sign_in(guest, "olga", "x" * 1_000_000).status_code == 413

    def parts() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 1000

    answer = guest.post("/login", content=parts(), headers={"Origin": SITE})
    assert answer.status_code == 413
    assert guest.post("/api/v1/corrections", content=b"x" * 2_000_000).status_code == 401  # not even looked at
    shown = signed(guest, "olga")
    assert guest.post("/api/v1/corrections", content=b"x" * 2_000_000, headers=shown).status_code == 413


def test_a_user_who_is_shut_out_does_as_one_who_is_not_there(park: Runtime, guest: TestClient) -> None:
    park.people.disable("olga", NOW)
    assert sign_in(guest, "olga").status_code == 401
    park.people.disable("olga", None)
    assert sign_in(guest, "olga").status_code == 303


def test_a_forged_form_changes_nothing(park: Runtime, guest: TestClient) -> None:
    shown = signed(guest, "Ann")
    other = visitor(park, app=guest.app)
    others = signed(other, "olga")
    new = {"name": "mallory", "role": "admin", "password": PASSWORD}
    for headers in (
        {"Origin": SITE},
        {**shown, "X-Parkwatt-Token": ""},
        {**shown, "X-Parkwatt-Token": others["X-Parkwatt-Token"]},
        {**shown, "Origin": "http://evil.example"},
        {**shown, "Origin": "null"},
        {**shown, "Sec-Fetch-Site": "cross-site"},
    ):
        assert guest.post("/api/v1/users", json=new, headers=headers).status_code == 403, headers
    assert park.people.person("mallory") is None
    assert guest.post("/api/v1/users", json=new, headers=shown).status_code == 201
    cross = {"Origin": "http://evil.example"}
    assert guest.post("/login", data={"name": "olga", "password": PASSWORD}, headers=cross).status_code == 403
    assert guest.post("/logout", headers={"Origin": SITE}).status_code == 403


def test_a_session_brought_along_is_not_taken_over(park: Runtime, guest: TestClient) -> None:
    guest.cookies.set("parkwatt-small", "chosen-by-an-attacker")
    assert guest.get("/api/v1/me").status_code == 401
    sign_in(guest, "olga")
    attacker = visitor(park, app=guest.app)
    attacker.cookies.set("parkwatt-small", "chosen-by-an-attacker")
    assert attacker.get("/api/v1/me").status_code == 401


def test_a_session_ends_by_itself_by_hand_and_with_its_user(park: Runtime, guest: TestClient) -> None:
    def me() -> int:
        return guest.get("/api/v1/me").status_code

    shown = signed(guest, "olga")
    kept = guest.cookies["parkwatt-small"]
    assert guest.post("/logout", headers=shown).status_code == 204
    guest.cookies.set("parkwatt-small", kept)  # a copy somebody made
    assert me() == 401
    for end in (
        lambda: park.people.disable("olga", NOW),
        lambda: park.people.set_password("olga", HASH),
        lambda: park.people.remove_person("olga"),
    ):
        park.people.disable("olga", None)
        guest.cookies.clear()
        assert sign_in(guest, "olga").status_code == 303
        assert me() == 200
        end()
        assert me() == 401
    park.people.add_person("olga", Role.ADMIN, HASH, NOW)
    assert me() == 401  # a new user of an old name
    guest.cookies.clear()
    sign_in(guest, "Ann")
    park.clock.advance(timedelta(hours=11, minutes=59))
    assert me() == 200
    park.clock.advance(timedelta(minutes=1))
    assert me() == 401


def test_a_clock_that_was_wrong_leaves_no_session_for_years(park: Runtime, guest: TestClient) -> None:
    park.clock.advance(timedelta(days=800))
    sign_in(guest, "olga")
    assert guest.get("/api/v1/me").status_code == 200
    park.clock.advance(-timedelta(days=800))
    assert guest.get("/api/v1/me").status_code == 401


def test_a_role_that_changes_counts_at_once(park: Runtime, guest: TestClient) -> None:
    shown = signed(guest, "olga")
    assert guest.get("/api/v1/users").status_code == 403
    park.people.set_role("olga", Role.ADMIN)
    assert guest.get("/api/v1/users").status_code == 200
    park.people.set_role("olga", Role.VIEWER)
    assert guest.post("/api/v1/corrections", json={}, headers=shown).status_code == 403


def test_changing_one_s_own_password_ends_the_other_sessions(park: Runtime, guest: TestClient) -> None:
    elsewhere = visitor(park, app=guest.app)
    sign_in(elsewhere, "olga")
    shown = signed(guest, "olga")
    new = "battery staple 马"

    def change(old: str, new: str) -> int:
        return guest.post("/api/v1/me/password", json={"old": old, "new": new}, headers=shown).status_code

    assert change("wrong", new) == 403
    assert change(PASSWORD, "short") == 400
    assert change(PASSWORD, new) == 200
    assert guest.get("/api/v1/me").status_code == 200
    assert elsewhere.get("/api/v1/me").status_code == 401
    assert sign_in(elsewhere, "olga").status_code == 401
    assert sign_in(elsewhere, "olga", new).status_code == 303
    assert not any(new in str(e) or PASSWORD in str(e) for e in park.people.audit())


def test_the_last_admin_stays_one(park: Runtime, guest: TestClient) -> None:
    shown = signed(guest, "Ann")
    for answer in (
        guest.delete("/api/v1/users/Ann", headers=shown),
        guest.patch("/api/v1/users/ann", json={"role": "viewer"}, headers=shown),
        guest.patch("/api/v1/users/ann", json={"disabled": True}, headers=shown),
    ):
        assert answer.status_code == 400
        assert "last admin who can sign in" in answer.json()["detail"]
    guest.patch("/api/v1/users/olga", json={"role": "admin"}, headers=shown)
    assert guest.delete("/api/v1/users/olga", headers=shown).status_code == 200
    entry = park.people.audit()[0].deed
    assert (entry.action, entry.subject, entry.outcome) == ("user.remove", "olga", "done")
    assert entry.detail == {"before": {"role": "admin", "disabled": False}}


@pytest.mark.parametrize(
    ("name", "why"),
    [("", "1 to 64"), ("x" * 65, "1 to 64"), ("a\x00b", "letters"), ("a\u202eb", "letters"), ("a'b", "letters"),
     (" a", "spaces"), ("...", "letter or a digit"), ("PAGE", "signs with itself"), ("ＡＮＮ", "already"),
     ("zoë", ""), ("李 雷", ""), ("a.b@c-d.cn", "")],
)  # fmt: skip
def test_names_that_look_alike_or_like_nothing_are_refused(park: Runtime, name: str, why: str) -> None:
    def add() -> None:
        managing.add_person(park.people, Passwords(), name, Role.VIEWER, PASSWORD, NOW)

    if why:
        with pytest.raises(ConfigError, match=why):
            add()
    else:
        add()
        composed = park.people.person("zoe\u0308" if name == "zoë" else name)
        assert composed
        assert composed.name == name


@pytest.mark.parametrize(
    "password",
    ["short", "x" * 257, "aaaaaaaaaaaaaaaa", "with a\x00 zero byte", "\ud800 not a character", "Longer.Name-1"],
)
def test_bad_passwords_are_refused(password: str) -> None:
    with pytest.raises(ConfigError):
        checked(password, "longer.name-1")


def test_a_password_fits_however_its_letters_are_composed() -> None:
    passwords = Passwords()
    stored = passwords.hashed("Zo\u00eb und das Meer")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.fits(stored, "Zoe\u0308 und das Meer")
    assert not passwords.fits(None, "anything")
    assert NOBODY.startswith("$argon2id$v=19$m=65536,t=3,p=4$")  # takes as long


def test_few_passwords_are_verified_at_once(park: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app(park, SERVICE)
    at_once, most, lock = 0, 0, threading.Lock()

    def slow(_self, _stored, _password) -> bool:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.2)
        with lock:
            at_once -= 1
        return True

    monkeypatch.setattr("argon2.PasswordHasher.verify", slow)
    statuses = []
    threads = [
        threading.Thread(
            target=lambda n=n: statuses.append(sign_in(visitor(park, f"192.0.2.{n}", app), "olga").status_code)
        )
        for n in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most <= 2
    assert set(statuses) <= {303, 429}
    assert 303 in statuses


def test_guessing_waits_longer_each_time_and_locks_nobody_else_out() -> None:
    throttle = Throttle()
    waits, now = [], 0.0
    for _ in range(16):
        wait = throttle.attempt("olga", "192.0.2.1", now)
        waits.append(wait)
        now += wait
        if wait:
            assert throttle.attempt("olga", "192.0.2.1", now) == 0
    assert waits[:6] == [0, 0, 0, 0, 0, 2.0]
    assert waits[6:14] == [4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0]
    assert waits[14:] == [900.0, 900.0]
    assert throttle.attempt("olga", "192.0.2.2", now) == 0  # the real one, from her own desk
    assert throttle.attempt("olga", "192.0.2.1", now + 3700) == 0  # an hour later
    assert throttle.attempt("OLGA", "192.0.2.1", now + 3700) == 0


def test_a_crowd_of_addresses_slows_an_account_down_for_seconds_only() -> None:
    throttle = Throttle()
    throttle.attempt("olga", "198.51.100.1", 0.0)
    throttle.succeeded("olga", "198.51.100.1")
    now, longest = 0.0, 0.0
    for n in range(300):
        wait = throttle.attempt("olga", f"10.0.{n // 250}.{n % 250}", now)
        longest = max(longest, wait)
        now += wait
    assert longest == 30.0
    assert throttle.attempt("olga", "198.51.100.1", now) == 0  # she signed in from there before
    for n in range(12_000):
        throttle.attempt(f"user{n}", f"2001:db8:{n:x}::1", now)
    assert len(throttle._counts) <= 10_000
    for n in range(20):
        throttle.attempt(f"u{n}", f"2001:db9::{n:x}", now)  # one network of 64 bits is one person
    assert throttle.attempt("u", "2001:db9::ffff", now) == 2.0


def test_guessing_over_http_is_told_to_wait(park: Runtime, guest: TestClient) -> None:
    statuses = [sign_in(guest, "olga", f"guess number {n}").status_code for n in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    answer = sign_in(guest, "olga")
    assert answer.status_code == 429  # the right one too: or guessing would go on
    assert answer.headers["retry-after"] == "2"
    assert "2 s" in answer.text or "2 秒" in answer.text
    park.clock.advance(timedelta(seconds=2))
    assert sign_in(guest, "olga").status_code == 303
    refused = [e for e in park.people.audit() if e.deed.outcome == "refused"]
    assert len(refused) == 5


def token_of(runtime: Runtime, *scopes: str, days: int = 1, name: str = "grafana") -> str:
    return managing.add_token(runtime.people, name, scopes, NOW, NOW + timedelta(days=days))[1]


def test_a_token_opens_what_its_scopes_say(park: Runtime) -> None:
    program = visitor(park, "192.0.2.9")
    read, operate = token_of(park, "read", name="r"), token_of(park, "operate", name="o")
    scrape, bring = token_of(park, "metrics", name="m"), token_of(park, "import", name="i")

    def asked(token: str, method: str, path: str, **more) -> int:
        return program.request(method, path, headers=bearer(token), **more).status_code

    assert asked(read, "GET", "/api/v1/park") == 200
    assert asked(read, "POST", "/api/v1/corrections", json={}) == 403
    assert asked(operate, "POST", "/api/v1/corrections", json={}) == 400
    assert asked(operate, "POST", "/api/v1/import", json=[]) == 403
    assert asked(bring, "POST", "/api/v1/import", json=[]) == 200
    assert asked(bring, "POST", "/api/v1/corrections", json={}) == 403
    assert asked(bring, "GET", "/api/v1/park") == 403
    assert asked(scrape, "GET", "/metrics") == 200
    assert asked(scrape, "GET", "/api/v1/park") == 403
    assert asked(scrape, "POST", "/api/v1/import", json=[]) == 403
    assert program.get("/metrics").status_code == 401
    assert visitor(park).get("/metrics").status_code == 200  # on this machine
    assert asked(read, "GET", "/api/v1/users") == 403
    assert asked(SERVICE, "GET", "/api/v1/users") == 200
    assert [e.deed.who for e in park.people.audit()] == ["i", "o", "o"]


def test_a_token_expires_is_revoked_and_is_kept_nowhere(park: Runtime) -> None:
    program = visitor(park, "192.0.2.9")
    token, other = token_of(park, "read"), token_of(park, "read", days=9, name="other")
    assert token.startswith("pkw_")
    assert program.get("/api/v1/me", headers=bearer(token)).json()["name"] == "grafana"
    assert park.people.tokens()[0].used_at == NOW
    park.clock.advance(timedelta(days=1))
    assert program.get("/api/v1/me", headers=bearer(token)).status_code == 401
    assert program.get("/api/v1/me", headers=bearer(other)).status_code == 200
    park.people.revoke_token(2, park.clock.now())
    assert program.get("/api/v1/me", headers=bearer(other)).status_code == 401
    for wrong in ("", "pkw_", "x" * 9000, "pkw_' OR 1=1", "Bearer"):
        assert program.get("/api/v1/me", headers=bearer(wrong)).status_code == 401
    held = b"".join(p.read_bytes() for p in park.park.state.parent.glob("state.sqlite*"))
    assert token.encode() not in held
    assert token[:12].encode() in held  # enough to tell which one leaked
    assert PASSWORD.encode() not in held


def test_a_token_in_an_address_is_refused(park: Runtime) -> None:
    token = token_of(park, "read")
    for place in (f"/api/v1/park?token={token}", f"/?x=%70kw_{token[4:]}", f"/login?next={token}"):
        answer = visitor(park).get(place, headers=bearer(token))
        assert answer.status_code == 400
        assert "Authorization: Bearer" in answer.json()["detail"]


def test_two_tokens_are_none_and_a_proxy_s_own_password_is_not_ours(park: Runtime) -> None:
    token = token_of(park, "read")
    client = visitor(park)
    both = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {SERVICE}")]
    assert client.get("/api/v1/me", headers=both).status_code == 400
    assert client.get("/api/v1/me", headers={"Authorization": "Basic b2xnYTp4"}).status_code == 401
    assert client.get("/healthz", headers={"Authorization": "Basic b2xnYTp4"}).json() == {"ok": True}


# -- without users


def test_without_users_this_machine_reads_and_others_do_not_change(open_park: Runtime) -> None:
    client = visitor(open_park)
    assert client.get("/api/v1/me").json() == {"name": None, "role": "operator", "how": "open", "zone": "Asia/Shanghai"}
    token = client.get("/api/v1/page-token").json()["token"]
    shown = {"X-Parkwatt-Token": token, "Origin": SITE}
    assert client.post("/api/v1/corrections", json={}, headers=shown).status_code == 400
    assert open_park.people.audit()[0].deed.who == "page"
    assert client.post("/api/v1/corrections", json={}, headers={"Origin": SITE}).status_code == 401
    assert client.post("/api/v1/import", json=[], headers=shown).status_code == 401
    assert client.get("/api/v1/users").status_code == 401
    assert client.get("/login").headers["location"] == "./"
    assert sign_in(client, "olga").status_code == 401
    proxied = {**shown, "X-Forwarded-For": "192.0.2.1"}
    assert client.get("/api/v1/page-token", headers={"X-Forwarded-For": "192.0.2.1"}).json() == {"token": None}
    assert client.post("/api/v1/corrections", json={}, headers=proxied).status_code == 403


def test_the_first_user_shuts_the_page_at_once(open_park: Runtime) -> None:
    client = visitor(open_park)
    assert client.get("/api/v1/park").status_code == 200
    with pytest.raises(ConfigError, match="first user has to be an admin"):
        open_park.people.add_person("olga", Role.OPERATOR, HASH, NOW)
    open_park.people.add_person("Ann", Role.ADMIN, HASH, NOW)
    assert client.get("/api/v1/park").status_code == 401


@pytest.mark.parametrize("open_park", [", listen: 0.0.0.0"], indirect=True)
def test_on_another_address_nothing_is_served_without_users(open_park: Runtime) -> None:
    with pytest.raises(ConfigError, match=r"other machines could read everything.*parkwatt user PARK.yaml add NAME"):
        serve_runtime(open_park, None, collect=False)
    assert visitor(open_park).get("/api/v1/park").status_code == 401


def test_check_says_what_another_address_needs_before_the_service_starts(tmp_path: Path, capsys) -> None:
    config = tmp_path / "PARK.yaml"

    def notes(http: str) -> list[str]:
        config.write_text(yaml(tmp_path, http), encoding="utf-8")
        assert main(["check", str(config)]) == 0
        return [line.strip() for line in capsys.readouterr().out.splitlines() if "http" in line]

    assert notes("") == []
    told = (
        "note       http.listen 0.0.0.0 lets other machines in, and there are no users here: `run` and `serve` do not "
        f"start before `parkwatt user {config} add NAME --role admin`"
    )
    assert notes(", listen: 0.0.0.0") == [told]
    assert notes(", listen: 0.0.0.0, admin_password_file: pw") == [
        f"note       http: there is no file {tmp_path / 'pw'}"
    ]
    (tmp_path / "pw").write_text(PASSWORD)
    assert notes(", listen: 0.0.0.0, admin_password_file: pw") == []
    with closing(AccessTables(tmp_path / "state.sqlite")) as people:
        people.add_person("Ann", Role.ADMIN, HASH, NOW)
    assert notes(", listen: 0.0.0.0") == []


def test_the_first_admin_comes_out_of_a_file_once(open_park: Runtime, tmp_path: Path) -> None:
    file, passwords = tmp_path / "admin_password", Passwords()
    with pytest.raises(ConfigError, match="cannot read http.admin_password_file"):
        managing.first_admin(open_park.people, passwords, file, NOW)
    file.write_text("\n")
    with pytest.raises(ConfigError, match="at least 12 characters"):
        managing.first_admin(open_park.people, passwords, file, NOW)
    file.write_text(f"{PASSWORD}\r\n")
    assert managing.first_admin(open_park.people, passwords, file, NOW)
    assert sign_in(visitor(open_park), "admin").status_code == 303
    file.write_text("another password altogether")
    assert not managing.first_admin(open_park.people, passwords, file, NOW)
    assert sign_in(visitor(open_park), "admin").status_code == 303


# -- proxies and TLS

PROXIES = ", trusted_proxies: [10.0.0.1, 172.16.0.0/12], hosts: [energy.example]"


@pytest.mark.parametrize("open_park", [PROXIES], indirect=True)
@pytest.mark.parametrize(
    ("peer", "headers", "seen"),
    [
        ("192.0.2.1", [("X-Forwarded-For", "203.0.113.9")], "192.0.2.1"),
        ("10.0.0.1", [("X-Forwarded-For", "203.0.113.9")], "203.0.113.9"),
        ("10.0.0.1", [("X-Forwarded-For", "127.0.0.1, 203.0.113.9")], "203.0.113.9"),
        ("10.0.0.1", [("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-For", "203.0.113.9, 172.16.3.3")], "203.0.113.9"),
        ("10.0.0.1", [("X-Forwarded-For", "203.0.113.9, nonsense")], "10.0.0.1"),
        ("10.0.0.1", [("X-Real-IP", "203.0.113.9"), ("Forwarded", "for=203.0.113.9")], "10.0.0.1"),
        ("10.0.0.1", [("X-Forwarded-For", "::ffff:203.0.113.9")], "203.0.113.9"),
    ],
)
def test_only_a_named_proxy_is_believed(park: Runtime, peer: str, headers: list, seen: str) -> None:
    client = visitor(park, peer)
    client.post("/login", data={"name": "olga", "password": PASSWORD}, headers=[*headers, ("Origin", SITE)])
    assert park.people.audit()[0].deed.address == seen


@pytest.mark.parametrize("open_park", [PROXIES], indirect=True)
def test_behind_tls_the_cookie_is_bound_to_this_host(park: Runtime) -> None:
    behind = visitor(park, "10.0.0.1", site="https://energy.example")
    answer = behind.post(
        "/login", data={"name": "olga", "password": PASSWORD},
        headers={"Origin": "https://energy.example", "X-Forwarded-Proto": "https"},
    )  # fmt: skip
    assert answer.headers["set-cookie"].startswith("__Host-parkwatt-small=")
    assert answer.headers["set-cookie"].endswith("; Path=/; SameSite=strict; Secure")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    plain = visitor(park, "192.0.2.1")
    answer = plain.post("/login", data={"name": "olga", "password": PASSWORD},
                        headers={"Origin": SITE, "X-Forwarded-Proto": "https"})  # fmt: skip
    assert answer.headers["set-cookie"].startswith("parkwatt-small=")
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize("wrong", ["trusted_proxies: [proxy.example]", "trusted_proxies: ['10.0.0.0/33']", "session_hours: 0",
                                   "tls: {cert_file: a.pem}"])  # fmt: skip
def test_a_wrong_setting_is_told(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ConfigError, match="http."):
        parse_park(yaml(tmp_path, f", {wrong}").encode())


def test_a_link_opened_by_a_person_leads_to_the_login_page(guest: TestClient) -> None:
    answer = guest.get("/api/v1/reports/2026-10/zh.pdf", headers={"Accept": "text/html,*/*"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "../../../../login"
    for path in ("/api/v1/reports/../../x", "/api/v1/reports/2026-10/..%2f..%2fstate.sqlite", "/%2e%2e/state.sqlite"):
        assert guest.get(path).status_code in {401, 404}
    signed(guest, "张伟")
    for path in ("/api/v1/reports/..%2f..%2f/json", "/api/v1/reports/2026-10/..%2f..%2fstate.sqlite"):
        assert guest.get(path).status_code in {400, 404}


def test_openapi_shows_what_opens_the_service(guest: TestClient) -> None:
    signed(guest, "张伟")
    described = guest.get("/openapi.json").json()
    assert set(described["components"]["securitySchemes"]) == {"session", "token"}
    assert described["security"] == [{"session": []}, {"token": []}]
    assert described["paths"]["/healthz"]["get"]["security"] == []


def test_a_stream_ends_with_its_session(park: Runtime) -> None:
    app = make_app(park, SERVICE)
    ended = []

    @app.get("/api/v1/lasting")
    async def lasting() -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            try:
                yield "data: 1\n\n"
                park.people.set_role("olga", Role.VIEWER)
                yield "data: 2\n\n"
                park.people.disable("olga", NOW)
                yield "data: 3\n\n"
            finally:
                ended.append(True)

        return StreamingResponse(pieces(), media_type="text/event-stream")

    client = visitor(park, app=app)
    signed(client, "olga")
    assert client.get("/api/v1/lasting").text == "data: 1\n\ndata: 2\n\n"
    assert ended == [True]


def test_the_service_over_tls_on_every_address(tmp_path: Path) -> None:
    """The whole way: a first admin out of a file, a certificate of our own, commands beside it."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not on this machine: apt-get install openssl")
    certificate, key, config = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "PARK.yaml"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=energy.example", "-addext", "subjectAltName=DNS:energy.example,IP:127.0.0.1",
         "-keyout", key, "-out", certificate], check=True, capture_output=True,
    )  # fmt: skip
    (tmp_path / "pw").write_text(PASSWORD, encoding="utf-8")
    http = ", listen: 0.0.0.0, admin_password_file: pw, tls: {cert_file: cert.pem, key_file: key.pem}"
    config.write_text(yaml(tmp_path, http), encoding="utf-8")
    park, root = load_park(config), Path(__file__).parents[2]
    command = [sys.executable, "-m", "service.cli", "--log-json", "run", str(config)]
    with (
        (tmp_path / "log").open("w") as log,
        requests.Session() as browser,
        subprocess.Popen(command, cwd=root, stderr=log) as process,
    ):
        try:
            until = time.monotonic() + 60
            while (found := address.running(park)) is None:
                assert process.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < until
                time.sleep(0.1)
            assert found.url.startswith("https://127.0.0.1:")
            assert address.ask(found, "GET", "/api/v1/me").json()["name"] == "parkwatt"
            with pytest.raises(Retryable, match="does not answer"):
                address.ask(replace(found, fingerprint="0" * 64), "GET", "/api/v1/me")
            browser.trust_env, browser.verify = False, str(certificate)
            assert browser.get(f"{found.url}/api/v1/park", timeout=10).status_code == 401
            form = {"name": "admin", "password": PASSWORD}
            forwarded = {"Origin": found.url, "X-Forwarded-For": "203.0.113.9"}
            answer = browser.post(f"{found.url}/login", data=form, headers=forwarded, timeout=10, allow_redirects=False)
            assert answer.headers["set-cookie"].startswith("__Host-parkwatt-small=")
            assert "max-age=31536000" in answer.headers["strict-transport-security"]
            assert browser.get(f"{found.url}/api/v1/me", timeout=10).json()["name"] == "admin"
            assert main(["user", str(config), "passwd", "admin", "--password-file", str(tmp_path / "pw")]) == 0
            assert browser.get(f"{found.url}/api/v1/me", timeout=10).status_code == 401
            assert browser.get(f"{found.url}/metrics", timeout=10).status_code == 200
            with closing(AccessTables(park.state)) as tables:
                said = [(e.deed.action, e.deed.address) for e in tables.audit()]
            assert said == [("user.password", ""), ("sign-in", "127.0.0.1")]  # nobody trusts that header
        finally:
            process.terminate()
    assert process.returncode == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


# -- the record, and the commands


def test_the_record_is_only_added_to(park: Runtime) -> None:
    number = park.people.begin(deed("a"), NOW)
    park.people.end(number, deed("a", "done"), NOW)
    begun = park.people.begin(deed("b"), NOW)
    assert [(e.id, e.deed.outcome) for e in park.people.audit()] == [(begun, ""), (number, "done")]
    with closing(sqlite3.connect(park.park.state)) as other:
        for statement in ("DELETE FROM audit", "UPDATE audit SET who = 'x'"):
            with pytest.raises(sqlite3.IntegrityError, match="only added to"):
                other.execute(statement)
    assert park.people.audit(NOW + timedelta(seconds=1)) == []
    park.people.begin(Deed("x" * 9000, "session", "", "\ud800", detail={"after": "y" * 90_000}), NOW)
    kept = park.people.audit(limit=1)[0].deed
    assert (len(kept.who), kept.action, len(kept.detail["cut"])) == (500, "?", 8000)


def deed(action: str, outcome: str = ""):
    return Deed("olga", "session", "192.0.2.1", action, outcome=outcome)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "PARK.yaml"
    path.write_text(yaml(tmp_path), encoding="utf-8")
    (tmp_path / "pw").write_text(f"{PASSWORD}\n", encoding="utf-8")
    return path


def test_users_are_managed_by_command_while_the_service_runs(park: Runtime, config: Path, capsys) -> None:
    client = visitor(park)
    file = ["--password-file", str(config.parent / "pw")]

    def parkwatt(*arguments: str) -> int:
        command, *rest = arguments
        return main([command, str(config), *rest])

    assert parkwatt("user", "add", "eve", "--role", "operator", *file) == 0
    assert sign_in(client, "eve").status_code == 303
    assert parkwatt("user", "role", "eve", "viewer") == 0
    assert client.get("/api/v1/me").json()["role"] == "viewer"
    assert parkwatt("user", "disable", "eve") == 0
    assert client.get("/api/v1/me").status_code == 401
    assert parkwatt("user", "enable", "eve") == 0
    assert client.get("/api/v1/me").status_code == 401  # what ended stays ended
    assert parkwatt("user", "remove", "eve") == 0
    assert parkwatt("user", "remove", "eve") == 2
    assert parkwatt("user", "remove", "Ann") == 2
    capsys.readouterr()
    assert parkwatt("token", "add", "grafana", "--scope", "read", "--expires", "30d") == 0
    token = capsys.readouterr().out.strip()
    assert visitor(park, "192.0.2.1").get("/api/v1/park", headers=bearer(token)).status_code == 200
    assert parkwatt("token", "revoke", "1") == 0
    assert visitor(park, "192.0.2.1").get("/api/v1/park", headers=bearer(token)).status_code == 401
    assert parkwatt("user", "list") == 0
    assert parkwatt("token", "list") == 0
    assert parkwatt("audit", "--limit", "50") == 0
    told = capsys.readouterr().out
    assert token not in told
    assert PASSWORD not in told
    assert 'user.add  eve  {"after": {"role": "operator"}}  done' in told
    assert "user.remove  Ann  refused" in told


def test_a_password_is_never_taken_from_the_command_line(config: Path, capsys, monkeypatch) -> None:
    with pytest.raises(SystemExit):
        main(["user", str(config), "add", "ann", "--role", "admin", "--password", PASSWORD])
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    assert main(["user", str(config), "add", "ann", "--role", "admin"]) == 2
    assert "no terminal to ask" in capsys.readouterr().err
    assert main(["user", str(config), "add", "ann", "--role", "admin", "--password-file", "-"]) == 0
    with closing(AccessTables(config.parent / "state.sqlite")) as tables:
        assert tables.persons()[0].name == "ann"
    assert (config.parent / "state.sqlite").stat().st_mode & 0o007 == 0


def test_a_command_says_what_to_write(config: Path, capsys) -> None:
    assert main(["audit", str(config), "--since", "yesterday"]) == 2
    assert main(["token", str(config), "add", "x", "--scope", "read", "--expires", "soon"]) == 2
    assert main(["token", str(config), "add", "x", "--scope", "read", "--expires", "2001-01-01"]) == 2
    assert main(["token", str(config), "revoke", "7"]) == 2
    told = capsys.readouterr().err
    for words in ("like 2026-10-01", "write 90d", "expired already", "no token 7"):
        assert words in told
