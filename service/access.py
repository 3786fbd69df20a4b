"""Who may do what over HTTP. Reading is free on this machine; writing takes the service's token, or the page's."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import ip_address

from fastapi import HTTPException, Request

from service.security import LOOPBACK, host_name

PAGE_HEADER = "X-Parkwatt-Token"
FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


class Role(IntEnum):
    """What somebody may do; each role may do what those before it may."""

    VIEWER = 1  # look
    OPERATOR = 2  # acknowledge, silence, comment, correct, make reports
    ADMIN = 3  # import, replay, back up, users


@dataclass(frozen=True)
class Who:
    """Whoever asks."""

    name: str
    role: Role


class Access:
    """Says who asks and refuses what they may not do.

    A page of another site cannot read the page's token (no answer allows other origins), cannot send the header
    without asking first (which is refused), and its Origin is not ours. The page's token changes with every start and
    is given to this machine only: elsewhere whoever reaches the page may look.
    """

    def __init__(self, token: str) -> None:
        self._token = token
        self._page_token = secrets.token_urlsafe(32)

    def page_token(self, request: Request) -> str | None:
        """Return the page's token to our own page on this machine, else None."""
        site = request.headers.get("sec-fetch-site", "same-origin")
        return self._page_token if _on_this_machine(request) and site == "same-origin" else None

    def require(self, request: Request, role: Role) -> Who:
        """Return who asks, or refuse a request that may not do what `role` may."""
        given = request.headers.get("authorization", "")
        if secrets.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            return Who("parkwatt", Role.ADMIN)
        shown = request.headers.get(PAGE_HEADER, "")
        if role > Role.OPERATOR or not secrets.compare_digest(shown.encode(), self._page_token.encode()):
            raise HTTPException(401, "this needs the service's own token")
        # That an Origin is our own has been checked for every request; a browser always sends one with a POST.
        if request.headers.get("origin") is None or not _on_this_machine(request):
            raise HTTPException(403, "only the page on the service's own machine may write")
        return Who("page", Role.OPERATOR)


def _on_this_machine(request: Request) -> bool:
    """Say whether the browser runs here: by its address and by the name it asked for, so a proxy does not count."""
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        local = request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        local = False
    return local and host_name(request.headers.get("host", "")) in LOOPBACK
