"""Every dashboard's list of panels. The built-in page and Grafana are both made from these."""

from __future__ import annotations

from core.text import Text
from dashboards.panel import Panel
from dashboards.panels.alerts import ALERTS
from dashboards.panels.buildings import BUILDINGS
from dashboards.panels.carbon import CARBON
from dashboards.panels.data import DATA
from dashboards.panels.overview import OVERVIEW
from dashboards.panels.pv import PV

DASHBOARDS: dict[str, tuple[Panel, ...]] = {
    "park-overview": OVERVIEW,
    "pv": PV,
    "buildings": BUILDINGS,
    "carbon": CARBON,
    "alerts": ALERTS,
    "data": DATA,
}
TITLES: dict[str, Text] = {
    "park-overview": Text(zh="园区总览", en="Park overview"),
    "pv": Text(zh="光伏", en="PV"),
    "buildings": Text(zh="建筑与用电", en="Buildings"),
    "carbon": Text(zh="碳排放", en="Carbon"),
    "alerts": Text(zh="告警", en="Alerts"),
    "data": Text(zh="数据与系统", en="Data and system"),
}


def panel(panel_id: str) -> Panel:
    """Return the panel called `panel_id`."""
    return next(p for panels in DASHBOARDS.values() for p in panels if p.id == panel_id)
