"""What the documents show has to be true."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from core.park import Park
from core.park_file import parse_park
from core.quantities import READING
from ingest.templates import Message, ReadingSpec, Template, read_template

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.checkout


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL)


def test_the_guide_s_park_is_a_valid_one() -> None:
    text = blocks("docs/guide.md", "yaml")[0]
    assert len(parse_park(text.encode()).points) == 4


def test_the_guide_s_further_keys_of_arrays_and_its_weather_service_are_valid() -> None:
    shown = [yaml.safe_load(block) for block in blocks("docs/guide.md", "yaml")]
    park = shown[0]
    (keys,) = (b["arrays"][0] for b in shown[1:] if isinstance(b, dict) and "arrays" in b)
    (weather,) = (b for b in shown if isinstance(b, dict) and "weather_service" in b)
    park["arrays"][0] |= keys
    park["points"] += weather["points"]
    park["weather_service"] = weather["weather_service"]
    read = parse_park(yaml.safe_dump(park).encode())
    assert read.arrays[0].curtailments[0].limit_kw == 40.0
    assert read.points[-1].devices[0].id == "satellite-service"


def test_the_guide_s_telegram_uses_known_quantities() -> None:
    (text,) = blocks("docs/guide.md", "json")
    assert set(json.loads(text)) - {"time"} <= set(READING)


def test_the_example_of_a_device_template_is_a_valid_one(tmp_path: Path) -> None:
    (text,) = blocks("ingest/devices/README.md", "yaml")
    (tmp_path / "acme-meter.yaml").write_text(text, encoding="utf-8")
    template = read_template(tmp_path / "acme-meter.yaml")
    assert isinstance(template, Template)
    assert template.device_in("acme/gateway-1/7f3a/data") == "7f3a"


def test_the_readme_of_the_templates_names_every_key() -> None:
    text = (ROOT / "ingest/devices/README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"[`{ ]`?([a-z_]+)(?=[`:])", text))
    assert set(Message.model_fields) | set(ReadingSpec.model_fields) <= named


def test_the_schema_for_editors_is_up_to_date() -> None:
    shipped = json.loads((ROOT / "docs" / "park.schema.json").read_text(encoding="utf-8"))
    assert shipped["properties"].keys() == Park.model_json_schema()["properties"].keys()


@pytest.mark.parametrize(
    "document",
    ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "docs/guide.md", "docs/grafana.md", "ingest/devices/README.md"],
)
def test_links_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = [t for t in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in t]
    missing = [t for t in targets if not ((ROOT / document).parent / t).exists()]
    assert missing == []
