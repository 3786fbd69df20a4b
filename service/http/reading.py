"""Reading series, the overview and alerts."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from starlette.responses import Response, StreamingResponse

from core.frames import instant
from core.quantities import DERIVED, Period, Scope
from core.text import Language
from core.timebase import day_bounds
from dashboards import views
from service import exporting
from service.http.answers import AnyJson
from service.runner import Runtime

OVERVIEW_FRESH_S = 2.0  # several viewers within this time share one answer
MAX_SERIES_DAYS = 1100

Fresh = dict[Language, tuple[float, bytes]]  # the overview as last answered, and when


def reading_router(runtime: Runtime, fresh: Fresh) -> APIRouter:
    """Build the routes."""
    router = APIRouter()

    @router.get("/overview", summary="Everything the first screen shows, in one answer")
    def overview(lang: Language = Language.ZH) -> Response:
        at_s, body = fresh.get(lang, (-OVERVIEW_FRESH_S, b""))
        now_s = runtime.clock.monotonic_s()
        if now_s - at_s >= OVERVIEW_FRESH_S or not body:
            now, status = runtime.clock.now(), runtime.collector_status()
            view = views.overview(runtime.park, runtime.store, runtime.state, now, lang, runtime.say, status)
            body = bytes(AnyJson(view).body)
            fresh[lang] = (now_s, body)
        return Response(body, media_type="application/json")

    @router.get("/park", summary="Who this park is and what is metered")
    def park() -> dict[str, Any]:  # Any: a JSON document
        shown = {"id", "name", "latitude", "longitude", "timezone", "area_ha", "notice", "points", "arrays", "targets"}
        return {**runtime.park.model_dump(mode="json", include=shown), "digest": runtime.park.digest}

    @router.get("/series", summary="Values of one quantity per slot, day or month")
    def series(
        quantity: str,
        scope: Scope = Scope.PARK,
        entity: str | None = None,
        period: Period = Period.SLOT,
        start: Annotated[date | None, Query(alias="from", description="first local day")] = None,
        end: Annotated[date | None, Query(alias="to", description="last local day")] = None,
    ) -> dict[str, Any]:  # Any: a JSON document
        if quantity not in DERIVED:
            raise HTTPException(422, f"no quantity is called {quantity}")
        first, last = _range(runtime, start, end)
        entities = [entity or runtime.park.id] if scope is Scope.PARK or entity else None
        frame = runtime.store.slots(period, first, last, scope=scope, entities=entities, quantities=[quantity])
        rows = frame.drop(columns=["scope", "quantity"])
        columns = {name: rows[name].tolist() for name in rows.columns if name != "start"}
        starts = [instant(t).isoformat() for t in rows["start"]]
        return {"quantity": quantity, "unit": DERIVED[quantity].unit, "scope": scope, "period": period,
                "start": starts, **columns}  # fmt: skip

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


def _range(runtime: Runtime, start: date | None, end: date | None) -> tuple[datetime, datetime]:
    today = runtime.clock.now().astimezone(runtime.park.zone).date()
    end = end or today
    start = start or end - timedelta(days=7)
    if end < start:
        raise HTTPException(422, "`to` lies before `from`")
    if (end - start).days > MAX_SERIES_DAYS:
        raise HTTPException(422, f"ask for at most {MAX_SERIES_DAYS} days")
    return day_bounds(start, runtime.park.zone)[0], day_bounds(end, runtime.park.zone)[1]
