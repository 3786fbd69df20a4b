# ruff: noqa: S608 - queries of the tests' own making

"""Import, export and archive, by the real command, with the service running and without."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from core.clock import ManualClock
from core.errors import ConfigError
from core.frames import readings_frame
from core.park import Park
from core.park_file import load_park
from core.quantities import Period
from ingest.archive_file import verify, write_archive
from ingest.files import import_files
from models.compute import Compute
from service import archiving, exporting
from service.runner import Runtime, catch_up, opened
from tests.conftest import SMALL_PARK, accepts, free_port, wait_for

NOW = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
EVER = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
FREE_TEXT = "=HYPERLINK(1)"


def parkwatt(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service.cli", *(str(a) for a in arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "PARK.yaml"
    text = SMALL_PARK.read_text(encoding="utf-8").replace("en: Small park", f'en: "{FREE_TEXT}"')
    path.write_text(text + f"mqtt: {{port: {free_port()}}}\nhttp: {{port: {free_port()}}}\n", encoding="utf-8")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "own.csv"
    lines = [f"2026-10-{1 + n // 24:02d} {n % 24:02d}:00,{100 + n},{10 + n / 2},{n % 7}" for n in range(72)]
    names = "time,grid-1.energy_import_kwh,inv-a.energy_export_kwh,grid-1.active_power_kw"
    file.write_text("\n".join([names, *lines]) + "\n")
    return file


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def ask(config: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    days = ("--from", "2026-10-01", "--to", "2026-10-02")
    return parkwatt("export", config, "--out", out, *days, *more)


def test_import_export_and_errors_by_command(config: Path, table: Path, tmp_path: Path) -> None:
    dry = parkwatt("import", config, table, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "grid-1 energy_import_kwh 72 new 0 identical 0 different" in " ".join(dry.stdout.split())
    assert parkwatt("import", config, table).returncode == 0
    assert "72 identical" in parkwatt("import", config, table, "--dry-run").stdout

    slots = tmp_path / "slots.csv"
    done = ask(config, slots, "--series", "import_kwh", "--scope", "point", "--entity", "grid")
    assert done.returncode == 0, done.stderr
    rows = rows_of(slots)
    assert len(rows) == 192
    assert rows[1] == {
        "start": "2026-10-01T00:15:00+08:00",
        "start_utc": "2026-09-30T16:15:00Z",
        "scope": "point",
        "entity": "grid",
        "quantity": "import_kwh",
        "value": "0.25",
        "coverage": rows[1]["coverage"],
        "estimated": rows[1]["estimated"],
        "reasons": rows[1]["reasons"],
    }
    days = tmp_path / "days.parquet"
    more = ("--series", "import_kwh,export_kwh", "--scope", "point", "--period", "day")
    assert ask(config, days, *more).returncode == 0
    query = f"SELECT start_utc, entity, quantity, value FROM '{days}' WHERE entity = 'grid' AND quantity = 'import_kwh'"
    found = duckdb.sql(query).fetchall()
    assert [row[1:] for row in found] == [("grid", "import_kwh", 24.0)] * 2
    assert FREE_TEXT not in slots.read_text() + days.read_bytes().decode("latin-1")

    readings = tmp_path / "readings.csv"
    more = ("--series", "energy_import_kwh,active_power_kw", "--scope", "reading", "--entity", "grid-1")
    assert ask(config, readings, *more).returncode == 0
    assert len(rows_of(readings)) == 96
    first = rows_of(readings)[0]
    assert (first["time"], first["device"], first["channel"], first["value"], first["flags"]) == (
        "2026-10-01T00:00:00+08:00", "grid-1", "", "0.0", "8",
    )  # fmt: skip

    for more, words in (
        (("--series", "imports"), "no series of scope park is called imports"),
        (("--series", "import_kwh", "--scope", "point", "--entity", "x"), "there is no point x"),
        (("--series", "energy_import_kwh"), "no series of scope park"),
    ):
        refused = ask(config, slots, *more)
        assert (refused.returncode, words in refused.stderr) == (2, True), refused.stderr
    assert "end its name in .csv or .parquet" in ask(config, tmp_path / "x.txt", "--series", "import_kwh").stderr
    assert (
        "is not a day" in parkwatt("export", config, "--series", "a", "--from", "x", "--to", "x", "--out", "a").stderr
    )


def test_propose_prints_a_mapping(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes("时间,正向有功电能\n2026-10-01 08:00,5\n".encode("gbk"))
    done = parkwatt("import", "--propose", file)
    assert done.returncode == 0, done.stderr
    assert "column: \"正向有功电能\", device: '?', quantity: energy_import_kwh" in done.stdout


@pytest.fixture
def running(config: Path) -> Iterator[Path]:
    port = int(config.read_text(encoding="utf-8").rsplit("port: ", 1)[1].split("}")[0])
    command = [sys.executable, "-m", "service.cli", "run", str(config)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_for(lambda: accepts(port) and (config.parent / "data" / "service.json").exists(), what="the page")
    yield config
    process.send_signal(signal.SIGTERM)
    process.wait(30)


def test_everything_goes_through_a_running_service(running: Path, tmp_path: Path) -> None:
    table, mapping = tmp_path / "a.csv", tmp_path / "MAP.yaml"
    table.write_bytes("时间;读数\n2026/10/1 8:00;1,5\n2026/10/1 9:00;2,5\n".encode("gbk"))
    mapping.write_text('decimal: ","\ntime: {column: 时间}\nvalues: [{column: 读数, device: grid-1, quantity: energy_import_kwh}]\n', encoding="utf-8")  # fmt: skip
    dry = parkwatt("import", running, table, "--mapping", mapping, "--dry-run")
    assert "2 new" in dry.stdout, dry.stderr
    done = parkwatt("import", running, table, "--mapping", mapping)
    assert (done.returncode, "2 new, 0 already there" in done.stdout) == (0, True), done.stderr
    out = tmp_path / "out.csv"
    done = ask(running, out, "--series", "energy_import_kwh", "--scope", "reading")
    assert done.returncode == 0, done.stderr
    assert [(r["time"], r["value"]) for r in rows_of(out)] == [
        ("2026-10-01T08:00:00+08:00", "1.5"),
        ("2026-10-01T09:00:00+08:00", "2.5"),
    ]
    packed = tmp_path / "out.parquet"
    assert ask(running, packed, "--series", "energy_import_kwh", "--scope", "reading").returncode == 0
    assert duckdb.sql(f"SELECT channel, value FROM '{packed}'").fetchall() == [("", 1.5), ("", 2.5)]
    refused = parkwatt("archive", running, "--before", "2026-11-01", "--out", tmp_path)
    assert (refused.returncode, "stop it" in refused.stderr) == (2, True)


# -- archive


@pytest.fixture
def runtime(config: Path, tmp_path: Path) -> Iterator[Runtime]:
    """A park with readings from August to the beginning of November, computed."""
    file = tmp_path / "months.parquet"
    duckdb.sql(
        "COPY (SELECT TIMESTAMPTZ '2026-08-01 00:00:00+00' + to_hours(n) AS time, "
        f"""100 + n AS "grid-1.energy_import_kwh", n * 0.1 AS "inv-a.energy_export_kwh" FROM range(2400) t(n)) TO '{file}'"""
    )
    with opened(load_park(config), ManualClock(NOW), "", "ingest", "serve") as opened_park:
        import_files(opened_park.park, opened_park.store, opened_park.state, [file], opened_park.clock)
        catch_up(opened_park)
        yield opened_park


def test_an_archive_says_what_it_holds_and_comes_back_exactly(runtime: Runtime, tmp_path: Path) -> None:
    out = tmp_path / "archive"
    out.mkdir()
    park, store, state = runtime.park, runtime.store, runtime.state
    readings, days = store.readings(*EVER), store.slots(Period.DAY, *EVER)
    first = archiving.archive(runtime, NOW.date(), out, delete=False)
    assert [(m.month, m.rows) for m in first.written] == [
        ("2026-08", 2 * 736),
        ("2026-09", 2 * 720),
        ("2026-10", 2 * 744),
    ]
    assert sorted(p.name for p in out.iterdir()) == [
        f"readings-small-2026-{month}.{kind}" for month in ("08", "09", "10") for kind in ("json", "parquet")
    ]
    notes = json.loads((out / "readings-small-2026-08.json").read_text())
    assert (notes["version"], notes["park"], notes["first"]) == (1, "small", "2026-08-01T00:00:00+00:00")
    pd.testing.assert_frame_equal(store.readings(*EVER), readings, check_exact=True)

    done = archiving.archive(runtime, NOW.date(), out, delete=True)
    assert (done.dropped, done.kept) == (["2026-08", "2026-09"], ["2026-10"])
    assert [m.digest for m in done.written] == [m.digest for m in first.written]
    assert store.readings(*EVER)["time"].min() == pd.Timestamp("2026-09-30T16:00:00Z")
    catch_up(runtime)
    pd.testing.assert_frame_equal(store.slots(Period.DAY, *EVER), days, check_exact=True)
    assert archiving.archive(runtime, NOW.date(), out, delete=True).dropped == []

    late = tmp_path / "late.csv"
    late.write_text("time,grid-1.energy_import_kwh\n2026-08-05T00:30Z,7\n")
    refused = import_files(park, store, state, [late], runtime.clock)
    assert (refused.stored, refused.reasons) == (0, {"archived": 1})

    for _ in range(2):
        import_files(park, store, state, sorted(out.glob("*.parquet")), ManualClock(NOW + timedelta(days=1)))
        pd.testing.assert_frame_equal(store.readings(*EVER), readings, check_exact=True)
    catch_up(runtime)
    pd.testing.assert_frame_equal(store.slots(Period.DAY, *EVER), days, check_exact=True)
    assert import_files(park, store, state, [late], runtime.clock).stored == 1


def test_the_numbers_of_an_archived_month_stand_until_it_is_back(runtime: Runtime, tmp_path: Path) -> None:
    slots = runtime.store.slots(Period.SLOT, *EVER)
    archiving.archive(runtime, NOW.date(), tmp_path, delete=True)
    compute = Compute(runtime.park, runtime.store, runtime.state)
    compute.recompute(datetime(2026, 8, 2, tzinfo=UTC).date(), datetime(2026, 8, 3, tzinfo=UTC).date(), NOW)
    runtime.state.mark_dirty([("grid-1", datetime(2026, 8, 5, tzinfo=UTC).date())])
    catch_up(runtime)
    pd.testing.assert_frame_equal(runtime.store.slots(Period.SLOT, *EVER), slots, check_exact=True)

    # A restore that is cut off leaves a month that is away still; done again, it is there whole.
    file = tmp_path / "readings-small-2026-08.parquet"

    def cut(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    where = (runtime.park, runtime.store, runtime.state, [file], ManualClock(NOW + timedelta(days=1)))
    with pytest.raises(KeyboardInterrupt):
        import_files(*where, cut)
    assert runtime.state.value("archive/dropped/2026-08")
    catch_up(runtime)
    pd.testing.assert_frame_equal(runtime.store.slots(Period.SLOT, *EVER), slots, check_exact=True)
    result = import_files(*where)
    assert result.new + result.identical == 2 * 736
    assert {m.day.month for m in runtime.state.dirty()} == {8}
    catch_up(runtime)
    pd.testing.assert_frame_equal(runtime.store.slots(Period.SLOT, *EVER), slots, check_exact=True)
    assert import_files(*where).told().startswith("1 file: 0 new, 1,472 already there, 0 conflicting")
    assert runtime.state.dirty() == []


def test_an_archive_that_was_changed_does_not_come_back(runtime: Runtime, tmp_path: Path) -> None:
    archiving.archive(runtime, NOW.date(), tmp_path, delete=True)
    where = (runtime.park, runtime.store, runtime.state)
    file, notes = (tmp_path / f"readings-small-2026-08.{kind}" for kind in ("parquet", "json"))
    about = {
        bytes(k).decode(): bytes(v).decode()
        for k, v in duckdb.sql(f"SELECT key, value FROM parquet_kv_metadata('{file}')").fetchall()
        if bytes(k) in {b"parkwatt_archive", b"park", b"month", b"digest"}
    }
    pairs = ", ".join(f"{k}: '{v}'" for k, v in about.items())
    duckdb.sql(
        f"COPY (SELECT * REPLACE (value + (device = 'inv-a')::INT AS value) FROM '{file}') TO '{tmp_path}/forged.parquet' "
        f"(FORMAT parquet, KV_METADATA {{{pairs}}})"
    )
    (tmp_path / "forged.parquet").replace(file)
    with pytest.raises(ConfigError, match="is not the file its manifest was written for"):
        import_files(*where, [file], runtime.clock)
    notes.unlink()
    with pytest.raises(ConfigError, match="holds other readings than its digest says"):
        import_files(*where, [file], runtime.clock)
    assert runtime.store.readings(*EVER)["time"].min() == pd.Timestamp("2026-09-30T16:00:00Z")
    whole = tmp_path / "readings-small-2026-09.parquet"
    whole.with_suffix(".json").unlink()
    assert import_files(*where, [whole], runtime.clock).new == 2 * 720


def test_an_archive_that_was_touched_is_found_out(runtime: Runtime, tmp_path: Path) -> None:
    archiving.archive(runtime, datetime(2026, 9, 1, tzinfo=UTC).date(), tmp_path, delete=False)
    file = tmp_path / "readings-small-2026-08.parquet"
    assert verify(file).rows == 2 * 736
    whole = file.read_bytes()
    file.write_bytes(whole[:-100] + bytes(100))
    with pytest.raises(ConfigError, match="is not the file its manifest was written for"):
        verify(file)


def test_nothing_leaves_the_store_where_the_file_is_wrong(runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    def broken(_path: Path) -> None:
        raise ConfigError("is not the file")

    readings = runtime.store.readings(*EVER)
    monkeypatch.setattr(archiving, "verify", broken)
    with pytest.raises(ConfigError, match="is not the file"):
        archiving.archive(runtime, NOW.date(), tmp_path, delete=True)
    pd.testing.assert_frame_equal(runtime.store.readings(*EVER), readings, check_exact=True)


def test_what_is_not_computed_yet_is_not_deleted(runtime: Runtime, tmp_path: Path) -> None:
    runtime.state.mark_dirty([("grid-1", datetime(2026, 8, 3, tzinfo=UTC).date())])
    with pytest.raises(ConfigError, match="still to be computed"):
        archiving.archive(runtime, NOW.date(), tmp_path, delete=True)
    with pytest.raises(ConfigError, match="has not come yet"):
        archiving.archive(runtime, datetime(2027, 1, 1, tzinfo=UTC).date(), tmp_path, delete=False)


def test_a_crash_between_mark_and_drop_is_finished_by_the_next_run(runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(runtime.store), "drop_readings", crash)
        with pytest.raises(KeyboardInterrupt):
            archiving.archive(runtime, NOW.date(), tmp_path, delete=True)
    archiving.archive(runtime, NOW.date(), tmp_path, delete=True)
    assert runtime.store.readings(*EVER)["time"].min() == pd.Timestamp("2026-09-30T16:00:00Z")


def test_another_parks_archive_is_refused(runtime: Runtime, tmp_path: Path) -> None:
    archiving.archive(runtime, datetime(2026, 9, 1, tzinfo=UTC).date(), tmp_path, delete=False)
    other = Park.model_validate(runtime.park.model_dump() | {"id": "other"})
    with pytest.raises(ConfigError, match="is an archive of the park small"):
        import_files(other, runtime.store, runtime.state, [tmp_path / "readings-small-2026-08.parquet"], runtime.clock)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_exported_readings_come_into_another_store_exactly(config: Path, tmp_path: Path, kind: str) -> None:
    """With channels, flags, times of receipt, a missing value and the hour that occurs twice."""
    text = config.read_text(encoding="utf-8").replace("timezone: Asia/Shanghai", "timezone: Europe/Berlin")
    config.write_text(text, encoding="utf-8")
    begin = datetime(2026, 10, 24, 22, tzinfo=UTC)
    times = [begin + timedelta(minutes=15 * n, microseconds=n) for n in range(100)]
    sent = readings_frame(
        {
            "time": times,
            "device": ["grid-1", "inv-a"] * 50,
            "quantity": ["energy_import_kwh", "active_power_kw"] * 50,
            "channel": ["", "l1", "", "l2"] * 25,
            "value": [math.nan if n == 7 else -1 / (n + 1) for n in range(100)],
            "received_at": [t + timedelta(microseconds=333_333) for t in times],
            "flags": [n % 16 for n in range(100)],
        }
    )
    out, digests, stored = tmp_path / f"out.{kind}", [], []
    first, last = begin.date(), begin.date() + timedelta(days=2)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        path = shutil.copy(config, tmp_path / name / "PARK.yaml")
        with opened(load_park(Path(path)), ManualClock(NOW), "", "ingest", "serve") as park:
            if name == "one":
                park.store.append_readings(sent)
                what = exporting.wanted(
                    park.park, ["energy_import_kwh", "active_power_kw"], "reading", None, "slot", first, last
                )
                exporting.write(exporting.csv_blocks(park.park, park.store, what), what.columns, out)
            else:
                brought = import_files(park.park, park.store, park.state, [out], park.clock)
                assert (brought.new, brought.empty, brought.rejected) == (100, 0, 0)
                assert import_files(park.park, park.store, park.state, [out], park.clock).identical == 100
            stored.append(park.store.readings(*EVER))
            written = write_archive("small", "2026-10", [stored[-1]], tmp_path / name)
            digests.append((written.rows, written.digest) if written else None)
    pd.testing.assert_frame_equal(stored[1], stored[0], check_exact=True)
    assert digests[0] == digests[1]


def test_no_name_that_people_wrote_is_exported(runtime: Runtime) -> None:
    """A cell that begins with = + - or @ is a number or an id of PARK.yaml, never free text."""
    first, last = datetime(2026, 8, 1, tzinfo=UTC).date(), datetime(2026, 8, 2, tzinfo=UTC).date()
    for scope, series in (
        ("park", "import_kwh,net_balance_kwh"),
        ("point", "import_kwh"),
        ("reading", "energy_import_kwh"),
    ):
        what = exporting.wanted(runtime.park, series.split(","), scope, None, "slot", first, last)
        text = "".join(exporting.csv_blocks(runtime.park, runtime.store, what))
        cells = [cell for row in csv.reader(text.splitlines()) for cell in row if cell[:1] in {"=", "+", "-", "@"}]
        assert all(float(cell) < 0 for cell in cells)
        assert FREE_TEXT not in text


def test_an_export_comes_in_days(runtime: Runtime) -> None:
    first, last = datetime(2026, 8, 1, tzinfo=UTC).date(), datetime(2026, 10, 31, tzinfo=UTC).date()
    what = exporting.wanted(runtime.park, ["import_kwh"], "point", "grid", "slot", first, last)
    blocks = list(exporting.csv_blocks(runtime.park, runtime.store, what))
    assert len(blocks) == 1 + 92
    assert max(block.count("\n") for block in blocks) <= 96


def test_a_register_read_by_hand_once_a_month_is_measured_in_total(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "hand.csv"
    file.write_text("time,device,quantity,value\n2026-08-01,shelly-a,energy_import_kwh,1000\n2026-09-01,shelly-a,energy_import_kwh,1744\n2026-10-01,shelly-a,energy_import_kwh,2464\n")  # fmt: skip
    with opened(load_park(config), ManualClock(NOW), "", "ingest", "serve") as park:
        import_files(park.park, park.store, park.state, [file], park.clock)
        catch_up(park)
        months = park.store.slots(Period.MONTH, *EVER, entities=["hall-a"], quantities=["import_kwh"])
        september = months[months["start"] == pd.Timestamp("2026-08-31T16:00:00Z")].iloc[0]
        assert (september["value"], september["estimated"], "gap" in september["reasons"]) == (720.0, 1.0, True)


def test_an_interrupted_import_says_how_to_go_on(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "big.parquet"
    duckdb.sql(f"COPY (SELECT TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds(n) AS time, n AS \"grid-1.energy_import_kwh\" FROM range(1500000) t(n)) TO '{file}'")  # fmt: skip
    command = [sys.executable, "-m", "service.cli", "import", str(config), str(file)]
    data = config.parent / "data"
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # What was written moves from the log into the file at every checkpoint.
    wait_for(lambda: sum(f.stat().st_size for f in data.glob("parkwatt.duckdb*")) > 100_000, what="the first chunk")
    os.kill(process.pid, signal.SIGINT)
    told, complaint = process.communicate(timeout=60)
    assert process.returncode == 130, complaint
    assert "Run the same command again" in told
    assert "Traceback" not in complaint
