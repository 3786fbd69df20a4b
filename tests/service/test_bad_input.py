"""Wrong set-ups, told in one clear line each, by the real command."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from tests.conftest import SMALL_PARK, accepts, free_port, wait_for


def parkwatt(*arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "PARK.yaml"
    text = SMALL_PARK.read_text(encoding="utf-8")
    path.write_text(text + f"mqtt: {{port: {free_port()}}}\nhttp: {{port: {free_port()}}}\n", encoding="utf-8")
    return path


@pytest.fixture
def running(config: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A service whose broker is not there."""
    port = int(config.read_text(encoding="utf-8").rsplit("port: ", 1)[1].split("}")[0])
    command = [sys.executable, "-m", "service.cli", "run", str(config)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: accepts(port), what="the page")
    yield process, port
    process.kill()
    process.communicate()


def told(result: subprocess.CompletedProcess[str], status: int, *words: str) -> None:
    assert result.returncode == status, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


def test_a_right_configuration_is_called_right(config: Path) -> None:
    result = parkwatt("check", str(config))
    assert result.returncode == 0
    assert "PARK.yaml: right." in result.stdout
    assert "location:CN-SH:2023 0.5737 kgCO2/kWh" in result.stdout


def test_a_wrong_configuration_is_refused_line_by_line(config: Path) -> None:
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("latitude:", "latitdue:").replace("dc_kwp: 110", "dc_kwp: much"), encoding="utf-8")
    for command in ("check", "run"):
        result = parkwatt(command, str(config))
        told(result, 2, "line 3: latitdue: is not a known key (did you mean latitude?)", "line 41: arrays[0].dc_kwp")
        assert all(line.startswith(f"parkwatt: {config}: line ") for line in result.stderr.splitlines())


def test_an_unknown_template_is_named(config: Path) -> None:
    config.write_text(config.read_text(encoding="utf-8").replace("template: json, rating_kw: 500", "template: jsn"))
    told(parkwatt("check", str(config)), 2, "jsn", "json")


def test_secrets_that_are_not_here_are_noted(config: Path) -> None:
    receivers = "receivers: [{id: duty, kind: apprise, url_env: NOT_SET_ANYWHERE}]\n"
    config.write_text(config.read_text(encoding="utf-8") + receivers, encoding="utf-8")
    result = parkwatt("check", str(config))
    assert result.returncode == 0
    assert "note       receiver duty: the environment variable NOT_SET_ANYWHERE is not set here" in result.stdout


def test_a_pv_meter_without_an_array_is_noted(config: Path) -> None:
    assert "without an array" not in parkwatt("check", str(config)).stdout
    text = config.read_text(encoding="utf-8")
    config.write_text("\n".join(line for line in text.splitlines() if "point: pv-b" not in line), encoding="utf-8")
    said = "note       pv-b is a PV meter without an array: nothing is expected of it and no fault of it can be found"
    assert said in parkwatt("check", str(config)).stdout


def test_a_token_that_is_not_here_is_noted_and_half_an_influxdb_2_refused(config: Path) -> None:
    text = config.read_text(encoding="utf-8")
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("store:"))
    place = 'store: {url: "http://127.0.0.1:9", bucket: park, org: ours'
    config.write_text(f"{kept}\n{place}, token_env: NOT_SET_ANYWHERE}}\n", encoding="utf-8")
    result = parkwatt("check", str(config))
    assert result.returncode == 0
    assert "note       store: the environment variable NOT_SET_ANYWHERE is not set here" in result.stdout
    config.write_text(f"{kept}\n{place}}}\n", encoding="utf-8")
    told(parkwatt("check", str(config)), 2, "InfluxDB 2 needs bucket, org and token_env or token_file")


def test_a_name_no_report_can_show_is_told_at_once(config: Path) -> None:
    config.write_text(config.read_text(encoding="utf-8").replace("zh: A 馆", "zh: A 馆 🏢"), encoding="utf-8")
    told(parkwatt("check", str(config)), 2, "points hall-a", "U+1F3E2")


