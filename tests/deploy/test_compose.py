"""docker-compose.yml is read by a parser of the Compose specification, and says about every service what it must."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parents[2]
MAIN = ROOT / "docker-compose.yml"
EXTRAS = sorted(p for p in (ROOT / "deploy" / "compose").glob("*.yml"))
# Say less, with the reason beside them in the file.
ONE_SHOT = {"secrets", "influx-accounts"}
NO_HEALTH_CHECK = ONE_SHOT | {"simulator"}
ROOT_BY_NUMBER = {"secrets"}
PUBLISHED = {"serve", "grafana"}


def _filled(text: str, environment: Mapping[str, str]) -> str:
    """Fill in ${NAME:-default} and ${NAME:?why} as Compose does."""

    def value(match: re.Match[str]) -> str:
        name, sign, rest = match["name"], match["sign"], match["rest"]
        assert name in environment or sign == "-", f"{name} must be given: {rest}"
        return environment.get(name, rest)

    return re.sub(r"(?<!\$)\$\{(?P<name>\w+):(?P<sign>[-?])(?P<rest>[^}]*)\}", value, text)


def _read(path: Path, **environment: str) -> dict[str, Any]:  # Any: a YAML document
    document: dict[str, Any] = yaml.safe_load(_filled(path.read_text(encoding="utf-8"), environment))
    return document


@pytest.fixture
def compose() -> dict[str, Any]:
    return _read(MAIN)


@pytest.fixture
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return compose["services"]


def _source(mount: str) -> str:
    return mount.split(":", maxsplit=1)[0]


@pytest.mark.parametrize("path", [MAIN, *EXTRAS], ids=lambda p: p.name)
def test_it_is_compose(path: Path):
    parser = pytest.importorskip("compose_spec").PyCompose
    document = _read(path, PARKWATT_BROKER_LISTEN="192.0.2.1")
    names = parser.from_json(json.dumps(document)).service_names()
    assert set(names) == set(document["services"])


def test_the_parser_would_notice():
    parser = pytest.importorskip("compose_spec").PyCompose
    with pytest.raises(ValueError, match="portz"):
        parser.from_json('{"services": {"a": {"image": "x", "portz": ["1"]}}}')


def test_whatever_is_mounted_named_or_waited_for_exists(compose: dict[str, Any], services: dict[str, dict[str, Any]]):
    used: set[str] = set()
    for name, service in services.items():
        for mount in service.get("volumes", []):
            source = _source(mount)
            if source.startswith("."):
                assert (ROOT / source).exists(), (name, mount)
                assert mount.endswith(":ro"), (name, mount)
            else:
                used.add(source)
        assert set(service.get("networks", [])) <= set(compose["networks"]), name
        for other, wait in service.get("depends_on", {}).items():
            wanted = wait["condition"]
            assert wanted == ("service_completed_successfully" if other in ONE_SHOT else "service_healthy"), (
                name,
                other,
            )
            assert other in ONE_SHOT or "test" in services[other]["healthcheck"], (name, other)
    assert used == set(compose["volumes"])


def test_every_image_is_pinned_to_one_version(services: dict[str, dict[str, Any]]):
    for name, service in services.items():
        assert re.fullmatch(r"[a-z/-]+:\d+\.\d+\.\d+", service["image"]), name
    bases = re.findall(r"^FROM (\S+)", (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(set(bases)) == 1
    assert re.search(r":\d+\.\d+\.\d+-", bases[0])


def test_every_service_is_held_in(services: dict[str, dict[str, Any]]):
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name
        assert service["mem_limit"], name
        assert service["pids_limit"], name
        assert "privileged" not in service, name
        user = service["user"]
        assert re.fullmatch(r"\d+:\d+", user), name
        assert user.startswith("0:") == (name in ROOT_BY_NUMBER), name
        assert ("cap_add" in service) == (name in ROOT_BY_NUMBER), name
        assert service.get("restart") == (None if name in ONE_SHOT else "unless-stopped"), name


def test_who_stays_has_a_health_check(services: dict[str, dict[str, Any]]):
    assert {n for n, s in services.items() if "test" in s.get("healthcheck", {})} == set(services) - NO_HEALTH_CHECK


def test_only_page_and_grafana_are_published_and_only_on_this_machine(
    compose: dict[str, Any], services: dict[str, dict[str, Any]]
):
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"serve": ["127.0.0.1:8080:8080"], "grafana": ["127.0.0.1:3000:3000"]}
    assert compose["networks"]["inside"] == {"internal": True}
    outside = {
        n for n, s in services.items() if s.get("networks", ["default"]) != ["inside"] and "network_mode" not in s
    }
    assert outside == PUBLISHED
    assert services["secrets"]["network_mode"] == "none"


def test_letting_meters_in_wants_an_address(services: dict[str, dict[str, Any]]):
    for file, port in (("meters.yml", 1883), ("meters-tls.yml", 8883)):
        path = ROOT / "deploy" / "compose" / file
        with pytest.raises(AssertionError, match="PARKWATT_BROKER_LISTEN must be given"):
            _read(path)
        assert _read(path, PARKWATT_BROKER_LISTEN="192.0.2.1")["services"] == {
            "mosquitto": {"networks": ["edge"], "ports": [f"192.0.2.1:{port}:{port}"]}
        }
    assert "ports" not in services["mosquitto"]


def test_no_password_stands_in_any_file(services: dict[str, dict[str, Any]]):
    for service in services.values():
        for key, value in service.get("environment", {}).items():
            if any(word in key.upper() for word in ("PASSWORD", "TOKEN", "SECRET")):
                assert key.endswith("_FILE")
                assert value.startswith("/secrets/")


def test_each_secret_is_made_and_reaches_only_who_needs_it(services: dict[str, dict[str, Any]]):
    made = {_source(m): m.split(":")[1] for m in services["secrets"]["volumes"][1:]}
    script = (ROOT / "deploy" / "compose" / "make_secrets.sh").read_text(encoding="utf-8")
    for volume, place in made.items():
        assert place.removeprefix("/secrets/") in script
        readers = {n for n, s in services.items() if volume in map(_source, s.get("volumes", []))} - {"secrets"}
        assert (
            readers
            == {
                "secrets-mosquitto": {"mosquitto"},
                "secrets-influxdb": {"influxdb", "influx-accounts"},
                "secrets-grafana": {"grafana"},
                "secrets-parkwatt": {"ingest", "serve"},
                "secrets-simulator": {"simulator"},
                "handover": {"influx-accounts", "ingest", "serve"},
            }[volume]
        )
    for name, service in services.items():
        for key, value in service.get("environment", {}).items():
            if value.startswith("/secrets/"):
                volume = next(_source(m) for m in service["volumes"] if m.split(":")[1] == "/secrets")
                assert f"{made[volume].removeprefix('/secrets/')}/{Path(value).name}" in script, (name, key)
        for mount in service.get("volumes", []):
            if mount.startswith("secrets-") and name != "secrets":
                assert mount.endswith(":ro"), (name, mount)


def test_the_demo_only_adds_the_simulator(services: dict[str, dict[str, Any]]):
    assert {n: s["profiles"] for n, s in services.items() if "profiles" in s} == {"simulator": ["demo"]}


def test_a_second_collector_differs_by_its_share_alone():
    shards = _read(ROOT / "deploy" / "compose" / "shards.yml")["services"]
    assert shards["ingest-south"].pop("extends") == {"file": "docker-compose.yml", "service": "ingest"}
    assert json.dumps(shards["ingest"]).replace("north", "south") == json.dumps(shards["ingest-south"])


def test_the_extra_files_can_be_combined_as_the_document_says() -> None:
    folder = ROOT / "deploy" / "compose"
    services = {
        path.name: set(_read(path, PARKWATT_BROKER_LISTEN="192.0.2.10")["services"])
        for path in (folder / "meters.yml", folder / "meters-tls.yml", folder / "shards.yml")
    }
    assert services["meters.yml"] == services["meters-tls.yml"] == {"mosquitto"}
    assert services["shards.yml"] == {"ingest", "ingest-south"}
    said = re.findall(
        r"^COMPOSE_FILE=(\S+)$", (ROOT / "docs" / "operations.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert "docker-compose.yml:deploy/compose/meters.yml:deploy/compose/shards.yml" in said
    assert all((ROOT / file).is_file() for files in said for file in files.split(":"))
