"""The same file again, and the same with a few other values: with the real store and state."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from core.clock import ManualClock
from core.park import Park
from core.quality import ReadingFlag
from core.store import State, Store
from core.text import Language
from core.words import event_words
from ingest.files import ImportResult, import_files
from ingest.preview import preview_files
from store.opening import open_store
from store.state import SqliteState

NOW = datetime(2026, 11, 1, tzinfo=UTC)
EVER = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
HEAD = "time,grid-1.energy_import_kwh,inv-a.energy_export_kwh\n"


class World:
    """A park, its real store and state, and a folder."""

    def __init__(self, park: Park, folder: Path) -> None:
        self.park = park
        self.clock = ManualClock(NOW)
        self.store: Store = open_store(park)
        self.state: State = SqliteState(park.state, self.clock)
        self.file = folder / "a.csv"

    def write(self, changed: dict[int, float]) -> None:
        lines = [f"2026-10-{1 + n // 24:02d}T{n % 24:02d}:00Z,{changed.get(n, n)},{n / 2}\n" for n in range(240)]
        self.file.write_text(HEAD + "".join(lines))

    def bring(self) -> ImportResult:
        self.clock.advance(timedelta(hours=1))
        return import_files(self.park, self.store, self.state, [self.file], self.clock)

    def settle(self) -> None:
        self.state.settle(self.state.dirty())

    def marked(self) -> list[tuple[str, date]]:
        return [(m.device, m.day) for m in self.state.dirty()]


@pytest.fixture
def world(small_park: Park, tmp_path: Path) -> Iterator[World]:
    made = World(small_park, tmp_path)
    yield made
    made.store.close()
    made.state.close()


def test_the_same_file_again_changes_nothing_and_asks_for_no_day(world: World) -> None:
    world.write({})
    first = world.bring()
    assert (first.new, first.identical, first.conflicting) == (480, 0, 0)
    before = world.store.readings(*EVER)
    world.settle()
    again = world.bring()
    assert (again.new, again.identical, again.conflicting, again.stored) == (0, 480, 0, 0)
    assert "0 new, 480 already there" in again.told()
    assert world.marked() == []
    assert world.store.readings(*EVER).equals(before)
    assert world.store.info().readings == 480


def test_changed_values_are_told_mark_their_days_only_and_are_on_record(world: World) -> None:
    world.write({})
    world.bring()
    world.settle()
    world.write({30: 30.5, 40: 40.5, 100: 99.0})
    with world.file.open("a") as file:
        file.write("2026-10-20T00:00Z,500,\n")
    asked = preview_files(world.park, world.store, world.state, [world.file], world.clock)
    assert "1 new, 477 already there, 3 conflicting" in asked.told()
    assert world.marked() == []
    result = world.bring()
    assert (result.new, result.identical, result.conflicting, result.stored) == (1, 477, 3, 4)
    assert result.conflicts[0] == "grid-1.energy_import_kwh at 2026-10-02T06:00:00+00:00: 30 became 30.5"
    assert world.marked() == [("grid-1", date(2026, 10, day)) for day in (2, 5, 20)]
    events = world.state.events(*EVER)
    assert [(e.entity, e.code, e.start.day, e.end.day, e.params["count"]) for e in events] == [
        ("grid", "conflict_imported", 2, 2, 2),
        ("grid", "conflict_imported", 5, 5, 1),
    ]
    assert "2 values other than those stored (grid-1 imported energy register : 30 → 30.5)" in event_words(
        events[0], world.park, Language.EN
    )
    world.settle()
    assert world.bring().identical == 481
    assert world.marked() == []
    assert len(world.state.events(*EVER)) == 2


def test_what_was_ahead_of_its_time_counts_when_its_time_has_come(world: World) -> None:
    world.file.write_text("time,grid-1.energy_import_kwh\n2026-11-03T00:00Z,5\n")
    assert world.bring().future == 1
    assert world.marked() == []
    world.clock.advance(timedelta(days=3))
    again = world.bring()
    assert (again.new, again.conflicting, again.future) == (1, 0, 0)
    assert world.store.readings(*EVER)["flags"].tolist() == [int(ReadingFlag.IMPORTED)]
    assert world.marked() == [("grid-1", date(2026, 11, 3))]
    assert world.state.events(*EVER) == []


def test_days_that_a_crash_left_unmarked_are_marked_by_the_next_import(world: World) -> None:
    """Between the two marks a recompute settled the first one; then the power went."""
    world.write({})
    world.bring()
    world.settle()
    world.state.set_value("import/unfinished", orjson.dumps([("grid-1", "2026-10-03")]).decode())
    assert world.bring().identical == 480
    assert world.marked() == [("grid-1", date(2026, 10, 3))]
    world.settle()
    world.bring()
    assert world.marked() == []


def test_a_key_twice_in_a_file_counts_once(world: World) -> None:
    world.file.write_text("time,grid-1.energy_import_kwh\n2026-10-01T00:00Z,5\n2026-10-01T00:00Z,6\n")
    result = world.bring()
    assert (result.new, result.repeated) == (1, 1)
    assert "1 stand again further down" in result.told()
    assert world.store.readings(*EVER)["value"].tolist() == [6.0]
