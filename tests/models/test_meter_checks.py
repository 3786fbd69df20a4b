"""Meters that contradict themselves or one another, from readings in a real store; and meters that do not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from core.frames import readings_frame
from core.park import Array, CarbonChoice, DeviceAssignment, Park, Point
from core.quality import Event
from core.text import Language
from core.timebase import day_bounds
from core.words import event_words
from models.compute import Compute
from store.embedded import EmbeddedStore
from store.state import SqliteState

BERLIN = ZoneInfo("Europe/Berlin")
DAY = date(2026, 6, 10)
START, END = day_bounds(DAY, BERLIN)
QUARTERS = pd.date_range(START, END, freq="15min", unit="us")
NEW = {"phase_reversed", "phase_mismatch", "children_exceed_parent", "over_rating", "stuck"}


def point(name: str, role: str, parent: str | None = None, **terms: object) -> Point:
    device = DeviceAssignment(id=f"{name}-1", template="json", **{"rating_kw": 100.0, "interval_s": 900.0, **terms})
    return Point(id=name, role=role, name=name, parent=parent, devices=(device,))


PARK = {
    "id": "test",
    "name": "Test",
    "latitude": 52.5,
    "longitude": 13.4,
    "timezone": "Europe/Berlin",
    "points": (
        point("grid", "grid"),
        point("roof", "pv"),
        point("hall", "load"),
        point("hall-east", "load", "hall"),
        point("hall-west", "load", "hall"),
    ),
    "arrays": (Array(id="roof", name="Roof", point="roof", dc_kwp=55, ac_kw=50, tilt=20, azimuth=180),),
    "carbon": (CarbonChoice(scheme="location", region="CN-SH"),),
}


class World:
    def __init__(self, folder: Path, **changes: object) -> None:
        self.park = Park(**{**PARK, **changes})
        self.store = EmbeddedStore(folder / "park.duckdb", self.park.id)
        self.state = SqliteState(folder / "state.sqlite")

    def send(self, device: str, quantity: str, values: object, channel: str = "") -> None:
        frame = {"time": QUARTERS, "device": device, "quantity": quantity, "channel": channel, "value": values}
        frame = readings_frame(pd.DataFrame({**frame, "received_at": QUARTERS, "flags": 0}))
        self.store.append_readings(frame)
        self.state.mark_dirty({(device, t.date()) for t in frame["time"]})

    def power(self, device: str, total: object, *phases: object) -> None:
        if total is not None:
            self.send(device, "active_power_kw", total)
        for channel, values in zip(("l1", "l2", "l3"), phases, strict=False):
            self.send(device, "active_power_kw", values, channel)

    def counted(self, device: str, kwh_per_day: float) -> None:
        self.send(device, "energy_import_kwh", 1000 + np.linspace(0, kwh_per_day, len(QUARTERS)))

    def events(self, now: datetime = END + timedelta(hours=1)) -> list[Event]:
        Compute(self.park, self.store, self.state).run(now)
        return [e for e in self.state.events(START, END) if e.code in NEW]


@pytest.fixture
def world(tmp_path: Path):
    made = World(tmp_path)
    yield made
    made.store.close()
    made.state.close()


def wave(mean: float, swing: float = 0.0) -> np.ndarray:
    return mean + swing * np.sin(np.arange(len(QUARTERS)) / 7.0)


def test_a_current_transformer_the_wrong_way_round(world: World) -> None:
    world.power("hall-1", wave(4.0, 1.0), wave(4.0, 1.0), wave(-4.0), wave(4.0))
    (event,) = world.events()
    assert event == Event("hall", "phase_reversed", START, END, {"phase": "L2", "power": -4.0, "hours": 24.0})
    assert event_words(event, world.park, Language.EN) == (
        "hall: current transformer of L2 seems reversed: it exported for 24 h while the others imported "
        "(mean −4 kW) (2026-06-10 00:00 – 2026-06-11 00:00)"
    )
    assert "L2 相电流互感器疑似接反" in event_words(event, world.park, Language.ZH)


def test_only_a_day_that_is_over_is_judged(world: World) -> None:
    world.power("hall-1", wave(4.0), wave(4.0), wave(-4.0), wave(4.0))
    assert world.events(now=END - timedelta(hours=1)) == []
    assert [e.code for e in world.events()] == ["phase_reversed"]


def test_a_phase_with_its_own_generator_is_not_reversed(world: World) -> None:
    sunny = np.where((np.arange(len(QUARTERS)) > 20) & (np.arange(len(QUARTERS)) < 80), -3.0, 1.0)
    world.power("hall-1", 8.0 + sunny, wave(4.0), sunny, wave(4.0))
    assert world.events() == []


def test_a_reversed_meter_may_export_and_the_grid_too(world: World) -> None:
    world.power("grid-1", wave(4.0), wave(4.0), wave(-4.0), wave(4.0))
    assert world.events() == []


def test_phases_that_do_not_add_up_to_the_total(world: World) -> None:
    world.power("hall-1", wave(12.0), wave(4.0), wave(4.0), wave(2.0))
    (event,) = world.events()
    params = {"energy": 48.0, "total": 288.0, "share": "16.7 %"}
    assert event == Event("hall", "phase_mismatch", START, END, params)


def test_phases_within_five_percent_or_without_a_total_are_fine(world: World) -> None:
    world.power("hall-1", wave(12.0, 3.0), wave(4.0, 1.0), wave(4.0, 1.0), wave(3.5, 1.0))
    world.power("hall-east-1", None, wave(1.0), wave(2.0), wave(3.0))
    assert world.events() == []


@pytest.mark.parametrize(("west", "excess"), [(64.0, 4.0), (62.9, None)])
def test_children_that_count_more_than_their_parent(world: World, west: float, excess: float | None) -> None:
    world.counted("hall-1", 100.0)
    world.counted("hall-east-1", 40.0)
    world.counted("hall-west-1", west)
    found = [(e.entity, e.code, e.start, e.params["energy"], e.params["share"]) for e in world.events()]
    assert found == ([("hall", "children_exceed_parent", START, excess, "4.0 %")] if excess else [])


def test_a_child_that_was_silent_proves_nothing(world: World) -> None:
    world.counted("hall-1", 100.0)
    world.counted("hall-east-1", 140.0)
    assert world.events() == []


def test_a_load_with_pv_below_it_may_show_less_than_its_children(tmp_path: Path) -> None:
    points = (*PARK["points"][:3], point("hall-east", "load", "hall"), point("hall-roof", "pv", "hall"))
    world = World(tmp_path, points=points)
    world.counted("hall-1", 10.0)
    world.counted("hall-east-1", 40.0)
    world.send("hall-roof-1", "energy_export_kwh", np.linspace(0, 30, len(QUARTERS)))
    assert world.events() == []


def test_power_beyond_the_rating(tmp_path: Path) -> None:
    world = World(tmp_path, points=(point("grid", "grid", rating_kw=100.0, ratio=10.0), *PARK["points"][1:]))
    values = wave(9.0)
    values[40], values[41] = 15.1, -16.0
    world.power("grid-1", values)
    (event,) = world.events()
    start = START + timedelta(hours=10)
    params = {"count": 2.0, "value": 160.0, "rating": 100.0}
    assert event == Event("grid", "over_rating", start, start + timedelta(minutes=15), params)


def sun(peak: float) -> np.ndarray:
    hours = np.arange(len(QUARTERS)) / 4.0
    return -peak * np.clip(np.sin((hours - 5.0) / 16.0 * np.pi), 0.0, None)


def test_pv_power_that_stands_still_by_daylight(world: World) -> None:
    values = sun(40.0)
    values[44:60] = -31.2  # from 11:00 to 14:45
    world.power("roof-1", values)
    (event,) = world.events()
    assert (event.entity, event.code, event.params) == ("roof", "stuck", {"value": -31.2, "hours": 3.75})
    assert event.start == datetime(2026, 6, 10, 9, 0, tzinfo=UTC)
    assert event.end == datetime(2026, 6, 10, 12, 45, tzinfo=UTC)


def test_clipping_an_outage_and_the_night_are_no_stuck_value(world: World) -> None:
    world.power("roof-1", np.maximum(sun(80.0), -50.0))
    assert world.events() == []


def test_an_outage_by_daylight_is_not_stuck(world: World) -> None:
    values = sun(40.0)
    values[30:70] = 0.0
    world.power("roof-1", values)
    assert world.events() == []
