"""What the models said: kept, told in order, never changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.statements import Kind, Statement
from store.state import SqliteState

NOW = datetime(2026, 11, 16, 23, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[SqliteState]:
    opened = SqliteState(tmp_path / "state.sqlite")
    yield opened
    opened.close()


def plan(day: int = 0, kwh: float = -120.5, said: int = 0, **changes: object) -> Statement:
    start = NOW + day * DAY
    made = Statement(Kind.PLAN, "park", start, start + DAY, NOW + said * DAY, "plan-1", {"kwh": kwh, "说明": ["年"]})
    return replace(made, **changes)


def test_what_was_said_comes_back_after_a_restart(state: SqliteState, tmp_path: Path) -> None:
    said = [plan(0), plan(1), plan(0, entity="hall"), plan(0, subject="2")]
    assert state.add_statements(said) == 4
    state.close()
    again = SqliteState(tmp_path / "state.sqlite")
    assert again.statements(Kind.PLAN) == [said[0], said[2], said[3], said[1]]
    assert again.statements(Kind.PLAN, entity="hall") == [said[2]]
    assert again.statements(Kind.OUTLOOK) == []
    again.close()


def test_the_same_words_again_are_nothing_new(state: SqliteState) -> None:
    assert state.add_statements([plan(), plan(said=1)]) == 1
    assert state.add_statements([plan(said=2)]) == 0
    assert [s.issued_at for s in state.statements(Kind.PLAN, every=True)] == [NOW]


def test_a_later_word_leaves_the_earlier_on_record(state: SqliteState) -> None:
    first, second = plan(kwh=1.0), plan(kwh=2.0, said=3)
    state.add_statements([first])
    state.add_statements([second])
    assert state.statements(Kind.PLAN) == [second]
    assert state.statements(Kind.PLAN, as_of=NOW + 2 * DAY) == [first]
    assert state.statements(Kind.PLAN, as_of=NOW - DAY) == []
    assert state.statements(Kind.PLAN, every=True) == [first, second]


def test_a_stretch_finds_what_speaks_of_any_of_it(state: SqliteState) -> None:
    said = [plan(n) for n in range(3)]
    state.add_statements(said)
    assert state.statements(Kind.PLAN, NOW + DAY, NOW + 2 * DAY) == [said[1]]
    assert state.statements(Kind.PLAN, NOW + DAY / 2, NOW + DAY) == [said[0]]
    assert state.statements(Kind.PLAN, end=NOW + DAY) == [said[0]]


def test_no_number_that_is_none_is_put_on_record(state: SqliteState) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        state.add_statements([plan(kwh=float("nan"))])
    assert state.statements(Kind.PLAN) == []


def test_the_file_itself_refuses_to_change_them(state: SqliteState, tmp_path: Path) -> None:
    state.add_statements([plan()])
    with sqlite3.connect(tmp_path / "state.sqlite") as connection:
        for statement in ("UPDATE statement SET version = 'x'", "DELETE FROM statement"):
            with pytest.raises(sqlite3.IntegrityError, match="statement"):
                connection.execute(statement)
    assert state.statements(Kind.PLAN) == [plan()]
