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
            power("expected_p10_kwh", "unknown", text("应发 P10", "Expected, P10"), dashed=True),
            power("expected_p90_kwh", "unknown", text("应发 P90", "Expected, P90"), dashed=True),
        ),
        text(
            "园区合计，15 分钟平均；十日中约八日落在 P10 与 P90 之间",
            "Whole park, mean of 15 minutes; about eight days of ten lie between P10 and P90",
        ),
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
        "array-pr-25",
        text("各阵列 25 °C 性能比（日）", "Temperature-corrected performance ratio of each array, by day"),
        PanelKind.CURVE,
        (Series(Period.DAY, Scope.ARRAY, "performance_ratio_25c", "pv"),),
        text("扣除组件温度影响的性能比，不随季节起落", "What is left once module temperature is taken out: no seasons"),
        width=12,
    ),
    Panel(
        "array-specific-yield",
        text("各阵列单位装机发电量（日）", "Specific yield of each array, by day"),
        PanelKind.BARS,
        (Series(Period.DAY, Scope.ARRAY, "specific_yield", "pv"),),
        text("每 kWp 的发电量（kWh/kWp），不是性能比", "Energy per kWp of peak power; no performance ratio"),
        width=12,
    ),
    Panel(
        "array-reference-yield",
        text("各阵列参考等效小时（日）", "Reference yield of each array, by day"),
        PanelKind.BARS,
        (Series(Period.DAY, Scope.ARRAY, "reference_yield", "expected"),),
        text(
            "发电与辐照均有实测的时段内，辐照量除以 1 kW/m²",
            "Hours of full sun in which energy and irradiance were measured",
        ),
        width=8,
    ),
    Panel(
        "array-dc-yield",
        text("各阵列直流等效小时（日）", "Array yield (DC) of each array, by day"),
        PanelKind.BARS,
        (Series(Period.DAY, Scope.ARRAY, "array_yield", "pv"),),
        text("仅有直流功率实测的阵列", "Arrays whose DC power is measured"),
        width=8,
    ),
    Panel(
        "array-final-yield",
        text("各阵列交流等效小时（日）", "Final yield of each array, by day"),
        PanelKind.BARS,
        (Series(Period.DAY, Scope.ARRAY, "final_yield", "pv"),),
        text(
            "与参考等效小时取同一批时段；两者之比为性能比",
            "Over the slots of the reference yield; their quotient is the PR",
        ),
        width=8,
    ),
    Panel(
        "array-availability",
        text("各阵列能量可用率（日）", "Energy availability of each array, by day"),
        PanelKind.STRIP,
        (Series(Period.DAY, Scope.ARRAY, "availability", "pv"),),
        text("停机时段应发电量之外的部分", "What was made, over that and what standing still cost"),
        width=12,
        green=0.99,
        yellow=0.95,
    ),
    Panel(
        "array-factor",
        text("各阵列校准系数（日）", "Calibration factor of each array, by day"),
        PanelKind.CURVE,
        (Series(Period.DAY, Scope.ARRAY, "calibration_factor", "expected"),),
        text(
            "应发电量在标称值上所乘的系数，右上为期末所用；学习完成前为 1",
            "What the expectation by nameplate is multiplied with, in figures the one in force at the end; 1 until learned",
        ),
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
