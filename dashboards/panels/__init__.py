"""Every dashboard's list of panels. The built-in page and Grafana are both made from these."""

from __future__ import annotations

from dashboards.panel import Panel
from dashboards.panels.overview import OVERVIEW

DASHBOARDS: dict[str, tuple[Panel, ...]] = {"park-overview": OVERVIEW}


def panel(panel_id: str) -> Panel:
    """Return the panel called `panel_id`."""
    return next(p for panels in DASHBOARDS.values() for p in panels if p.id == panel_id)
