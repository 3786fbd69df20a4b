"""A whole dashboard: its panels in place, what the viewer chooses, links to the others, marks for alerts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.quantities import Period
from core.text import Language, Text
from dashboards.dsl.drawing import draw
from dashboards.dsl.sdk import JSONEncoder, builders, dashboard
from dashboards.dsl.targets import source, targets_of, variable_source
from dashboards.look import TAG, Look
from dashboards.panel import COLOURS, Panel, PanelKind
from dashboards.queries import PARK, AlertQuery, VariableQuery, variables_of

COLUMNS = 24
ALL = "$__all"
YEAR = "365d"
MARKS = Text(zh="告警", en="Alerts")
OTHERS = Text(zh="其他看板", en="Other dashboards")
MORE = Text(zh="查看详情", en="See more")
ALL_TEXT = Text(zh="全部", en="All")


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


def dashboard_json(name: str, title: Text, panels: Sequence[Panel], look: Look) -> dict[str, object]:
    """Return one dashboard of a set."""
    board = (
        builders.Dashboard(look.title(title))
        .uid(look.uid(name))
        .tags([TAG, look.language.value, *([look.park_id] if look.park_id else [])])
        .timezone(look.timezone)
        .time("now-7d", "now")
        .refresh("1m")
        .readonly()
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .link(_others(look))
    )
    for variable in variables_of(panels):
        board = board.with_variable(_variable(variable, look))
    for number, (panel, place) in enumerate(zip(panels, arrange(panels), strict=True), start=1):
        drawn = draw(panel, look).id(number).title(panel.title.say(look.language))
        drawn = drawn.description(panel.note.say(look.language)).datasource(source(look))
        drawn = drawn.grid_pos(dashboard.GridPos(h=place.height, w=place.width, x=place.x, y=place.y))
        if panel.kind is PanelKind.BARS and all(s.period is Period.MONTH for s in panel.series):
            drawn = drawn.time_from(YEAR)  # a week holds one month at most
        if panel.leads_to:
            drawn = drawn.links([_way_on(panel.leads_to, look)])
        for target in targets_of(panel, look):
            drawn = drawn.with_target(target)
        board = board.with_panel(drawn)
    document: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(board.build()))  # Any: a JSON document
    for link in (*document["links"], *(k for p in document["panels"] for k in p.get("links", ()))):
        del link["placement"]  # the SDK would hide them in a menu
    for panel, drawn_json in zip(panels, document["panels"], strict=True):
        drawn_json["fieldConfig"]["defaults"] |= _way_on_of_each(panel, look)
    document["annotations"] = {"list": [_marks(look)]}
    return document


def _others(look: Look) -> builders.DashboardLink:
    """Link to the set's other dashboards, with the range and the choices kept."""
    tags = [TAG, look.language.value, *([look.park_id] if look.park_id else [])]
    return (
        builders.DashboardLink(OTHERS.say(look.language))
        .type(dashboard.DashboardLinkType.DASHBOARDS)
        .tags(tags)
        .include_vars(True)
        .keep_time(True)
    )


def _way_on(name: str, look: Look) -> builders.DashboardLink:
    return (
        builders.DashboardLink(MORE.say(look.language))
        .type(dashboard.DashboardLinkType.LINK)
        .url(f"/d/{look.uid(name)}?${{__url_time_range}}&${{__all_variables}}")
    )


def _way_on_of_each(panel: Panel, look: Look) -> dict[str, object]:
    """Link each array's or building's own line to the same of it alone, where a dashboard shows more."""
    choice = next((s.choice for s in panel.series if s.choice), None)
    if not panel.leads_to or not choice:
        return {}
    chosen = f"${{__url_time_range}}&${{park:queryparam}}&var-{choice}=${{__field.labels.entity}}"
    return {"links": [{"title": MORE.say(look.language), "url": f"/d/{look.uid(panel.leads_to)}?{chosen}"}]}


def _variable(variable: VariableQuery, look: Look) -> builders.QueryVariable | builders.CustomVariable:
    label = variable.title.say(look.language)
    if look.park_id:
        return _named(variable, label, look)
    made = (
        builders.QueryVariable(variable.name)
        .label(label)
        .datasource(variable_source(look))
        .query(variable.influxql())
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    )
    return made.multi(True).include_all(True).current(_all(look.language)) if variable.multi else made


def _named(variable: VariableQuery, label: str, look: Look) -> builders.CustomVariable:
    """Return the choices of a known park with the names people use."""
    if variable is PARK:
        park = look.park_id or ""
        return (
            builders.CustomVariable(variable.name)
            .label(label)
            .values(_choice(look.park_name, park))
            .current(dashboard.VariableOption(text=look.park_name, value=park))
        )
    entities = look.choices.get(variable.name, ())
    return (
        builders.CustomVariable(variable.name)
        .label(label)
        .values(", ".join(_choice(look.names[e], e) for e in entities))
        .multi(True)
        .include_all(True)
        .current(_all(look.language))
    )


def _all(language: Language) -> dashboard.VariableOption:
    return dashboard.VariableOption(selected=True, text=[ALL_TEXT.say(language)], value=[ALL])


def _choice(name: str, value: str) -> str:
    r"""Return a choice as Grafana reads it, `name : value`; a comma in a name is written `\,`."""
    plain = name.replace(" : ", ": ").replace(",", r"\,")
    return f"{plain} : {value}"


def _marks(look: Look) -> dict[str, object]:
    """Return the annotation that marks alerts on every curve, as the InfluxDB data source stores it."""
    return {
        "name": MARKS.say(look.language),
        "datasource": {"type": "influxdb", "uid": look.datasource},
        "enable": True,
        "hide": False,
        "iconColor": COLOURS["red"].dark,
        "query": AlertQuery().grafana(look.language),
        "textColumn": "title",
        "timeEndColumn": "until",
        "tagsColumn": "entity",
        "titleColumn": "",
    }
