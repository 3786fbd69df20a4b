# ruff: noqa: S608 - queries of the tests' own making

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from core.clock import ManualClock
from core.errors import ConfigError, Rejected
from core.frames import READING_KEY
from core.park import Park
from core.quality import ReadingFlag
from ingest.files import ImportResult, import_files
from store.opening import open_store
from store.state import SqliteState
from tests.ingest.fakes import FakeState, FakeStore, FastClock

IMPORTED = int(ReadingFlag.IMPORTED)
NOW = datetime(2026, 11, 1, tzinfo=UTC)


class Desk:
    """A park, fakes and a folder to import from."""

    def __init__(self, park: Park, folder: Path) -> None:
        self.park = park
        self.folder = folder
        self.store = FakeStore()
        self.state = FakeState(self.store.calls)
        self.steps: list[tuple[int, int]] = []

    def csv(self, text: str | bytes, name: str = "a.csv") -> ImportResult:
        file = self.folder / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return self.bring(file)

    def bring(self, *files: Path) -> ImportResult:
        clock = FastClock(NOW)
        return import_files(self.park, self.store, self.state, files, clock, lambda *s: self.steps.append(s))

    def rows(self) -> list[tuple[object, ...]]:
        frame = self.store.all().sort_values(list(READING_KEY))
        return [
            (r["time"].isoformat(), r["device"], r["quantity"], r["channel"], r["value"], r["flags"])
            for r in frame.to_dict("records")
        ]


@pytest.fixture
def desk(small_park: Park, tmp_path: Path) -> Desk:
    return Desk(small_park, tmp_path)


def in_zone(park: Park, zone: str) -> Park:
    return Park.model_validate(park.model_dump() | {"timezone": zone})


def test_long_form(desk: Desk) -> None:
    result = desk.csv(
        "time,device,quantity,channel,value\n"
        "2026-10-01T08:00:00+08:00,grid-1,energy_import_kwh,,100.5\n"
        "2026-10-01T00:15:00Z,grid-1,active_power_kw,l1,-3\n"
        "2026-10-01 08:30:00,grid-1,energy_import_kwh,,101\n"
        "2026-10-01 08:30,inv-a,power_factor,,1.5\n"
    )
    assert desk.rows() == [
        ("2026-10-01T00:15:00+00:00", "grid-1", "active_power_kw", "l1", -3.0, IMPORTED),
        ("2026-10-01T00:00:00+00:00", "grid-1", "energy_import_kwh", "", 100.5, IMPORTED),
        ("2026-10-01T00:30:00+00:00", "grid-1", "energy_import_kwh", "", 101.0, IMPORTED),
        ("2026-10-01T00:30:00+00:00", "inv-a", "power_factor", "", 1.5, IMPORTED | ReadingFlag.OUT_OF_RANGE),
    ]
    assert (result.files, result.cells, result.stored, result.rejected, result.out_of_range) == (1, 4, 4, 0, 1)
    assert (result.first, result.last) == ("2026-10-01T00:00:00+00:00", "2026-10-01T00:30:00+00:00")
    assert desk.store.calls == ["mark", "append", "mark"]
    assert set(desk.state.marks) == {("grid-1", date(2026, 10, 1)), ("inv-a", date(2026, 10, 1))}
    assert desk.steps[-1] == (4, 4)


def test_wide_form_with_empty_cells(desk: Desk) -> None:
    result = desk.csv(
        "time;grid-1.energy_import_kwh;grid-1.active_power_kw.l2;met-1.ghi_wm2\n"
        "2026-10-01T08:00+08:00;100;;612.5\n"
        "2026-10-01T08:15+08:00;;1.25;\n"
    )
    assert [r[1:5] for r in desk.rows()] == [
        ("grid-1", "active_power_kw", "l2", 1.25),
        ("grid-1", "energy_import_kwh", "", 100.0),
        ("met-1", "ghi_wm2", "", 612.5),
    ]
    assert (result.cells, result.stored, result.empty, result.rejected) == (6, 3, 3, 0)


