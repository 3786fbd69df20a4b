"""Imports and replays, for commands given while the service runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from core.errors import ConfigError, Rejected
from ingest.files import import_files
from ingest.mapping import load_mapping
from ingest.preview import preview_files
from ingest.replay import replay
from service.access import Access, Role, Who
from service.runner import Runtime, catch_up


class Replay(BaseModel):
    """Which messages to read again, and the PARK.yaml that whoever asks has before them."""

    digest: str
    reason: str | None = None
    number: int | None = Field(None, ge=1, le=2**53)


def writing_router(runtime: Runtime, access: Access) -> APIRouter:
    """Build the routes."""
    router = APIRouter()

    @router.post("/import", summary="Import reading files that lie on the service's own machine")
    def bring_in(
        request: Request, files: list[Path], mapping: Path | None = None, dry_run: bool = False
    ) -> dict[str, Any]:  # Any: a JSON document
        who = access.require(request, Role.ADMIN, "import")
        own, named = who.how == "service", ", ".join(str(f) for f in files)
        access.note(request, "import.preview" if dry_run else "import", named)
        if not own:
            files = [_within(runtime.park.http.import_folders, f, who) for f in files]
            mapping = mapping and _within(runtime.park.http.import_folders, mapping, who)
        try:
            return brought_in(request, files, mapping, dry_run=dry_run, own=own)
        except (ConfigError, Rejected):
            if own:
                raise
            # The words quote what stands in the file.
            raise ConfigError(
                "these files cannot be imported", f"`parkwatt import` on this machine says why: {named}"
            ) from None

    def brought_in(
        request: Request, files: list[Path], mapping: Path | None, *, dry_run: bool, own: bool
    ) -> dict[str, Any]:  # Any: a JSON document
        known = load_mapping(mapping) if mapping else None
        where = (runtime.park, runtime.store, runtime.state, files, runtime.clock)
        if dry_run:
            return asdict(preview_files(*where, None, known))
        result = import_files(*where, None, known)
        catch_up(runtime)
        unquoted = asdict(replace(result, faults=[], conflicts=[]))
        access.note(request, "import", ", ".join(str(f) for f in files), after=unquoted)
        return asdict(result) if own else unquoted

    @router.post("/quarantine/replay", summary="Read quarantined messages again")
    def read_again(request: Request, wanted: Replay) -> dict[str, Any]:
        access.require(request, Role.ADMIN)
        access.note(request, "quarantine.replay", wanted.number or wanted.reason or "all")
        park = runtime.park
        if wanted.digest != park.digest:
            raise ConfigError("the running service was started with another PARK.yaml", "restart it, then replay")
        result = replay(park, runtime.store, runtime.state, runtime.clock, reason=wanted.reason, number=wanted.number)
        if result.readings:
            catch_up(runtime)
        access.note(request, "quarantine.replay", wanted.number or wanted.reason or "all", after=vars(result))
        return vars(result)

    return router


def _within(folders: Iterable[Path], path: Path, who: Who) -> Path:
    """Return where a path leads, which has to lie below one of the folders: the service can read more than others may."""
    hint = "put the file below a folder of http.import_folders, or type `parkwatt import` on this machine"
    try:
        real = path.resolve()
        if path.is_absolute() and any(real.is_relative_to(folder.resolve()) for folder in folders):
            return real
    except (OSError, RuntimeError, ValueError):  # links in a circle, names no file can have
        pass
    raise ConfigError(f"{who.name} may import no file from there", hint)
