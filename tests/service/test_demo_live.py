from __future__ import annotations

import csv
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import orjson
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from core.clock import SystemClock
from core.errors import ConfigError
from core.park import Park
from core.park_file import load_park, parse_park
from ingest.decode import decode
from ingest.templates import load_templates
from service.demo.faults import Faults
from service.demo.history import write_history
from service.demo.meters import read_meter
from service.demo.plant import Plant
from service.demo.publisher import last_acknowledged
from service.demo.simulate import begin, plan, simulate
from service.demo.site import park_yaml
from service.demo.telegrams import Telegram, check_templates, telegrams
from tests.conftest import Mosquitto, wait_for

UNTIL = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")


@cache
def twin(until: datetime = UNTIL, faults: str = "none") -> Plant:
    park = parse_park(park_yaml(until).encode())
    return Plant(park, 1, plan(park, faults, 1, 60))


def first(sent: list[Telegram], device: str) -> Telegram:
    return next(t for t in sent if t.device == device)


def test_every_device_sends_once_per_interval_and_again_the_same() -> None:
    plant = twin()
    sent = telegrams(plant, UNTIL, UNTIL + timedelta(minutes=30), 60)
    power = [t for t in sent if b"emdata" not in t.payload]
    assert {t.device for t in power} == {d.id for _, d in plant.park.assignments()}
    for device in {t.device for t in power}:
        assert len([t for t in power if t.device == device]) in {29, 30, 31}
    assert sent == telegrams(twin.__wrapped__(), UNTIL, UNTIL + timedelta(minutes=30), 60)
    assert [t.time for t in sent] == sorted(t.time for t in sent)
    pieces = [telegrams(plant, UNTIL + timedelta(seconds=s), UNTIL + timedelta(seconds=s + 10), 60) for s in (0, 10)]
    assert [t for p in pieces for t in p] == telegrams(plant, UNTIL, UNTIL + timedelta(seconds=20), 60)


def test_registers_go_on_from_the_history(tmp_path: Path) -> None:
    plant = twin(faults="demo")
    write_history(plant, UNTIL, tmp_path / "h.parquet")
    with duckdb.connect() as connection:
        last = connection.execute(
            "select device, quantity, arg_max(value, time) from read_parquet(?) group by all",
            [str(tmp_path / "h.parquet")],
        ).fetchall()
    ends = {(device, quantity): value for device, quantity, value in last}
    restarted = telegrams(twin.__wrapped__(faults="demo"), UNTIL, UNTIL + timedelta(minutes=3), 60)
    for point, device in plant.park.assignments():
        if point.role == "weather":
            continue
        step = first(restarted, device.id).import_kwh - ends[device.id, "energy_import_kwh"]
        assert 0 <= step < 3 / 60 * (device.rating_kw or 0)
        assert step < 20


@pytest.mark.parametrize(
    ("device", "template", "topic"),
    [
        ("grid-7f3a", "json", "parkwatt/grid-7f3a/telemetry"),
        ("inv-hub-1", "json", "parkwatt/inv-hub-1/telemetry"),
        ("meter-lab-02c1", "json", "parkwatt/meter-lab-02c1/telemetry"),
        ("shellypro3em-expo", "shelly-gen2-em", "shellypro3em-expo/events/rpc"),
        ("tasmota-pumps", "tasmota-energy", "tele/tasmota-pumps/SENSOR"),
    ],
)
def test_telegrams_decode_to_what_the_meter_shows(device: str, template: str, topic: str) -> None:
    plant = twin()
    point, assignment = next((p, d) for p, d in plant.park.assignments() if d.id == device)
    sent = [t for t in telegrams(plant, UNTIL, UNTIL + timedelta(minutes=2), 60) if t.device == device]
    found: dict[str, float] = {}
    times = set()
    for telegram in sent[: 2 if template == "shelly-gen2-em" else 1]:
        assert telegram.topic == topic
        result = decode(load_templates()[template], device, topic, telegram.payload, telegram.time, SHANGHAI)
        assert result.problems == []
        found |= {r.quantity: r.value for r in result.rows if r.channel == ""}
        times |= {r.time_us / 1e6 for r in result.rows}
        assert {r.flags for r in result.rows} == {0}
    shown = read_meter(plant, point, assignment, np.array([sent[0].time.timestamp()]))
    assert times == {sent[0].time.timestamp()}
    assert found["energy_import_kwh"] == pytest.approx(shown.import_kwh[0], abs=1e-4)
    assert found["active_power_kw"] == pytest.approx(shown.power_kw[0], abs=5e-4)
    if point.role != "load":
        assert found["energy_export_kwh"] == pytest.approx(shown.export_kwh[0], abs=1e-4)


