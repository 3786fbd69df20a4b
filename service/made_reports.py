"""Reports as they were made: a folder per report beside the state file, with a digest of every file."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import orjson

from core.errors import ConfigError
from core.park import Park

_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{12}")
_MONTH = re.compile(r"\d{4}-\d{2}")
_INDEX = "made.json"
PLACE = r"\d{4}-\d{2}/\d{8}T\d{6}Z-[0-9a-f]{12}/[A-Za-z0-9_][A-Za-z0-9_.-]*"
_PLACE = re.compile(PLACE)
_UNFINISHED = ".making-"


@dataclass(frozen=True)
class MadeReport:
    """One report as it was made; `files` maps zh.pdf, xlsx and so on to (file name, SHA-256)."""

    id: str
    month: str
    made_at: datetime
    digest: str
    partial: bool
    author: str
    files: dict[str, tuple[str, str]]


def kept_files(park: Park) -> list[tuple[str, Path]]:
    """Return every file of the kept reports by its place below their folder, to take along or put back."""
    root = _root_of(park)
    found = sorted(p for p in root.glob("*/*/*") if p.is_file() and not p.is_symlink())
    places = [(p.relative_to(root).as_posix(), p) for p in found]
    return [(place, p) for place, p in places if _PLACE.fullmatch(place)]


def put_back(park: Park, place: str, content: bytes) -> None:
    """Put a file of a kept report in its place; one that stands there already stays as it is."""
    if not _PLACE.fullmatch(place):
        raise ConfigError(f"{place!r} is no place of a report")
    target = _root_of(park) / place
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            draft = target.with_name(f"{target.name}.new")
            draft.write_bytes(content)
            draft.replace(target)
    except OSError as error:
        raise ConfigError(
            f"{target} cannot be written: {error.strerror}", "is there room, may you write there?"
        ) from error


def _root_of(park: Park) -> Path:
    return park.state.parent / "reports"


class MadeReports:
    """The reports of one park that were made and are kept."""

    def __init__(self, park: Park) -> None:
        self._root = _root_of(park)
        self._keep = park.reports.kept_per_month
        for left in self._root.glob(f"{_UNFINISHED}*"):  # of a process that was killed
            shutil.rmtree(left, ignore_errors=True)

    def workplace(self, name: str) -> Path:
        """Return a folder to make a report in; `keep` or `discard` ends its use."""
        return self._root / f"{_UNFINISHED}{name}"

    def discard(self, workplace: Path) -> None:
        """Remove what was begun."""
        shutil.rmtree(workplace, ignore_errors=True)

    def keep(self, workplace: Path, month: str, at: datetime, author: str) -> MadeReport:
        """Give a report its place for good and let the oldest of its month go where there are too many."""
        files: dict[str, tuple[str, str]] = {}
        document: dict[str, object] = {}
        for path in sorted(workplace.iterdir()):
            content = path.read_bytes()
            files[_kind(path.name)] = (path.name, hashlib.sha256(content).hexdigest())
            document = orjson.loads(content) if path.suffix == ".json" else document
        digest = str(document["digest"])
        partial = bool(_scope(document).get("partial"))
        bare = digest.rpartition(":")[2]
        made = MadeReport(f"{at:%Y%m%dT%H%M%SZ}-{bare[:12]}", month, at, digest, partial, author, files)
        (workplace / _INDEX).write_bytes(orjson.dumps(asdict(made)))
        target = self._root / month / made.id
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():  # the same figures within the same second: one of them is enough
                shutil.rmtree(workplace)
            else:
                workplace.rename(target)
        except OSError as error:
            raise ConfigError(f"cannot keep the report in {target}: {error.strerror}") from error
        for old in self.of(month)[self._keep :]:
            shutil.rmtree(self._root / month / old.id, ignore_errors=True)
        return made

    def of(self, month: str) -> list[MadeReport]:
        """Return the reports of a month, the newest first."""
        if not _MONTH.fullmatch(month):
            return []
        found = [self._read(path) for path in (self._root / month).glob("*") if _ID.fullmatch(path.name)]
        return sorted((m for m in found if m), key=lambda m: m.id, reverse=True)

    def file(self, month: str, made_id: str, kind: str) -> Path:
        """Return one file of a report as it was made; raises ConfigError where it is not there or was changed."""
        made = next((m for m in self.of(month) if m.id == made_id), None)
        if made is None or kind not in made.files:
            raise ConfigError("there is no such report", "see the list of those that were made")
        name, expected = made.files[kind]
        path = self._root / month / made.id / Path(name).name
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
        if found != expected:
            raise ConfigError(f"{path} is not the file that was made: its digest differs")
        return path

    def _read(self, folder: Path) -> MadeReport | None:
        try:
            raw = orjson.loads((folder / _INDEX).read_bytes())
            files = {kind: (name, digest) for kind, (name, digest) in raw.pop("files").items()}
            return MadeReport(**{**raw, "made_at": datetime.fromisoformat(raw["made_at"])}, files=files)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None  # damaged: it is not offered


def _scope(document: dict[str, object]) -> dict[str, object]:
    found = document.get("scope", document)
    return found if isinstance(found, dict) else {}


def _kind(name: str) -> str:
    parts = name.split(".")
    return ".".join(parts[-2:]) if parts[-1] == "pdf" else parts[-1]
