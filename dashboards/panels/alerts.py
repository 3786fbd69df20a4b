"""Alerts: what is wrong now, what was when, and how long it lasted."""

from __future__ import annotations

from core.quantities import Period, Scope
from dashboards.panel import Panel, PanelKind, Series, State
from dashboards.panels.making import park, text
from dashboards.panels.overview import NUMBERS

OPEN_ALERTS = next(p for p in NUMBERS if p.id == "open-alerts")

LEVELS = (
    State(0, text("无", "none"), "green"),
    State(1, text("提示", "notice"), "unknown"),
    State(2, text("警告", "warning"), "yellow"),
    State(3, text("严重", "critical"), "red"),
)

ALERTS: tuple[Panel, ...] = (
    OPEN_ALERTS,
    Panel(
        "open-alerts-over-time",
        text("未解除告警数", "Open alerts over time"),
        PanelKind.CURVE,
        (park(Period.SLOT, "open_alerts", "load"),),
        text("每 15 分钟末仍在触发的告警数", "Alerts firing at the end of each 15 minutes"),
        width=20,
        height=6,
    ),
    Panel(
        "alert-states",
        text("告警状态时间线", "Alerts over time, by where they are"),
        PanelKind.TIMELINE,
        (
            park(Period.SLOT, "alert_level", "unknown", text("全园区", "Whole park")),
            Series(Period.SLOT, Scope.POINT, "alert_level", "unknown"),
            Series(Period.SLOT, Scope.ARRAY, "alert_level", "unknown"),
        ),
        text(
            "只列出所选时段内有过告警的对象；颜色为最高级别",
            "Only what had an alert in the range; the colour is its worst",
        ),
        states=LEVELS,
        height=10,
    ),
    Panel(
        "alert-history",
        text("告警记录", "Alert history"),
        PanelKind.TABLE,
        (),
        text("所选时段内存在过的告警，最新的在前", "Alerts that stood at any time of the range, newest first"),
        states=LEVELS[1:],
        height=12,
    ),
)
