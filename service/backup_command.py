"""The commands that take a park along: backup, restore and copy."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from core.clock import SystemClock
from core.errors import ConfigError
from core.park import Park
from core.park_file import load_park
from service.backup_folder import PARK, STATE, Backup, Draft, Manifest, drafted
from service.backup_source import Packing, taken_from
from service.backup_target import Brought, bring
from service.made_reports import kept_files
from service.progress import bar, interruptible
from store.state import SqliteState
from store.state_copy import archived_configs


def backup(config: Path, folder: Path) -> int:
    """Write a whole backup of a park, whether it is running or not."""
    park = load_park(config)
    folder = _absolute(folder)
    try:
        with interruptible() as watching, drafted(folder) as draft, taken_from(park) as source:
            manifest = _written(source, park, config, draft, watching(bar("backing up")))
    except KeyboardInterrupt:
        print("\ninterrupted; nothing is left of this backup. Run the same command again.")
        raise
    print(f"{folder}")
    print("\n".join(f"  {table:10}{rows:>14,} rows" for table, rows in manifest.rows.items()))
    print("  It holds what users may sign in with, as hashes: keep it where only you can read it.")
    return 0


def _written(source: Packing, park: Park, config: Path, draft: Draft, step: Callable[[int, int], None]) -> Manifest:
    made_at = SystemClock().now()
    chunks = source.chunks()
    step(0, len(chunks) + 1)
    for done, chunk in enumerate(chunks):
        draft.add_rows(chunk, source.packed)
        step(done + 1, len(chunks) + 1)
    source.state_to(draft.folder / STATE)
    draft.add_state()
    draft.add_text(PARK, config.read_bytes())
    for found in archived_configs(draft.folder / STATE):
        raw = found.text.encode()
        if hashlib.sha256(raw).hexdigest() == found.digest:
            draft.add_text(f"configs/{found.digest}.yaml", raw)
    _add_beside(park, config, draft)
    for place, file in kept_files(park):
        draft.add_text(f"reports/{place}", file.read_bytes())
    manifest = draft.finish(park.id, source.kind, f"parkwatt {version('parkwatt')}", made_at)
    step(len(chunks) + 1, len(chunks) + 1)
    return manifest


def _add_beside(park: Park, config: Path, draft: Draft) -> None:
    """Take along the files of rules that stand below PARK.yaml's folder; others are named, for they have no place."""
    home = config.resolve().parent
    for number, file in enumerate(park.rules.files):
        place = file.resolve()
        if place.is_relative_to(home):
            draft.add_text(f"beside/{number}", place.read_bytes(), place.relative_to(home).as_posix())
        else:
            print(f"  note: {file} lies outside the folder of PARK.yaml and is not in the backup")


def restore(folder: Path, config: Path | None, into: Path | None) -> int:
    """Bring a backup back: into the park a PARK.yaml describes, or with its own PARK.yaml into a new folder."""
    found = Backup(_absolute(folder))
    with interruptible() as watching:
        found.verify(watching(bar("verifying")))
        _try_state(found)
        park, shown = (_given(found, config), config) if config else _own(found, into)
        try:
            step = watching(bar("restoring"))
            brought = bring(found, park, "a restore", found.digest, step, reports=found.reports())
        except KeyboardInterrupt:
            print("\ninterrupted. Run the same command again: it goes on where it was.")
            raise
    made = found.manifest.made_at
    print(f"{park.id} as of {made:%Y-%m-%d %H:%M:%S} UTC, from a store of kind {found.kind}:")
    print(brought.told())
    print(
        f"  `parkwatt run {shown}` goes on with it"
        if park.store.kind == "embedded"
        else f"  `parkwatt serve {shown}` goes on with it"
    )
    return 1 if brought.differences else 0


def _try_state(found: Backup) -> None:
    """Open a copy of the state file, so that one that is damaged or newer is refused before any work is done."""
    with tempfile.TemporaryDirectory() as scratch:
        found.state_to(Path(scratch) / STATE)
        SqliteState(Path(scratch) / STATE).close()


def _given(found: Backup, config: Path) -> Park:
    park = load_park(config)
    if park.id != found.manifest.park:
        raise ConfigError(
            f"the backup is of the park {found.manifest.park}, {config} describes {park.id}", "an id never changes"
        )
    return park


