"""PV: what the arrays make, what the weather allowed, and which of them needs somebody."""

from __future__ import annotations

from core.quantities import Period, Scope
from dashboards.panel import Panel, PanelKind, Series
from dashboards.panels.making import number, park, power, text
from dashboards.panels.overview import EPI_GREEN, EPI_YELLOW

# IEC 61724-1 gives no tiers for the performance ratio; what a site reaches depends on its climate. None are drawn.

NUMBERS = (
    number(
        "pv-today",
        text("今日发电量", "PV generation today"),
        park(Period.DAY, "generation_kwh", "pv"),
        text("今日截至目前", "Today so far"),
    ),
    number(
        "pv-month",
        text("本月发电量", "PV generation this month"),
        park(Period.MONTH, "generation_kwh", "pv"),
        text("本月截至目前", "This month so far"),
    ),
    number(
        "pv-expected-month",
        text("本月应发电量", "PV expected this month"),
        park(Period.MONTH, "expected_kwh", "expected"),
        text("按实测天气推算", "What the measured weather allowed"),
    ),
    number(
        "pv-index-today",
        text("今日实发 / 应发", "Actual over expected today"),
        park(Period.DAY, "energy_performance_index", "pv"),
        text("今日截至目前", "Today so far"),
        green=EPI_GREEN,
        yellow=EPI_YELLOW,
    ),
    number(
        "pv-index-month",
        text("本月实发 / 应发", "Actual over expected this month"),
        park(Period.MONTH, "energy_performance_index", "pv"),
        text("全部阵列", "All arrays together"),
        green=EPI_GREEN,
        yellow=EPI_YELLOW,
    ),
    number(
        "self-consumption",
        text("本月自用率", "Self-consumption this month"),
        park(Period.MONTH, "self_consumption", "pv"),
        text("发电量中园区自己用掉的部分", "Share of generation that the park used itself"),
    ),
)

PV: tuple[Panel, ...] = (
    *NUMBERS,
    Panel(
        "pv-power",
        text("光伏功率：实发与应发", "PV power: actual and expected"),
        PanelKind.CURVE,
        (
            power("generation_kwh", "pv", text("实发", "Actual")),
            power("expected_kwh", "expected", text("应发", "Expected"), dashed=True),
        ),
        text("园区合计，15 分钟平均", "Whole park, mean of 15 minutes"),
        height=9,
    ),
    Panel(
        "array-power",
        text("各阵列功率", "Power of each array"),
        PanelKind.CURVE,
        (
            Series(Period.SLOT, Scope.ARRAY, "generation_kwh", "pv", text("实发", "actual"), as_power=True),
            Series(
                Period.SLOT,
                Scope.ARRAY,
                "expected_kwh",
                "expected",
                text("应发", "expected"),
                dashed=True,
                as_power=True,
            ),
        ),
        text("实线为实发，虚线为应发", "Solid: actual, dashed: expected"),
        height=9,
    ),
    Panel(
        "array-ranking",
        text("阵列排名：本月实发 / 应发", "Arrays ranked: actual over expected this month"),
        PanelKind.RANKING,
        (Series(Period.MONTH, Scope.ARRAY, "energy_performance_index", "pv"),),
        text("排在最后的最值得去看", "The last one is the first to look at"),
        width=8,
        green=EPI_GREEN,
        yellow=EPI_YELLOW,
    ),
    Panel(
        "array-heat",
        text("各阵列发电热力图", "Heat map of generation by slot"),
        PanelKind.HEATMAP,
        (Series(Period.SLOT, Scope.ARRAY, "generation_kwh", "pv", as_power=True),),
        text(
            "每格 15 分钟，颜色越深功率越高；空白为缺测",
            "One cell per 15 minutes, the stronger the more; blank is missing",
        ),
        width=16,
    ),
    Panel(
        "array-index-days",
        text("各阵列能效指数（日）", "Energy index of each array, by day"),
        PanelKind.STRIP,
        (Series(Period.DAY, Scope.ARRAY, "energy_performance_index", "pv"),),
        text("实发电量与应发电量之比", "Measured over expected energy"),
        width=12,
        green=EPI_GREEN,
        yellow=EPI_YELLOW,
    ),
    Panel(
        "array-pr",
        text("各阵列性能比（日）", "Performance ratio of each array, by day"),
        PanelKind.CURVE,
        (Series(Period.DAY, Scope.ARRAY, "performance_ratio", "pv"),),
        text("发电量与组件面辐照下额定发电量之比", "Energy over what the rated power makes of the irradiation"),
        width=12,
    ),
    Panel(
        "array-generation",
        text("各阵列日发电量", "Arrays: generation by day"),
        PanelKind.BARS,
        (Series(Period.DAY, Scope.ARRAY, "generation_kwh", "pv"),),
        text("按阵列单独计量的部分", "Arrays that have a meter of their own"),
        width=12,
        stacked=True,
    ),
    Panel(
        "array-irradiation",
        text("组件面辐照量（日）", "Irradiation in the plane of the arrays, by day"),
        PanelKind.BARS,
        (Series(Period.DAY, Scope.ARRAY, "irradiation_kwh_m2", "expected"),),
        text("按实测或推算的辐照度累计", "Measured, or worked out from what is measured"),
        width=12,
    ),
)
