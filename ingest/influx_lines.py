"""InfluxDB line protocol, as Telegraf publishes it, becomes objects shaped like Telegraf's JSON.

`measurement,tag=a field=1.5,other=2i,text="x" 1554079521000000000`: spaces, commas and equals signs are escaped with a
backslash, texts stand in quotes, whole numbers end in i or u, the time is nanoseconds since 1970. The time is returned
as milliseconds, which a double holds to the microsecond.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

MOST_LINES = 5000  # of one telegram

# What a field may hold.
Value: TypeAlias = Any
Document = dict[str, Value]

_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_SERIES = re.compile(r"(?:[^ \\]|\\.)+", re.DOTALL)
_PART = re.compile(r"(?:[^,\\]|\\.)+", re.DOTALL)
_KEY = re.compile(r"((?:[^=,\\ ]|\\.)+)=", re.DOTALL)
_SIMPLE = re.compile(r"[^, \n]+")
_WHOLE = re.compile(r"([-+]?\d{1,20})[iu]")
_DECIMAL = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,4})?")
_STAMP = re.compile(r"-?\d{1,19}")
_TRUTH = {
    **dict.fromkeys(("t", "T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE"), False),
}
_ESCAPED = re.compile(r"\\([,= \\])")


def parse(payload: bytes) -> tuple[list[Document], list[str]]:
    """Return an object per line, and in words what is wrong with the other lines."""
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        return [], [f"not UTF-8: {error.reason}"]
    documents: list[Document] = []
    faults: list[str] = []
    at, lines = 0, 0
    while at < len(text):
        end = _line_end(text, at)
        line, at = text[at:end].strip(" \r"), end + 1
        if not line or line.startswith("#"):
            continue
        lines += 1
        if lines > MOST_LINES:
            return documents, [*faults, f"more than {MOST_LINES} lines"]
        try:
            documents.append(_line(line))
        except ValueError as error:
            faults.append(f"line {lines}: {error}")
    return documents, faults


def _line_end(text: str, start: int) -> int:
    """Return where a line ends: a text in quotes may hold line breaks."""
    end = text.find("\n", start)
    if end < 0 or '"' not in text[start:end]:
        return end if end >= 0 else len(text)
    quoted = escaped = False
    for i in range(start, len(text)):
        c = text[i]
        if escaped:
            escaped = False
        elif c == "\\":
            escaped = True
        elif c == '"':
            quoted = not quoted
        elif c == "\n" and not quoted:
            return i
    return len(text)


def _line(line: str) -> Document:
    series = _SERIES.match(line)
    if series is None:
        raise ValueError("no measurement")
    name, *tags = _PART.findall(series[0]) or [""]
    if ",".join((name, *tags)) != series[0]:
        raise ValueError("an empty measurement or tag")
    document: Document = {"name": _plain(name), "tags": dict(_tag(tag) for tag in tags), "fields": {}}
    at = _fields(line, series.end(), document["fields"])
    stamp = line[at:].strip()
    if stamp:
        if _STAMP.fullmatch(stamp) is None:
            raise ValueError("the time is no whole number")
        document["timestamp"] = int(stamp) / 1e6
    return document


def _tag(tag: str) -> tuple[str, str]:
    key = _KEY.match(tag)
    if key is None or key.end() == len(tag):
        raise ValueError("a tag needs a key and a value")
    return _plain(key[1]), _plain(tag[key.end() :])


def _fields(line: str, at: int, fields: Document) -> int:
    """Read the fields behind the series and return where they end."""
    while at < len(line) and line[at] == " ":
        at += 1
    while True:
        key = _KEY.match(line, at)
        if key is None:
            raise ValueError("a field needs a key and a value")
        value, at = _value(line, key.end())
        fields[_plain(key[1])] = value
        if at < len(line) and line[at] == ",":
            at += 1
        elif at == len(line) or line[at] == " ":
            return at
        else:
            raise ValueError("a field's value does not end")


def _value(line: str, at: int) -> tuple[Value, int]:
    text = _TEXT.match(line, at)
    if text is not None:
        return re.sub(r'\\(["\\])', r"\1", text[1]), text.end()
    simple = _SIMPLE.match(line, at)
    if simple is None:
        raise ValueError("a field needs a value")
    written = simple[0]
    if (whole := _WHOLE.fullmatch(written)) is not None:
        return int(whole[1]), simple.end()
    if _DECIMAL.fullmatch(written) is not None:
        return float(written), simple.end()
    if written in _TRUTH:
        return _TRUTH[written], simple.end()
    raise ValueError("a field's value is neither number, truth value nor quoted text")


def _plain(escaped: str) -> str:
    return _ESCAPED.sub(r"\1", escaped)
