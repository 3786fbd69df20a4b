"""How far the data can be trusted, over HTTP: reading only."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query

from core.corrections import in_force
from core.text import Language, local_time
from core.timebase import day_of
from dashboards.views import trust
from service.http.ranges import bounds
from service.quarantine import CHECKS, payload_text
from service.runner import Runtime

Told = dict[str, Any]  # Any: a JSON document
MOST_DAYS = 370
ITEMS = 50
SHOWN_BYTES = 8_192
DEFAULT_DAYS = 30
COUNTS = ("received", "stored", "quarantined", "pending")


def data_router(runtime: Runtime) -> APIRouter:
    """Build the routes."""
    router = APIRouter(tags=["data"])
    park = runtime.park

    @router.get("/data/view", summary="How far the data of a range can be trusted: everything that page shows")
    def view(
        start: Annotated[date | None, Query(alias="from", description="first local day")] = None,
        end: Annotated[date | None, Query(alias="to", description="last local day")] = None,
        lang: Language = Language.ZH,
    ) -> Told:
        now = runtime.clock.now()
        bounds(runtime, start, end)  # refuses days of no calendar
        end = end or day_of(now, park.zone)
        start = start or end - timedelta(days=DEFAULT_DAYS - 1)
        first, last = bounds(runtime, start, end)
        assert first and last  # noqa: S101, PT018 - both days are there
        if (end - start).days >= MOST_DAYS:
            raise HTTPException(422, f"ask for at most {MOST_DAYS} days")
        counts = runtime.state.counts()
        return {
            "coverage": trust.coverage_calendar(park, runtime.store, start, end, now, lang),
            "events": trust.events_of_range(park, runtime.state.events(first, last), lang),
            "lateness": trust.lateness(park, runtime.store.latest(), now, lang),
            "quarantine": {
                "counts": trust.quarantine_counts(runtime.state.quarantine_counts(), lang),
                **listed(None, None, lang),
            },
            "collectors": _collectors(runtime),
            "configs": _configs(runtime),
            "checks": {k.removeprefix(CHECKS): n for k, n in counts.items() if k.startswith(CHECKS)},
            "corrections": len(in_force(runtime.state.corrections(first, last))),
            "digest": park.digest,
        }

    @router.get("/quarantine", summary="Messages that became no readings, the newest first")
    def listed(
        reason: Annotated[str | None, Query(max_length=64)] = None,
        before: Annotated[int | None, Query(ge=1, le=2**53, description="`next` of the page before")] = None,
        lang: Language = Language.ZH,
    ) -> Told:
        found = runtime.state.quarantined(ITEMS + 1, reason=reason, before=before)
        following = found[ITEMS - 1].id if len(found) > ITEMS else None
        return {"entries": [trust.quarantine_line(i, park, lang) for i in found[:ITEMS]], "next": following}

    @router.get("/quarantine/{number}", summary="One of them, its payload as text where it is text, else in hex")
    def one(number: Annotated[int, Path(ge=1, le=2**53)], lang: Language = Language.ZH) -> Told:
        item = runtime.state.quarantine_item(number)
        if item is None:
            raise HTTPException(404, "there is no such message")
        shown = payload_text(item.payload[:SHOWN_BYTES])
        return {
            **trust.quarantine_line(item, park, lang),
            "payload": shown,
            "cut": len(item.payload) > SHOWN_BYTES,
        }

    return router


def _collectors(runtime: Runtime) -> list[Told]:
    zone = runtime.park.zone
    return [
        {
            "name": name,
            "connected": status.connected,
            "error": status.error,
            "last_text": local_time(status.last_message_at, zone) if status.last_message_at else None,
            **{count: getattr(status, count) for count in COUNTS},
        }
        for name, status in runtime.collectors().items()
    ]


def _configs(runtime: Runtime) -> list[Told]:
    zone = runtime.park.zone
    return [
        {"digest": digest, "loaded_text": local_time(at, zone), "running": digest == runtime.park.digest}
        for digest, at in reversed(runtime.state.configs())
    ]
