"""Backups that were damaged or forged: refused in clear words, before a park is made of them."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from tests.service.backups import (
    done,
    refused,
)


def tampered(backup: Path, change: Callable[[dict], None]) -> None:
    """Change the manifest as somebody would who means harm, with its digest mended."""
    manifest = json.loads((backup / "manifest.json").read_text())
    change(manifest)
    raw = json.dumps(manifest).encode()
    (backup / "manifest.json").write_bytes(raw)
    sums = backup / "SHA256SUMS"
    lines = [line for line in sums.read_text().splitlines() if not line.endswith("manifest.json")]
    sums.write_text("\n".join([*lines, f"{hashlib.sha256(raw).hexdigest()}  manifest.json"]) + "\n")


def resealed(backup: Path, name: str) -> Callable[[dict], None]:
    """Let the manifest name a file as it is now."""
    raw = (backup / name).read_bytes()

    def change(manifest: dict) -> None:
        for entry in [*manifest["chunks"], *manifest["files"]]:
            if entry["file"] == name:
                entry.update(bytes=len(raw), sha256=hashlib.sha256(raw).hexdigest())

    return change


CHUNK = "rows/reading-20261001t0000z-20261101t0000z.parquet"


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def link(path: Path) -> None:
    elsewhere = path.parent.parent / f"{path.name}-elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def packed(backup: Path, query: str) -> None:
    target = backup / CHUNK
    duckdb.execute(f"COPY ({query.format(target)}) TO '{backup}/forged' (FORMAT parquet, COMPRESSION zstd)")
    (backup / "forged").replace(target)
    assert target.stat().st_size < 500_000
    tampered(backup, resealed(backup, CHUNK))


BOMB = (
    "SELECT 0 AS time, 'd' AS device, 'q' AS quantity, '' AS channel, 0.0 AS value, 0 AS received_at, 0 AS flags "
    "FROM range(6_000_000)"
)
LONG_TEXT = (
    "SELECT 0 AS time, repeat('d', 400_000) || i AS device, 'q' AS quantity, '' AS channel, 0.0 AS value, "
    "0 AS received_at, 0 AS flags FROM range(3_000) r(i)"
)
REPEATED_TEXT = (
    "SELECT 0 AS time, repeat('d', 5_000) AS device, 'q' AS quantity, '' AS channel, 0.0 AS value, "
    "0 AS received_at, 0 AS flags FROM range(100_000)"
)
ONE_LONG_TEXT = (
    "SELECT 0 AS time, repeat('d', 10_001) AS device, 'q' AS quantity, '' AS channel, 0.0 AS value, "
    "0 AS received_at, 0 AS flags"
)
OTHER_VALUES = "SELECT * REPLACE (value + 1 AS value) FROM '{}'"
OTHER_COLUMNS = "SELECT 1 AS a FROM range(5)"


def state_of(backup: Path, raw: bytes) -> None:
    (backup / "state.sqlite").write_bytes(raw)
    tampered(backup, resealed(backup, "state.sqlite"))


def newer_state(backup: Path) -> None:
    with closing(sqlite3.connect(backup / "state.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 9999")
    tampered(backup, resealed(backup, "state.sqlite"))


def other_park(backup: Path) -> None:
    file = backup / "PARK.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("id: small", "id: large", 1), encoding="utf-8")
    tampered(backup, resealed(backup, "PARK.yaml"))


def named(backup: Path, **entry: object) -> None:
    tampered(backup, lambda m: m["files"][0].update(entry))


HARM: list[tuple[Callable[[Path], object], str]] = [
    (lambda b: flip(b / CHUNK), "is damaged"),
    (lambda b: cut(b / CHUNK), "is damaged"),
    (lambda b: flip(b / "state.sqlite"), "is damaged"),
    (lambda b: (b / CHUNK).unlink(), "missing or no plain file"),
    (lambda b: link(b / CHUNK), "missing or no plain file"),
    (lambda b: link(b / "PARK.yaml"), "missing or no plain file"),
    (lambda b: link(b / "rows"), "missing or no plain file"),
    (lambda b: flip(b / "manifest.json"), "changed after the backup was made"),
    (lambda b: (b / "manifest.json").write_text("[]"), "changed after the backup was made"),
    (lambda b: tampered(b, lambda m: m.update(format=2)), "use the newer program version"),
    (lambda b: tampered(b, lambda m: m.update(kind="other")), "no backup of this program"),
    (lambda b: named(b, file="../secret"), "this is no backup of ours"),
    (lambda b: named(b, file="/etc/passwd"), "this is no backup of ours"),
    (lambda b: named(b, file="rows/../../secret.parquet"), "this is no backup of ours"),
    (lambda b: named(b, path="../../secret"), "a place outside its folder"),
    (lambda b: named(b, path="/etc/cron.d/x"), "a place outside its folder"),
    (lambda b: named(b, path="state.sqlite"), "a place the restored park needs itself"),
    (lambda b: named(b, path="state.sqlite-wal"), "a place the restored park needs itself"),
    (lambda b: named(b, path="PARK.yaml/x"), "a place the restored park needs itself"),
    (lambda b: named(b, path="park.duckdb/x"), "a place the restored park needs itself"),
    (lambda b: named(b, path="reports/x"), "a place the restored park needs itself"),
    (lambda b: tampered(b, lambda m: m["chunks"].append(m["chunks"][0])), "names a file twice"),
    (lambda b: tampered(b, lambda m: m["chunks"][0].update(rows=-1)), "this is no backup of ours"),
    (lambda b: packed(b, BOMB), "no chunk of ours is so large"),
    (lambda b: packed(b, LONG_TEXT), "no chunk of ours is so large"),
    (lambda b: packed(b, REPEATED_TEXT), "holds texts of 5,000 characters, 500,100,000 bytes in all"),
    (lambda b: packed(b, ONE_LONG_TEXT), "holds texts of 10,001 characters"),
    (lambda b: packed(b, OTHER_VALUES), "holds other rows than the manifest says"),
    (lambda b: packed(b, OTHER_COLUMNS), "holds no rows of table reading"),
    (lambda b: state_of(b, b"no database" * 100), "is no state file"),
    (newer_state, "use the newer program version"),
    (other_park, "its PARK.yaml describes large"),
]


@pytest.fixture(scope="module")
def whole(made_for_backup: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "backup"
    done("backup", made_for_backup, folder)
    return folder


@pytest.mark.parametrize("number", range(len(HARM)))
def test_what_was_damaged_or_forged_is_refused(whole: Path, tmp_path: Path, number: int) -> None:
    harm, words = HARM[number]
    backup, into = shutil.copytree(whole, tmp_path / "backup"), tmp_path / "into"
    harm(backup)
    refused("restore", backup, "--into", into, says=words)
    if into.exists():  # what only shows while rows are read stops the restore: nothing starts on what is there
        assert not (into / "state.sqlite").exists()
        refused("report", into / "PARK.yaml", "--month", "2026-10", "--out", tmp_path, says="has not come to its end")
