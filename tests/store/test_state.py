from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from core.clock import ManualClock
from core.errors import ConfigError, Retryable
from core.quality import Event
from core.store import AlertRecord, DirtyMark, QuarantineItem
from store.lease import ProcessId
from store.state import SqliteState

NOW = datetime(2026, 7, 1, 12, 0, 0, 1, tzinfo=UTC)
DAY = date(2026, 6, 30)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "below" / "state.sqlite"


@pytest.fixture
def state(path: Path) -> Iterator[SqliteState]:
    opened = SqliteState(path, ManualClock(NOW))
    yield opened
    opened.close()


@pytest.fixture
def other(path: Path) -> Iterator[SqliteState]:
    """The same file as a second process sees it."""
    opened = SqliteState(path, ManualClock(NOW))
    yield opened
    opened.close()


def child(code: str, path: Path, *, wait: bool = True) -> subprocess.Popen[str]:
    prelude = "import os, signal, sys, time\nfrom pathlib import Path\nfrom datetime import date\n"
    prelude += "from store.state import SqliteState\nstate = SqliteState(Path(sys.argv[1]))\n"
    process = subprocess.Popen(
        [sys.executable, "-c", prelude + code, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if wait:
        process.out, process.err = process.communicate(timeout=60)  # type: ignore[attr-defined]
    return process


def test_marks_are_dirty_until_settled_oldest_day_first(state, other):
    state.mark_dirty([("m2", DAY), ("m1", DAY), ("m1", DAY - timedelta(days=1)), ("m1", DAY)])
    found = other.dirty()
    assert [(m.device, m.day) for m in found] == [("m1", DAY - timedelta(days=1)), ("m1", DAY), ("m2", DAY)]
    assert sorted(m.seq for m in found) == [1, 2, 3]
    other.settle(found[:2])
    assert state.dirty() == found[2:]


def test_settling_what_was_read_does_not_clear_a_mark_made_since(state, other):
    state.mark_dirty([("m1", DAY)])
    read = other.dirty()
    state.mark_dirty([("m1", DAY)])
    other.settle(read)
    (newer,) = other.dirty()
    assert newer.seq > read[0].seq
    other.settle([newer])
    other.settle(read)
    assert other.dirty() == []
    state.mark_dirty([("m1", DAY)])
    assert len(other.dirty()) == 1


def test_a_settled_mark_is_gone_and_its_number_never_comes_again(state, other, path):
    state.mark_dirty([("m1", DAY + timedelta(days=n)) for n in range(1000)])
    read = other.dirty()
    state.mark_dirty([("m1", DAY)])
    other.settle([*read, DirtyMark("never marked", DAY, 5)])
    with sqlite3.connect(path) as reader:
        assert reader.execute("SELECT device, day, seq FROM mark").fetchall() == [("m1", "2026-06-30", 1001)]
    reader.close()
    other.settle(other.dirty())
    state.mark_dirty([("m1", DAY)])
    assert [m.seq for m in state.dirty()] == [1002]
    other.settle([DirtyMark("m1", DAY, 1001)])
    assert [m.seq for m in state.dirty()] == [1002]


def test_marks_settled_by_an_earlier_version_are_cleared_away(path):
    """Version 3 kept what was settled beside the marks."""
    path.parent.mkdir(parents=True)
    own = resources.files("store")
    old = sqlite3.connect(path)
    old.executescript(own.joinpath("state.sql").read_text() + own.joinpath("corrections.sql").read_text())
    old.executescript(
        "INSERT INTO mark VALUES ('m1', '2026-06-29', 1), ('m1', '2026-06-30', 5), ('m2', '2026-06-30', 3);"
        "INSERT INTO settled VALUES ('m1', '2026-06-29', 1), ('m1', '2026-06-30', 4);"
        "UPDATE sequence SET value = 5; PRAGMA user_version = 3;"
    )
    old.close()
    state = SqliteState(path)
    assert [(m.device, m.seq) for m in state.dirty()] == [("m1", 5), ("m2", 3)]
    state.mark_dirty([("m1", DAY - timedelta(days=1))])
    assert [m.seq for m in state.dirty()] == [6, 5, 3]
    state.close()


def test_numbers_of_marks_are_never_used_twice_by_several_threads(state, other):
    def mark(n: int) -> None:
        (state, other)[n % 2].mark_dirty([(f"m{n}-{i}", DAY) for i in range(5)])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(mark, range(20)))
    assert sorted(m.seq for m in state.dirty()) == list(range(1, 101))


def test_the_quarantine_keeps_messages_whole_and_lists_the_newest(state):
    items = [QuarantineItem(NOW, f"t/{n}", bytes([n, 0, 255]), "bad_json", "行 1", "m1") for n in range(5)]
    state.quarantine(items)
    state.quarantine([])
    found = state.quarantined(2)
    assert [(i.topic, i.payload, i.received_at, i.detail, i.device) for i in found] == [
        ("t/4", b"\x04\x00\xff", NOW, "行 1", "m1"),
        ("t/3", b"\x03\x00\xff", NOW, "行 1", "m1"),
    ]
    assert [i.id for i in found] == [5, 4]
    assert len(state.quarantined()) == 5
    assert state.counts() == {"quarantined": 5}


def test_counts_add_up_over_processes(state, other):
    state.add_counts({"received": 3, "stored": 2})
    other.add_counts({"received": 4})
    other.add_counts({})
    assert state.counts() == {"received": 7, "stored": 2, "quarantined": 0}


def hour(n: float) -> datetime:
    return NOW + timedelta(hours=n)


def test_events_of_an_entity_are_replaced_as_a_whole(state):
    state.replace_events("a", hour(0), hour(24), [Event("a", "reset", hour(1), hour(1), {"before": 5.5, "to": "电"})])
    state.replace_events("b", hour(0), hour(24), [Event("b", "gap", hour(0), hour(3))])
    state.replace_events("a", hour(24), hour(48), [Event("a", "gap", hour(24), hour(30))])
    state.replace_events("a", hour(0), hour(24), [Event("a", "reset", hour(2), hour(2), {"n": np.int64(2)})])
    assert state.events(hour(0), hour(48)) == [
        Event("b", "gap", hour(0), hour(3)),
        Event("a", "reset", hour(2), hour(2), {"n": 2.0}),
        Event("a", "gap", hour(24), hour(30)),
    ]
    state.replace_events("a", hour(0), hour(48), [])
    assert [e.entity for e in state.events(hour(-9), hour(99))] == ["b"]


def test_events_that_overlap_are_found_and_instants_at_the_start_too(state):
    state.replace_events(
        "a", hour(0), hour(9), [Event("a", "gap", hour(0), hour(3)), Event("a", "x", hour(3), hour(3))]
    )
    assert [e.code for e in state.events(hour(2), hour(3))] == ["gap"]
    assert [e.code for e in state.events(hour(3), hour(4))] == ["x"]
    assert [e.code for e in state.events(hour(-1), hour(0))] == []


def test_an_event_that_began_before_the_range_does_not_double(state):
    early = Event("a", "gap", hour(-5), hour(3))
    for _ in range(3):
        state.replace_events("a", hour(0), hour(24), [early])
    assert state.events(hour(-9), hour(24)) == [early]


def alert(fingerprint: str, active: datetime, condition: str, **more: object) -> AlertRecord:
    return AlertRecord(fingerprint, "deficit", "park-1", "warning", condition, active, **more)  # type: ignore[arg-type]


def test_alerts_survive_whole_and_resolved_ones_become_history(state, other):
    full = alert(
        "f1",
        hour(0),
        "firing",
        fired_at=hour(1),
        last_sent_at=hour(2),
        keep_firing_since=hour(3),
        value=-4.5,
        params={"share": 0.25, "name": "总表"},
    )
    state.save_alerts([full, alert("f2", hour(0), "pending")])
    assert other.alerts() == [full, alert("f2", hour(0), "pending")]
    resolved = alert("f1", hour(0), "resolved", fired_at=hour(1), resolved_at=hour(5))
    again = alert("f1", hour(6), "pending")
    state.save_alerts([resolved, again])
    state.save_alerts([])
    assert other.alerts() == [alert("f2", hour(0), "pending"), again]
    assert other.alerts(since=hour(5)) == [resolved, alert("f2", hour(0), "pending"), again]
    assert other.alerts(since=hour(5.1)) == other.alerts()


def test_small_values(state):
    assert state.value("sent/a") is None
    for key in ("sent/a", "sent/b", "sent%", "send", "sent/", "sent/é", "Sent/c"):
        state.set_value(key, key.upper())
    state.set_value("sent/a", "值")
    assert state.value("sent/a") == "值"
    assert state.values("sent/") == {"sent/": "SENT/", "sent/a": "值", "sent/b": "SENT/B", "sent/é": "SENT/É"}
    assert len(state.values("")) == 7


def test_a_configuration_is_archived_once(state):
    state.archive_config("d2", "b: 1", hour(1))
    state.archive_config("d1", "a: 1", hour(0))
    state.archive_config("d2", "b: 1", hour(9))
    assert state.configs() == [("d1", hour(0)), ("d2", hour(1))]


def test_a_lease_is_refused_while_its_holder_lives(state, path):
    holder = child("state.acquire('serve'); print('held', flush=True); time.sleep(60)", path, wait=False)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(ConfigError, match=f"process {holder.pid} already does `serve`"):
        state.acquire("serve")
    state.acquire("ingest")
    holder.kill()
    # Killed but not yet waited for, it is a zombie, and dead all the same.
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    state.acquire("serve")
    holder.communicate()


def test_a_lease_is_given_back_at_the_end_and_may_be_taken_twice_by_its_holder(state, other, path):
    state.acquire("serve")
    state.acquire("serve")
    other.acquire("serve")
    state.close()
    taker = child("state.acquire('serve'); state.close(); print('taken')", path)
    assert taker.out == "taken\n"


def test_a_number_used_again_by_another_process_is_not_the_holder(state, path):
    state.acquire("serve")
    with sqlite3.connect(path) as writer:
        born = ProcessId(os.getppid(), "").born
        writer.execute("UPDATE lease SET pid = ?, born = ?", [os.getppid(), f"{born}another boot:123"])
    writer.close()
    state.acquire("serve")


def test_what_returned_survives_a_kill(path):
    process = child(
        "for n in range(1000):\n"
        " state.mark_dirty([('a', date(2026, 1, 1)), (f'm{n}', date(2026, 1, 1))]); print(n, flush=True)\n",
        path,
        wait=False,
    )
    for _ in range(20):
        line = process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read()  # communicate() would leave out what readline() has taken from the pipe already
    process.communicate()
    printed = int(([line, *rest.splitlines()])[-1])
    state = SqliteState(path)
    marks = {m.device: m.seq for m in state.dirty()}
    state.close()
    assert {f"m{n}" for n in range(printed + 1)} <= set(marks)
    assert len(marks) - 1 in (printed + 1, printed + 2)
    assert marks["a"] == 2 * (len(marks) - 1) - 1


def test_many_processes_may_make_the_file_at_once(path):
    processes = [child("state.add_counts({'n': 1})", path, wait=False) for _ in range(4)]
    assert [p.communicate()[1] for p in processes] == [""] * 4
    state = SqliteState(path)
    assert state.counts()["n"] == 4
    state.close()


def test_a_file_of_something_else_is_named(path):
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(ConfigError, match="is no state file"):
        SqliteState(path)


def test_a_damaged_file_is_named(path):
    state = SqliteState(path)
    state.set_value("k", "v" * 50_000)
    state.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="is damaged"):  # noqa: PT012 - either step may notice
        state = SqliteState(path)
        try:
            state.value("k")
        finally:
            state.close()


