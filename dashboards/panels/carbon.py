"""Carbon of the energy bought, and what is bought and sold at the grid connection."""

from __future__ import annotations

from core.quantities import Period
from dashboards.panel import Panel, PanelKind
from dashboards.panels.making import number, park, text

CARBON: tuple[Panel, ...] = (
    number(
        "carbon-today",
        text("今日购电碳排放", "Carbon of grid import today"),
        park(Period.DAY, "carbon_kg", "import"),
        text("今日截至目前，基于位置的排放因子", "Today so far, location-based factor"),
        width=6,
    ),
    number(
        "carbon-month",
        text("本月购电碳排放", "Carbon of grid import this month"),
        park(Period.MONTH, "carbon_kg", "import"),
        text("购电量乘电网排放因子（基于位置）", "Grid import times the location-based factor"),
        width=6,
    ),
    number(
        "import-month",
        text("本月购电量", "Grid import this month"),
        park(Period.MONTH, "import_kwh", "import"),
        text("并网点计量", "As metered at the grid connection"),
        width=6,
    ),
    number(
        "export-month",
        text("本月上网电量", "Grid export this month"),
        park(Period.MONTH, "export_kwh", "export"),
        text("并网点计量", "As metered at the grid connection"),
        width=6,
    ),
    Panel(
        "day-carbon",
        text("逐日购电碳排放", "Carbon of grid import by day"),
        PanelKind.BARS,
        (park(Period.DAY, "carbon_kg", "import"),),
        text("基于位置的排放因子", "Location-based factor"),
        width=12,
    ),
    Panel(
        "month-carbon",
        text("逐月购电碳排放", "Carbon of grid import by month"),
        PanelKind.BARS,
        (park(Period.MONTH, "carbon_kg", "import"),),
        text("本月为截至目前", "The running month is shown so far"),
        width=12,
    ),
    Panel(
        "slot-carbon",
        text("购电碳排放（每 15 分钟）", "Carbon of grid import per 15 minutes"),
        PanelKind.CURVE,
        (park(Period.SLOT, "carbon_kg", "import"),),
        text("一天里什么时候排放最多", "When in the day it is emitted"),
        width=12,
    ),
    Panel(
        "day-exchange",
        text("逐日购电与上网", "Grid import and export by day"),
        PanelKind.BARS,
        (park(Period.DAY, "import_kwh", "import"), park(Period.DAY, "export_kwh", "export")),
        text("并网点计量", "As metered at the grid connection"),
        width=12,
    ),
)
