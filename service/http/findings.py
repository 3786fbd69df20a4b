"""The faults that were found in the PV arrays."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from core.text import Language
from dashboards import views
from service import found
from service.http.answers import AnyJson
from service.http.ranges import bounds
from service.runner import Runtime


def findings_router(runtime: Runtime) -> APIRouter:
    """Build the routes."""
    router = APIRouter(tags=["views"])

    @router.get("/findings", summary="Faults of the PV arrays: start, size, confidence, and a picture of each")
    def findings(
        first: Annotated[date | None, Query(alias="from", description="first local day")] = None,
        last: Annotated[date | None, Query(alias="to", description="last local day")] = None,
        lang: Language = Language.ZH,
        array: Annotated[str, Query(max_length=100, description="one array only")] = "",
    ) -> Response:
        start, end = bounds(runtime, first, last)
        held = found.findings(runtime.state, start, end, array)
        return AnyJson(views.findings(runtime.park, held, lang))

    return router
