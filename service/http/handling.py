"""Alerts over HTTP: the past page by page, acknowledging, commenting, silencing. Writing needs an operator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, HTTPException, Path, Query, Request

from core.handled import handled
from core.handling import ActKind
from core.store import AlertFilter, AlertRecord
from core.text import Language
from dashboards.views.alerts import Glance
from dashboards.views.handling import act_view, alert_item, choices, silence_view
from rules.words import rule_names
from service import handling
from service.access import Access, Role
from service.http.ranges import bounds
from service.runner import Runtime

Given = dict[str, Any]  # Any: JSON, checked by core.handling
MOST = 200
SILENCES_SHOWN = 50

Severity = Literal["info", "warning", "critical"]
Open = Literal["firing", "resolved"]
Number = Annotated[int, Path(ge=1, le=2**53)]
Id = Annotated[str, Query(max_length=128)]


def handling_router(runtime: Runtime, access: Access, changed: Callable[[], None]) -> APIRouter:
    """Build the routes; `changed` is told when what is shown of alerts has changed."""
    router = APIRouter(tags=["alerts"])
    _reading(router, runtime)

    @router.post("/alerts/{what}", summary="Acknowledge an alert (ack), take that back (unack), or comment on it")
    def act(
        request: Request,
        what: Literal["ack", "unack", "comment"],
        given: Annotated[Given, Body()],
        lang: Language = Language.ZH,
    ) -> Given:
        who = access.require(request, Role.OPERATOR)
        access.note(request, f"alert.{what}", given.get("fingerprint") or "", after=given)
        made = handling.act(runtime, who, ActKind(what), given)
        changed()
        return dict(act_view(made, runtime.park, lang))

    @router.post("/silences", summary="Keep alerts of a rule, an entity or both quiet for a time")
    def silence(request: Request, given: Annotated[Given, Body()], lang: Language = Language.ZH) -> Given:
        who = access.require(request, Role.OPERATOR)
        about = "/".join(str(given[key]) for key in ("rule", "entity") if given.get(key))
        access.note(request, "silence.add", about, after=given)
        made = handling.silence(runtime, who, given)
        access.note(request, "silence.add", f"#{made.id} {about}", after={**given, "until": made.until.isoformat()})
        changed()
        return dict(silence_view(made, runtime.park, rule_names(runtime.park), runtime.clock.now(), lang))

    @router.post("/silences/{number}/end", summary="End a silence before its time; it stays on record")
    def end(request: Request, number: Number, given: Annotated[Given, Body()], lang: Language = Language.ZH) -> Given:
        who = access.require(request, Role.OPERATOR)
        access.note(request, "silence.end", f"#{number}", after=given)
        ended = handling.end_silence(runtime, who, number, given)
        changed()
        return dict(silence_view(ended, runtime.park, rule_names(runtime.park), runtime.clock.now(), lang))

    return router


def _reading(router: APIRouter, runtime: Runtime) -> None:
    def items(alerts: Iterable[AlertRecord], language: Language) -> list[Given]:
        now, every = runtime.clock.now(), list(alerts)
        found = handled(runtime.state, every, now)
        glance, say = Glance(runtime.park, language, now), runtime.say
        return [alert_item(glance, a, found, say) for a in every]

    def page(wanted: AlertFilter, limit: int, after: str | None, language: Language) -> Given:
        rows = runtime.state.alert_history(wanted, limit + 1, _cursor(after))
        following = (
            f"{rows[limit - 1].active_at.isoformat()}~{rows[limit - 1].fingerprint}" if len(rows) > limit else None
        )
        return {"entries": items(rows[:limit], language), "next": following}

    @router.get("/alerts/history", summary="Alerts that lived in a range of days, newest first, page by page")
    def history(
        start: Annotated[date | None, Query(alias="from", description="first local day")] = None,
        end: Annotated[date | None, Query(alias="to", description="last local day")] = None,
        rule: Id | None = None,
        entity: Id | None = None,
        severity: Severity | None = None,
        state: Open | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
        after: Annotated[str | None, Query(max_length=300, description="`next` of the page before")] = None,
        lang: Language = Language.ZH,
    ) -> Given:
        first, last = bounds(runtime, start, end)
        return page(AlertFilter(first, last, rule, entity, severity, state), limit, after, lang)

    @router.get(
        "/alerts/view", summary="What the page of alerts shows at first: open ones, the past of a range, silences"
    )
    def view(
        start: Annotated[date | None, Query(alias="from", description="first local day")] = None,
        end: Annotated[date | None, Query(alias="to", description="last local day")] = None,
        lang: Language = Language.ZH,
    ) -> Given:
        park = runtime.park
        first, last = bounds(runtime, start, end)
        firing = sorted((a for a in runtime.state.alerts() if a.state == "firing"), key=lambda a: a.active_at)
        return {
            "open": items(reversed(firing), lang),
            "history": page(AlertFilter(first, last), MOST, None, lang),
            "silences": silences(lang),
            "now": runtime.clock.now().isoformat(),
            "starts": first.isoformat() if first else None,
            "ends": last.isoformat() if last else None,
            **choices(park, handling.entities(runtime), rule_names(park), lang),
        }

    @router.get("/silences", summary="Silences, those that end last first; ended ones too")
    def silences(lang: Language = Language.ZH) -> list[Given]:
        now, park = runtime.clock.now(), runtime.park
        found = sorted(runtime.state.silences(), key=lambda s: (s.until > now, s.until), reverse=True)
        names = rule_names(park)
        return [dict(silence_view(s, park, names, now, lang)) for s in found[:SILENCES_SHOWN]]


def _cursor(text: str | None) -> tuple[datetime, str] | None:
    if text is None:
        return None
    at, _, fingerprint = text.partition("~")
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        raise HTTPException(422, "`after` is no place in this list") from None
    if instant.tzinfo is None:
        raise HTTPException(422, "`after` is no place in this list")
    return instant, fingerprint
