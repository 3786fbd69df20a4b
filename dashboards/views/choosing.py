"""Which panels of a dashboard are drawn for a range, per which period, and for which entities."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from core.errors import Rejected
from core.park import Park
from core.quantities import Kind, Period, Scope
from core.text import Language, Text
from dashboards.panel import Panel, PanelKind, Series
from dashboards.views.columns import Columns
from dashboards.views.spans import BAR_SLOT_DAYS, DAY_DAYS, HOUR_DAYS, SLOT_DAYS, Grain

WORST = 12  # as many entities are shown unless all are asked for
WORST_CARPETS = 4
MONTH_DAYS = 62  # from here on what is declared per month is shown per month
CARPET_DAYS = 366
# What a single array or building has of its own, where a filter asks for one.
OF_ARRAY = ("generation_kwh", "expected_kwh", "energy_performance_index", "performance_ratio", "irradiation_kwh_m2")
OF_BUILDING = ("load_kwh",)
PERIOD_WORDS = {
    Grain.SLOT: Text(zh="每 15 分钟", en="per 15 minutes"),
    Grain.HOUR: Text(zh="每小时", en="per hour"),
    Grain.DAY: Text(zh="每日", en="per day"),
    Grain.MONTH: Text(zh="每月", en="per month"),
}
POWER_WORDS = {
    Grain.SLOT: Text(zh="15 分钟平均功率", en="mean power of 15 minutes"),
    Grain.HOUR: Text(zh="小时平均功率", en="mean power of the hour"),
    Grain.DAY: Text(zh="日平均功率", en="mean power of the day"),
    Grain.MONTH: Text(zh="月平均功率", en="mean power of the month"),
}


# What a title says of the period it was declared for; Grafana's newest month is not the range chosen here.
OWN_PERIOD = {
    Language.EN: re.compile(
        r"( this month| today|,? by day| by month|, 15-minute mean| per 15 minutes| over the day)$"
    ),
    Language.ZH: re.compile(
        r"今日|本月|逐日|逐月|（日）|（15 分钟平均）|（每 15 分钟）|(?<=阵列)日|(?<=用电点)[日月](?=用电)"
    ),
}


@dataclass(frozen=True)
class Filters:
    """What of the park is looked at; nothing named means all of it."""

    array: str = ""
    building: str = ""
    all: bool = False

    def checked(self, park: Park) -> Filters:
        """Return itself; raises Rejected where the park has no such thing."""
        if self.array and self.array not in {a.id for a in park.arrays}:
            raise Rejected("there is no such array")
        if self.building and self.building not in {p.id for p in park.points}:
            raise Rejected("there is no such building")
        return self


@dataclass(frozen=True)
class Chosen:
    """One panel as it will be drawn: its series, per which period, and later for which entities."""

    panel: Panel
    series: tuple[Series, ...]
    grain: Grain
    entities: dict[Series, list[str]] = field(default_factory=dict)
    more: int = 0  # entities there are besides
    kind: PanelKind = PanelKind.NUMBER

    @property
    def as_declared(self) -> bool:
        """Whether its own title speaks of the period that is drawn."""
        ranged = self.kind in {PanelKind.NUMBER, PanelKind.RANKING}
        return not ranged and all(s.period.value == self.grain.value for s in self.series)

    def title(self, language: Language) -> str:
        """What stands above it: its own title, less the period where that is not the one drawn."""
        own = self.panel.title.say(language)
        if self.as_declared or not self.series:
            return own
        bare = OWN_PERIOD[language].sub("", own)
        return bare[:1].upper() + bare[1:]

    def note(self, language: Language) -> str:
        """The line beside the title."""
        if self.as_declared or self.kind in {PanelKind.NUMBER, PanelKind.RANKING}:
            return self.panel.note.say(language) if self.as_declared else ""
        words = POWER_WORDS if any(s.as_power for s in self.series) else PERIOD_WORDS
        return words[self.grain].say(language)


def choose(panels: Sequence[Panel], days: int, filters: Filters) -> list[Chosen]:
    """Return the panels to draw: what a filter leaves, each once."""
    found: list[Chosen] = []
    seen: set[object] = set()
    for panel in panels:
        series = tuple(s for s in (_filtered(s, filters) for s in panel.series) if s)
        if panel.kind is not PanelKind.TABLE and not series:
            continue
        one = bool(filters.array or filters.building)
        grain = grain_of(panel, series, days)
        kind = kind_of(panel, series, grain, days)
        if kind is None or (one and kind is PanelKind.RANKING):
            continue  # a ranking of one tells nothing
        chosen = Chosen(panel, series, grain, kind=kind)
        same = "line" if kind in {PanelKind.CURVE, PanelKind.BARS} else kind
        what = tuple((s.scope, s.quantity, s.field, s.as_power) for s in series)
        key = (same, what, None if kind in {PanelKind.NUMBER, PanelKind.RANKING} else grain) if series else panel.id
        if key not in seen:
            seen.add(key)
            found.append(chosen)
    return found


def _filtered(series: Series, filters: Filters) -> Series | None:
    """Return the series as one entity has it, where one is asked for; None where it has none."""
    if filters.array:
        return _scoped(series, Scope.ARRAY, OF_ARRAY)
    if filters.building:
        return _scoped(series, Scope.POINT, OF_BUILDING)
    return series


def _scoped(series: Series, scope: Scope, own: tuple[str, ...]) -> Series | None:
    if series.scope is scope:
        return series
    if series.scope is not Scope.PARK or series.quantity not in own:
        return None
    return Series(series.period, scope, series.quantity, series.colour, series.name, dashed=series.dashed,
                  as_power=series.as_power, field=series.field)  # fmt: skip


def kind_of(panel: Panel, series: Sequence[Series], grain: Grain, days: int) -> PanelKind | None:
    """Return how a panel is drawn: one point in time is no curve, but things can be ranked by it."""
    over_time = panel.kind in {PanelKind.CURVE, PanelKind.BARS, PanelKind.STRIP}
    if not over_time or days > 1 or grain is not Grain.DAY:
        return panel.kind
    return PanelKind.RANKING if any(s.per_entity for s in series) else None


def grain_of(panel: Panel, series: Sequence[Series], days: int) -> Grain:
    """Return the grain that keeps a range readable: slots for days, hours for months, days for years."""
    if panel.kind is PanelKind.HEATMAP:
        return Grain.SLOT
    declared = {s.period for s in series}
    if declared == {Period.SLOT}:
        finest = Grain.SLOT if days <= SLOT_DAYS else Grain.HOUR if days <= HOUR_DAYS else Grain.DAY
    elif declared == {Period.MONTH}:
        finest = Grain.MONTH if days > MONTH_DAYS else Grain.DAY
    else:
        plain = all(s.meaning.kind is Kind.AMOUNT and not s.quantity.startswith("plan_") for s in series)
        short = panel.kind is PanelKind.BARS and plain and days <= BAR_SLOT_DAYS
        finest = Grain.SLOT if short else Grain.DAY
    if finest is Grain.DAY and days > DAY_DAYS:
        return Grain.MONTH
    return finest


def entities_of(park: Park, chosen: Chosen, columns: Columns, filters: Filters) -> Chosen:
    """Settle which entities a panel shows: those that need looking at first, twelve unless all are wanted."""
    lead = next((s for s in chosen.series if s.per_entity), None)
    if lead is None:
        return replace(chosen, entities={s: [park.id] for s in chosen.series})
    known = _candidates(park, lead, columns, filters)
    ranked = sorted(known, key=lambda e: _rank(lead, e, columns))
    limit = WORST_CARPETS if chosen.kind is PanelKind.HEATMAP else WORST
    shown = ranked if filters.all else ranked[:limit]
    entities = {s: shown if s.per_entity else [park.id] for s in chosen.series}
    return replace(chosen, entities=entities, more=len(ranked) - len(shown))


def _candidates(park: Park, lead: Series, columns: Columns, filters: Filters) -> list[str]:
    named = filters.array if lead.scope is Scope.ARRAY else filters.building
    if named:
        return [named]
    expected: list[str] = []
    if lead.scope is Scope.POINT:
        role = {"load_kwh": "load", "generation_kwh": "pv"}.get(lead.quantity)
        expected = [p.id for p in park.by_role(role)] if role else []
        if lead.field == "coverage":
            expected = [p.id for p in park.points if p.role != "weather"]
    known = {a.id for a in park.arrays} if lead.scope is Scope.ARRAY else {p.id for p in park.points}
    found = [*expected, *columns.entities(lead.scope, lead.quantity)]
    return [e for e in dict.fromkeys(found) if e in known]


def _rank(lead: Series, entity: str, columns: Columns) -> tuple[float, float]:
    """Sort key: the lowest ratio and the largest amount first; what nothing is known of comes last."""
    row = columns.total(Grain.DAY, (lead.scope, entity, lead.quantity))
    if lead.field == "coverage":
        return (0.0, row.coverage)
    if lead.field == "estimated":
        return (0.0, -row.estimated)
    if not math.isfinite(row.value):
        return (1.0, 0.0)
    return (0.0, row.value if lead.meaning.kind is Kind.RATIO else -row.value)
