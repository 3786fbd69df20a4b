"""The real programs that are tortured: Mosquitto, InfluxDB, and ours."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import requests

from core.failpoint import VARIABLE
from tests.conftest import accepts, free_port, need, wait_for
from tests.torture import stepped

DEPLOYED = Path(__file__).parents[2] / "deploy" / "mosquitto.conf"
_OURS = ("listener", "include_dir", "allow_anonymous", "password_file", "acl_file", "persistence_location", "log_dest")
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["service.cli", "service.serving", "tests.torture.programs"])


class Broker:
    """Mosquitto with the configuration that is deployed, in a folder of its own."""

    def __init__(self, folder: Path, autosave_s: int | None = None) -> None:
        self._program = need("mosquitto", "mosquitto")
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        folder.mkdir()
        kept = [line for line in DEPLOYED.read_text().splitlines() if line.split(" ")[0] not in _OURS]
        if autosave_s is not None:
            kept = [line for line in kept if not line.startswith("autosave_interval")]
            kept.append(f"autosave_interval {autosave_s}")
        # Started as root it would become a user who cannot write here.
        user = ["user root"] if os.geteuid() == 0 else []
        own = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", f"persistence_location {folder}/", *user]
        self._config, self._words = folder / "mosquitto.conf", folder / "mosquitto.err"
        self._config.write_text("\n".join([*kept, *own, f"log_dest file {folder}/mosquitto.log"]) + "\n")
        line = next(line for line in kept if line.startswith("autosave_interval"))
        self.autosave_s = int(line.split(" ")[1])

    def start(self) -> None:
        """Start, and return once it answers."""
        with self._words.open("ab") as words:
            self._process = subprocess.Popen([self._program, "-c", str(self._config)], stderr=words)
        wait_for(lambda: accepts(self.port), what="mosquitto")

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End in order."""
        self._process.terminate()
        self._process.wait(30)


class Influx:
    """InfluxDB 1.x in a folder of its own; started again it has its data."""

    def __init__(self, folder: Path) -> None:
        self._program = need("influxd", "influxdb")
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = folder
        folder.mkdir()
        self.port, rpc = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "influxdb.conf").write_text(
            f'reporting-disabled = true\nbind-address = "127.0.0.1:{rpc}"\n'
            f'[meta]\n  dir = "{folder}/meta"\n[data]\n  dir = "{folder}/data"\n  wal-dir = "{folder}/wal"\n'
            f"  query-log-enabled = false\n"
            f'[http]\n  bind-address = "127.0.0.1:{self.port}"\n  log-enabled = false\n[logging]\n  level = "error"\n'
            "[monitor]\n  store-enabled = false\n"
        )

    def start(self) -> None:
        """Start, and return once it answers."""
        with (self._folder / "influxd.log").open("ab") as log:
            command = [self._program, "-config", str(self._folder / "influxdb.conf")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for(self._answers, what="influxd")

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End in order."""
        self._process.terminate()
        self._process.wait(60)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/ping", timeout=1).status_code == requests.codes.no_content
        except requests.RequestException:
            return False


class Parkwatt:
    """The program itself, forked from a process that has imported it already: starting takes most of a kill's time."""

    def __init__(
        self, *argv: str, log: Path, failpoint: str = "", compacting: bool = False, offset: Path | None = None
    ) -> None:
        arguments = (list(argv), str(log), failpoint, compacting, offset)
        self._process = _FORKS.Process(target=_main, args=arguments, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return int(self._process.pid)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.is_alive()

    def ended(self, seconds: float) -> int | None:
        """Wait for its end; return its exit status, negative for a signal, None where it goes on."""
        self._process.join(seconds)
        return self._process.exitcode

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.join()

    def stop(self, seconds: float = 60.0) -> int | None:
        """Ask it to end, and return its exit status."""
        os.kill(self.pid, signal.SIGTERM)
        status = self.ended(seconds)
        if status is None:
            self.kill()
        return status

    @property
    def resident_mb(self) -> float:
        """How much memory it holds; 0 once it is gone."""
        return resident_mb(self.pid)


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process in MB; 0 where there is none."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0


def _main(argv: list[str], log: str, failpoint: str, compacting: bool, offset: Path | None) -> None:
    # Imported here: a test that only needs a broker shall not need the whole service.
    from service import cli  # noqa: PLC0415

    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ[VARIABLE] = failpoint
    if compacting:
        _compact_always()
    if offset:
        stepped.step_with(offset)
    sys.exit(cli.main(argv))


def _compact_always() -> None:
    """Let the service compact every day that is over, all the time, instead of every six hours."""
    from service import runner  # noqa: PLC0415

    runner.COMPACT_LAG = timedelta(0)
    start = runner.Jobs.start

    def hurried(jobs: runner.Jobs) -> None:
        start(jobs)

        def compact() -> None:
            while True:
                jobs._runtime.store.compact(jobs._runtime.clock.now())
                threading.Event().wait(0.2)

        threading.Thread(target=compact, daemon=True).start()

    runner.Jobs.start = hurried  # type: ignore[method-assign]
