"""A year in one run, or day by day as it comes: the same factors, the same numbers."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.park import Park
from core.park_file import load_park
from core.quantities import Period
from core.statements import Kind
from core.timebase import day_bounds
from models.compute import Compute
from store.embedded import EmbeddedStore
from store.state import SqliteState
from tests.data.pvops import fit
from tests.measured import DATA, readings

FIRST, LEARNED, LAST = date(2018, 4, 1), date(2018, 5, 27), date(2018, 6, 4)


class World:
    """One plant's first ten weeks in a store of their own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.park: Park = load_park(DATA / "R15.yaml")
        self.store = EmbeddedStore(folder / "park.duckdb", self.park.id)
        self.state = SqliteState(folder / "state.sqlite")
        rows = readings("R15", fit.hours("R15"))
        self.sent = rows[rows["time"] < pd.Timestamp(self.end(LAST))]
        self.compute = Compute(self.park, self.store, self.state)

    def end(self, day: date) -> datetime:
        return day_bounds(day, self.park.zone)[1]

    def send(self, first: datetime, last: datetime) -> None:
        rows = self.sent[(self.sent["time"] >= pd.Timestamp(first)) & (self.sent["time"] < pd.Timestamp(last))]
        self.store.append_readings(rows)
        self.state.mark_dirty({(d, t) for d, t in zip(rows["device"], rows["time"].dt.date, strict=True)})

    def run(self, day: date) -> int:
        return self.compute.run(self.end(day) + timedelta(minutes=3)).changed

    def rows(self, period: Period) -> pd.DataFrame:
        start = day_bounds(date(2018, 4, 1), self.park.zone)[0]
        return self.store.slots(period, start, self.end(LAST))

    def said(self) -> list[tuple[object, ...]]:
        return [(s.start, s.end, s.body) for s in self.state.statements(Kind.CALIBRATION, every=True)]

    def close(self) -> None:
        self.store.close()
        self.state.close()


@pytest.fixture
def at_once(tmp_path):
    world = World(tmp_path / "once")
    world.send(world.end(date(2018, 3, 1)), world.end(LAST))
    world.run(LAST)
    yield world
    world.close()


def test_day_by_day_comes_to_the_same_as_one_run(at_once: World, tmp_path: Path) -> None:
    daily = World(tmp_path / "daily")
    before = daily.end(date(2018, 3, 1))
    for n in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(days=n)
        daily.send(before, daily.end(day))
        before = daily.end(day)
        daily.run(day)
    assert daily.said() == at_once.said()
    assert [body.get("refused", "learned") for _, _, body in daily.said()] == ["too_early", "learned"]
    for period in Period:
        one, other = at_once.rows(period), daily.rows(period)
        keys = ["start", "scope", "entity", "quantity"]
        pd.testing.assert_frame_equal(one[keys], other[keys])
        np.testing.assert_allclose(one["value"], other["value"], rtol=1e-7, atol=3e-6)
        if period is not Period.MONTH:
            assert one["reasons"].tolist() == other["reasons"].tolist()
    daily.close()


def test_days_before_keep_the_nameplate_and_recomputing_changes_nothing(at_once: World) -> None:
    rows = at_once.rows(Period.DAY)
    expected = rows[(rows["scope"] == "array") & (rows["quantity"] == "expected_kwh")].set_index("start")
    marked = expected["reasons"].str.contains("uncalibrated")
    start = pd.Timestamp(day_bounds(LEARNED, at_once.park.zone)[0])
    assert marked[marked.index < start].all()
    assert not marked[marked.index >= start].any()
    factor = rows[rows["quantity"] == "calibration_factor"].set_index("start")["value"]
    assert (factor[factor.index < start] == 1.0).all()
    assert factor[factor.index >= start].unique() == pytest.approx([1.052], abs=0.001)
    said = at_once.said()
    at_once.compute.recompute(FIRST, LAST, at_once.end(LAST) + timedelta(minutes=3))
    again = at_once.rows(Period.DAY)
    np.testing.assert_allclose(rows["value"], again["value"], rtol=1e-7, atol=3e-6)  # of the last digit stored
    assert rows["reasons"].tolist() == again["reasons"].tolist()
    assert at_once.said() == said


def test_a_history_that_comes_late_calibrates_the_days_that_were_there_first(tmp_path: Path, at_once: World) -> None:
    late = World(tmp_path / "late")
    newest = late.end(LAST - timedelta(days=3))
    late.send(newest, late.end(LAST))
    late.run(LAST)
    late.send(late.end(date(2018, 3, 1)), newest)
    late.run(LAST)
    assert at_once.said()[-1] in late.said()
    one, other = at_once.rows(Period.DAY), late.rows(Period.DAY)
    np.testing.assert_allclose(one["value"], other["value"], rtol=1e-7, atol=3e-6)
    late.close()
