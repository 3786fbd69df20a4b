"""The page and its API in front of a year of 500 meters: `make bench ARGS=page`.

One service as `parkwatt run` starts it, jobs included, asked over HTTP on loopback by this process.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import requests
from playwright.sync_api import CDPSession, sync_playwright

from core.park import Park
from tests.bench import year
from tests.bench.row import Row
from tests.bench.servers import resident_mb, until
from tests.conftest import free_port

VIEWERS = 20
VIEWING_S = 20.0
NO_PAUSE = (0.0, 0.0)
PAUSE_S = (2.0, 8.0)  # between two looks at the page: hasty people
FRESH_S = 2.1  # beyond the time for which viewers share one overview
TIMES = 20
PAINTS = 5
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run"]  # fmt: skip


def measure() -> list[Row]:
    """Build a year, serve it, take the figures."""
    folder = Path(tempfile.mkdtemp(prefix="parkwatt-bench-"))
    try:
        began = time.perf_counter()
        path, park, count = year.prepared(folder, free_port(), free_port())
        print(f"{count:,} slot values of {year.METERS} meters in {time.perf_counter() - began:.0f} s", flush=True)
        return measured(path, park)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measured(path: Path, park: Park) -> list[Row]:
    """Take the figures of a park whose store is filled."""
    url = f"http://127.0.0.1:{park.http.port}"
    with served(path) as process:
        until(lambda: _ok(f"{url}/healthz"), 120, "the page", every_s=0.1)
        asked = Asked(url, park)
        rows = [*_series_rows(asked), *_overview_rows(asked)]
        rows += [*_viewer_rows(url, park), *_patient_rows(url, park), *_browser_rows(url)]
        jobs = requests.get(f"{url}/healthz", timeout=10).json()["jobs"]
        print(f"load average of the machine: {os.getloadavg()[0]:.1f}, ours included")
        print("jobs meanwhile:", {n: f"{j['runs']} runs, last {j['last_duration_s']:.2f} s" for n, j in jobs.items()})
        rows.append(Row("service memory, resident, after 20 viewers", resident_mb(process.pid), "MB"))
        rows.append(Row("service memory, peak", resident_mb(process.pid, "VmHWM"), "MB"))
    return rows


@contextmanager
def served(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the service as an operator does; there is no broker, which it says and bears."""
    program = [str(Path(sys.executable).parent / "parkwatt"), "run", str(path)]
    with (path.parent / "log").open("ab") as log:
        process = subprocess.Popen(program, stdout=log, stderr=log, cwd=path.parent)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(300)


