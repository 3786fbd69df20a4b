"""A backup of a park that is running: nothing waits for it, and what it holds settles to the right figures."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
import requests

from core.clock import ManualClock
from core.frames import readings_frame
from core.park_file import load_park
from core.quantities import Period
from core.store import Table
from models.compute import Compute
from service.backup_rows import Chunk
from service.backup_source import OwnSource, Snapshot
from service.backup_target import bring
from service.runner import Runtime, catch_up, opened
from tests.service.backups import EVER, as_json, but_for_configuration, done, sibling
from tests.service.conftest import NOVEMBER

LATE = date(2026, 10, 15)


def later(runtime: Runtime, device: str, day: date, added: float) -> None:
    """Readings of a past day come again with other values, are computed and settled, all amid a backup."""
    start = pd.Timestamp(day, tz="UTC").to_pydatetime()
    rows = runtime.store.readings(start, start + timedelta(days=1), devices=[device])
    runtime.state.mark_dirty([(device, day)])
    runtime.store.append_readings(
        readings_frame(
            rows.assign(value=rows["value"] + added, received_at=rows["received_at"] + pd.Timedelta(days=30))
        )
    )
    runtime.state.mark_dirty([(device, day)])


def figures(runtime: Runtime) -> dict[str, pd.DataFrame]:
    return {period: runtime.store.slots(period, *EVER) for period in Period}


class Amid(OwnSource):
    """A source during whose reading something happens, before a chunk of a table is read."""

    def __init__(self, snapshot: Snapshot, table: Table, happen: Callable[[], None]) -> None:
        super().__init__("embedded", snapshot)
        self._table, self._happen = table, happen

    def rows(self, chunk: Chunk, scratch: Path) -> pd.DataFrame:
        if chunk.table is self._table:
            self._table = None
            self._happen()
        return super().rows(chunk, scratch)


@pytest.mark.parametrize(
    ("before", "computed"),
    [(Table.READING, True), (Table.READING, False), (Table.SLOT, True), (Table.DAY, True)],
)
def test_what_comes_amid_a_backup_leaves_figures_that_follow_from_its_readings(
    runtime: Runtime, tmp_path: Path, before: Table, computed: bool
) -> None:
    def happen() -> None:
        later(runtime, "inv-1", LATE, 2.0)
        if computed:
            catch_up(runtime)

    snapshot = Snapshot(runtime.store, runtime.state)
    config = sibling(tmp_path / "PARK.yaml", tmp_path / "elsewhere", f"{{path: {tmp_path}/elsewhere/park.duckdb}}")
    text = config.read_text(encoding="utf-8").replace(f"{tmp_path}/", f"{tmp_path}/elsewhere/")
    config.write_text(text.replace("elsewhere/elsewhere/", "elsewhere/"), encoding="utf-8")
    park = load_park(config)
    assert not bring(Amid(snapshot, before, happen), park, "a copy", "x", lambda *_: None).differences
    snapshot.end()
    with opened(park, ManualClock(NOVEMBER), "", "ingest", "serve") as restored:
        catch_up(restored)
        settled = figures(restored)
        assert restored.state.dirty() == []
        # From its readings alone, every day of it: nothing is left to change.
        first, last = date(2026, 10, 1), date(2026, 11, 12)
        assert Compute(park, restored.store, restored.state).recompute(first, last, NOVEMBER).changed == 0
        for period, frame in settled.items():
            pd.testing.assert_frame_equal(frame, restored.store.slots(period, *EVER))
        if before is Table.READING:
            catch_up(runtime)
            for period, frame in figures(runtime).items():
                pd.testing.assert_frame_equal(frame, settled[period])


def test_a_park_that_is_running_is_backed_up_through_its_service(runtime: Runtime, server: str, tmp_path: Path) -> None:
    assert server
    folder, into = tmp_path / "backup", tmp_path / "into"
    stop = threading.Event()
    written: list[int] = []

    def write() -> None:
        while not stop.wait(0.02):
            stamp = NOVEMBER + timedelta(seconds=len(written))
            frame = {"time": [stamp], "device": "met-1", "quantity": "irradiance_ghi_w_m2", "channel": "", "value": 1.0}
            runtime.state.mark_dirty([("met-1", stamp.date())])
            runtime.store.append_readings(readings_frame(pd.DataFrame({**frame, "received_at": stamp, "flags": 0})))
            written.append(len(written))

    writer = threading.Thread(target=write)
    writer.start()
    before = as_json(runtime)
    config = tmp_path / "PARK.yaml"
    acknowledged = len(written)
    done("backup", config, folder)
    done("backup", config, tmp_path / "second")
    stop.set()
    writer.join()
    assert runtime.state._followed == []
    restored = sibling(config, into, "{path: park.duckdb}")
    text = config.read_text(encoding="utf-8").replace(str(tmp_path), str(into))
    restored.write_text(text, encoding="utf-8")
    done("restore", folder, "--park", restored)
    park = load_park(restored)
    with opened(park, ManualClock(NOVEMBER), "", "ingest", "serve") as other:
        catch_up(other)
        came = other.store.readings(NOVEMBER, NOVEMBER + timedelta(days=1), devices=["met-1"])
        assert acknowledged <= len(came) <= len(written)
        assert but_for_configuration(as_json(other)) == but_for_configuration(before)


def test_only_the_service_s_own_user_may_ask(runtime: Runtime, server: str) -> None:
    assert runtime
    for method, path in (("POST", "backup"), ("POST", "backup/x/state"), ("DELETE", "backup/x")):
        assert requests.request(method, f"{server}/api/v1/{path}", timeout=10).status_code == 401


def test_a_full_disk_leaves_nothing_of_a_backup(runtime: Runtime, server: str, tmp_path: Path) -> None:
    assert (len(runtime.park.points), server[:4]) == (3, "http")
    command = [
        sys.executable,
        "-m",
        "service.cli",
        "backup",
        str(tmp_path / "PARK.yaml"),
        str(tmp_path / "kept" / "one"),
    ]
    limit = "import resource, sys, os; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); os.execv(sys.argv[1], sys.argv[1:])"
    run = subprocess.run(
        [sys.executable, "-c", limit, *command], capture_output=True, text=True, check=False, timeout=120
    )
    assert (run.returncode, "cannot be written" in run.stderr, "Traceback" in run.stderr) == (75, True, False), (
        run.stderr
    )
    assert list((tmp_path / "kept").iterdir()) == []