def test_bad_rows_are_told_with_their_line_and_kept(desk: Desk) -> None:
    result = desk.csv(
        "time,device,quantity,value\n"
        "2026-10-01T08:00+08:00,grid-1,energy_import_kwh,1\n"
        "soon,grid-1,energy_import_kwh,2\n"
        "\n"
        "2026-10-01T08:02+08:00,grid-1,energy_import_kwh,1.234.5\n"
        "2026-10-01T08:03+08:00,grid-1\n"
        "2026-10-01T08:04+08:00,grid-1,energy_import_kwh,nan\n"
        "2026-10-01T08:05+08:00,,energy_import_kwh,3\n"
        "1999-12-31T00:00Z,grid-1,energy_import_kwh,3\n"
        "2027-11-03T00:00Z,grid-1,energy_import_kwh,3\n"
        "2026-10-01T08:06+08:00,grid-1,energy_import_kwh,\n"
        ",grid-1,energy_import_kwh,7\n"
        "2026-10-01T08:07+08:00,grid-1,energy_import_kwh,4\n"
    )
    assert result.faults == [
        "a.csv, line 3: 'soon' is no time, or one the clocks skipped",
        "a.csv, line 5: '1.234.5' is no finite number",
        "a.csv, line 6: missing columns",
        "a.csv, line 7: 'nan' is no finite number",
        "a.csv, line 8: the row has no device or no quantity",
        "a.csv, line 9: '1999-12-31T00:00Z' lies before 2000 or more than a year ahead",
        "a.csv, line 10: '2027-11-03T00:00Z' lies before 2000 or more than a year ahead",
        "a.csv, line 12: '' is no time, or one the clocks skipped",
    ]
    assert (result.stored, result.empty, result.rejected) == (2, 1, 8)
    assert [i.detail for i in desk.state.items] == result.faults
    assert [i.reason for i in desk.state.items][:3] == ["bad_time", "bad_value", "broken_line"]
    assert b"1.234.5" in desk.state.items[1].payload
    assert desk.state.items[2].payload == b"2026-10-01T08:03+08:00,grid-1"
    assert "8 refused" in result.told()


def test_only_the_first_twenty_faults_are_listed(desk: Desk) -> None:
    lines = "".join(f"2026-10-01T08:00+08:00,grid-1,energy_import_kwh,x{n}\n" for n in range(1500))
    result = desk.csv("time,device,quantity,value\n" + lines)
    assert len(result.faults) == 20
    assert result.faults[19] == "a.csv, line 21: 'x19' is no finite number"
    assert result.rejected == 1500
    assert len(desk.state.items) == 1000
    assert desk.state.counted == {"import.bad_value": 1500}
    assert "and 1,480 more" in result.told()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("time,device,quantity,value\n2026-10-01T08:00Z,grid-9,energy_import_kwh,1\n", "did you mean grid-1"),
        ("time,device,quantity,value\n2026-10-01T08:00Z,grid-1,energy,1\n", "no quantity a device sends"),
        ("time,device,quantity,channel,value\n2026-10-01T08:00Z,grid-1,voltage_v,L 1,1\n", "'L 1' is no channel"),
        ("time,nobody.energy_import_kwh\n", "no device in PARK.yaml is called 'nobody'"),
        ("time,grid-1.energy_import\n", "did you mean energy_import_kwh"),
        ("time,grid-1.voltage_v,grid-1.voltage_v\n", "stands twice"),
        ("time\n", "has no column of values"),
        ("when,grid-1.voltage_v\n", "has no column called time"),
        ("", "is empty: it has 0 bytes"),
        (b"time,\xff\xfe\n", "is not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_meant_stores_nothing(desk: Desk, text: str | bytes, complaint: str) -> None:
    good = desk.folder / "good.csv"
    good.write_text("time,grid-1.voltage_v\n2026-10-01T08:00Z,230\n")
    bad = desk.folder / "bad.csv"
    bad.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match=complaint) as fault:
        desk.bring(good, bad)
    assert "bad.csv" in str(fault.value)
    assert desk.store.calls == []


