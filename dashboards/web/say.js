// Words of the page itself. Names, sentences and numbers come ready from the service.

const WORDS = {
  zh: {
    skip: "跳到内容",
    nav: "视图",
    views: { overview: "总览", energy: "能源", why: "差额原因", pv: "光伏", buildings: "建筑", carbon: "碳排放", alerts: "告警", data: "数据质量", reports: "月报", corrections: "更正" },
    more: "更多",
    range: "时段",
    presets: { today: "今天", yesterday: "昨天", "7d": "近 7 天", month: "本月", lastmonth: "上月", year: "今年", "12m": "近 12 个月" },
    first: "第一天",
    last: "最后一天",
    earlier: "前一时段",
    later: "后一时段",
    wider: "放宽时段",
    swapped: (from, to) => `最后一天早于第一天，已调换：显示 ${from} 至 ${to}。`,
    compare: "对比",
    compareNone: "不对比",
    compareWith: { week: "上周", month: "上月", year: "去年" },
    comparedWith: (text) => `对比：${text}（浅色）`,
    filterAll: { array: "全部阵列", building: "全部用电点" },
    figures: "关键数字",
    noData: "此时段没有数据。",
    asTable: "数值表",
    period: { slot: "时刻", hour: "时刻", day: "日期", month: "月份" },
    showAll: (n) => `另有 ${n} 项，全部显示`,
    sameScale: (top) => `同一刻度，顶端 ${top}`,
    details: "详情",
    ownPeak: "各自峰值",
    earlierValue: "对比期",
    plotHelp: "按左右方向键读数，按住 Shift 选择，回车放大。",
    carpetLimit: "热力图最多显示 366 天，请缩短时段。",
    nothingHappened: "此时段没有告警。",
    alertColumns: ["开始", "结束", "级别", "对象", "告警", "电量"],
    stillOpen: "未恢复",
    failedView: "服务没有回应，下面可能不是最新数据。",
    noView: "此视图未能载入。",
    noAnswer: "服务没有给出此时段的数据。",
    reload: "重试",
    keys: "键盘快捷键",
    close: "关闭",
    keyList: [["1 … 9", "切换视图"], ["t", "今天"], ["m", "本月"], ["y", "今年"], ["[ ]", "前一 / 后一时段"], ["-", "放宽时段"], ["c", "切换对比"], ["w", "大屏轮播，Esc 退出"], ["← →", "图上读数；Shift 选择，Enter 放大"], ["?", "本列表"]],
    wall: "大屏轮播",
    leftOut: (n) => `另有 ${n} 条`,
    theme: { auto: "外观：跟随系统", light: "外观：浅色", dark: "外观：深色" },
    language: "语言",
    measured: "实测",
    estimated: "估算",
    missing: "缺测",
    expected: "应发",
    actual: "实发",
    usual: "平时",
    today: "今天",
    plan: "计划",
    balance: "净余额",
    generation: "发电",
    consumption: "用电",
    trend: { up: "上升", down: "下降", flat: "持平" },
    power: "此刻功率",
    powerNote: "宽度表示功率",
    powerFromSlots: "电表未上报功率，此处为最近一个 15 分钟的平均功率",
    from: "来自",
    to: "去向",
    importing: "购电",
    exporting: "上网",
    idle: "无功率交换",
    charging: "充电",
    discharging: "放电",
    without: (names) => `未计入：${names}`,
    stoppedAt: (when) => `停在 ${when}`,
    now: "现在",
    gap: "少发部分",
    wholeDay: "显示全天",
    alertMark: "告警",
    eventMark: "数据事件",
    alerts: "需要处理",
    alertsNote: "未恢复的告警，最新的在前",
    someAlerts: (shown, all) => `未恢复的告警共 ${all} 条，此处为最要紧的 ${shown} 条，最新的在前`,
    noAlerts: "没有未恢复的告警。",
    since: "始于",
    advice: "建议",
    noArrays: "PARK.yaml 中没有光伏阵列。",
    noBuildings: "PARK.yaml 中没有用电分表。",
    meter: "电表",
    mean: "平均",
    noService: "未投用",
    events: "本月数据事件",
    noEvents: "本月没有换表、清零或中断。",
    allDays: "逐日数值",
    day: "日期",
    total: "本月至今",
    partial: "进行中",
    netting: "自给率因轧差时段而异",
    reports: "净零月报",
    collector: "采集",
    connected: "已连接",
    disconnected: "未连接",
    received: (n) => `已接收 ${n} 条`,
    quarantined: (n) => `无法识别 ${n} 条`,
    checks: { duplicate: "重复读数", conflict: "冲突读数", out_of_order: "乱序读数", over_rating: "功率超限读数", stale_time: "时钟滞后读数",
      broker_dropped: "代理丢弃的消息", forgotten: "代理丢失会话次数", pauses: "因存储过慢暂停接收次数", renewed: "因长时间无消息重连次数", restarts: "接收线程重启次数" },
    digest: "配置",
    silent: (when) => `数据停在 ${when}，此后没有收到新数据。`,
    gone: (when) => (when ? `服务没有回应，页面停在 ${when}。每 15 秒重试一次。` : "服务没有回应。每 15 秒重试一次。"),
    unplugged: "采集程序未连上 MQTT 代理，新数据暂时进不来。",
    emptyTitle: "还没有数据",
    emptyText: "园区配置已载入，电表数据一到，这里每 15 秒自动更新。还没到？按顺序看：",
    emptySteps: [
      ["配置是否正确", "parkwatt check PARK.yaml"],
      ["电表是否在向代理发送", "mosquitto_sub -h 127.0.0.1 -t '#' -v"],
      ["一条消息会被读成什么", "parkwatt decode json --topic T --payload FILE"],
      ["补录历史数据", "parkwatt import PARK.yaml FILE.csv"],
    ],
    share: (text) => `实测 ${text}`,
    peak: "最高",
    corrections: "历史更正",
    correctionsNote: "原始读数不变；更正另行记录，可撤销，相关数值随之重算",
    noCorrections: "没有更正。",
    moreCorrections: (n) => `另有 ${n} 条较早的更正。`,
    correct: "新增更正…",
    undo: "撤销",
    save: "记录并重算",
    cancel: "取消",
    computing: "正在记录并重算…",
    notHere: "只有在运行本服务的机器上打开的页面可以更正；其他地方请用命令 parkwatt correct。",
    notSaved: "服务没有回应，无法确认是否已记录；请看列表后再试。",
    endNote: "不含此刻",
    fields: { kind: "更正内容", point: "计量点", start: "开始", end: "结束", factor: "乘以", total_kwh: "总电量（kWh）", shape: "分摊", seconds: "移动（秒，正值为向后）", last_kwh: "旧表止码（kWh，可空）", first_kwh: "新表起码（kWh，可空）", author: "更正人", reason: "理由" },
    shapes: { even: "均匀", own: "按自身曲线" },
  },
  en: {
    skip: "Skip to the content",
    nav: "Views",
    views: { overview: "Overview", energy: "Energy", why: "Why", pv: "PV", buildings: "Buildings", carbon: "Carbon", alerts: "Alerts", data: "Data", reports: "Reports", corrections: "Corrections" },
    more: "More",
    range: "Range",
    presets: { today: "Today", yesterday: "Yesterday", "7d": "7 days", month: "This month", lastmonth: "Last month", year: "This year", "12m": "12 months" },
    first: "First day",
    last: "Last day",
    earlier: "The range before",
    later: "The range after",
    wider: "Wider range",
    swapped: (from, to) => `The last day was before the first: they are swapped, and ${from} to ${to} is shown.`,
    compare: "Compare",
    compareNone: "with nothing",
    compareWith: { week: "last week", month: "last month", year: "last year" },
    comparedWith: (text) => `Compared with ${text}, drawn paler`,
    filterAll: { array: "All arrays", building: "All buildings" },
    figures: "Key figures",
    noData: "No data in this range.",
    asTable: "As a table",
    period: { slot: "Time", hour: "Time", day: "Day", month: "Month" },
    showAll: (n) => `${n} more: show all`,
    sameScale: (top) => `one scale, top ${top}`,
    details: "Details",
    ownPeak: "its own peak",
    earlierValue: "before",
    plotHelp: "Left and right arrow read values, Shift selects, Enter zooms.",
    carpetLimit: "A heat map holds at most 366 days: choose a shorter range.",
    nothingHappened: "No alerts in this range.",
    alertColumns: ["Since", "Until", "Severity", "Where", "What", "Energy"],
    stillOpen: "open",
    failedView: "The service does not answer; what is shown may be out of date.",
    noView: "This view could not be loaded.",
    noAnswer: "The service has no answer for this range.",
    reload: "Try again",
    keys: "Keyboard shortcuts",
    close: "Close",
    keyList: [["1 … 9", "Go to a view"], ["t", "Today"], ["m", "This month"], ["y", "This year"], ["[ ]", "The range before / after"], ["-", "Wider range"], ["c", "Next comparison"], ["w", "Wall screen, Esc ends it"], ["← →", "Read values; Shift selects, Enter zooms"], ["?", "This list"]],
    wall: "Wall screen",
    leftOut: (n) => `and ${n} more`,
    theme: { auto: "Theme: system", light: "Theme: light", dark: "Theme: dark" },
    language: "Language",
    measured: "measured",
    estimated: "estimated",
    missing: "missing",
    expected: "expected",
    actual: "actual",
    usual: "usual",
    today: "today",
    plan: "plan",
    balance: "net balance",
    generation: "generation",
    consumption: "consumption",
    trend: { up: "up", down: "down", flat: "unchanged" },
    power: "Power now",
    powerNote: "Widths are kW",
    powerFromSlots: "No meter reports power: this is the mean of the last 15 minutes",
    from: "From",
    to: "To",
    importing: "import",
    exporting: "export",
    idle: "no exchange",
    charging: "charging",
    discharging: "discharging",
    without: (names) => `without ${names}`,
    stoppedAt: (when) => `stopped ${when}`,
    now: "now",
    gap: "shortfall",
    wholeDay: "Whole day",
    alertMark: "alert",
    eventMark: "data event",
    alerts: "What needs a person",
    alertsNote: "Open alerts, newest first",
    someAlerts: (shown, all) => `The ${shown} most urgent of ${all} open alerts, newest first`,
    noAlerts: "No open alerts.",
    since: "since",
    advice: "Do",
    noArrays: "PARK.yaml names no PV arrays.",
    noBuildings: "PARK.yaml names no load meters.",
    meter: "Meter",
    mean: "mean",
    noService: "not in service",
    events: "Data events this month",
    noEvents: "No meter was replaced, reset or silent this month.",
    allDays: "Day by day",
    day: "Day",
    total: "Month to date",
    partial: "so far",
    netting: "Self-sufficiency depends on the netting window",
    reports: "Net-zero report",
    collector: "Collector",
    connected: "connected",
    disconnected: "not connected",
    received: (n) => `${n} received`,
    quarantined: (n) => `${n} not understood`,
    checks: { duplicate: "readings sent twice", conflict: "contradictory readings", out_of_order: "readings out of order", over_rating: "readings beyond the rating", stale_time: "readings by a late clock",
      broker_dropped: "messages the broker dropped", forgotten: "sessions the broker forgot", pauses: "pauses for a slow store", renewed: "reconnects after silence", restarts: "receiver restarts" },
    digest: "Configuration",
    silent: (when) => `Data stopped at ${when}; nothing new has come in since.`,
    gone: (when) => (when ? `The service does not answer; the page stopped at ${when}. Trying again every 15 s.` : "The service does not answer. Trying again every 15 s."),
    unplugged: "The collector is not connected to the MQTT broker; no new data come in.",
    emptyTitle: "No data yet",
    emptyText: "The park's configuration is loaded; this page updates every 15 s once meters report. Nothing coming? In this order:",
    emptySteps: [
      ["Is the configuration right?", "parkwatt check PARK.yaml"],
      ["Do the meters publish to the broker?", "mosquitto_sub -h 127.0.0.1 -t '#' -v"],
      ["What would a message become?", "parkwatt decode json --topic T --payload FILE"],
      ["Bring in what was measured before", "parkwatt import PARK.yaml FILE.csv"],
    ],
    share: (text) => `${text} measured`,
    peak: "peak",
    corrections: "Corrections",
    correctionsNote: "Readings stay as they are; a correction is recorded beside them, can be undone, and figures follow",
    noCorrections: "Nothing was corrected.",
    moreCorrections: (n) => `${n} earlier corrections.`,
    correct: "Correct…",
    undo: "Undo",
    save: "Record and recompute",
    cancel: "Cancel",
    computing: "Recording and recomputing…",
    notHere: "Only a page opened on the service's own machine may correct; elsewhere use the command parkwatt correct.",
    notSaved: "The service did not answer, so this may or may not be recorded; look at the list before trying again.",
    endNote: "not included",
    fields: { kind: "What", point: "Point", start: "From", end: "To", factor: "Multiply by", total_kwh: "Total (kWh)", shape: "Spread", seconds: "Move by (seconds, later is positive)", last_kwh: "Old display's last count (kWh, optional)", first_kwh: "New display's first count (kWh, optional)", author: "Your name", reason: "Reason" },
    shapes: { even: "evenly", own: "in its own shape" },
  },
};

