"""Real servers on loopback for every test that needs one, and a small park."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from core.park import Park
from core.park_file import load_park

SINGLY = {"tests/torture/test_short_cuts.py", "tests/service/test_backup_torture.py"}
SMALL_PARK = Path(__file__).parent / "data" / "small_park.yaml"


def need(program: str, package: str) -> str:
    """Return the path of a Debian program; skip loudly without it, and fail where CI promises to have it."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/sbin")
    if found is None:
        message = f"{program} is not on this machine: apt-get install {package}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


# Below the ports that the kernel gives to outgoing connections, so that a server that was killed finds its own free
# again; and apart from those of the tests that run beside these.
_PORTS_EACH = 2000
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_FIRST_PORT = 12_000 + _WORKER % 10 * _PORTS_EACH
_counted = itertools.count(random.randrange(_PORTS_EACH))  # noqa: S311 - where to begin, no secret


def free_port() -> int:
    """Return a port nobody listens on just now, another one each time."""
    for _ in range(_PORTS_EACH):
        port = _FIRST_PORT + next(_counted) % _PORTS_EACH
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    pytest.fail("no port is free")


PATIENCE_S = 90.0  # nothing here is about speed, and a machine may be busy with other things
expect.set_options(timeout=PATIENCE_S * 1000)


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE_S, what: str = "condition") -> None:
    """Return as soon as `condition` holds; fail the test when it never does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    pytest.fail(f"waited {seconds:g} s in vain for {what}")


def accepts(port: int) -> bool:
    """Say whether somebody listens on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Mosquitto:
    """A real broker in its own folder; `kill` and `start` do what they say."""

    program: str
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        user = "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody")
        config = self.folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser {user}\npersistence true\n"
            f"persistence_location {self.folder}/\nautosave_interval 1\nmax_queued_messages 0\n"
            "max_inflight_messages 1000\nlog_dest none\n"
        )
        self.process = subprocess.Popen([self.program, "-c", str(config)])
        wait_for(lambda: accepts(self.port), what="mosquitto")

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running Mosquitto on a free port."""
    program = need("mosquitto", "mosquitto")
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    broker = Mosquitto(program, folder, free_port())
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture(scope="session")
def influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running InfluxDB 1.x."""
    program = need("influxd", "influxdb")
    folder = tmp_path_factory.mktemp("influxd")
    port, rpc = free_port(), free_port()
    (folder / "influxdb.conf").write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{rpc}"\n'
        f'[meta]\n  dir = "{folder}/meta"\n[data]\n  dir = "{folder}/data"\n  wal-dir = "{folder}/wal"\n'
        f"  query-log-enabled = false\n"
        f'[http]\n  bind-address = "127.0.0.1:{port}"\n  log-enabled = false\n[logging]\n  level = "error"\n'
    )
    log = (folder / "influxd.log").open("wb")
    process = subprocess.Popen([program, "-config", str(folder / "influxdb.conf")], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"

    def up() -> bool:
        try:
            return requests.get(f"{url}/ping", timeout=1).status_code == 204
        except requests.RequestException:
            return False

    wait_for(up, what="influxd")
    yield url
    process.terminate()
    process.wait()
    log.close()


@pytest.fixture
def small_park(tmp_path: Path) -> Park:
    """A park with a grid connection, two PV points, two buildings and a weather station, writing below tmp_path."""
    copy = tmp_path / "PARK.yaml"
    shutil.copy(SMALL_PARK, copy)
    return load_park(copy)


@pytest.fixture
def shown(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Takes lines to be shown at the end of the run, in whatever process the test ran."""
    return lambda *lines: record_property("shown", "\n".join(lines))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, text in report.user_properties:
            if name == "shown":
                terminalreporter.write_line(f"\n{report.nodeid}\n{text}")


# -- side by side: `pytest -n 2 --dist loadfile`


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run side by side, files with slow tests come first and small ones last, so that all workers end at once."""
    if not hasattr(config, "workerinput"):
        return
    tests = Counter(item.path for item in items)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, -tests[item.path], str(item.path)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object | None:
    """Hand out files, in the order above. What the tests of a file share is made once; tests that share nothing go singly."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler.loadfile import LoadFileScheduling  # noqa: PLC0415 - only where it is installed

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return nodeid if file in SINGLY else file

    config.option.loadscopereorder = False
    return Files(config, log)
