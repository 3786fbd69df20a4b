"""Words for corrections, made late: what is said of which meter and stretch, by whom and why."""

from __future__ import annotations

from core.corrections import Correction, Entry, Kind
from core.park import Park
from core.quantities import quantity
from core.text import Language, Text, local_time, signed

KIND_NAMES: dict[Kind, Text] = {
    Kind.RATIO: Text(zh="更正互感器变比", en="correct the CT/PT ratio"),
    Kind.EXCLUDE: Text(zh="剔除读数", en="leave out readings"),
    Kind.SET: Text(zh="设定电量", en="set the energy"),
    Kind.REPLACE: Text(zh="声明换表", en="declare a replaced meter"),
    Kind.SHIFT: Text(zh="校正设备时钟", en="put the device's clock right"),
    Kind.ESTIMATE: Text(zh="总量不变、均匀分摊", en="keep the total, spread it evenly"),
}
_WHAT: dict[Kind, Text] = {
    Kind.RATIO: Text(zh="读数所计电量与功率乘以 {factor}", en="counted energy and power multiplied by {factor}"),
    Kind.EXCLUDE: Text(zh="读数不予采用{quantity}", en="readings not used{quantity}"),
    Kind.SET: Text(zh="电量设为 {total} kWh{quantity}{shape}", en="energy set to {total} kWh{quantity}{shape}"),
    Kind.REPLACE: Text(zh="已更换电表{displays}", en="meter replaced{displays}"),
    Kind.SHIFT: Text(zh="读数时间移动 {seconds} 秒", en="readings moved by {seconds} s"),
    Kind.ESTIMATE: Text(zh="总量不变，均匀分摊{quantity}", en="total kept, spread evenly{quantity}"),
}
_BY = Text(zh="{author}，{at}；理由：{reason}", en="{author}, {at}; reason: {reason}")
_UNDONE = Text(zh="已撤销：{author}，{at}；理由：{reason}", en="undone by {author}, {at}; reason: {reason}")


def what_words(correction: Correction, park: Park, language: Language) -> str:
    """Write what a correction says: who, what, when."""
    zh = language is Language.ZH
    names = {p.id: p.name.say(language) for p in park.points}
    who = (
        names.get(correction.point or "", correction.point or "")
        or f"{'设备 ' if zh else 'device '}{correction.device}"
    )
    start, end = (local_time(t, park.zone) for t in (correction.start, correction.end or correction.start))
    when = start if start == end else f"{start} – {end}"
    parts = {
        "factor": _number(correction.factor),
        "total": _number(correction.total_kwh),
        "seconds": _number(correction.seconds),
        "quantity": _quantity(correction, language),
        "shape": {None: "", "even": "", "own": "，按自身曲线" if zh else ", in its own shape"}[correction.shape],
        "displays": _displays(correction, language),
    }
    words = _WHAT[correction.kind].say(language)
    for name, part in parts.items():
        words = words.replace("{" + name + "}", part)
    return f"{who}{'：' if zh else ': '}{words} ({when})"


def by_words(entry: Entry, park: Park, language: Language) -> str:
    """Write who made a correction, when and why."""
    given = entry.correction
    return _signed(_BY, given.author, local_time(entry.at, park.zone), given.reason, language)


def undone_words(entry: Entry, park: Park, language: Language) -> str:
    """Write who undid it, when and why; nothing where it is in force."""
    undone = entry.undone
    if undone is None:
        return ""
    return _signed(_UNDONE, undone.author, local_time(undone.at, park.zone), undone.reason, language)


def _signed(words: Text, author: str, at: str, reason: str, language: Language) -> str:
    before, _, after = words.say(language).partition("{reason}")
    return before.replace("{at}", at).replace("{author}", author) + reason + after


def _number(value: float | None) -> str:
    return "" if value is None else signed(f"{value:,.10g}")


def _quantity(correction: Correction, language: Language) -> str:
    if correction.quantity is None:
        return ""
    row = quantity(correction.quantity)
    return f"（{row.zh}）" if language is Language.ZH else f" ({row.en})"


def _displays(correction: Correction, language: Language) -> str:
    last, first = _number(correction.last_kwh), _number(correction.first_kwh)
    zh = language is Language.ZH
    shown = [f"旧表止码 {last} kWh" if zh else f"old display {last} kWh"] if last else []
    shown += [f"新表起码 {first} kWh" if zh else f"new display {first} kWh"] if first else []
    return (("，" if zh else ", ") + ("，" if zh else ", ").join(shown)) if shown else ""
