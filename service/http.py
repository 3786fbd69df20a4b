"""The page and the read API of one park. OpenAPI describes it at /openapi.json."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import date, datetime, timedelta
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from core.errors import ConfigError, Rejected, Retryable
from core.frames import instant
from core.park import FIRST_YEAR, LAST_YEAR
from core.quantities import DERIVED, Period, Scope
from core.text import Language
from core.timebase import day_bounds, month_of
from dashboards import views
from ingest.files import import_files
from ingest.mapping import load_mapping
from ingest.preview import preview_files
from ingest.replay import replay
from reports import monthly
from service import exporting
from service.http_corrections import Writers, corrections_router
from service.memory import give_back
from service.metrics import ParkMetrics
from service.runner import Runtime, catch_up
from service.security import Gate

OVERVIEW_FRESH_S = 2.0  # several viewers within this time share one answer
REPORT_FRESH_S = 60.0
MAX_SERIES_DAYS = 1100
STALE_COMPUTE = timedelta(minutes=10)

MEDIA = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml"}  # fmt: skip


Fresh = dict[Language, tuple[float, bytes]]  # the overview as last answered, and when


class AnyJson(JSONResponse):
    """JSON by orjson; NaN becomes null."""

    def render(self, content: Any) -> bytes:  # Any: as Starlette has it
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z)


def make_app(runtime: Runtime, token: str) -> FastAPI:
    """Build the application; `token` is what requests that change something must present."""
    reports = Reports(runtime)
    fresh: Fresh = {}

    def changed() -> None:
        fresh.clear()
        reports.forget()

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        reports.close()

    app = FastAPI(
        title="Parkwatt", version="1", lifespan=lifespan, docs_url=None, redoc_url=None, default_response_class=AnyJson
    )
    app.add_middleware(GZipMiddleware, minimum_size=1024)
    app.middleware("http")(Gate(runtime.park.http.listen, runtime.park.http.hosts))
    app.include_router(_page())
    app.include_router(_health(runtime))
    app.include_router(_read(runtime, fresh), prefix="/api/v1")
    app.include_router(_reports(runtime, reports), prefix="/api/v1")
    app.include_router(_write(runtime, token), prefix="/api/v1")
    app.add_exception_handler(RequestValidationError, _misasked)
    app.include_router(corrections_router(runtime, Writers(token), changed), prefix="/api/v1")
    for kind, status in ((ConfigError, 400), (Rejected, 422), (Retryable, 503)):
        app.add_exception_handler(kind, _told(status))
    return app


def _misasked(_request: Request, error: Exception) -> Response:
    """Say what is wrong with a question without repeating what was sent."""
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    return AnyJson({"detail": [f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults]}, 422)


def _told(status: int) -> Any:  # Any: Starlette's handler type is a union of callables
    def handler(_request: Request, error: Exception) -> Response:
        return AnyJson({"detail": str(error)}, status)

    return handler


# -- the page


@cache
def _asset(package: str, name: str) -> tuple[bytes, str]:
    """Return a shipped file, compressed once, and its ETag."""
    raw = resources.files(package).joinpath(name).read_bytes()
    return gzip.compress(raw, 9), f'"{hashlib.sha256(raw).hexdigest()[:16]}"'


def _send(request: Request, package: str, name: str) -> Response:
    body, tag = _asset(package, name)
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        body = gzip.decompress(body)
    return Response(body, headers=headers, media_type=MEDIA[Path(name).suffix])


def _page() -> APIRouter:
    router = APIRouter(include_in_schema=False)
    web = resources.files("dashboards").joinpath("web")
    shipped = {item.name for item in web.iterdir() if Path(item.name).suffix in MEDIA}

    @router.api_route("/", methods=["GET", "HEAD"])
    def index(request: Request) -> Response:
        return _send(request, "dashboards", "web/index.html")

    @router.get("/static/vendor/plotly.min.js")
    def plotly(request: Request) -> Response:
        return _send(request, "plotly", "package_data/plotly.min.js")

    @router.get("/static/{name}")
    def static(request: Request, name: str) -> Response:
        if name not in shipped:
            raise HTTPException(404, "no such file")
        return _send(request, "dashboards", f"web/{name}")

    return router


# -- health


def _health(runtime: Runtime) -> APIRouter:
    router = APIRouter()
    metrics = ParkMetrics(runtime)

    @router.get("/healthz", summary="Is the service well? 200 when it is, 503 when somebody has to look")
    def healthz() -> Response:
        problems = _problems(runtime)
        body = {
            "ok": not problems,
            "problems": problems,
            "collector": runtime.collector_status(),
            "jobs": {name: vars(health) for name, health in runtime.jobs.items()},
        }
        return AnyJson(body, 503 if problems else 200)

    def healthz_head(_request: Request) -> Response:
        return Response(status_code=503 if _problems(runtime) else 200)

    router.add_route("/healthz", healthz_head, methods=["HEAD"], include_in_schema=False)

    @router.get("/metrics", summary="Prometheus metrics")
    def prometheus() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def _problems(runtime: Runtime) -> list[str]:
    found: list[str] = []
    for name, status in runtime.collectors().items():
        which = f"collector {name}" if name else "collector"
        if not status.connected:
            where = f"{which}: " if name else ""
            found.append(f"{where}not connected to the broker{f': {status.error}' if status.error else ''}")
        elif status.error:
            found.append(f"{which}: {status.error}")
    now = runtime.clock.now()
    for name, health in runtime.jobs.items():
        if health.last_error:
            found.append(f"{name}: {health.last_error}")
        late = health.last_success is not None and now - health.last_success > STALE_COMPUTE
        if name == "compute" and late:
            found.append(f"nothing computed since {health.last_success:%H:%M:%S} UTC")
    return found


# -- reading


def _read(runtime: Runtime, fresh: Fresh) -> APIRouter:
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


# -- reports


class Reports:
    """Writes a month's files once and hands them out for a while, so that all four say the same."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._folder = Path(tempfile.mkdtemp(prefix="parkwatt-reports-"))
        self._written: dict[tuple[int, int], tuple[float, list[Path]]] = {}
        self._one_at_a_time = threading.Lock()

    def names(self) -> list[str]:
        """Return what a report consists of: endings of its files' names."""
        return [*(f"{language}.pdf" for language in self._runtime.park.languages), "xlsx", "json"]

    def file(self, year: int, month: int, name: str) -> Path:
        """Return one file of a month's report, written within the last minute."""
        runtime = self._runtime
        with self._one_at_a_time:
            at_s, files = self._written.get((year, month), (float("-inf"), []))
            if runtime.clock.monotonic_s() - at_s > REPORT_FRESH_S:
                with runtime.working:
                    now = runtime.clock.now()
                    built = monthly.build(runtime.park, runtime.store, runtime.state, year, month, now, runtime.say)
                files = monthly.write(built, self._folder)
                give_back()
                self._written[year, month] = (runtime.clock.monotonic_s(), files)
        return next(file for file in files if file.name.endswith(f".{name}"))

    def forget(self) -> None:
        """Write everything anew when asked next."""
        with self._one_at_a_time:
            self._written.clear()

    def close(self) -> None:
        """Remove the files."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _reports(runtime: Runtime, reports: Reports) -> APIRouter:
    router = APIRouter()

    @router.get("/reports/{month}/{name}", summary="The monthly report: name is zh.pdf, en.pdf, xlsx or json")
    def report(month: str, name: str) -> Response:
        if name not in reports.names():
            raise HTTPException(404, f"a report of this park is {', '.join(reports.names())}")
        path = reports.file(*parse_month(month), name)
        return FileResponse(path, filename=path.name)

    @router.get("/reports", summary="Months a report can be made for")
    def months() -> list[str]:
        info = runtime.store.info()
        if info.first_reading is None:
            return []
        at, found = month_of(runtime.clock.now(), runtime.park.zone), []
        first = month_of(info.first_reading, runtime.park.zone)
        while at >= first:
            found.append(f"{at[0]}-{at[1]:02d}")
            at = (at[0], at[1] - 1) if at[1] > 1 else (at[0] - 1, 12)
        return found

    return router


def parse_month(text: str) -> tuple[int, int]:
    """Read a month written like 2026-10."""
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        first = date.min
    if not FIRST_YEAR <= first.year <= LAST_YEAR:
        raise ConfigError(f"{text!r} is not a month", "write it like 2026-10")
    return first.year, first.month


# -- changing


class Replay(BaseModel):
    """Which messages to read again, and the PARK.yaml that whoever asks has before them."""

    digest: str
    reason: str | None = None
    number: int | None = None


def _write(runtime: Runtime, token: str) -> APIRouter:
    router = APIRouter()

    def owned(request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {token}":
            raise HTTPException(401, "this needs the service's own token")

    @router.post("/import", summary="Import reading files that lie on the service's own machine")
    def bring_in(
        request: Request, files: list[Path], mapping: Path | None = None, dry_run: bool = False
    ) -> dict[str, Any]:  # Any: a JSON document
        owned(request)
        known = load_mapping(mapping) if mapping else None
        where = (runtime.park, runtime.store, runtime.state, files, runtime.clock)
        if dry_run:
            return asdict(preview_files(*where, None, known))
        result = import_files(*where, None, known)
        catch_up(runtime)
        return asdict(result)

    @router.post("/quarantine/replay", summary="Read quarantined messages again")
    def read_again(request: Request, wanted: Replay) -> dict[str, Any]:
        owned(request)
        park = runtime.park
        if wanted.digest != park.digest:
            raise ConfigError("the running service was started with another PARK.yaml", "restart it, then replay")
        result = replay(park, runtime.store, runtime.state, runtime.clock, reason=wanted.reason, number=wanted.number)
        if result.readings:
            catch_up(runtime)
        return vars(result)

    return router
