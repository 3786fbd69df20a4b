"""Speed and memory of the demo park: `make bench ARGS=demo`."""

from __future__ import annotations

import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.bench.row import Row
from tests.conftest import free_port


@contextmanager
def demo(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the demo as `make run` does."""
    log = (folder / "log").open("wb")
    program = [
        str(Path(sys.executable).parent / "parkwatt"),
        "demo",
        "--folder",
        str(folder / "demo"),
        "--port",
        str(port),
    ]
    process = subprocess.Popen(program, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        log.close()


def until(condition: Callable[[], bool], seconds: float) -> float:
    """Return how long it took until `condition` held."""
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        if condition():
            return time.perf_counter() - start
        time.sleep(0.05)
    raise SystemExit(f"waited {seconds:g} s in vain")


def answers(url: str) -> bool:
    """Say whether the page's data are there."""
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def timed(work: Callable[[], object], times: int) -> float:
    """Return the median duration of `work` in seconds."""
    durations = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        durations.append(time.perf_counter() - start)
        time.sleep(2.1)  # beyond the time for which viewers share one answer
    return statistics.median(durations)


def memory_mb(pid: int, field: str) -> float:
    """Return a process' memory figure in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise ValueError(field)


def measure() -> list[Row]:
    """Start the demo and take its figures."""
    folder, port = Path(tempfile.mkdtemp(prefix="parkwatt-bench-")), free_port()
    url = f"http://127.0.0.1:{port}"
    rows = []
    try:
        with demo(folder, port) as process:
            up = until(lambda: answers(f"{url}/api/v1/overview?lang=en"), 120)
            rows.append(Row("page up after start, 60 days of history included", up, "s", 20))
            get = requests.Session().get
            overview = timed(lambda: get(f"{url}/api/v1/overview?lang=en", timeout=10).raise_for_status(), 9)
            rows.append(Row("the page's data for 60 days", overview * 1000, "ms", 200))
            # A month's files are kept for a minute, so each month is asked for once.
            months = iter(requests.get(f"{url}/api/v1/reports", timeout=10).json())
            report = timed(lambda: get(f"{url}/api/v1/reports/{next(months)}/zh.pdf", timeout=60).raise_for_status(), 3)
            rows.append(Row("monthly report: PDF in two languages, XLSX, JSON", report, "s", 5))
            rows.append(Row("service memory, resident", memory_mb(process.pid, "VmRSS"), "MB", 400))
            rows.append(Row("service memory, peak", memory_mb(process.pid, "VmHWM"), "MB", 400))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return rows
