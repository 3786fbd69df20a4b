"""Data and system: how much was measured, how late it came, and how the collector fares."""

from __future__ import annotations

from core.quantities import Period, Scope
from dashboards.panel import Panel, PanelKind, Series
from dashboards.panels.making import number, park, text

COVERAGE = Panel(
    "coverage",
    text("各电表数据完整率（日）", "Data coverage per meter, by day"),
    PanelKind.STRIP,
    (Series(Period.DAY, Scope.POINT, "import_kwh", "unknown", text("数据完整率", "coverage"), field="coverage"),),
    text("一天中实测数据所占的份额", "Share of the day that was measured"),
    green=0.99,
    yellow=0.9,
    height=10,
)

DATA: tuple[Panel, ...] = (
    number(
        "collector",
        text("采集程序", "Collector"),
        park(Period.SLOT, "collector_connected", "unknown"),
        text(
            "最近 15 分钟内与 MQTT 代理保持连接的时间比例",
            "Share of the last 15 minutes it was connected to the broker",
        ),
        width=8,
        green=0.99,
        yellow=0.5,
    ),
    number(
        "telegrams-now",
        text("最近 15 分钟收到的报文", "Messages in the last 15 minutes"),
        park(Period.SLOT, "telegrams", "unknown"),
        text("采集程序收到的 MQTT 报文", "MQTT messages the collector received"),
        width=8,
    ),
    number(
        "quarantine",
        text("隔离区待处理", "Waiting in quarantine"),
        park(Period.SLOT, "quarantined", "unknown"),
        text("无法识别、整条保留待处理的报文", "Messages that could not be read and are kept whole"),
        width=8,
        green=0.0,
        yellow=100.0,
        lower_is_better=True,
    ),
    COVERAGE,
    Panel(
        "estimated",
        text("各电表估算份额（日）", "Share filled by estimate per meter, by day"),
        PanelKind.CURVE,
        (Series(Period.DAY, Scope.POINT, "import_kwh", "unknown", text("估算份额", "estimated"), field="estimated"),),
        text("总量有实测、按时间分摊的部分", "Energy measured in total, spread over the time of a gap"),
        width=12,
    ),
    Panel(
        "lateness",
        text("各电表数据延迟", "Delay of data per meter"),
        PanelKind.CURVE,
        (Series(Period.SLOT, Scope.POINT, "lateness_s", "load"),),
        text("从设备计时到收到的最长时间", "The longest from the device's own time to receipt"),
        width=12,
    ),
    Panel(
        "telegrams",
        text("收到的报文（每 15 分钟）", "Messages received per 15 minutes"),
        PanelKind.BARS,
        (park(Period.SLOT, "telegrams", "load"),),
        text("采集程序收到的 MQTT 报文", "MQTT messages the collector received"),
        width=12,
    ),
    Panel(
        "collector-over-time",
        text("采集在线率", "Collector connected over time"),
        PanelKind.CURVE,
        (park(Period.SLOT, "collector_connected", "export"),),
        text("断开处为服务本身停止", "A gap is a time when the service itself did not run"),
        width=12,
    ),
    Panel(
        "quarantine-over-time",
        text("隔离区报文数", "Messages in quarantine over time"),
        PanelKind.CURVE,
        (park(Period.SLOT, "quarantined", "import"),),
        text("每 15 分钟末的数量", "As it stood at the end of each 15 minutes"),
    ),
)
