"""What publishes on a real broker, and what is proposed for PARK.yaml."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
import yaml

from core.clock import SystemClock
from core.errors import ConfigError
from core.park import Park, Point
from ingest.discover import discover
from ingest.proposal import Discovery, Hearing
from ingest.templates import load_templates
from tests.conftest import Mosquitto, free_port

DEVICES = Path(__file__).parents[1] / "devices"
NOW = datetime(2026, 10, 1, 4, 0, tzinfo=UTC)
BROKER = pytest.mark.broker


def heard(park: Park, *messages: tuple[str, bytes]) -> Discovery:
    hearing = Hearing(park, load_templates())
    for topic, payload in messages:
        hearing.note(topic, payload, NOW, False)
    return hearing.found(60.0)


def proposed(found: Discovery) -> list[Point]:
    return [Point.model_validate(p) for p in yaml.safe_load(found.told())["points"]]


@BROKER
def test_every_kind_of_device_is_proposed(mosquitto: Mosquitto, small_park: Park) -> None:
    park = small_park.model_copy(update={"mqtt": small_park.mqtt.model_copy(update={"port": mosquitto.port})})
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    listening, result = threading.Event(), []
    ear = threading.Thread(
        target=lambda: result.append(discover(park, 2.0, SystemClock(), listening=listening)), daemon=True
    )
    ear.start()
    assert listening.wait(20)
    for n in range(3):
        stamp = 1790820000 + 300 * n
        payload = json.dumps({"time": stamp, "energy_export_kwh": n, "dc_power_kw": 1})
        client.publish("parkwatt/Inverter 7/telemetry", payload, 1)
        client.publish("parkwatt/grid-1/telemetry", json.dumps({"time": stamp, "energy_import_kwh": n}), 1)
    client.publish("shellypro3em-08f9/events/rpc", (DEVICES / "shelly-gen2-em/payload.json").read_bytes(), 1)
    client.publish("shellypro3em-08f9/status/sys", b'{"uptime": 5}', 1)
    client.publish("tele/Pump/SENSOR", (DEVICES / "tasmota-energy/payload.json").read_bytes(), 1)
    client.publish("home/tele/Attic/SENSOR", (DEVICES / "tasmota-energy/payload.json").read_bytes(), 1)
    client.publish("zigbee2mqtt/lamp", b'{"state": "ON"}', 1).wait_for_publish(10)
    ear.join(30)
    client.disconnect()
    client.loop_stop()
    (found,) = result
    assert [(d.device, d.template, d.interval_s, d.configured) for d in found.devices] == [
        ("Inverter 7", "json", 300.0, ""),
        ("Pump", "tasmota-energy", None, ""),
        ("grid-1", "json", 300.0, "point grid"),
        ("shellypro3em-08f9", "shelly-gen2-em", None, ""),
    ]
    points = proposed(found)
    assert [(p.id, p.role, p.devices[0].id) for p in points] == [
        ("inverter-7", "pv", "Inverter 7"),
        ("pump", "load", "Pump"),
        ("shellypro3em-08f9", "load", "shellypro3em-08f9"),
    ]
    assert points[0].devices[0].interval_s == 300.0
    told = found.told()
    assert "#   grid-1: point grid; energy_import_kwh" in told
    assert "# active_power_kw (total, l1, l2, l3)" in told
    assert '#   home/tele/Attic/SENSOR (built like tasmota-energy, on another topic): {"Time"' in told
    assert '#   zigbee2mqtt/lamp: {"state": "ON"}' in told
    assert '#   shellypro3em-08f9/status/sys: {"uptime": 5}' in told


@BROKER
def test_a_broker_that_refuses_everything_is_asked_for_the_templates_topics(
    mosquitto: Mosquitto, small_park: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = mqtt.Client.subscribe

    def subscribe(self: mqtt.Client, topic: object, *rest: object) -> object:
        if topic == "#":
            self.on_subscribe(self, None, 1, [mqtt.ReasonCode(mqtt.PacketTypes.SUBACK, identifier=0x80)], None)
            return None
        return real(self, topic, *rest)

    monkeypatch.setattr(mqtt.Client, "subscribe", subscribe)
    park = small_park.model_copy(update={"mqtt": small_park.mqtt.model_copy(update={"port": mosquitto.port})})
    sender = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    sender.connect("127.0.0.1", mosquitto.port)
    sender.loop_start()
    sender.publish("parkwatt/m/telemetry", b'{"energy_import_kwh": 1}', 1, retain=True)
    sender.publish("elsewhere", b"1", 1, retain=True).wait_for_publish(10)
    found = discover(park, 1.0, SystemClock())
    sender.disconnect()
    sender.loop_stop()
    assert [(d.device, d.interval_s, d.has_time) for d in found.devices] == [("m", None, False)]
    assert found.unread == ()


def test_an_absent_broker_is_said_in_words(small_park: Park) -> None:
    port = free_port()
    park = small_park.model_copy(update={"mqtt": small_park.mqtt.model_copy(update={"port": port})})
    with pytest.raises(ConfigError, match=f"broker 127.0.0.1:{port}: Connection refused"):
        discover(park, 1.0, SystemClock())


def test_a_device_with_another_template_is_told(small_park: Park) -> None:
    found = heard(small_park, ("parkwatt/shelly-a/telemetry", b'{"energy_import_kwh": 1}'))
    (device,) = found.devices
    assert device.configured == "point hall-a, but with template shelly-gen2-em; json fits what it sends"
    assert "points:" not in found.told()


def test_names_that_yaml_would_misread_and_names_that_are_taken(small_park: Park) -> None:
    payload = b'{"temp_air_c": 12, "ghi_wm2": 3}'
    found = heard(small_park, *((f"parkwatt/{d}/telemetry", payload) for d in ("GRID", "0012", "on", 'a"b', "grid!")))
    assert [(p.id, p.role, p.devices[0].id) for p in proposed(found)] == [
        ("0012", "weather", "0012"),
        ("grid-2", "weather", "GRID"),
        ("a-b", "weather", 'a"b'),
        ("grid-", "weather", "grid!"),
        ("on", "weather", "on"),
    ]


def test_a_flood_of_topics_fills_no_memory(small_park: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.proposal.MOST_TOPICS", 3)
    found = heard(small_park, *((f"t{n}\x1b[2J", b"\xff\x1b") for n in range(5)))
    assert (found.messages, len(found.unread), found.left_off) == (5, 3, 2)
    assert "\x1b" not in found.told()
    assert found.told().endswith("#   and 2 more topics")
