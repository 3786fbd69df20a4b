"""Corrections and their undoing stay on record."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import pytest

from core.corrections import Correction, Entry, Kind, Undoing, in_force
from core.errors import ConfigError
from store.state import SqliteState

NOW = datetime(2026, 7, 1, 12, 0, 0, 1, tzinfo=UTC)
RATIO = Correction(
    kind="ratio", device="m-1", start=NOW - timedelta(days=30), end=NOW, factor=40.0, author="李伟", reason="CT 200/5"
)
CHANGE = Correction(kind="replace", point="hall", start=NOW, last_kwh=99.5, author="Ann", reason="new meter")
UNDOING = Undoing(NOW + timedelta(hours=1), "Ann", "wrong hall")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[SqliteState]:
    opened = SqliteState(tmp_path / "state.sqlite")
    yield opened
    opened.close()


def test_corrections_come_back_whole_and_an_undone_one_stays(state: SqliteState) -> None:
    first, second = state.add_correction(RATIO, NOW), state.add_correction(CHANGE, NOW)
    assert (first, second) == (Entry(1, NOW, RATIO), Entry(2, NOW, CHANGE))
    assert state.undo_correction(1, UNDOING) == Entry(1, NOW, RATIO, UNDOING)
    assert state.corrections() == [Entry(1, NOW, RATIO, UNDOING), Entry(2, NOW, CHANGE)]
    assert in_force(state.corrections()) == (CHANGE,)


def test_only_what_is_in_force_can_be_undone(state: SqliteState) -> None:
    state.add_correction(RATIO, NOW)
    state.undo_correction(1, UNDOING)
    with pytest.raises(ConfigError, match="undone already, by Ann"):
        state.undo_correction(1, UNDOING)
    with pytest.raises(ConfigError, match="no correction 7"):
        state.undo_correction(7, UNDOING)


def test_corrections_are_found_by_the_time_they_speak_of(state: SqliteState) -> None:
    moved = RATIO.model_copy(update={"kind": Kind.SHIFT, "factor": None, "seconds": 7200.0})
    for correction in (RATIO, CHANGE, moved):
        state.add_correction(correction, NOW)
    hour = timedelta(hours=1)
    assert [e.id for e in state.corrections(NOW - hour, NOW)] == [1, 3]
    assert [e.id for e in state.corrections(NOW, NOW + hour)] == [2, 3]
    assert [e.id for e in state.corrections(NOW + 2 * hour, NOW + 3 * hour)] == []
    assert [e.touches(NOW, NOW + hour) for e in state.corrections()] == [False, True, True]


def test_a_file_from_before_corrections_is_taken_further(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    old = sqlite3.connect(path)
    old.executescript(resources.files("store").joinpath("state.sql").read_text(encoding="utf-8"))
    old.execute("INSERT INTO small_value VALUES ('k', 'v')")
    old.execute("PRAGMA user_version = 2")
    old.commit()
    old.close()
    for _ in range(2):
        state = SqliteState(path)
        assert state.value("k") == "v"
        state.add_correction(RATIO, NOW)
        state.close()
    state = SqliteState(path)
    assert [e.id for e in state.corrections()] == [1, 2]
    state.close()
