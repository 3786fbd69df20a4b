"""Buildings and other consumers: when they use energy, how much, and what no meter explains."""

from __future__ import annotations

from core.quantities import Period, Scope
from dashboards.panel import Panel, PanelKind, Series
from dashboards.panels.making import number, park, text
from dashboards.panels.overview import PARTS

BUILDING_LOAD = PARTS[1]

BUILDINGS: tuple[Panel, ...] = (
    number(
        "load-today",
        text("今日用电量", "Consumption today"),
        park(Period.DAY, "load_kwh", "load"),
        text("今日截至目前，园区合计", "Today so far, whole park"),
        width=8,
    ),
    number(
        "load-month",
        text("本月用电量", "Consumption this month"),
        park(Period.MONTH, "load_kwh", "load"),
        text("本月截至目前，园区合计", "This month so far, whole park"),
        width=8,
    ),
    number(
        "residual-month",
        text("本月未分表电量", "Unmetered remainder this month"),
        park(Period.MONTH, "residual_kwh", "load"),
        text("园区用电减各分表之和", "Consumption minus what the sub-meters explain"),
        width=8,
    ),
    Panel(
        "building-profile",
        text("各用电点功率曲线", "Buildings: power over the day"),
        PanelKind.CURVE,
        (Series(Period.SLOT, Scope.POINT, "load_kwh", "load", as_power=True),),
        text("15 分钟平均；缺测处断开", "Mean of 15 minutes; a gap in the data is a gap in the line"),
        height=9,
    ),
    Panel(
        "building-carpet",
        text("用电热力图", "Carpet of consumption by slot"),
        PanelKind.HEATMAP,
        (Series(Period.SLOT, Scope.POINT, "load_kwh", "load", as_power=True),),
        text(
            "每格 15 分钟，颜色越深功率越高；空白为缺测",
            "One cell per 15 minutes, the stronger the more; blank is missing",
        ),
        width=16,
        height=10,
    ),
    Panel(
        "building-share",
        text("谁用得最多", "Who used the most"),
        PanelKind.RANKING,
        (Series(Period.DAY, Scope.POINT, "load_kwh", "load"),),
        text("所选时段内各日用电量之和", "Energy of the days in the chosen range"),
        width=8,
        height=10,
    ),
    BUILDING_LOAD,
    Panel(
        "residual",
        text("未分表电量（日）", "Unmetered remainder by day"),
        PanelKind.BARS,
        (park(Period.DAY, "residual_kwh", "load"),),
        text("园区用电减各分表之和", "Consumption minus what the sub-meters explain"),
        width=12,
    ),
    Panel(
        "building-months",
        text("各用电点月用电量", "Buildings: consumption by month"),
        PanelKind.BARS,
        (Series(Period.MONTH, Scope.POINT, "load_kwh", "load"),),
        text("本月为截至目前", "The running month is shown so far"),
        stacked=True,
    ),
)
