"""Says who asks, and what they may do.

Without users the page is open to this machine: reading is free, writing takes the page's token. With users everybody
signs in or shows a token, on this machine too: a tunnel, a proxy and another user of this machine look just like its
owner. Commands of the service's own user show the token that the service leaves them in a file.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from anyio.to_thread import run_sync
from fastapi import HTTPException, Request

from core.access import ApiToken, Deed, People, Role, Session
from core.clock import Clock
from core.errors import ConfigError, Retryable
from core.park import Park
from service.access.origin import Origin, Proxies
from service.access.passwords import Passwords
from service.access.throttle import Throttle
from service.security import LOOPBACK

CSRF_HEADER = "X-Parkwatt-Token"
TOKEN_PREFIX = "pkw_"  # noqa: S105 - tells a leaked token from any other string
USED_EVERY = timedelta(minutes=10)
CLOCK_STEP = timedelta(minutes=5)  # a session from further ahead was made by a clock that was wrong
READING = frozenset({"GET", "HEAD", "OPTIONS"})
SIGN_IN = "sign in first, or show a token"
OWN_TOKEN = "this needs the service's own token"  # noqa: S105 - words for people
CHALLENGE = {"WWW-Authenticate": "Bearer"}
_ORIGIN = "parkwatt.origin"  # where it is kept with a request


@dataclass(frozen=True)
class Who:
    """Whoever asks."""

    name: str
    role: Role
    how: str = "service"  # service, page, session, token, open
    areas: frozenset[str] = frozenset()
    session: bytes | None = None
    csrf: str | None = None


@dataclass
class Visit:
    """One request: where it comes from, who asks, and what its route says about what it does."""

    origin: Origin
    who: Who | None
    action: str = ""
    subject: str = ""
    detail: dict[str, Any] = field(default_factory=dict)  # Any: JSON

    @property
    def listener(self) -> str:
        """Who takes up places: a session, a token, or an address."""
        if self.who and self.who.session:
            return f"session {self.who.session.hex()}"
        return f"token {self.who.name}" if self.who and self.who.how == "token" else self.origin.address


class Access:
    """Says who asks and refuses what they may not do.

    A page of another site cannot read the page's token (no answer allows other origins), cannot send the header
    without asking first (which is refused), and its Origin is not ours. Without users the token changes with every
    start and is given to this machine only; with users it is bound to the session.
    """

    def __init__(self, park: Park, people: People, clock: Clock, token: str) -> None:
        self.people, self.clock = people, clock
        self.passwords, self.throttle = Passwords(), Throttle()
        self.session_life = timedelta(hours=park.http.session_hours)
        self.cookie = f"parkwatt-{park.id}"  # a browser keeps one jar for all ports of a machine
        self._open_here = park.http.listen in {"127.0.0.1", "::1", *LOOPBACK}
        self._proxies = Proxies(park.http.trusted_proxies)
        self._token = token
        self._page_token = secrets.token_urlsafe(32)

    def page_token(self, request: Request) -> str | None:
        """Return what our own page shows when it writes, else None."""
        visit = visit_of(request)
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin" or visit.who is None:
            return None
        if visit.who.how == "session":
            return visit.who.csrf
        return self._page_token if visit.who.how == "open" and visit.origin.here else None

    def require(self, request: Request, role: Role, area: str = "") -> Who:
        """Return who asks, or refuse a request that may not do what `role` may, or what a token for `area` may."""
        who = visit_of(request).who
        if who is None:
            raise HTTPException(401, SIGN_IN if self.closed() else OWN_TOKEN, headers=CHALLENGE)
        if who.role < role and area not in who.areas:
            if who.how in {"open", "page"}:
                raise HTTPException(401, OWN_TOKEN, headers=CHALLENGE)
            raise HTTPException(403, f"this needs the role {role.word}; {who.name} is {who.role.word}")
        return who

    def may(self, request: Request, role: Role, area: str = "") -> bool:
        """Say whether whoever asks may do what `role` may."""
        who = visit_of(request).who
        return who is not None and (who.role >= role or area in who.areas)

    def note(self, request: Request, action: str, subject: object = "", **detail: Any) -> None:  # Any: JSON
        """Say what a request does, for the audit log; `before` and `after` are the details that are asked for most.

        Every request that may change something is on record anyway, by its address; this gives it words.
        """
        visit = visit_of(request)
        visit.action, visit.subject = action, str(subject)
        visit.detail.update(detail)

    async def still(self, request: Request) -> bool:
        """Say whether whoever opened a lasting answer may still read: their session or token may have ended."""
        try:
            who = await run_sync(self.identify, request, self._proxies.origin(request))
        except HTTPException:
            return False
        return who is not None and who.role >= Role.VIEWER

    def origin(self, request: Request) -> Origin:
        """Return where a request comes from; several ask in its course."""
        found = request.scope.get(_ORIGIN)
        if not isinstance(found, Origin):
            found = request.scope[_ORIGIN] = self._proxies.origin(request)
        return found

    def closed(self) -> bool:
        """Say whether everybody has to say who they are."""
        return not self._open_here or self.people.anyone()

    def identify(self, request: Request, origin: Origin) -> Who | None:
        """Return who asks, None for a stranger; refuse what pretends."""
        bearer = _bearer(request)
        if bearer is not None:
            return self._by_token(bearer)
        cookie = request.cookies.get(self.cookie_name(origin), "")
        if cookie:
            found = self._by_session(request, cookie)
            if found:
                return found
        if self.closed():
            return None
        return self._by_page(request, origin)

    def _by_token(self, shown: str) -> Who:
        if self._token and hmac.compare_digest(shown.encode(), self._token.encode()):
            return Who("parkwatt", Role.ADMIN)
        now, token = self.clock.now(), None
        if shown.startswith(TOKEN_PREFIX):
            token = self.people.token(digest(shown))
        if token is None or not token.valid_at(now):
            raise HTTPException(401, "this token is unknown, expired or revoked", headers=CHALLENGE)
        self._used(token, now)
        return Who(token.name, token.role, "token", token.areas)

    def _used(self, token: ApiToken, now: datetime) -> None:
        if token.used_at is None or abs(now - token.used_at) >= USED_EVERY:
            with suppress(Retryable, ConfigError):  # a full disk must not keep anybody from reading
                self.people.token_used(token.id, now)

    def _by_session(self, request: Request, cookie: str) -> Who | None:
        kept = digest(cookie)
        session = self.people.session(kept)
        if session is None or not self.lasts(session):
            return None
        csrf = csrf_of(cookie)
        if request.method not in READING:
            shown = request.headers.get(CSRF_HEADER, "")
            if not hmac.compare_digest(shown.encode(), csrf.encode()):
                raise HTTPException(403, "this did not come from the page itself; reload it and try again")
        return Who(session.person.name, session.person.role, "session", session=kept, csrf=csrf)

    def lasts(self, session: Session) -> bool:
        """Say whether a session has neither expired nor come from a future."""
        now = self.clock.now()
        return session.created_at - CLOCK_STEP <= now < session.expires_at

    def _by_page(self, request: Request, origin: Origin) -> Who | None:
        if request.method in READING:
            return Who("anybody", Role.VIEWER, "open")
        shown = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(shown.encode(), self._page_token.encode()):
            return None
        # That an Origin is our own has been checked for every request; a browser always sends one with a POST.
        if request.headers.get("origin") is None or not origin.here:
            raise HTTPException(403, "only the page on the service's own machine may write")
        return Who("page", Role.OPERATOR, "page")

    def cookie_name(self, origin: Origin) -> str:
        """Return the session cookie's name; encrypted it is one that no other host or path can set."""
        return f"__Host-{self.cookie}" if origin.secure else self.cookie

    def deed(self, visit: Visit, action: str, outcome: str = "") -> Deed:
        """Return what a visit does, for the audit log."""
        who = visit.who
        name, how = (who.name, who.how) if who else ("", "")
        detail: Mapping[str, Any] | None = visit.detail or None
        return Deed(name, how, visit.origin.address, visit.action or action, visit.subject, detail, outcome)


def visit_of(request: Request) -> Visit:
    """Return what the doorkeeper found out about a request."""
    visit = request.scope["parkwatt"]
    assert isinstance(visit, Visit)  # noqa: S101 - nothing else is put there
    return visit


def digest(secret: str) -> bytes:
    """Return what is kept of a session's or token's secret: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def csrf_of(cookie: str) -> str:
    """Return what the page shows when it writes: bound to the session, and it does not tell the cookie."""
    return hmac.new(cookie.encode("utf-8", "surrogatepass"), b"parkwatt page token", hashlib.sha256).hexdigest()


def _bearer(request: Request) -> str | None:
    """Return the token of a request; other schemes belong to a proxy in front."""
    given = request.headers.getlist("authorization")
    tokens = [g.partition(" ")[2].strip() for g in given if g.partition(" ")[0].lower() == "bearer"]
    if len(tokens) > 1:
        raise HTTPException(400, "a request shows one token")
    return tokens[0] if tokens else None
