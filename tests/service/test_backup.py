"""Backup, restore and copy by the real commands: what comes out is what went in, to the bit and to the figure."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from core.park_file import load_park
from service import backup_command
from tests.service.backups import (
    counts,
    done,
    held,
    killed,
    parkwatt,
    refused,
    report,
    sibling,
    state_rows,
)
from tests.service.conftest import NOVEMBER


def test_a_backup_comes_back_elsewhere_with_the_same_report(config: Path, tmp_path: Path) -> None:
    before, now = load_park(config), NOVEMBER
    first = report(before, now)
    state = state_rows(before.state)
    made = before.state.parent / "reports" / "2026-10" / "20261101T080000Z-0123456789ab" / "small-2026-10.json"
    made.parent.mkdir(parents=True)
    made.write_text('{"digest": "0123456789ab"}')
    (made.parent / "link.json").symlink_to("/etc/passwd")
    folder = tmp_path / "kept" / "backup"
    told = done("backup", config, folder)
    assert f"{counts(before)['reading']:,} rows" in told
    assert oct(folder.stat().st_mode)[-3:] == "700"
    assert {oct(f.stat().st_mode)[-3:] for f in folder.rglob("*") if f.is_file()} == {"600"}
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["format"], manifest["park"], manifest["store"]) == (1, "small", "embedded")
    assert manifest["rows"] == counts(before)
    assert f"configs/{before.digest}.yaml" in {f["file"] for f in manifest["files"]}
    assert list(folder.parent.iterdir()) == [folder]

    into = tmp_path / "elsewhere"
    told = done("restore", folder, "--into", into)
    assert "verified" in told
    after = load_park(into / "PARK.yaml")
    assert held(after) == held(before)
    assert state_rows(after.state) == state
    assert sorted(f.name for f in into.iterdir()) == ["PARK.yaml", "park.duckdb", "reports", "state.sqlite"]
    (kept,) = (f for f in into.glob("reports/**/*") if f.is_file())
    assert (kept.relative_to(into), kept.read_text()) == (made.relative_to(before.state.parent), made.read_text())
    assert report(after, now) == first


def test_what_is_not_empty_is_refused(config: Path, tmp_path: Path) -> None:
    folder, into = tmp_path / "backup", tmp_path / "into"
    (folder / "mine").mkdir(parents=True)
    refused("backup", config, folder, says="is there already and not empty")
    shutil.rmtree(folder)
    done("backup", config, folder)
    into.mkdir()
    (into / "notes.txt").write_text("mine")
    refused("restore", folder, "--into", into, says="is not empty")
    assert [f.name for f in into.iterdir()] == ["notes.txt"]
    refused("restore", folder, "--park", config, says="state.sqlite is there already")
    (config.parent / "state.sqlite").unlink()
    refused("restore", folder, "--park", config, says="the store of small is not empty")
    refused("backup", config, "/proc/nowhere/backup", says="cannot write to /proc/nowhere")
    refused("backup", config, tmp_path / "other", says="this park has never run here")
    assert sorted(f.name for f in tmp_path.iterdir()) == ["backup", "home", "into"]


def test_a_backup_of_another_park_or_of_none(config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    done("backup", config, folder)
    other = sibling(config, tmp_path / "other", "{path: park.duckdb}")
    other.write_text(other.read_text(encoding="utf-8").replace("id: small", "id: large", 1), encoding="utf-8")
    refused("restore", folder, "--park", other, says="the backup is of the park small")
    refused("restore", tmp_path, says="manifest.json is missing or no plain file")
    refused("copy", "--from", config, "--to", other, says="copy one park")
    refused("copy", "--from", config, "--to", config, says="both files name the same store")


def test_a_backup_whose_park_lives_elsewhere_asks_where_to(config: Path, tmp_path: Path) -> None:
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("store: {path: ", f"store: {{path: {config.parent}/"), encoding="utf-8")
    done("backup", config, tmp_path / "backup")
    refused("restore", tmp_path / "backup", "--into", tmp_path / "into", says="at places of its own")
    assert not (tmp_path / "into").exists()


def test_files_of_rules_come_along(config: Path, tmp_path: Path) -> None:
    rules = config.parent / "rules" / "own.yaml"
    rules.parent.mkdir()
    rules.write_text("[]\n")
    with config.open("a", encoding="utf-8") as text:
        text.write("rules: {files: [rules/own.yaml]}\n")
    done("backup", config, tmp_path / "backup")
    done("restore", tmp_path / "backup", "--into", tmp_path / "into")
    assert (tmp_path / "into" / "rules" / "own.yaml").read_text() == "[]\n"


def test_a_restore_that_is_killed_goes_on(config: Path, tmp_path: Path) -> None:
    whole, into = tmp_path / "backup", tmp_path / "into"
    done("backup", config, whole)
    for place in ("after_chunk:3", "after_chunk_noted:2", "before_state", "after_state"):
        killed("restore", whole, "--into", into, at=place)
        refused("backup", into / "PARK.yaml", tmp_path / "no", says="a restore into this park has not come to its end")
    assert "were there from an earlier run" in done("restore", whole, "--into", into)
    assert held(load_park(into / "PARK.yaml")) == held(load_park(config))
    assert sorted(f.name for f in into.iterdir()) == ["PARK.yaml", "park.duckdb", "state.sqlite"]


def test_ctrl_c_leaves_nothing_of_a_backup_and_a_restore_that_goes_on(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def at_step(wanted: int, work: str = "") -> None:
        def bar(what: str) -> Callable[[int, int], None]:
            return lambda done, _total: os.kill(os.getpid(), signal.SIGINT) if (done, what) == (wanted, work) else None

        monkeypatch.setattr(backup_command, "bar", bar)

    at_step(2, "backing up")
    status, words = parkwatt("backup", config, tmp_path / "backup")
    assert (status, "nothing is left of this backup" in words) == (130, True)
    assert [f.name for f in tmp_path.iterdir()] == ["home"]
    at_step(-1)
    done("backup", config, tmp_path / "backup")
    at_step(6, "restoring")
    status, words = parkwatt("restore", tmp_path / "backup", "--into", tmp_path / "into")
    assert (status, "it goes on where it was" in words) == (130, True)
    at_step(-1)
    done("restore", tmp_path / "backup", "--into", tmp_path / "into")
    assert held(load_park(tmp_path / "into" / "PARK.yaml")) == held(load_park(config))
