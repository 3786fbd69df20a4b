"""`make run` as a newcomer has it: start, look, end; and a kill that leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.conftest import free_port, wait_for

pytestmark = pytest.mark.slow


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[str], str, Path]]:
    folder, port = tmp_path_factory.mktemp("run") / "demo", free_port()
    command = [
        sys.executable,
        "-m",
        "service.cli",
        "demo",
        "--folder",
        str(folder),
        "--port",
        str(port),
        "--interval",
        "2",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{port}"
    wait_for(lambda: answers(f"{url}/api/v1/overview?lang=en"), 90, "the page")
    yield process, url, folder
    process.kill()
    process.communicate()


def children_of(folder: Path) -> list[str]:
    """Command lines of processes that work in the demo's folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line and "service.cli demo" not in line:
            found.append(line)
    return found


def test_the_page_shows_exactly_what_was_planted(demo: tuple[subprocess.Popen[str], str, Path]) -> None:
    _, url, _ = demo
    alerts = requests.get(f"{url}/api/v1/alerts?since=2020-01-01T00:00:00Z", timeout=10).json()
    fired = {(a["rule"], a["entity"]) for a in alerts if a["fired_at"] and a["entity"] != "lingang-demo"}
    assert fired == {
        ("pv_below_expectation", "carport-2"),
        ("meter_replaced", "bldg-hub"),
        ("meter_silent", "street-lamps"),
    }
    view = requests.get(f"{url}/api/v1/overview?lang=en", timeout=10).json()
    assert view["meta"]["empty"] is False
    assert "New York" in view["meta"]["notice"]


def test_telegrams_come_in_live(demo: tuple[subprocess.Popen[str], str, Path]) -> None:
    _, url, _ = demo

    def received() -> int:
        return int(requests.get(f"{url}/healthz", timeout=10).json()["collector"]["received"])

    wait_for(lambda: received() > 50, 30, "live telegrams")
    health = requests.get(f"{url}/healthz", timeout=10).json()
    assert health["problems"] == []
    assert health["collector"]["quarantined"] == 0


def test_a_second_demo_in_the_same_folder_is_refused(demo: tuple[subprocess.Popen[str], str, Path]) -> None:
    process, url, folder = demo
    command = [sys.executable, "-m", "service.cli", "demo", "--folder", str(folder), "--port", str(free_port())]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert f"already runs at {url} (process {process.pid})" in result.stderr


def test_it_ends_cleanly_and_takes_everything_with_it(demo: tuple[subprocess.Popen[str], str, Path]) -> None:
    process, _, folder = demo
    assert len(children_of(folder)) >= 2  # broker and simulator
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in errors
    wait_for(lambda: children_of(folder) == [], 15, "broker and simulator to end")


def test_somebody_else_s_folder_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work")
    command = [sys.executable, "-m", "service.cli", "demo", "--folder", str(tmp_path), "--port", str(free_port())]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert "is not empty and no demo park's" in result.stderr
    assert (tmp_path / "thesis.txt").read_text() == "three years of work"