def test_a_missing_file_is_said_to_be_missing(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="there is no file"):
        desk.bring(desk.folder / "none.csv")
    (desk.folder / "none.parquet").write_text("no parquet")
    with pytest.raises(ConfigError, match="is no Parquet file"):
        desk.bring(desk.folder / "none.parquet")


def test_parquet_in_every_way_of_writing_time(desk: Desk) -> None:
    for name, time in (
        ("aware", "TIMESTAMPTZ '2026-10-01 00:00:00+00'"),
        ("naive", "TIMESTAMP '2026-10-01 08:00:00'"),
        ("text", "'2026-10-01T08:00:00+08:00'"),
    ):
        file = desk.folder / f"{name}.parquet"
        duckdb.sql(f"""COPY (SELECT {time} AS time, 230.5 AS "grid-1.voltage_v") TO '{file}'""")
        desk.store.rows.clear()
        assert desk.bring(file).stored == 1
        assert desk.rows() == [("2026-10-01T00:00:00+00:00", "grid-1", "voltage_v", "", 230.5, IMPORTED)]
    duckdb.sql(f"""COPY (SELECT 17 AS time, 1.0 AS "grid-1.voltage_v") TO '{desk.folder}/number.parquet'""")
    with pytest.raises(ConfigError, match="of type INTEGER"):
        desk.bring(desk.folder / "number.parquet")


def test_the_hour_that_occurs_twice_and_the_one_that_never_does(small_park: Park, tmp_path: Path) -> None:
    desk = Desk(in_zone(small_park, "Europe/Berlin"), tmp_path)
    lines = [f"2026-10-25 {h:02d}:{m:02d}" for h in (1, 2, 2, 3) for m in (0, 30)]
    text = "".join(f"{time},{n},{n}\n" for n, time in enumerate(lines))
    result = desk.csv("time,grid-1.energy_import_kwh,inv-a.energy_export_kwh\n" + text)
    assert result.stored == 16
    assert [(r[0], r[4]) for r in desk.rows() if r[1] == "grid-1"] == [
        ("2026-10-24T23:00:00+00:00", 0.0),
        ("2026-10-24T23:30:00+00:00", 1.0),
        ("2026-10-25T00:00:00+00:00", 2.0),
        ("2026-10-25T00:30:00+00:00", 3.0),
        ("2026-10-25T01:00:00+00:00", 4.0),
        ("2026-10-25T01:30:00+00:00", 5.0),
        ("2026-10-25T02:00:00+00:00", 6.0),
        ("2026-10-25T02:30:00+00:00", 7.0),
    ]
    skipped = desk.csv("time,grid-1.voltage_v\n2026-03-29 02:30,230\n", "b.csv")
    assert skipped.faults == ["b.csv, line 2: '2026-03-29 02:30' is no time, or one the clocks skipped"]


def test_of_a_key_twice_the_later_line_counts(desk: Desk) -> None:
    desk.csv("time,grid-1.voltage_v\n2026-10-01T00:00Z,1\n2026-10-01T00:00Z,2\n")
    assert [r[4] for r in desk.rows()] == [2.0]


def test_readings_ahead_of_now_are_kept_and_flagged(desk: Desk) -> None:
    result = desk.csv("time,grid-1.voltage_v\n2026-11-01T00:10:00Z,230\n2026-11-01T00:10:01Z,230\n")
    assert [r[5] for r in desk.rows()] == [IMPORTED, IMPORTED | ReadingFlag.FUTURE]
    assert result.future == 1


