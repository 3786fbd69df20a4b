"""What only the embedded store can get wrong: its file, its lock, its disk, its end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from core.errors import ConfigError, Retryable
from core.frames import readings_frame, slots_frame
from core.quantities import Period
from store.embedded import EmbeddedStore

START = datetime(2026, 6, 1, tzinfo=UTC)
ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
DAY = timedelta(days=1)

CHILD = """
import os, signal, sys, time
from datetime import datetime, timedelta, UTC
from pathlib import Path
import numpy as np, pandas as pd
from core.frames import readings_frame, slots_frame
from core.quantities import Period
from store.embedded import EmbeddedStore

START = pd.Timestamp(datetime(2026, 6, 1, tzinfo=UTC)).as_unit("us")
ROWS = 200

def batch(number):
    times = START + pd.to_timedelta(np.arange(ROWS), unit="s").as_unit("us")
    return readings_frame({"time": times, "device": f"m{number}", "quantity": "energy_import_kwh", "channel": "",
        "value": float(number), "received_at": times, "flags": 0})

def die():
    os.kill(os.getpid(), signal.SIGKILL)

store = EmbeddedStore(Path(sys.argv[1]), "park-1")
connection = store._file._connection

class Cursor:
    '''A cursor whose process dies around the commit.'''
    def __init__(self, cursor, when):
        self.cursor, self.when = cursor, when
    def __enter__(self):
        self.cursor.__enter__()
        return self
    def __exit__(self, *error):
        return self.cursor.__exit__(*error)
    def __getattr__(self, name):
        return getattr(self.cursor, name)
    def execute(self, statement, *arguments):
        if statement == "COMMIT" and self.when == "before": die()
        result = self.cursor.execute(statement, *arguments)
        if statement == "COMMIT" and self.when == "after": die()
        return result

class Connection:
    def __init__(self, when):
        self.when = when
    def cursor(self):
        return Cursor(connection.cursor(), self.when)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "park.duckdb"


@pytest.fixture
def store(path: Path) -> Iterator[EmbeddedStore]:
    opened = EmbeddedStore(path, "park-1")
    yield opened
    opened.close()


