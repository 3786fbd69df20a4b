"""Why a message is no reading, in words, and what a person can do about it."""

from __future__ import annotations

from dataclasses import dataclass

from core.text import Text


@dataclass(frozen=True)
class ReasonWords:
    """One reason code of the quarantine."""

    what: Text
    advice: Text


def _words(zh: str, en: str, zh_advice: str, en_advice: str) -> ReasonWords:
    return ReasonWords(Text(zh=zh, en=en), Text(zh=zh_advice, en=en_advice))


_CHECK_DEVICE = ("检查设备固件和设置", "Check the device's firmware and settings")
_CHECK_TEMPLATE = (
    "用 parkwatt decode 对照设备模板检查报文；修正模板后执行 quarantine replay",
    "Hold the payload against the device's template with `parkwatt decode`; mend the template, then replay",
)
_REBIRTH = (
    "已请求节点重新发布出生报文；收到后执行 quarantine replay",
    "The edge node was asked for a rebirth; replay once it came",
)
_MEND_FILE = ("修正文件后重新导入", "Mend the file and import it again")

QUARANTINE_REASONS: dict[str, ReasonWords] = {
    "unknown_device": _words(
        "PARK.yaml 中没有这个设备",
        "PARK.yaml has no such device",
        "若是本园区的表计：用 parkwatt discover 查看，写入 PARK.yaml 后执行 quarantine replay；否则可忽略",
        "If it is a meter of this park: see `parkwatt discover`, add it to PARK.yaml, then replay. If not, leave it",
    ),
    "unknown_topic": _words(
        "没有设备模板使用此主题",
        "no device of this park publishes on this topic",
        "检查 mqtt.topics 和设备的主题设置；用 parkwatt discover 查看适用的模板",
        "Check mqtt.topics and the device's topic; `parkwatt discover` shows which template fits",
    ),
    "empty": _words("报文为空", "the payload is empty", *_CHECK_DEVICE),
    "too_large": _words("报文过大，未读取", "the payload is too large to be read", *_CHECK_DEVICE),
    "not_json": _words("报文不是有效的 JSON", "the payload is not JSON", *_CHECK_DEVICE),
    "not_line_protocol": _words("报文的一行不是有效的行协议", "a line is not InfluxDB line protocol", *_CHECK_DEVICE),
    "not_protobuf": _words("报文不是有效的 Sparkplug B", "the payload is not Sparkplug B", *_CHECK_DEVICE),
    "no_birth": _words(
        "收到数据前没有收到出生报文，别名含义未知", "data came before their birth certificate", *_REBIRTH
    ),
    "sequence_gap": _words("之前的报文缺失，别名含义不可靠", "a telegram before it was missed", *_REBIRTH),
    "unknown_alias": _words("出生报文中没有此别名", "the birth certificate lacks an alias", *_CHECK_DEVICE),
    "bad_device": _words("报文中的设备编号无效", "a telegram does not say which device it is of", *_CHECK_TEMPLATE),
    "wrong_shape": _words(
        "报文结构与模板不符", "the payload is built otherwise than the template says", *_CHECK_TEMPLATE
    ),
    "no_readings": _words("报文中没有模板认识的量", "the payload holds nothing the template knows", *_CHECK_TEMPLATE),
    "no_time_in_list": _words(
        "列表中的对象缺少各自的时间", "an object of a list lacks a time of its own", *_CHECK_DEVICE
    ),
    "bad_time": _words(
        "时间无法识别",
        "the time means nothing",
        "给设备校时，时间应带时区偏移",
        "Set the device's clock; a time needs its offset from UTC",
    ),
    "implausible_time": _words("时间不可能", "the time cannot be", *_MEND_FILE),
    "bad_channel": _words(
        "通道名无效",
        "the name of a channel is none",
        "通道名用 1 至 16 个小写字母、数字、- 或 _",
        "Name channels with 1 to 16 small letters, digits, - or _",
    ),
    "non_finite": _words("数值为无穷大或 NaN", "a value is infinite or NaN", *_CHECK_DEVICE),
    "wrong_type": _words("数值不是数字", "a value is no number", *_CHECK_TEMPLATE),
    "rejected": _words(
        "存储拒绝此数据",
        "the store refuses the reading",
        "查看详情；处理后执行 quarantine replay",
        "See the detail; replay once its cause is gone",
    ),
    "decoder_fault": _words(
        "程序解码出错",
        "the program failed on it",
        "请将此报文报告给开发者；更新程序后执行 quarantine replay",
        "Report it with this payload; replay after an update",
    ),
    "archived": _words(
        "该时间所在月份已归档并从存储中移除",
        "its month was archived and left the store",
        "先导入该月的归档文件，再执行 quarantine replay（文件中的行则重新导入）",
        "Import the archived file of that month, then replay; a row of a file, import again",
    ),
    "bad_value": _words("单元格不是有限数字", "a cell holds no finite number", *_MEND_FILE),
    "unnamed": _words("该行缺少设备或量", "a row has no device or no quantity", *_MEND_FILE),
    "broken_line": _words("该行无法解析", "a line cannot be parsed", *_MEND_FILE),
}

_UNKNOWN = _words("未知原因", "no words for this reason", "查看详情", "See the detail")


def quarantine_reason(code: str) -> ReasonWords:
    """Return what a reason code means."""
    return QUARANTINE_REASONS.get(code, _UNKNOWN)


CALIBRATION_REFUSALS: dict[str, ReasonWords] = {
    "too_early": _words(
        "运行不足八周", "less than eight weeks of data", "无需处理，之后会自动校准", "Nothing to do: it comes by itself"
    ),
    "too_few_clean_days": _words(
        "晴好、实测且无故障的日子太少",
        "too few days were bright, measured on the site and without fault",
        "检查辐照仪和电表的数据完整率",
        "Look at the coverage of the irradiance sensor and the meter",
    ),
    "unsettled": _words(
        "能效指数有两个水平，无法判断哪个正常",
        "the index has two levels and nobody can tell which is right",
        "检查方阵是否失电、辐照仪是否脏污",
        "See whether the array lost strings or the irradiance sensor is dirty",
    ),
    "implausible_factor": _words(
        "实发与标称相差过大",
        "what it makes is too far from its nameplate",
        "核对 PARK.yaml 的 dc_kwp、电表倍率和辐照仪",
        "Check dc_kwp in PARK.yaml, the ratio of the meter and the irradiance sensor",
    ),
    "shared_meter": _words(
        "电表还计量其他方阵",
        "its meter counts another array too",
        "为该方阵单独装表后可校准",
        "Give the array a meter of its own",
    ),
}
