"""The park at a glance: one entry per panel, in reading order."""

from __future__ import annotations

from core.quantities import Period, Scope
from core.verdict import NET_ZERO_GREEN, NET_ZERO_YELLOW
from dashboards.panel import Panel, PanelKind, Series
from dashboards.panels.making import number, park, power, text

# An array below 0.90 of its expectation over some days has a fault more often than not; 0.95 is the usual all-clear.
EPI_GREEN = 0.95
EPI_YELLOW = 0.90
NO_ALERTS = 0.0
FEW_ALERTS = 3.0

NUMBERS = (
    number(
        "self-sufficiency-today",
        text("今日自给率", "Self-sufficiency today"),
        park(Period.DAY, "self_sufficiency", "pv"),
        text("今日截至目前，按电表计量", "Today so far, as metered"),
    ),
    number(
        "self-sufficiency",
        text("本月自给率", "Self-sufficiency this month"),
        park(Period.MONTH, "self_sufficiency", "pv"),
        text(
            "园区用电中由自有光伏直接满足的部分（按电表计量）",
            "Share of consumption met by the park's own PV at the moment of use, as metered",
        ),
    ),
    number(
        "net-balance",
        text("本月净余额", "Net balance this month"),
        park(Period.MONTH, "net_balance_kwh", "pv"),
        text("光伏发电量减用电量", "PV generation minus consumption"),
    ),
    number(
        "pv-index",
        text("本月光伏实发 / 应发", "PV against expectation this month"),
        park(Period.MONTH, "energy_performance_index", "pv"),
        text("实际发电量与按实测天气推算的应发电量之比", "Measured PV over what the weather allowed"),
        green=EPI_GREEN,
        yellow=EPI_YELLOW,
        leads_to="pv",
    ),
    number(
        "carbon",
        text("本月购电碳排放", "Carbon of grid import this month"),
        park(Period.MONTH, "carbon_kg", "import"),
        text("购电量乘电网排放因子（基于位置）", "Grid import times the location-based factor"),
        leads_to="carbon",
    ),
    number(
        "open-alerts",
        text("未解除告警", "Open alerts"),
        park(Period.SLOT, "open_alerts", "unknown"),
        text("已触发、尚未解除的告警数", "Alerts that fired and have not been resolved"),
        green=NO_ALERTS,
        yellow=FEW_ALERTS,
        lower_is_better=True,
        leads_to="alerts",
    ),
)

CURVE = Panel(
    "today",
    text("功率（15 分钟平均）", "Power, 15-minute mean"),
    PanelKind.CURVE,
    (
        power("load_kwh", "load", text("用电", "Consumption")),
        power("generation_kwh", "pv", text("光伏实发", "PV actual")),
        power("expected_kwh", "expected", text("光伏应发", "PV expected"), dashed=True),
        power("import_kwh", "import", text("购电", "Grid import")),
        power("export_kwh", "export", text("上网", "Grid export")),
    ),
    text(
        "15 分钟平均功率；缺测处断开，不补线",
        "Mean power per 15 minutes; a gap in the data is a gap in the line",
    ),
    height=10,
    leads_to="pv",
)

MONTH = (
    Panel(
        "days",
        text("逐日发电与用电", "Generation and consumption by day"),
        PanelKind.BARS,
        (park(Period.DAY, "generation_kwh", "pv"), park(Period.DAY, "load_kwh", "load")),
        text("园区合计", "Whole park"),
        width=12,
    ),
    Panel(
        "day-balance",
        text("逐日净余额", "Net balance by day"),
        PanelKind.BARS,
        (park(Period.DAY, "net_balance_kwh", "pv"), park(Period.DAY, "plan_net_balance_kwh", "unknown")),
        text("发电减用电；灰色为计划", "Generation minus consumption; grey is the plan"),
        width=12,
    ),
    Panel(
        "month-outlook",
        text("本月净余额展望", "Outlook of the month's net balance"),
        PanelKind.CURVE,
        (
            park(Period.DAY, "outlook_net_p50_kwh", "pv", text("最可能（P50）", "likely (P50)")),
            Series(
                Period.DAY, Scope.PARK, "outlook_net_p10_kwh", "expected", text("偏低（P10）", "low (P10)"), dashed=True
            ),
            Series(
                Period.DAY,
                Scope.PARK,
                "outlook_net_p90_kwh",
                "expected",
                text("偏高（P90）", "high (P90)"),
                dashed=True,
            ),
            Series(Period.DAY, Scope.PARK, "outlook_plan_kwh", "unknown", text("计划", "plan"), dashed=True),
        ),
        text(
            "当日结束时对其次日所在月份的展望；P10 与 P90 之间有八成可能",
            "As known at the end of each day, of the month its next day lies in; 80 % lie between P10 and P90",
        ),
        width=12,
    ),
    Panel(
        "month-miss",
        text("本月净零不达标的概率", "Probability that the month misses net zero"),
        PanelKind.CURVE,
        (park(Period.DAY, "outlook_miss_probability", "import"),),
        text("当日结束时所知", "As known at the end of each day"),
        width=12,
    ),
    Panel(
        "netting",
        text("自给率：按轧差时段（日）", "Self-sufficiency by netting window, by day"),
        PanelKind.CURVE,
        (
            park(Period.DAY, "self_sufficiency", "pv", text("按电表计量", "as metered")),
            park(Period.DAY, "self_sufficiency_15min", "export", text("15 分钟轧差", "15-min netting")),
            park(
                Period.DAY,
                "net_zero_ratio",
                "load",
                text("净零率（整段轧差）", "net-zero ratio (netted over the whole period)"),
            ),
        ),
        text(
            "轧差时段越长，数字越好看；引用时请注明时段",
            "The longer the window, the better the figure: quote it with its window",
        ),
        width=12,
    ),
    Panel(
        "net-zero",
        text("逐日净零率", "Net-zero ratio by day"),
        PanelKind.STRIP,
        (park(Period.DAY, "net_zero_ratio", "unknown"),),
        text("发电量与用电量之比；达到 100 % 即净零", "Generation over consumption; 100 % is net zero"),
        width=12,
        green=NET_ZERO_GREEN,
        yellow=NET_ZERO_YELLOW,
    ),
)

PARTS = (
    Panel(
        "array-index",
        text("各阵列实发 / 应发（日）", "Arrays: actual over expected, by day"),
        PanelKind.CURVE,
        (Series(Period.DAY, Scope.ARRAY, "energy_performance_index", "pv"),),
        text("低于 90 % 需要有人去看", "Below 90 % somebody should have a look"),
        width=12,
        leads_to="pv",
    ),
    Panel(
        "building-load",
        text("各用电点日用电量", "Buildings: consumption by day"),
        PanelKind.BARS,
        (Series(Period.DAY, Scope.POINT, "load_kwh", "load"),),
        text("分表计量", "As sub-metered"),
        width=12,
        stacked=True,
        leads_to="buildings",
    ),
)

OVERVIEW: tuple[Panel, ...] = (*NUMBERS, CURVE, *MONTH, *PARTS)
