"""The monthly report, made when it is asked for."""

from __future__ import annotations

import shutil
import tempfile
import threading
from datetime import date
from pathlib import Path

from fastapi import APIRouter, HTTPException
from starlette.responses import FileResponse, Response

from core.errors import ConfigError
from core.park import FIRST_YEAR, LAST_YEAR
from core.timebase import month_of
from reports import monthly
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


def reports_router(runtime: Runtime, reports: Reports) -> APIRouter:
    """Build the routes."""
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
