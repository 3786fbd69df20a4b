"""The page's own files."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib import resources
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

MEDIA = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml"}  # fmt: skip


@cache
def _asset(name: str) -> tuple[bytes, str]:
    """Return a shipped file, compressed once, and its ETag."""
    raw = resources.files("dashboards").joinpath(name).read_bytes()
    return gzip.compress(raw, 9), f'"{hashlib.sha256(raw).hexdigest()[:16]}"'


def _send(request: Request, name: str) -> Response:
    body, tag = _asset(name)
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        body = gzip.decompress(body)
    return Response(body, headers=headers, media_type=MEDIA[Path(name).suffix])


def page_router() -> APIRouter:
    """Build the routes."""
    router = APIRouter(include_in_schema=False)
    web = resources.files("dashboards").joinpath("web")
    shipped = {item.name for item in web.iterdir() if Path(item.name).suffix in MEDIA} - {"login.html"}

    @router.api_route("/", methods=["GET", "HEAD"])
    def index(request: Request) -> Response:
        return _send(request, "web/index.html")

    @router.get("/static/{name}")
    def static(request: Request, name: str) -> Response:
        if name not in shipped:
            raise HTTPException(404, "no such file")
        return _send(request, f"web/{name}")

    return router
