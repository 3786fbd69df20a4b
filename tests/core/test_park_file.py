from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.park import Park
from core.park_file import load_park, parse_park

SMALL = (Path(__file__).parent.parent / "data" / "small_park.yaml").read_text(encoding="utf-8")


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_park(text.encode())
    return [str(p) for p in caught.value.problems]


def test_dates_without_offset_are_park_time(small_park: Park) -> None:
    old, new = small_park.point("hall-b").devices
    assert old.valid_to == datetime(2026, 9, 30, 16, tzinfo=UTC) == new.valid_from
    assert small_park.point("hall-b").device_at(datetime(2026, 9, 30, 15, 59, tzinfo=UTC)) is old
    assert small_park.point("hall-b").device_at(datetime(2026, 9, 30, 16, tzinfo=UTC)) is new


def test_paths_are_taken_from_the_file_s_folder(small_park: Park, tmp_path: Path) -> None:
    assert small_park.state == tmp_path / "data" / "state.sqlite"
    assert small_park.store.kind == "embedded"
    assert small_park.store.path == tmp_path / "data" / "parkwatt.duckdb"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("latitude:", "latitdue:", "line 3: latitdue: is not a known key (did you mean latitude?)"),
        ("point: pv-b,", "point: pv-c,", "line 42: arrays[1].point: there is no pv point pv-c (did you mean pv-b?)"),
        ("rating_kw: 500", "rating_kw: 500 kW", "line 13: points[0].devices[0].rating_kw: Input should be a valid number, unable to parse string as a number (write a number without unit)"),
        ("valid_to: 2026-10-01", "valid_to: 2026-10-05", "line 34: points[4].devices[1]: overlaps in time with number 1 (end the earlier one with valid_to)"),
        ("timezone: Asia/Shanghai", "timezone: Asia/Shanghia", "line 6: timezone: no such time zone; write it like Asia/Shanghai"),
        ("id: new-b", "id: inv-b", "line 34: points[4].devices[1]: device inv-b serves two points at once (end one with valid_to)"),
        ("role: grid", "role: load", "line 8: points: no point has the role grid (the balance hangs on the grid connection: add its meter)"),
        ("green: 0.5", "green: 0.3", "line 46: targets[0]: yellow must not be above green"),
        ("id: pv-b\n", "id: pv-a\n", "line 19: points[2].id: pv-a is used twice (every id is used once)"),
        ("valid_to: 2026-10-01", "valid_to: 5", "line 33: points[4].devices[0].valid_to: is no date (write it like 2026-10-01 or 2026-10-01T08:00)"),
        ("valid_to: 2026-10-01", "valid_to: 0001-01-01", "line 33: points[4].devices[0].valid_to: lies outside 1970 to 2200"),
        ("ac_kw: 60", "ac_kw: .nan", "line 42: arrays[1].ac_kw: Input should be a finite number"),
        ("dc_kwp: 66", "dc_kwp: 66000", "line 42: arrays[1]: dc_kwp 66000 is 1.1e+03 times ac_kw 60: both are written in kW, not in W"),
        ("altitude_m: 5", "altitude_m: 5\naltitude_m: 6", "line 6: PARK.yaml: the key 'altitude_m' is written twice"),
    ],
)  # fmt: skip
def test_every_fault_has_line_reason_and_hint(old: str, new: str, told: str) -> None:
    assert old in SMALL
    assert told in problems(SMALL.replace(old, new, 1))


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("horizon: [[90, 91]]", ".horizon[0]: is [azimuth 0 to 360 clockwise from north, elevation 0 to 90 above the horizon], in degrees"),
        ("horizon: [[-1, 5]]", ".horizon[0]: is [azimuth 0 to 360 clockwise from north, elevation 0 to 90 above the horizon], in degrees"),
        ("horizon: [[90, .nan]]", ".horizon[0][1]: Input should be a finite number"),
        ("horizon: [[90, 5], [90, 7]]", ".horizon[1]: azimuth 90 comes after 90 (go once around from north, every azimuth once)"),
        ("horizon: [[180, 5], [90, 3]]", ".horizon[1]: azimuth 90 comes after 180 (go once around from north, every azimuth once)"),
        ("horizon: [[0, 5], [360, 7]]", ".horizon[1]: azimuth 360 is azimuth 0, where the elevation is 5, not 7 (leave one of them out)"),
        ("curtailments: [{valid_from: 2026-10-03, valid_to: 2026-10-02, limit_kw: 4}]", ".curtailments[0].valid_to: is not after valid_from"),
        ("curtailments: [{valid_from: 2026-10-03, limit_kw: 4}, {valid_from: 2026-10-04, limit_kw: 2}]", ".curtailments[1]: overlaps in time with number 1 (end the earlier one with valid_to)"),
        ("curtailments: [{valid_from: 2026-10-03, valid_to: 2026-10-04, limit_kw: 4}, {valid_from: 2025-10-05, valid_to: 2025-10-06, limit_kw: 2}]", ".curtailments[1]: is earlier than number 1 (write the oldest first; is the year right?)"),
        ("curtailments: [{valid_to: 2026-10-03, limit_kw: 4}]", ".curtailments[0].valid_from: is missing (an order begins some time: add it)"),
        ("curtailments: [{valid_from: 2026-10-03, limit_kw: 40000}]", ".curtailments[0].limit_kw: 40000 is 667 times ac_kw 60 (both are written in kW, not in W)"),
        ("curtailments: [{valid_from: 2026-10-03, limit_kw: .nan}]", ".curtailments[0].limit_kw: Input should be a finite number"),
        ("curtailments: [{valid_from: 2026-02-30, limit_kw: 4}]", ".curtailments[0].valid_from: 2026-02-30 is no date (write it like 2026-10-01 or 2026-10-01T08:00)"),
        ("curtailments: [{valid_from: '9999-10-03T10:00', limit_kw: 4}]", ".curtailments[0].valid_from: lies outside 1970 to 2200"),
        ("curtailments: [{valid_from: '0001-01-01T00:00', limit_kw: 4}]", ".curtailments[0].valid_from: lies outside 1970 to 2200"),
        ("curtailments: [{valid_from: '20261003', limit_kw: 4}]", ".curtailments[0].valid_from: is no date (write it like 2026-10-01 or 2026-10-01T08:00)"),
        ("curtailments: [{array: roof-a, valid_from: 2026-10-03, limit_kw: 4}]", ".curtailments[0].array: is not a known key (here there are limit_kw, note, valid_from, valid_to)"),
        ("cleanings: [{day: 2026-13-01}]", ".cleanings[0].day: 2026-13-01 is no date (write it like 2026-10-01)"),
        ("cleanings: [{day: 0000-01-01}]", ".cleanings[0].day: 0000-01-01 is no date (write it like 2026-10-01)"),
        ("cleanings: [{day: 9999-01-01}]", ".cleanings[0].day: lies outside 1970 to 2200"),
        ("cleanings: [{day: 20260920}]", ".cleanings[0].day: is no date (write it like 2026-10-01)"),
        ("cleanings: [{day: 2026-09-20}, {day: 2026-09-20}]", ".cleanings[1]: is the same time as number 1 (write each entry once)"),
        ("cleanings: [{day: 2026-09-21}, {day: 2026-09-20}]", ".cleanings[1]: is earlier than number 1 (write the oldest first; is the year right?)"),
        ("cleanings: [2026-09-20]", ".cleanings[0]: is no mapping of keys (write it like `key: value`)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_horizon_or_log_that_cannot_be_is_refused_with_its_line(key: str, told: str, ends: str) -> None:
    text = SMALL.replace("point: pv-b,", f"point: pv-b, {key},").replace("\n", ends)
    assert problems(text) == [f"line 42: arrays[1]{told}"]
    assert problems("\ufeff" + text) == [f"line 42: arrays[1]{told}"]


def test_logs_in_order_are_read() -> None:
    orders = "{valid_from: 2026-10-03, valid_to: 2026-10-04, limit_kw: 4}, {valid_from: 2026-10-04T00:00, limit_kw: 0}"
    washed = "cleanings: [{day: 2026-03-01}, {day: '2026-09-20'}]"
    key = f"horizon: [[0, 5], [180, 0], [360, 5]], curtailments: [{orders}], {washed}"
    array = parse_park(SMALL.replace("point: pv-b,", f"point: pv-b, {key},").encode()).arrays[1]
    assert [o.valid_from for o in array.curtailments] == [datetime(2026, 10, 2, 16, tzinfo=UTC), datetime(2026, 10, 3, 16, tzinfo=UTC)]  # fmt: skip
    assert [c.day for c in array.cleanings] == [date(2026, 3, 1), date(2026, 9, 20)]


def test_all_faults_come_at_once() -> None:
    text = SMALL.replace("latitude:", "latitdue:").replace("dc_kwp: 110", "dc_kwp: -1")
    assert len(problems(text)) == 3  # unknown, missing, out of range


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a\n",
        "a: [1\n",
        "\x00",
        "a: &x [*x]\n",
        "{" * 5000,
        "? [a, b]\n: 3\n",
        "id: 2026-99-99\n",
        "id: !!bool maybe\n",
        "id: !!timestamp 5\n",
    ],
)
def test_rubbish_is_refused_in_words(text: str) -> None:
    assert problems(text)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ConfigError, match="line 2: PARK.yaml: is not UTF-8 text"):
        parse_park(b"id: a\nname: \xff\n")


def test_another_code_is_guessed() -> None:
    chinese = SMALL.encode("gb18030")
    with pytest.raises(ConfigError, match=r"line 2: PARK.yaml: is not UTF-8 text \(save it as UTF-8; it reads as GBK"):
        parse_park(chinese)
    with pytest.raises(ConfigError, match="it reads as UTF-16"):
        parse_park(SMALL.encode("utf-16"))


def test_a_file_s_name_stands_before_each_fault(tmp_path: Path) -> None:
    wrong, empty = tmp_path / "PARK.yaml", tmp_path / "EMPTY.yaml"
    wrong.write_text(SMALL.replace("latitude:", "latitdue:").replace("dc_kwp: 110", "dc_kwp: -1"), encoding="utf-8")
    empty.write_bytes(b"\xef\xbb\xbf\r\n")
    with pytest.raises(ConfigError) as caught:
        load_park(wrong)
    assert [line.startswith(f"{wrong}: line ") for line in str(caught.value).splitlines()] == [True, True, True]
    with pytest.raises(ConfigError, match="EMPTY.yaml is empty"):
        load_park(empty)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_park(tmp_path / "NONE.yaml")
