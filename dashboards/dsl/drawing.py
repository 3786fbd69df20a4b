"""How each kind of panel is drawn in Grafana."""

from __future__ import annotations

from collections.abc import Callable

from core.quantities import Period
from core.text import Text
from dashboards.dsl.sdk import (
    bargauge,
    builders,
    common,
    common_builders,
    dashboard,
    stat,
    statetimeline,
    statushistory,
    table,
    timeseries,
)
from dashboards.dsl.targets import alias_of, letter
from dashboards.look import Look
from dashboards.panel import COLOURS, Panel, PanelKind
from dashboards.queries import COVERAGE, queries_of

UNITS = {
    "kWh": "kwatth", "kW": "kwatt", "1": "percentunit", "kgCO2": "suffix: kg CO₂", "kWh/m²": "suffix: kWh/m²",
    "kWh/kWp": "suffix: kWh/kWp", "count": "short", "s": "s", "level": "short", "": "",
}  # fmt: skip
# A longer silence than this is a gap, and is drawn as one. Milliseconds; days may have 25 hours.
GAP_MS = {Period.SLOT: 20 * 60_000, Period.DAY: 26 * 3_600_000, Period.MONTH: 32 * 86_400_000}
MOST_ROWS = 20  # of a strip on one page: more than that nobody can read
COLUMN_WORDS = {
    "Time": Text(zh="开始", en="Since"),
    "time": Text(zh="开始", en="Since"),  # what some versions call it
    "entity": Text(zh="对象", en="Where"),
    "rule": Text(zh="规则", en="Rule"),
    "severity": Text(zh="级别", en="Level"),
    "title": Text(zh="告警", en="Alert"),
    "until": Text(zh="结束", en="Until"),
}

AnyPanel = stat.Panel | timeseries.Panel | statushistory.Panel | statetimeline.Panel | bargauge.Panel | table.Panel
_NEVER = common.VisibilityMode.NEVER


def draw(panel: Panel, look: Look) -> AnyPanel:
    """Return a panel without its place, words and queries."""
    drawn = DRAWN[panel.kind](panel, look)
    if panel.kind is PanelKind.TABLE:
        return drawn
    return _named(drawn.unit(UNITS[panel.unit]).no_value("–"), panel, look)


def _named(drawn: AnyPanel, panel: Panel, look: Look) -> AnyPanel:
    """Call entities by their names; a ranking turns its series into rows, and does it on the way."""
    if panel.kind is PanelKind.RANKING:
        return drawn
    for query in queries_of(panel):
        if not query.series.per_entity:
            continue
        alias = alias_of(query, look)
        for entity in _entities(query.series.choice, look):
            shown = alias.replace("$tag_entity", look.names[entity])
            properties = [dashboard.DynamicConfigValue("displayName", shown)]
            drawn = drawn.override_by_name(alias.replace("$tag_entity", entity), properties)
    return drawn


def _entities(choice: str | None, look: Look) -> tuple[str, ...]:
    return look.choices.get(choice, ()) if choice else tuple(look.names)


def _number(panel: Panel, look: Look) -> AnyPanel:
    drawn = (
        stat.Panel()
        .graph_mode(common.BigValueGraphMode.NONE)
        .text_mode(common.BigValueTextMode.VALUE_AND_NAME)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["last"]).values(False))
        .override_by_name(
            COVERAGE.say(look.language),
            [
                dashboard.DynamicConfigValue("unit", "percentunit"),
                dashboard.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": COLOURS["unknown"].dark}),
            ],
        )
    )
    if look.tiers_of(panel)[0] is None:
        return drawn.color_scheme(_fixed(panel.series[0].colour))
    return drawn.color_scheme(_by_tier()).thresholds(_tiers(panel, look))


def _strip(panel: Panel, look: Look) -> AnyPanel:
    drawn = statushistory.Panel().show_value(_NEVER).per_page(MOST_ROWS)
    return drawn.color_scheme(_by_tier()).thresholds(_tiers(panel, look))


def _heatmap(panel: Panel, _look: Look) -> AnyPanel:
    """Draw one row per entity and one cell per slot: Grafana cannot fold a series into days by itself.

    A state timeline takes any number of cells; a status history refuses more than it finds room for.
    """
    blues = panel.series[0].quantity == "load_kwh"
    mode = dashboard.FieldColorModeId.CONTINUOUS_BLUES if blues else dashboard.FieldColorModeId.CONTINUOUS_YL_RD
    return (
        statetimeline.Panel()
        .merge_values(False)
        .insert_nulls(GAP_MS[panel.series[0].period])
        .show_value(_NEVER)
        .line_width(0)
        .fill_opacity(100)
        .row_height(0.95)
        .per_page(MOST_ROWS)
        .min(0)
        .color_scheme(builders.FieldColor().mode(mode))
    )


