"""The only file that knows the Grafana SDK: our panels in, Classic dashboard JSON out.

Classic JSON loads in every Grafana and is what file provisioning takes. The SDK is needed to generate, never to run.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from core.quantities import Period
from core.text import Language
from dashboards.panel import COLOURS, Panel, PanelKind
from dashboards.queries import PanelQuery, queries_of

with warnings.catch_warnings():
    # The SDK prefers the newer schema, which file provisioning does not take yet; Classic is meant here.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import common as common_builders
    from grafana_foundation_sdk.builders import dashboard as builders
    from grafana_foundation_sdk.builders import stat, statushistory, timeseries
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.variants import Dataquery
    from grafana_foundation_sdk.models import common, dashboard

DATASOURCE_UID = "parkwatt-influx"
COLUMNS = 24
UNITS = {"kWh": "kwatth", "kW": "kwatt", "1": "percentunit", "kgCO2": "suffix: kg CO₂"}
# A longer silence than this is a gap, and is drawn as one. Milliseconds; days may have 25 hours.
GAP_MS = {Period.SLOT: 20 * 60_000, Period.DAY: 26 * 3_600_000, Period.MONTH: 32 * 86_400_000}
SOURCE = common.DataSourceRef(type_val="influxdb", uid=DATASOURCE_UID)


@dataclass(frozen=True)
class InfluxTarget(Dataquery):
    """An InfluxQL query as Grafana's InfluxDB data source stores it; the SDK has none."""

    ref_id: str
    query: str
    alias: str

    def to_json(self) -> dict[str, object]:
        """Return the target's JSON."""
        return {
            "refId": self.ref_id,
            "datasource": {"type": "influxdb", "uid": DATASOURCE_UID},
            "query": self.query,
            "rawQuery": True,
            "resultFormat": "time_series",
            "alias": self.alias,
        }


@dataclass(frozen=True)
class _Target(Builder[Dataquery]):
    target: InfluxTarget

    def build(self) -> Dataquery:
        return self.target


@dataclass(frozen=True)
class Place:
    """Where a panel stands on the grid."""

    x: int
    y: int
    width: int
    height: int


def arrange(panels: Sequence[Panel]) -> list[Place]:
    """Put panels side by side in reading order; a row is as high as its highest panel."""
    places: list[Place] = []
    x = y = row = 0
    for panel in panels:
        if x + panel.width > COLUMNS:
            x, y, row = 0, y + row, 0
        places.append(Place(x, y, panel.width, panel.height))
        x, row = x + panel.width, max(row, panel.height)
    return places


def dashboard_json(
    uid: str, title: str, panels: Sequence[Panel], language: Language, timezone: str = "browser"
) -> dict[str, object]:
    """Return one dashboard. `timezone` is the park's where it is known, else the viewer's own."""
    board = (
        builders.Dashboard(title)
        .uid(uid)
        .tags(["parkwatt", language.value])
        .timezone(timezone)
        .time("now-7d", "now")
        .refresh("1m")
        .readonly()
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .with_variable(_park_variable(language))
    )
    for number, (panel, place) in enumerate(zip(panels, arrange(panels), strict=True), start=1):
        board = board.with_panel(_panel(panel, place, number, language))
    document: dict[str, object] = json.loads(JSONEncoder(sort_keys=True).encode(board.build()))
    return document