def test_weather_station_sends_its_four_gauges() -> None:
    sent = telegrams(twin(), UNTIL, UNTIL + timedelta(minutes=2), 60)
    payload = orjson.loads(first(sent, "met-0b19").payload)
    assert set(payload) == {"time", "ghi_wm2", "temp_air_c", "wind_speed_ms", "temp_module_c"}
    assert payload["time"].endswith("+08:00")


def test_tasmota_counts_today_from_local_midnight() -> None:
    midnight = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
    sent = telegrams(twin(), midnight, midnight + timedelta(minutes=2), 60)
    energy = orjson.loads(first(sent, "tasmota-lamps").payload)["ENERGY"]
    assert 0 < energy["Today"] < 1
    assert 20 < energy["Yesterday"] < 100


def test_silent_meter_sends_nothing() -> None:
    plant = twin(faults="demo")
    (silence,) = plant.faults.silences
    point = plant.park.point(silence.point)
    sent = telegrams(plant, silence.start, silence.start + timedelta(minutes=10), 60)
    assert {d.id for d in point.devices}.isdisjoint({t.device for t in sent})


def test_unknown_template_is_named(small_park: Park) -> None:
    text = park_yaml(UNTIL).replace("template: tasmota-energy", "template: mbus-gateway", 1)
    with pytest.raises(ConfigError, match="no telegrams of mbus-gateway"):
        check_templates(parse_park(text.encode()))
    check_templates(small_park)


def listener(port: int, received: list[tuple[str, bytes]]) -> Client:
    client = Client(CallbackAPIVersion.VERSION2, client_id="listener", clean_session=False)
    client.on_connect = lambda c, *_: c.subscribe("#", 1)
    client.on_message = lambda _c, _u, m: received.append((m.topic, m.payload))
    client.connect("127.0.0.1", port)
    client.loop_start()
    wait_for(client.is_connected, what="listener")
    return client


@pytest.mark.broker
def test_catch_up_leaves_no_hole_and_broker_outage_loses_nothing(mosquitto: Mosquitto, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    until = now.replace(minute=0, second=0, microsecond=0)
    plant = twin(until)
    park = plant.park.model_copy(update={"mqtt": plant.park.mqtt.model_copy(update={"port": mosquitto.port})})
    received: list[tuple[str, bytes]] = []
    client = listener(mosquitto.port, received)
    stop, ledger = threading.Event(), tmp_path / "ledger.csv"
    worker = threading.Thread(
        target=simulate,
        args=(plant, park.mqtt, SystemClock(), stop),
        kwargs={"interval_s": 1.0, "since": now - timedelta(seconds=30), "ledger_path": ledger},
    )
    worker.start()
    due = {t.payload for t in telegrams(plant, now - timedelta(seconds=30), now, 1.0)}
    wait_for(lambda: due <= {p for _, p in received}, what="everything due")
    mosquitto.kill()
    mosquitto.start()
    before = len(received)
    wait_for(lambda: len(received) > before + 50, what="telegrams after the outage")
    stop.set()
    worker.join(20)
    with ledger.open(newline="") as file:
        rows = list(csv.DictReader(file))
    acked = {(r["time"], r["topic"], r["sha256"]) for r in rows if r["acked"] == "1"}
    assert acked == {(r["time"], r["topic"], r["sha256"]) for r in rows}
    client.disconnect()
    client.loop_stop()
    last = last_acknowledged(ledger)
    assert last is not None
    assert begin(park, ledger, 60, datetime.now(UTC)) == last - timedelta(minutes=2)


@pytest.mark.broker
def test_runs_as_its_own_process_and_ends_on_sigterm(mosquitto: Mosquitto, tmp_path: Path) -> None:
    until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    file, ledger = tmp_path / "PARK.yaml", tmp_path / "ledger.csv"
    file.write_text(park_yaml(until, broker_port=mosquitto.port), encoding="utf-8")
    load_park(file)
    command = [sys.executable, "-m", "service.demo.simulate", str(file), "--ledger", str(ledger), "--interval", "5"]
    process = subprocess.Popen([*command, "--seed", "1"])
    wait_for(lambda: last_acknowledged(ledger), what="a first acknowledged telegram")
    process.terminate()
    assert process.wait(20) == 0


def test_begin_after_history_or_now() -> None:
    park = parse_park(park_yaml(UNTIL).encode())
    assert begin(park, None, 60, UNTIL + timedelta(hours=1)) == UNTIL
    assert begin(park, None, 60, UNTIL - timedelta(hours=1)) == UNTIL - timedelta(hours=1)
    assert plan(park, "none", 1, 60) == Faults.none()
