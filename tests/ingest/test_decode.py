from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.frames import READING_COLUMNS
from core.quality import ReadingFlag
from core.quantities import READING
from ingest.decode import MAX_PAYLOAD_BYTES, DecodeResult, decode
from ingest.templates import load_templates

TEMPLATES = load_templates()
SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 10, 1, 0, 15, 2, tzinfo=UTC)
DEVICES = Path(__file__).parents[1] / "devices"


def plain(payload: object, received_at: datetime = NOW) -> DecodeResult:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return decode(TEMPLATES["json"], "grid-1", "parkwatt/grid-1/telemetry", raw, received_at, SHANGHAI)


def reasons(result: DecodeResult) -> list[str]:
    return [p.reason for p in result.problems]


def values(result: DecodeResult) -> dict[str, float]:
    return {r.quantity: r.value for r in result.rows}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty"),
        (b"\xff\xfe{", "not_json"),
        (b"{", "not_json"),
        (b"hello", "not_json"),
        (b"[" * 5000 + b"]" * 5000, "not_json"),
        (b'{"active_power_kw": NaN' + b"[" * 200_000, "not_json"),
        (b"null", "wrong_shape"),
        (b"true", "wrong_shape"),
        (b"17", "wrong_shape"),
        (b'"text"', "wrong_shape"),
        (b"[1, 2]", "wrong_shape"),
        (b"{}", "no_readings"),
        (b"[]", "no_readings"),
        (b'{"power": 1}', "no_readings"),
        (b'{"active_power_kw": null}', "no_readings"),
        (b'{"active_power_kw": true}', "wrong_type"),
        (b'{"active_power_kw": "45"}', "wrong_type"),
        (b'{"active_power_kw": [45]}', "wrong_type"),
        (b'{"active_power_kw": {"value": 45}}', "wrong_type"),
        (b'{"active_power_kw": NaN}', "non_finite"),
        (b'{"active_power_kw": -Infinity}', "non_finite"),
        (b'{"active_power_kw": 1e400}', "non_finite"),
        (b'{"active_power_kw": NaN, "voltage_v": 1' + b"0" * 400 + b"}", "non_finite"),
        (b'{"active_power_kw": NaN, "voltage_v": 1' + b"0" * 5000 + b"}", "not_json"),
        (b'{"active_power_kw.L1": 1}', "bad_channel"),
        (b'{"active_power_kw.": 1}', "bad_channel"),
        (b'{"time": "2026-10-01T08:15:00", "active_power_kw": 1}', "bad_time"),
        (b'{"time": "yesterday", "active_power_kw": 1}', "bad_time"),
        (b'{"time": true, "active_power_kw": 1}', "bad_time"),
        (b'{"time": {"s": 1}, "active_power_kw": 1}', "bad_time"),
        (b'{"time": 1790813700000000000, "active_power_kw": 1}', "bad_time"),
        (b'{"time": "9999-12-31T23:59:59+00:00", "active_power_kw": 1}', "bad_time"),
        (b'{"time": "9999-12-31T23:59:59-23:59", "active_power_kw": 1}', "bad_time"),
        (b'{"time": 1e300, "active_power_kw": 1}', "bad_time"),
        (b'{"time": NaN, "active_power_kw": 1}', "bad_time"),
        (b'[{"active_power_kw": 1}, {"active_power_kw": 2}]', "no_time_in_list"),
    ],
)
def test_names_what_is_no_reading(payload: bytes, reason: str) -> None:
    result = plain(payload)
    assert reason in reasons(result)


def told(template: str, topic: str, payload: bytes) -> DecodeResult:
    return decode(TEMPLATES[template], TEMPLATES[template].device_in(topic), topic, payload, NOW, SHANGHAI)


