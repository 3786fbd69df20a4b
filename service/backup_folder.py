"""A backup is a folder that says what it is: `manifest.json` names every file with its size and SHA-256.

`rows/*.parquet` holds every table of the store in chunks, times in microseconds since 1970 UTC; `state.sqlite` what
changes beside it; `reports/` those that were kept; `PARK.yaml` the description it was made with, `configs/` every one
that was ever loaded, `beside/` the files of rules PARK.yaml names. `sha256sum -c SHA256SUMS` checks it without this program.

A folder gets its name when all of it is on the disk, so a name means a whole backup.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import orjson
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import ConfigError, Problem, Retryable
from core.store import Table
from service.backup_rows import Chunk, digest, unpack
from service.made_reports import PLACE

FORMAT = 1
MANIFEST, SUMS, STATE, PARK = "manifest.json", "SHA256SUMS", "state.sqlite", "PARK.yaml"
_KIND = "parkwatt backup"
_REPORTS = "reports/"
_PLACES = (
    r"^(rows/[a-z0-9TZ-]+\.parquet|state\.sqlite|PARK\.yaml|configs/[0-9a-f]{64}\.yaml|beside/\d+|"
    rf"{_REPORTS}{PLACE})$"
)
_MOST_MANIFEST_BYTES = 64 << 20
_BLOCK = 1 << 20

Progress = Callable[[int, int], None]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Model):
    """One file, by its place in the folder. The pattern lets no name out of it."""

    file: Annotated[
        str,
        Field(pattern=_PLACES),
    ]
    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    path: str | None = None  # of a file beside PARK.yaml: where it stood, from PARK.yaml's folder


class ChunkEntry(FileEntry):
    """One file of rows; `digest` is over the rows and the same whatever store they are in."""

    table: Table
    start: datetime
    end: datetime
    rows: Annotated[int, Field(ge=0)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @property
    def chunk(self) -> Chunk:
        """The chunk it holds."""
        return Chunk(self.table, self.start, self.end, self.rows)


class Manifest(_Model):
    """What a backup is."""

    kind: Literal["parkwatt backup"]
    format: int
    program: str
    park: str
    store: str
    made_at: datetime
    first: datetime | None
    last: datetime | None
    rows: dict[str, int]
    chunks: tuple[ChunkEntry, ...]
    files: tuple[FileEntry, ...]

    @property
    def entries(self) -> tuple[FileEntry, ...]:
        """Every file but the manifest."""
        return (*self.files, *self.chunks)


class Draft:
    """A backup while it is being written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: list[FileEntry] = []
        self._chunks: list[ChunkEntry] = []

    def add_text(self, name: str, raw: bytes, path: str | None = None) -> None:
        """Add a small file."""
        target = self.folder / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.write_bytes(raw)
        self._files.append(FileEntry(file=name, path=path, **_measured(target)))

    def add_state(self) -> None:
        """Take in the state file that was put in its place."""
        self._files.append(FileEntry(file=STATE, **_measured(self.folder / STATE)))

    def add_rows(self, chunk: Chunk, write: Callable[[Chunk, Path], str]) -> None:
        """Let a chunk be written and read it back: it is in the backup only if its rows are those to the bit."""
        name = f"rows/{chunk.name.lower()}.parquet"
        target = self.folder / name
        target.parent.mkdir(mode=0o700, exist_ok=True)
        wanted = write(chunk, target)
        rows = unpack(chunk.table, target)
        if digest(rows) != wanted:
            raise Retryable(f"{name} does not read back as it was written; is the disk in order?")
        about = {"table": chunk.table, "start": chunk.start, "end": chunk.end, "rows": len(rows), "digest": wanted}
        self._chunks.append(ChunkEntry(file=name, **_measured(target), **about))

    def finish(self, park: str, store: str, program: str, made_at: datetime) -> Manifest:
        """Write what the backup is, last."""
        readings = [c for c in self._chunks if c.table is Table.READING and c.rows]
        manifest = Manifest(
            kind="parkwatt backup", format=FORMAT, program=program, park=park, store=store, made_at=made_at,
            first=min((c.start for c in readings), default=None), last=max((c.end for c in readings), default=None),
            rows={t.value: sum(c.rows for c in self._chunks if c.table is t) for t in Table},
            chunks=tuple(self._chunks), files=tuple(self._files),
        )  # fmt: skip
        raw = orjson.dumps(manifest.model_dump(mode="json"), option=orjson.OPT_INDENT_2)
        (self.folder / MANIFEST).write_bytes(raw + b"\n")
        sums = {e.file: e.sha256 for e in manifest.entries} | {MANIFEST: _measured(self.folder / MANIFEST)["sha256"]}
        (self.folder / SUMS).write_text("".join(f"{value}  {name}\n" for name, value in sums.items()), encoding="utf-8")
        return manifest


@contextmanager
def drafted(folder: Path) -> Iterator[Draft]:
    """Lend a draft that becomes `folder` when the block ends well, and is removed otherwise.

    Raises ConfigError where the folder holds something or cannot be made, Retryable where the disk is full.
    """
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise ConfigError(f"{folder} is there already and not empty", "name a new folder for every backup")
    place = folder.parent / f".{folder.name}.unfinished"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise ConfigError(f"cannot write to {folder.parent}: {error.strerror}", "may you write there?") from error
    try:
        _take(handle, folder)
        try:
            for left in place.iterdir():  # of a run that was killed
                shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
            yield Draft(place)
            _settle(place)
            place.rename(folder)
        except OSError as error:
            raise Retryable(f"the backup in {folder} cannot be written: {error.strerror or error}") from error
        finally:
            if place.exists():
                shutil.rmtree(place, ignore_errors=True)
    finally:
        os.close(handle)