def _own(found: Backup, into: Path | None) -> tuple[Park, Path]:
    """Write the backup's own PARK.yaml into a new folder and return the park it describes."""
    into = _absolute(into or Path(found.manifest.park))
    config, raw = into / PARK, found.text(PARK)
    again = config.is_file() and config.read_bytes() == raw
    if into.exists() and (not into.is_dir() or (any(into.iterdir()) and not again)):
        raise ConfigError(f"{into} is not empty", "name a new folder with --into, or a PARK.yaml with --park")
    with tempfile.TemporaryDirectory() as scratch:
        trial = Path(scratch).resolve() / PARK
        trial.write_bytes(raw)
        park = load_park(trial)
        if park.id != found.manifest.park:
            raise ConfigError(f"the backup is of {found.manifest.park}, its PARK.yaml describes {park.id}")
        if park.store.kind != "embedded":
            raise ConfigError(
                "this park keeps its data in InfluxDB",
                f"say where to: copy {found.folder / PARK}, adapt it, and name it with --park",
            )
        if not all(p.resolve().is_relative_to(trial.parent) for p in (park.store.path, park.state)):
            raise ConfigError(
                "the PARK.yaml of this backup keeps its data at places of its own, not below its folder",
                f"copy {found.folder / PARK}, say in it where the data goes, and name it with --park",
            )
        _refuse_taken([place for place, _ in found.beside()], (park.store.path, park.state), trial.parent)
    files = [*found.beside(), (PurePosixPath(PARK), raw)]
    try:
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        for place, content in files:
            target = into / place
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"cannot write to {into}: {error.strerror}", "may you write there? is there room?") from error
    return load_park(config), config


def _refuse_taken(places: Sequence[PurePosixPath], data: tuple[Path, Path], home: Path) -> None:
    """Refuse files beside PARK.yaml where the park's own will stand, or that stand in each other's way."""
    beside_state = data[1].parent
    own = [home / PARK, *data, beside_state / "reports", beside_state / "service.json"]
    taken = [path.resolve().relative_to(home).as_posix() for path in own]
    folders = {parent for place in places for parent in place.parents}
    for place in places:
        # What stands below it, and what the databases put beside it: -wal, .unfinished.
        near = any(re.match(rf"{re.escape(name)}([/.-]|$)", place.as_posix()) for name in taken)
        above = any(name.startswith(f"{place.as_posix()}/") for name in taken)
        if near or above or place in folders or places.count(place) > 1:
            raise ConfigError(
                f"the manifest names {place.as_posix()!r}, a place the restored park needs itself: this is no backup of ours"
            )


def copy(source_config: Path, target_config: Path) -> int:
    """Bring everything of one park's store into another, empty one; the state file too where they differ in it."""
    one, other = load_park(source_config), load_park(target_config)
    if one.id != other.id:
        raise ConfigError(f"{source_config} describes {one.id}, {target_config} describes {other.id}", "copy one park")
    if one.store.model_dump(include={"kind", "path", "url", "database"}) == other.store.model_dump(
        include={"kind", "path", "url", "database"}
    ):
        raise ConfigError("both files name the same store", "let `store` in one of them name another")
    shared = one.state.resolve() == other.state.resolve()
    identity = hashlib.sha256(repr((str(source_config.resolve()), one.store)).encode()).hexdigest()
    try:
        with interruptible() as watching, taken_from(one, alone=shared) as source:
            step = watching(bar("copying"))
            kept = () if shared else ((place, file.read_bytes()) for place, file in kept_files(one))
            brought = bring(source, other, "a copy", identity, step, reports=kept, with_state=not shared)
    except KeyboardInterrupt:
        print("\ninterrupted. Run the same command again: it goes on where it was.")
        raise
    _tell_copy(brought, one.store.kind, other.store.kind, shared=shared)
    return 1 if brought.differences else 0


def _tell_copy(brought: Brought, one: str, other: str, *, shared: bool) -> None:
    print(f"from {one} to {other}:")
    print(brought.told())
    print("  the state file is shared and stays as it is" if shared else "  the state file was copied")


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow a link at its end