@pytest.mark.parametrize(
    ("payload", "kwh"),
    [
        (b"7915525.36", 7915.52536),
        (b" 42\n", 0.042),
        (b"-0.00", 0.0),
        (b"007", 0.007),
        (b"+5", 0.005),
        (b".5", 0.0005),
        (b"1e3", 1.0),
    ],
)
def test_reads_a_bare_number(payload: bytes, kwh: float) -> None:
    (row,) = told("shelly-gen1-3em", "shellies/a/emeter/1/total", payload).rows
    assert (row.quantity, row.channel, row.flags) == ("energy_import_kwh", "l2", ReadingFlag.TIME_UNCERTAIN)
    assert row.value == pytest.approx(kwh, rel=1e-12)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty"),
        (b"on", "not_json"),
        (b"12.3 kWh", "not_json"),
        (b"1_000", "not_json"),
        (b"nan", "non_finite"),
        (b"-inf", "non_finite"),
        (b"1e400", "non_finite"),
        (b"9" * 400, "non_finite"),
        (b"+" + b"9" * 400, "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"true", "wrong_type"),
        (b'"12.3"', "wrong_type"),
        (b"[1]", "wrong_type"),
        (b'{"value": 1}', "wrong_type"),
        (b"null", "no_readings"),
    ],
)
def test_names_what_is_no_bare_number(payload: bytes, reason: str) -> None:
    result = told("shelly-gen1-3em", "shellies/a/emeter/1/total", payload)
    assert (reasons(result), result.rows) == ([reason], [])


@pytest.mark.parametrize("payload", [b"", b'{"value": null}', b"{}"])
def test_a_message_that_may_be_empty_is_passed_over(payload: bytes) -> None:
    result = told("victron-pvinverter", "N/a/pvinverter/20/Ac/Power", payload)
    assert (reasons(result), result.rows) == ([], [])


def test_a_number_in_a_path_counts_the_elements_of_a_list() -> None:
    result = told("go-e-charger-v1", "go-eCharger/1/status", b'{"eto": "130", "nrg": [230, 231, 229]}')
    assert [(r.quantity, r.channel, r.value) for r in result.rows] == [
        ("energy_import_kwh", "", 13.0),
        ("voltage_v", "l1", 230.0),
        ("voltage_v", "l2", 231.0),
        ("voltage_v", "l3", 229.0),
    ]
    assert reasons(told("go-e-charger-v1", "go-eCharger/1/status", b'{"nrg": {"0": [1]}}')) == ["wrong_type"]


@pytest.mark.parametrize(
    ("returned", "kw", "problems"),
    [
        ("1.5", -0.5, []),
        ("null", 1.0, []),
        ('"0.25"', 0.75, []),
        ("true", None, ["wrong_type"]),
        ("1e400", None, ["non_finite"]),
    ],
)
def test_takes_off_the_other_direction(returned: str, kw: float | None, problems: list[str]) -> None:
    payload = f'{{"electricity_currently_delivered": "1.0", "electricity_currently_returned": {returned}}}'
    result = told("dsmr-reader", "dsmr/json", payload.encode())
    assert values(result) == ({} if kw is None else {"active_power_kw": kw})
    assert reasons(result) == problems


def test_ten_megabytes_are_refused_unread() -> None:
    result = plain(b'{"active_power_kw": 1}' + b" " * (10 << 20))
    assert reasons(result) == ["too_large"]
    assert str(MAX_PAYLOAD_BYTES) in result.problems[0].detail
    assert result.rows == []


def test_one_bad_value_does_not_cost_the_others() -> None:
    result = plain(b'{"time": 1790813700, "active_power_kw": NaN, "energy_import_kwh": 12.5, "voltage_v": "x"}')
    assert values(result) == {"energy_import_kwh": 12.5}
    assert reasons(result) == ["non_finite", "wrong_type"]


def test_of_a_key_twice_the_last_one_counts() -> None:
    assert values(plain(b'{"active_power_kw": 1, "active_power_kw": 2}')) == {"active_power_kw": 2.0}


def test_a_half_surrogate_pair_can_be_stored_as_detail() -> None:
    result = plain(b'{"time": "\\ud800-this is no time at all", "active_power_kw": NaN}')
    assert result.problems[0].detail.encode()


@pytest.mark.parametrize("written", [None, 0, 9.5, -3, "1970-01-01T00:00:10+00:00", "0001-01-01T00:00:00+23:59"])
def test_without_a_set_clock_the_time_of_receipt_is_taken(written: object) -> None:
    (row,) = plain({"time": written, "energy_import_kwh": 1}).rows
    assert row.time_us == 1790813702_000000
    assert row.flags == ReadingFlag.TIME_UNCERTAIN


