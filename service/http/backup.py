"""What a backup asks of the running service that owns the store: rows by parts, and the state that belongs to them."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import AwareDatetime, BaseModel
from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from core.store import Table
from service.access import Access, Role
from service.backup_rows import Chunk, digest, pack, rows_of
from service.backup_source import Snapshot
from service.memory import give_back
from service.runner import Runtime

AT_ONCE = 4  # of those whose command was killed the oldest is forgotten


class Wanted(BaseModel):
    """A stretch of one table."""

    table: Table
    start: AwareDatetime
    end: AwareDatetime


def backup_router(runtime: Runtime, access: Access) -> APIRouter:
    """Build the routes. They hold up nobody: see service.backup_source for why what they give is whole."""
    router = APIRouter(tags=["backup"])
    begun: dict[str, Snapshot] = {}
    turn = threading.Lock()

    def snapshot(number: str) -> Snapshot:
        with turn:
            if number not in begun:
                raise HTTPException(404, "this backup is no longer under way: begin again")
            return begun[number]

    def forget(number: str) -> None:
        with turn:
            ended = begun.pop(number, None)
        if ended:
            ended.end()

    @router.post("/backup", summary="Begin a backup: what is there to take along")
    def begin(request: Request) -> dict[str, Any]:  # Any: a JSON document
        access.require(request, Role.ADMIN)
        made, number = Snapshot(runtime.store, runtime.state), secrets.token_hex(16)
        while len(begun) >= AT_ONCE:
            forget(next(iter(begun)))
        with turn:
            begun[number] = made
        return {"id": number, "days": [(table.value, days) for table, days in made.days()]}

    @router.post("/backup/{number}/rows", summary="Rows of a stretch, as Parquet")
    def rows(request: Request, number: str, wanted: Wanted) -> FileResponse:
        access.require(request, Role.ADMIN)
        found = rows_of(snapshot(number).store, Chunk(wanted.table, wanted.start, wanted.end, 0))
        try:
            return _file(lambda path: pack(found, path), digest(found))
        finally:
            give_back()

    @router.post("/backup/{number}/state", summary="The state file that belongs to what was read")
    def state(request: Request, number: str) -> FileResponse:
        access.require(request, Role.ADMIN)
        return _file(snapshot(number).state_to, "")

    @router.delete("/backup/{number}", summary="End a backup")
    def end(request: Request, number: str) -> dict[str, bool]:
        access.require(request, Role.ADMIN)
        forget(number)
        return {"ok": True}

    return router


def _file(write: Callable[[Path], None], content_digest: str) -> FileResponse:
    """Answer with a file that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="parkwatt-backup-"))
    try:
        write(folder / "content")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    # Packed already: what would compress it again only costs.
    headers = {"X-Parkwatt-Digest": content_digest, "Content-Encoding": "identity", "Cache-Control": "no-store"}
    return FileResponse(
        folder / "content",
        headers=headers,
        media_type="application/octet-stream",
        background=BackgroundTask(shutil.rmtree, folder, ignore_errors=True),
    )
