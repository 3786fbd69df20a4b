"""Speed and memory of `parkwatt import` into the embedded store: `make bench ARGS=imports`.

Every import runs in a process of its own, from the opened park to the last row on disk: reading, checks, comparison
with what is stored, marks, quarantine. Computing the days afterwards is the models' part and not in the time.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from core.clock import SystemClock
from core.park_file import load_park
from ingest.files import import_files
from ingest.mapping import load_mapping
from service import memory
from service.runner import opened
from tests.bench.demo import memory_mb
from tests.bench.row import Row

PARQUET_ROWS, CSV_ROWS, LARGE_ROWS = 2_000_000, 1_000_000, 10_000_000
TIMES = 3
METERS = 20
MEMORY_GOAL_MB = 500
MAPPING = """\
decimal: ","
time: {column: 时间, format: "%d.%m.%Y %H:%M"}
device: {column: 表号, names: {NAMES}}
values: [{column: 正向有功电能(kWh), quantity: energy_import_kwh}]
"""
_STAMP = "TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_minutes(n // {meters})"
_SHIFTED = "strftime(TIMESTAMP '2024-01-01 08:00:00' + to_minutes(n // {meters}), '%d.%m.%Y %H:%M')"


def park_file(folder: Path) -> Path:
    """Write a park of METERS meters."""
    lines = ["id: bench", "name: {zh: 园区, en: Park}", "latitude: 31.2", "longitude: 121.5", "timezone: Asia/Shanghai"]
    lines += ["points:", "  - {id: grid, role: grid, name: {zh: 电网, en: Grid}, devices: [{id: m0, template: json}]}"]
    lines += [
        f"  - {{id: hall-{n}, role: load, name: {{zh: 厂房, en: Hall}}, devices: [{{id: m{n}, template: json}}]}}"
        for n in range(1, METERS)
    ]
    path = folder / "PARK.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def table(file: Path, rows: int, kind: str) -> Path:
    """Write a file of readings: a register per meter, a row a minute, the meters in turn."""
    stamp, value = _STAMP.format(meters=METERS), f"(n // {METERS}) * 0.25 + n % {METERS} * 1000"
    columns = f"{stamp} AS time, 'm' || n % {METERS} AS device, 'energy_import_kwh' AS quantity, '' AS channel, {value} AS value"
    if kind == "mapped":
        written = f"replace(CAST({value} AS VARCHAR), '.', ',')"
        stamp = _SHIFTED.format(meters=METERS)
        columns = f"{stamp} AS 时间, 'No. ' || n % {METERS} AS 表号, {written} AS \"正向有功电能(kWh)\""
    how = "FORMAT parquet" if file.suffix == ".parquet" else "HEADER, DELIMITER ';'" if kind == "mapped" else "HEADER"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"COPY (SELECT {columns} FROM range({rows}) t(n)) TO '{file}' ({how})")  # noqa: S608 - our own words
    return file


def run_once(folder: Path, file: Path, mapping: Path | None) -> dict[str, float]:
    """Import a file into an empty store, and once more, in a new process; return what it measured."""
    shutil.rmtree(folder / "data", ignore_errors=True)
    command = [sys.executable, "-m", "tests.bench.imports", str(folder / "PARK.yaml"), str(file)]
    done = subprocess.run([*command, *([str(mapping)] if mapping else [])], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure() -> list[Row]:
    """Import each kind of file TIMES times and take the medians."""
    folder = Path(tempfile.mkdtemp(prefix="parkwatt-bench-"))
    rows: list[Row] = []
    try:
        park_file(folder)
        mapping = folder / "MAP.yaml"
        names = ", ".join(f'"No. {n}": m{n}' for n in range(METERS))
        mapping.write_text(MAPPING.replace("NAMES", names), encoding="utf-8")
        for words, name, count, goal in (
            ("Parquet", "long.parquet", PARQUET_ROWS, 500_000),
            ("CSV", "long.csv", CSV_ROWS, 150_000),
            ("mapped CSV, local times, decimal comma", "mapped.csv", CSV_ROWS, 150_000),
        ):
            file = table(folder / name, count, name.split(".")[0])
            chosen = mapping if name.startswith("mapped") else None
            found = [run_once(folder, file, chosen) for _ in range(TIMES)]
            first, again = (statistics.median(f[key] for f in found) for key in ("first_s", "again_s"))
            peak = max(f["peak_mb"] for f in found)
            rows += [
                Row(f"import {words}", count / first, "rows/s", goal, more_is_better=True),
                Row(f"import {words}, all of it there already", count / again, "rows/s", more_is_better=True),
                Row(f"import {words}, peak memory", peak, "MB", MEMORY_GOAL_MB),
            ]
            file.unlink()
        file = table(folder / "large.parquet", LARGE_ROWS, "long")
        large = run_once(folder, file, None)
        rows.append(
            Row("import Parquet, 10 million rows", LARGE_ROWS / large["first_s"], "rows/s", more_is_better=True)
        )
        rows.append(Row("import Parquet, 10 million rows, peak memory", large["peak_mb"], "MB", MEMORY_GOAL_MB))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return rows


def main(park_path: str, file: str, mapping_path: str = "") -> None:
    """Be the process that imports."""
    memory.be_frugal()
    park = load_park(Path(park_path))
    mapping = load_mapping(Path(mapping_path)) if mapping_path else None
    with opened(park, SystemClock(), "", "ingest", "serve") as runtime:
        seconds, told = [], []
        for _ in range(2):
            start = time.perf_counter()
            result = import_files(park, runtime.store, runtime.state, [Path(file)], runtime.clock, None, mapping)
            seconds.append(time.perf_counter() - start)
            told.append(result.told())
    print("\n".join(told), file=sys.stderr)
    print(json.dumps({"first_s": seconds[0], "again_s": seconds[1], "peak_mb": memory_mb(os.getpid(), "VmHWM")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
