"""Real servers for the bench, a park of any size, and what a process costs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.bench.telegrams import device_id
from tests.conftest import accepts, free_port

DEPLOYED = Path(__file__).parents[2] / "deploy" / "mosquitto.conf"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def need(program: str, package: str) -> str:
    """Return the path of a program, or say what to install."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/sbin")
    if found is None:
        raise SystemExit(f"{program} is not on this machine: apt-get install {package}")
    return found


def until(condition: Callable[[], object], seconds: float, what: str, every_s: float = 0.02) -> None:
    """Return as soon as `condition` holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"waited {seconds:g} s in vain for {what}")
        time.sleep(every_s)


@contextmanager
def running(program: list[str], log: Path, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run a server and yield its process id; it is ended with the block."""
    with log.open("ab") as out:
        process = subprocess.Popen(program, stdout=out, stderr=out, env=environment)
        try:
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def mosquitto(folder: Path) -> Iterator[int]:
    """Run the broker as deploy/mosquitto.conf has it, but on loopback and without passwords; yields the port."""
    folder.mkdir()
    port = free_port()
    user = "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody")
    changes = {
        "listener": f"listener {port} 127.0.0.1",
        "allow_anonymous": "allow_anonymous true",
        "password_file": "",
        "acl_file": "",
        "persistence_location": f"persistence_location {folder}/",
    }
    lines = [changes.get(line.partition(" ")[0], line) for line in DEPLOYED.read_text().splitlines()]
    config = folder / "mosquitto.conf"
    config.write_text("\n".join([*lines, f"user {user}", ""]))
    with running([need("mosquitto", "mosquitto"), "-c", str(config)], folder / "log"):
        until(lambda: accepts(port), 20, "mosquitto")
        yield port


@contextmanager
def influxd(folder: Path) -> Iterator[str]:
    """Run InfluxDB 1.x on loopback; yields its URL."""
    folder.mkdir()
    port, rpc = free_port(), free_port()
    config = folder / "influxdb.conf"
    config.write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{rpc}"\n'
        f'[meta]\n  dir = "{folder}/meta"\n[data]\n  dir = "{folder}/data"\n  wal-dir = "{folder}/wal"\n'
        f"  query-log-enabled = false\n"
        f'[http]\n  bind-address = "127.0.0.1:{port}"\n  log-enabled = false\n[logging]\n  level = "error"\n'
    )
    with running([need("influxd", "influxdb"), "-config", str(config)], folder / "log"):
        until(lambda: accepts(port), 20, "influxd")
        yield f"http://127.0.0.1:{port}"


def park_file(folder: Path, port: int, meters: int, store: Mapping[str, object] | None = None) -> Path:
    """Write the description of a park with so many meters that all send template `json`."""
    points = [
        {
            "id": device_id(n),
            "role": "grid" if n == 0 else "load",
            "name": {"zh": f"表 {n}", "en": f"Meter {n}"},
            "devices": [{"id": device_id(n), "template": "json", "rating_kw": 1000}],
        }
        for n in range(meters)
    ]
    park = {
        "id": "bench",
        "name": {"zh": "测速", "en": "Bench"},
        "latitude": 31.2,
        "longitude": 121.5,
        "timezone": "Asia/Shanghai",
        "mqtt": {"port": port},
        "store": dict(store or {"kind": "embedded"}),
        "points": points,
    }
    path = folder / "PARK.yaml"
    path.write_text(yaml.safe_dump(park, allow_unicode=True))
    return path


def family(pid: int) -> list[int]:
    """Return a process and all below it."""
    below: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        below.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += below.get(one, [])
    return found


def cpu_s(pid: int) -> float:
    """Return the processor time of a process and those below it, in seconds."""
    total = 0
    for one in family(pid):
        # User and system time, its own and of children it has waited for.
        total += sum(int(n) for n in Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[11:15])
    return total / TICKS_PER_S


def resident_mb(pid: int, field: str = "VmRSS") -> float:
    """Return the resident memory of one process in MB: now, or its peak (`VmHWM`)."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024
