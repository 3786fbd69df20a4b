"""What people do with alerts, in the state file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.handled import handled, life_of, of
from core.handling import Act, ActKind, Ended, Silence
from core.store import AlertFilter, AlertRecord
from store.state import SqliteState

NOW = datetime(2026, 11, 16, 23, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[SqliteState]:
    opened = SqliteState(tmp_path / "state.sqlite")
    yield opened
    opened.close()


def alert(entity: str = "roof", hours: float = 0, **changes: object) -> AlertRecord:
    at = NOW + hours * HOUR
    return replace(AlertRecord(f"silent/{entity}", "silent", entity, "warning", "firing", at, at), **changes)


def act(of_alert: AlertRecord, kind: ActKind = ActKind.ACK, text: str = "on it") -> Act:
    return Act(of_alert.fingerprint, of_alert.active_at, kind, NOW + 5 * HOUR, "李伟", text, of_alert.severity)


def silence(**changes: object) -> Silence:
    made = Silence("silent", None, NOW, NOW + 8 * HOUR, NOW, "李伟", "换逆变器")
    return replace(made, **changes)


def test_acts_come_back_in_order_and_outlive_the_process(state: SqliteState, tmp_path: Path) -> None:
    one, other = alert(), alert("hall")
    state.save_alerts([one, other])
    kept = [
        state.add_act(act(one)),
        state.add_act(act(one, ActKind.COMMENT, "🙂 'quoted'; --")),
        state.add_act(act(other)),
    ]
    assert [a.id for a in kept] == [1, 2, 3]
    state.close()
    again = SqliteState(tmp_path / "state.sqlite")
    assert again.acts([life_of(one)]) == kept[:2]
    assert again.acts([life_of(one), life_of(other)]) == kept
    assert again.acts([(one.fingerprint, NOW + HOUR)]) == again.acts([]) == []
    again.close()


def test_nothing_is_done_with_an_alert_that_is_not_there(state: SqliteState) -> None:
    state.save_alerts([alert()])
    with pytest.raises(ConfigError, match="there is no such alert"):
        state.add_act(act(alert("hangar")))
    with pytest.raises(ConfigError, match="there is no such alert"):
        state.add_act(act(alert(hours=1)))


def test_a_silence_is_ended_once_and_stays_on_record(state: SqliteState) -> None:
    made = state.add_silence(silence())
    other = state.add_silence(silence(rule=None, entity="roof", end=NOW + 2 * HOUR))
    assert (made.id, state.silences()) == (1, [made, other])
    ended = state.end_silence(1, Ended(NOW + HOUR, "Ann", "done early"))
    assert (ended.until, ended.holds(NOW), ended.holds(NOW + HOUR)) == (NOW + HOUR, True, False)
    assert state.silences(since=NOW + 2 * HOUR) == [ended]
    with pytest.raises(ConfigError, match="silence 1 is over already, by Ann"):
        state.end_silence(1, Ended(NOW + HOUR, "Ann", "again"))
    with pytest.raises(ConfigError, match="silence 2 is over already"):
        state.end_silence(2, Ended(NOW + 2 * HOUR, "Ann", "late"))
    with pytest.raises(ConfigError, match="there is no silence 3"):
        state.end_silence(3, Ended(NOW, "Ann", "?"))
    assert state.silences() == [ended, other]


def test_a_silence_covers_by_rule_by_entity_or_by_both() -> None:
    both = silence(entity="roof")
    covered = [(r, e) for r in ("silent", "deficit") for e in ("roof", "hall") if both.covers(r, e)]
    assert covered == [("silent", "roof")]
    assert [e for e in ("roof", "hall") if silence().covers("silent", e)] == ["roof", "hall"]
    assert [r for r in ("silent", "deficit") if silence(rule=None, entity="roof").covers(r, "roof")] == [
        "silent",
        "deficit",
    ]
    assert [silence().holds(NOW + h * HOUR) for h in (-0.1, 0, 7.9, 8)] == [False, True, True, False]
    assert silence(ended=Ended(NOW - HOUR, "A", "r")).until == NOW  # ended before it began


def test_an_acknowledgement_ends_with_the_life_of_its_alert(state: SqliteState) -> None:
    first = alert()
    state.save_alerts([first])
    taken = state.add_act(act(first))
    assert of(first, handled(state, [first], NOW)).acknowledged == taken
    over, second = replace(first, state="resolved", resolved_at=NOW + HOUR), alert(hours=2)
    state.save_alerts([over, second])
    found = handled(state, [over, second], NOW)
    assert of(over, found).acts == (taken,)
    assert of(second, found).acknowledged is None
    worse = replace(first, severity="critical")
    assert (of(worse, handled(state, [worse], NOW)).acknowledged, of(worse, handled(state, [worse], NOW)).outgrown) == (
        None,
        taken,
    )


def test_an_alert_that_gets_its_true_beginning_keeps_what_people_did(state: SqliteState) -> None:
    seen, true = alert(), alert(hours=-200)
    state.save_alerts([seen])
    state.add_act(act(seen))
    state.add_act(act(seen, ActKind.COMMENT, "the fuse"))
    state.save_alerts([replace(seen, state="resolved", resolved_at=seen.active_at), true])
    assert [a.text for a in of(true, handled(state, [true], NOW)).acts] == ["on it", "the fuse"]
    assert [a.active_at for a in state.alert_history(AlertFilter(), 10)] == [true.active_at]


def test_history_is_paged_newest_first_and_filtered(state: SqliteState) -> None:
    past = [alert("roof", -24 * n, state="resolved", resolved_at=NOW + (12 - 24 * n) * HOUR) for n in range(1, 6)]
    now_open = alert("hall", -30, severity="critical")
    pending = alert("pump", -1, state="pending", fired_at=None)
    state.save_alerts([*past, now_open, pending])
    whole = state.alert_history(AlertFilter(), 100)
    assert [(a.entity, a.active_at) for a in whole] == [
        ("roof", NOW - 24 * HOUR), ("hall", NOW - 30 * HOUR), *[("roof", NOW - 24 * n * HOUR) for n in range(2, 6)]
    ]  # fmt: skip
    first = state.alert_history(AlertFilter(), 4)
    rest = state.alert_history(AlertFilter(), 4, after=(first[-1].active_at, first[-1].fingerprint))
    assert [*first, *rest] == whole

    def entities(**wanted: object) -> list[str]:
        return [a.entity for a in state.alert_history(AlertFilter(**wanted), 100)]

    assert entities(state="firing") == entities(severity="critical") == entities(entity="hall") == ["hall"]
    assert entities(rule="silent", state="resolved") == ["roof"] * 5
    assert entities(rule="other") == []
    assert entities(start=NOW - 40 * HOUR) == ["roof", "hall", "roof"]
    assert entities(end=NOW - 48 * HOUR) == ["roof"] * 3


def test_a_state_file_of_before_gets_the_new_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.sqlite"
    with monkeypatch.context() as before:
        before.setattr("store.state.STEPS", ("corrections.sql", "marks.sql"))
        old = SqliteState(path)
        old.save_alerts([alert()])
        old.close()
    state = SqliteState(path)
    assert state.add_act(act(alert())).id == 1
    state.close()
