"""What every panel asks: InfluxQL for Grafana, and the same question to any store.

Panels read only what models have already computed, so each query is a plain selection: no joins, no arithmetic but
the one from kWh per slot to kW.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from core.quantities import Period
from core.store import Store
from core.text import Language
from core.timebase import SLOT, SLOT_HOURS
from dashboards.panel import Panel, PanelKind, Series

PARK_VARIABLE = "${park}"  # Grafana puts the chosen park's id here; ids hold no quotes
TIME_FILTER = "$timeFilter"
# A period's label is its first instant: within this time the newest one is the running period.
NEWEST_WITHIN = {Period.SLOT: timedelta(hours=1), Period.DAY: timedelta(hours=25), Period.MONTH: timedelta(days=31)}
INFLUX_UNITS = ((timedelta(days=1), "d"), (timedelta(hours=1), "h"))
SLOTS_PER_HOUR = round(1 / SLOT_HOURS)


@dataclass(frozen=True)
class PanelQuery:
    """One series of one panel."""

    panel: Panel
    series: Series

    @property
    def newest_only(self) -> bool:
        """Whether only the running period is asked for, whatever range the viewer looks at."""
        return self.panel.kind is PanelKind.NUMBER

    def grafana(self, language: Language) -> str:
        """Return the InfluxQL with Grafana's placeholders."""
        when = f"time > now() - {_duration(NEWEST_WITHIN[self.series.period])}" if self.newest_only else TIME_FILTER
        return self._influxql(PARK_VARIABLE, when, language)

    def influxql(self, park_id: str, start: datetime, end: datetime, language: Language = Language.EN) -> str:
        """Return the InfluxQL as Grafana sends it for [start, end); for a number `end` is now."""
        if self.newest_only:
            when = f"time > '{_instant(end)}' - {_duration(NEWEST_WITHIN[self.series.period])}"
        else:
            when = f"time >= '{_instant(start)}' AND time < '{_instant(end)}'"
        return self._influxql(park_id, when, language)

    def ask(self, store: Store, park_id: str, start: datetime, end: datetime) -> pd.DataFrame:
        """Ask any store the same; the answer has columns start, entity, value (and coverage for a number)."""
        s = self.series
        first = end - NEWEST_WITHIN[s.period] + timedelta(microseconds=1) if self.newest_only else start
        entities = None if s.per_entity else [park_id]
        last = end + SLOT if self.newest_only else end
        rows = store.slots(s.period, first, last, scope=s.scope.value, entities=entities, quantities=[s.quantity])
        if self.newest_only:
            return rows.tail(1)[["start", "entity", "value", "coverage"]].reset_index(drop=True)
        shown = rows[["start", "entity"]].assign(value=rows[s.field] * (SLOTS_PER_HOUR if s.as_power else 1))
        return shown.dropna(subset=["value"]).reset_index(drop=True)

    def _influxql(self, park_id: str, when: str, language: Language) -> str:
        s = self.series
        if self.newest_only:
            coverage = {Language.ZH: "数据完整率", Language.EN: "coverage"}[language]
            fields = f'"value" AS "{s.title.say(language)}", "coverage" AS "{coverage}"'
        else:
            factor = f" * {SLOTS_PER_HOUR}" if s.as_power else ""
            fields = f'"{s.field}"{factor} AS "value"'
        conditions = [f"\"park\" = '{park_id}'", f"\"scope\" = '{s.scope}'", f"\"quantity\" = '{s.quantity}'", when]
        group = ' GROUP BY "entity"' if s.per_entity else ""
        last = " ORDER BY time DESC LIMIT 1" if self.newest_only else ""
        return f'SELECT {fields} FROM "{s.period}" WHERE {" AND ".join(conditions)}{group}{last}'  # noqa: S608


def queries_of(panel: Panel) -> list[PanelQuery]:
    """Return one query per series of a panel."""
    return [PanelQuery(panel, series) for series in panel.series]


def _instant(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _duration(value: timedelta) -> str:
    return next(f"{value // unit}{name}" for unit, name in INFLUX_UNITS if value % unit == timedelta())