def _timeline(panel: Panel, look: Look) -> AnyPanel:
    return (
        statetimeline.Panel()
        .merge_values(True)
        .show_value(common.VisibilityMode.AUTO)
        .per_page(MOST_ROWS)
        .color_scheme(_by_tier())
        .mappings([_states(panel, look)])
    )


def _states(panel: Panel, look: Look) -> dashboard.ValueMap:
    return dashboard.ValueMap(
        {
            str(s.value): dashboard.ValueMappingResult(s.word.say(look.language), COLOURS[s.colour].dark, index=n)
            for n, s in enumerate(panel.states)
        }
    )


def _ranking(panel: Panel, look: Look) -> AnyPanel:
    drawn = (
        bargauge.Panel()
        .orientation(common.VizOrientation.HORIZONTAL)
        .display_mode(common.BarGaugeDisplayMode.BASIC)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]).values(True))
        .min(0)
    )
    for entity in _entities(panel.series[0].choice, look):
        drawn = drawn.with_transformation(_renamed(entity, look.names[entity]))
    drawn = drawn.with_transformation(
        dashboard.DataTransformerConfig("reduce", options={"mode": "seriesToRows", "reducers": ["lastNotNull"]})
    ).with_transformation(
        dashboard.DataTransformerConfig("sortBy", options={"fields": {}, "sort": [{"field": "Last *", "desc": True}]})
    )
    if look.tiers_of(panel)[0] is None:
        return drawn.color_scheme(_fixed(panel.series[0].colour))
    return drawn.color_scheme(_by_tier()).thresholds(_tiers(panel, look))


def _renamed(entity: str, name: str) -> dashboard.DataTransformerConfig:
    options = {"regex": f"^{entity}$", "renamePattern": name.replace("$", "$$")}
    return dashboard.DataTransformerConfig("renameByRegex", options=options)


def _table(panel: Panel, look: Look) -> AnyPanel:
    drawn = table.Panel().show_header(True)
    for column, word in COLUMN_WORDS.items():
        properties = [dashboard.DynamicConfigValue("displayName", word.say(look.language))]
        if column == "severity":
            properties.append(dashboard.DynamicConfigValue("mappings", [_states(panel, look).to_json()]))
            properties.append(dashboard.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
        if column == "rule":
            properties = [dashboard.DynamicConfigValue("custom.hidden", True)]  # its title says it in words
        if column == "until":
            properties.append(dashboard.DynamicConfigValue("unit", "dateTimeAsIso"))
            properties.append(dashboard.DynamicConfigValue("noValue", Text(zh="未解除", en="open").say(look.language)))
        if column == "entity" and look.names:
            properties.append(dashboard.DynamicConfigValue("mappings", [_names(look)]))
        drawn = drawn.override_by_name(column, properties)
    return drawn


def _names(look: Look) -> dict[str, object]:
    names = dict(look.names) | ({look.park_id: look.park_name} if look.park_id else {})
    return {"type": "value", "options": {e: {"text": n, "index": i} for i, (e, n) in enumerate(names.items())}}


def _series(panel: Panel, _look: Look) -> AnyPanel:
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
    if panel.stacked:
        drawn = drawn.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL))
    if any(s.per_entity for s in panel.series):
        drawn = drawn.color_scheme(builders.FieldColor().mode(dashboard.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    for index, series in enumerate(panel.series):
        look = []
        if not series.per_entity:
            look.append(
                dashboard.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": COLOURS[series.colour].dark})
            )
        if series.dashed:
            look.append(dashboard.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}))
        if look:
            drawn = drawn.override_by_query(letter(index), look)
    return drawn


DRAWN: dict[PanelKind, Callable[[Panel, Look], AnyPanel]] = {
    PanelKind.NUMBER: _number,
    PanelKind.CURVE: _series,
    PanelKind.BARS: _series,
    PanelKind.STRIP: _strip,
    PanelKind.HEATMAP: _heatmap,
    PanelKind.RANKING: _ranking,
    PanelKind.TIMELINE: _timeline,
    PanelKind.TABLE: _table,
}


def _fixed(colour: str) -> builders.FieldColor:
    return builders.FieldColor().mode(dashboard.FieldColorModeId.FIXED).fixed_color(COLOURS[colour].dark)


def _by_tier() -> builders.FieldColor:
    return builders.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS)


def _tiers(panel: Panel, look: Look) -> builders.ThresholdsConfig:
    """Return where the colours change; Grafana counts a value at a step to the step's own colour."""
    green, yellow = look.tiers_of(panel)
    steps = [dashboard.Threshold(value=None, color=COLOURS["green" if panel.lower_is_better else "red"].dark)]
    if panel.lower_is_better:
        # Counts: one more than the last good one is the first that is not.
        marks = [(green, "yellow"), (yellow, "red")]
        steps += [dashboard.Threshold(value=v + 1, color=COLOURS[c].dark) for v, c in marks if v is not None]
    else:
        marks = [(yellow, "yellow"), (green, "green")]
        steps += [dashboard.Threshold(value=v, color=COLOURS[c].dark) for v, c in marks if v is not None]
    return builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)
