"""Corrections over HTTP. Reading is free; writing needs an operator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Request

from core.corrections import Entry
from core.park import Park
from core.quantities import quantity
from core.text import MISSING, Language
from dashboards.views import words
from dashboards.views.corrections import correction_view
from dashboards.views.corrections import corrections as corrections_view
from dashboards.views.quality import entity_name
from service import corrections
from service.access import Access, Role, Who
from service.http.ranges import bounds
from service.runner import Runtime
from service.trial import Trial, trial

Number = Annotated[int, Path(ge=1, le=2**53)]
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

    @router.get("/corrections/view", summary="What the page of corrections shows: entries about a range, kinds, points")
    def view(
        start: Annotated[date | None, Query(alias="from", description="first local day")] = None,
        end: Annotated[date | None, Query(alias="to", description="last local day")] = None,
        lang: Language = Language.ZH,
    ) -> Given:
        entries = runtime.state.corrections(*bounds(runtime, start, end))
        shown = [correction_view(e, runtime.park, lang) for e in sorted(entries, key=lambda e: e.id, reverse=True)]
        return {**corrections_view([], runtime.park, lang), "entries": shown, "all": len(runtime.state.corrections())}

    @router.post("/corrections/preview", summary="What a correction would change; nothing is recorded")
    def preview(request: Request, given: Annotated[Given, Body()], lang: Language = Language.ZH) -> Given:
        access.require(request, Role.OPERATOR)
        return dict(effect_view(trial(runtime, given), runtime.park, lang))

    @router.post("/corrections", summary="Correct history; answers when every figure has followed")
    def add(request: Request, given: Annotated[Given, Body()], lang: Language = Language.ZH) -> Given:
        given = _signed(given, access.require(request, Role.OPERATOR))
        access.note(request, "correction.add", given.get("point") or given.get("device") or "", after=given)
        entry = corrections.add(runtime, given)
        access.note(request, "correction.add", f"#{entry.id}")
        changed()
        return told(entry, lang)

    @router.post("/corrections/{number}/undo", summary="Take a correction back; it stays on record")
    def undo(request: Request, number: Number, given: Annotated[Given, Body()], lang: Language = Language.ZH) -> Given:
        given = _signed(given, access.require(request, Role.OPERATOR))
        access.note(request, "correction.undo", f"#{number}", after=given)
        entry = corrections.undo(runtime, number, given)
        changed()
        return told(entry, lang)

    return router


def _signed(given: Given, who: Who) -> Given:
    """Return what was given, in the name of whoever signed in or of the token: nobody corrects in another's."""
    return {**given, "author": who.name} if who.how in {"session", "token"} else given


def effect_view(found: Trial, park: Park, language: Language) -> Given:
    """Return what would change: sums over the days tried, and each day."""
    groups: dict[tuple[str, str], list[tuple[float | None, float | None]]] = {}
    for e in found.effects:
        groups.setdefault((e.entity, e.quantity), []).append((e.before, e.after))

    def text(kwh: float | None) -> str:
        return words.energy_text(kwh) if kwh is not None else MISSING

    def named(entity: str, name: str) -> Given:
        row = quantity(name)
        return {
            "entity": entity_name(park, entity).say(language),
            "quantity": row.zh if language is Language.ZH else row.en,
        }

    def total(values: list[float | None]) -> float | None:
        known = [v for v in values if v is not None]
        return sum(known) if known else None

    return {
        "totals": [
            {
                **named(*key),
                "days": len(pairs),
                "before": text(total([a for a, _ in pairs])),
                "after": text(total([b for _, b in pairs])),
            }
            for key, pairs in groups.items()
        ],
        "days": [
            {
                **named(e.entity, e.quantity),
                "day": e.day.isoformat(),
                "before": text(e.before),
                "after": text(e.after),
            }
            for e in found.effects
        ],
        "untried": found.untried,
    }
