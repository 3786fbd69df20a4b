"""The quarantine as a person reads it on a terminal."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from core.reasons import quarantine_reason
from core.store import QuarantineItem, State
from core.text import Language, Text, local_time

NOTHING = "Nothing is in quarantine."
FIRST_BYTES = 48
LINE_BYTES = 16
NOT_KEPT = "ingest.not_kept"
CHECKS = "ingest.check."  # how the counters of the checks of readings begin

_NOT_KEPT = Text(
    zh="未登记设备的报文，只计数、未保存（每主题每小时至多 10 条，合计 5000 条）",
    en="Only counted, not kept, of devices PARK.yaml does not know (an hour takes 10 a topic, 5,000 in all)",
)
_LABELS = {
    "received": Text(zh="收到", en="received"),
    "topic": Text(zh="主题", en="topic"),
    "device": Text(zh="设备", en="device"),
    "reason": Text(zh="原因", en="reason"),
    "detail": Text(zh="详情", en="detail"),
    "advice": Text(zh="处理", en="what to do"),
    "replayed": Text(zh="已重放", en="replayed"),
    "payload": Text(zh="报文", en="payload"),
}


def listed(state: State, zone: ZoneInfo, limit: int, language: Language) -> str:
    """Return how much is kept for which reason, what the checks of readings counted, and the newest messages."""
    counts = state.quarantine_counts()
    waiting, replayed = (sum(pair[n] for pair in counts.values()) for n in (0, 1))
    lines = [
        f"隔离区：{waiting:,} 条待处理，{replayed:,} 条已重放"
        if language is Language.ZH
        else f"In quarantine: {waiting:,} waiting, {replayed:,} replayed"
    ]
    for code, (open_, done) in counts.items():
        words = quarantine_reason(code).what.say(language)
        lines.append(f"  {code:16} {open_:8,} {f'(+{done:,})' if done else '':9} {words}")
    if not_kept := state.counts().get(NOT_KEPT):
        lines.append(f"{_NOT_KEPT.say(language)}: {not_kept:,}")
    checks = {k.removeprefix(CHECKS): n for k, n in state.counts().items() if k.startswith(CHECKS)}
    if checks:
        label = Text(zh="读数检查", en="Checks of readings").say(language)
        lines.append(f"{label}: {', '.join(f'{code} {n:,}' for code, n in sorted(checks.items()))}")
    lines += [_line(item, zone) for item in state.quarantined(limit)]
    return "\n".join(lines)


def _line(item: QuarantineItem, zone: ZoneInfo) -> str:
    when = local_time(item.received_at, zone)
    reason = f"{item.reason} ✓" if item.replayed_at else item.reason
    first = plain(item.payload[:FIRST_BYTES].decode("utf-8", "replace"))
    return f"{item.id:>6}  {when}  {reason:18} {plain(item.device) or '-':20} {plain(item.topic)}  {first}"


def shown(item: QuarantineItem, zone: ZoneInfo, language: Language) -> str:
    """Return one message whole, with its reason in words and what a person can do."""
    words = quarantine_reason(item.reason)
    rows = {
        "received": local_time(item.received_at, zone),
        "topic": plain(item.topic),
        "device": plain(item.device),
        "reason": f"{words.what.say(language)} ({item.reason})",
        "detail": plain(item.detail),
        "replayed": local_time(item.replayed_at, zone) if item.replayed_at else "",
        "advice": "" if item.replayed_at else words.advice.say(language),
    }
    lines = [f"{_LABELS[name].say(language)}: {text}" for name, text in rows.items() if text]
    size = f"{len(item.payload):,} bytes"
    return "\n".join([*lines, f"{_LABELS['payload'].say(language)} ({size}):", payload_text(item.payload)])


def payload_text(payload: bytes) -> str:
    """Return a payload as text where it is text, else as a hex dump."""
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return _hex_dump(payload)
    lines = [line.replace("\t", "    ") for line in text.splitlines()]
    return "\n".join(lines) if all(line.isprintable() for line in lines) else _hex_dump(payload)


def _hex_dump(payload: bytes) -> str:
    lines = []
    for at in range(0, len(payload), LINE_BYTES):
        part = payload[at : at + LINE_BYTES]
        letters = "".join(chr(b) if 32 <= b < 127 else "." for b in part)  # noqa: PLR2004 - printable ASCII
        lines.append(f"{at:08x}  {part.hex(' '):{3 * LINE_BYTES - 1}}  {letters}")
    return "\n".join(lines)


def plain(text: str) -> str:
    """Return text without anything a terminal would obey: strangers wrote it."""
    return "".join(c if c.isprintable() else "·" for c in text)
