"""Stands before every route, so that none can forget to ask who comes, or to put a change on record."""

from __future__ import annotations

import logging
from contextlib import suppress
from urllib.parse import unquote_to_bytes

from anyio import CapacityLimiter, fail_after
from anyio.to_thread import run_sync
from fastapi import HTTPException, Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.access import Role
from core.errors import ConfigError, Retryable
from service.access.access import READING, SIGN_IN, TOKEN_PREFIX, Access, Visit

log = logging.getLogger(__name__)

LARGEST_BODY = 1 << 20
LARGEST_FORM = 1 << 14
BODY_PATIENCE_S = 30.0
LET_IN_AT_ONCE = 8
# The page's frame holds no data; /login and /logout say themselves who may what; /healthz tells strangers yes or no.
OPEN = frozenset({"/", "/login", "/logout", "/healthz", "/favicon.ico"})
OPEN_BELOW = "/static/"
# What a viewer may change: what is theirs.
OWN = frozenset({"/api/v1/me/password"})
METRICS = "/metrics"
SIGN_IN_PATH = "/login"
AREA_PATHS = {METRICS: "metrics", "/api/v1/import": "import"}


class Doorkeeper:
    """Finds out who asks, refuses strangers where there are users, and records what is changed.

    A deed is on record before it is done and once more when it has ended: what a crash cuts short is there as begun.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access
        # Threads of its own: answers that take all the others keep nobody from being identified, or refused.
        self._door = CapacityLimiter(LET_IN_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})  # there are none
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            visit = scope["parkwatt"] = Visit(self._access.origin(request), None)
            await run_sync(self._let_in, request, visit, limiter=self._door)
            limited = _Limited(receive, LARGEST_FORM if _is_open(request) else LARGEST_BODY, request)
        except HTTPException as refusal:
            await _refused(request, refusal)(scope, receive, send)
            return
        except (Retryable, ConfigError) as fault:
            log.error("nobody can be identified", extra={"error": str(fault)})  # noqa: TRY400 - an expected fault
            await JSONResponse({"detail": "who you are cannot be looked up now; try again"}, 503)(scope, receive, send)
            return
        watched = self._watched(send, request, visit)
        with suppress(_EndedError):
            if request.method in READING or _is_open(request):
                await self._app(scope, limited.receive, watched)
            else:
                await self._recorded(scope, limited.receive, watched, visit)

    def _let_in(self, request: Request, visit: Visit) -> None:
        path, access = request.scope["path"], self._access
        if TOKEN_PREFIX.encode() in unquote_to_bytes(request.scope.get("query_string", b"")):
            told = "a token in an address ends up in logs: send it as `Authorization: Bearer`, and revoke this one"
            raise HTTPException(400, told)
        if path == SIGN_IN_PATH:
            return  # whoever somebody was before they sign in does not matter
        visit.who = access.identify(request, visit.origin)
        if _is_open(request) or (path == METRICS and visit.origin.here):
            return
        if request.method in READING or path in OWN:
            access.require(request, Role.VIEWER, AREA_PATHS.get(path, ""))
        else:
            access.require(request, Role.OPERATOR, AREA_PATHS.get(path, ""))

    def _watched(self, send: Send, request: Request, visit: Visit) -> Send:
        """Let the page know that somebody is signed in, for only then it asks who; end a stream with its session."""
        lasting = False

        async def sending(message: Message) -> None:
            nonlocal lasting
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                lasting = any(n == b"content-type" and v.startswith(b"text/event-stream") for n, v in headers)
                if visit.who and visit.who.how == "session":
                    message = {**message, "headers": [*headers, (b"parkwatt-signed-in", b"1")]}
            elif lasting and not await self._access.still(request):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                raise _EndedError
            await send(message)

        return sending

    async def _recorded(self, scope: Scope, receive: Receive, send: Send, visit: Visit) -> None:
        people, clock = self._access.people, self._access.clock
        asked = f"{scope['method']} {scope['path']}"
        try:
            number = await run_sync(people.begin, self._access.deed(visit, asked), clock.now())
        except (Retryable, ConfigError) as fault:
            log.error("a change was refused: it cannot be put on record", extra={"error": str(fault)})  # noqa: TRY400
            await JSONResponse({"detail": "nothing was changed: it could not be put on record"}, 503)(
                scope, receive, send
            )
            return
        ended = False

        async def end(outcome: str) -> None:
            nonlocal ended
            if not ended:
                ended = True
                with suppress(Retryable, ConfigError):  # it stays on record as begun
                    await run_sync(people.end, number, self._access.deed(visit, asked, outcome), clock.now())

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = int(message["status"])
                await end("done" if status < 400 else f"refused ({status})")  # noqa: PLR2004 - where refusals begin
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            await end("failed")


class _EndedError(Exception):
    """Whoever listened may no longer."""


class _Limited:
    """A request's body, no longer than allowed and no slower."""

    def __init__(self, receive: Receive, most: int, request: Request) -> None:
        self._receive, self._most, self._got, self._done = receive, most, 0, False
        said = request.headers.get("content-length", "0")
        if said.isdecimal() and int(said) > most:
            raise HTTPException(413, f"a request's body has at most {most:,} bytes")

    async def receive(self) -> Message:
        """Return the next piece."""
        if self._done:
            return await self._receive()  # only that the browser went away can come now
        try:
            with fail_after(BODY_PATIENCE_S):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, "the request came too slowly") from None
        self._got += len(message.get("body", b""))
        if self._got > self._most:
            raise HTTPException(413, f"a request's body has at most {self._most:,} bytes")
        self._done = not message.get("more_body", False)
        return message


def _is_open(request: Request) -> bool:
    path = request.scope["path"]
    return path in OPEN or (path.startswith(OPEN_BELOW) and request.method in READING)


def _refused(request: Request, refusal: HTTPException) -> Response:
    """Answer a refusal: a program in JSON, a person who opens a link with the page where one signs in."""
    wants_page = "text/html" in request.headers.get("accept", "")
    if refusal.status_code == 401 and wants_page and request.method == "GET" and refusal.detail == SIGN_IN:  # noqa: PLR2004
        up = "../" * (request.scope["path"].count("/") - 1)
        return RedirectResponse(f"{up or './'}login", 303)
    if wants_page and request.method == "GET":
        return PlainTextResponse(f"{refusal.detail}\n", refusal.status_code, refusal.headers)
    return JSONResponse({"detail": refusal.detail}, refusal.status_code, refusal.headers)
