"""Every template has a golden payload, and every golden payload becomes exactly the readings beside it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from ingest.several import decode_telegram
from ingest.templates import load_templates
from tests.devices.origins import KINDS, founded

FOLDER = Path(__file__).parents[1] / "devices"
TEMPLATES = load_templates()
CASES = sorted(p.parent for p in FOLDER.rglob("payload.json"))
ZONE = ZoneInfo("Asia/Shanghai")


def case_id(folder: Path) -> str:
    return str(folder.relative_to(FOLDER))


def messages(folder: Path) -> list[tuple[str, bytes]]:
    """Return the topics and payloads of a case; `also` holds those of devices that send one number per topic."""
    origin = yaml.safe_load((folder / "provenance.yaml").read_text())
    others = [(topic, payload.encode()) for topic, payload in origin.get("also", {}).items()]
    return [(origin["topic"], (folder / "payload.json").read_bytes()), *others]


def outcome(folder: Path) -> dict[str, object]:
    origin = yaml.safe_load((folder / "provenance.yaml").read_text())
    template = TEMPLATES[case_id(folder).split("/")[0]]
    received = datetime.fromisoformat(origin["received_at"])
    rows: list[list[object]] = []
    problems: list[str] = []
    for topic, payload in messages(folder):
        message = template.message_for(topic)
        for result in decode_telegram(template, message, origin["device"], payload, received, ZONE):
            told = result.told()
            named = [told["device"]] if message.several else []
            rows += [
                [r["time"], r["quantity"], r["channel"], r["value"], " ".join(r["flags"]), *named]
                for r in told["readings"]
            ]
            problems += [p["reason"] for p in told["problems"]]
    return {"readings": rows, "problems": problems}


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_every_template_has_a_golden_payload(name: str) -> None:
    assert (FOLDER / name / "payload.json").is_file()


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_every_topic_of_a_template_is_covered(name: str) -> None:
    topics = [topic for c in CASES if case_id(c).split("/")[0] == name for topic, _ in messages(c)]
    assert [m.topic for m in TEMPLATES[name].messages if not any(m.device_in(t) is not None for t in topics)] == []


@pytest.mark.parametrize("folder", CASES, ids=case_id)
def test_golden_payload_is_its_devices(folder: Path) -> None:
    device = yaml.safe_load((folder / "provenance.yaml").read_text())["device"]
    template = TEMPLATES[case_id(folder).split("/")[0]]
    if any(m.several for m in template.messages):
        named = {row[5] for row in outcome(folder)["readings"]}
        assert named == ({device} if isinstance(device, str) else set(device))
    else:
        assert {template.device_in(topic) for topic, _ in messages(folder)} == {device}


def test_twenty_kinds_of_devices_asked_for_are_founded_on_real_payloads() -> None:
    assert len(KINDS) == 23
    assert sum(1 for templates in KINDS.values() if founded() & set(templates)) >= 20
    assert {t for templates in KINDS.values() for t in templates} <= TEMPLATES.keys()


@pytest.mark.parametrize("folder", CASES, ids=case_id)
def test_golden_payload(folder: Path) -> None:
    expected, found = json.loads((folder / "expected.json").read_text()), outcome(folder)
    assert expected["problems"] == found["problems"]
    # Watts and watt-hours are divided by 1000, which costs the last digit of a double.
    assert expected["readings"] == [[*r[:3], pytest.approx(r[3], rel=1e-12), *r[4:]] for r in found["readings"]]


@pytest.mark.parametrize("folder", CASES, ids=case_id)
def test_golden_payload_says_where_it_comes_from(folder: Path) -> None:
    origin = yaml.safe_load((folder / "provenance.yaml").read_text())
    assert origin["kind"] in {"captured", "documented", "constructed"}
    assert origin["source"]
    assert origin["quote"]
