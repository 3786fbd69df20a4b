from __future__ import annotations

import re
from pathlib import Path

import pytest

from rules.library_file import load_rules

pytestmark = pytest.mark.checkout
README = Path(__file__).parents[2] / "rules" / "README.md"


def test_the_example_is_a_rule_and_every_rule_is_in_the_table(make_world, tmp_path) -> None:
    text = README.read_text(encoding="utf-8")
    own = tmp_path / "own.yaml"
    own.write_text(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1], encoding="utf-8")
    rules = load_rules(make_world(rules={"files": [str(own)]}).park)
    assert "night_import" in {r.id for r in rules}
    missing = [r.id for r in rules if r.id != "night_import" and f"| `{r.id}` |" not in text]
    assert missing == []
