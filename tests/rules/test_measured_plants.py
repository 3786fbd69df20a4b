"""Two measured 20 MW plants through store, models and rules: the sick one is told and ends, the healthy one is not accused."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from core.frames import readings_frame
from core.park_file import load_park
from core.timebase import month_bounds
from models.compute import Compute
from rules.engine import RuleEngine
from store.embedded import EmbeddedStore
from store.state import SqliteState

DATA = Path(__file__).parents[1] / "data" / "pvops"


@pytest.fixture
def told(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, str(DATA)])
    import fit  # noqa: PLC0415 - it lives with its data

    def replay(name: str) -> list[tuple[str, ...]]:
        park = load_park(DATA / f"{name}.yaml")
        rows = fit.hours(name)
        sent = rows.assign(active_power_kw=-rows["generated_kw"]).drop(columns="generated_kw")
        long = sent.rename_axis("time").reset_index().melt("time", var_name="quantity").dropna()
        device = np.where(long["quantity"] == "active_power_kw", f"{name.lower()}-meter", f"{name.lower()}-weather")
        long = readings_frame(long.assign(device=device, channel="", received_at=long["time"], flags=0))
        store, state = EmbeddedStore(tmp_path / "park.duckdb", park.id), SqliteState(tmp_path / "state.sqlite")
        store.append_readings(long)
        state.mark_dirty({(d, t) for d, t in zip(long["device"], long["time"].dt.date, strict=True)})
        start, end = month_bounds(2018, 4, park.zone)[0], month_bounds(2019, 3, park.zone)[1] + timedelta(minutes=30)
        Compute(park, store, state).run(end)
        found = RuleEngine(park, store, state).replay(start, end)
        store.close()
        state.close()
        return [
            tuple(f"{t.astimezone(park.zone):%Y-%m-%d}" for t in (a.active_at, a.fired_at, a.resolved_at))
            for a in found
            if a.rule == "pv_below_expectation"
        ]

    return replay


def test_the_sick_plant_is_told_from_its_beginning_to_its_end(told) -> None:
    assert told("R15") == [("2018-10-27", "2018-10-29", "2019-02-24")]


def test_the_healthy_plant_is_never_accused(told) -> None:
    assert told("R10") == []
