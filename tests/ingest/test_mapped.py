# ruff: noqa: S608, DTZ001 - queries of the tests' own making; a workbook's dates have no zone

"""Foreign files as people have them, read through a mapping."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from pathlib import Path

import duckdb
import openpyxl
import pytest

from core.clock import ManualClock
from core.errors import ConfigError
from core.frames import READING_KEY
from core.park import Park
from core.quality import ReadingFlag
from ingest.files import ImportResult, import_files
from ingest.mapping import load_mapping
from ingest.preview import preview_files
from ingest.propose import propose
from store.opening import open_store
from store.state import SqliteState
from tests.ingest.fakes import FakeState, FakeStore, FastClock

NOW = datetime(2026, 11, 1, tzinfo=UTC)
GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"


class Desk:
    """A park, fakes and a folder with a mapping in it."""

    def __init__(self, park: Park, folder: Path) -> None:
        self.park = park
        self.folder = folder
        self.store = FakeStore()
        self.state = FakeState(self.store.calls)

    def bring(self, mapping: str, *files: Path) -> ImportResult:
        path = self.folder / "MAP.yaml"
        path.write_text(mapping, encoding="utf-8")
        return import_files(self.park, self.store, self.state, files, FastClock(NOW), None, load_mapping(path))

    def csv(self, text: str | bytes, mapping: str, name: str = "a.csv") -> ImportResult:
        file = self.folder / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return self.bring(mapping, file)

    def rows(self) -> list[tuple[object, ...]]:
        frame = self.store.all().sort_values(list(READING_KEY))
        return [
            (f"{r['time']:%m-%d %H:%M}", r["device"], r["quantity"], r["channel"], r["value"])
            for r in frame.to_dict("records")
        ]


@pytest.fixture
def desk(small_park: Park, tmp_path: Path) -> Desk:
    return Desk(small_park, tmp_path)


def berlin(park: Park) -> Park:
    return Park.model_validate(park.model_dump() | {"timezone": "Europe/Berlin"})


CHINESE = """\
decimal: ","
thousands: "."
header_row: 3
time: {column: 时间, format: "%Y年%m月%d日 %H:%M"}
device:
  column: 表号
  names: {"0001": grid-1, "0002": inv-a, "0009": ~}
values:
  - {column: 正向有功电能(MWh), quantity: energy_import_kwh, unit: MWh}
  - {column: 反向有功总电能, quantity: energy_export_kwh}
  - {column: 有功功率(W), quantity: active_power_kw, unit: W, sign: -1}
"""
CHINESE_CSV = (
    '某某园区 电量报表;;;;\r\n制表 "张三;;;;\r\n'
    "时间;表号;正向有功电能(MWh);反向有功总电能;有功功率(W)\r\n"
    "2026年10月01日 08:00;0001;1.234,5;12,25;-41.200,5\r\n"
    "2026年10月01日 08:15;0001;1.234,75;;1500\r\n"
    "\r\n"
    "2026年10月01日 08:15;0009;7;7;7\r\n"
    "2026年10月01日 08:15;0002;1.5;3;0\r\n"
    "2026年13月01日 08:15;0002;1;3;0\r\n"
)  # fmt: skip


def test_a_chinese_export_in_gbk_with_decimal_commas(desk: Desk) -> None:
    result = desk.csv(CHINESE_CSV.encode("gbk"), CHINESE)
    assert desk.rows() == [
        ("10-01 00:00", "grid-1", "active_power_kw", "", 41.2005),
        ("10-01 00:15", "grid-1", "active_power_kw", "", -1.5),
        ("10-01 00:00", "grid-1", "energy_export_kwh", "", 12.25),
        ("10-01 00:00", "grid-1", "energy_import_kwh", "", 1_234_500.0),
        ("10-01 00:15", "grid-1", "energy_import_kwh", "", 1_234_750.0),
        ("10-01 00:15", "inv-a", "active_power_kw", "", 0.0),
        ("10-01 00:15", "inv-a", "energy_export_kwh", "", 3.0),
    ]
    assert (result.cells, result.stored, result.empty, result.rejected) == (15, 7, 4, 4)
    assert result.faults[0] == "a.csv, line 8: '1.5' is no finite number"
    assert result.faults[1] == "a.csv, line 9: '2026年13月01日 08:15' is no time, or one the clocks skipped"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_the_same_export_in_other_encodings(desk: Desk, encoding: str) -> None:
    assert desk.csv(CHINESE_CSV.encode(encoding), CHINESE).stored == 7
    assert desk.csv(CHINESE_CSV.encode("gbk"), "encoding: gbk\ndelimiter: ';'\n" + CHINESE).identical == 7


def test_latin_text_is_not_taken_for_chinese(desk: Desk) -> None:
    text = "Zähler;Zeit;Außentemperatur (°F)\nüber;01.10.2026 08:00;68\n"
    mapping = """\