def start(code: str, path: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + code, str(path), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def per_device(path: Path) -> dict[str, int]:
    store = EmbeddedStore(path, "park-1")
    counts = store.readings(*ALWAYS).groupby("device").size().to_dict()
    store.close()
    return counts


@pytest.mark.parametrize(("when", "devices"), [("before", ["m1", "m2"]), ("after", ["m1", "m2", "m3"])])
def test_killed_around_the_commit_a_batch_is_whole_or_absent(path, when, devices):
    process = start(
        "store.append_readings(batch(1)); store.append_readings(batch(2))\n"
        "store._file._connection = Connection(sys.argv[2]); store.append_readings(batch(3)); print('unreachable')",
        path,
        when,
    )
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (-9, ""), err
    assert per_device(path) == dict.fromkeys(devices, 200)


def test_killed_at_any_moment_nothing_that_returned_is_lost(path):
    finished: set[str] = set()
    for run in range(3):
        process = start(
            "first = int(sys.argv[2])\n"
            "for n in range(first, first + 1000): store.append_readings(batch(n)); print(f'm{n}', flush=True)",
            path,
            str(run * 1000),
        )
        for _ in range(7 * (run + 1)):
            finished.add(process.stdout.readline().strip())
        process.kill()
        finished.update(process.stdout.read().split())  # communicate() leaves out what readline() has taken already
        _, err = process.communicate()
        assert finished, err
        found = per_device(path)
        assert finished <= set(found)
        assert set(found.values()) == {200}
        # At most the one batch that was under way when the process died is there without having been reported.
        assert len(found) <= len(finished) + run + 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_during_compaction_nothing_is_lost_or_doubled(path, when):
    process = start(
        "store.append_readings(batch(1)); store.append_readings(batch(1)); store.append_readings(batch(2))\n"
        "real = store._compact_day\n"
        "def compact_day(day):\n"
        "    store._file._connection = Connection(sys.argv[2]); real(day)\n"
        "store._compact_day = compact_day\n"
        "store.compact(datetime(2027, 1, 1, tzinfo=UTC)); print('unreachable')",
        path,
        when,
    )
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (-9, ""), err
    assert per_device(path) == {"m1": 200, "m2": 200}


def test_killed_while_slots_are_replaced_value_and_revision_go_together(path):
    frame = (
        "slots_frame({'start': [START], 'scope': 'park', 'entity': 'p', 'quantity': 'load_kwh', 'value': [%s],"
        " 'coverage': 1.0, 'estimated': 0.0, 'reasons': ''})"
    )
    for when, value, revisions in (("before", 1.0, 0), ("after", 2.0, 1)):
        process = start(
            f"store.write_slots(Period.DAY, {frame % '1.0'})\n"
            f"store._file._connection = Connection(sys.argv[2]); store.write_slots(Period.DAY, {frame % '2.0'})",
            path,
            when,
        )
        _, err = process.communicate(timeout=60)
        assert process.returncode == -9, err
        store = EmbeddedStore(path, "park-1")
        assert store.slots(Period.DAY, *ALWAYS)["value"].tolist() == [value]
        assert len(store.revisions(*ALWAYS)) == revisions
        store.close()


def test_a_file_in_use_names_the_process_that_holds_it(path):
    holder = start("print('open', flush=True); time.sleep(60)", path)
    assert holder.stdout.readline() == "open\n"
    with pytest.raises(ConfigError, match=rf"in use by process {holder.pid}.*over HTTP"):
        EmbeddedStore(path, "park-1")
    holder.kill()
    holder.communicate()
    EmbeddedStore(path, "park-1").close()


def test_a_damaged_file_is_named_and_left_as_it_is(path):
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(ConfigError, match="damaged, or no store"):
        EmbeddedStore(path, "park-1")
    assert path.read_bytes() == b"no database at all" * 1000


def test_a_file_cut_short_is_named(path, rows):
    store = EmbeddedStore(path, "park-1")
    store.append_readings(rows(*((n, float(n)) for n in range(20_000))))
    store.close()
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(ConfigError, match="damaged"):
        EmbeddedStore(path, "park-1")


def test_a_log_cut_short_by_a_power_cut_costs_only_what_had_not_returned(path):
    process = start("store.append_readings(batch(1)); store.append_readings(batch(2)); die()", path)
    process.communicate(timeout=60)
    log = path.with_name(path.name + ".wal")
    log.write_bytes(log.read_bytes()[:-10])
    assert per_device(path) == {"m1": 200}


def test_a_path_that_cannot_be_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot be opened"):
        EmbeddedStore(tmp_path, "park-1")
    with pytest.raises(ConfigError, match="cannot be opened"):
        EmbeddedStore(tmp_path / "none" / "park.duckdb", "park-1")


def test_one_file_holds_one_park(path):
    EmbeddedStore(path, "park-1").close()
    with pytest.raises(ConfigError, match="holds the park park-1, not park-2"):
        EmbeddedStore(path, "park-2")


def test_another_schema_is_left_alone(path):
    EmbeddedStore(path, "park-1").close()
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    with pytest.raises(ConfigError, match="schema 99"):
        EmbeddedStore(path, "park-1")


def test_everything_is_there_after_closing_and_opening(path, rows, slot_rows):
    store = EmbeddedStore(path, "park-1")
    store.append_readings(rows((0, 1.0), (5, 2.0), device="表 1"))
    store.write_slots(Period.SLOT, slot_rows(1.0, 2.0))
    store.write_slots(Period.SLOT, slot_rows(1.5, 2.0))
    before = (store.readings(*ALWAYS), store.latest(), store.slots(Period.SLOT, *ALWAYS), store.revisions(*ALWAYS))
    store.close()
    store.close()
    assert not path.with_name(path.name + ".wal").exists()
    store = EmbeddedStore(path, "park-1")
    after = (store.readings(*ALWAYS), store.latest(), store.slots(Period.SLOT, *ALWAYS), store.revisions(*ALWAYS))
    for old, new in zip(before, after, strict=True):
        pd.testing.assert_frame_equal(old, new)
    store.append_readings(rows((0, 3.0), device="m2"))
    assert store.latest()["value"].tolist() == [3.0, 2.0]
    store.close()


def test_a_closed_store_says_so(store, rows):
    store.close()
    with pytest.raises(Retryable, match="is closed"):
        store.append_readings(rows((0, 1.0)))
    with pytest.raises(Retryable, match="is closed"):
        store.latest()


def test_no_time_zone_of_machine_or_session_touches_the_times(path):
    process = start("store.append_readings(batch(1)); store.close()", path)
    process.communicate(timeout=60)
    code = "rows = store.readings(START, START + timedelta(seconds=1)); print(rows['time'][0].isoformat())"
    for zone in ("Asia/Shanghai", "America/New_York"):
        found = subprocess.run(
            [sys.executable, "-c", CHILD + code, str(path)],
            env={**os.environ, "TZ": zone},
            capture_output=True,
            text=True,
            check=True,
        )
        assert found.stdout == "2026-06-01T00:00:00+00:00\n"


def test_compaction_drops_what_is_superseded_and_only_from_days_that_are_over(store, rows):
    for value in (1.0, 2.0):
        store.append_readings(rows(*((m, value) for m in range(0, 3 * 1440, 10)), late_s=value))
    assert store.info().readings == 864
    store.compact(START + DAY + timedelta(hours=23))
    assert store.info().readings == 720
    store.compact(START + 3 * DAY)
    assert store.info().readings == 432
    store.append_readings(rows((0, 3.0), late_s=9))
    store.compact(START + 3 * DAY)
    assert store.info().readings == 432
    found = store.readings(*ALWAYS)["value"]
    assert (found[0], set(found[1:])) == (3.0, {2.0})


THURSDAY_US = 1_780_531_200_000_000  # 2026-06-04


def quarters(first: int, count: int, entity: str, value: float) -> pd.DataFrame:
    starts = pd.date_range(START + first * timedelta(minutes=15), periods=count, freq="15min", unit="us")
    return slots_frame(
        {"start": starts, "scope": "point", "entity": entity, "quantity": "load_kwh", "value": value,
         "coverage": 1.0, "estimated": 0.0, "reasons": ""}
    )  # fmt: skip


def in_file(store: EmbeddedStore) -> list[tuple[int, int]]:
    with store._file.reading() as cursor:
        return cursor.execute("SELECT series, start_us FROM slot").fetchall()


def test_slots_of_weeks_that_are_over_are_laid_by_series_and_answers_stay_the_same(store):
    store.write_slots(Period.SLOT, quarters(0, 8 * 96, "b", 2.0))
    frame = pd.concat([quarters(0, 8 * 96, "c", 3.0), quarters(0, 8 * 96, "a", 0.0).assign(value=range(8 * 96))])
    store.write_slots(Period.SLOT, frame)  # laid by time, as everything is that comes as time goes on
    before = store.slots(Period.SLOT, *ALWAYS)
    assert in_file(store) != sorted(in_file(store))
    # Weeks end on Thursdays, 1970 began on one: by the 7th of June only the one that ended on the 4th is over.
    store.compact(START + 6 * DAY)
    ended, running = ([r for r in in_file(store) if (r[1] < THURSDAY_US) is over] for over in (True, False))
    assert (len(ended), ended == sorted(ended)) == (3 * 3 * 96, True)
    assert (len(running), running == sorted(running)) == (3 * 5 * 96, False)
    pd.testing.assert_frame_equal(store.slots(Period.SLOT, *ALWAYS), before)
    only = store.slots(Period.SLOT, START, START + DAY, entities=["a"])
    assert only["value"].tolist() == [float(n) for n in range(96)]


def test_a_week_in_order_is_left_alone_until_it_grows(store):
    store.write_slots(Period.SLOT, pd.concat([quarters(0, 4, e, 1.0) for e in ("b", "a")]))
    store.compact(START + 30 * DAY)
    laid = in_file(store)
    assert laid == sorted(laid)
    store.write_slots(Period.SLOT, quarters(1, 1, "a", 5.0))  # replaced where it lies
    assert in_file(store) == laid
    store.write_slots(Period.SLOT, quarters(4, 1, "b", 1.0))  # new, so at the end
    assert in_file(store) != sorted(in_file(store))
    store.compact(START + 30 * DAY)
    assert in_file(store) == sorted(in_file(store))
    found = store.slots(Period.SLOT, *ALWAYS, entities=["a"])
    assert found["value"].tolist() == [1.0, 5.0, 1.0, 1.0]
    assert len(store.revisions(*ALWAYS)) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_slots_are_put_in_order_nothing_is_lost_or_doubled(path, when):
    process = start(
        "starts = [START + pd.Timedelta(minutes=15 * n) for n in range(96)]\n"
        "store.write_slots(Period.SLOT, slots_frame({'start': starts * 2, 'scope': 'point',\n"
        "    'entity': ['b'] * 96 + ['a'] * 96, 'quantity': 'load_kwh', 'value': [*map(float, range(96))] * 2,\n"
        "    'coverage': 1.0, 'estimated': 0.0, 'reasons': ''}))\n"
        "store._file._connection = Connection(sys.argv[2])\n"
        "store.compact(datetime(2027, 1, 1, tzinfo=UTC)); print('unreachable')",
        path,
        when,
    )
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (-9, ""), err
    store = EmbeddedStore(path, "park-1")
    assert store.slots(Period.SLOT, *ALWAYS)["value"].tolist() == [float(n) for n in range(96)] * 2
    store.close()


def test_a_reader_is_not_disturbed_by_a_compaction(store, rows):
    for value in (1.0, 2.0):
        store.append_readings(rows((0, value), (10, value), late_s=value))
    with store._file.reading() as cursor:
        assert cursor.execute("SELECT count(*) FROM reading").fetchone() == (4,)
        store.compact(START + DAY)
        assert cursor.execute("SELECT count(*) FROM reading").fetchone() == (4,)
    assert store.info().readings == 2


def test_people_can_read_the_file_with_sql(path, store, rows, slot_rows):
    store.append_readings(rows((0, 1.0), late_s=1))
    store.append_readings(rows((0, 2.0), late_s=2))
    store.write_slots(Period.SLOT, slot_rows(float("nan"), reasons="gap"))
    store.close()
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("SELECT time, device, value FROM readings").fetchall() == [
            (datetime(2026, 6, 1), "m1", 2.0)  # noqa: DTZ001 - plain SQL shows UTC without saying so
        ]
        assert connection.execute("SELECT entity, value, reasons FROM slots").fetchall() == [("grid", None, "gap")]


def test_two_writers_never_give_one_number_to_two_names(store, rows, monkeypatch):
    remember = store._readings.remember

    def slowly(new):
        time.sleep(0.02)
        remember(new)

    monkeypatch.setattr(store._readings, "remember", slowly)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: store.append_readings(rows((0, float(n)), device=f"m{n}")), range(12)))
    assert {d: v for d, v in store.readings(*ALWAYS)[["device", "value"]].to_numpy()} == {  # noqa: C416
        f"m{n}": float(n) for n in range(12)
    }


