"""What the tests of backup, restore and copy share: the commands, and what a park holds, to the bit."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pandas as pd

from core.clock import ManualClock
from core.park import Park
from core.park_file import load_park
from core.store import QuarantineItem, Table
from reports import monthly
from service import cli, corrections
from service.backup_rows import Chunk, digest, rows_of
from service.runner import Runtime, catch_up, opened
from store.opening import open_store
from tests.service.conftest import NOVEMBER, SIX_WEEKS, fill

EVER = (datetime(1960, 1, 1, tzinfo=UTC), datetime(2250, 1, 1, tzinfo=UTC))
TIMES = {"made_at", "generated_at", "made"}
_databases = count(1)


def killed(*arguments: object, at: str) -> None:
    """Run the command in a process that is killed at a named place."""
    command = [sys.executable, "-m", "service.cli", *(str(a) for a in arguments)]
    run = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env=os.environ | {"PARKWATT_FAILPOINT": at}
    )
    assert run.returncode == -signal.SIGKILL, run.stderr + run.stdout


def parkwatt(*arguments: object) -> tuple[int, str]:
    """Run the command and return its status and words."""
    words = io.StringIO()
    with redirect_stdout(words), redirect_stderr(words):
        status = cli.main([str(a) for a in arguments])
    return status, words.getvalue()


def done(*arguments: object) -> str:
    status, words = parkwatt(*arguments)
    assert status == 0, words
    return words


def refused(*arguments: object, says: str, status: int = 2) -> None:
    found, words = parkwatt(*arguments)
    assert (found, says in words) == (status, True), words


def held(park: Park) -> dict[str, str]:
    """Digests of every table of a park's store, whatever its kind."""
    store = open_store(park)
    try:
        return {table.value: digest(rows_of(store, Chunk(table, *EVER, 0))) for table in Table}
    finally:
        store.close()


def counts(park: Park) -> dict[str, int]:
    store = open_store(park)
    try:
        return {table.value: len(rows_of(store, Chunk(table, *EVER, 0))) for table in Table}
    finally:
        store.close()


def report(park: Park, now: datetime, month: tuple[int, int] = (2026, 10)) -> dict[str, object]:
    """The monthly report as JSON, computed to the end first."""
    with opened(park, ManualClock(now), "", "ingest", "serve") as runtime:
        catch_up(runtime)
        return as_json(runtime, month)


def as_json(runtime: Runtime, month: tuple[int, int] = (2026, 10)) -> dict[str, object]:
    built = monthly.build(runtime.park, runtime.store, runtime.state, *month, runtime.clock.now(), runtime.say)
    folder = runtime.park.state.parent / "report"
    folder.mkdir(exist_ok=True)
    (path,) = [f for f in monthly.write(built, folder) if f.suffix == ".json"]
    return json.loads(path.read_text(encoding="utf-8"))


def but_for_configuration(found: dict[str, object]) -> dict[str, object]:
    """A report without which PARK.yaml it was made with; that names another place of the data."""
    scope = {k: v for k, v in found["scope"].items() if k not in {"configuration", "configurations"}}
    return {**found, "scope": scope, "digest": ""}


def state_rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Everything a state file holds but leases, which are of the machine."""
    with closing(sqlite3.connect(path)) as connection:
        names = [n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {n: sorted(connection.execute(f"SELECT * FROM {n}"), key=repr) for n in names if n != "lease"}  # noqa: S608


def sibling(config: Path, folder: Path, store: str) -> Path:
    """The same park elsewhere, on the store given."""
    folder.mkdir(exist_ok=True)
    text = config.read_text(encoding="utf-8").replace("store: {path: park.duckdb}", f"store: {store}")
    path = folder / "PARK.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def influx(url: str) -> str:
    return f"{{url: '{url}', database: backup-{next(_databases)}}}"


def make(home: Path) -> Path:
    """Six weeks of a small park with revisions, a correction, a message in quarantine."""
    path = home / "PARK.yaml"
    path.write_text(SIX_WEEKS.replace("FOLDER/", ""), encoding="utf-8")
    with opened(load_park(path), ManualClock(NOVEMBER), path.read_text(encoding="utf-8"), "ingest", "serve") as runtime:
        fill(runtime)
        late = runtime.store.readings(NOVEMBER - timedelta(days=9), NOVEMBER - timedelta(days=8), devices=["inv-1"])
        runtime.store.append_readings(late.assign(value=late["value"] + 3.0, received_at=pd.Timestamp(NOVEMBER)))
        runtime.state.mark_dirty({("inv-1", t.date()) for t in late["time"]})
        runtime.state.quarantine([QuarantineItem(NOVEMBER, "topic", b"\xff\x00", "not_json")])
        corrections.add(
            runtime,
            {"kind": "ratio", "point": "roof", "factor": 2.0, "start": "2026-10-08T00:00", "end": "2026-10-09T00:00",
             "author": "A", "reason": "R"},
        )  # fmt: skip
        assert len(runtime.store.revisions(*EVER)) > 20
    return path
