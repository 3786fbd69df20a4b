"""What the stack finds on its first start: the example park, Grafana's provisioning, InfluxDB's accounts, the collector's health."""

from __future__ import annotations

import os
import stat
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from core.clock import ManualClock, SystemClock
from core.park_file import load_park
from ingest.collector import CollectorStatus
from service.collector_health import fault, main
from service.collectors import write_status
from service.demo import simulate
from service.demo.telegrams import check_templates
from store.state import SqliteState

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


@pytest.mark.checkout
def test_the_example_park_is_valid_uses_what_compose_makes_and_can_be_simulated():
    park = load_park(DEPLOY / "compose" / "PARK.yaml")
    assert park.store.kind == "influx"
    assert (park.store.org, park.store.bucket) == ("parkwatt", "parkwatt")
    assert str(park.store.token_file) == "/handover/influx_token"
    assert str(park.mqtt.password_file) == "/secrets/mqtt_password"
    assert str(park.http.admin_password_file) == "/secrets/admin_password"
    assert str(park.state) == "/data/state.sqlite"
    check_templates(park)
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    command, *arguments = compose["simulator"]["command"]
    assert command == "simulate"
    given = simulate._arguments(arguments)
    assert given.back == 14.0
    broker = simulate._broker(park.mqtt, given)
    assert (broker.host, broker.username, str(broker.password_file)) == ("mosquitto", "devices", "/secrets/devices")


@pytest.mark.checkout
def test_grafana_reads_the_generated_dashboards_with_the_data_source_they_name():
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["grafana"]
    provisioning = DEPLOY / "grafana" / "provisioning"
    source = yaml.safe_load((provisioning / "datasources" / "parkwatt.yaml").read_text(encoding="utf-8"))
    provider = yaml.safe_load((provisioning / "dashboards" / "parkwatt.yaml").read_text(encoding="utf-8"))
    assert [d["uid"] for d in source["datasources"]] == ["parkwatt-influx"]
    assert source["datasources"][0]["jsonData"]["dbName"] == "parkwatt"
    assert provider["providers"][0]["allowUiUpdates"] is False
    assert "./dashboards/generated:/dashboards:ro" in compose["volumes"]
    assert provider["providers"][0]["options"]["path"] == "/dashboards"
    for part in ("datasources", "dashboards"):
        assert f"./deploy/grafana/provisioning/{part}:/etc/grafana/provisioning/{part}:ro" in compose["volumes"]
    home = compose["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    for language in ("zh", "en"):
        file = Path(home.replace("${PARKWATT_LANGUAGE:-zh}", language)).name
        assert (ROOT / "dashboards" / "generated" / file).is_file()


# The vendor's command as it answered when it ran against 2.9.1, kept in files instead of a server.
INFLUX = """#!/bin/sh
echo "$*" >>"$WORLD/asked"
case "$1 $2" in
"bucket list") [ "$INFLUX_TOKEN" = operator ] || grep -qx "$INFLUX_TOKEN" "$WORLD/tokens" || exit 1
               printf '0b2ff2422f3c6cb4\\tparkwatt\\tinfinite\\n' ;;
"auth list") [ ! -s "$WORLD/tokens" ] || printf '11ad684880fbe000\\tparkwatt\\t\\tadmin\\n' ;;
"auth delete") : >"$WORLD/tokens" ;;
"auth create") echo "token-$(wc -l <"$WORLD/asked")" >"$WORLD/tokens"
               printf '{\\n\\t"token": "%s",\\n\\t"status": "active"\\n}\\n' "$(cat "$WORLD/tokens")" ;;
"v1 dbrp") printf '0b2ff2422f3c6cb4\\tparkwatt\\tautogen\\n' ;;
"v1 auth") case "$3" in
           list) [ ! -e "$WORLD/grafana" ] || printf '[\\n\\t{\\n\\t\\t"token": "grafana"\\n\\t}\\n]\\n' ;;
           create) touch "$WORLD/grafana" ;;
           set-password) [ -e "$WORLD/grafana" ] ;;
           esac ;;
*) exit 9 ;;
esac
"""


@pytest.fixture
def accounts(tmp_path: Path):
    """Run the script that makes InfluxDB's accounts, and return the token it left and what it asked."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "influx"
    program.write_text(INFLUX)
    program.chmod(0o755)
    (tmp_path / "admin_token").write_text("operator")
    (tmp_path / "grafana_password").write_text("secret")
    (tmp_path / "tokens").touch()
    token = tmp_path / "influx_token"

    def run() -> tuple[str, str]:
        (tmp_path / "asked").unlink(missing_ok=True)
        world = {"WORLD": str(tmp_path), "SECRETS": str(tmp_path), "TOKEN_FILE": str(token)}
        path = f"{program.parent}:{os.environ['PATH']}"
        script = DEPLOY / "compose" / "influx_accounts.sh"
        subprocess.run(["sh", script], check=True, env={**world, "PATH": path}, capture_output=True)
        assert stat.S_IMODE(token.stat().st_mode) == 0o640
        return token.read_text(), (tmp_path / "asked").read_text()

    return run


@pytest.mark.checkout
def test_influxdb_gets_its_accounts_once_and_a_lost_token_is_made_anew(accounts, tmp_path: Path):
    first, asked = accounts()
    assert "v1 auth create --username grafana" in asked
    assert "dbrp create" not in asked
    again, asked = accounts()
    assert again == first
    assert "create" not in asked
    assert "v1 auth set-password --username grafana --password secret" in asked
    (tmp_path / "influx_token").unlink()
    (tmp_path / "influx_token").touch(0o640)
    other, asked = accounts()
    assert other not in {first, ""}
    assert "auth delete --id 11ad684880fbe000" in asked


def _status(*, connected: bool = True, error: str | None = None) -> CollectorStatus:
    return CollectorStatus(
        connected=connected, received=1, stored=1, quarantined=0, last_message_at=None, pending=0, error=error
    )


def test_a_collector_is_well_while_it_says_so_and_not_for_longer(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path, clock = tmp_path / "state.sqlite", ManualClock(SystemClock().now())
    state = SqliteState(path, clock)
    assert fault(path, "", clock.now()) == "the collector is not running"
    write_status(state, "", _status(), clock.now())
    write_status(state, "south", _status(connected=False), clock.now())
    assert fault(path, "", clock.now()) is None
    assert main([str(path)]) == 0
    assert fault(path, "south", clock.now()) == "not connected to the broker"
    assert main([str(path), "south"]) == 1
    assert capsys.readouterr().out == "not connected to the broker\n"
    later = clock.now() + timedelta(seconds=61)
    assert str(fault(path, "", later)).startswith("the collector has not been heard of since")
    write_status(state, "", _status(error="the store is away"), later)
    assert fault(path, "", later) == "the store is away"
    write_status(state, "", None, later)
    assert fault(path, "", later) == "the collector is not running"
    state.close()
    assert "cannot be read" in str(fault(tmp_path / "none.sqlite", "", later))
