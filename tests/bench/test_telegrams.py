"""The bench's telegrams have to be what it says they are."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import paho.mqtt.client as mqtt
import pytest

from ingest.decode import decode
from ingest.templates import load_templates
from tests.bench.publisher import connect, publish
from tests.bench.telegrams import VALUES, device_id, packets
from tests.conftest import Mosquitto, wait_for

NOW = datetime(2026, 7, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize("values", VALUES)
def test_telegrams_are_distinct_readings_of_the_last_day(values: int) -> None:
    ready = packets(25, 10, VALUES[values], NOW)
    template, keys = load_templates()["json"], set()
    for number in range(ready.count):
        device = device_id(number % 10)
        found = decode(
            template, device, f"parkwatt/{device}/telemetry", ready.payload(number), NOW, ZoneInfo("Asia/Shanghai")
        )
        assert found.problems == []
        assert [row.flags for row in found.rows] == [0] * values
        assert [f"{r.quantity}.{r.channel}".rstrip(".") for r in found.rows] == list(VALUES[values])
        keys |= {(device, row.quantity, row.channel, row.time_us) for row in found.rows}
        first, last = (round((NOW + d).timestamp() * 1e6) for d in (timedelta(hours=-1), timedelta()))
        assert all(first < row.time_us < last for row in found.rows)
    assert len(keys) == 25 * values


def test_every_packet_reaches_the_broker_as_it_was_made(mosquitto: Mosquitto) -> None:
    ready, got = packets(500, 7, VALUES[4], NOW), []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: got.append((message.topic, message.payload))
    granted: list[object] = []
    client.on_subscribe = lambda *_: granted.append(True)
    client.connect("127.0.0.1", mosquitto.port)
    client.subscribe("parkwatt/+/telemetry", 1)
    client.loop_start()
    wait_for(lambda: granted, what="SUBACK")
    line: socket.socket = connect("127.0.0.1", mosquitto.port, "bench")
    publish(line, ready, window=50, rate=0)
    line.close()
    wait_for(lambda: len(got) == 500, what="telegrams")
    client.disconnect()
    client.loop_stop()
    assert got == [(f"parkwatt/{device_id(n % 7)}/telemetry", ready.payload(n)) for n in range(500)]
