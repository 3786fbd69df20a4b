"""Corrections over HTTP. Reading is free; writing needs an operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request

from core.corrections import Entry
from core.text import Language
from dashboards.views.corrections import correction_view
from service import corrections
from service.access import Access, Role, Who
from service.runner import Runtime

Given = dict[str, Any]  # Any: JSON, checked by core.corrections


def corrections_router(runtime: Runtime, access: Access, changed: Callable[[], None]) -> APIRouter:
    """Build the routes; `changed` is told when figures may have changed."""
    router = APIRouter(tags=["corrections"])

    def told(entry: Entry, language: Language) -> Given:
        return dict(correction_view(entry, runtime.park, language))

    @router.get("/page-token", include_in_schema=False)
    def page_token(request: Request) -> dict[str, str | None]:
        return {"token": access.page_token(request)}

    @router.get("/corrections", summary="Every correction on record, undone ones too")
    def listed(lang: Language = Language.ZH) -> list[Given]:
        return [told(entry, lang) for entry in runtime.state.corrections()]

    @router.post("/corrections", summary="Correct history; answers when every figure has followed")
    def add(request: Request, given: Annotated[Given, Body()], lang: Language = Language.ZH) -> Given:
        given = _signed(given, access.require(request, Role.OPERATOR))
        access.note(request, "correction.add", given.get("point") or given.get("device") or "", after=given)
        entry = corrections.add(runtime, given)
        access.note(request, "correction.add", f"#{entry.id}")
        changed()
        return told(entry, lang)

    @router.post("/corrections/{number}/undo", summary="Take a correction back; it stays on record")
    def undo(request: Request, number: int, given: Annotated[Given, Body()], lang: Language = Language.ZH) -> Given:
        given = _signed(given, access.require(request, Role.OPERATOR))
        access.note(request, "correction.undo", f"#{number}", after=given)
        entry = corrections.undo(runtime, number, given)
        changed()
        return told(entry, lang)

    return router


def _signed(given: Given, who: Who) -> Given:
    """Return what was given, in the name of whoever signed in: nobody corrects in another's."""
    return {**given, "author": who.name} if who.how == "session" else given
