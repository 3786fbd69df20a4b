"""What every panel asks: InfluxQL for Grafana, and the same question to any store.

Panels read only what is stored, so each query is a plain selection: no joins, no arithmetic but the one from kWh per
slot to kW and the sum of days in a ranking.

A bar of a day or month stands where its period begins. One that began before the range reaches into it, so the
condition on time begins one period earlier than the range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from core.quantities import Kind, Period
from core.store import Store
from core.text import Language, Text
from core.timebase import SLOT, SLOT_HOURS
from dashboards.panel import Panel, PanelKind, Series

PARK_VARIABLE = "${park}"  # Grafana puts the chosen park's id here; ids hold no quotes
TIME_FILTER = "$timeFilter"
FROM, TO = "${__from}ms", "${__to}ms"  # the range; unlike $timeFilter they can be reckoned with
# A period's label is its first instant: within this time the newest one is the running period.
NEWEST_WITHIN = {Period.SLOT: timedelta(hours=1), Period.DAY: timedelta(hours=25), Period.MONTH: timedelta(days=31)}
REACHES_IN = {Period.DAY: timedelta(days=1), Period.MONTH: timedelta(days=31)}
INFLUX_UNITS = ((timedelta(days=1), "d"), (timedelta(hours=1), "h"))
SLOTS_PER_HOUR = round(1 / SLOT_HOURS)
MOST_ALERTS = 500
COVERAGE = Text(zh="数据完整率", en="coverage")


@dataclass(frozen=True)
class Terms:
    """What one asking fills in: the park, conditions on time, and the entities as a regular expression."""

    park: str
    range_start: str
    range_end: str  # with its operator: Grafana's range includes its end, ours does not
    now: str
    slots_when: str
    entities: str | None


@dataclass(frozen=True)
class PanelQuery:
    """One series of one panel."""

    panel: Panel
    series: Series

    @property
    def newest_only(self) -> bool:
        """Whether only the running period of one series is asked for, whatever range the viewer looks at."""
        return self.panel.kind is PanelKind.NUMBER

    @property
    def summed(self) -> bool:
        """Whether the days of the range are added up."""
        return self.panel.kind is PanelKind.RANKING and self.series.meaning.kind is Kind.AMOUNT

    @property
    def newest_each(self) -> bool:
        """Whether the running period of every entity is asked for."""
        return self.panel.kind is PanelKind.RANKING and not self.summed

    def grafana(self, language: Language) -> str:
        """Return the InfluxQL with Grafana's placeholders."""
        entities = f"${{{self.series.choice}:regex}}" if self.series.choice else None
        return self._influxql(Terms(PARK_VARIABLE, FROM, f"<= {TO}", "now()", TIME_FILTER, entities), language)

    def influxql(
        self,
        park_id: str,
        start: datetime,
        end: datetime,
        language: Language = Language.EN,
        entities: Sequence[str] | None = None,
    ) -> str:
        """Return the InfluxQL as Grafana sends it for [start, end) and the chosen entities; `end` is now too."""
        first, last = f"'{_instant(start)}'", f"'{_instant(end)}'"
        chosen = ".*" if entities is None else entities[0] if len(entities) == 1 else f"({'|'.join(entities)})"
        when = f"time >= {first} AND time < {last}"
        return self._influxql(
            Terms(park_id, first, f"< {last}", last, when, chosen if self.series.choice else None), language
        )

    def ask(
        self, store: Store, park_id: str, start: datetime, end: datetime, entities: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Ask any store the same; the answer has columns start, entity, value (and coverage for a number)."""
        s = self.series
        first, last = self._span(start, end)
        chosen = entities if s.choice else None if s.per_entity else [park_id]
        rows = store.slots(s.period, first, last, scope=s.scope.value, entities=chosen, quantities=[s.quantity])
        if self.newest_only:
            return rows.tail(1)[["start", "entity", "value", "coverage"]].reset_index(drop=True)
        shown = rows[["start", "entity"]].assign(value=rows[s.field] * (SLOTS_PER_HOUR if s.as_power else 1))
        shown = shown.dropna(subset=["value"]).reset_index(drop=True)
        if self.summed:
            return shown.groupby("entity", as_index=False).agg(start=("start", "min"), value=("value", "sum"))
        return shown.groupby("entity").tail(1).reset_index(drop=True) if self.newest_each else shown

    def _span(self, start: datetime, end: datetime) -> tuple[datetime, datetime]:
        period, tick = self.series.period, timedelta(microseconds=1)
        if self.newest_only or self.newest_each:
            return end - NEWEST_WITHIN[period] + tick, end + SLOT
        return (start - REACHES_IN[period] + tick if period in REACHES_IN else start), end

    def _influxql(self, terms: Terms, language: Language) -> str:
        s = self.series
        conditions = [
            f"\"park\" = '{terms.park}'",
            f"\"scope\" = '{s.scope}'",
            f"\"quantity\" = '{s.quantity}'",
            *([f'"entity" =~ /^{terms.entities}$/'] if terms.entities else []),
            self._when(terms),
        ]
        group = ' GROUP BY "entity"' if s.per_entity else ""
        last = " ORDER BY time DESC LIMIT 1" if self.newest_only else ""
        return f'SELECT {self._fields(language)} FROM "{s.period}" WHERE {" AND ".join(conditions)}{group}{last}'  # noqa: S608

    def _fields(self, language: Language) -> str:
        s = self.series
        if self.newest_only:
            return f'"value" AS "{s.title.say(language)}", "coverage" AS "{COVERAGE.say(language)}"'
        if self.summed:
            return f'sum("{s.field}") AS "value"'
        if self.newest_each:
            return f'last("{s.field}") AS "value"'
        factor = f" * {SLOTS_PER_HOUR}" if s.as_power else ""
        return f'"{s.field}"{factor} AS "value"'

    def _when(self, terms: Terms) -> str:
        period = self.series.period
        if self.newest_only or self.newest_each:
            return f"time > {terms.now} - {_duration(NEWEST_WITHIN[period])}"
        if period in REACHES_IN:
            return f"time > {terms.range_start} - {_duration(REACHES_IN[period])} AND time {terms.range_end}"
        return terms.slots_when


def queries_of(panel: Panel) -> list[PanelQuery]:
    """Return one query per series of a panel."""
    return [PanelQuery(panel, series) for series in panel.series]


@dataclass(frozen=True)
class AlertQuery:
    """Alerts that stood at any time of the range, for a table or as marks on every curve.

    Columns: time (when it began), the entity and the rule (texts), severity (1 notice, 2 warning, 3 critical), title,
    until (Unix milliseconds; absent while it stands).
    """

    def grafana(self, language: Language) -> str:
        """Return the InfluxQL with Grafana's placeholders."""
        return self._influxql(PARK_VARIABLE, "${__from:date:seconds}", f"<= {TO}", language)

    def influxql(self, park_id: str, start: datetime, end: datetime, language: Language = Language.EN) -> str:
        """Return the InfluxQL as Grafana sends it for [start, end)."""
        return self._influxql(park_id, f"{int(start.timestamp())}", f"< '{_instant(end)}'", language)

    def ask(self, store: Store, start: datetime, end: datetime) -> pd.DataFrame:
        """Ask any store the same: rows of an ALERTS frame, newest first."""
        rows = store.alerts(datetime.min.replace(tzinfo=start.tzinfo), end)
        stood = rows["until"].isna() | (rows["until"] >= start)
        return rows[stood].sort_values("start", ascending=False, kind="stable", ignore_index=True).head(MOST_ALERTS)

    @staticmethod
    def _influxql(park: str, start_s: str, end: str, language: Language) -> str:
        fields = f'"entity", "rule", "severity", "title_{language}" AS "title", "until" * 1000 AS "until"'
        return (
            f'SELECT {fields} FROM "alert" WHERE "park" = \'{park}\' AND time {end} '  # noqa: S608 - nothing from outside
            f'AND ("until" >= {start_s} OR "open" = 1) ORDER BY time DESC LIMIT {MOST_ALERTS}'
        )


@dataclass(frozen=True)
class VariableQuery:
    """The choices of one of the viewer's variables."""

    name: str
    title: Text
    quantity: str | None  # entities that have this by day; None for the parks
    scope: str = ""
    multi: bool = True

    def influxql(self, park: str = PARK_VARIABLE) -> str:
        """Return the InfluxQL that lists the choices."""
        if self.quantity is None:
            return 'SHOW TAG VALUES FROM "month" WITH KEY = "park"'
        return (
            'SHOW TAG VALUES FROM "day" WITH KEY = "entity" '
            f"WHERE \"park\" = '{park}' AND \"scope\" = '{self.scope}' AND \"quantity\" = '{self.quantity}'"
        )


PARK = VariableQuery("park", Text(zh="园区", en="Park"), None, multi=False)
CHOICES: dict[str, VariableQuery] = {
    v.name: v
    for v in (
        VariableQuery("building", Text(zh="用电点", en="Building"), "load_kwh", "point"),
        VariableQuery("array", Text(zh="阵列", en="Array"), "expected_kwh", "array"),
        VariableQuery("meter", Text(zh="电表", en="Meter"), "import_kwh", "point"),
    )
}


def variables_of(panels: Sequence[Panel]) -> list[VariableQuery]:
    """Return what the viewer chooses on a dashboard: the park, and each choice that any of its panels takes."""
    used = {s.choice for p in panels for s in p.series}
    return [PARK, *(v for v in CHOICES.values() if v.name in used)]


def _instant(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _duration(value: timedelta) -> str:
    return next(f"{value // unit}{name}" for unit, name in INFLUX_UNITS if value % unit == timedelta())
