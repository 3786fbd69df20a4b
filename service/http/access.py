"""Signing in and out, who one is, and for admins users, tokens and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import parse_qs

import orjson
from anyio.to_thread import run_sync
from fastapi import APIRouter, HTTPException, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from core.access import ApiToken, AuditEntry, Person, Role, role_of
from core.errors import Retryable
from core.park import Park
from service.access import Access, managing, signing
from service.access.access import visit_of
from service.access.passwords import LONGEST
from service.access.signing import Refusal
from service.http.answers import AnyJson
from service.http.login import language_of, login_page, safe_next

Told = dict[str, Any]  # Any: a JSON document
FIELDS = 8
Secret = Annotated[str, Field(max_length=4 * LONGEST)]


class NewPassword(BaseModel):
    """One's own password, and what it shall be."""

    old: Secret
    new: Secret


class NewPerson(BaseModel):
    """A user to add."""

    name: str
    role: str
    password: Secret


class ChangedPerson(BaseModel):
    """What changes about a user; what is left out stays."""

    role: str | None = None
    disabled: bool | None = None
    password: Secret | None = None


class NewToken(BaseModel):
    """A token to add."""

    name: str
    scopes: tuple[str, ...]
    expires: str = Field("365d", description="90d, 2027-01-31 or never")


def access_router(park: Park, access: Access) -> APIRouter:
    """Build the routes by which people come and go; none of them needs anybody to be known."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    def login(request: Request, ended: str = "", target: Annotated[str, Query(alias="next")] = "") -> Response:
        if not access.closed():
            return RedirectResponse("./", 303)
        return login_page(park, language_of(request, park), safe_next(target), "ended" if ended else "")

    @router.post("/login")
    async def sign_in(request: Request) -> Response:
        given = await _fields(request)
        origin = visit_of(request).origin
        try:
            name, password = given.get("name", ""), given.get("password", "")
            done = await run_sync(signing.sign_in, access, name, password, origin)
        except Retryable:
            done = Refusal(2)
        json = "application/json" in request.headers.get("content-type", "")
        target = safe_next(given.get("next", ""))
        if isinstance(done, Refusal):
            status, code = (429, "wait") if done.wait_s else (401, "wrong")
            headers = {"Retry-After": str(done.wait_s)} if done.wait_s else {}
            if json:
                return AnyJson({"detail": code, "wait_s": done.wait_s}, status, headers)
            language = language_of(request, park, given.get("lang", ""))
            return login_page(park, language, target, code, status, headers, given.get("name", ""), done.wait_s)
        answer = AnyJson({"detail": "done"}) if json else RedirectResponse(f"./{target}", 303)
        answer.set_cookie(
            access.cookie_name(origin), done, max_age=int(access.session_life.total_seconds()), path="/",
            secure=origin.secure, httponly=True, samesite="strict",
        )  # fmt: skip
        return answer

    @router.post("/logout")
    def sign_out(request: Request) -> Response:
        visit = visit_of(request)
        signing.sign_out(access, visit.who, visit.origin)
        answer = Response(status_code=204)
        secure = visit.origin.secure
        answer.delete_cookie(access.cookie_name(visit.origin), "/", secure=secure, httponly=True, samesite="strict")
        return answer

    return router


async def _fields(request: Request) -> dict[str, str]:
    """Read a form, or the same as JSON; what is neither is empty."""
    body = await request.body()
    if "application/json" in request.headers.get("content-type", ""):
        try:
            read = orjson.loads(body)
        except orjson.JSONDecodeError:
            read = {}
        return {k: v for k, v in read.items() if isinstance(v, str)} if isinstance(read, dict) else {}
    try:
        form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS)
    except ValueError:
        return {}
    return {name: values[-1] for name, values in form.items()}


def own_router(park: Park, access: Access) -> APIRouter:
    """Build the routes about oneself."""
    router = APIRouter(tags=["access"])

    @router.get("/me", summary="Who asks, and what they may do")
    def me(request: Request) -> Told:
        who = access.require(request, Role.VIEWER)
        open_here = who.how == "open"
        role = Role.OPERATOR if open_here and access.page_token(request) else who.role
        return {"name": None if open_here else who.name, "role": role.word, "how": who.how, "zone": park.timezone}

    @router.post("/me/password", summary="Change one's own password; every other session of one's own ends")
    def own_password(request: Request, given: NewPassword) -> Told:
        who = access.require(request, Role.VIEWER)
        if who.how != "session":
            raise HTTPException(403, "only somebody who signed in has a password")
        access.note(request, "user.password", who.name)
        refusal = signing.change_password(access, who, given.old, given.new, visit_of(request).origin)
        if refusal is None:
            return {"detail": "done"}
        if refusal.wait_s:
            raise HTTPException(429, f"try again in {refusal.wait_s} s", headers={"Retry-After": str(refusal.wait_s)})
        raise HTTPException(403, "the old password is not right")

    return router


def users_router(access: Access) -> APIRouter:
    """Build the admins' routes about users."""
    router = APIRouter(tags=["access"])
    people, passwords = access.people, access.passwords

    def known(name: str) -> Person:
        person = people.person(name)
        if person is None:
            raise HTTPException(404, "there is no such user")
        return person

    @router.get("/users", summary="Every user")
    def users(request: Request) -> list[Told]:
        access.require(request, Role.ADMIN)
        return [_person(p) for p in people.persons()]

    @router.post("/users", summary="Add a user", status_code=201)
    def add_user(request: Request, given: NewPerson) -> Told:
        access.require(request, Role.ADMIN)
        access.note(request, "user.add", given.name, after={"role": given.role})
        role = role_of(given.role)
        return _person(managing.add_person(people, passwords, given.name, role, given.password, access.clock.now()))

    @router.patch("/users/{name}", summary="Change a user's role or password, shut them out or let them in again")
    def change_user(request: Request, name: str, given: ChangedPerson) -> Told:
        access.require(request, Role.ADMIN)
        before = known(name)
        after = given.model_dump(exclude_none=True, exclude={"password"})
        after |= {"password": "changed"} if given.password is not None else {}
        access.note(request, "user.change", before.name, before=_brief(before), after=after)
        managing.change_person(
            people, passwords, before.name, access.clock.now(), given.role, given.password, disabled=given.disabled
        )
        return _person(known(name))

    @router.delete("/users/{name}", summary="Remove a user; what they did stays on record")
    def remove_user(request: Request, name: str) -> Told:
        access.require(request, Role.ADMIN)
        before = known(name)
        access.note(request, "user.remove", before.name, before=_brief(before))
        people.remove_person(name)
        return {"detail": "done"}

    return router


