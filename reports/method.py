"""The method page: every term with its formula and source, and notes on what was done this month."""

from __future__ import annotations

from core.quality import Reason
from core.rungs import MODEL_VERSION, RUNG_WORDS, RUNGS
from core.text import Text
from core.verdict import MIN_COVERAGE, target_for
from reports.report import ArrayLine, Definition, Method
from reports.source import Source

_REGISTERS = Text(zh="电表读数差", en="register differences")
_OWN = Text(zh="园区并网点与光伏电表", en="grid connection and PV meters")
_BALANCE = Text(zh="负荷/发电平衡（Sartori 等，2012）", en="load/generation balance (Sartori et al. 2012)")
_IEC = Text(zh="IEC 61724-1", en="IEC 61724-1")

DEFINITIONS = (
    Definition(
        Text(zh="电量", en="energy"),
        Text(
            zh="电表读数在 15 分钟边界处插值、取整至 Wh 后求差",
            en="register interpolated at 15-min edges, rounded to whole Wh, then differenced",
        ),
        _REGISTERS,
    ),
    Definition(
        Text(zh="园区用电 L", en="consumption L"),
        Text(
            zh="L = 发电 G + 购电 I − 上网 E + 放电 D − 充电 C",
            en="L = generation G + import I − export E + discharge D − charge C",
        ),
        _OWN,
    ),
    Definition(
        Text(zh="自给率（表计值）", en="self-sufficiency (metered)"), Text(zh="(G − E) / L", en="(G − E) / L"), _OWN
    ),
    Definition(
        Text(zh="自给率（轧差 T）", en="self-sufficiency, netted over T"),
        Text(zh="Σ min(G, L) / Σ L，按时段 T 求和", en="Σ min(G, L) / Σ L, summed over periods T"),
        Text(zh="T = 15 分钟、日、月", en="T = 15 min, day, month"),
    ),
    Definition(Text(zh="自用率", en="self-consumption"), Text(zh="(G − E) / G", en="(G − E) / G"), _OWN),
    Definition(Text(zh="净余额", en="net balance"), Text(zh="G − L", en="G − L"), _BALANCE),
    Definition(Text(zh="净零率", en="net-zero ratio"), Text(zh="G / L", en="G / L"), _BALANCE),
    Definition(
        Text(zh="光伏应发电量", en="expected PV"),
        Text(
            zh="以当时最好的辐照依据驱动的 PVWatts 模型（pvlib），不含污秽、遮挡、停机与限电",
            en="PVWatts model (pvlib) under the best known irradiance, without soiling, shading, outages or curtailment",
        ),
        Text(zh=f"pvlib；模型版本 {MODEL_VERSION}", en=f"pvlib; model version {MODEL_VERSION}"),
    ),
    Definition(
        Text(zh="发电能效指数 EPI", en="energy performance index EPI"),
        Text(zh="实发 / 应发，仅取有效时段，先求和后相除", en="actual / expected, ratio of sums over valid slots"),
        _IEC,
    ),
    Definition(
        Text(zh="性能比 PR", en="performance ratio PR"),
        Text(zh="(实发 / kWp) / (辐照量 / 1 kW/m²)", en="(actual / kWp) / (irradiation / 1 kW/m²)"),
        _IEC,
    ),
    Definition(
        Text(zh="25 °C 性能比", en="performance ratio at 25 °C"),
        Text(
            zh="Σ 实发 / Σ (1 + γ (T − 25 °C)) kWp × 辐照量 / 1 kW/m²，仅取同一批有效时段",
            en="Σ actual / Σ (1 + γ (T − 25 °C)) kWp × irradiation / 1 kW/m², over the same valid slots",
        ),
        _IEC,
    ),
    Definition(
        Text(zh="单位装机发电量", en="specific yield"),
        Text(zh="实发 / kWp（kWh/kWp，不是性能比）", en="actual / kWp, in kWh/kWp; no performance ratio"),
        _IEC,
    ),
    Definition(
        Text(zh="能量可用率", en="energy availability"),
        Text(
            zh="实发 / (实发 + 停机时段应发)；停机：连续 30 分钟低于额定 1 % 而应发高于 5 %",
            en="actual / (actual + expected while standing still: under 1 % of the rating for half an hour, over 5 % expected)",
        ),
        _IEC,
    ),
    Definition(
        Text(zh="应发 P10、P90", en="expected P10, P90"),
        Text(
            zh="由不确定度预算得出；校准后有 30 个正常日时，取方阵自身日能效指数的 10 % 与 90 % 分位（只用此前的日子）",
            en="from an uncertainty budget; once calibrated and with 30 clean days, the 10 % and 90 % quantiles of the array's own daily index, of earlier days only",
        ),
        Text(zh="本系统", en="this system"),
    ),
    Definition(
        Text(zh="购电碳排放", en="carbon of grid import"),
        Text(zh="I × 排放因子；上网电量不抵扣", en="I × emission factor; export is not offset"),
        Text(zh="《温室气体核算体系》范围二，基于位置", en="GHG Protocol scope 2, location-based"),
    ),
    Definition(
        Text(zh="计划净余额", en="planned net balance"),
        Text(
            zh="常年天气下的光伏减去各用电点按日历与气温的基线；依据不足时为此前 28 天内同类日（至少 3 天）均值；事前冻结",
            en="PV under normal weather less every load's baseline by calendar and temperature; with too little of either, the mean of like days (at least 3) of the 28 days before; frozen in advance",
        ),
        Text(zh="本系统", en="this system"),
    ),
    Definition(
        Text(zh="数据完整率", en="coverage"),
        Text(zh="已过时段中实测所占份额", en="measured share of the elapsed period"),
        Text(zh="本系统", en="this system"),
    ),
)


