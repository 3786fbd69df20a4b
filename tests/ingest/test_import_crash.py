# ruff: noqa: S608 - queries of the tests' own making

"""kill -9 in the middle of an import: run again, it ends the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import core
from core.clock import ManualClock
from core.park import Park
from core.park_file import load_park
from ingest.files import import_files
from store.opening import open_store
from store.state import SqliteState
from tests.conftest import SMALL_PARK

PROGRAM = Path(__file__).with_name("import_process.py")
HOUSE = Path(core.__file__).parents[1]  # the child tests what this process tests
EVER = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def run(folder: Path, failpoint: str, *arguments: Path) -> int:
    environment = os.environ | {"PARKWATT_FAILPOINT": failpoint, "PYTHONPATH": str(HOUSE)}
    command = [sys.executable, str(PROGRAM), str(folder / "PARK.yaml"), *(str(a) for a in arguments)]
    return subprocess.run(command, env=environment, check=False, timeout=120).returncode


def stored(folder: Path) -> tuple[pd.DataFrame, set[tuple[str, object]]]:
    park = load_park(folder / "PARK.yaml")
    clock = ManualClock(NOW)
    store, state = open_store(park), SqliteState(park.state, clock)
    rows = store.readings(*EVER)
    marks = {(m.device, m.day) for m in state.dirty()}
    store.close()
    state.close()
    return rows, marks


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    made = [tmp_path / name for name in ("whole", "killed")]
    for folder in made:
        folder.mkdir()
        (folder / "PARK.yaml").write_text(SMALL_PARK.read_text(encoding="utf-8"), encoding="utf-8")
    return made


@pytest.mark.parametrize("failpoint", ["after_insert:2", "after_chunk:1"])
def test_an_import_killed_in_the_middle_is_run_again(folders: list[Path], tmp_path: Path, failpoint: str) -> None:
    file = tmp_path / "year.parquet"
    duckdb.sql(
        "COPY (SELECT TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_minutes(n * 3) AS time, "
        f"""n * 0.5 AS "grid-1.energy_import_kwh", n * 0.25 AS "inv-a.energy_export_kwh" FROM range(100000) t(n)) TO '{file}'"""
    )
    whole, killed = folders
    assert run(whole, "", file) == 0
    assert run(killed, failpoint, file) == -signal.SIGKILL
    before, marks = stored(killed)
    assert len(before) < 200_000
    # Whatever is stored is marked as well: a service that starts now computes the right days.
    assert {(d, t.date()) for d, t in zip(before["device"], before["time"], strict=True)} <= marks
    assert run(killed, "", file) == 0
    (expected, wanted), (found, marked) = stored(whole), stored(killed)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert marked == wanted


def test_a_made_register_is_the_same_after_a_kill(folders: list[Path], tmp_path: Path) -> None:
    file, mapping = tmp_path / "energies.csv", tmp_path / "MAP.yaml"
    mapping.write_text(
        "time: {column: t}\nvalues: [{column: e, device: grid-1, quantity: energy_import_kwh, kind: interval_energy}]\n"
    )
    duckdb.sql(
        "COPY (SELECT TIMESTAMP '2026-01-01' + to_minutes(n) AS t, (n * 37) % 11 / 10 AS e FROM range(250000) x(n)) "
        f"TO '{file}' (HEADER, DELIMITER ',')"
    )
    whole, killed = folders
    assert run(whole, "", file, mapping) == 0
    assert run(killed, "after_chunk:2", file, mapping) == -signal.SIGKILL
    assert run(killed, "", file, mapping) == 0
    expected, found = stored(whole)[0], stored(killed)[0]
    assert len(expected) == 250_001
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


CELLS = st.lists(
    st.tuples(
        st.integers(0, 6 * 96),
        st.sampled_from(["grid-1", "inv-a"]),
        st.sampled_from(["active_power_kw", "voltage_v"]),
        st.sampled_from(["", "l1"]),
        st.one_of(st.floats(-1e4, 1e7, allow_nan=False), st.just(None)),
    ),
    max_size=40,
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=CELLS, cut=st.integers(0, 40))
def test_importing_twice_or_in_parts_is_importing_once(
    small_park: Park, tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[object, ...]], cut: int
) -> None:
    lines = [
        f"2026-10-{1 + m // 96:02d}T{m % 96 // 4:02d}:{m % 4 * 15:02d}Z,{d},{q},{c},{'' if v is None else repr(v)}"
        for m, d, q, c, v in cells
    ]
    found = []
    for files in ([lines], [lines, lines], [lines[:cut], lines]):
        folder = tmp_path_factory.mktemp("import")
        park = small_park.model_copy(
            update={
                "state": folder / "state.sqlite",
                "store": small_park.store.model_copy(update={"path": folder / "store.duckdb"}),
            }
        )
        clock = ManualClock(NOW)
        store, state = open_store(park), SqliteState(park.state, clock)
        for n, part in enumerate(files):
            file = folder / f"{n}.csv"
            file.write_text("\n".join(["time,device,quantity,channel,value", *part]) + "\n")
            import_files(park, store, state, [file], clock)
        found.append(store.readings(*EVER).drop(columns="received_at"))
        store.close()
        state.close()
    pd.testing.assert_frame_equal(found[1], found[0], check_exact=True)
    pd.testing.assert_frame_equal(found[2], found[0], check_exact=True)
