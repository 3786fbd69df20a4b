"""One message of a device becomes rows. Whatever arrives, nothing here raises: what cannot be read is named instead."""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd

from core.frames import readings_frame
from core.quality import ReadingFlag
from core.quantities import READING
from ingest import influx_lines, sparkplug
from ingest.device_time import CLOCK_UNSET, microseconds, time_us
from ingest.templates import DeviceTime, Message, ReadingSpec, Template

MAX_PAYLOAD_BYTES = 1 << 20
MAX_PROBLEMS = 20  # of one message; more of them say nothing new
FUTURE_ALLOWANCE_US = 10 * 60 * 1_000_000
FUTURE_LIMIT_US = 366 * 86_400 * 1_000_000  # beyond it the time is no time at all

_CHANNEL = re.compile(r"[a-z0-9_-]{1,16}")
_LONGEST_NUMBER = 40  # characters of a number written as text
_LONGEST_INDEX = 7  # digits of a place in a list

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNCERTAIN = int(ReadingFlag.TIME_UNCERTAIN)
_OUT_OF_RANGE = int(ReadingFlag.OUT_OF_RANGE)
_FUTURE = int(ReadingFlag.FUTURE)
BOUNDS = {
    q.name: (-math.inf if q.low is None else q.low, math.inf if q.high is None else q.high) for q in READING.values()
}
# What a foreign document can hold at any place.
Json: TypeAlias = Any


class Row(NamedTuple):
    """One value of a message: microseconds since 1970 UTC, value in the unit of its quantity, ReadingFlag."""

    time_us: int
    quantity: str
    channel: str
    value: float
    flags: int


class Fault(NamedTuple):
    """Why part of a message, or all of it, is no reading: a short code and words."""

    reason: str
    detail: str = ""


@dataclass
class DecodeResult:
    """What a message became. With problems and rows, the rows are good and the rest is not."""

    device: str
    received_at: datetime
    rows: list[Row] = field(default_factory=list)
    problems: list[Fault] = field(default_factory=list)

    def frame(self) -> pd.DataFrame:
        """Return the rows as a READINGS frame."""
        return rows_frame(self.rows, [self.device] * len(self.rows), [microseconds(self.received_at)] * len(self.rows))

    def told(self) -> dict[str, object]:
        """Return the result as plain values, for people and JSON."""
        return {
            "device": self.device,
            "readings": [
                {
                    "time": (_EPOCH + timedelta(microseconds=r.time_us)).isoformat(),
                    "quantity": r.quantity,
                    "channel": r.channel,
                    "value": r.value,
                    "unit": READING[r.quantity].unit,
                    "flags": [f.name for f in ReadingFlag(r.flags)],
                }
                for r in self.rows
            ],
            "problems": [{"reason": p.reason, "detail": p.detail} for p in self.problems],
        }

    def fault(self, reason: str, detail: str = "") -> None:
        """Name something that could not be read."""
        if len(self.problems) < MAX_PROBLEMS:
            # What a device wrote may hold half a surrogate pair, which no file can store.
            self.problems.append(Fault(reason, detail[:200].encode("utf-8", "replace").decode()))


def rows_frame(rows: Sequence[Row], devices: Sequence[str], received_us: Sequence[int]) -> pd.DataFrame:
    """Return a READINGS frame of rows and, beside each, its device and time of receipt."""
    if not rows:
        return readings_frame()
    times, quantities, channels, values, flags = zip(*rows, strict=True)
    return readings_frame(
        {
            "time": utc(times),
            "device": np.array(devices, dtype=object),
            "quantity": np.array(quantities, dtype=object),
            "channel": np.array(channels, dtype=object),
            "value": np.array(values, dtype=np.float64),
            "received_at": utc(received_us),
            "flags": np.array(flags, dtype=np.int16),
        }
    )


def utc(stamps_us: Sequence[int] | npt.NDArray[np.int64]) -> pd.DatetimeIndex:
    """Return microseconds since 1970 as aware times."""
    return pd.DatetimeIndex(np.array(stamps_us, dtype="int64").view("datetime64[us]"), tz=UTC)


def decode(
    template: Template, device: str, topic: str, payload: bytes, received_at: datetime, zone: ZoneInfo
) -> DecodeResult:
    """Return what one message means. `zone` is the park's, for devices that send local time without an offset."""
    message = template.message_for(topic)
    if message is None:
        result = DecodeResult(device, received_at)
        result.fault("unknown_topic", f"template {template.template} does not know {topic[:120]}")
        return result
    return decode_message(template, message, device, payload, received_at, zone)


