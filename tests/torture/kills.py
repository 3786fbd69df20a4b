"""kill -9 of the whole service at named points while the simulator publishes: `make torture ARGS=kills`.

The simulator keeps its own ledger of what the broker acknowledged. Afterwards every reading of the ledger must be in
the store exactly once, and the store may hold nothing that was never sent.
"""

from __future__ import annotations

import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.clock import SystemClock
from core.park_file import load_park
from core.timebase import slot_start
from ingest.broker import ChildBroker
from service.demo.site import park_yaml
from store.opening import open_store
from tests.conftest import free_port

PLACES = ("after_mark", "after_insert", "after_commit", "before_ack")
REGISTERS = {"energy_import_kwh": "import_kwh", "energy_export_kwh": "export_kwh"}
KILLS = 50
ROUND_S = 90.0
DRAIN_S = 8.0


@dataclass
class Result:
    """What one failpoint did to the readings."""

    place: str
    kills: int = 0
    published: int = 0
    acknowledged: int = 0
    stored: int = 0
    lost: int = 0
    invented: int = 0
    wrong: list[str] = field(default_factory=list)


@contextmanager
def publishing(folder: Path, interval_s: float) -> Iterator[None]:
    """Let the simulator publish until the block ends, then let it have everything acknowledged."""
    simulator = subprocess.Popen(
        [sys.executable, "-m", "service.demo.simulate", str(folder / "PARK.yaml"), "--faults", "none",
         "--interval", str(interval_s), "--ledger", str(folder / "ledger.csv"),
         "--since", (datetime.now(UTC) - timedelta(minutes=2)).isoformat()]
    )  # fmt: skip
    try:
        yield
    finally:
        simulator.terminate()
        simulator.wait(30)


def service(folder: Path, failpoint: str) -> subprocess.Popen[bytes]:
    """Start the service with a place to die at."""
    environment = os.environ | {"PARKWATT_FAILPOINT": failpoint}
    with (folder / "service.log").open("ab") as log:
        program = [sys.executable, "-m", "service.cli", "run", str(folder / "PARK.yaml"), "--port", str(free_port())]
        return subprocess.Popen(program, env=environment, stdout=log, stderr=log)


def torture(place: str, kills: int, seed: int, interval_s: float = 0.5) -> Result:
    """Kill the service `kills` times at one place and count."""
    folder = Path(tempfile.mkdtemp(prefix="parkwatt-torture-"))
    draw, result = random.Random(seed), Result(place)  # noqa: S311 - a seeded choice of places, no secret
    broker = ChildBroker(folder / "broker")
    host, port = broker.start()
    try:
        (folder / "PARK.yaml").write_text(
            park_yaml(
                slot_start(SystemClock().now()), broker_host=host, broker_port=port, username=broker.username,
                password_file=broker.password_file,
            )
        )  # fmt: skip
        # The subscription has to exist before the first telegram: what nobody has asked for a broker keeps for nobody.
        first = service(folder, "")
        time.sleep(5)
        first.kill()
        first.wait()
        with publishing(folder, interval_s):
            for _ in range(kills):
                victim = service(folder, f"{place}:{draw.randint(1, 6)}")
                if victim.wait(ROUND_S) != -signal.SIGKILL:
                    raise SystemExit(f"{place}: ended by itself, see {folder}/service.log")
                result.kills += 1
        last = service(folder, "")
        time.sleep(DRAIN_S)
        last.terminate()
        last.wait(30)
        compare(folder, result)
    finally:
        broker.stop()
    if not (result.lost or result.invented):
        shutil.rmtree(folder, ignore_errors=True)
    return result


def compare(folder: Path, result: Result) -> None:
    """Hold the store against the ledger, reading by reading."""
    park = load_park(folder / "PARK.yaml")
    # A building's meter of these kinds counts one way only and sends no second register.
    one_way = {d.id for p, d in park.assignments() if p.role == "load" and d.template in {"json", "tasmota-energy"}}
    sent: dict[tuple[str, str, int], float] = {}
    acknowledged: set[tuple[str, str, int]] = set()
    telegrams: Counter[str] = Counter()
    with (folder / "ledger.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            telegrams[row["acked"]] += 1
            for quantity, column in REGISTERS.items():
                if row[column] and not (column == "export_kwh" and row["device"] in one_way):
                    at_us = round(datetime.fromisoformat(row["time"]).timestamp() * 1e6)
                    key = (row["device"], quantity, at_us)
                    sent[key] = float(row[column])
                    if row["acked"] == "1":
                        acknowledged.add(key)
    result.published, result.acknowledged = telegrams["0"], telegrams["1"]
    store = open_store(park)
    now = SystemClock().now()
    frame = store.readings(now - timedelta(days=1), now + timedelta(days=1), quantities=list(REGISTERS))
    store.close()
    frame = frame[frame["channel"] == ""]
    found = {
        (device, quantity, round(at.timestamp() * 1e6)): value
        for device, quantity, at, value in zip(
            frame["device"], frame["quantity"], frame["time"], frame["value"], strict=True
        )
    }
    result.stored = len(found)
    result.wrong = [f"lost {k}" for k in acknowledged - found.keys()] + [
        f"invented {k}" for k in found.keys() - sent.keys()
    ]
    result.lost = len(acknowledged - found.keys())
    result.invented = len(found.keys() - sent.keys())
    result.invented += sum(1 for k, v in found.items() if k in sent and abs(sent[k] - v) > 1e-6 * max(1.0, abs(v)))


def run(share: float, seed: int) -> bool:
    """Kill at every place and print the table."""
    print(
        f"{'killed at':14}{'times':>6}{'published':>11}{'acknowledged':>14}{'readings stored':>17}{'lost':>6}{'invented':>10}"
    )
    held = True
    for place in PLACES:
        r = torture(place, max(1, round(KILLS * share)), seed)
        print(
            f"{r.place:14}{r.kills:6}{r.published:11}{r.acknowledged:14}{r.stored:17}{r.lost:6}{r.invented:10}",
            flush=True,
        )
        print("".join(f"  {line}\n" for line in r.wrong[:5]), end="")
        held &= not (r.lost or r.invented)
    return held
