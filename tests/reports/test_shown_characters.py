"""What the models and rules say ends up in reports: no word of theirs may hold what the report's font cannot show."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from reports.characters import shown_characters

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.checkout


def test_no_model_says_what_a_report_cannot_show() -> None:
    known = shown_characters() | {"\n"}
    strange = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.value!r}"
        for path in sorted(p for room in ("core", "models", "rules", "reports") for p in (ROOT / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and set(node.value) - known
    ]
    for path in sorted((ROOT / "rules" / "library").glob("*.yaml")):
        strange += [f"{path.relative_to(ROOT)} {c!r}" for c in set(path.read_text(encoding="utf-8")) - known]
    assert strange == []
