"""InfluxQL as text: names and texts quoted, conditions joined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

# The first and last instants InfluxDB can name, in nanoseconds since 1970.
_FIRST_NS = -9_223_372_036_854_775_806
_LAST_NS = 9_223_372_036_854_775_806

_TEXT = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n"})


def name(text: str) -> str:
    """Return an identifier in quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def text(value: str) -> str:
    """Return a text literal."""
    return "'" + value.translate(_TEXT) + "'"


def instant(microseconds: int) -> str:
    """Return a time literal, kept within what InfluxDB can name."""
    return str(min(max(microseconds * 1000, _FIRST_NS), _LAST_NS))


def equals(tag: str, value: str) -> str:
    """Return the condition that a tag holds this text; "" also where the tag is absent."""
    return f"{name(tag)} = {text(value)}"


def one_of(tag: str, values: Iterable[str] | None) -> list[str]:
    """Return the condition that a tag holds one of these texts; no condition for None."""
    if values is None:
        return []
    return ["(" + (" OR ".join(equals(tag, v) for v in sorted(set(values))) or "time < 0 AND time > 0") + ")"]


def select(fields: Sequence[str], measurement: str, conditions: Sequence[str], tags: Sequence[str]) -> str:
    """Return a statement that reads fields of a measurement, one series per combination of tags."""
    wanted = ", ".join(f if " AS " in f else name(f.strip('"')) for f in fields)
    groups = ", ".join(name(t) for t in tags)
    return f"SELECT {wanted} FROM {name(measurement)} WHERE {' AND '.join(conditions)} GROUP BY {groups}"  # noqa: S608