def tokens_router(park: Park, access: Access) -> APIRouter:
    """Build the admins' routes about tokens, and the audit log."""
    router = APIRouter(tags=["access"])
    people = access.people

    @router.get("/tokens", summary="Every token, revoked ones too; none of them shows its secret")
    def tokens(request: Request) -> list[Told]:
        access.require(request, Role.ADMIN)
        return [_token(t) for t in people.tokens()]

    @router.post("/tokens", summary="Add a token; its secret is in this answer and nowhere else", status_code=201)
    def add_token(request: Request, given: NewToken) -> Told:
        access.require(request, Role.ADMIN)
        access.note(request, "token.add", given.name, after={"scopes": given.scopes, "expires": given.expires})
        now = access.clock.now()
        expires_at = managing.expiry(given.expires, now, park)
        token, secret = managing.add_token(people, given.name, given.scopes, now, expires_at)
        return {**_token(token), "secret": secret}

    @router.delete("/tokens/{number}", summary="Revoke a token; it opens nothing from now on")
    def revoke_token(request: Request, number: Annotated[int, Path(ge=1, le=2**62)]) -> Told:
        access.require(request, Role.ADMIN)
        access.note(request, "token.revoke", f"#{number}")
        token = people.revoke_token(number, access.clock.now())
        access.note(request, "token.revoke", f"#{number} {token.name}")
        return {"detail": "done"}

    @router.get("/audit", summary="Who changed what, newest first")
    def audit(
        request: Request,
        since: datetime | None = None,
        before: Annotated[int | None, Query(ge=1, le=2**53, description="entries older than this number")] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
        who: str | None = None,
    ) -> list[Told]:
        access.require(request, Role.ADMIN)
        if since is not None and since.tzinfo is None:
            since = since.replace(tzinfo=park.zone)
        return [_entry(e) for e in people.audit(since, limit, before, who)]

    return router


def _brief(person: Person) -> Told:
    return {"role": person.role.word, "disabled": person.disabled_at is not None}


def _person(person: Person) -> Told:
    times = {"created_at": person.created_at, "signed_in_at": person.signed_in_at}
    return {"name": person.name, **_brief(person), **times}


def _token(token: ApiToken) -> Told:
    shown = {name: value for name, value in vars(token).items() if name != "digest"}
    return {**shown, "scopes": list(token.scopes)}


def _entry(entry: AuditEntry) -> Told:
    return {"id": entry.id, "at": entry.at, **vars(entry.deed)}
