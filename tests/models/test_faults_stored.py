"""Wrong clocks and units the whole way: readings as meters send them, through store and models, to what is found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml

from core.findings import Fault, Finding, findings_of
from core.frames import readings_frame
from core.park_file import parse_park
from core.quality import ReadingFlag
from core.quantities import READING
from core.statements import Kind
from models.compute import Compute
from models.diagnosis import Diagnosis
from service.demo.faults import Faults
from service.demo.history import write_history
from service.demo.plant import Plant
from service.demo.site import park_yaml
from store.embedded import EmbeddedStore
from store.state import SqliteState

UNTIL = datetime(2026, 9, 20, 16, tzinfo=UTC)
DAYS = 24
KEPT = ("grid", "pv", "weather")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Finding]]:
    """What is found where one meter is stamped in UTC, one counts in Wh, and the thermometer shows kelvin."""
    folder: Path = tmp_path_factory.mktemp("clocks")
    description = yaml.safe_load(park_yaml(UNTIL, days=DAYS))
    description["points"] = [p for p in description["points"] if p["role"] in KEPT]
    park = parse_park(yaml.safe_dump(description).encode())
    write_history(Plant(park, 1, Faults()), UNTIL, folder / "history.parquet")
    store, state = EmbeddedStore(folder / "park.duckdb", park.id), SqliteState(folder / "state.sqlite")
    sent = readings_frame(_wrong(_read(folder / "history.parquet")))
    store.append_readings(sent)
    state.mark_dirty({(d, t) for d, t in zip(sent["device"], sent["time"].dt.date, strict=True)})
    now = UNTIL + timedelta(hours=1)
    Compute(park, store, state).run(now)
    Diagnosis(park, store, state).run(now)
    yield findings_of(state.statements(Kind.FINDING))
    store.close()
    state.close()


def _read(path: Path) -> pd.DataFrame:
    with duckdb.connect() as connection:
        asked = "select epoch_us(time) as time, device, quantity, channel, value from read_parquet(?)"
        columns = connection.execute(asked, [str(path)]).fetchnumpy()
    return pd.DataFrame({name: np.asarray(column) for name, column in columns.items()})


def _wrong(rows: pd.DataFrame) -> pd.DataFrame:
    rows["time"] = pd.to_datetime(rows["time"], unit="us", utc=True)
    rows.loc[rows["device"] == "inv-expo-1", "time"] -= pd.Timedelta(hours=8)
    rows.loc[rows["device"] == "inv-hub-1", "value"] *= 1000.0
    rows.loc[rows["quantity"] == "temp_air_c", "value"] += 273.15
    highest = rows["quantity"].map({name: q.high for name, q in READING.items()})
    flags = np.where(rows["value"] > highest, int(ReadingFlag.OUT_OF_RANGE), 0)
    return rows.assign(received_at=rows["time"], flags=flags)


def test_each_mistake_is_one_finding_of_the_one_who_made_it(found: list[Finding]) -> None:
    told = {(f.entity, f.code): f.picture.facts["what"] for f in found}
    assert told == {
        ("expo-roof", Fault.TIME_SHIFT): "−480 min",
        ("hub-roof", Fault.UNITS): "×1000",
        ("weather", Fault.UNITS): "temp_air_c: K",
    }
    assert len(found) == len(told)


def test_none_of_them_costs_anything_and_all_go_on(found: list[Finding]) -> None:
    assert [(f.lost_kwh, f.high_kwh, f.end) for f in found] == [(0.0, 0.0, None)] * 3
