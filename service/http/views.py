"""The data of a view in one answer, what every view stands on, and word of changes as they happen."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import Response, StreamingResponse

from core.text import Language
from core.timebase import day_bounds, day_of
from dashboards import views
from dashboards.panels import DASHBOARDS
from dashboards.views.spans import checked
from service.access.access import visit_of
from service.http.answers import AnyJson, written
from service.http.sharing import Shared, compressed
from service.live import Live
from service.runner import Runtime

VIEW_FRESH_S = 2.0  # several viewers within this time share one answer


def views_router(runtime: Runtime, live: Live, shared: Shared) -> APIRouter:
    """Build the routes."""
    router = APIRouter(tags=["views"])

    @router.get("/meta", summary="Who the park is, when it is, how the data fare")
    def meta(lang: Language = Language.ZH) -> Response:
        now, status = runtime.clock.now(), runtime.collector_status()
        return AnyJson(views.meta(runtime.park, runtime.store, now, lang, status))

    @router.get("/views/{dashboard}", summary="Every panel of a dashboard over a range of local days")
    def view(
        request: Request,
        dashboard: str,
        first: Annotated[date | None, Query(alias="from", description="first local day")] = None,
        last: Annotated[date | None, Query(alias="to", description="last local day")] = None,
        compare: views.Compare = views.Compare.NONE,
        lang: Language = Language.ZH,
        array: Annotated[str, Query(max_length=100, description="one array only")] = "",
        building: Annotated[str, Query(max_length=100, description="one load or meter only")] = "",
        everything: Annotated[bool, Query(alias="all", description="every entity, not the twelve to look at")] = False,
    ) -> Response:
        if dashboard not in DASHBOARDS:
            raise HTTPException(404, f"there is no such view; there are: {', '.join(DASHBOARDS)}")
        now = runtime.clock.now()
        last = last or day_of(now, runtime.park.zone)
        first = first or last.replace(day=1)
        span = checked(first, last)
        since = day_bounds(span.first, runtime.park.zone)[0]
        question = views.Question(first, last, compare, views.Filters(array, building, everything))

        def made() -> bytes:
            alerts = runtime.state.alerts(since) if dashboard == "alerts" else []
            answer = views.dashboard_view(
                runtime.park, runtime.store, dashboard, question, now, lang, alerts=alerts, say=runtime.say
            )
            return written(answer)

        return compressed(request, shared.get((dashboard, question, lang), VIEW_FRESH_S, made))

    @router.get("/live", summary="Server-sent events: `changed` when computed data or alerts did")
    async def changes(request: Request) -> StreamingResponse:
        who = visit_of(request).listener
        if live.full_for(who):
            raise HTTPException(503, "too many pages listen; ask again later", {"Retry-After": "60"})
        headers: dict[str, Any] = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(live.stream(who), media_type="text/event-stream", headers=headers)

    return router
