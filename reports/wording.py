"""Every fixed word of the report, in both languages."""

from __future__ import annotations

from core.text import Language, Text


def _t(zh: str, en: str) -> Text:
    return Text(zh=zh, en=en)


WORDS: dict[str, Text] = {
    "report": _t("月度净零报告", "Monthly net-zero report"),
    "page": _t("第 {page} 页，共 {total} 页", "page {page} of {total}"),
    "to_date": _t("本月尚未结束：所有数字截至 {as_of}", "The month is still running: every figure reaches to {as_of}"),
    "empty": _t("本月没有任何数据。", "There are no data at all for this month."),
    "generated": _t("生成于 {at}", "generated {at}"),
    "times": _t("时间为 {zone}", "times in {zone}"),
    # headline
    "self_sufficiency": _t("自给率（表计）", "Self-sufficiency (metered)"),
    "net_balance": _t("净余额", "Net balance"),
    "pv_index": _t("光伏实发 / 应发", "PV actual / expected"),
    "carbon": _t("购电碳排放", "Carbon of grid import"),
    "alerts": _t("告警（未结 / 总数）", "Alerts (open / total)"),
    "plan_all": _t("计划 {plan}", "plan {plan}"),
    "plan_some": _t("计划仅 {days}/{all} 天", "plan: {days} of {all} days"),
    "plan_none": _t("无计划值", "no plan"),
    "coverage_of": _t("完整率 {share}", "coverage {share}"),
    "expected_of": _t("应发 {energy}", "expected {energy}"),
    "no_target": _t("未设目标", "no target set"),
    "location_based": _t("基于位置", "location-based"),
    "at_end": _t("截至期末", "at the end of the period"),
    "assurance": _t("数据可信度", "How sure this is"),
    "data_coverage": _t("数据完整率（实测份额）", "Data coverage (measured share)"),
    "estimated_share": _t("估计份额", "Estimated share"),
    "stands": _t("结论是否成立", "Does the verdict stand"),
    "stands_yes": _t("成立：完整率不低于 {least}", "yes: coverage is at least {least}"),
    "stands_no": _t(
        "不成立：完整率低于 {least}，或净余额未知", "no: coverage is below {least}, or the balance is unknown"
    ),
    "provenance": _t("出处", "Where this comes from"),
    "period": _t("统计期", "Period"),
    "zone": _t("时区", "Time zone"),
    "generated_at": _t("生成时间", "Generated"),
    "version": _t("软件版本", "Software"),
    "configuration": _t("配置摘要 (SHA-256)", "Configuration (SHA-256)"),
    "governing": _t("期内生效配置", "Configurations in force"),
    "no_configuration": _t("月末之前未归档任何配置", "none was archived before the end of the month"),
    "digest": _t("报告摘要 (SHA-256)", "Report digest (SHA-256)"),
    "glance": _t("本月逐日净余额", "Net balance, day by day"),
    # energy
    "energy": _t("能量", "Energy"),
    "balance": _t("电量平衡", "Energy balance"),
    "supply": _t("来源", "Supply"),
    "use": _t("去向", "Use"),
    "supply_total": _t("来源合计", "total supply"),
    "use_total": _t("去向合计", "total use"),
    "check": _t("校核：来源 − 去向", "check: supply − use"),
    "consumers": _t("用电构成", "Who used it"),
    "consumers_total": _t("园区用电", "consumption of the park"),
    "consumers_check": _t("校核：用电 − 各项之和", "check: consumption − sum of parts"),
    "days_check": _t("校核：月净余额 − 各日之和", "check: month − sum of days"),
    "share": _t("占比", "Share"),
    "item": _t("项目", "Item"),
    "netting": _t("自给率与轧差窗口", "Self-sufficiency by netting window"),
    "netting_note": _t(
        "轧差窗口越长，数值越高；表计值为准，其余仅供比较。",
        "The longer the netting window, the higher the figure; the metered one counts, the others are for comparison.",
    ),
    "daily": _t("逐日电量", "Day by day"),
    "why": _t("为什么与计划不同", "Why it differs from plan"),
    "why_note": _t(
        "每一步是一个原因使净余额增减的电量（各种替换顺序的平均，即 Shapley 值）；原因不明由实测与模型单独算出，不是余数。",
        "Each step is what one cause did to the net balance (the mean over all orders of substitution, the Shapley value); "
        "what is unexplained is computed from measurement and model, not as a remainder.",
    ),
    "daily_chart": _t("逐日发电、应发与用电", "Generation, expectation and consumption by day"),
    "daily_note": _t(
        "打印值保留一位小数；精确值见 XLSX 与 JSON。* 当日含估计值；… 当日未结束。",
        "Printed to one decimal; exact values are in the XLSX and JSON. * partly estimated; … day not over.",
    ),
    "day": _t("日期", "Day"),
    "generation": _t("发电", "Generation"),
    "import": _t("购电", "Import"),
    "export": _t("上网", "Export"),
    "charge": _t("充电", "Charge"),
    "discharge": _t("放电", "Discharge"),
    "load": _t("用电", "Consumption"),
    "load_short": _t("用电", "Load"),
    "balance_short": _t("净余额", "Balance"),
    "plan": _t("计划", "Plan"),
    "ssr": _t("自给率", "Self-suff."),
    "epi": _t("EPI", "EPI"),
    "coverage": _t("完整率", "Coverage"),
    "sum_of_days": _t("各日之和", "sum of days"),
    "surplus": _t("盈余", "surplus"),
    "deficit": _t("缺口", "shortfall"),
    "expected": _t("应发", "Expected"),
    "missing": _t("无数据", "no data"),
    # pv
    "pv": _t("光伏", "PV"),
    "arrays": _t("各方阵：应发与实发", "Expected against actual, per array"),
    "array": _t("方阵", "Array"),
    "actual": _t("实发", "Actual"),
    "difference": _t("差额", "Difference"),
    "pr": _t("PR", "PR"),
    "irradiation": _t("辐照量", "Irradiation"),
    "findings": _t("发现的问题", "Findings"),
    "no_findings": _t("本月没有光伏告警。", "No PV alerts this month."),
    "heat": _t("本月光伏功率（日 × 时刻）", "PV power of the month, day by time of day"),
    "local_hour": _t("横轴：当地时刻；纵轴：日", "across: local hour; down: day of the month"),
    # carbon and cost
    "carbon_cost": _t("碳与费用", "Carbon and cost"),
    "scope2": _t("范围二排放（购电）", "Scope 2 emissions (grid import)"),
    "factor": _t("因子", "Factor"),
    "factor_source": _t("来源", "Source"),
    "days": _t("因子与适用日期", "Factor and days"),
    "imported": _t("购电量", "Import"),
    "emissions": _t("排放", "Emissions"),
    "views": _t("其他核算口径（仅供比较，不计入本报告）", "Other accounting views (for comparison, not used here)"),
    "view": _t("口径", "View"),
    "carbon_check": _t("校核：存储值 − 购电 × 因子", "check: stored − import × factor"),
    "official": _t("官方原文", "read in the notice"),
    "secondary": _t("转引", "quoted by a secondary source"),
    "cost": _t("电费", "Cost of energy"),
    "import_cost": _t("购电费用", "import"),
    "export_income": _t("上网收入", "export income"),
    "net_cost": _t("净费用", "net cost"),
    "tariff_source": _t("电价依据", "Tariff source"),
    "no_tariff": _t("未配置电价。", "No tariff is configured."),
    "amount": _t("金额", "Amount"),
    # alerts
    "alert_list": _t("告警", "Alerts"),
    "no_alerts": _t("本月没有告警。", "No alerts this month."),
    "from_until": _t("起止", "From, until"),
    "since": _t("起", "From"),
    "until": _t("止", "Until"),
    "duration": _t("本月内时长", "In month"),
    "what": _t("内容", "What"),
    "where": _t("对象", "Where"),
    "severity": _t("级别", "Severity"),
    "lost": _t("损失电量", "Lost"),
    "worth": _t("金额", "Money"),
    "open": _t("未结", "open"),
    "info": _t("提示", "info"),
    "warning": _t("警告", "warning"),
    "critical": _t("严重", "critical"),
    # quality
    "quality": _t("数据质量", "Data quality"),
    "calendar": _t("完整率日历", "Coverage calendar"),
    "calendar_note": _t(
        "格内为当日实测份额（%），空白表示 99.5 % 以上；斜线为无数据。",
        "Cells show the day's measured share in %; blank means 99.5 % and above; hatched means nothing is stored.",
    ),
    "meters": _t("计量点与设备", "Points and their devices"),
    "meter": _t("计量点", "Point"),
    "role": _t("类型", "Role"),
    "devices": _t("设备（编号 · 序列号 · 准确度 · 校准日）", "Device (id · serial · class · calibrated)"),
    "thin_days": _t("低于 90 % 的整日数", "Days below 90 %"),
    "events": _t("数据事件", "Events"),
    "no_events": _t("本月没有数据事件。", "No data events this month."),
    "corrections": _t("人工更正（原始读数不变，可撤销）", "Corrections (readings are untouched; each can be undone)"),
    "more": _t("另有 {count} 条，见 XLSX 与 JSON。", "{count} more in the XLSX and JSON."),
    "replaced_values": _t(
        "因迟到数据或更正，本月有 {count} 个日、月数值后来被重新计算。",
        "{count} daily and monthly values of this month were recalculated later, after late data or corrections.",
    ),
    "grid": _t("并网", "grid"),
    "storage": _t("储能", "storage"),
    "weather": _t("气象", "weather"),
    # method
    "method": _t("方法", "Method"),
    "definitions": _t("定义", "Definitions"),
    "term": _t("术语", "Term"),
    "formula": _t("公式", "Formula"),
    "basis": _t("依据", "Basis"),
    "notes": _t("说明", "Notes"),
}
ROLE_WORDS = {"grid": "grid", "pv": "pv", "load": "load", "storage": "storage", "weather": "weather"}


def word(key: str, language: Language, **parts: str) -> str:
    """Return fixed words with their blanks filled in; the parts are taken as they are."""
    text = WORDS[key].say(language)
    for name, part in parts.items():
        text = text.replace("{" + name + "}", part)
    return text
