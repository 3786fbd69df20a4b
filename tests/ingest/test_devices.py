"""Every template has a golden payload, and every golden payload becomes exactly the readings beside it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from ingest.decode import decode
from ingest.templates import load_templates

FOLDER = Path(__file__).parents[1] / "devices"
TEMPLATES = load_templates()
CASES = sorted(p.parent for p in FOLDER.rglob("payload.json"))
ZONE = ZoneInfo("Asia/Shanghai")


def case_id(folder: Path) -> str:
    return str(folder.relative_to(FOLDER))


def outcome(folder: Path) -> dict[str, object]:
    origin = yaml.safe_load((folder / "provenance.yaml").read_text())
    template = TEMPLATES[case_id(folder).split("/")[0]]
    payload = (folder / "payload.json").read_bytes()
    received = datetime.fromisoformat(origin["received_at"])
    told = decode(template, origin["device"], origin["topic"], payload, received, ZONE).told()
    rows = [[r["time"], r["quantity"], r["channel"], r["value"], " ".join(r["flags"])] for r in told["readings"]]
    return {"readings": rows, "problems": [p["reason"] for p in told["problems"]]}


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_every_template_has_a_golden_payload(name: str) -> None:
    assert (FOLDER / name / "payload.json").is_file()


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_every_topic_of_a_template_is_covered(name: str) -> None:
    topics = [
        yaml.safe_load((c / "provenance.yaml").read_text())["topic"] for c in CASES if case_id(c).split("/")[0] == name
    ]
    assert [m.topic for m in TEMPLATES[name].messages if not any(m.device_in(t) for t in topics)] == []


@pytest.mark.parametrize("folder", CASES, ids=case_id)
def test_golden_payload(folder: Path) -> None:
    expected, found = json.loads((folder / "expected.json").read_text()), outcome(folder)
    assert expected["problems"] == found["problems"]
    # Watts and watt-hours are divided by 1000, which costs the last digit of a double.
    assert expected["readings"] == [[*r[:3], pytest.approx(r[3], rel=1e-12), r[4]] for r in found["readings"]]


@pytest.mark.parametrize("folder", CASES, ids=case_id)
def test_golden_payload_says_where_it_comes_from(folder: Path) -> None:
    origin = yaml.safe_load((folder / "provenance.yaml").read_text())
    assert origin["kind"] in {"captured", "documented", "constructed"}
    assert origin["source"]
    assert origin["quote"]
