"""Power now: sun, buildings, storage and grid, each with its age."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from core.park import Point
from core.quantities import Scope
from core.text import Text
from core.timebase import SLOT, SLOT_HOURS
from dashboards.views import words
from dashboards.views.data import ViewData

Json: TypeAlias = "dict[str, object]"

STALE_AFTER = timedelta(minutes=5)  # or three of the device's own intervals, whichever is longer
SLOT_STALE_AFTER = timedelta(minutes=45)  # a slot is computed some minutes after it closes

PART_NAMES = {
    "sun": Text(zh="光伏", en="Sun"),
    "grid": Text(zh="电网", en="Grid"),
    "buildings": Text(zh="用电", en="Buildings"),
    "storage": Text(zh="储能", en="Storage"),
}


@dataclass(frozen=True)
class Flow:
    """Power at a point or part, positive with import (into what is metered), and how old it is."""

    kw: float
    at: datetime
    stale: bool


def power_now(data: ViewData) -> Json:
    """Return the parts of the flow picture in kW, widths and directions to be drawn from them."""
    shown = _shown_powers(data)
    flows = {p.id: _latest_flow(data, p, shown) for p in data.park.points if p.role != "weather"}
    measured = any(f is not None for f in flows.values())
    parts = _from_power(data, flows) if measured else _from_slots(data)
    return {"source": "power" if measured else "slot", "parts": parts}


def _from_power(data: ViewData, flows: dict[str, Flow | None]) -> list[Json]:
    sun = _sum(data, "sun", data.park.by_role("pv"), flows, sign=-1.0)
    grid = _sum(data, "grid", data.park.by_role("grid"), flows, sign=1.0)
    storage = _sum(data, "storage", data.park.by_role("storage"), flows, sign=1.0)
    parts = [p for p in (sun, grid) if p]
    buildings = _rest(data, sun, grid, storage) or _sum(data, "buildings", data.park.top_loads(), flows, sign=1.0)
    return [*parts, *([buildings] if buildings else []), *([storage] if storage else [])]


@dataclass(frozen=True)
class Part:
    """One node of the picture before it becomes JSON."""

    id: str
    kw: float
    at: datetime | None
    stale: bool
    absent: tuple[str, ...] = ()


def _sum(data: ViewData, part: str, points: Sequence[Point], flows: dict[str, Flow | None], sign: float) -> Json | None:
    """Add up the points of one part; a silent one is named instead of being counted as zero."""
    if not points:
        return None
    known = [(p, f) for p in points if (f := flows[p.id]) is not None]
    fresh = [(p, f) for p, f in known if not f.stale]
    used = fresh or known
    kw = sign * sum(f.kw for _, f in used) if used else math.nan
    at = min((f.at for _, f in used), default=None)
    counted = {p.id for p, _ in used}
    absent = tuple(p.name.say(data.language) for p in points if p.id not in counted)
    return _json(data, Part(part, kw, at, not fresh, absent))


def _rest(data: ViewData, sun: Json | None, grid: Json | None, storage: Json | None) -> Json | None:
    """Return what the buildings draw: sun plus grid minus what goes into storage. Only from fresh, whole parts."""
    given = [p for p in (sun, grid, storage) if p is not None]
    if grid is None or any(p["stale"] or p["absent"] or p["kw"] is None for p in given):
        return None
    kw = math.fsum((-1.0 if p["id"] == "storage" else 1.0) * _number(p["kw"]) for p in given)
    at = min(datetime.fromisoformat(str(p["at"])) for p in given)
    return _json(data, Part("buildings", kw, at, stale=False))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _from_slots(data: ViewData) -> list[Json]:
    """Without any power reading, show the mean power of the last slot that has a consumption."""
    names = {"sun": ("generation_kwh", None), "grid": ("import_kwh", "export_kwh"), "buildings": ("load_kwh", None)}
    if data.park.by_role("storage"):
        names["storage"] = ("charge_kwh", "discharge_kwh")
    last = data.slots.last_start(["load_kwh"]) or data.slots.last_start(["import_kwh", "generation_kwh"])
    at = last + SLOT if last else None
    stale = at is None or data.now - at > SLOT_STALE_AFTER
    parts = []
    for part, (plus, less) in names.items():
        kwh = _slot_value(data, plus, last) - (_slot_value(data, less, last) if less else 0.0)
        parts.append(_json(data, Part(part, kwh / SLOT_HOURS, at, stale)))
    return parts


def _slot_value(data: ViewData, quantity: str, start: datetime | None) -> float:
    return data.slots.row(Scope.PARK, data.park.id, quantity, start).value if start else math.nan


def _json(data: ViewData, part: Part) -> Json:
    age = data.now - part.at if part.at else None
    local = part.at.astimezone(data.park.zone) if part.at else None
    shown = max(0.0, part.kw) if part.id in ("sun", "buildings") and math.isfinite(part.kw) else part.kw
    return {
        "id": part.id,
        "name": PART_NAMES[part.id].say(data.language),
        "kw": words.number_or_none(part.kw),
        "text": words.power_text(abs(shown)),
        "at": part.at.isoformat() if part.at else None,
        "at_text": words.when_text(local, data.day, data.language) if local else None,
        "age_s": age.total_seconds() if age is not None else None,
        "age_text": words.age_text(age, data.language) if age is not None else None,
        "stale": part.stale,
        "absent": list(part.absent),
    }


def _shown_powers(data: ViewData) -> dict[str, list[tuple[str, float, datetime]]]:
    """Return device -> (channel, power, time) of what each showed last: read once for all of them."""
    rows = data.latest[data.latest["quantity"] == "active_power_kw"]
    times = (t.replace(tzinfo=UTC) for t in rows["time"].to_numpy("datetime64[us]").tolist())
    found: dict[str, list[tuple[str, float, datetime]]] = {}
    columns = (rows[c].tolist() for c in ("device", "channel", "value"))
    for device, channel, value, at in zip(*columns, times, strict=True):
        found.setdefault(device, []).append((channel, value, at))
    return found


def _latest_flow(data: ViewData, point: Point, shown: Mapping[str, list[tuple[str, float, datetime]]]) -> Flow | None:
    """Return the point's newest power, with the ratio and direction of the device that serves it now."""
    device = point.device_at(data.now)
    rows = shown.get(device.id, []) if device else []
    chosen = [r for r in rows if r[0] == ""] or rows
    if device is None or not chosen:
        return None
    sign = -1.0 if device.direction == "reversed" else 1.0
    at = min(r[2] for r in chosen)
    limit = max(STALE_AFTER, 3 * timedelta(seconds=device.interval_s))
    return Flow(sign * device.ratio * math.fsum(r[1] for r in chosen), at, data.now - at > limit)