def test_a_port_in_use_is_told_before_anything_starts(config: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        told(parkwatt("run", str(config), "--port", port), 2, f"cannot listen on 127.0.0.1:{port}", "--port")
    assert not (tmp_path / "data" / "parkwatt.duckdb").exists()


def test_an_unreachable_broker_is_one_line_and_the_page_goes_on(
    running: tuple[subprocess.Popen[str], int],
) -> None:
    process, port = running
    url = f"http://127.0.0.1:{port}"
    wait_for(lambda: requests.get(f"{url}/healthz", timeout=5).status_code == 503, what="bad health")
    health = requests.get(f"{url}/healthz", timeout=5).json()
    assert "not connected to the broker" in health["problems"][0]
    assert requests.get(f"{url}/api/v1/overview?lang=en", timeout=5).json()["meta"]["empty"] is True
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert sum("broker" in line and "WARNING" in line for line in errors.splitlines()) <= 1


def test_a_second_service_on_the_same_park_is_refused(running: tuple[subprocess.Popen[str], int], config: Path) -> None:
    process, _ = running
    told(parkwatt("run", str(config), "--port", str(free_port())), 2, str(process.pid))


@pytest.mark.usefixtures("running")
def test_a_report_while_the_service_runs_goes_through_it(config: Path, tmp_path: Path) -> None:
    result = parkwatt("report", str(config), "--month", "2026-10", "--out", str(tmp_path / "out"))
    assert result.returncode == 0, result.stderr
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == [f"parkwatt-small-2026-10.{e}" for e in ("en.pdf", "json", "xlsx", "zh.pdf")]


@pytest.mark.usefixtures("running")
def test_an_import_while_the_service_runs_goes_through_it(config: Path, tmp_path: Path) -> None:
    rows = "".join(f"2026-11-01T{h:02d}:00:00+08:00,grid-1,energy_import_kwh,{1000 + h}\n" for h in range(24))
    (tmp_path / "history.csv").write_text("time,device,quantity,value\n" + rows)
    result = parkwatt("import", str(config), str(tmp_path / "history.csv"))
    assert result.returncode == 0, result.stderr
    assert "24" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["report", "{config}", "--month", "2026-13", "--out", "{folder}"], ["'2026-13' is not a month", "2026-10"]),
        (["report", "{config}", "--month", "2099-01", "--out", "{folder}"], ["2099-01"]),
        (["report", "{config}", "--month", "2026-10", "--out", "/proc/none"], ["/proc/none"]),
        (["import", "{config}", "{folder}/none.csv"], ["none.csv"]),
        (["import", "{config}", "{config}"], ["PARK.yaml"]),
        (["decode", "nonesuch", "--topic", "a", "--payload", "{config}"], ["nonesuch"]),
        (["decode", "json", "--topic", "a", "--payload", "{config}"], ["parkwatt/{device}/telemetry"]),
        (["decode", "json", "--topic", "parkwatt/a/telemetry", "--payload", "{folder}/none"], ["none"]),
        (["ingest", "{config}"], ["embedded store belongs to one process"]),
        (["run", "{folder}/NONE.yaml"], ["cannot read", "NONE.yaml"]),
    ],
)
def test_commands_say_what_is_wrong(config: Path, tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    filled = [a.replace("{config}", str(config)).replace("{folder}", str(tmp_path)) for a in arguments]
    told(parkwatt(*filled), 2, *words)


def test_a_damaged_store_is_named(config: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "parkwatt.duckdb").write_bytes(b"not a database" * 1000)
    told(parkwatt("run", str(config)), 2, "parkwatt.duckdb")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_told_and_loses_nothing(config: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(small)], check=False).returncode:
        pytest.skip("no mounts here")
    try:
        shutil.copy(config, small / "PARK.yaml")
        times = [datetime.fromtimestamp(t, UTC).isoformat() for t in range(1_760_000_000, 1_760_900_000, 3)]
        rows = "".join(f"{t},grid-1,energy_import_kwh,{n}\n" for n, t in enumerate(times))
        (tmp_path / "big.csv").write_text("time,device,quantity,value\n" + rows)
        result = parkwatt("import", str(small / "PARK.yaml"), str(tmp_path / "big.csv"))
        assert result.returncode in {2, 75}, result.stderr
        assert "Traceback" not in result.stderr
        assert "full" in result.stderr or "space" in result.stderr
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)


def test_decode_shows_what_a_message_becomes(tmp_path: Path) -> None:
    payload = tmp_path / "payload.json"
    payload.write_text('{"time": "2026-10-01T12:00:00+08:00", "energy_import_kwh": 48213.5}')
    result = parkwatt("decode", "json", "--topic", "parkwatt/meter-1/telemetry", "--payload", str(payload))
    assert result.returncode == 0
    assert "48213.5" in result.stdout
    assert "2026-10-01T04:00:00" in result.stdout
    payload.write_text('{"time": "2026-10-01T12:00:00+08:00", "energy_import_kwh": "much"}')
    assert (
        parkwatt("decode", "json", "--topic", "parkwatt/meter-1/telemetry", "--payload", str(payload)).returncode == 1
    )
