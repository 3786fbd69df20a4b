"""A disk that fills up under the store or under the state file, again and again: `make torture ARGS=disk`.

The small disk is a tmpfs where mounting is allowed; elsewhere the kernel refuses the program's files to grow, which
needs no rights. While it is full the service has to say so and must not acknowledge: in two
rounds of three it is killed then, in one of these also started again while the disk is full, and what it held must
still come from the broker. Once there is room it goes on by itself.
"""

from __future__ import annotations

import contextlib
import json
import random
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import requests

from core.park_file import load_park
from service import address
from tests.torture.programs import Broker, Parkwatt
from tests.torture.traffic import Outcome, Traffic, begin_session, compare, until, write_park

TIMES = 10  # each
SIZE_MB = 64
FULL_S = (2.0, 5.0)
TOLD_S = 30.0


class Disk(Protocol):
    """A place with room for a while."""

    def fill(self, program: Parkwatt) -> None:
        """Leave no room."""
        ...

    def follow(self, program: Parkwatt) -> None:
        """Leave no room for a program that was started since."""
        ...

    def make_room(self, program: Parkwatt) -> None:
        """Give it back."""
        ...


class SmallDisk:
    """A file system of its own, filled up by a file nobody needs."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self, _program: Parkwatt) -> None:
        with self._ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 4096):  # the last page too
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(size))

    def follow(self, _program: Parkwatt) -> None:
        pass

    def make_room(self, _program: Parkwatt) -> None:
        self._ballast.unlink()


class Limit:
    """No file system of its own, but no file of the program may grow beyond what the smallest of them has."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fill(self, program: Parkwatt) -> None:
        sizes = [f.stat().st_size for f in self._folder.iterdir() if f.is_file()]
        self._limit(program, max(4096, min(sizes, default=0)))

    def follow(self, program: Parkwatt) -> None:
        self.fill(program)

    def make_room(self, program: Parkwatt) -> None:
        if program.alive:
            self._limit(program, resource.RLIM_INFINITY)

    @staticmethod
    def _limit(program: Parkwatt, size: int) -> None:
        _, hard = resource.prlimit(program.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(program.pid, resource.RLIMIT_FSIZE, (size if size >= 0 else hard, hard))


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """Make a folder a small disk of its own, or do what can be done without being allowed to."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    try:
        yield SmallDisk(folder) if mounted else Limit(folder)
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)


def problems_told(park_file: Path) -> str:
    """Return what the service's health check says is wrong; "" while nothing is or nobody answers."""
    owner = address.running(load_park(park_file))
    if owner is None:
        return ""
    with contextlib.suppress(requests.RequestException, json.JSONDecodeError):
        answer = requests.get(f"{owner.url}/healthz", timeout=5)
        return "" if answer.ok else answer.text
    return ""


@dataclass
class Words:
    """What the service said while its disk was full."""

    told: int = 0
    example: str = ""
    killed: int = 0
    mute: int = 0  # starts on a full disk that said nothing of it


def torture(what: str, times: int, seed: int) -> tuple[Outcome, Words]:
    """Fill the disk of `what`, store or state, so often; return the outcome and what the service said."""
    folder = Path(tempfile.mkdtemp(prefix="parkwatt-disk-"))
    draw = random.Random(seed)  # noqa: S311 - seeded moments, no secret
    broker = Broker(folder / "broker")
    broker.start()
    words = Words()
    try:
        with small_disk(folder / "small") as disk:
            file = folder / "small" / ("park.duckdb" if what == "store" else "state.sqlite")
            park_file = write_park(folder, broker.port, **{what: file})
            begin_session(park_file)
            traffic = Traffic(broker.port, seed)
            service = started(folder, park_file)
            traffic.open(park_file)
            traffic.start()
            for number in range(times):
                time.sleep(draw.uniform(0.5, 2.0))
                disk.fill(service)
                if until(lambda: tells(park_file), TOLD_S):
                    words.told, words.example = words.told + 1, problems_told(park_file) or words.example
                time.sleep(draw.uniform(*FULL_S))
                if number % 3:
                    service.kill()
                    words.killed += 1
                if number % 3 == 2:
                    # A supervisor starts it again at once, room or not: it may end, but has to say why.
                    service = started(folder, park_file)
                    disk.follow(service)
                    said = until(lambda: tells(park_file), 5.0)
                    words.mute += not said and (service.ended(10.0) is None or not last_words(folder))
                disk.make_room(service)
                if not service.alive:
                    service = started(folder, park_file)
            traffic.stop()
            traffic.settle_stored(park_file)
            service.stop()
            traffic.close()
            outcome = compare(park_file, traffic)
    finally:
        broker.stop()
    if outcome.right:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome, words


def tells(park_file: Path) -> bool:
    """Say whether the health check tells of a disk without room."""
    return any(text in problems_told(park_file) for text in ("full", "could not be read or written"))


def last_words(folder: Path) -> bool:
    """Say whether the service's last words tell of a full disk."""
    last = (folder / "service.log").read_text(errors="replace").splitlines()[-1]
    return "full" in last or "could not be read or written" in last


def started(folder: Path, park_file: Path) -> Parkwatt:
    """Start ours."""
    return Parkwatt("run", str(park_file), "--port", "0", log=folder / "service.log")


def run(share: float, seed: int) -> bool:
    """Fill both disks and print the table."""
    times, held = max(1, round(TIMES * share)), True
    print(
        f"{'full disk of':14}{'times':>6}{'said so':>9}{'killed':>8}{'published':>11}{'acknowledged':>14}"
        f"{'readings stored':>17}{'lost':>6}{'invented':>10}{'energy':>8}{'seconds':>9}"
    )
    for number, what in enumerate(("store", "state")):
        begun = time.monotonic()
        outcome, words = torture(what, times, seed + number)
        print(
            f"{what:14}{times:6}{words.told:9}{words.killed:8}{outcome.published:11}{outcome.acknowledged:14}{outcome.stored:17}"
            f"{len(outcome.lost):6}{outcome.invented:10}{'exact' if outcome.energy_right else 'WRONG':>8}"
            f"{time.monotonic() - begun:9.0f}",
            flush=True,
        )
        print(f"  it said: {words.example[:220]}")
        if not outcome.energy_right:
            print(f"  energy {outcome.energy_wh}, expected {outcome.expected_wh}")
        held &= outcome.right and words.told == times and not words.mute
    return held
