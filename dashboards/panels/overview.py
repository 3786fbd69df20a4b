"""The park at a glance: one entry per panel, in reading order."""

from __future__ import annotations

from core.quantities import Period, Scope
from core.text import Text
from dashboards.panel import Panel, PanelKind, Series

# An array below 0.90 of its expectation over some days has a fault more often than not; 0.95 is the usual all-clear.
EPI_GREEN = 0.95
EPI_YELLOW = 0.90


def _park(period: Period, quantity: str, colour: str, name: Text | None = None) -> Series:
    return Series(period, Scope.PARK, quantity, colour, name)


def _power(quantity: str, colour: str, zh: str, en: str, *, dashed: bool = False) -> Series:
    return Series(Period.SLOT, Scope.PARK, quantity, colour, Text(zh=zh, en=en), dashed=dashed, as_power=True)


NUMBERS = (
    Panel(
        "self-sufficiency",
        Text(zh="本月自给率", en="Self-sufficiency this month"),
        PanelKind.NUMBER,
        (_park(Period.MONTH, "self_sufficiency", "pv"),),
        Text(
            zh="园区用电中由自有光伏直接满足的部分（按电表计量）",
            en="Share of consumption met by the park's own PV at the moment of use, as metered",
        ),
        width=5,
        height=4,
    ),
    Panel(
        "net-balance",
        Text(zh="本月净余额", en="Net balance this month"),
        PanelKind.NUMBER,
        (_park(Period.MONTH, "net_balance_kwh", "pv"),),
        Text(zh="光伏发电量减用电量", en="PV generation minus consumption"),
        width=5,
        height=4,
    ),
    Panel(
        "pv-index",
        Text(zh="本月光伏实发 / 应发", en="PV against expectation this month"),
        PanelKind.NUMBER,
        (_park(Period.MONTH, "energy_performance_index", "pv"),),
        Text(zh="实际发电量与按实测天气推算的应发电量之比", en="Measured PV over what the weather allowed"),
        width=5,
        height=4,
        green=EPI_GREEN,
        yellow=EPI_YELLOW,
    ),
    Panel(
        "carbon",
        Text(zh="本月购电碳排放", en="Carbon of grid import this month"),
        PanelKind.NUMBER,
        (_park(Period.MONTH, "carbon_kg", "import"),),
        Text(zh="购电量乘电网排放因子（基于位置）", en="Grid import times the location-based factor"),
        width=5,
        height=4,
    ),
    Panel(
        "self-sufficiency-today",
        Text(zh="今日自给率", en="Self-sufficiency today"),
        PanelKind.NUMBER,
        (_park(Period.DAY, "self_sufficiency", "pv"),),
        Text(zh="今日截至目前，按电表计量", en="Today so far, as metered"),
        width=4,
        height=4,
    ),
)

CURVE = Panel(
    "today",
    Text(zh="功率（15 分钟平均）", en="Power, 15-minute mean"),
    PanelKind.CURVE,
    (
        _power("load_kwh", "load", "用电", "Consumption"),
        _power("generation_kwh", "pv", "光伏实发", "PV actual"),
        _power("expected_kwh", "expected", "光伏应发", "PV expected", dashed=True),
        _power("import_kwh", "import", "购电", "Grid import"),
        _power("export_kwh", "export", "上网", "Grid export"),
    ),
    Text(
        zh="15 分钟平均功率；缺测处断开，不补线",
        en="Mean power per 15 minutes; a gap in the data is a gap in the line",
    ),
    height=10,
)

ARRAYS = (
    Panel(
        "array-index",
        Text(zh="各阵列实发 / 应发（日）", en="Arrays: actual over expected, by day"),
        PanelKind.CURVE,
        (Series(Period.DAY, Scope.ARRAY, "energy_performance_index", "pv"),),
        Text(zh="低于 90 % 需要有人去看", en="Below 90 % somebody should have a look"),
        width=12,
    ),
    Panel(
        "array-generation",
        Text(zh="各阵列日发电量", en="Arrays: generation by day"),
        PanelKind.BARS,
        (Series(Period.DAY, Scope.ARRAY, "generation_kwh", "pv"),),
        Text(zh="按阵列单独计量的部分", en="Arrays that have a meter of their own"),
        width=12,
    ),
)

BUILDINGS = (
    Panel(
        "building-load",
        Text(zh="各用电点日用电量", en="Buildings: consumption by day"),
        PanelKind.BARS,
        (Series(Period.DAY, Scope.POINT, "load_kwh", "load"),),
        Text(zh="分表计量", en="As sub-metered"),
        width=12,
    ),
    Panel(
        "residual",
        Text(zh="未分表电量（日）", en="Unmetered remainder by day"),
        PanelKind.BARS,
        (_park(Period.DAY, "residual_kwh", "load"),),
        Text(zh="园区用电减各分表之和", en="Consumption minus what the sub-meters explain"),
        width=12,
    ),
)

MONTH = (
    Panel(
        "days",
        Text(zh="逐日发电与用电", en="Generation and consumption by day"),
        PanelKind.BARS,
        (_park(Period.DAY, "generation_kwh", "pv"), _park(Period.DAY, "load_kwh", "load")),
        Text(zh="园区合计", en="Whole park"),
        width=12,
    ),
    Panel(
        "day-balance",
        Text(zh="逐日净余额", en="Net balance by day"),
        PanelKind.BARS,
        (_park(Period.DAY, "net_balance_kwh", "pv"), _park(Period.DAY, "plan_net_balance_kwh", "expected")),
        Text(zh="发电减用电；虚色为计划", en="Generation minus consumption, beside the plan"),
        width=12,
    ),
    Panel(
        "netting",
        Text(zh="自给率：按轧差时段（日）", en="Self-sufficiency by netting window, by day"),
        PanelKind.CURVE,
        (
            _park(Period.DAY, "self_sufficiency", "pv", Text(zh="按电表计量", en="as metered")),
            _park(Period.DAY, "self_sufficiency_15min", "export", Text(zh="15 分钟轧差", en="15-min netting")),
            _park(Period.DAY, "net_zero_ratio", "load", Text(zh="日轧差上限（净零率）", en="net-zero ratio")),
        ),
        Text(
            zh="轧差时段越长，数字越好看；引用时请注明时段",
            en="The longer the window, the better the figure: quote it with its window",
        ),
        width=12,
    ),
    Panel(
        "day-carbon",
        Text(zh="逐日购电碳排放", en="Carbon of grid import by day"),
        PanelKind.BARS,
        (_park(Period.DAY, "carbon_kg", "import"),),
        Text(zh="基于位置的排放因子", en="Location-based factor"),
        width=12,
    ),
)

COVERAGE = Panel(
    "coverage",
    Text(zh="各电表数据完整率（日）", en="Data coverage per meter, by day"),
    PanelKind.STRIP,
    (
        Series(
            Period.DAY,
            Scope.POINT,
            "import_kwh",
            "unknown",
            Text(zh="数据完整率", en="coverage"),
            field="coverage",
        ),
    ),
    Text(zh="一天中实测数据所占的份额", en="Share of the day that was measured"),
    green=0.99,
    yellow=0.9,
)

OVERVIEW: tuple[Panel, ...] = (*NUMBERS, CURVE, *ARRAYS, *BUILDINGS, *MONTH, COVERAGE)
