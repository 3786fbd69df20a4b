"""A dashboard's panels over any range, as one document: what the page draws, from the list Grafana is made from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

import numpy as np

from core.errors import Rejected
from core.park import Park
from core.quantities import Kind, Scope
from core.store import AlertRecord, Store
from core.text import Language
from core.timebase import SLOT_HOURS
from core.verdict import MIN_COVERAGE, TIER_WORDS, Tier, target_for
from core.words import AlertSpeaker
from dashboards.panel import COLOURS, Panel, PanelKind, Series
from dashboards.panels import DASHBOARDS, TITLES
from dashboards.views import difference, figures, happenings, words
from dashboards.views.carpet import carpet
from dashboards.views.choosing import CARPET_DAYS, Chosen, Filters, choose, entities_of
from dashboards.views.columns import WEIGHT_OF, Column, Columns, Floats, Key
from dashboards.views.data import LATE_SLOTS, Row
from dashboards.views.quality import entity_name
from dashboards.views.spans import Axis, Compare, Grain, Span, before, checked, span_text

Json: TypeAlias = "dict[str, object]"

EVERYTHING = Filters()
DIGITS = 4  # Wh of a slot, and a hundredth of a percent


@dataclass(frozen=True)
class Question:
    """What is asked: days, what to compare with, and which part of the park."""

    first: date
    last: date
    compare: Compare = Compare.NONE
    filters: Filters = EVERYTHING


@dataclass(frozen=True)
class Sight:
    """Everything a panel is drawn from."""

    park: Park
    now: datetime
    language: Language
    filters: Filters
    columns: Columns
    earlier: Columns | None
    began: float  # seconds since 1970 from which on there are data


def dashboard_view(
    park: Park,
    store: Store,
    dashboard: str,
    question: Question,
    now: datetime,
    language: Language,
    *,
    alerts: Sequence[AlertRecord] = (),
    say: AlertSpeaker | None = None,
) -> Json:
    """Return one dashboard over a range of local days; raises Rejected where the question makes no sense."""
    if dashboard not in DASHBOARDS:
        raise Rejected(f"there is no such view; there are: {', '.join(DASHBOARDS)}")
    span = checked(question.first, question.last)
    filters = question.filters.checked(park)
    chosen = choose(DASHBOARDS[dashboard], span.length, filters)
    columns = Columns(park, store, span, now)
    _load_days(columns, chosen)
    chosen = [entities_of(park, c, columns, filters) for c in chosen]
    chosen = [c for c in chosen if _worth_drawing(c, columns)]
    _load_slots(columns, chosen)
    other = before(span, question.compare)
    earlier = Columns(park, store, other, now) if other else None
    if earlier:
        _load_days(earlier, chosen, {e for c in chosen for found in c.entities.values() for e in found})
        _load_slots(earlier, [c for c in chosen if c.kind is not PanelKind.HEATMAP])
    first = store.info().first_reading
    sight = Sight(park, now, language, filters, columns, earlier, first.timestamp() if first else np.inf)
    panels = [_panel(sight, c, alerts, say) for c in chosen]
    return {
        "dashboard": dashboard,
        "title": TITLES[dashboard].say(language),
        "range": _range(sight, span),
        "compare": _range(sight, other) | {"by": question.compare.value} if other else None,
        "filter": _filter(sight),
        "axes": {g.value: _axis(sight, g) for g in _grains(chosen)},
        "panels": panels,
        "colours": {name: {"light": c.light, "dark": c.dark} for name, c in COLOURS.items()},
    }


def _range(sight: Sight, span: Span) -> Json:
    return {
        "from": span.first.isoformat(),
        "to": span.last.isoformat(),
        "days": span.length,
        "text": span_text(span, sight.language),
    }


def _filter(sight: Sight) -> Json | None:
    entity = sight.filters.array or sight.filters.building
    if not entity:
        return None
    kind = "array" if sight.filters.array else "building"
    return {"kind": kind, "id": entity, "name": entity_name(sight.park, entity).say(sight.language)}


# -- what has to be read


def _load_days(columns: Columns, chosen: Sequence[Chosen], shown: Collection[str] | None = None) -> None:
    """Read days of everything, or of what is shown: for totals, for ranking, and for what is drawn per day or month."""
    wanted: dict[Scope, set[str]] = {}
    for series in (s for c in chosen for s in c.series):
        names = {series.quantity, WEIGHT_OF.get(series.quantity, series.quantity)}
        wanted.setdefault(series.scope, set()).update(names)
    for scope, names in wanted.items():
        entities = [columns.park_id] if scope is Scope.PARK else sorted(shown) if shown is not None else None
        columns.load(Grain.DAY, scope, names, entities)


def _load_slots(columns: Columns, chosen: Sequence[Chosen]) -> None:
    """Read slots of the entities that are shown."""
    wanted: dict[Scope, tuple[set[str], set[str]]] = {}
    for one in chosen:
        if not _needs_slots(one, columns.span):
            continue
        for series in one.series:
            names, entities = wanted.setdefault(series.scope, (set(), set()))
            names.add(series.quantity)
            entities.update(one.entities.get(series, ()))
    for scope, (names, entities) in wanted.items():
        columns.load(Grain.SLOT, scope, names, sorted(entities))


def _needs_slots(one: Chosen, span: Span) -> bool:
    """Whether slots are drawn; of a single day the others need them too, to compare what there is of it by now."""
    if one.kind is PanelKind.HEATMAP:
        return span.length <= CARPET_DAYS
    return one.grain.stored is Grain.SLOT or span.length == 1


def _worth_drawing(one: Chosen, columns: Columns) -> bool:
    """Whether there is anything to draw: a number nobody has computed is absent, not a dash."""
    if one.kind is PanelKind.NUMBER:
        keys = [(s.scope, e, s.quantity) for s in one.series for e in one.entities.get(s, ())]
        return any(columns.total(Grain.DAY, key).known for key in keys)
    return not one.series or any(one.entities.get(s) for s in one.series)


def _grains(chosen: Iterable[Chosen]) -> list[Grain]:
    drawn = {PanelKind.CURVE, PanelKind.BARS, PanelKind.STRIP, PanelKind.TIMELINE}
    carpets = {Grain.DAY} if any(c.kind is PanelKind.HEATMAP for c in chosen) else set()
    return sorted({c.grain for c in chosen if c.kind in drawn} | carpets)


def _axis(sight: Sight, grain: Grain) -> Json:
    """Where values stand: seconds since 1970; `elapsed` points should be known, `begins` is the first with data."""
    axis = sight.columns.axis(grain)
    begun = axis.begun(sight.now)
    newest = LATE_SLOTS if grain is Grain.SLOT else 1 if grain is Grain.HOUR else 0
    late = min(begun, newest) if begun < axis.size else 0
    return {
        "starts": axis.edges[:-1].tolist(),
        "end": int(axis.edges[-1]),
        "elapsed": begun - late,
        "begins": int(np.searchsorted(axis.edges[1:], sight.began, "right")) if np.isfinite(sight.began) else axis.size,
        "running": sight.columns.running(grain),
    }


# -- panels


def _panel(sight: Sight, chosen: Chosen, alerts: Sequence[AlertRecord], say: AlertSpeaker | None) -> Json:
    panel = chosen.panel
    unit = chosen.series[0].unit if chosen.series else ""
    told: Json = {
        "id": panel.id,
        "kind": chosen.kind.value,
        "title": chosen.title(sight.language),
        "note": chosen.note(sight.language),
        "unit": unit,
        "width": panel.width,
        "period": chosen.grain.value,
        "per_entity": any(s.per_entity for s in chosen.series),
        "from_zero": panel.from_zero,
        "green": panel.green,
        "yellow": panel.yellow,
        "leads_to": panel.leads_to,
        "more": chosen.more,
    }
    if chosen.kind is PanelKind.TABLE:
        return told | {"rows": happenings.rows(sight.park, alerts, say, sight.columns.span, sight.now, sight.language)}
    if chosen.kind is PanelKind.HEATMAP:
        return told | {"carpets": _carpets(sight, chosen)}
    if chosen.kind is PanelKind.TIMELINE:
        told["states"] = [
            {"value": s.value, "word": s.word.say(sight.language), "colour": s.colour} for s in panel.states
        ]
    series = [_series(sight, chosen, s, e) for s in chosen.series for e in chosen.entities.get(s, ())]
    return told | {"series": series, "export": _export(sight, chosen)}


def _export(sight: Sight, chosen: Chosen) -> Json:
    """Say what to ask /api/v1/export for."""
    first = chosen.series[0]
    names = dict.fromkeys(s.quantity for s in chosen.series if s.scope is first.scope)
    entity = sight.filters.array or sight.filters.building or None
    period = "month" if chosen.grain is Grain.MONTH else chosen.grain.stored.value
    return {"series": ",".join(names), "scope": first.scope.value, "period": period, "entity": entity}


def _series(sight: Sight, chosen: Chosen, series: Series, entity: str) -> Json:
    key: Key = (series.scope, entity, series.quantity)
    numbers = chosen.kind in {PanelKind.NUMBER, PanelKind.RANKING}
    total = _shown_total(series, sight.columns.total(chosen.grain, key))
    told: Json = {
        "quantity": series.quantity,
        "scope": series.scope.value,
        "entity": entity,
        "entity_name": entity_name(sight.park, entity).say(sight.language),
        "name": series.title.say(sight.language),
        "colour": series.colour,
        "dashed": series.dashed,
        "total": _total(sight, chosen.panel, series, total),
    }
    if sight.earlier:
        told["difference"] = difference.of(sight.columns, sight.earlier, series, key, sight.language)
    if numbers:
        return told
    told |= _points(sight.columns, chosen.grain, series, key, sight.now)
    if sight.earlier:
        shown = _values(sight.earlier, chosen.grain, series, key, sight.now)
        told["before"] = _aligned(shown, sight.earlier.axis(chosen.grain), sight.columns.axis(chosen.grain))
    return told


def _points(columns: Columns, grain: Grain, series: Series, key: Key, now: datetime) -> Json:
    column = columns.get(grain, key)
    return {
        "values": _plain(_values(columns, grain, series, key, now)),
        "coverage": _compact(column.coverage),
        "estimated": _compact(column.estimated),
    }


def _values(columns: Columns, grain: Grain, series: Series, key: Key, now: datetime) -> Floats:
    column = columns.get(grain, key)
    if series.field == "coverage":
        begun = np.arange(len(column.value)) < columns.now_begun(grain)
        return np.where(begun, column.coverage, np.nan)
    if series.field == "estimated":
        return np.where(column.coverage + column.estimated > 0, column.estimated, np.nan)
    if not series.as_power:
        return column.value
    return column.value / _hours(columns, grain, now, column)


def _hours(columns: Columns, grain: Grain, now: datetime, column: Column) -> Floats:
    """How long the energy of every point took: what is not known of a day took no time."""
    if grain is Grain.SLOT:
        return np.full(len(column.value), SLOT_HOURS)
    known = np.clip(column.coverage + column.estimated, 0.0, 1.0)
    if grain is Grain.HOUR:
        return np.where(known > 0, known, np.nan)
    hours = columns.axis(grain).hours(now) * known
    running = columns.running(grain)
    if running is not None:
        hours[running] = np.nan  # the mean of a morning is no day's mean
    return np.where(hours > 0, hours, np.nan)


def _aligned(values: Floats, theirs: Axis, ours: Axis) -> list[float | None]:
    """Set earlier values on our axis: day on day, and within a day slot on slot."""
    result = np.full(ours.size, np.nan)
    if ours.grain is Grain.MONTH:
        count = min(ours.size, theirs.size)
        result[:count] = values[:count]
        return _plain(result)
    firsts = np.searchsorted(theirs.day_of, np.arange(theirs.day_of[-1] + 2))
    within = np.arange(ours.size) - np.searchsorted(ours.day_of, ours.day_of)
    day = ours.day_of
    there = day < len(firsts) - 1
    at = firsts[np.minimum(day, len(firsts) - 2)] + within
    fits = there & (at < firsts[np.minimum(day + 1, len(firsts) - 1)])
    result[fits] = values[at[fits]]
    return _plain(result)


def _shown_total(series: Series, row: Row) -> Row:
    if series.field == "coverage":
        return Row(row.coverage, row.coverage, row.estimated)
    return Row(row.estimated, row.coverage, row.estimated) if series.field == "estimated" else row


def _total(sight: Sight, panel: Panel, series: Series, row: Row) -> Json:
    """What a series comes to, in words; of power the energy is told."""
    unit = series.meaning.unit if series.field == "value" else "1"
    text = figures.write(row.value, unit, series.quantity)
    number, shown_unit = words.split_unit(text)
    tier = _tier(sight, panel, series, row)
    return {
        "value": words.number_or_none(row.value),
        "text": text,
        "number": number,
        "unit": shown_unit,
        "tier": tier.value if tier else None,
        "tier_word": TIER_WORDS[tier].say(sight.language) if tier else None,
        "coverage": words.number_or_none(row.coverage) if row.known else 0.0,
        "estimated": words.number_or_none(row.estimated) if row.known else 0.0,
        "sum": series.meaning.kind is Kind.AMOUNT and series.field == "value",
    }


def _tier(sight: Sight, panel: Panel, series: Series, row: Row) -> Tier | None:
    target = target_for(sight.park, series.quantity, sight.now) if series.scope is Scope.PARK else None
    green, yellow = (target.green, target.yellow) if target else (panel.green, panel.yellow)
    if green is None or yellow is None:
        return None
    if not row.known or (series.field == "value" and row.coverage < MIN_COVERAGE):
        return Tier.UNKNOWN
    return figures.judged(row.value, green, yellow, lower_is_better=panel.lower_is_better)


def _carpets(sight: Sight, chosen: Chosen) -> list[Json]:
    found: list[Json] = []
    for series in chosen.series:
        for entity in chosen.entities.get(series, ()):
            key: Key = (series.scope, entity, series.quantity)
            name = entity_name(sight.park, entity).say(sight.language)
            total = figures.write(sight.columns.total(Grain.DAY, key).value, series.meaning.unit, series.quantity)
            drawn = carpet(sight.columns, series, key, sight.park.zone, sight.now)
            if drawn is not None:
                told: Json = {"entity": entity, "entity_name": name, "scope": series.scope.value}
                found.append(told | {"colour": series.colour, "text": total} | drawn)
    return found


def _plain(values: Floats) -> list[float | None]:
    return [None if v != v else v for v in np.round(values, DIGITS).tolist()]  # noqa: PLR0124 - NaN


def _compact(shares: Floats) -> float | list[float]:
    """Write shares, or one number where all are the same."""
    rounded = np.round(shares, 3)
    if len(rounded) and (rounded == rounded[0]).all():
        return float(rounded[0])
    return [float(s) for s in rounded.tolist()]
