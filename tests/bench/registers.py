"""Registers to slots: 1,000 registers of one day at 15 s, one in five with a fault: `make bench ARGS=registers`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from core.frames import readings_frame
from core.park import DeviceAssignment, Point
from models.points import point_series
from models.registers import read_register
from models.samples import split
from models.series import Floats, Ints, grid_of, to_us
from models.slotting import slot_energy
from tests.bench.row import Row

DEVICES = 1000
SPACING_US = 15_000_000
DAY = datetime(2026, 6, 9, tzinfo=UTC)
ALWAYS = (-(2**62), 2**62)
GRID = grid_of(DAY.date(), DAY.date(), UTC, DAY + timedelta(days=2))  # type: ignore[arg-type]
TIMES = 5


def registers() -> list[tuple[Ints, Floats]]:
    """Return readings: steps of 1 Wh, 10 Wh, 100 Wh and 1 kWh, with gaps, resets, dips, wraps and rounding."""
    rng = np.random.default_rng(1)
    made = []
    for number in range(DEVICES):
        times = np.arange(
            to_us(DAY) - 60_000_000, to_us(DAY + timedelta(days=1, minutes=1)), SPACING_US, dtype=np.int64
        )
        times = times + rng.integers(0, 2_000_000, len(times))
        unit = (1, 10, 100, 1000)[number % 4]
        count = int(rng.integers(1, 9e10)) + np.cumsum(rng.random(len(times)) * 200).astype(np.int64)
        at, fault = int(rng.integers(100, 5600)), number % 25
        if fault == 1:
            count[at : at + 40] = 0
        elif fault == 2:
            count[at:] -= count[at]
        elif fault == 3:
            count = (count - count[at] - 1) % 2**32
        elif fault == 4:
            count[rng.random(len(count)) < 0.1] -= unit
        elif fault == 5:
            keep = np.abs(np.arange(len(times)) - at) > 80
            times, count = times[keep], count[keep]
        made.append((times, np.maximum(count // unit * unit, 0) / 1000.0))
    return made


def to_slots(made: list[tuple[Ints, Floats]]) -> None:
    """Bring every register to energy per slot."""
    for times, shown in made:
        curve = read_register(times, shown, rating_kw=100.0, interval_s=15.0)
        slot_energy(curve, GRID.edges_us, ALWAYS)


def stored(made: list[tuple[Ints, Floats]]) -> pd.DataFrame:
    """Return the readings as a store hands them out."""
    sizes = [len(times) for times, _ in made]
    times = np.concatenate([t for t, _ in made])
    when = pd.to_datetime(times, unit="us", utc=True)
    names = np.repeat(np.array([f"meter-{n}" for n in range(len(made))], dtype=object), sizes)
    columns = {"time": when, "device": names, "quantity": "energy_import_kwh", "channel": ""}
    values = {"value": np.concatenate([v for _, v in made]), "received_at": when, "flags": 0}
    return readings_frame(pd.DataFrame(columns | values))


def to_points(frame: pd.DataFrame) -> None:
    """Bring stored readings of 1,000 devices to what flowed at their points."""
    samples = split(frame)
    for name in samples:
        device = DeviceAssignment(id=name, template="json", rating_kw=100.0, interval_s=15.0)
        point_series(Point(id=name, role="load", name=name, devices=(device,)), samples, GRID)


def _seconds(work: Callable[[], None]) -> float:
    spent = []
    for _ in range(TIMES):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def measure() -> list[Row]:
    """Take the figures, on one core."""
    made = registers()
    count = sum(len(times) for times, _ in made)
    frame = stored(made)
    return [
        Row("registers to slots", count / _seconds(lambda: to_slots(made)), "readings/s", 5e6, more_is_better=True),
        Row("the same from stored rows, with their events", count / _seconds(lambda: to_points(frame)), "readings/s",
            more_is_better=True),
    ]  # fmt: skip
