"""What goes into the image, as far as it can be told without building it."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parents[2]


def _containerfile() -> str:
    return (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")


def _project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_package_is_installed_by_hash_and_from_a_wheel():
    for line in re.findall(r"pip .*install .*", _containerfile()):
        assert "--require-hashes" in line or "--no-index" in line, line
        assert "--only-binary :all:" in line or "--no-index" in line, line
    lock = (ROOT / "requirements-build.lock").read_text(encoding="utf-8")
    needed = [re.split(r"[<>=~]", n)[0] for n in _project()["build-system"]["requires"]]
    assert all(re.search(rf"^{name}==[\d.]+ \\\n    --hash=sha256:", lock, re.MULTILINE) for name in needed)


def test_it_runs_as_nobody_in_particular_and_is_asked_how_it_fares():
    last = _containerfile().rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert "pip " not in last
    assert "apt-get" not in last


def test_a_builder_gets_what_the_wheel_is_made_of_and_nothing_else():
    lines = [x for x in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if x and x[0] != "#"]
    assert lines[0] == "*"
    let_in = {x[1:] for x in lines if x.startswith("!")}
    rooms = {p.partition(".")[0] for p in _project()["tool"]["setuptools"]["packages"]}
    assert rooms <= let_in
    for file in ("requirements.lock", "requirements-build.lock", "pyproject.toml", "README.md", "LICENSE"):
        assert any(fnmatch.fnmatch(file, pattern) for pattern in let_in)
    assert not let_in & {"tests", "deploy", "docs", "data", "."}


def test_the_report_brings_its_own_fonts_so_that_the_image_needs_none():
    fonts = {p.name for p in (ROOT / "reports" / "fonts").glob("*.otf")}
    assert fonts == {"ParkwattSans-Bold.otf", "ParkwattSans-Regular.otf"}
    assert "*.otf" in _project()["tool"]["setuptools"]["package-data"]["*"]
    assert "include_system_fonts=False" in (ROOT / "reports" / "typesetting.py").read_text(encoding="utf-8")
