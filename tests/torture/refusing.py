"""A store that refuses for ten minutes at 2,000 messages/s: `make torture ARGS=refusing`.

InfluxDB is away for half of the time, nobody listening, and somebody answers 503 in its place for the other half. The
broker holds what the collector cannot take; the collector's memory stays bounded. Then InfluxDB is back, and everything
has to be in it once.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.torture.programs import Broker, Influx, Parkwatt
from tests.torture.traffic import Outcome, Traffic, begin_session, compare, write_park

SECONDS, RATE_PER_S = 600.0, 2000.0
BOUND_MB = 300.0
DRAIN_S = 900.0
DAYS = 10  # of one reading a second from each meter: more than are ever sent


@dataclass
class Memory:
    """The most a collector held in each phase, in MB."""

    before: float = 0.0
    away: float = 0.0
    refusing: float = 0.0
    draining: float = 0.0


class Refusing(BaseHTTPRequestHandler):
    """Answers everything with 503."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b'{"error": "timeout"}'
        self.send_response(503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering_503(port: int) -> Iterator[None]:
    """Have somebody refuse at a port while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", port), Refusing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def watched(collector: Parkwatt, seconds: float) -> float:
    """Return the most memory a collector holds within the next seconds."""
    most, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        most = max(most, collector.resident_mb)
        time.sleep(min(0.25, seconds / 4))
    return most


def torture(seconds: float, rate_per_s: float, seed: int) -> tuple[Outcome, Memory]:
    """Refuse for so long; return the outcome and the collector's memory."""
    folder = Path(tempfile.mkdtemp(prefix="parkwatt-refusing-"))
    broker, influx, memory = Broker(folder / "broker"), Influx(folder / "influx"), Memory()
    broker.start()
    try:
        influx.start()
        park_file = write_park(folder, broker.port, influx_url=influx.url)
        begin_session(park_file)
        collector = Parkwatt("ingest", str(park_file), log=folder / "service.log")
        traffic = Traffic(broker.port, seed, rate_per_s, days=DAYS)
        traffic.open(park_file)
        traffic.start()
        memory.before = watched(collector, min(10.0, seconds / 4))
        influx.stop()
        memory.away = watched(collector, seconds / 2)
        with answering_503(influx.port):
            memory.refusing = watched(collector, seconds / 2)
        influx.start()
        traffic.stop()
        drained = threading.Thread(target=traffic.settle_stored, args=(park_file, DRAIN_S), daemon=True)
        drained.start()
        while drained.is_alive():
            memory.draining = max(memory.draining, watched(collector, 0.2))
        collector.stop()
        traffic.close()
        outcome = compare(park_file, traffic)
    finally:
        broker.stop()
        influx.stop()
    shutil.rmtree(folder, ignore_errors=True)
    return outcome, memory


def run(share: float, seed: int) -> bool:
    """Refuse, and print what came of it."""
    begun, seconds = time.monotonic(), SECONDS * share
    outcome, memory = torture(seconds, RATE_PER_S, seed)
    most = max(memory.away, memory.refusing, memory.draining)
    print(
        f"{'refused for':>12}{'rate':>10}{'published':>11}{'acknowledged':>14}{'readings stored':>17}{'lost':>6}{'invented':>10}"
        f"{'energy':>8}{'MB before':>11}{'away':>6}{'503':>6}{'after':>7}{'seconds':>9}"
    )
    print(
        f"{seconds:10.0f} s{RATE_PER_S:8.0f}/s{outcome.published:11}{outcome.acknowledged:14}{outcome.stored:17}"
        f"{len(outcome.lost):6}{outcome.invented:10}{'exact' if outcome.energy_right else 'WRONG':>8}{memory.before:11.0f}"
        f"{memory.away:6.0f}{memory.refusing:6.0f}{memory.draining:7.0f}{time.monotonic() - begun:9.0f}",
        flush=True,
    )
    if not outcome.energy_right:
        print(f"  energy {outcome.energy_wh}, expected {outcome.expected_wh}")
    return outcome.right and most < BOUND_MB
