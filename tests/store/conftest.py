from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from core.clock import ManualClock
from core.frames import readings_frame, slots_frame
from core.store import Store
from store.embedded import EmbeddedStore
from store.influx import InfluxStore
from store.influx_v1 import InfluxV1
from store.influx_v2 import InfluxV2
from tests.store.influx2 import ADMIN, ORG, Influx2

_databases = itertools.count(1)

START = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 7, 1, 12, 0, 0, 250_001, tzinfo=UTC))


@pytest.fixture
def influx2(influxd: str) -> Iterator[Influx2]:
    """InfluxDB 2's addresses in front of the real InfluxDB 1.x."""
    server = Influx2(influxd)
    yield server
    server.stop()


INFLUX = pytest.mark.influx


@pytest.fixture(params=["embedded", pytest.param("influx", marks=INFLUX), pytest.param("influx2", marks=INFLUX)])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    """A fresh, empty store of each kind."""
    opened: Store
    if request.param == "embedded":
        opened = EmbeddedStore(tmp_path / "park.duckdb", "park-1", clock=clock)
    elif request.param == "influx":
        server = InfluxV1(request.getfixturevalue("influxd"), f"db {next(_databases)}")
        opened = InfluxStore(server, "park-1", clock)
    else:
        url = request.getfixturevalue("influx2").url
        opened = InfluxStore(InfluxV2(url, "any bucket", ORG, ADMIN, "any name"), "park-1", clock)
    yield opened
    opened.close()


@pytest.fixture
def rows() -> Callable[..., pd.DataFrame]:
    """Make a readings frame from (minute, value) or (minute, value, flags) of one series."""

    def make(
        *points: tuple[float, ...],
        device: str = "m1",
        quantity: str = "energy_import_kwh",
        channel: str = "",
        late_s: float = 1.0,
    ) -> pd.DataFrame:
        times = [START + pd.Timedelta(minutes=p[0]) for p in points]
        return readings_frame(
            {
                "time": times,
                "device": [device] * len(points),
                "quantity": [quantity] * len(points),
                "channel": [channel] * len(points),
                "value": [p[1] for p in points],
                "received_at": [t + pd.Timedelta(seconds=late_s) for t in times],
                "flags": [int(p[2]) if len(p) > 2 else 0 for p in points],
            }
        )

    return make


@pytest.fixture
def slot_rows() -> Callable[..., pd.DataFrame]:
    """Make a slots frame from values of consecutive quarter-hours of one series."""

    def make(
        *values: float,
        entity: str = "grid",
        quantity: str = "import_kwh",
        scope: str = "point",
        coverage: float = 1.0,
        estimated: float = 0.0,
        reasons: str = "",
    ) -> pd.DataFrame:
        return slots_frame(
            {
                "start": pd.date_range(START, periods=len(values), freq="15min", unit="us"),
                "scope": [scope] * len(values),
                "entity": [entity] * len(values),
                "quantity": [quantity] * len(values),
                "value": list(values),
                "coverage": [coverage] * len(values),
                "estimated": [estimated] * len(values),
                "reasons": [reasons] * len(values),
            }
        )

    return make
