"""The faults that were found in the PV arrays."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query
from starlette.responses import Response

from core.text import Language
from service import found
from service.http.answers import AnyJson
from service.http.asking import only_known
from service.runner import Runtime
from service.why import span_of


def findings_router(runtime: Runtime) -> APIRouter:
    """Build the routes."""
    router = APIRouter(tags=["views"], dependencies=[Depends(only_known)])

    @router.get("/findings", summary="Faults of the PV arrays: start, size, confidence, and a picture of each")
    def findings(
        day: Annotated[str | None, Query(max_length=10, description="one local day, 2026-10-01")] = None,
        month: Annotated[str | None, Query(max_length=7, description="one local month, 2026-10")] = None,
        first: Annotated[date | None, Query(alias="from", description="first local day")] = None,
        last: Annotated[date | None, Query(alias="to", description="last local day")] = None,
        lang: Language = Language.ZH,
        array: Annotated[str, Query(max_length=100, description="one array, and what it is measured by")] = "",
    ) -> Response:
        """Without a range: the days that were searched. `unsearched` says what of the range nobody has looked at."""
        if sum(x is not None for x in (day, month, first or last)) > 1:
            raise HTTPException(422, "ask for a day, a month or a range")
        if day or month:
            first, last = span_of(day, month)
        now = runtime.clock.now()
        days = found.days_of(runtime.park, runtime.state, first, last, now)
        return AnyJson(found.told(runtime.park, runtime.state, days, now, lang, array))

    return router