let language = "zh";

/** Choose the language of every later word. */
export function speak(code) {
  language = code in WORDS ? code : "zh";
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
}

/** Return the language in use. */
export function spoken() {
  return language;
}

/** Return one of the page's own words. */
export function say(name) {
  return WORDS[language][name];
}

/** Write a share as a percentage, rounded down: only what is whole is called 100 %. Missing is a dash. */
export function percent(share, digits = 0) {
  if (share === null || share === undefined) return "–";
  const scale = 10 ** digits;
  const shown = Math.floor(100 * share * scale + 1e-6) / scale;
  return `${shown >= 100 ? shown : shown.toFixed(digits)} %`;
}

const MWH_FROM = 10_000;
const FINEST = { kWh: 2, kW: 2, kgCO2: 2 }; // places, where three figures would be finer

/** Write a value with its unit, three significant figures; missing is a dash. */
export function amount(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "1") return `${significant(100 * value)} %`;
  if (unit === "kWh" && Math.abs(value) >= MWH_FROM) return `${significant(value / 1000)} MWh`;
  if (unit === "kgCO2") return Math.abs(value) >= MWH_FROM ? `${significant(value / 1000)} t CO₂` : `${significant(value, FINEST[unit])} kg CO₂`;
  if (unit === "kW" && Math.abs(value) < 0.05) return "0 kW";
  return `${significant(value, FINEST[unit])} ${unit === "count" || unit === "level" ? "" : unit}`.trim();
}

/** Write a value as a table has it: all figures there are, without its unit. */
export function exact(value, unit) {
  if (value === null || value === undefined) return "–";
  return minus(unit === "1" ? (100 * value).toFixed(1) : value.toLocaleString("en", { maximumFractionDigits: 3 }));
}

function significant(value, most = 3) {
  const digits = value === 0 ? 0 : Math.max(0, Math.min(most, 2 - Math.floor(Math.log10(Math.abs(value)))));
  if (Math.abs(value) < 0.5 / 10 ** digits) return "0";
  return minus(value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
}

/** A number with a real minus sign, and none before what rounds to zero. */
export function minus(text) {
  return /[1-9]/.test(text) ? text.replace("-", "−") : text.replace("-", "");
}
