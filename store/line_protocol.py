"""InfluxDB line protocol: floats and texts, one timestamp, names escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import orjson

from store.rows import Floats, Ints

MOST_STARTS = 100_000  # then they are made again

_TAG = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})
_TEXT = str.maketrans({"\\": "\\\\", '"': '\\"'})


def storable_tag(value: str) -> bool:
    """Say whether a text can be a tag: line breaks cannot, and a last backslash would escape the comma after it."""
    return not any(c in value for c in "\n\r\0") and not value.endswith("\\")


def series(measurement: str, tags: Mapping[str, str]) -> str:
    """Return the start of a line: measurement and tags. InfluxDB has no empty tags: they are left out."""
    parts = [f"{key}={value.translate(_TAG)}" for key, value in sorted(tags.items()) if value]
    return ",".join([measurement, *parts])


def number_fields(name: str, values: Sequence[float] | Floats) -> list[str]:
    """Return `name=value` for every value, always as a float, and "" for one that is not known."""
    # One integer among floats is a type conflict that drops the point.
    column = np.asarray(values, dtype="float64")
    texts = [f"{name}={text}" for text in numbers(column)]
    for row in np.flatnonzero(~np.isfinite(column)).tolist():
        texts[row] = ""
    return texts


def numbers(values: npt.NDArray[np.generic]) -> list[str]:
    """Return every number of a column as text: floats with a point or an exponent, `null` where one is not known."""
    # Far faster than repr one by one, and just as exact.
    text = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    return text[1:-1].decode().split(",") if len(values) else []


def reading_lines(starts: Sequence[str], values: Floats, received_s: Floats, flags: Floats, times: Ints) -> list[str]:
    """Return one line per reading from the starts of lines and columns; a value that is NaN is left out.

    `times` are microseconds; the line has nanoseconds, which every InfluxDB understands without being told.
    """
    ends = _ends(received_s, flags, times)
    found = [f"{s} value={v},{end}" for s, v, end in zip(starts, numbers(values), ends, strict=True)]
    for row in np.flatnonzero(np.isnan(values)).tolist():
        found[row] = f"{starts[row]} {ends[row]}"
    return found


def _ends(received_s: Floats, flags: Floats, times: Ints) -> list[str]:
    """Return the ends of lines. What a telegram brings has the same time, so an end is made once per run of rows."""
    if not len(times):
        return []
    differs = (np.diff(times) != 0) | (np.diff(received_s) != 0) | (np.diff(flags) != 0)
    runs = np.concatenate(([0], np.cumsum(differs)))
    first = np.concatenate(([0], np.flatnonzero(differs) + 1))
    texts = (numbers(column[first]) for column in (received_s, flags.astype(np.int64), times))
    # No `i` behind the digits: to InfluxDB this is a float, like every number of ours.
    ends = [f"received_at={received},flags={flag} {time}000" for received, flag, time in zip(*texts, strict=True)]
    found: list[str] = np.array(ends, dtype=object)[runs].tolist()
    return found


class ReadingStarts(dict[tuple[object, object, object], str]):
    """The starts of lines by device, quantity and channel, each made once; "" for names that no tag can hold."""

    def __init__(self, park_id: str) -> None:
        super().__init__()
        self._park_id = park_id

    def of(self, devices: list[object], quantities: list[object], channels: list[object]) -> list[str]:
        """Return the start of the line of every row."""
        if len(self) > MOST_STARTS:
            self.clear()
        return list(map(self.__getitem__, zip(devices, quantities, channels, strict=True)))

    def __missing__(self, key: tuple[object, object, object]) -> str:
        device, quantity, channel = key
        start = ""
        if isinstance(device, str) and isinstance(quantity, str) and isinstance(channel, str):
            tags = {"park": self._park_id, "device": device, "quantity": quantity, "channel": channel}
            if device and quantity and all(map(storable_tag, tags.values())):
                start = series("reading", tags)
        self[key] = start
        return start


def text_fields(name: str, values: Sequence[str]) -> list[str]:
    """Return `name="value"` for every text."""
    return [f'{name}="{v.translate(_TEXT)}"' for v in values]


def lines(starts: Sequence[str], fields: Sequence[Sequence[str]], times: Sequence[int]) -> list[str]:
    """Return one line per row from the starts of lines, columns of fields and timestamps in nanoseconds."""
    rows = zip(*fields, strict=True)
    return [
        f"{start} {','.join(filter(None, row))} {time}" for start, row, time in zip(starts, rows, times, strict=True)
    ]