def test_rows_the_store_refuses_are_told(desk: Desk) -> None:
    def refuse(frame: pd.DataFrame) -> None:
        bad = frame[frame["value"] == 2]
        if len(bad):
            raise Rejected("not this one", [tuple(r) for r in bad[list(READING_KEY)].itertuples(index=False)])

    desk.store.reject = refuse
    result = desk.csv("time,grid-1.voltage_v\n2026-10-01T00:00Z,1\n2026-10-01T00:01Z,2\n2026-10-01T00:02Z,3\n")
    assert (result.stored, result.faults) == (2, ["a.csv, line 3: not this one"])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_two_bytes_a_character_as_excel_saves_text(desk: Desk, encoding: str) -> None:
    result = desk.csv("time\tgrid-1.voltage_v\r\n2026-10-01 08:00\t230\r\nsum\t230\r\n".encode(encoding))
    assert (result.stored, result.faults) == (1, ["a.csv, line 3: 'sum' is no time, or one the clocks skipped"])
    assert "--propose FILE" in result.told()


def test_parquet_that_is_cut_off_damaged_or_nested_is_refused(desk: Desk) -> None:
    query = """SELECT TIMESTAMPTZ '2026-10-01 00:00:00+00' + to_seconds(n) AS time, n AS "grid-1.voltage_v" FROM range(50000) t(n)"""
    duckdb.sql(f"COPY ({query}) TO '{desk.folder}/good.parquet'")
    whole = (desk.folder / "good.parquet").read_bytes()
    nested = """SELECT TIMESTAMP '2026-10-01' AS time, {'a': 1} AS "grid-1.voltage_v", [1] AS "inv-a.voltage_v\""""
    duckdb.sql(f"COPY ({nested}) TO '{desk.folder}/nested.parquet'")
    (desk.folder / "half.parquet").write_bytes(whole[: len(whole) // 2])
    (desk.folder / "hole.parquet").write_bytes(whole[:2000] + bytes(400) + whole[2400:])
    for name, words in (
        ("nested", "grid-1.voltage_v is of type STRUCT"),
        ("half", "is no Parquet file"),
        ("hole", "cannot be read"),
    ):
        with pytest.raises(ConfigError, match=words):
            desk.bring(desk.folder / f"{name}.parquet")
    assert desk.store.calls == []


def test_a_byte_order_mark_and_quoted_names(desk: Desk) -> None:
    result = desk.csv(b'\xef\xbb\xbf"time","grid-1.voltage_v"\r\n"2026-10-01T00:00Z","230"\r\n')
    assert result.stored == 1


def test_chunks_are_bounded_and_a_second_import_changes_nothing(small_park: Park, tmp_path: Path) -> None:
    """With the real store and state; 350,000 readings."""
    file = tmp_path / "year.parquet"
    duckdb.sql(
        "COPY (SELECT TIMESTAMPTZ '2025-10-01 00:00:00+00' + to_minutes(n * 6) AS time, "
        f"""n * 0.5 AS "grid-1.energy_import_kwh", n * 0.25 AS "inv-a.energy_export_kwh", """
        f"""sin(n) AS "grid-1.active_power_kw", 20 + cos(n) AS "met-1.temp_air_c" FROM range(87500) t(n)) TO '{file}'"""
    )
    clock = ManualClock(NOW)
    store, state = open_store(small_park), SqliteState(small_park.state, clock)
    sizes: list[int] = []
    append = store.append_readings
    store.append_readings = lambda frame: (sizes.append(len(frame)), append(frame))[1]
    steps: list[int] = []
    results = [
        import_files(small_park, store, state, [file], clock, lambda done, _total: steps.append(done)) for _ in range(2)
    ]
    assert [(r.stored, r.new, r.identical) for r in results] == [(350_000, 350_000, 0), (0, 0, 350_000)]
    assert max(sizes) <= 140_000
    assert steps[-1] == 350_000
    assert len(store.readings(datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))) == 350_000
    frame = store.readings(datetime(2025, 10, 1, tzinfo=UTC), datetime(2025, 10, 2, tzinfo=UTC), devices=["inv-a"])
    assert frame["value"].to_list() == [n * 0.25 for n in range(240)]
    assert len(state.dirty()) == 365 * 3
    store.close()
    state.close()