time: {column: Zeit, format: "%d.%m.%Y %H:%M", zone: Europe/Berlin}
device: {column: Zähler, names: {über: met-1}}
values: [{column: Außentemperatur (°F), quantity: temp_air_c, unit: °F}]
"""
    desk.csv(text.encode("latin-1"), mapping)
    assert desk.rows() == [("10-01 06:00", "met-1", "temp_air_c", "", 20.0)]


def test_a_gbk_file_of_our_own_form_needs_no_mapping(desk: Desk) -> None:
    file = desk.folder / "own.csv"
    file.write_bytes("time,grid-1.voltage_v,备注\n".replace(",备注", "").encode("gbk") + b"2026-10-01 08:00,230\n")
    assert import_files(desk.park, desk.store, desk.state, [file], FastClock(NOW)).stored == 1


def test_long_form_with_words_for_quantities(desk: Desk) -> None:
    mapping = """\
time: {date: 日期, clock: 时刻}
device: grid-1
quantity: {column: 项目, names: {正向有功: energy_import_kwh, 需量: ~}}
values: [{column: 数值}]
"""
    result = desk.csv(
        "日期,时刻,项目,数值\n2026/10/1,8:00,正向有功,5\n2026/10/1,8:15,需量,9\n2026/10/1,8:15,正向有功,6\n", mapping
    )
    assert [r[0] for r in desk.rows()] == ["10-01 00:00", "10-01 00:15"]
    assert (result.stored, result.empty) == (2, 1)


def workbook(path: Path) -> Path:
    book = openpyxl.Workbook()
    book.active.title = "说明"
    sheet = book.create_sheet("数据")
    sheet.append(["月报", None, None])
    sheet.append(["日期时间", "电表 A\n(Wh)", "文本数"])
    sheet.append([datetime(2026, 10, 1, 8, 0), 1_500_000, "1,5"])
    sheet.append([datetime(2026, 10, 1, 8, 15), 1_500_250.5, 2.25])
    sheet.append([None, None, None])
    sheet.append(["2026-10-01 08:30", "=1+1", None])
    sheet.append([date(2026, 10, 2), True, time(8, 0)])
    book.save(path)
    return path


def test_a_workbook_with_dates(desk: Desk) -> None:
    mapping = """\
sheet: 数据
header_row: 2
decimal: ","
time: {column: 日期时间}
values:
  - {column: 电表 A (Wh), device: grid-1, quantity: energy_import_kwh, unit: Wh}
  - {column: 文本数, device: grid-1, quantity: current_a}
"""
    result = desk.bring(mapping, workbook(desk.folder / "a.xlsx"))
    assert desk.rows() == [
        ("10-01 00:00", "grid-1", "current_a", "", 1.5),
        ("10-01 00:15", "grid-1", "current_a", "", 2.25),
        ("10-01 00:00", "grid-1", "energy_import_kwh", "", 1500.0),
        ("10-01 00:15", "grid-1", "energy_import_kwh", "", 1500.2505),
    ]
    assert result.faults == [
        "a.xlsx, line 7: 'True' is no finite number",
        "a.xlsx, line 7: '08:00:00' is no finite number",
    ]
    with pytest.raises(ConfigError, match=r"has no sheet 数据2.*说明, 数据"):
        desk.bring(mapping.replace("sheet: 数据", "sheet: 数据2"), desk.folder / "a.xlsx")


def test_a_workbook_of_our_own_form_needs_no_mapping(desk: Desk) -> None:
    book = openpyxl.Workbook()
    book.active.append(["time", "grid-1.energy_import_kwh"])
    for minute in range(0, 60, 15):
        book.active.append([datetime(2026, 10, 1, 8, minute), 100 + minute / 8])
    book.save(desk.folder / "own.xlsx")
    assert import_files(desk.park, desk.store, desk.state, [desk.folder / "own.xlsx"], FastClock(NOW)).stored == 4
    assert desk.rows()[3] == ("10-01 00:45", "grid-1", "energy_import_kwh", "", 105.625)


def test_no_workbook_is_told(desk: Desk) -> None:
    (desk.folder / "no.xlsx").write_text("no")
    with pytest.raises(ConfigError, match="is no workbook that can be read"):
        import_files(desk.park, desk.store, desk.state, [desk.folder / "no.xlsx"], FastClock(NOW))


def test_wide_parquet_with_numbers_and_stamps(desk: Desk) -> None:
    file = desk.folder / "w.parquet"
    duckdb.sql(
        "COPY (SELECT TIMESTAMP '2026-10-01 08:00:00' + to_minutes(n * 15) AS 时刻, n * 250 AS a, n::FLOAT AS b "
        f"FROM range(3) t(n)) TO '{file}'"
    )
    mapping = """\
