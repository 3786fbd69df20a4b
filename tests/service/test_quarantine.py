"""`parkwatt quarantine` and `parkwatt discover`, as a person types them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import requests

from core.park_file import load_park
from core.store import QuarantineItem
from core.text import Language
from service import quarantine
from store.state import SqliteState
from tests.conftest import SMALL_PARK, accepts, free_port, wait_for

THEN = datetime(2026, 10, 1, 4, 0, 1, tzinfo=UTC)
SENT = b'{"time": "2026-10-01T12:00:00+08:00", "energy_import_kwh": 48213.5}'
NEW_METER = "      - {id: grid-1, template: json, rating_kw: 500, valid_to: 2026-09-01}\n      - {id: grid-2, template: json, valid_from: 2026-09-01}"  # fmt: skip


def parkwatt(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "PARK.yaml"
    text = SMALL_PARK.read_text(encoding="utf-8")
    path.write_text(text + f"mqtt: {{port: {free_port()}}}\nhttp: {{port: {free_port()}}}\n", encoding="utf-8")
    return path


def keep(config: Path, *items: tuple[str, bytes, str]) -> None:
    park = load_park(config)
    state = SqliteState(park.state)
    state.quarantine([QuarantineItem(THEN, topic, payload, reason, "said then") for topic, payload, reason in items])
    state.close()


def mend(config: Path) -> None:
    text = config.read_text(encoding="utf-8")
    old = "      - {id: grid-1, template: json, rating_kw: 500}"
    assert old in text
    config.write_text(text.replace(old, NEW_METER), encoding="utf-8")


@pytest.fixture
def running(config: Path) -> Iterator[None]:
    park = load_park(config)
    process = subprocess.Popen([sys.executable, "-m", "service.cli", "run", str(config)], stderr=subprocess.DEVNULL)
    wait_for(lambda: accepts(park.http.port), what="the page")
    yield
    process.kill()
    process.communicate()


def test_list_show_and_replay(config: Path) -> None:
    assert parkwatt("quarantine", str(config), "list").stdout == "Nothing is in quarantine.\n"
    keep(
        config,
        ("parkwatt/grid-2/telemetry", SENT, "unknown_device"),
        ("parkwatt/grid-1/telemetry", b"\xff\x00\x1b[2J", "not_json"),
    )
    lines = parkwatt("quarantine", str(config), "list").stdout.splitlines()
    assert lines[0] == "In quarantine: 2 waiting, 0 replayed"
    assert [line.split()[:2] for line in lines[1:3]] == [["not_json", "1"], ["unknown_device", "1"]]
    assert [line.split()[:5] for line in lines[3:]] == [
        ["2", "2026-10-01", "12:00", "not_json", "-"],
        ["1", "2026-10-01", "12:00", "unknown_device", "-"],
    ]
    assert lines[4].endswith('parkwatt/grid-2/telemetry  {"time": "2026-10-01T12:00:00+08:00", "energy_im')
    assert "\x1b" not in "".join(lines)

    shown = parkwatt("quarantine", str(config), "show", "1").stdout
    assert "reason: PARK.yaml has no such device (unknown_device)" in shown
    assert "what to do: If it is a meter of this park" in shown
    assert shown.endswith(f"payload (67 bytes):\n{SENT.decode()}\n")
    assert "00000000  ff 00 1b 5b 32 4a " in parkwatt("quarantine", str(config), "show", "2").stdout
    assert "原因: PARK.yaml 中没有这个设备" in parkwatt("quarantine", str(config), "show", "1", "--lang", "zh").stdout

    mend(config)
    result = parkwatt("quarantine", str(config), "replay", "--reason", "unknown_device")
    assert (result.returncode, result.stdout) == (0, "1 looked at: 1 replayed, 1 readings stored\n")
    result = parkwatt("quarantine", str(config), "replay")
    assert (result.returncode, result.stdout.splitlines()) == (
        1,
        ["1 looked at: 0 replayed, 0 readings stored", "  1 still fail: not_json"],
    )
    assert parkwatt("quarantine", str(config), "list").stdout.startswith("In quarantine: 1 waiting, 1 replayed\n")


@pytest.mark.usefixtures("running")
def test_a_replay_while_the_service_runs_goes_through_it(config: Path) -> None:
    keep(config, ("parkwatt/grid-1/telemetry", SENT, "not_json"), ("tele/none/SENSOR", b"{}", "unknown_device"))
    result = parkwatt("quarantine", str(config), "replay")
    assert result.stdout.splitlines() == [
        "2 looked at: 1 replayed, 1 readings stored",
        "  1 still fail: unknown_device",
    ], result.stderr
    url = f"http://127.0.0.1:{load_park(config).http.port}"
    assert 'parkwatt_events_total{name="replay.messages"} 1.0' in requests.get(f"{url}/metrics", timeout=10).text
    body = {"digest": load_park(config).digest}
    assert requests.post(f"{url}/api/v1/quarantine/replay", json=body, timeout=10).status_code == 401
    mend(config)
    result = parkwatt("quarantine", str(config), "replay")
    assert result.returncode == 2
    assert "started with another PARK.yaml (restart it, then replay)" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["quarantine", "{config}", "show", "7"], "there is no number 7 in quarantine"),
        (["quarantine", "{config}", "replay", "--id", "7"], "there is no number 7 in quarantine"),
        (["discover", "{config}", "--seconds", "1"], "Connection refused (see mqtt in PARK.yaml)"),
        (["discover", "{config}", "--seconds", "0"], "between 0 and 86400"),
    ],
)
def test_commands_say_what_is_wrong(config: Path, arguments: list[str], words: str) -> None:
    result = parkwatt(*(a.replace("{config}", str(config)) for a in arguments))
    assert result.returncode == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_the_list_counts_what_the_checks_found(config: Path) -> None:
    keep(config, ("t", b"", "empty"))
    park = load_park(config)
    state = SqliteState(park.state)
    state.add_counts({"ingest.check.duplicate": 3, "ingest.messages": 9})
    told = quarantine.listed(state, ZoneInfo("UTC"), 0, Language.ZH)
    state.close()
    assert told.splitlines()[0] == "隔离区：1 条待处理，0 条已重放"
    assert told.splitlines()[-1] == "读数检查: duplicate 3"