def decode_message(
    template: Template, message: Message, device: str, payload: bytes, received_at: datetime, zone: ZoneInfo
) -> DecodeResult:
    """Return what one message means, its kind already known from the topic."""
    result = DecodeResult(device, received_at)
    if not payload and message.without_readings == "ignore":
        return result
    if message.format != "json":
        return _decode_foreign(template, message, payload, result, zone)
    if message.no_value and payload.strip(b'"').decode("utf-8", "replace") in message.no_value:
        return result
    document = _document(payload, message.bare, result)
    if document is UNREADABLE:
        return result
    if message.list_at and type(listed := walk(document, message.list_keys)) is list:
        document = listed
    if type(document) is list and message.list:
        _read_list(template, message, document, result, zone)
    elif type(document) is dict or message.bare:
        _read_object(template, message, document, result, zone)
    else:
        result.fault("wrong_shape", f"the payload is a {_kind(document)}, an object is expected")
    if not result.rows and not result.problems and message.without_readings == "quarantine":
        result.fault("no_readings", "nothing in the payload is a quantity this template knows")
    return result


def _decode_foreign(
    template: Template, message: Message, payload: bytes, result: DecodeResult, zone: ZoneInfo
) -> DecodeResult:
    if not payload:
        result.fault("empty")
        return result
    if len(payload) > MAX_PAYLOAD_BYTES:
        result.fault("too_large", f"{len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} are read")
        return result
    if message.format == "sparkplug_b":
        documents, faults = sparkplug.alone(payload)
    else:
        documents, lines = influx_lines.parse(payload)
        faults = [("not_line_protocol", line) for line in lines]
    return decode_documents(template, message, documents, faults, result, zone)


def decode_documents(
    template: Template,
    message: Message,
    documents: list[Json],
    faults: Sequence[tuple[str, str]],
    result: DecodeResult,
    zone: ZoneInfo,
) -> DecodeResult:
    """Read the objects some other format was made into; `faults` say what of it could not be."""
    for fault in faults:
        result.fault(*fault)
    _read_list(template, message, documents, result, zone)
    if not result.rows and not result.problems and message.without_readings == "quarantine":
        result.fault("no_readings", "nothing in the payload is a quantity this template knows")
    return result


def decode_object(
    template: Template, message: Message, device: str, document: Json, received_at: datetime, zone: ZoneInfo
) -> DecodeResult:
    """Return what one device's object means, or its list of them, out of a telegram of several devices."""
    result = DecodeResult(device, received_at)
    if type(document) is list:
        _read_list(template, message, document, result, zone)
    elif type(document) is dict:
        _read_object(template, message, document, result, zone)
    else:
        result.fault("wrong_shape", f"{device:.80} is a {_kind(document)}, an object is expected")
    return result


def json_of(payload: bytes, result: DecodeResult) -> Json:
    """Return the document a payload is, or UNREADABLE with the fault noted in `result`."""
    return _document(payload, False, result)


UNREADABLE = object()


def _document(payload: bytes, bare: bool, result: DecodeResult) -> Json:
    if not payload:
        result.fault("empty")
    elif len(payload) > MAX_PAYLOAD_BYTES:
        result.fault("too_large", f"{len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} are read")
    else:
        try:
            return orjson.loads(payload)
        except orjson.JSONDecodeError as error:
            number = _from_text(payload.decode("ascii", "replace")) if bare and len(payload) <= _LONGEST_NUMBER else ""
            return _lenient(payload, error, result) if isinstance(number, str) else number
    return UNREADABLE


def _lenient(payload: bytes, error: orjson.JSONDecodeError, result: DecodeResult) -> Json:
    """Read what is JSON but for NaN, Infinity or 1e400, so that one such value does not cost the others."""
    if b"NaN" in payload or b"Infinity" in payload or "infinity" in error.msg:
        try:
            return json.loads(payload)
        except (ValueError, RecursionError):  # ValueError covers broken UTF-8, JSON and integers without end
            pass
    if payload.startswith(codecs.BOM_UTF8):
        return _document(payload.removeprefix(codecs.BOM_UTF8), bare=False, result=result)
    result.fault("not_json", str(error))
    return UNREADABLE


def _read_list(
    template: Template, message: Message, documents: list[Json], result: DecodeResult, zone: ZoneInfo
) -> None:
    for document in documents:
        if type(document) is not dict:
            result.fault("wrong_shape", f"the list holds a {_kind(document)}, objects are expected")
        elif len(documents) > 1 and message.time and walk(document, message.time.keys) is None:
            # Two of these would fall on the same time of receipt and one would hide the other.
            result.fault("no_time_in_list", "each object of a list needs its own time")
        else:
            _read_object(template, message, document, result, zone)


def _read_object(template: Template, message: Message, document: Json, result: DecodeResult, zone: ZoneInfo) -> None:
    stamped = stamp(document, message.time, zone, microseconds(result.received_at))
    if isinstance(stamped, str):
        result.fault("bad_time", stamped)
        return
    time_us_, flags = stamped
    if message.own_names and type(named := walk(document, message.at_keys)) is dict:
        _read_own_names(named, time_us_, flags, result)
    for block, path in message.read.items():
        holder = walk(document, tuple(path.split("."))) if path else document
        if type(holder) is dict:
            for spec in template.blocks[block]:
                _read_spec(spec, holder, time_us_, flags, result)
    for spec in message.readings:
        _read_spec(spec, document, time_us_, flags, result)


