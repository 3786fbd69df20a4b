"""Lines cut, stalled and half-closed between collector, broker and InfluxDB: `make torture ARGS=sockets`.

A stall is longer than the keepalive, and longer than the patience with InfluxDB. The publisher has a line of its own:
what it published has to arrive once, whatever becomes of the collector's lines.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from pathlib import Path

from tests.torture.programs import Broker, Influx, Parkwatt
from tests.torture.proxy import Proxy
from tests.torture.traffic import Outcome, Traffic, begin_session, compare, write_park

FAULTS = ("cut", "cut amid a packet", "stalled", "closed by the server", "closed by the collector")
TIMES = 20  # each
KEEPALIVE_S, PATIENCE_S = 5, 3.0
STALL_S = (3.5, 9.5)  # some shorter than MQTT notices, some longer


def disturb(proxy: Proxy, fault: str, draw: random.Random) -> None:
    """Do one thing to a line."""
    if fault == "cut":
        proxy.cut()
    elif fault == "cut amid a packet":
        proxy.cut_within(draw.randint(1, 30_000))
    elif fault == "stalled":
        proxy.stall()
        time.sleep(draw.uniform(*STALL_S))
        proxy.flow()
    else:
        proxy.half_close(towards_client=fault == "closed by the server")


def torture(line: str, fault: str, times: int, seed: int) -> Outcome:
    """Disturb one line so often; return the outcome. `line` is broker or influx."""
    folder = Path(tempfile.mkdtemp(prefix="parkwatt-sockets-"))
    draw = random.Random(seed)  # noqa: S311 - seeded moments, no secret
    broker, influx = Broker(folder / "broker"), Influx(folder / "influx")
    broker.start()
    try:
        influx.start()
        proxy = Proxy(broker.port if line == "broker" else influx.port)
        proxy.start()
        ports = {"broker": broker.port, "influx": influx.port, line: proxy.port}
        url = f"http://127.0.0.1:{ports['influx']}"
        park_file = write_park(
            folder, ports["broker"], influx_url=url, keepalive_s=KEEPALIVE_S, timeout_s=PATIENCE_S
        )  # fmt: skip
        begin_session(park_file)
        collector = Parkwatt("ingest", str(park_file), log=folder / "service.log")
        traffic = Traffic(broker.port, seed)
        traffic.open(park_file)
        traffic.start()
        for _ in range(times):
            time.sleep(draw.uniform(0.2, 2.0))
            disturb(proxy, fault, draw)
        traffic.stop()
        traffic.settle_stored(park_file)
        collector.stop()
        traffic.close()
        outcome = compare(park_file, traffic)
        proxy.stop()
    finally:
        broker.stop()
        influx.stop()
    if outcome.right:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


def run(share: float, seed: int) -> bool:
    """Disturb both lines in every way and print the table."""
    times, held = max(1, round(TIMES * share)), True
    print(
        f"{'line to':9}{'fault':26}{'times':>6}{'published':>11}{'acknowledged':>14}{'readings stored':>17}{'lost':>6}"
        f"{'invented':>10}{'energy':>8}{'seconds':>9}"
    )
    for number, (line, fault) in enumerate((line, fault) for line in ("broker", "influx") for fault in FAULTS):
        begun = time.monotonic()
        outcome = torture(line, fault, times, seed + number)
        print(
            f"{line:9}{fault:26}{times:6}{outcome.published:11}{outcome.acknowledged:14}{outcome.stored:17}"
            f"{len(outcome.lost):6}{outcome.invented:10}{'exact' if outcome.energy_right else 'WRONG':>8}"
            f"{time.monotonic() - begun:9.0f}",
            flush=True,
        )
        if not outcome.energy_right:
            print(f"  energy {outcome.energy_wh}, expected {outcome.expected_wh}")
        held &= outcome.right
    return held