def test_a_path_that_cannot_be_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot be opened"):
        SqliteState(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="folder of"):
        SqliteState(tmp_path / "file" / "state.sqlite")


def test_a_file_of_version_1_is_brought_up_to_date_with_what_it_holds(path):
    path.parent.mkdir()
    first = resources.files("store").joinpath("state.sql").read_text().split("-- version 2")[0]
    with closing(sqlite3.connect(path)) as old:
        old.executescript(first + "PRAGMA user_version = 1;")
        old.execute("INSERT INTO quarantine VALUES (7, 1000000, 't', x'7b', 'not_json', 'why', 'm1')")
        old.commit()
    state = SqliteState(path)
    second = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert state.quarantined() == [QuarantineItem(second, "t", b"{", "not_json", "why", "m1", 7, None)]
    state.notice([Event("p", "conflict", second, second, {})])
    state.close()
    with closing(sqlite3.connect(path)) as reader:
        assert reader.execute("PRAGMA user_version").fetchone() == (7,)
        migrated = reader.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
    fresh = path.with_name("fresh.sqlite")
    SqliteState(fresh).close()
    with closing(sqlite3.connect(fresh)) as reader:
        assert reader.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall() == migrated


def test_quarantine_is_chosen_by_reason_and_page_and_counted(state):
    reasons = ["not_json", "bad_time", "not_json", "not_json"]
    state.quarantine([QuarantineItem(NOW, f"t{n}", b"\x00", r) for n, r in enumerate(reasons)])
    assert [i.topic for i in state.quarantined(reason="not_json")] == ["t3", "t2", "t0"]
    assert [i.topic for i in state.quarantined(1, before=4)] == ["t2"]
    first = state.quarantine_item(1)
    state.replayed([replace(first, replayed_at=NOW), replace(state.quarantine_item(2), reason="wrong_type")])
    assert state.quarantine_item(1) == replace(first, replayed_at=NOW)
    assert state.quarantine_item(99) is None
    assert [i.topic for i in state.quarantined(waiting=True, reason="not_json")] == ["t3", "t2"]
    assert state.quarantine_counts() == {"not_json": (2, 1), "wrong_type": (1, 0)}
    assert state.counts() == {"quarantined": 4}


