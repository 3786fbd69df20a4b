"""A publisher that costs next to nothing: ready packets, one socket, acknowledgements only counted.

`python -m tests.bench.publisher --port 1883 --telegrams 100000 --devices 1000 --values 1` says `ready`, waits for a
line on its input, publishes at QoS 1 and prints when the first left and the last was acknowledged. Broker, collector
and publisher share the machine, so what the publisher needs is missing elsewhere.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

from core.clock import SystemClock
from tests.bench.telegrams import VALUES, Packets, packets

PUBACK_BYTES = 4
PUBACK = 0x40


@dataclass(frozen=True)
class Published:
    """How a run went; times are of the machine's monotonic clock, which all processes share."""

    first_s: float
    last_s: float
    acknowledged: int
    payload_bytes: int


def connect(host: str, port: int, client_id: str) -> socket.socket:
    """Return a connection on which the broker has accepted us, without keep-alive."""
    line = socket.create_connection((host, port), timeout=10)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    name = client_id.encode()
    body = b"\0\4MQTT\4\2\0\0" + len(name).to_bytes(2, "big") + name
    line.sendall(bytes([0x10, len(body)]) + body)
    answer = line.recv(4)
    if answer != b"\x20\x02\0\0":
        raise SystemExit(f"the broker refuses us: {answer.hex()}")
    return line


def publish(line: socket.socket, ready: Packets, window: int, rate: float) -> tuple[float, float]:
    """Send everything with at most `window` unacknowledged and `rate` a second (0: no limit); when first and last."""
    data, size, total = ready.bytes(), ready.array.shape[1], ready.count
    sent = acknowledged_bytes = 0
    # A send of a few costs as much as one of many, so some room is waited for.
    least = max(1, window // 4)
    first_s = time.monotonic()
    while acknowledged_bytes < total * PUBACK_BYTES:
        room = min(window - (sent - acknowledged_bytes // PUBACK_BYTES), total - sent)
        if rate:
            room = min(room, int((time.monotonic() - first_s) * rate) + 1 - sent)
        if room >= least or room == total - sent > 0 or (rate and room > 0):
            line.sendall(data[sent * size : (sent + room) * size])
            sent += room
        if rate and sent < total:
            time.sleep(0.002)
            if not select.select([line], [], [], 0)[0]:
                continue
        got = line.recv(65_536)
        if not got:
            raise SystemExit(f"the broker hung up after {sent} telegrams")
        if got[-acknowledged_bytes % PUBACK_BYTES :: PUBACK_BYTES].strip(bytes([PUBACK])):
            raise SystemExit("the broker sent something that is no PUBACK")
        acknowledged_bytes += len(got)
    return first_s, time.monotonic()


class Publisher:
    """The publisher as a process of its own, ready to go."""

    def __init__(
        self, port: int, telegrams: int, devices: int, values: int, window: int = 400, rate: float = 0
    ) -> None:
        options = {"port": port, "telegrams": telegrams, "devices": devices, "values": values} | {
            "window": window, "rate": rate,
        }  # fmt: skip
        program = [sys.executable, "-m", "tests.bench.publisher", *(f"--{k}={v}" for k, v in options.items())]
        self.process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise SystemExit("the publisher did not get ready")

    def go(self) -> None:
        """Begin publishing; returns at once."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def result(self) -> Published:
        """Wait until the broker has acknowledged everything."""
        answer = self.process.stdout.readline()
        if self.process.wait(60) or not answer:
            raise SystemExit("the publisher failed")
        return Published(**json.loads(answer))

    def end(self) -> None:
        """Leave no process behind, whatever happened."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def main() -> None:
    """Make packets, wait for the word, publish, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--telegrams", type=int, default=100_000)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--values", type=int, choices=VALUES, default=1)
    parser.add_argument("--window", type=int, default=400, help="how many may be unacknowledged")
    parser.add_argument("--rate", type=float, default=0, help="telegrams a second; 0 as fast as it goes")
    arguments = parser.parse_args()
    ready = packets(arguments.telegrams, arguments.devices, VALUES[arguments.values], SystemClock().now())
    line = connect(arguments.host, arguments.port, "bench-publisher")
    print("ready", flush=True)
    if not sys.stdin.readline():
        return
    first_s, last_s = publish(line, ready, arguments.window, arguments.rate)
    line.sendall(b"\xe0\0")
    line.close()
    print(json.dumps(vars(Published(first_s, last_s, ready.count, ready.payload_bytes))), flush=True)


if __name__ == "__main__":
    main()
