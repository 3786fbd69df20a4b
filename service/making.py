"""Making reports in the background: one at a time, with progress, until done, failed or stopped."""

from __future__ import annotations

import logging
import secrets
import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.errors import ConfigError, Rejected, Retryable
from reports import monthly
from reports.report import MonthlyReport
from service.made_reports import MadeReport, MadeReports
from service.memory import give_back
from service.runner import Runtime
from service.why import explain_month

log = logging.getLogger(__name__)

REMEMBERED = 50
WAITING_AT_MOST = 24
Where = Literal["queued", "figures", "files", "done", "failed", "cancelled"]
OVER: tuple[Where, ...] = ("done", "failed", "cancelled")


@dataclass
class Job:
    """One report being made."""

    id: str
    month: str
    author: str
    asked_at: datetime
    where: Where = "queued"
    share: float = 0.0
    error: str = ""
    made: MadeReport | None = None
    stop: bool = False


class _Stopped(Exception):
    """Somebody asked for it, or the service ends."""


def built_month(runtime: Runtime, year: int, month: int, now: datetime) -> MonthlyReport:
    """Build a month's report with everything the models have to say of it."""
    what = (runtime.park, runtime.store, runtime.state, year, month, now)
    return monthly.build(*what, runtime.say, explain_month(*what))


class Maker:
    """Makes reports that people asked for, in the order they asked; what it made is kept."""

    def __init__(self, runtime: Runtime, kept: MadeReports) -> None:
        self._runtime, self._kept = runtime, kept
        self.zone = runtime.park.zone
        self._jobs: deque[Job] = deque(maxlen=REMEMBERED)
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def ask(self, year: int, month: int, author: str) -> Job:
        """Begin to make a month's report; one that is under way already is returned instead."""
        name = f"{year}-{month:02d}"
        with self._changed:
            if self._closed:
                raise Retryable("the service is ending")
            going = [j for j in self._jobs if j.where not in OVER]
            same = next((j for j in going if j.month == name and not j.stop), None)
            if same:
                return same
            if len(going) >= WAITING_AT_MOST:
                raise Retryable(f"{len(going)} reports are waiting to be made already", retry_after_s=60.0)
            job = Job(secrets.token_hex(8), name, author, self._runtime.clock.now())
            self._jobs.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="reports", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            return job

    def job(self, job_id: str) -> Job:
        """Return one job; raises ConfigError where it is not remembered."""
        with self._changed:
            found = next((j for j in self._jobs if j.id == job_id), None)
        if found is None:
            raise ConfigError("there is no such job", "the service may have been started anew; see the list of reports")
        return found

    def jobs(self) -> list[Job]:
        """Return the jobs that are not over."""
        with self._changed:
            return [j for j in self._jobs if j.where not in OVER]

    def cancel(self, job_id: str) -> Job:
        """Stop a job at its next step; one that is over stays as it is."""
        job = self.job(job_id)
        with self._changed:
            job.stop = True
            if job.where == "queued":
                job.where = "cancelled"
        return job

    def close(self) -> None:
        """Stop what is under way and wait for it."""
        with self._changed:
            self._closed = True
            for job in self._jobs:
                job.stop = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._next() is not None)
                job = self._next()
                if self._closed or job is None:
                    return
                job.where = "figures"
            self._make(job)

    def _next(self) -> Job | None:
        return next((j for j in self._jobs if j.where == "queued"), None)

    def _make(self, job: Job) -> None:
        place = self._kept.workplace(job.id)
        try:
            job.made = self._made(job)
            job.share, job.where = 1.0, "done"
        except _Stopped:
            job.where = "cancelled"
        except (ConfigError, Rejected, Retryable) as error:
            job.error, job.where = str(error), "failed"
        except Exception:
            log.exception("a report could not be made", extra={"month": job.month})
            job.error, job.where = "the program failed on it; the log says how", "failed"
        finally:
            self._kept.discard(place)
            give_back()

    def _made(self, job: Job) -> MadeReport:
        runtime, now = self._runtime, self._runtime.clock.now()
        year, month = map(int, job.month.split("-"))
        with runtime.working:
            built = built_month(runtime, year, month, now)
        job.where = "files"

        def progress(done: int, everything: int) -> None:
            job.share = done / everything
            if job.stop:
                raise _Stopped

        progress(0, 1)
        place = self._kept.workplace(job.id)
        monthly.write(built, place, progress)
        return self._kept.keep(place, job.month, now, job.author)
