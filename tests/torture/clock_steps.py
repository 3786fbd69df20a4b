"""The machine's clock stepped an hour forth and back while telegrams flow: `make torture ARGS=clock`.

Telegrams with device time have to be there exactly once, whatever our clock says; those without it get their time from
us, and their energy must not change. The scheduler has to go on, and days that a wrong clock computed come right.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import requests

from core.park_file import load_park
from service import address
from tests.conftest import wait_for
from tests.torture.programs import Broker, Parkwatt
from tests.torture.stepped import step
from tests.torture.traffic import Outcome, Traffic, begin_session, compare, until, write_park

STEPS = 20
HOUR_S = 3600.0
HELD_S = (3.0, 6.0)
STALLED_S = 30.0  # a job that is due every second
RATE_PER_S = 40.0


def torture(steps: int, seed: int, *, live: bool) -> tuple[Outcome, int]:
    """Step the clock so often; return the outcome and how often the scheduler stood still."""
    folder = Path(tempfile.mkdtemp(prefix="parkwatt-clock-"))
    draw = random.Random(seed)  # noqa: S311 - seeded steps, no secret
    broker, offset = Broker(folder / "broker"), folder / "offset"
    broker.start()
    step(offset, 0.0)
    stalled = 0
    try:
        park_file = write_park(folder, broker.port)
        begin_session(park_file)
        service = Parkwatt("run", str(park_file), "--port", "0", log=folder / "service.log", offset=offset)
        traffic = Traffic(broker.port, seed, RATE_PER_S, live=live)
        traffic.open(park_file)
        traffic.start()
        hours = 0
        for _ in range(steps):
            hours = draw.choice([h for h in (-1, 0, 1) if abs(h - hours) == 1])
            before = runs(park_file)
            step(offset, hours * HOUR_S)
            stalled += not until(lambda before=before: runs(park_file) > before + 1, STALLED_S)
            time.sleep(draw.uniform(*HELD_S))
        # Some hours later all is over.
        step(offset, 6 * HOUR_S)
        time.sleep(2.0)
        traffic.stop()
        traffic.settle_stored(park_file)
        service.stop()
        traffic.close()
        outcome = compare(park_file, traffic, timedelta(hours=12))
    finally:
        broker.stop()
    if outcome.right:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome, stalled


def runs(park_file: Path) -> int:
    """Return how often the running service has computed."""
    owner: list[address.Address] = []
    wait_for(lambda: owner.append(address.running(load_park(park_file))) or owner[-1], what="the service")
    text = requests.get(f"{owner[-1].url}/metrics", timeout=10).text
    counted = [line for line in text.splitlines() if line.startswith('parkwatt_job_runs_total{job="compute"}')]
    return int(float(counted[0].split(" ")[1])) if counted else 0


def run(share: float, seed: int) -> bool:
    """Step the clock and print the table."""
    steps, held = max(2, round(STEPS * share)), True
    print(
        f"{'device times':14}{'steps':>6}{'published':>11}{'acknowledged':>14}{'readings stored':>17}{'lost':>6}"
        f"{'invented':>10}{'energy':>8}{'scheduler stood still':>23}{'seconds':>9}"
    )
    for number, live in enumerate((True, False)):
        begun = time.monotonic()
        outcome, stalled = torture(steps, seed + number, live=live)
        print(
            f"{'of now' if live else 'of past days':14}{steps:6}{outcome.published:11}{outcome.acknowledged:14}"
            f"{outcome.stored:17}{len(outcome.lost):6}{outcome.invented:10}"
            f"{'exact' if outcome.energy_right else 'WRONG':>8}{stalled:23}{time.monotonic() - begun:9.0f}",
            flush=True,
        )
        print("".join(f"  {line}\n" for line in outcome.wrong[:5]), end="")
        if not outcome.energy_right:
            print(f"  energy {outcome.energy_wh}, expected {outcome.expected_wh}")
        held &= outcome.right and not stalled
    return held