def test_noticed_events_outlive_a_recompute_and_stand_once(state, monkeypatch):
    hour = timedelta(hours=1)
    noticed = Event("p", "conflict", NOW, NOW, {"value": 2.0})
    state.notice([noticed])
    state.notice([noticed])
    state.replace_events("p", NOW - hour, NOW + hour, [Event("p", "gap", NOW - hour, NOW, {})])
    assert [e.code for e in state.events(NOW - hour, NOW + hour)] == ["gap", "conflict"]
    assert state.events(NOW, NOW + hour)[0] == noticed
    monkeypatch.setattr("store.state.NOTICED_KEPT", 3)
    state.notice([Event("p", "conflict", NOW + n * hour, NOW + n * hour, {}) for n in range(1, 6)])
    assert [e.start for e in state.events(NOW, NOW + 9 * hour)] == [NOW + n * hour for n in (3, 4, 5)]


def test_a_newer_version_is_left_alone(path):
    SqliteState(path).close()
    with sqlite3.connect(path) as writer:
        writer.execute("PRAGMA user_version = 99")
    writer.close()
    with pytest.raises(ConfigError, match="version 99"):
        SqliteState(path)


def test_a_file_held_for_too_long_is_worth_another_try(state, path):
    state._file._connection.execute("PRAGMA busy_timeout = 20")
    holder = sqlite3.connect(path)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(Retryable, match="another process"):
        state.set_value("k", "v")
    assert state.value("k") is None
    holder.rollback()
    holder.close()
    state.set_value("k", "v")


def test_a_full_disk_is_worth_another_try(state):
    connection = state._file._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Retryable, match="disk is full"):
        state.set_value("big", "x" * 100_000)
    connection.execute("PRAGMA max_page_count = 1000000")
    state.set_value("big", "x" * 100_000)
    assert state.value("big") == "x" * 100_000


def test_a_closed_state_says_so(state):
    state.close()
    with pytest.raises(Retryable, match="closed"):
        state.dirty()
