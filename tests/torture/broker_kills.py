"""kill -9 of Mosquitto under traffic, started again on what it had saved: `make torture ARGS=broker`.

Mosquitto acknowledges a publisher before it saves. So what it acknowledged since its last save and had not handed to
the collector is gone when it is killed: no collector can mend that, and none of it may be older than the save window.
In some rounds the collector is away, or nothing would be left in the broker to lose. Registers carry the energy over
every such hole.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from pathlib import Path

from tests.torture.programs import Broker, Parkwatt
from tests.torture.traffic import Outcome, Traffic, begin_session, compare, write_park

KILLS = 50
SHORTEST_S, LONGEST_SAVES = 1.0, 1.3  # a round lasts up to so many save intervals
AWAY = 0.4  # share of rounds without the collector
SAVING_S = 2.0  # Mosquitto looks at its clock once a second, and saving takes a moment


def torture(kills: int, seed: int, autosave_s: int | None = None) -> tuple[Outcome, Traffic, list[float], int]:
    """Kill the broker so often; return outcome, ledger, when it was killed, and its save interval in seconds."""
    folder = Path(tempfile.mkdtemp(prefix="parkwatt-broker-"))
    draw = random.Random(seed)  # noqa: S311 - seeded moments, no secret
    broker = Broker(folder / "broker", autosave_s)
    broker.start()
    killed_at: list[float] = []
    try:
        park_file = write_park(folder, broker.port)
        begin_session(park_file)
        traffic = Traffic(broker.port, seed, rate_per_s=200.0)
        collector = started(folder, park_file)
        traffic.open(park_file)
        traffic.start()
        for _ in range(kills):
            away = draw.random() < AWAY
            if away:
                collector.stop()
            time.sleep(draw.uniform(SHORTEST_S, LONGEST_SAVES * broker.autosave_s))
            broker.kill()
            killed_at.append(time.monotonic())
            time.sleep(draw.uniform(0.0, 1.0))
            broker.start()
            if away:
                collector = started(folder, park_file)
        traffic.stop()
        traffic.settle_stored(park_file)
        collector.stop()
        traffic.close()
        outcome = compare(park_file, traffic)
    finally:
        broker.stop()
    shutil.rmtree(folder, ignore_errors=True)
    return outcome, traffic, killed_at, broker.autosave_s


def started(folder: Path, park_file: Path) -> Parkwatt:
    """Start ours."""
    return Parkwatt("run", str(park_file), "--port", "0", log=folder / "service.log")


def outside(outcome: Outcome, traffic: Traffic, killed_at: list[float], autosave_s: int) -> list[tuple[str, int]]:
    """Return what was lost although the broker had acknowledged it earlier than its save window before a kill."""
    acked = {"timed": traffic.timed_acked, "bare": traffic.bare_acked}
    window_s = autosave_s + SAVING_S
    return [
        (kind, n) for kind, n in outcome.lost if not any(k - window_s <= acked[kind][n] <= k + 0.1 for k in killed_at)
    ]


def show(outcome: Outcome, traffic: Traffic, killed_at: list[float], autosave_s: int, seconds: float) -> bool:
    """Print the table and say whether all held."""
    late = outside(outcome, traffic, killed_at, autosave_s)
    before, after = (sum(wh.values()) / 1000 for wh in (outcome.expected_wh, outcome.energy_wh))
    print(
        f"{'autosave':>9}{'kills':>7}{'published':>11}{'acknowledged':>14}{'readings stored':>17}{'lost':>7}"
        f"{'outside the window':>20}{'invented':>10}{'energy sent':>14}{'energy found':>14}{'seconds':>9}"
    )
    print(
        f"{autosave_s:7} s{len(killed_at):7}{outcome.published:11}{outcome.acknowledged:14}{outcome.stored:17}"
        f"{len(outcome.lost):7}{len(late):20}{outcome.invented:10}{before:10.3f} kWh{after:10.3f} kWh{seconds:9.0f}",
        flush=True,
    )
    if not outcome.energy_right:
        print(f"  energy {outcome.energy_wh}, expected {outcome.expected_wh}")
    return not late and not outcome.invented and outcome.energy_right


def run(share: float, seed: int) -> bool:
    """Kill the broker and print what that cost."""
    begun = time.monotonic()
    result = torture(max(1, round(KILLS * share)), seed)
    return show(*result, time.monotonic() - begun)