decimal: ","
time: {column: 时刻}
values:
  - {column: a, device: grid-1, quantity: energy_import_kwh, unit: Wh}
  - {column: b, device: grid-1, quantity: voltage_v, channel: l2, unit: kV}
"""
    desk.bring(mapping, file)
    assert [r[2:] for r in desk.rows() if r[0] == "10-01 00:30"] == [
        ("energy_import_kwh", "", 0.5),
        ("voltage_v", "l2", 2000.0),
    ]


def test_the_days_the_clocks_change(desk: Desk, small_park: Park) -> None:
    desk.park = berlin(small_park)
    mapping = "time: {column: t, format: '%d.%m.%Y %H:%M'}\nvalues: [{column: v, device: grid-1, quantity: energy_import_kwh}]"
    # The second pass does not repeat the minutes of the first: only the order tells them apart.
    autumn = ["01:40", "02:10", "02:40", "02:05", "02:35", "03:05"]
    lines = [f"25.10.2026 {t};{n}" for n, t in enumerate(autumn)]
    expected = ["10-24 23:40", "10-25 00:10", "10-25 00:40", "10-25 01:05", "10-25 01:35", "10-25 02:05"]
    desk.csv("t;v\n" + "\n".join(lines), mapping)
    assert [r[0] for r in desk.rows()] == expected
    desk.store.rows.clear()
    desk.csv("t;v\n" + "\n".join(reversed(lines)), mapping)
    assert [(r[0], r[4]) for r in desk.rows()] == [(t, float(n)) for n, t in enumerate(expected)]
    desk.store.rows.clear()
    spring = desk.csv("t;v\n29.03.2026 01:45;1\n29.03.2026 02:15;2\n29.03.2026 03:00;3\n", mapping)
    assert [r[0] for r in desk.rows()] == ["03-29 00:45", "03-29 01:00"]
    assert spring.faults == ["a.csv, line 3: '29.03.2026 02:15' is no time, or one the clocks skipped"]


def test_offsets_in_the_file_need_no_zone(desk: Desk) -> None:
    mapping = (
        "time: {column: t, format: '%d.%m.%Y %H:%M %z'}\nvalues: [{column: v, device: grid-1, quantity: voltage_v}]"
    )
    desk.csv("t;v\n25.10.2026 02:30 +0100;1\n25.10.2026 02:30 +0200;2\n", mapping)
    assert [(r[0], r[4]) for r in desk.rows()] == [("10-25 00:30", 2.0), ("10-25 01:30", 1.0)]


def test_a_register_read_once_a_month_by_hand(desk: Desk) -> None:
    mapping = "time: {column: 日期}\ndevice: {column: 表}\nvalues: [{column: 读数, quantity: energy_import_kwh}]"
    desk.csv("表,日期,读数\ngrid-1,2026-08-01,1000\ngrid-1,2026-09-01,2240\ngrid-1,2026-10-01,3300\n", mapping)
    assert [(r[0], r[4]) for r in desk.rows()] == [
        ("07-31 16:00", 1000.0),
        ("08-31 16:00", 2240.0),
        ("09-30 16:00", 3300.0),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("time: {colunm: a}\nvalues: [{column: b, device: d, quantity: voltage_v}]", "line 1: time.colunm: is not a known key (did you mean column?)"),
        ("time: {column: a}\nvalues:\n  - {column: b, device: d, quantity: voltage_v, unit: Wh}", "line 3: values[0]: Wh cannot become V; known are V, mV, kV"),
        ("time: {column: a}\nvalues:\n  - {column: b, device: d, quantity: volts}", "line 3: values[0]: no quantity a device sends is called volts"),
        ("time: {column: a, zone: Mars}\nvalues: [{column: b, device: d, quantity: voltage_v}]", "line 1: time.zone: there is no time zone Mars"),
        ("time: {date: a}\nvalues: [{column: b, device: d, quantity: voltage_v}]", "line 1: time: name either one column, or date and clock"),
        ("time: {column: a}\nvalues: [{column: b, quantity: voltage_v}]", "nothing says which device b belongs to"),
        ("time: {column: a}\nvalues: [{column: b, device: d, quantity: voltage_v, kind: interval_energy}]", "can be made of interval energies"),
        ("- a", "must hold a mapping of keys"),
        ("time: {column: a\n", "line 2"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_is_told_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "MAP.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(problem)):
        load_mapping(path)


def test_a_mapping_that_does_not_fit_the_file(desk: Desk) -> None:
    mapping = "time: {column: t}\nvalues: [{column: w, device: grid-1, quantity: voltage_v}]"
    with pytest.raises(ConfigError, match=r"a.csv: has no column w \(line 1 has: t, v\)"):
        desk.csv("t,v\n2026-10-01,1\n", mapping)
    with pytest.raises(ConfigError, match="no device in PARK.yaml is called 'grid-9'"):
        desk.csv("t,w\n2026-10-01,1\n", mapping.replace("grid-1", "grid-9"))
    assert desk.store.calls == []


def test_without_a_mapping_the_columns_and_an_example_are_told(desk: Desk) -> None:
    file = desk.folder / "x.csv"
    file.write_text("时间,读数\n2026-10-01,1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"it has: 时间, 读数; .*time: \{column: 时间\}, values: .*--propose"):
        import_files(desk.park, desk.store, desk.state, [file], FastClock(NOW))


INTERVAL = """\
time: {column: t}
values: [{column: e, device: grid-1, quantity: energy_import_kwh, kind: interval_energy}]
"""


def intervals(first: int, energies: list[float], step: int = 15) -> str:
    return "t,e\n" + "".join(
        f"2026-10-01T{(first + n * step) // 60:02d}:{(first + n * step) % 60:02d}Z,{e}\n"
        for n, e in enumerate(energies)
    )


def test_energies_per_interval_are_refused_unless_named(desk: Desk) -> None:
    text = intervals(0, [1, 2, 1.5, 3, 0.5, 2, 1, 4, 2, 1, 3, 2])
    with pytest.raises(ConfigError, match=r"grid-1.energy_import_kwh goes up and down.*kind: interval_energy"):
        desk.csv(text, INTERVAL.replace(", kind: interval_energy", ""))
    own = desk.folder / "own.csv"
    own.write_text(text.replace("t,e", "time,grid-1.energy_import_kwh"))
    with pytest.raises(ConfigError, match="no meter register"):
        import_files(desk.park, desk.store, desk.state, [own], FastClock(NOW))
    assert desk.store.calls == []


def test_a_register_is_made_of_clean_interval_energies(desk: Desk) -> None:
    small = desk.csv(intervals(0, [1, 2, 0.1, 0.2]), INTERVAL)
    assert (small.cells, small.stored) == (4, 5)
    assert [(r[0], r[4]) for r in desk.rows()] == [
        ("10-01 00:00", 0.0),
        ("10-01 00:15", 1.0),
        ("10-01 00:30", 3.0),
        ("10-01 00:45", 3.1),
        ("10-01 01:00", 3.3),
    ]


def test_an_energy_may_stand_at_the_end_of_its_interval(desk: Desk) -> None:
    desk.csv(intervals(15, [1, 2]), INTERVAL.replace("}]", ", label: end}]"))
    assert [(r[0], r[4]) for r in desk.rows()] == [("10-01 00:00", 0.0), ("10-01 00:15", 1.0), ("10-01 00:30", 3.0)]


def test_daily_energies_over_the_night_the_clocks_change(desk: Desk, small_park: Park) -> None:
    desk.park = berlin(small_park)
    desk.csv("t,e\n2026-10-24,10\n2026-10-25,20\n2026-10-26,30\n", INTERVAL)
    assert [(r[0], r[4]) for r in desk.rows()] == [
        ("10-23 22:00", 0.0),
        ("10-24 22:00", 10.0),
        ("10-25 23:00", 30.0),
        ("10-26 23:00", 60.0),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (intervals(0, [1, 2]) + "2026-10-01T00:45:00Z,1\n", "doubled, missing or of different lengths"),
        (intervals(0, [1, 2]) + "2026-10-01T00:15:00Z,1\n", "doubled, missing or of different lengths"),
        (intervals(0, [1, -2, 3]), "1 of its intervals|never negative"),
        (intervals(0, [1, 2]) + "2026-10-01T00:30:00Z,\n", "1 of its intervals are empty or unreadable"),
        (intervals(0, [1]), "fewer than two"),
        (intervals(0, [1, 2]) + "2026-10-01T00:30:00Z,1,2,3\n", "broken lines"),
    ],
)
def test_unclean_interval_energies_are_refused(desk: Desk, text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        desk.csv(text, INTERVAL)
    assert desk.store.calls == []


def test_made_registers_go_on_from_file_to_file_and_import_twice(small_park: Park, tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    store, state = open_store(small_park), SqliteState(small_park.state, clock)
    (tmp_path / "MAP.yaml").write_text(INTERVAL)
    mapping = load_mapping(tmp_path / "MAP.yaml")
    files = [tmp_path / f"{n}.csv" for n in range(3)]
    for n, file in enumerate(files):
        file.write_text(intervals(n * 60, [n + 1.0] * 4))

    def bring(*paths: Path) -> list[float]:
        import_files(small_park, store, state, paths, clock, None, mapping)
        rows = store.readings(datetime(2026, 1, 1, tzinfo=UTC), NOW)
        return rows["value"].tolist()

    once = bring(files[0], files[1])
    assert once == [0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0]
    assert bring(files[1]) == once
    assert bring(files[0]) == once
    assert bring(files[2])[-1] == 24.0
    files[1].write_text(intervals(60, [9.0] * 4))
    with pytest.raises(ConfigError, match="says something else"):
        bring(files[1])
    files[1].write_text(intervals(300, [9.0] * 4))
    with pytest.raises(ConfigError, match="none where the file begins"):
        bring(files[1])
    store.close()
    state.close()


def test_a_dry_run_counts_and_writes_nothing(small_park: Park, tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    store, state = open_store(small_park), SqliteState(small_park.state, clock)
    file = tmp_path / "a.csv"
    file.write_text("time,grid-1.energy_import_kwh,met-1.ghi_wm2\n2026-10-01T00:00Z,1,100\n2026-10-01T00:15Z,2,\n")
    import_files(small_park, store, state, [file], clock)
    marks = state.dirty()
    file.write_text(
        "time,grid-1.energy_import_kwh,met-1.ghi_wm2\n2026-10-01T00:00Z,1,100\n2026-10-01T00:15Z,3,x\n2026-10-09T00:15Z,4,\n"
    )
    result = preview_files(small_park, store, state, [file], clock)
    assert result.told().splitlines() == [
        "1 file looked at, nothing written: 1 new, 2 already there, 1 conflicting",
        "  grid-1 energy_import_kwh           1 new          1 identical          1 different",
        "  met-1 ghi_wm2                      0 new          1 identical          0 different",
        "  1 empty cells left out",
        "  1 refused: an import tells them line by line",
        "  4 days to compute anew",
        "    2026-10-01 to 2026-10-02",
        "    2026-10-09 to 2026-10-10",
    ]
    assert state.dirty() == marks
    assert state.counts().get("quarantined", 0) == 0
    assert store.readings(datetime(2026, 1, 1, tzinfo=UTC), NOW)["value"].tolist() == [1.0, 2.0, 100.0]
    store.close()
    state.close()


def test_a_hundred_thousand_rows_twice_are_the_same_as_once(small_park: Park, tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    store, state = open_store(small_park), SqliteState(small_park.state, clock)
    file = tmp_path / "big.csv"
    duckdb.sql(
        "COPY (SELECT strftime(TIMESTAMP '2026-01-01' + to_minutes(n * 3), '%d.%m.%Y %H:%M') AS 时间, "
        f"replace(CAST(n * 0.25 AS VARCHAR), '.', ',') AS 电能 FROM range(100000) t(n)) TO '{file}' (DELIMITER ';')"
    )
    (tmp_path / "MAP.yaml").write_text(
        'decimal: ","\ntime: {column: 时间, format: "%d.%m.%Y %H:%M"}\n'
        "values: [{column: 电能, device: grid-1, quantity: energy_import_kwh}]"
    )
    mapping = load_mapping(tmp_path / "MAP.yaml")
    found = []
    for _ in range(2):
        assert import_files(small_park, store, state, [file], clock, None, mapping).cells == 100_000
        rows = store.readings(datetime(2025, 1, 1, tzinfo=UTC), NOW)
        found.append(rows.drop(columns="received_at"))
    assert len(found[0]) == 100_000
    assert found[0].equals(found[1])
    assert found[0]["value"].iloc[-1] == 24_999.75
    assert set(found[0]["flags"]) == {int(ReadingFlag.IMPORTED)}
    store.close()
    state.close()


def test_a_proposal_for_a_chinese_export_is_nearly_complete(desk: Desk) -> None:
    file = desk.folder / "a.csv"
    file.write_bytes(CHINESE_CSV.replace("1.5;3;0", "1,5;3;0").encode("gbk"))
    text = propose(file)
    assert 'encoding: gb18030\nheader_row: 3\ndecimal: ","\nthousands: "."\n' in text
    assert 'format: "%Y年%m月%d日 %H:%M"' in text
    assert '- {column: "正向有功电能(MWh)", quantity: energy_import_kwh, unit: "MWh"}' in text
    assert '- {column: "反向有功总电能", quantity: energy_export_kwh}' in text
    completed = text.replace("\"0001\": '?'", '"0001": grid-1').replace("\"0002\": '?'", '"0002": inv-a')
    assert desk.bring(completed.replace("\"0009\": '?'", '"0009": ~'), file).stored == 8


def test_a_proposal_for_a_workbook_and_a_parquet_file(desk: Desk) -> None:
    text = propose(workbook(desk.folder / "a.xlsx").rename(desk.folder / "b.xlsx"))
    assert "time:" in text
    file = desk.folder / "w.parquet"
    duckdb.sql(f"COPY (SELECT TIMESTAMP '2026-10-01' AS time, 1.0 AS \"Leistung (W)\") TO '{file}'")
    assert '- {column: "Leistung (W)", device: \'?\', quantity: active_power_kw, unit: "W"}' in propose(file)


@pytest.mark.checkout
def test_the_mapping_in_the_guide_reads_the_file_beside_it(desk: Desk) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    history = guide.split("## History")[1].split("\n## ")[0]
    mapping, table = (history.split(f"```{kind}\n")[1].split("```")[0] for kind in ("yaml", "csv"))
    result = desk.csv(table.encode("gb18030"), mapping.replace("meter-7f3a", "grid-1").replace("inverter-1", "inv-a"))
    assert result.rejected == 0
    assert desk.rows() == [
        ("10-01 00:00", "grid-1", "active_power_kw", "", 41.2),
        ("10-01 00:15", "grid-1", "active_power_kw", "", 39.75),
        ("10-01 00:00", "grid-1", "energy_import_kwh", "", 48213.5),
        ("10-01 00:15", "grid-1", "energy_import_kwh", "", 48223.6),
        ("10-01 00:00", "inv-a", "active_power_kw", "", -18.05),
        ("10-01 00:00", "inv-a", "energy_export_kwh", "", 1024.5),
    ]


def test_a_workbook_with_dates_and_numbers_as_text_or_as_bare_numbers(desk: Desk) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (["能耗报表"], ["时间", "读数(kWh)"], ["2026-10-01 08:00", "5.5"], ["2026/10/1 9:00", "1,006.5"]):
        sheet.append(row)
    sheet.merge_cells("A1:B1")
    for row in ([46296.41666666667, "7"], ["合计", "19"]):
        sheet.append(row)
    file = desk.folder / "a.xlsx"
    book.save(file)
    result = desk.bring(
        'header_row: 2\nthousands: ","\ntime: {column: 时间}\n'
        "values: [{column: 读数(kWh), device: grid-1, quantity: energy_import_kwh}]\n",
        file,
    )
    assert [(r[0], r[4]) for r in desk.rows()] == [("10-01 00:00", 5.5), ("10-01 01:00", 1006.5), ("10-01 02:00", 7.0)]
    assert result.faults == ["a.xlsx, line 6: '合计' is no time, or one the clocks skipped"]
