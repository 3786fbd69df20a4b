"""Telegrams of several devices, from the topic to the batch, the command and the discovery."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import pytest
import yaml

from core.errors import ConfigError
from core.park import Park
from ingest.batch import Batch, BatchReader
from ingest.device_time import microseconds
from ingest.handoff import Received
from ingest.proposal import Hearing
from ingest.router import Router
from ingest.several import decode_telegram
from ingest.templates import load_templates
from service import commands
from tests.devices.origins import FOLDER

TEMPLATES = load_templates()
NOW = datetime(2026, 10, 1, 0, 1, 5, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
TOPIC = "v1/gateway/telemetry"
TS = 1790812800000


def with_meters(park: Park, template: str, *devices: str) -> Park:
    point = park.points[-1]
    points = tuple(
        point.model_copy(
            update={
                "id": f"p{i}",
                "devices": (point.devices[0].model_copy(update={"id": device, "template": template}),),
            }
        )
        for i, device in enumerate(devices)
    )
    return park.model_copy(update={"points": points})


def batch_of(park: Park, topic: str, payload: object) -> Batch:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return BatchReader(Router(park, TEMPLATES), ZONE).read([Received(topic, raw, microseconds(NOW), 0, 1, 1)])


def read(batch: Batch) -> list[tuple[str, str, float]]:
    return [tuple(r) for r in batch.readings[["device", "quantity", "value"]].itertuples(index=False)]


def at(ts: int, **values: object) -> dict[str, object]:
    return {"ts": ts, "values": values}


def test_every_device_of_a_telegram_gets_its_readings(small_park: Park) -> None:
    park = with_meters(small_park, "thingsboard-gateway", "hall-7", "roof east")
    payload = {
        "hall-7": [at(TS, energy_import_kwh=5), at(TS + 1, energy_import_kwh=6)],
        "roof east": [at(TS, voltage_v=230)],
    }
    batch = batch_of(park, TOPIC, payload)
    assert read(batch) == [
        ("hall-7", "energy_import_kwh", 5.0),
        ("hall-7", "energy_import_kwh", 6.0),
        ("roof east", "voltage_v", 230.0),
    ]
    assert (batch.quarantine, batch.origin.tolist()) == ([], [0, 0, 0])


def test_a_stranger_in_a_telegram_costs_the_others_nothing(small_park: Park) -> None:
    park = with_meters(small_park, "thingsboard-gateway", "hall-7")
    batch = batch_of(park, TOPIC, {"hall-8": [at(TS, voltage_v=1)], "hall-7": [at(TS, voltage_v=230)]})
    assert read(batch) == [("hall-7", "voltage_v", 230.0)]
    (item,) = batch.quarantine
    assert item.reason == "unknown_device"
    assert item.detail == "hall-8: no device in PARK.yaml has this id; did you mean hall-7?"


def test_what_is_wrong_with_a_known_device_weighs_more_than_a_stranger(small_park: Park) -> None:
    park = with_meters(small_park, "thingsboard-gateway", "hall-7")
    payload = {"x": [at(TS, voltage_v=1)], "hall-7": [at(TS, voltage_v="high"), at(TS, current_a=1)]}
    batch = batch_of(park, TOPIC, payload)
    assert (read(batch), dict(batch.counts)) == ([("hall-7", "current_a", 1.0)], {"wrong_type": 1})


def test_a_device_with_another_template_is_no_device_of_this_gateway(small_park: Park) -> None:
    park = with_meters(small_park, "thingsboard-gateway", "hall-7")
    other = with_meters(small_park, "json", "hall-9").points[0].model_copy(update={"id": "other"})
    batch = batch_of(
        park.model_copy(update={"points": (*park.points, other)}), TOPIC, {"hall-9": [at(TS, voltage_v=1)]}
    )
    assert read(batch) == []
    assert "another template" in batch.quarantine[0].detail


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"{", "not_json"),
        (b"", "empty"),
        ([], "wrong_shape"),
        (7, "wrong_shape"),
        ({}, "no_readings"),
        ({"hall-7": []}, "no_readings"),
        ({"hall-7": 5}, "wrong_shape"),
        ({"": [at(TS, voltage_v=1)]}, "bad_device"),
        ({"x" * 129: [at(TS, voltage_v=1)]}, "bad_device"),
        ({"hall-7": [{"values": {"voltage_v": 1}}, {"values": {"voltage_v": 2}}]}, "no_time_in_list"),
        ({f"m{i}": at(TS, voltage_v=1) for i in range(2001)}, "too_large"),
    ],
)
def test_names_what_is_wrong_with_a_telegram(payload: object, reason: str) -> None:
    template = TEMPLATES["thingsboard-gateway"]
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    results = decode_telegram(template, template.messages[0], "", raw, NOW, ZONE)
    assert reason in [p.reason for r in results for p in r.problems]


def test_a_time_beside_the_devices_is_the_time_of_each() -> None:
    template = TEMPLATES["acrel-awt"]
    payload = b'{"timestamp": 1738468200, "reported": {"a": {"EPI": "1.5", "timestamp": 1}, "b": {"EPI": "2.5"}}}'
    results = decode_telegram(template, template.messages[0], "", payload, NOW, ZONE)
    assert [(r.device, r.rows[0].time_us, r.rows[0].value) for r in results] == [
        ("a", 1738468200_000000, 1.5),
        ("b", 1738468200_000000, 2.5),
    ]


def test_a_list_of_devices_says_which_each_is() -> None:
    template = TEMPLATES["dlt645-sdrtu"]
    payload = b'[{"i": 12, "v": {"voltage_v": 230}}, {"v": {"voltage_v": 1}}, {"i": 12, "v": {"voltage_v": 231}}]'
    results = decode_telegram(template, template.messages[0], "", payload, NOW, ZONE)
    assert [(r.device, [row.value for row in r.rows], [p.reason for p in r.problems]) for r in results] == [
        ("12", [230.0], ["no_time_in_list"]),
        ("", [], ["bad_device"]),
    ]


def test_two_templates_cannot_share_a_gateways_topic(small_park: Park, tmp_path: Path) -> None:
    del tmp_path
    copy = TEMPLATES["thingsboard-gateway"].model_copy(update={"template": "copy"})
    both = with_meters(small_park, "thingsboard-gateway", "a").points
    other = with_meters(small_park, "copy", "b").points[0].model_copy(update={"id": "q"})
    with pytest.raises(ConfigError, match="both publish on v1/gateway/telemetry"):
        Router(small_park.model_copy(update={"points": (*both, other)}), TEMPLATES | {"copy": copy})


def test_the_command_shows_every_device(capsys: pytest.CaptureFixture[str]) -> None:
    payload = FOLDER / "thingsboard-gateway" / "payload.json"
    assert commands.decode("thingsboard-gateway", TOPIC, payload, "Asia/Shanghai") == 0
    told = orjson.loads(capsys.readouterr().out)
    assert [(t["device"], len(t["readings"])) for t in told] == [("hall-7", 4), ("roof east", 1)]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("thingsboard-gateway", ["{id: hall-7, template: thingsboard-gateway, interval_s: 60}", 'id: "roof east"']),
        ("acrel-awt/two-meters", ["template: acrel-awt", "0_24120405680028"]),
        ("telegraf-line", ["{id: orangepizero, template: telegraf-line}"]),
        ("telegraf-json", ["{id: orangepizero, template: telegraf-json}"]),
        ("homeassistant-statestream", ["{id: solar, template: homeassistant-statestream}"]),
        ("evcc-grid", ["{id: evcc, template: evcc-grid}"]),
        ("fronius-bridge-meter", ["{id: grid, template: fronius-bridge-meter}"]),
        ("huawei-huabus", ["{id: roof, template: huawei-huabus}"]),
        ("acrel-adw300", ["template: acrel-adw300}"]),
        ("sparkplug-b", ["{id: hall-7, template: sparkplug-b"]),
    ],
)
def test_what_was_heard_is_proposed_with_its_template(small_park: Park, name: str, lines: list[str]) -> None:
    origin = yaml.safe_load((FOLDER / name / "provenance.yaml").read_text())
    hearing = Hearing(small_park, TEMPLATES)
    hearing.note(origin["topic"], (FOLDER / name / "payload.json").read_bytes(), NOW, False)
    told = hearing.found(60.0).told()
    assert [line for line in lines if line not in told] == [], told