def stamp(document: Json, where: DeviceTime | None, zone: ZoneInfo, received_us: int) -> tuple[int, int] | str:
    """Return a message's time and the flags it earns, or in words why its time means nothing."""
    written = walk(document, where.keys) if where else None
    if written is None or where is None:
        return received_us, _UNCERTAIN
    found = time_us(written, where.forms, zone, received_us)
    if found == CLOCK_UNSET:
        return received_us, _UNCERTAIN
    if isinstance(found, str):
        return f"{written!r:.80}: {found}"
    ahead_us = found - received_us
    if ahead_us > FUTURE_LIMIT_US:
        return f"{written!r:.80}: more than a year ahead"
    return found, _FUTURE if ahead_us > FUTURE_ALLOWANCE_US else 0


def own_name(key: str) -> tuple[str, str] | str | None:
    """Return the quantity and channel a key names, words where its channel is none, None where it is no quantity."""
    quantity, dot, channel = key.partition(".")
    if quantity not in BOUNDS:
        return None
    if dot and not _is_channel(channel):
        return f"{key!r:.80}"
    return quantity, channel


def _read_own_names(document: dict[str, Json], time_us_: int, flags: int, result: DecodeResult) -> None:
    for key, value in document.items():
        name = own_name(key)
        if isinstance(name, str):
            result.fault("bad_channel", name)
        elif name is not None and (number := _number(value, False, key, result)) is not None:
            low, high = BOUNDS[name[0]]
            off = flags if low <= number <= high else flags | _OUT_OF_RANGE
            result.rows.append(Row(time_us_, *name, number, off))


def _is_channel(text: str) -> bool:
    return _CHANNEL.fullmatch(text) is not None


def _read_spec(spec: ReadingSpec, holder: Json, time_us_: int, flags: int, result: DecodeResult) -> None:
    value = walk(holder, spec.keys)
    if value is None:
        return
    if type(value) is list and spec.channels:
        _read_channels(spec, value, time_us_, flags, result)
        return
    number = _number(value, spec.numeric_text, spec.where, result)
    if number is not None and spec.minus_keys and (other := walk(holder, spec.minus_keys)) is not None:
        other = _number(other, spec.numeric_text, spec.where, result)
        number = None if other is None else number - other
    if number is not None:
        _add(spec, spec.channel, _scaled(number, spec), time_us_, flags, result)


def _read_channels(spec: ReadingSpec, values: list[Json], time_us_: int, flags: int, result: DecodeResult) -> None:
    if len(values) > len(spec.channels):
        result.fault("wrong_shape", f"{spec.where} has {len(values)} elements, at most {len(spec.channels)} are known")
        return
    numbers: list[float] = []
    for channel, value in zip(spec.channels, values, strict=False):
        number = None if value is None else _number(value, spec.numeric_text, f"{spec.where} {channel}", result)
        if number is not None:
            numbers.append(number)
            _add(spec, channel, _scaled(number, spec), time_us_, flags, result)
    # A sum over fewer phases than the device has would pass for the whole.
    if spec.total == "sum" and numbers and len(numbers) == len(values):
        _add(spec, "", _scaled(math.fsum(numbers), spec), time_us_, flags, result)


def _add(spec: ReadingSpec, channel: str, value: float, time_us_: int, flags: int, result: DecodeResult) -> None:
    if not math.isfinite(value):
        result.fault("non_finite", f"{spec.where} is too large")
        return
    low, high = BOUNDS[spec.quantity]
    off = flags if low <= value <= high else flags | _OUT_OF_RANGE
    result.rows.append(Row(time_us_, spec.quantity, channel, value, off))


def _scaled(number: float, spec: ReadingSpec) -> float:
    multiply, divide = spec.scale
    return number * multiply / divide


def _number(value: Json, numeric_text: bool, where: str, result: DecodeResult) -> float | None:
    """Return a finite number, or None where there is none; a value that is not null and no number is a fault."""
    kind = type(value)
    if kind is str and numeric_text:
        value = _from_text(value)
        kind = type(value)
    if kind is float or kind is int:  # by identity: a boolean is an int to isinstance
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
        result.fault("non_finite", f"{where:.80}")
    elif value is not None:
        result.fault("wrong_type", f"{where:.80} is a {_kind(value)}, a number is expected")
    return None


def _from_text(text: str) -> Json:
    try:
        return float(text) if len(text) <= _LONGEST_NUMBER and "_" not in text else text
    except ValueError:
        return text


def walk(document: Json, keys: tuple[str, ...]) -> Json:
    """Return what stands at a path, None where nothing does."""
    for key in keys:
        if type(document) is dict:
            document = document.get(key)
        elif type(document) is list:
            document = _element(document, key)
        else:
            return None
    return document


def _element(elements: list[Json], key: str) -> Json:
    """Return the element of that number, or with `name=value` the first object whose `name` is that."""
    if key.isdecimal():
        return elements[int(key)] if len(key) < _LONGEST_INDEX and int(key) < len(elements) else None
    name, equals, value = key.partition("=")
    if not equals:
        return None
    return next((e for e in elements if type(e) is dict and str(e.get(name)) == value), None)


def _kind(value: Json) -> str:
    names = {dict: "object", list: "list", str: "text", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")