def _ok(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code in {200, 503}
    except requests.RequestException:
        return False


class Asked:
    """Questions to the service, and how long each took until its last byte was read."""

    def __init__(self, url: str, park: Park) -> None:
        self._url = url
        self._park = park
        self._session = requests.Session()
        self.size = 0

    def get(self, path: str, **params: object) -> float:
        """Return the seconds an answer took, decompressed but not parsed."""
        start = time.perf_counter()
        answer = self._session.get(f"{self._url}{path}", params=params, timeout=60)  # type: ignore[arg-type]
        spent = time.perf_counter() - start
        answer.raise_for_status()
        self.size = len(answer.content)
        return spent

    def series(self, entity: str, first: date, last: date) -> float:
        """Ask for the slots of one point."""
        return self.get("/api/v1/series", quantity="load_kwh", scope="point", entity=entity,
                        **{"from": first, "to": last})  # fmt: skip

    def year(self, number: int) -> float:
        """Ask for a year of one load."""
        return self.series(f"load-{number:03}", *year.a_year_back(self._park))

    def overview(self, language: str) -> float:
        """Ask for the first screen."""
        return self.get("/api/v1/overview", lang=language)


def _series_rows(asked: Asked) -> list[Row]:
    cold = asked.year(0)
    spent = [asked.year(n) for n in range(1, TIMES + 1)]
    return [
        Row("a year of one series, 15 min: first after start", cold * 1000, "ms"),
        Row("a year of one series, 15 min: median", _median(spent), "ms", 50),
        Row("a year of one series, 15 min: fastest", min(spent) * 1000, "ms"),
        Row("a year of one series, 15 min: 95th percentile", _p95(spent), "ms"),
        Row("a year of one series, 15 min: size", asked.size / 1000, "kB"),
    ]


def _overview_rows(asked: Asked) -> list[Row]:
    cold = asked.overview("en")
    spent = []
    for language in itertools.islice(itertools.cycle(("zh", "en")), 8):
        time.sleep(FRESH_S)
        spent.append(asked.overview(language))
    return [
        Row("overview of 500 meters: first after start", cold * 1000, "ms"),
        Row("overview of 500 meters, computed anew: median", _median(spent), "ms", 300),
        Row("overview of 500 meters, computed anew: fastest", min(spent) * 1000, "ms"),
        Row("overview of 500 meters, computed anew: 95th percentile", _p95(spent), "ms"),
        Row("overview of 500 meters: size", asked.size / 1000, "kB"),
    ]


@dataclass
class Viewing:
    """What all viewers together met."""

    spent: list[float] = field(default_factory=list)
    overviews: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def _viewer_rows(url: str, park: Park) -> list[Row]:
    viewing = _viewed(url, park, NO_PAUSE)
    return [
        Row("20 viewers without a pause: answers that failed", len(viewing.failed), "", 0),
        Row("20 viewers without a pause: median", _median(viewing.spent), "ms"),
        Row("20 viewers without a pause: 95th percentile", _p95(viewing.spent), "ms", 500),
        Row("20 viewers without a pause: overview, 95th percentile", _p95(viewing.overviews), "ms"),
        Row(
            "20 viewers without a pause: answers",
            (len(viewing.spent) - len(viewing.failed)) / VIEWING_S,
            "1/s",
            more_is_better=True,
        ),
    ]


def _patient_rows(url: str, park: Park) -> list[Row]:
    viewing = _viewed(url, park, PAUSE_S)
    return [
        Row("20 viewers who pause 2 to 8 s: answers that failed", len(viewing.failed), "", 0),
        Row("20 viewers who pause 2 to 8 s: median", _median(viewing.spent), "ms"),
        Row("20 viewers who pause 2 to 8 s: 95th percentile", _p95(viewing.spent), "ms"),
    ]


def _viewed(url: str, park: Park, pause_s: tuple[float, float]) -> Viewing:
    viewing, end = Viewing(), time.perf_counter() + VIEWING_S
    threads = [
        threading.Thread(target=_view, args=(Asked(url, park), n, viewing, end, pause_s)) for n in range(VIEWERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if viewing.failed:
        print(f"an answer that failed: {viewing.failed[0]}", flush=True)
    return viewing


def _view(asked: Asked, number: int, viewing: Viewing, end: float, pause_s: tuple[float, float]) -> None:
    """Open the page again and again: overview in either language, then charts of a day, a week, a month or a year."""
    rng, patience = random.Random(number), random.Random(-number - 1)  # noqa: S311 - which chart, and how long
    today = year.a_year_back(asked._park)[1]
    time.sleep(patience.uniform(0, pause_s[1]))  # people do not come all at once
    while time.perf_counter() < end:
        try:
            viewing.overviews.append(asked.overview(rng.choice(("zh", "en"))))
            viewing.spent.append(viewing.overviews[-1])
            for days in rng.choices((0, 7, 30, 364), weights=(4, 3, 2, 1), k=2):
                entity = f"load-{rng.randrange(year.LOADS):03}"
                viewing.spent.append(asked.series(entity, today - timedelta(days=days), today))
        except requests.RequestException as error:
            viewing.failed.append(str(error))
            viewing.spent.append(VIEWING_S)
            viewing.overviews.append(VIEWING_S)
        time.sleep(patience.uniform(*pause_s))


def _browser_rows(url: str) -> list[Row]:
    if not Path(CHROMIUM).exists():
        raise SystemExit("chromium is not on this machine: apt-get install chromium")
    paints, whole, weight = [], [], 0.0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for _ in range(PAINTS):
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            page = context.new_page()
            loaded = _weighed(context.new_cdp_session(page))
            start = time.perf_counter()
            page.goto(url)
            page.wait_for_selector("#today .plot svg", timeout=60_000)
            page.wait_for_load_state("networkidle")
            whole.append(time.perf_counter() - start - 0.5)  # networkidle means half a second of quiet
            paints.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000)
            weight = loaded()
            context.close()
        browser.close()
    return [
        Row("page weight over the wire, everything", weight / 1e6, "MB", 2),
        Row("first contentful paint, empty cache: median", _median(paints), "ms", 1000),
        Row("everything loaded, empty cache: median", _median(whole), "ms"),
    ]


def _weighed(session: CDPSession) -> Callable[[], float]:
    """Count the bytes a browser receives."""
    sizes: list[float] = []
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    return lambda: sum(sizes)


def _median(seconds: list[float]) -> float:
    return float(np.median(seconds)) * 1000


def _p95(seconds: list[float]) -> float:
    return float(np.percentile(seconds, 95)) * 1000
