"""Why the balance of a day or month differs from its plan, over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from starlette.responses import Response

from core.text import Language
from core.timebase import day_of
from core.why_waterfall import document
from service.http.answers import written
from service.http.asking import only_known
from service.http.ranges import bounds
from service.http.sharing import Shared, compressed
from service.runner import Runtime
from service.why import MOST_DAYS, explain, span_of

WHY_FRESH_S = 2.0  # several viewers within this time share one answer


def why_router(runtime: Runtime, shared: Shared) -> APIRouter:
    """Build the route."""
    router = APIRouter(tags=["views"])

    @router.get(
        "/why",
        summary="What made the balance of some days differ from their plan, in kWh that add up",
        dependencies=[Depends(only_known)],
    )
    def why(
        request: Request,
        day: Annotated[str | None, Query(max_length=10, description="one local day, 2026-10-01")] = None,
        month: Annotated[str | None, Query(max_length=7, description="one local month, 2026-10")] = None,
        start: Annotated[date | None, Query(alias="from", description="first local day")] = None,
        end: Annotated[date | None, Query(alias="to", description="last local day")] = None,
        lang: Language = Language.ZH,
    ) -> Response:
        if sum(x is not None for x in (day, month, start or end)) > 1:
            raise HTTPException(422, "ask for a day, a month or a range")
        if day or month:
            first, last = span_of(day, month)
        else:
            last = end or day_of(runtime.clock.now(), runtime.park.zone)
            first = start or last.replace(day=1)
        bounds(runtime, first, last)
        if (last - first).days >= MOST_DAYS:
            raise HTTPException(422, f"ask for at most {MOST_DAYS} days")

        def made() -> bytes:
            now = runtime.clock.now()
            found = explain(runtime.park, runtime.store, runtime.state, first, last, now)
            return written(document(found, runtime.park, lang))

        return compressed(request, shared.get(("why", first, last, lang), WHY_FRESH_S, made))

    return router
