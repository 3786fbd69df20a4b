"""Reading series, the overview and alerts."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any

import numpy as np
import pandas as pd
from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import Response, StreamingResponse

from core.quantities import DERIVED, Period, Scope
from core.text import Language
from core.timebase import day_bounds
from dashboards import views
from service import exporting
from service.http.answers import written
from service.http.sharing import Shared, compressed
from service.runner import Runtime

OVERVIEW_FRESH_S = 2.0  # several viewers within this time share one answer
SERIES_FRESH_S = 2.0
MAX_SERIES_DAYS = 1100
MAX_SERIES_VALUES = 1_000_000  # of all entities together: what is more is a file, not an answer
_PER_DAY = {Period.SLOT: 96.0, Period.DAY: 1.0, Period.MONTH: 1 / 28}


def reading_router(runtime: Runtime, shared: Shared, habits: views.Habits) -> APIRouter:
    """Build the routes."""
    router = APIRouter()

    @router.get("/overview", summary="Everything the first screen shows, in one answer")
    def overview(
        request: Request,
        lang: Language = Language.ZH,
        everything: Annotated[
            bool, Query(alias="all", description="every array, building and meter, not only those to look at")
        ] = False,
    ) -> Response:
        def made() -> bytes:
            now, status = runtime.clock.now(), runtime.collector_status()
            return written(
                views.overview(
                    runtime.park, runtime.store, runtime.state, now, lang, runtime.say, status,
                    habits=habits, everything=everything,
                )
            )  # fmt: skip

        return compressed(request, shared.get(("overview", lang, everything), OVERVIEW_FRESH_S, made))

    @router.get("/park", summary="Who this park is and what is metered")
    def park() -> dict[str, Any]:  # Any: a JSON document
        shown = {"id", "name", "latitude", "longitude", "timezone", "area_ha", "notice", "points", "arrays", "targets"}
        return {**runtime.park.model_dump(mode="json", include=shown), "digest": runtime.park.digest}

    @router.get("/series", summary="Values of one quantity per slot, day or month")
    def series(
        request: Request,
        quantity: str,
        scope: Scope = Scope.PARK,
        entity: str | None = None,
        period: Period = Period.SLOT,
        start: Annotated[date | None, Query(alias="from", description="first local day")] = None,
        end: Annotated[date | None, Query(alias="to", description="last local day")] = None,
    ) -> Response:
        first, last = _range(runtime, start, end)
        entities = _entities(runtime, quantity, scope, entity, period, (first, last))

        def made() -> bytes:
            rows = runtime.store.slots(period, first, last, scope=scope, entities=entities, quantities=[quantity])
            return written({"quantity": quantity, "unit": DERIVED[quantity].unit, "scope": scope, "period": period,
                            **columns_of(rows)})  # fmt: skip

        key = ("series", quantity, scope, entity, period, first, last)
        return compressed(request, shared.get(key, SERIES_FRESH_S, made))

    @router.get("/export", summary="Series or readings as CSV, streamed day by day")
    def export(
        series: Annotated[str, Query(description="names, separated by commas")],
        first: Annotated[date, Query(alias="from", description="first local day")],
        last: Annotated[date, Query(alias="to", description="last local day")],
        scope: str = "park",
        entity: str | None = None,
        period: Period = Period.SLOT,
    ) -> StreamingResponse:
        names = [name.strip() for name in series.split(",") if name.strip()]
        what = exporting.wanted(runtime.park, names, scope, entity, period, first, last)
        name = f"parkwatt-{runtime.park.id}-{first}-{last}.csv"
        return StreamingResponse(
            exporting.csv_blocks(runtime.park, runtime.store, what),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    @router.get("/alerts", summary="Alerts that are firing, and with `since` also those that ended since")
    def alerts(lang: Language = Language.ZH, since: datetime | None = None) -> list[dict[str, Any]]:
        if since is not None and since.tzinfo is None:
            since = since.replace(tzinfo=runtime.park.zone)
        return [{**vars(a), "words": vars(runtime.say(a, lang))} for a in runtime.state.alerts(since) if a.fired_at]

    return router


def columns_of(rows: pd.DataFrame) -> dict[str, object]:
    """Return SLOTS rows as columns: times as text with their offset, unknown values as null."""
    return {
        "start": rows["start"].to_numpy("datetime64[us]"),
        "entity": rows["entity"].tolist(),
        **{name: np.ascontiguousarray(rows[name].to_numpy("float64")) for name in ("value", "coverage", "estimated")},
        "reasons": rows["reasons"].tolist(),
    }


def _entities(
    runtime: Runtime, quantity: str, scope: Scope, entity: str | None, period: Period, span: tuple[datetime, datetime]
) -> list[str] | None:
    """Return whom a series is asked of, None for all of a scope; refuses what is unknown or too much at once."""
    if quantity not in DERIVED:
        raise HTTPException(422, f"no quantity is called {quantity}")
    if scope is Scope.PARK or entity:
        return [entity or runtime.park.id]
    count = len(runtime.park.arrays if scope is Scope.ARRAY else runtime.park.points)
    if count * (span[1] - span[0]).days * _PER_DAY[period] > MAX_SERIES_VALUES:
        raise HTTPException(422, "that is too much for one answer: name an `entity`, or ask for fewer days")
    return None


def _range(runtime: Runtime, start: date | None, end: date | None) -> tuple[datetime, datetime]:
    today = runtime.clock.now().astimezone(runtime.park.zone).date()
    end = end or today
    start = start or end - timedelta(days=7)
    if end < start:
        raise HTTPException(422, "`to` lies before `from`")
    if (end - start).days > MAX_SERIES_DAYS:
        raise HTTPException(422, f"ask for at most {MAX_SERIES_DAYS} days")
    return day_bounds(start, runtime.park.zone)[0], day_bounds(end, runtime.park.zone)[1]
