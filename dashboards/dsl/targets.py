"""What a panel asks, as Grafana's InfluxDB data source stores it; the SDK has no query of this kind."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.dsl.sdk import Builder, Dataquery, common, dashboard
from dashboards.look import Look
from dashboards.panel import Panel
from dashboards.queries import AlertQuery, PanelQuery, queries_of


@dataclass(frozen=True)
class InfluxTarget(Dataquery):
    """An InfluxQL query."""

    ref_id: str
    query: str
    alias: str
    datasource: str
    result_format: str = "time_series"

    def to_json(self) -> dict[str, object]:
        """Return the target's JSON."""
        return {
            "refId": self.ref_id,
            "datasource": {"type": "influxdb", "uid": self.datasource},
            "query": self.query,
            "rawQuery": True,
            "resultFormat": self.result_format,
            "alias": self.alias,
        }


@dataclass(frozen=True)
class Target(Builder[Dataquery]):
    """A finished target where the SDK expects a builder."""

    target: InfluxTarget

    def build(self) -> Dataquery:
        return self.target


def source(look: Look) -> common.DataSourceRef:
    """Return the data source of panels and annotations."""
    return common.DataSourceRef(type_val="influxdb", uid=look.datasource)


def variable_source(look: Look) -> dashboard.DataSourceRef:
    """Return the same for variables: the SDK has two classes for it."""
    return dashboard.DataSourceRef(type_val="influxdb", uid=look.datasource)


def targets_of(panel: Panel, look: Look) -> list[Target]:
    """Return every query of a panel, lettered A, B, C."""
    if not panel.series:
        return [Target(InfluxTarget("A", AlertQuery().grafana(look.language), "", look.datasource, "table"))]
    return [
        Target(InfluxTarget(letter(n), q.grafana(look.language), alias_of(q, look), look.datasource))
        for n, q in enumerate(queries_of(panel))
    ]


def letter(index: int) -> str:
    """Return the name of a panel's n-th query."""
    return chr(ord("A") + index)


def alias_of(query: PanelQuery, look: Look) -> str:
    """Return what Grafana calls the series of a query; where two queries have one per entity, which of them it is."""
    if query.newest_only:
        return "$col"
    title = query.series.title.say(look.language)
    if not query.series.per_entity:
        return title
    shared = len({s.quantity for s in query.panel.series if s.per_entity}) > 1
    return f"$tag_entity · {title}" if shared else "$tag_entity"
