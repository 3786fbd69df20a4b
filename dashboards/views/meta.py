"""Who the park is, when it is, and what it has: what every view of the page stands on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

from core.frames import instant
from core.park import Park
from core.rungs import MODEL_VERSION, RUNGS
from core.store import Store
from core.text import Language, local_time
from core.timebase import day_of
from dashboards.panel import COLOURS

Json: TypeAlias = "dict[str, object]"

SILENT_AFTER = timedelta(minutes=30)


def meta(
    park: Park, store: Store, now: datetime, language: Language, collector: Mapping[str, object] | None = None
) -> Json:
    """Return it at the cost of two small questions to the store."""
    latest, first = store.latest(), store.info().first_reading
    last = None if latest.empty else min(instant(latest["time"].max()), now)
    return about(park, now, language, last, collector, empty=latest.empty) | {
        "today": day_of(now, park.zone).isoformat(),
        "first": day_of(first, park.zone).isoformat() if first else None,
        "arrays": _named({a.id: a.name.say(language) for a in park.arrays}),
        "buildings": _named({p.id: p.name.say(language) for p in park.by_role("load")}),
        "expectation": {
            "version": MODEL_VERSION,
            "rungs": [
                {"code": r.reason.value, "name": r.words.say(language), "uncertainty": r.uncertainty} for r in RUNGS
            ],
        },
    }


def about(
    park: Park,
    now: datetime,
    language: Language,
    last: datetime | None,
    collector: Mapping[str, object] | None,
    *,
    empty: bool,
) -> Json:
    """Return names, clock and how the data fare; `last` is when the newest thing known happened."""
    local = now.astimezone(park.zone)
    return {
        "park": {"id": park.id, "name": park.name.say(language)},
        "notice": park.notice.say(language) if park.notice else None,
        "language": language.value,
        "languages": [x.value for x in park.languages],
        "zone": park.timezone,
        "offset": local.strftime("UTC%z")[:-2] + ":" + local.strftime("%z")[-2:],
        "now": now.isoformat(),
        "now_text": local_time(now, park.zone),
        "digest": park.digest[:12],
        "empty": empty,
        "last_data": last.isoformat() if last else None,
        "last_data_text": local_time(last, park.zone) if last else None,
        "silent": last is not None and now - last > SILENT_AFTER,
        "collector": _plain(collector) if collector else None,
        "colours": {name: {"light": c.light, "dark": c.dark} for name, c in COLOURS.items()},
    }


def _named(names: Mapping[str, str]) -> list[Json]:
    return [{"id": key, "name": name} for key, name in names.items()]


def _plain(status: Mapping[str, object]) -> Json:
    """Write instants as text; everything else of a status is plain already."""
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in status.items()}
