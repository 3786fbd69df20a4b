"""A notice as plain text."""

from __future__ import annotations

from core.text import Language, Text
from rules.notify.notice import Notice, Told

_SEVERITY = {
    "critical": Text(zh="紧急", en="critical"),
    "warning": Text(zh="警告", en="warning"),
    "info": Text(zh="提示", en="info"),
}
_RESOLVED = Text(zh="已恢复", en="resolved")
_STILL = Text(zh="仍未恢复", en="still open")


def subject(notice: Notice) -> str:
    """Return one line: the park and its gravest alert, or how many there are."""
    park = notice.park.name.say(notice.language)
    if len(notice.told) == 1:
        return f"{park} | {line(notice.told[0], notice.language)}"
    count = len(notice.told)
    return f"{park} | {count} 条提醒" if notice.language is Language.ZH else f"{park} | {count} alerts"


def body(notice: Notice) -> str:
    """Return every alert with what is known and what to do."""
    return "\n\n".join(_block(told, notice.language) for told in notice.told)


def line(told: Told, language: Language) -> str:
    """Return one alert in one line."""
    return f"[{_mark(told).say(language)}] {told.words[language].title}"


def _block(told: Told, language: Language) -> str:
    words = told.words[language]
    rest = () if told.why == "resolved" else (words.detail, words.advice)
    return "\n".join([line(told, language), *(text for text in rest if text)])


def _mark(told: Told) -> Text:
    if told.why == "resolved":
        return _RESOLVED
    severity = _SEVERITY.get(told.alert.severity, Text(zh=told.alert.severity, en=told.alert.severity))
    if told.why == "repeat":
        return Text(zh=f"{severity.zh}，{_STILL.zh}", en=f"{severity.en}, {_STILL.en}")
    return severity
