"""The commands about history: import, export and archive."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from core.clock import SystemClock
from core.errors import ConfigError
from core.park import Park
from ingest.files import ImportResult, import_files
from ingest.mapping import load_mapping
from ingest.preview import Preview, SeriesPreview, preview_files
from ingest.propose import propose as proposed
from service import address, archiving, exporting
from service.progress import bar, interruptible
from service.runner import catch_up, opened

_BLOCK = 1 << 16


def propose(files: list[Path]) -> int:
    """Print the beginning of a mapping; a park named before the file is not needed."""
    tables = [f for f in files if f.suffix.lower() not in {".yaml", ".yml"}]
    if len(tables) != 1:
        raise ConfigError("name one file to propose a mapping for")
    print(proposed(tables[0]), end="")
    return 0


def bring_in(park: Park, files: list[Path], mapping_file: Path | None, *, dry_run: bool) -> int:
    """Import files, through the running service where there is one."""
    missing = [f for f in files if not f.is_file()]
    if missing:
        raise ConfigError(f"there is no file {missing[0]}")
    mapping = load_mapping(mapping_file) if mapping_file else None
    owner = address.running(park)
    if owner:
        asked = {"dry_run": str(dry_run).lower()} | ({"mapping": str(mapping_file.resolve())} if mapping_file else {})
        path = f"/api/v1/import?{urlencode(asked)}"
        answer = address.ask(owner, "POST", path, json=[str(f.resolve()) for f in files]).json()
        return _tell_preview(answer) if dry_run else _tell_import(answer)
    with opened(park, SystemClock(), "", "ingest", "serve") as runtime:
        where = (park, runtime.store, runtime.state, files, runtime.clock)
        if dry_run:
            print(preview_files(*where, bar("comparing"), mapping).told())
            return 0
        try:
            with interruptible() as watching:
                result = import_files(*where, watching(bar("importing")), mapping)
                catch_up(runtime, watching(bar("computing")))
        except KeyboardInterrupt:
            print("\ninterrupted; what was stored is whole. Run the same command again to bring in the rest.")
            raise
    return _tell_import(vars(result))


def _tell_import(result: dict[str, Any]) -> int:
    shown = ImportResult(**result)  # the same fields, perhaps by way of JSON
    print(shown.told())
    return 1 if shown.rejected else 0


def _tell_preview(result: dict[str, Any]) -> int:
    series = {name: SeriesPreview(**counts) for name, counts in result["series"].items()}
    print(Preview(**{**result, "series": series}).told())
    return 0


def export(park: Park, asked: argparse.Namespace) -> int:
    """Write an export, out of the running service where there is one."""
    names = [name.strip() for name in asked.series.split(",") if name.strip()]
    what = exporting.wanted(park, names, asked.scope, asked.entity, asked.period, asked.first, asked.last)
    owner = address.running(park)
    if owner:
        exporting.write(_asked(owner, what), what.columns, asked.out)
    else:
        with opened(park, SystemClock(), "", "serve") as runtime:
            exporting.write(exporting.csv_blocks(park, runtime.store, what), what.columns, asked.out)
    print(asked.out)
    return 0


def _asked(owner: address.Address, what: exporting.Wanted) -> Iterator[bytes]:
    query = {
        "series": ",".join(what.series),
        "scope": what.scope,
        "period": what.period.value,
        "from": what.first.isoformat(),
        "to": what.last.isoformat(),
    } | ({"entity": what.entity} if what.entity else {})
    with address.ask(owner, "GET", f"/api/v1/export?{urlencode(query)}", stream=True) as answer:
        yield from answer.iter_content(_BLOCK)


def archive(park: Park, before: date, out: Path, *, delete: bool) -> int:
    """Write closed months to files; with `delete`, let the store forget what they hold."""
    if address.running(park):
        raise ConfigError("the park is running and owns its store", "stop it for as long as archiving takes")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make the folder {out}: {error.strerror}", "choose another with --out") from error
    with opened(park, SystemClock(), "", "ingest", "serve") as runtime:
        result = archiving.archive(runtime, before, out, delete=delete, progress=bar("archiving"))
    for manifest in result.written:
        print(f"{out / manifest.file}: {manifest.rows:,} readings, {manifest.digest}")
    if not result.written:
        print("no month to archive: none is closed before that day, or all were archived and deleted")
    for month in result.dropped:
        print(f"{month} left the store")
    if delete and result.kept:
        print(f"{', '.join(result.kept)} stays in the store: later days are computed from its last readings")
    return 0
