"""kill -9 of ours at named places, and of InfluxDB, while telegrams flow: `make torture ARGS=kills`.

With the embedded store collector and store are one process, `parkwatt run`; with InfluxDB they are two, `parkwatt
ingest` and influxd. The publisher's own ledger says what has to be there afterwards: every reading the broker
acknowledged, exactly once as anybody reads it, and nothing that was never sent.
"""

from __future__ import annotations

import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.torture.programs import Broker, Influx, Parkwatt
from tests.torture.traffic import Outcome, Traffic, begin_session, compare, write_park

PLACES = ("after_mark", "after_insert", "after_commit", "before_ack", "amid_compaction", "after_compaction")
INFLUX_PLACES = ("after_mark", "after_commit", "before_ack")
KILLS = 50
ROUND_S = 90.0


@dataclass(frozen=True)
class Rig:
    """What is needed to kill something: folder, park, broker, and what to draw from."""

    folder: Path
    park_file: Path
    broker: Broker
    draw: random.Random
    influx: Influx | None

    @property
    def log(self) -> Path:
        """Where the program's words go."""
        return self.folder / "service.log"

    def program(self, failpoint: str = "") -> Parkwatt:
        """Start ours, with a place to die at."""
        command = ["ingest", str(self.park_file)] if self.influx else ["run", str(self.park_file), "--port", "0"]
        return Parkwatt(*command, log=self.log, failpoint=failpoint, compacting="compaction" in failpoint)


def at_failpoint(place: str) -> Callable[[Rig], None]:
    """Return one kill: of our program, at a named place, at a seeded pass."""

    def kill(rig: Rig) -> None:
        victim = rig.program(f"{place}:{rig.draw.randint(1, 6)}")
        if victim.ended(ROUND_S) != -signal.SIGKILL:
            victim.kill()
            raise SystemExit(f"{place}: did not pass there, see {rig.log}")

    return kill


def of_influx(rig: Rig) -> None:
    """Kill InfluxDB at a seeded moment and start it again."""
    time.sleep(rig.draw.uniform(0.2, 1.5))
    rig.influx.kill()
    time.sleep(rig.draw.uniform(0.0, 0.5))
    rig.influx.start()


def torture(kill: Callable[[Rig], None], kills: int, seed: int, *, influx: bool, beside: bool = False) -> Outcome:
    """Kill so often and count. `beside`: our program runs all the while, it is something else that is killed."""
    folder = Path(tempfile.mkdtemp(prefix="parkwatt-kills-"))
    broker, store = Broker(folder / "broker"), Influx(folder / "influx") if influx else None
    broker.start()
    try:
        if store:
            store.start()
        park_file = write_park(folder, broker.port, influx_url=store.url if store else None)
        begin_session(park_file)
        rig = Rig(folder, park_file, broker, random.Random(seed), store)  # noqa: S311 - seeded places, no secret
        traffic = Traffic(broker.port, seed)
        runs = rig.program()
        traffic.open(park_file)
        if not beside:
            runs.stop()
        traffic.start()
        for _ in range(kills):
            kill(rig)
        traffic.stop()
        last = runs if beside else rig.program()
        traffic.settle_stored(park_file)
        last.stop()
        traffic.close()
        outcome = compare(park_file, traffic)
    finally:
        broker.stop()
        if store:
            store.stop()
    if outcome.right:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


COLUMNS = (
    f"{'store':10}{'killed at':18}{'times':>6}{'published':>11}{'acknowledged':>14}{'readings stored':>17}{'lost':>6}"
    f"{'invented':>10}{'energy':>8}{'seconds':>9}"
)


def show(store: str, place: str, kills: int, outcome: Outcome, seconds: float) -> None:
    """Print one line of the table."""
    energy = "exact" if outcome.energy_right else "WRONG"
    print(
        f"{store:10}{place:18}{kills:6}{outcome.published:11}{outcome.acknowledged:14}{outcome.stored:17}"
        f"{len(outcome.lost):6}{outcome.invented:10}{energy:>8}{seconds:9.0f}",
        flush=True,
    )
    words = [*outcome.wrong[:5], *(f"lost {kind} {number}" for kind, number in outcome.lost[:5])]
    if not outcome.energy_right:
        words.append(f"energy {outcome.energy_wh}, expected {outcome.expected_wh}")
    print("".join(f"  {line}\n" for line in words), end="")


def run(share: float, seed: int) -> bool:
    """Kill at every place and print the table."""
    kills = max(1, round(KILLS * share))
    print(COLUMNS)
    held = True
    tries = [("embedded", place, at_failpoint(place)) for place in PLACES]
    tries += [("influx", place, at_failpoint(place)) for place in INFLUX_PLACES]
    tries += [("influx", "influxd itself", of_influx)]
    for number, (store, place, kill) in enumerate(tries):
        begun = time.monotonic()
        outcome = torture(kill, kills, seed + number, influx=store == "influx", beside=kill is of_influx)
        show(store, place, kills, outcome, time.monotonic() - begun)
        held &= outcome.right
    return held
