"""Imports and replays, for commands given while the service runs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from core.errors import ConfigError
from ingest.files import import_files
from ingest.mapping import load_mapping
from ingest.preview import preview_files
from ingest.replay import replay
from service.access import Access, Role
from service.runner import Runtime, catch_up


class Replay(BaseModel):
    """Which messages to read again, and the PARK.yaml that whoever asks has before them."""

    digest: str
    reason: str | None = None
    number: int | None = None


def writing_router(runtime: Runtime, access: Access) -> APIRouter:
    """Build the routes."""
    router = APIRouter()

    @router.post("/import", summary="Import reading files that lie on the service's own machine")
    def bring_in(
        request: Request, files: list[Path], mapping: Path | None = None, dry_run: bool = False
    ) -> dict[str, Any]:  # Any: a JSON document
        access.require(request, Role.ADMIN, "import")
        access.note(request, "import.preview" if dry_run else "import", ", ".join(str(f) for f in files))
        known = load_mapping(mapping) if mapping else None
        where = (runtime.park, runtime.store, runtime.state, files, runtime.clock)
        if dry_run:
            return asdict(preview_files(*where, None, known))
        result = import_files(*where, None, known)
        catch_up(runtime)
        access.note(request, "import", ", ".join(str(f) for f in files), after=asdict(result))
        return asdict(result)

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
