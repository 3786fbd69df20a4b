"""Corrections over HTTP. Reading is free; writing takes the service's token, or the page's from this machine's browser."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from ipaddress import ip_address
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Request

from core.corrections import Entry
from core.text import Language
from dashboards.views.corrections import correction_view
from service import corrections
from service.runner import Runtime
from service.security import LOOPBACK, host_name

PAGE_HEADER = "X-Parkwatt-Token"
FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
Given = dict[str, Any]  # Any: JSON, checked by core.corrections


class Writers:
    """Who may write: a command with the service's token, or the page that was opened on this machine.

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

    def check(self, request: Request) -> None:
        """Refuse a request that may not write."""
        given = request.headers.get("authorization", "")
        if secrets.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            return
        shown = request.headers.get(PAGE_HEADER, "")
        if not secrets.compare_digest(shown.encode(), self._page_token.encode()):
            raise HTTPException(401, "this needs the service's own token")
        # That an Origin is our own has been checked for every request; a browser always sends one with a POST.
        if request.headers.get("origin") is None or not _on_this_machine(request):
            raise HTTPException(403, "only the page on the service's own machine may write")


def corrections_router(runtime: Runtime, writers: Writers, changed: Callable[[], None]) -> APIRouter:
    """Build the routes; `changed` is told when figures may have changed."""
    router = APIRouter(tags=["corrections"])

    def told(entry: Entry, language: Language) -> Given:
        return dict(correction_view(entry, runtime.park, language))

    @router.get("/page-token", include_in_schema=False)
    def page_token(request: Request) -> dict[str, str | None]:
        return {"token": writers.page_token(request)}

    @router.get("/corrections", summary="Every correction on record, undone ones too")
    def listed(lang: Language = Language.ZH) -> list[Given]:
        return [told(entry, lang) for entry in runtime.state.corrections()]

    @router.post("/corrections", summary="Correct history; answers when every figure has followed")
    def add(request: Request, given: Annotated[Given, Body()], lang: Language = Language.ZH) -> Given:
        writers.check(request)
        entry = corrections.add(runtime, given)
        changed()
        return told(entry, lang)

    @router.post("/corrections/{number}/undo", summary="Take a correction back; it stays on record")
    def undo(request: Request, number: int, given: Annotated[Given, Body()], lang: Language = Language.ZH) -> Given:
        writers.check(request)
        entry = corrections.undo(runtime, number, given)
        changed()
        return told(entry, lang)

    return router


def _on_this_machine(request: Request) -> bool:
    """Say whether the browser runs here: by its address and by the name it asked for, so a proxy does not count."""
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        local = request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        local = False
    return local and host_name(request.headers.get("host", "")) in LOOPBACK
