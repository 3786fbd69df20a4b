"""The monthly report, made when it is asked for."""

from __future__ import annotations

import shutil
import tempfile
import threading
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import FileResponse, Response

from core.errors import ConfigError
from core.park import FIRST_YEAR, LAST_YEAR
from core.text import Language, local_time, month_name
from core.timebase import month_of
from reports import monthly
from service.access import Access, Role
from service.made_reports import MadeReport, MadeReports
from service.making import Job, Maker, built_month
from service.memory import give_back
from service.runner import Runtime

REPORT_FRESH_S = 60.0


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
                    built = built_month(runtime, year, month, now)
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


def reports_router(runtime: Runtime, reports: Reports, access: Access, made: MadeReports, maker: Maker) -> APIRouter:
    """Build the routes."""
    router = APIRouter(tags=["reports"])
    _kept(router, runtime, reports, made, maker)
    _making(router, access, maker)

    @router.get("/reports/{month}/{name}", summary="The monthly report: name is zh.pdf, en.pdf, xlsx or json")
    def report(month: str, name: str) -> Response:
        if name not in reports.names():
            raise HTTPException(404, f"a report of this park is {', '.join(reports.names())}")
        path = reports.file(*parse_month(month), name)
        return FileResponse(path, filename=path.name)

    @router.get("/reports", summary="Months a report can be made for")
    def months() -> list[str]:
        return months_of(runtime)

    return router


def _kept(router: APIRouter, runtime: Runtime, reports: Reports, made: MadeReports, maker: Maker) -> None:
    @router.get(
        "/reports/view", summary="What the page of reports shows: months, what was made of them, what is under way"
    )
    def view(lang: Language = Language.ZH) -> dict[str, Any]:  # Any: a JSON document
        zone = runtime.park.zone
        now = month_of(runtime.clock.now(), zone)
        return {
            "months": [
                {
                    "month": m,
                    "name": _month_name(m, lang),
                    "open": parse_month(m) == now,
                    "made": [made_view(x, zone) for x in made.of(m)],
                }
                for m in months_of(runtime)
            ],
            "names": reports.names(),
            "jobs": [job_view(j, zone) for j in maker.jobs()],
            "kept": runtime.park.reports.kept_per_month,
        }

    @router.get("/reports/{month}/made/{made_id}/{name}", summary="One file of a report as it was made then")
    def as_made(month: str, made_id: str, name: str) -> Response:
        path = made.file(month, made_id, name)
        return FileResponse(path, filename=path.name)


def _making(router: APIRouter, access: Access, maker: Maker) -> None:
    zone = maker.zone

    @router.post("/reports/{month}", status_code=202, summary="Make a month's report now, in the background")
    def make(request: Request, month: str) -> dict[str, Any]:  # Any: a JSON document
        who = access.require(request, Role.OPERATOR)
        access.note(request, "report.make", month)
        job = maker.ask(*parse_month(month), who.name)
        access.note(request, "report.make", month, after={"job": job.id})
        return job_view(job, zone)

    @router.get("/report-jobs/{job_id}", summary="How far a report is")
    def job(job_id: str) -> dict[str, Any]:  # Any: a JSON document
        return job_view(maker.job(job_id), zone)

    @router.post("/report-jobs/{job_id}/cancel", summary="Stop making a report")
    def cancel(request: Request, job_id: str) -> dict[str, Any]:  # Any: a JSON document
        access.require(request, Role.OPERATOR)
        access.note(request, "report.cancel", job_id)
        job = maker.cancel(job_id)
        access.note(request, "report.cancel", job.month, after={"job": job.id})
        return job_view(job, zone)


def job_view(job: Job, zone: ZoneInfo) -> dict[str, Any]:  # Any: a JSON document
    """Return a job as plain values."""
    shown = {name: getattr(job, name) for name in ("id", "month", "author", "where", "share", "error", "stop")}
    return shown | {"made": made_view(job.made, zone) if job.made else None}


def made_view(made: MadeReport, zone: ZoneInfo) -> dict[str, Any]:  # Any: a JSON document
    """Return a report that was made, as plain values."""
    return {
        "id": made.id,
        "month": made.month,
        "made_at": made.made_at.isoformat(),
        "made_text": local_time(made.made_at, zone),
        "digest": made.digest,
        "partial": made.partial,
        "author": made.author,
        "files": {kind: digest for kind, (_, digest) in made.files.items()},
    }


def months_of(runtime: Runtime) -> list[str]:
    """Return the months a report can be made for, the newest first."""
    info = runtime.store.info()
    if info.first_reading is None:
        return []
    at, found = month_of(runtime.clock.now(), runtime.park.zone), []
    first = month_of(info.first_reading, runtime.park.zone)
    while at >= first:
        found.append(f"{at[0]}-{at[1]:02d}")
        at = (at[0], at[1] - 1) if at[1] > 1 else (at[0] - 1, 12)
    return found


def _month_name(month: str, language: Language) -> str:
    year, number = parse_month(month)
    name = month_name(number, language)
    return f"{year} 年 {name}" if language is Language.ZH else f"{name} {year}"


def parse_month(text: str) -> tuple[int, int]:
    """Read a month written like 2026-10."""
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        first = date.min
    if not FIRST_YEAR <= first.year <= LAST_YEAR:
        raise ConfigError(f"{text!r} is not a month", "write it like 2026-10")
    return first.year, first.month