@pytest.mark.parametrize(
    "written",
    [
        "2026-10-01T08:15:00+08:00",
        "2026-10-01T00:15:00Z",
        "2026-10-01 00:15:00.000+0000",
        1790813700,
        1790813700.0,
        1790813700000,
    ],
)
def test_reads_times(written: object) -> None:
    (row,) = plain({"time": written, "energy_import_kwh": 1}).rows
    assert (row.time_us, row.flags) == (1790813700_000000, 0)


def test_a_time_ahead_of_ours_is_kept_and_flagged() -> None:
    edge = (NOW + timedelta(minutes=10)).isoformat()
    ahead = (NOW + timedelta(minutes=10, seconds=1)).isoformat()
    assert plain({"time": edge, "energy_import_kwh": 1}).rows[0].flags == 0
    assert plain({"time": ahead, "energy_import_kwh": 1}).rows[0].flags == ReadingFlag.FUTURE


def test_every_quantity_is_accepted_under_its_own_name() -> None:
    assert set(values(plain(dict.fromkeys(READING, 0.5)))) == set(READING)


def test_a_value_beyond_its_bounds_is_kept_and_flagged() -> None:
    result = plain({"time": 1790813700, "power_factor": 1.2, "energy_import_kwh": -1, "temp_air_c": 20})
    assert [(r.quantity, r.value, r.flags) for r in result.rows] == [
        ("power_factor", 1.2, ReadingFlag.OUT_OF_RANGE),
        ("energy_import_kwh", -1.0, ReadingFlag.OUT_OF_RANGE),
        ("temp_air_c", 20.0, 0),
    ]


def test_frame_holds_the_rows() -> None:
    frame = plain({"time": 1790813700, "active_power_kw.l1": 2}).frame()
    assert tuple(frame.columns) == READING_COLUMNS
    (row,) = frame.to_dict("records")
    assert (row["device"], row["channel"], row["value"]) == ("grid-1", "l1", 2.0)
    assert row["time"].isoformat() == "2026-10-01T00:15:00+00:00"
    assert row["received_at"].isoformat() == "2026-10-01T00:15:02+00:00"
    assert plain(b"").frame().empty


def tasmota(time: str, received_at: datetime, zone: ZoneInfo) -> str:
    payload = json.dumps({"Time": time, "ENERGY": {"Total": 1.5}}).encode()
    result = decode(TEMPLATES["tasmota-energy"], "new-b", "tele/new-b/SENSOR", payload, received_at, zone)
    return str(result.told()["readings"][0]["time"])


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        ("2026-10-25T00:30:01+00:00", "2026-10-25T00:30:00+00:00"),
        ("2026-10-25T01:30:01+00:00", "2026-10-25T01:30:00+00:00"),
    ],
)
def test_an_hour_that_occurs_twice_is_told_apart_by_its_receipt(received: str, expected: str) -> None:
    assert tasmota("2026-10-25T02:30:00", datetime.fromisoformat(received), BERLIN) == expected


def test_local_time_is_park_time_unless_it_has_an_offset() -> None:
    received = datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert tasmota("2026-07-01T12:00:00", received, BERLIN) == "2026-07-01T10:00:00+00:00"
    assert tasmota("2026-07-01T12:00:00+03:00", received, BERLIN) == "2026-07-01T09:00:00+00:00"


def test_a_missing_phase_leaves_no_sum() -> None:
    payload = b'{"Time": "2026-10-01T08:00:00", "ENERGY": {"Power": [100, null, 50]}}'
    result = decode(TEMPLATES["tasmota-energy"], "new-b", "tele/new-b/SENSOR", payload, NOW, SHANGHAI)
    assert [(r.channel, r.value) for r in result.rows] == [("l1", 0.1), ("l3", 0.05)]


def test_a_topic_the_template_does_not_know() -> None:
    result = decode(TEMPLATES["json"], "grid-1", "elsewhere", b"{}", NOW, SHANGHAI)
    assert reasons(result) == ["unknown_topic"]


def test_a_byte_order_mark_before_json_costs_nothing() -> None:
    result = plain(b'\xef\xbb\xbf{"ts": 1790813700000, "active_power_kw": 4.5}')
    assert (values(result), reasons(result)) == ({"active_power_kw": 4.5}, [])
    assert reasons(plain(b"\xef\xbb\xbf{")) == ["not_json"]
