"""The layout is the architecture: rooms know only core, and one module reads the clock."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {"core", "store", "ingest", "models", "rules", "dashboards", "reports", "service"}
pytestmark = pytest.mark.checkout


def modules() -> list[Path]:
    return [p for room in sorted(ROOMS) for p in sorted((ROOT / room).rglob("*.py"))]


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are written in full"
            yield node.module


def test_rooms_import_only_core_and_themselves() -> None:
    forbidden = []
    for path in modules():
        room = path.relative_to(ROOT).parts[0]
        if room == "service":
            continue
        for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
            other = name.split(".")[0]
            if other in ROOMS and other not in {room, "core"}:
                forbidden.append(f"{path.relative_to(ROOT)} imports {name}")
    assert forbidden == []


def test_the_simulator_does_not_know_the_models() -> None:
    for path in sorted((ROOT / "service" / "demo").glob("*.py")):
        if path.name in {"score.py", "launch.py"}:
            continue  # these compare or wire; they simulate nothing
        rooms = {name.split(".")[0] for name in imported(ast.parse(path.read_text(encoding="utf-8")))}
        assert "models" not in rooms, path.name


def test_only_the_clock_reads_the_clock() -> None:
    readers = []
    for path in modules():
        if path == ROOT / "core" / "clock.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called = ast.unparse(node.func)
                if called in {
                    "time.time",
                    "time.monotonic",
                    "datetime.now",
                    "datetime.utcnow",
                    "date.today",
                    "pd.Timestamp.now",
                }:
                    readers.append(f"{path.relative_to(ROOT)}:{node.lineno} {called}")
    assert readers == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(p.relative_to(ROOT)) for p in modules() if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_packages_are_listed_in_full() -> None:
    listed = set(
        (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("packages = [")[1].split("]")[0].split('"')[1::2]
    )
    found = {".".join(p.parent.relative_to(ROOT).parts) for p in modules() if p.name == "__init__.py"}
    assert found == listed
