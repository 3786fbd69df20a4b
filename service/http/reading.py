"""Reading series, the overview and alerts."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Send
from starlette.types import Scope as Asked

from core.quantities import DERIVED, Period, Scope
from core.text import Language
from dashboards import views
from service import exporting, orientation_command
from service.http.answers import AnyJson, written
from service.http.columns import columns_of
from service.http.ranges import bounds
from service.http.sharing import Shared, compressed
from service.runner import Runtime

OVERVIEW_FRESH_S = 2.0  # several viewers within this time share one answer
SERIES_FRESH_S = 2.0
EXPORTS_AT_ONCE = 3
EXPORT_AGAIN_S = 30
MAX_SERIES_DAYS = 1100
MAX_SERIES_VALUES = 1_000_000  # of all entities together: what is more is a file, not an answer
_WEEK = timedelta(days=7)
_PER_DAY = {Period.SLOT: 96.0, Period.DAY: 1.0, Period.MONTH: 1 / 28}


def reading_router(runtime: Runtime, shared: Shared, habits: views.Habits) -> APIRouter:
    """Build the routes."""
    router, exports = APIRouter(), threading.BoundedSemaphore(EXPORTS_AT_ONCE)

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
        """Every entity of `series` has one value, `coverage` and share `estimated` for each point of one axis of time.

        Slots begin at `first` and every `step_s` seconds; days and months begin as `start` says. Unknown is null, and
        `reasons` has, for each there is, the places it stands for, counted from 0.
        """
        first, last = _range(runtime, start, end)
        entities = _entities(runtime, quantity, scope, entity, period, (first, last))

        def made() -> bytes:
            rows = runtime.store.slots(period, first, last, scope=scope, entities=entities, quantities=[quantity])
            return written({"quantity": quantity, "unit": DERIVED[quantity].unit, "scope": scope, "period": period,
                            **columns_of(rows, period, first)})  # fmt: skip

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
        bounds(runtime, first, last)
        name = f"parkwatt-{runtime.park.id}-{first}-{last}.csv"
        return _InTurn(
            exports,
            exporting.csv_blocks(runtime.park, runtime.store, what),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    @router.get("/alerts", summary="Alerts that are firing, and with `since` also those that ended since")
    def alerts(lang: Language = Language.ZH, since: datetime | None = None) -> list[dict[str, Any]]:
        if since is not None and since.tzinfo is None:
            since = since.replace(tzinfo=runtime.park.zone)
        return [{**vars(a), "words": vars(runtime.say(a, lang))} for a in runtime.state.alerts(since) if a.fired_at]

    _orientation(router, runtime)
    return router


def _orientation(router: APIRouter, runtime: Runtime) -> None:
    @router.get("/orientation", summary="Where arrays face by their own energy, beside what PARK.yaml says")
    def orientation(
        array: Annotated[str | None, Query(max_length=64, description="one array; default all")] = None,
        days: Annotated[int, Query(ge=1, le=orientation_command.MOST_DAYS)] = orientation_command.DAYS,
    ) -> list[Mapping[str, Any]]:
        if array is not None and array not in {a.id for a in runtime.park.arrays}:
            raise HTTPException(404, "there is no such array")
        return orientation_command.told(runtime.park, runtime.store, array, days, runtime.clock.now())


class _InTurn(StreamingResponse):
    """A long answer of which only so many are given at once, so that they never hold all the threads there are."""

    def __init__(self, turns: threading.BoundedSemaphore, *content: Any, **terms: Any) -> None:  # Any: Starlette's own
        super().__init__(*content, **terms)
        self._turns = turns

    async def __call__(self, scope: Asked, receive: Receive, send: Send) -> None:
        if not self._turns.acquire(blocking=False):
            told = {"detail": f"{EXPORTS_AT_ONCE} exports are under way; ask again later"}
            await AnyJson(told, 503, {"Retry-After": str(EXPORT_AGAIN_S)})(scope, receive, send)
            return
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._turns.release()


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
    start = start or max(end, date.min + _WEEK) - _WEEK
    first, last = bounds(runtime, start, end)
    if (end - start).days > MAX_SERIES_DAYS:
        raise HTTPException(422, f"ask for at most {MAX_SERIES_DAYS} days")
    assert first is not None  # noqa: S101 - both days are named
    assert last is not None  # noqa: S101 - the same
    return first, last
