"""InfluxDB line protocol: floats and texts, one timestamp, names escaped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

_TAG = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})
_TEXT = str.maketrans({"\\": "\\\\", '"': '\\"'})


def storable_tag(value: str) -> bool:
    """Say whether a text can be a tag: line breaks cannot, and a last backslash would escape the comma after it."""
    return not any(c in value for c in "\n\r\0") and not value.endswith("\\")


def series(measurement: str, tags: Mapping[str, str]) -> str:
    """Return the start of a line: measurement and tags. InfluxDB has no empty tags: they are left out."""
    parts = [f"{key}={value.translate(_TAG)}" for key, value in sorted(tags.items()) if value]
    return ",".join([measurement, *parts])


def number_fields(name: str, values: Sequence[float]) -> list[str]:
    """Return `name=value` for every value, always as a float, and "" for one that is not known."""
    # One integer among floats is a type conflict that drops the point, so `repr` of a float and nothing else.
    return [f"{name}={float(v)!r}" if math.isfinite(v) else "" for v in values]


def text_fields(name: str, values: Sequence[str]) -> list[str]:
    """Return `name="value"` for every text."""
    return [f'{name}="{v.translate(_TEXT)}"' for v in values]


def lines(starts: Sequence[str], fields: Sequence[Sequence[str]], times: Sequence[int]) -> list[str]:
    """Return one line per row from the starts of lines, columns of fields and timestamps."""
    rows = zip(*fields, strict=True)
    return [
        f"{start} {','.join(filter(None, row))} {time}" for start, row, time in zip(starts, rows, times, strict=True)
    ]
