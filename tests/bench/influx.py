"""InfluxDB 1.x as the store: readings written compressed, and slots read back: `make bench ARGS=influx`.

Server and store share the machine, so the same lines, made beforehand and posted by a bare client, are timed in turn:
that is what is left of the server beside a client that does nothing else.
"""

from __future__ import annotations

import gzip
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import requests

from core.frames import readings_frame, slots_frame
from core.quantities import Period
from store import line_protocol
from store.influx import InfluxStore
from store.influx_rows import slot_columns, starts_of
from store.influx_v1 import InfluxV1
from store.influx_writing import MAX_LINES
from store.rows import micros_of, nanos_of
from tests.bench.row import Row
from tests.bench.servers import cpu_s, influxd

SERIES = 1000
READINGS = 400_000
METERS = 100
SLOTS = 35_040  # of a year
YEAR = datetime(2025, 6, 1, tzinfo=UTC)
TIMES = 5


def readings(count: int = READINGS) -> pd.DataFrame:
    """Return what 250 meters of four quantities send, all at once every 15 s."""
    devices = np.repeat(np.array([f"meter-{n:04d}" for n in range(SERIES // 4)], dtype=object), 4)
    names = np.array(["active_power_kw", "energy_import_kwh", "voltage_v", "current_a"], dtype=object)
    rounds = count // SERIES
    start_us = int(YEAR.timestamp()) * 1_000_000
    times = pd.to_datetime(np.repeat(start_us + np.arange(rounds) * 15_000_000, SERIES), unit="us", utc=True)
    columns = {
        "time": times,
        "device": np.tile(devices, rounds),
        "quantity": np.tile(np.tile(names, SERIES // 4), rounds),
        "channel": "",
        "value": np.round(np.random.default_rng(1).random(rounds * SERIES) * 1000, 3),
        "received_at": times + pd.Timedelta(seconds=1),
        "flags": 0,
    }
    return readings_frame(pd.DataFrame(columns))


def packed_lines(frame: pd.DataFrame) -> list[bytes]:
    """Return the same lines as the store sends them, in the same batches."""
    starts = line_protocol.ReadingStarts("park").of(*(frame[n].tolist() for n in ("device", "quantity", "channel")))
    values, flags = frame["value"].to_numpy(), frame["flags"].to_numpy("float64")
    received_s = micros_of(frame["received_at"]) / 1e6
    lines = line_protocol.reading_lines(starts, values, received_s, flags, micros_of(frame["time"]))
    parts = (lines[first : first + MAX_LINES] for first in range(0, len(lines), MAX_LINES))
    return [gzip.compress("\n".join(part).encode(), 1) for part in parts]


def post_bare(url: str, database: str, bodies: list[bytes]) -> None:
    """Post them by two threads, as the store does."""
    place = {"db": database}
    with requests.Session() as session, ThreadPoolExecutor(2) as threads:

        def post(body: bytes) -> None:
            headers = {"Content-Encoding": "gzip"}
            session.post(f"{url}/write", params=place, data=body, headers=headers, timeout=60).raise_for_status()

        list(threads.map(post, bodies))


def opened(url: str, database: str, *, far: bool = False) -> InfluxStore:
    """Open a store; `far` as if the server were on another machine."""
    server = InfluxV1(url, database, timeout_s=60)
    server._far = far
    return InfluxStore(server, "park")


def _writing(url: str) -> list[Row]:
    frame = readings()
    bodies = packed_lines(frame)
    ours, own, its, bare = [], [], [], []
    for turn in range(TIMES):
        store = opened(url, f"ours{turn}", far=True)
        store.append_readings(frame.iloc[:SERIES])
        began, worked, both = time.perf_counter(), time.process_time(), cpu_s(os.getpid())
        store.append_readings(frame)
        ours.append(len(frame) / (time.perf_counter() - began))
        worked, both = time.process_time() - worked, cpu_s(os.getpid()) - both
        own.append(worked / len(frame) * 1e6)
        its.append((both - worked) / len(frame) * 1e6)
        store.close()
        opened(url, f"bare{turn}").close()
        post_bare(url, f"bare{turn}", bodies[:1])
        began = time.perf_counter()
        post_bare(url, f"bare{turn}", bodies)
        bare.append(len(frame) / (time.perf_counter() - began))
    rate = statistics.median(ours)
    peer = statistics.median(bare)
    return [
        Row("InfluxDB: readings written, compressed", rate, "readings/s", 400_000, "bare lines", rate / peer, True),
        Row("the same at its best", max(ours), "readings/s", more_is_better=True),
        Row("the same lines, ready and compressed, by a bare client", peer, "readings/s", more_is_better=True),
        Row("Parkwatt's own processor time", statistics.median(own), "us/reading"),
        Row("InfluxDB's processor time", statistics.median(its), "us/reading"),
    ]


def fill(store: InfluxStore, meters: int = METERS) -> None:
    """Write a year of slots of every meter."""
    rng = np.random.default_rng(2)
    times = pd.date_range(YEAR, periods=SLOTS, freq="15min", unit="us")
    filled = rng.random(SLOTS) < 0.05
    columns = {
        "start": times,
        "scope": "point",
        "entity": "",
        "quantity": "import_kwh",
        "value": np.round(rng.random(SLOTS) * 100, 3),
        "coverage": np.where(filled, 0.5, 1.0),
        "estimated": np.where(filled, 0.5, 0.0),
        "reasons": np.where(filled, "gap", "").astype(object),
    }
    frame = slots_frame(pd.DataFrame(columns))
    fields, instants = slot_columns(frame), nanos_of(times.to_series())
    for meter in range(meters):
        starts = starts_of("slot", "park", frame.iloc[:1].assign(entity=f"m{meter}"), ("scope", "entity", "quantity"))
        store._http.write(line_protocol.lines(starts * SLOTS, fields, instants))


def _ms(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        spent.append((time.perf_counter() - began) * 1000)
    return statistics.median(spent)


def _reading(url: str, meters: int) -> list[Row]:
    store = opened(url, "year")
    fill(store, meters)
    year, day = (YEAR, YEAR + timedelta(days=365)), (YEAR + timedelta(days=200), YEAR + timedelta(days=201))
    only = {"scope": "point", "quantities": ["import_kwh"]}
    if len(store.slots(Period.SLOT, *year, entities=["m3"], **only)) != SLOTS:
        raise SystemExit("the year is not what was written")
    rows = [
        Row(f"InfluxDB: a year of slots of one of {meters} meters", _ms(
            lambda: store.slots(Period.SLOT, *year, entities=["m3"], **only)), "ms", 200),
        Row(f"InfluxDB: a day of slots of {meters} meters", _ms(
            lambda: store.slots(Period.SLOT, *day, **only)), "ms"),
    ]  # fmt: skip
    store.close()
    return rows


def measure(meters: int = METERS) -> list[Row]:
    """Take the figures."""
    with tempfile.TemporaryDirectory() as folder, influxd(Path(folder) / "influxd") as url:
        return _writing(url) + _reading(url, meters)