def _park_variable(language: Language) -> builders.QueryVariable:
    return (
        builders.QueryVariable("park")
        .label({Language.ZH: "园区", Language.EN: "Park"}[language])
        .datasource(dashboard.DataSourceRef(type_val="influxdb", uid=DATASOURCE_UID))
        .query('SHOW TAG VALUES FROM "month" WITH KEY = "park"')
        .refresh(dashboard.VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    )


AnyPanel = stat.Panel | timeseries.Panel | statushistory.Panel


def _panel(panel: Panel, place: Place, number: int, language: Language) -> AnyPanel:
    drawn: AnyPanel
    if panel.kind is PanelKind.NUMBER:
        drawn = _number(panel, language)
    elif panel.kind is PanelKind.STRIP:
        drawn = (
            statushistory.Panel().color_scheme(_by_tier()).thresholds(_tiers(panel)).show_value(_NEVER).min(0).max(1)
        )
    else:
        drawn = _series(panel)
    drawn = (
        drawn.id(number)
        .title(panel.title.say(language))
        .description(panel.note.say(language))
        .datasource(SOURCE)
        .unit(UNITS[panel.unit])
        .no_value("–")
        .grid_pos(dashboard.GridPos(h=place.height, w=place.width, x=place.x, y=place.y))
    )
    for index, query in enumerate(queries_of(panel)):
        drawn = drawn.with_target(_Target(_target(query, chr(ord("A") + index), language)))
    return drawn


_NEVER = common.VisibilityMode.NEVER


def _target(query: PanelQuery, ref_id: str, language: Language) -> InfluxTarget:
    if query.newest_only:
        alias = "$col"
    else:
        alias = "$tag_entity" if query.series.per_entity else query.series.title.say(language)
    return InfluxTarget(ref_id, query.grafana(language), alias)


def _number(panel: Panel, language: Language) -> stat.Panel:
    coverage = {Language.ZH: "数据完整率", Language.EN: "coverage"}[language]
    drawn = (
        stat.Panel()
        .graph_mode(common.BigValueGraphMode.NONE)
        .text_mode(common.BigValueTextMode.VALUE_AND_NAME)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["last"]).values(False))
        .override_by_name(
            coverage,
            [
                dashboard.DynamicConfigValue("unit", "percentunit"),
                dashboard.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": COLOURS["unknown"].dark}),
            ],
        )
    )
    if panel.green is None:
        return drawn.color_scheme(_fixed(panel.series[0].colour))
    return drawn.color_scheme(_by_tier()).thresholds(_tiers(panel))


def _series(panel: Panel) -> timeseries.Panel:
    period = panel.series[0].period
    bars = panel.kind is PanelKind.BARS
    drawn = (
        timeseries.Panel()
        .draw_style(common.GraphDrawStyle.BARS if bars else common.GraphDrawStyle.LINE)
        # The label is the first instant of its period: a step reaches from there to the next.
        .line_interpolation(common.LineInterpolation.STEP_AFTER)
        .fill_opacity(80 if bars else 0)
        .line_width(0 if bars else 2)
        .show_points(_NEVER)
        .span_nulls(False)
        .insert_nulls(GAP_MS[period])
        .bar_alignment(common.BarAlignment.AFTER)
        .legend(common_builders.VizLegendOptions().show_legend(True).placement(common.LegendPlacement.BOTTOM))
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )
    if panel.from_zero:
        drawn = drawn.axis_soft_min(0)
    if any(s.per_entity for s in panel.series):
        return drawn.color_scheme(builders.FieldColor().mode(dashboard.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    for index, series in enumerate(panel.series):
        look = [dashboard.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": COLOURS[series.colour].dark})]
        if series.dashed:
            look.append(dashboard.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}))
        drawn = drawn.override_by_query(chr(ord("A") + index), look)
    return drawn


def _fixed(colour: str) -> builders.FieldColor:
    return builders.FieldColor().mode(dashboard.FieldColorModeId.FIXED).fixed_color(COLOURS[colour].dark)


def _by_tier() -> builders.FieldColor:
    return builders.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS)


def _tiers(panel: Panel) -> builders.ThresholdsConfig:
    steps = [dashboard.Threshold(value=None, color=COLOURS["red"].dark)]
    if panel.yellow is not None:
        steps.append(dashboard.Threshold(value=panel.yellow, color=COLOURS["yellow"].dark))
    if panel.green is not None:
        steps.append(dashboard.Threshold(value=panel.green, color=COLOURS["green"].dark))
    return builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)
