"""The application: routes put together. OpenAPI describes it at /openapi.json."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response

from core.errors import ConfigError, Rejected, Retryable
from dashboards.views import Habits
from service.access import Access, Doorkeeper
from service.corrections import NotComputedError
from service.http.access import access_router, own_router, tokens_router, users_router
from service.http.answers import AnyJson
from service.http.backup import backup_router
from service.http.corrections import corrections_router
from service.http.data import data_router
from service.http.described import describing
from service.http.findings import findings_router
from service.http.handling import handling_router
from service.http.health import health_router
from service.http.page import page_router
from service.http.reading import reading_router
from service.http.reports import Reports, reports_router
from service.http.sharing import LEVEL, Shared
from service.http.standing import standing_router
from service.http.views import views_router
from service.http.why import why_router
from service.http.writing import writing_router
from service.live import Live
from service.made_reports import MadeReports
from service.making import Maker
from service.runner import Runtime
from service.security import Gate, failed


def make_app(runtime: Runtime, token: str, live: Live | None = None) -> FastAPI:
    """Build the application; `token` is what requests that change something must present.

    Whoever ends the server closes `live` first: its streams never end by themselves.
    """
    live = live or Live()
    access = Access(runtime.park, runtime.people, runtime.clock, token)
    reports = Reports(runtime)
    made = MadeReports(runtime.park)
    maker = Maker(runtime, made)
    shared, habits = Shared(runtime.clock), Habits()

    def tell(what: str) -> None:
        # Pages ask again at once: what was computed before must not answer them.
        shared.forget()
        live.tell(what)

    def changed() -> None:
        habits.forget()
        reports.forget()
        tell("data")

    runtime.listeners.append(tell)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        maker.close()
        reports.close()

    app = FastAPI(
        title="Parkwatt", version="1", lifespan=lifespan, docs_url=None, redoc_url=None, default_response_class=AnyJson
    )
    # The last one stands first in a request's way.
    app.add_middleware(Doorkeeper, access=access)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=LEVEL)
    http = runtime.park.http
    app.add_middleware(Gate, listen=http.listen, hosts=http.hosts, secure=lambda asked: access.origin(asked).secure)
    app.include_router(page_router())
    app.include_router(access_router(runtime.park, access))
    for router in (own_router(runtime.park, access), users_router(access), tokens_router(runtime.park, access)):
        app.include_router(router, prefix="/api/v1")
    app.include_router(health_router(runtime, access))
    app.include_router(reading_router(runtime, shared, habits), prefix="/api/v1")
    app.include_router(views_router(runtime, live, shared), prefix="/api/v1")
    app.include_router(why_router(runtime, shared), prefix="/api/v1")
    app.include_router(standing_router(runtime, shared), prefix="/api/v1")
    app.include_router(findings_router(runtime), prefix="/api/v1")
    app.include_router(reports_router(runtime, reports, access, made, maker), prefix="/api/v1")
    app.include_router(writing_router(runtime, access), prefix="/api/v1")
    app.include_router(backup_router(runtime, access), prefix="/api/v1")
    app.add_exception_handler(RequestValidationError, _misasked)
    app.add_exception_handler(Exception, failed)
    app.include_router(data_router(runtime), prefix="/api/v1")
    app.include_router(handling_router(runtime, access, lambda: tell("alerts")), prefix="/api/v1")
    app.include_router(corrections_router(runtime, access, changed), prefix="/api/v1")
    for kind, status in ((ConfigError, 400), (Rejected, 422), (Retryable, 503), (NotComputedError, 500)):
        app.add_exception_handler(kind, _told(status))
    app.openapi = describing(app, access)  # type: ignore[method-assign] # as FastAPI's own documentation has it
    return app


def _misasked(_request: Request, error: Exception) -> Response:
    """Say what is wrong with a question without repeating what was sent."""
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    return AnyJson({"detail": [f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults]}, 422)


def _told(status: int) -> Any:  # Any: Starlette's handler type is a union of callables
    def handler(_request: Request, error: Exception) -> Response:
        return AnyJson({"detail": str(error)}, status)

    return handler
