"""What the documents show has to be true."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from core.park import Park
from core.park_file import parse_park
from core.quantities import READING

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.checkout


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL)


def test_the_guide_s_park_is_a_valid_one() -> None:
    (text,) = blocks("docs/guide.md", "yaml")
    assert len(parse_park(text.encode()).points) == 4


def test_the_guide_s_telegram_uses_known_quantities() -> None:
    (text,) = blocks("docs/guide.md", "json")
    assert set(json.loads(text)) - {"time"} <= set(READING)


def test_the_schema_for_editors_is_up_to_date() -> None:
    shipped = json.loads((ROOT / "docs" / "park.schema.json").read_text(encoding="utf-8"))
    assert shipped["properties"].keys() == Park.model_json_schema()["properties"].keys()


@pytest.mark.parametrize("document", ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "docs/guide.md"])
def test_links_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = [t for t in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in t]
    missing = [t for t in targets if not ((ROOT / document).parent / t).exists()]
    assert missing == []