def _take(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise ConfigError(f"another backup is being written to {folder}") from None


def _settle(place: Path) -> None:
    """Let everything be on the disk, for its owner's eyes, before the name says that it is."""
    for path in (*place.rglob("*"), place):
        path.chmod(0o700 if path.is_dir() else 0o600)
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _measured(path: Path) -> dict[str, int | str]:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return {"bytes": path.stat().st_size, "sha256": found.hexdigest()}


class Backup:
    """A backup that was opened; also a source of rows. Raises ConfigError for whatever is not as its manifest says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        raw = self._read_small(MANIFEST)
        self.digest = hashlib.sha256(raw).hexdigest()
        sums = self._read_small(SUMS).decode("utf-8", "replace").splitlines()
        if f"{self.digest}  {MANIFEST}" not in sums:
            raise ConfigError(f"{folder / MANIFEST} was changed after the backup was made", "use another backup")
        self.manifest = _manifest(raw, folder)
        self._by_chunk = {e.chunk.name: e for e in self.manifest.chunks}

    @property
    def kind(self) -> str:
        """The kind of store it was taken from."""
        return self.manifest.store

    def verify(self, progress: Progress) -> None:
        """Compare size and SHA-256 of every file before anything is taken from it."""
        progress(0, len(self.manifest.entries))
        for done, entry in enumerate(self.manifest.entries):
            path = self._regular(entry.file)
            if path.stat().st_size != entry.bytes or _measured(path)["sha256"] != entry.sha256:
                raise ConfigError(f"{path} is damaged: it is not the file that was backed up", "use another backup")
            progress(done + 1, len(self.manifest.entries))

    def text(self, name: str) -> bytes:
        """Return a small file, verified."""
        raw = self._read_small(name)
        if hashlib.sha256(raw).hexdigest() != next(e.sha256 for e in self.manifest.files if e.file == name):
            raise ConfigError(f"{self.folder / name} is damaged", "use another backup")
        return raw

    def beside(self) -> list[tuple[PurePosixPath, bytes]]:
        """Return the files that stood beside PARK.yaml, each with its place below that folder."""
        found = []
        for entry in self.manifest.files:
            if entry.path is None:
                continue
            place = PurePosixPath(entry.path)
            if place.is_absolute() or ".." in place.parts or "\0" in entry.path or str(place) in {"", ".", PARK}:
                raise ConfigError(
                    f"the manifest names {entry.path!r}, a place outside its folder: this is no backup of ours"
                )
            found.append((place, self.text(entry.file)))
        return found

    def reports(self) -> list[tuple[str, bytes]]:
        """Return the files of kept reports, each with its place below their folder."""
        files = [e.file for e in self.manifest.files if e.file.startswith(_REPORTS)]
        return [(file.removeprefix(_REPORTS), self.text(file)) for file in files]

    def chunks(self) -> list[Chunk]:
        return [e.chunk for e in self.manifest.chunks]

    def known_digest(self, chunk: Chunk) -> str | None:
        return self._by_chunk[chunk.name].digest

    def rows(self, chunk: Chunk, _scratch: Path) -> pd.DataFrame:
        entry = self._by_chunk[chunk.name]
        rows = unpack(chunk.table, self._regular(entry.file))
        if len(rows) != entry.rows or digest(rows) != entry.digest:
            raise ConfigError(f"{entry.file} holds other rows than the manifest says", "use another backup")
        return rows

    def state_to(self, path: Path) -> None:
        with (
            self._regular(STATE).open("rb") as source,
            os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target,
        ):
            shutil.copyfileobj(source, target, _BLOCK)
            target.flush()
            os.fsync(target.fileno())

    def _regular(self, name: str) -> Path:
        """Return a file of the folder; never what a link leads to."""
        path = self.folder / name
        if (
            any((self.folder / p).is_symlink() for p in (PurePosixPath(name), *PurePosixPath(name).parents))
            or not path.is_file()
        ):
            raise ConfigError(f"{path} is missing or no plain file", "is this folder a whole backup?")
        return path

    def _read_small(self, name: str) -> bytes:
        path = self._regular(name)
        if path.stat().st_size > _MOST_MANIFEST_BYTES:
            raise ConfigError(f"{path} is too large to be what its name says")
        with suppress(OSError):
            return path.read_bytes()
        raise ConfigError(f"{path} cannot be read", "may you read it? A backup is for the eyes of who made it")


def _manifest(raw: bytes, folder: Path) -> Manifest:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict) or found.get("kind") != _KIND:
        raise ConfigError(f"{folder} is no backup of this program")
    if isinstance(found.get("format"), int) and found["format"] > FORMAT:
        raise ConfigError(
            f"{folder} has format {found['format']}, this program reads up to {FORMAT}", "use the newer program version"
        )
    try:
        manifest = Manifest.model_validate_json(raw)
    except ValidationError as error:
        problems = [
            Problem(f"{MANIFEST}: {'.'.join(map(str, e['loc']))}", f"{e['msg']}: this is no backup of ours")
            for e in error.errors()[:3]
        ]
        raise ConfigError(problems) from None
    names = [e.file for e in manifest.entries]
    if len(set(names)) < len(names) or not {STATE, PARK} <= set(names):
        raise ConfigError(f"{folder / MANIFEST} names a file twice, or not all there have to be")
    return manifest
