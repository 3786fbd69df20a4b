"""Who may ask the page, and what a browser may do with the answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

HEADERS = {
    # Nothing may come from elsewhere, and neither scripts nor styles may stand in markup.
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it a browser sends the form of the login page without an Origin.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), "
    "display-capture=(), browsing-topics=()",
    # What is read here is somebody's; files of the page say otherwise themselves.
    "Cache-Control": "no-store",
}
# A year, as hstspreload.org asks; other services may answer under the same name's other names, so not for those.
HSTS = "max-age=31536000"
READING = frozenset({"GET", "HEAD"})
OTHER_SITES = frozenset({"cross-site", "same-site"})

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:@/\\\[\]]+)(?::[0-9]{1,5})?")

_HEADERS = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in HEADERS.items()]
_HSTS = (b"strict-transport-security", HSTS.encode("latin-1"))


class Gate:
    """Checks Host (against DNS rebinding) and Origin (against other sites' pages), and adds security headers."""

    def __init__(
        self,
        app: ASGIApp,
        listen: str,
        hosts: Iterable[str],
        secure: Callable[[Request], bool] = lambda r: r.url.scheme == "https",
    ) -> None:
        own = (f"[{listen}]" if ":" in listen else listen,)
        self._app = app
        self._secure = secure
        self._names = {name.lower() for name in (*LOOPBACK, *own, *hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        refusal = self._refusal(request)
        added = _HEADERS if refusal or not self._secure(request) else [*_HEADERS, _HSTS]

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                there = {name.lower() for name, _ in headers}
                message = {**message, "headers": [*headers, *(h for h in added if h[0] not in there)]}
            await send(message)

        await (refusal or self._app)(scope, receive, sending)

    def _refusal(self, request: Request) -> Response | None:
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        if host_name(host) not in self._names:
            return PlainTextResponse("This page is not served under that name. Add it to http.hosts.\n", 421)
        if _foreign(request, host, origin):
            return PlainTextResponse("Requests from other sites are refused.\n", 403)
        if origin == "null" and request.method not in READING:
            return PlainTextResponse("Requests without an origin of their own may only read.\n", 403)
        return None


def _foreign(request: Request, host: str, origin: str | None) -> bool:
    if origin is not None and origin != "null" and _place(origin) != host:
        return True
    site = request.headers.get("sec-fetch-site")
    if request.method not in READING:
        return site in OTHER_SITES
    # Links from elsewhere lead to the page and to downloads; nothing else reads from another site.
    told = site == "cross-site" and request.headers.get("sec-fetch-mode") != "navigate"
    return told and request.scope["path"].startswith("/api/")


def _place(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def host_name(host: str) -> str:
    """Return the name in a Host header, without its port; nothing where it is more or less than that."""
    found = _HOST.fullmatch(host.lower())
    return found[1] if found else ""


def failed(_request: Request, _error: Exception) -> Response:
    """Answer what nobody foresaw; it comes from outside the gate, so it brings the headers along."""
    return PlainTextResponse("Internal Server Error", 500, HEADERS)
