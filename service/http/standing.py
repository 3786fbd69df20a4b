"""What the expectation of every array stands on, over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from core.text import Language
from core.timebase import day_of
from dashboards import views
from dashboards.views.spans import checked
from service.http.answers import written
from service.http.asking import only_known
from service.http.sharing import Shared, compressed
from service.runner import Runtime

FRESH_S = 2.0  # several viewers within this time share one answer


def standing_router(runtime: Runtime, shared: Shared) -> APIRouter:
    """Build the route."""
    router = APIRouter(tags=["views"], dependencies=[Depends(only_known)])

    @router.get("/expectation", summary="What each array's expectation stands on: its light, and what it learned")
    def expectation(
        request: Request,
        first: Annotated[date | None, Query(alias="from", description="first local day")] = None,
        last: Annotated[date | None, Query(alias="to", description="last local day")] = None,
        lang: Language = Language.ZH,
        array: Annotated[str, Query(max_length=100, description="one array only")] = "",
        everything: Annotated[bool, Query(alias="all", description="every array, not the twelve to look at")] = False,
    ) -> Response:
        now = runtime.clock.now()
        last = last or day_of(now, runtime.park.zone)
        span = checked(first or last.replace(day=1), last)
        filters = views.Filters(array=array, all=everything).checked(runtime.park)

        def made() -> bytes:
            return written(views.standing(runtime.park, runtime.store, runtime.state, span, now, lang, filters))

        return compressed(request, shared.get(("expectation", span, lang, filters), FRESH_S, made))

    return router
