"""/healthz for whoever looks after the service, /metrics for Prometheus; strangers hear whether it is well, not why."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.access import Access, Role
from service.http.answers import AnyJson
from service.metrics import ParkMetrics
from service.runner import ASIDE, JobHealth, Runtime

STALE_COMPUTE = timedelta(minutes=10)
SILENT_S = 600.0  # a job that runs for so long without getting on does not return


def health_router(runtime: Runtime, access: Access) -> APIRouter:
    """Build the routes."""
    router = APIRouter()
    metrics = ParkMetrics(runtime)

    @router.get("/healthz", summary="Is the service well? 200 when it is, 503 when somebody has to look")
    def healthz(request: Request) -> Response:
        problems = _problems(runtime)
        if not access.may(request, Role.VIEWER):
            return AnyJson({"ok": not problems}, 503 if problems else 200)
        body = {
            "ok": not problems,
            "problems": problems,
            "collector": runtime.collector_status(),
            "jobs": {name: health.told(runtime.clock) for name, health in runtime.jobs.items()},
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
        if health.silent_s(runtime.clock) > SILENT_S and health.running_since:
            found.append(_hanging(name, health, runtime))
        late = health.last_success is not None and now - health.last_success > STALE_COMPUTE
        if name == "compute" and late:
            found.append(f"nothing computed since {health.last_success:%H:%M:%S} UTC")
    return found


def _hanging(name: str, hanging: JobHealth, runtime: Runtime) -> str:
    """Say which job does not return, and who waits for it."""
    began, minutes = hanging.running_since, hanging.silent_s(runtime.clock) / 60
    waiting = [] if name in ASIDE else [other for other, health in runtime.jobs.items() if health.waiting_since]
    held_up = f"; held up: {', '.join(waiting)}" if waiting else ""
    return f"{name}: has not returned since {began:%Y-%m-%d %H:%M:%S} UTC, silent for {minutes:.0f} min{held_up}"