FULL_DISK = """
import resource
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from core.errors import Retryable
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
noise = np.random.default_rng(1)

def big(number):
    count = 20_000
    times = START + pd.to_timedelta(np.arange(count) + number * count, unit="s").as_unit("us")
    return readings_frame({"time": times, "device": "m1", "quantity": "energy_import_kwh", "channel": "",
        "value": noise.normal(size=count), "received_at": times, "flags": 0})

connection.execute(f"SET wal_autocheckpoint = '{sys.argv[2]}'")
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, hard))
stored, refused, words = [], 0, ""
for number in range(400):
    try:
        store.append_readings(big(number))
    except Retryable as error:
        words, refused = str(error), refused + 1
        if refused == 3: break
    else:
        stored.append(number)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
store.append_readings(big(1000))
stored.append(1000)
rows = store.readings(pd.Timestamp(0, tz="UTC"), pd.Timestamp(2**32, unit="s", tz="UTC"))
print(refused, "disk" in words and "full" in words, store._file._connection is not connection, len(stored), len(rows) // 20_000, flush=True)
if sys.argv[3] == "die": die()
store.close()
"""


# With a log that may grow the disk fills up under the log; with a short one under a checkpoint: then DuckDB gives up.
@pytest.mark.parametrize(
    ("longest_log", "end", "reopened"), [("16MB", "close", "False"), ("16MB", "die", "False"), ("1MB", "die", "True")]
)
def test_a_full_disk_loses_nothing_and_the_store_goes_on_when_there_is_room(path, longest_log, end, reopened):
    process = start(FULL_DISK, path, longest_log, end)
    out, err = process.communicate(timeout=120)
    refused, worded, opened_again, stored, found = out.split()
    assert (refused, worded, opened_again) == ("3", "True", reopened), err
    # What was refused may have reached the disk all the same: it would be sent again, and change nothing.
    assert int(stored) <= int(found) <= int(stored) + 3
    assert process.returncode == (-9 if end == "die" else 0), err
    store = EmbeddedStore(path, "park-1")
    assert len(store.readings(*ALWAYS)) == int(found) * 20_000
    store.close()


def test_less_memory_than_the_data_still_answers(path):
    store = EmbeddedStore(path, "park-1", memory_limit_mb=64)
    count = 300_000
    times = pd.Timestamp(START).as_unit("us") + pd.to_timedelta(range(count), unit="s").as_unit("us")
    for _ in range(2):
        store.append_readings(
            readings_frame(
                {
                    "time": times,
                    "device": "m1",
                    "quantity": "energy_import_kwh",
                    "channel": "",
                    "value": [float(n) for n in range(count)],
                    "received_at": times,
                    "flags": 0,
                }
            )
        )
    store.compact(START + 30 * DAY)
    found = store.readings(*ALWAYS, edges=True)
    assert found["value"].tolist() == [float(n) for n in range(count)]
    store.close()