def method(source: Source, arrays: tuple[ArrayLine, ...]) -> Method:
    """List definitions and the notes that hold for this month."""
    return Method(DEFINITIONS, (*_general_notes(), *_model_notes(arrays), *_target_notes(source)))


def _general_notes() -> tuple[Text, ...]:
    return (
        Text(
            zh=f"缺失的数值以 – 表示，从不记为 0。完整率低于 {100 * MIN_COVERAGE:.0f} % 时不作判断。",
            en=f"A missing value is written –, never 0. Below a coverage of {100 * MIN_COVERAGE:.0f} % nothing is judged.",
        ),
        Text(
            zh="数据中断期间电表读数之差为实测总量，其按时间的分布为估计；估计时段不用于能效指数。",
            en="Energy over a gap is measured in total by the register; its spread over time is estimated, and estimated slots stay out of the energy performance index.",
        ),
    )


_TOLD = {rung.reason.value for rung in RUNGS} | {Reason.UNCALIBRATED.value}  # beside the arrays, with their shares


def _model_notes(arrays: tuple[ArrayLine, ...]) -> tuple[Text, ...]:
    notes = []
    for array in arrays:
        words = [RUNG_WORDS[r] for r in array.rungs if r not in _TOLD]
        if words:
            zh, en = "；".join(w.zh for w in words), "; ".join(w.en for w in words)
            notes.append(Text(zh=f"{array.name.zh}的应发电量：{zh}。", en=f"Expectation of {array.name.en}: {en}."))
    return tuple(notes)


def _target_notes(source: Source) -> tuple[Text, ...]:
    notes = []
    for name, words in (
        ("self_sufficiency", Text(zh="自给率", en="self-sufficiency")),
        ("net_zero_ratio", Text(zh="净零率", en="net-zero ratio")),
    ):
        target = target_for(source.park, name, source.start)
        if target is not None:
            tail = f" ({target.source})" if target.source else ""
            notes.append(
                Text(
                    zh=f"{words.zh}目标：≥ {100 * target.green:.0f} % 达标，≥ {100 * target.yellow:.0f} % 接近{tail}。",
                    en=f"Target of {words.en}: {100 * target.green:.0f} % and above on target, {100 * target.yellow:.0f} % and above close{tail}.",
                )
            )
    return tuple(notes)
