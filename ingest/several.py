"""Telegrams that name several devices themselves, like those of a gateway: each device's part is decoded by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from core.quality import ReadingFlag
from ingest.decode import UNREADABLE, DecodeResult, Json, decode_message, decode_object, json_of
from ingest.templates import Message, Several, Template

MOST_DEVICES = 2000
_LONGEST_ID = 128
_UNCERTAIN = int(ReadingFlag.TIME_UNCERTAIN)


def decode_telegram(
    template: Template, message: Message, device: str, payload: bytes, received_at: datetime, zone: ZoneInfo
) -> list[DecodeResult]:
    """Return what a telegram means, a result per device.

    What is wrong with the telegram as a whole is the problem of a result without device and without rows.
    """
    if message.several is None:
        return [decode_message(template, message, device, payload, received_at, zone)]
    whole = DecodeResult("", received_at)
    if not payload and message.without_readings == "ignore":
        return []
    document = json_of(payload, whole)
    if document is UNREADABLE:
        return [whole]
    found: dict[str, DecodeResult] = {}
    for name, part in _parts(message, message.several, document, whole):
        result = decode_object(template, message, name, part, received_at, zone)
        if name in found:
            if any(row.flags & _UNCERTAIN for row in result.rows):
                # Both would fall on the same time of receipt and one would hide the other.
                result.rows.clear()
                result.fault("no_time_in_list", f"{name:.80} stands twice; each needs its own time")
            found[name].rows += result.rows
            found[name].problems += result.problems
        elif len(found) < MOST_DEVICES:
            found[name] = result
        else:
            whole.fault("too_large", f"more than {MOST_DEVICES} devices in one telegram")
            break
    if not whole.problems and not any(r.rows or r.problems for r in found.values()):
        if message.without_readings == "ignore":
            return []
        whole.fault("no_readings", "nothing in the payload is a quantity this template knows")
    return [*found.values(), *([whole] if whole.problems else [])]


def _parts(message: Message, several: Several, document: Json, whole: DecodeResult) -> Iterator[tuple[str, Json]]:
    """Yield every device's id and its object or list of objects."""
    holder = document
    for key in several.at_keys:
        holder = holder.get(key) if type(holder) is dict else None
    time_key, stamp = "", None
    if message.time is not None and message.time.shared and type(document) is dict:
        time_key = message.time.keys[0]
        stamp = document.get(time_key)
    if not several.id_keys and type(holder) is dict:
        named = iter(holder.items())
    elif several.id_keys and type(holder) is list:
        named = _identified(several, holder, whole)
    else:
        if holder is not None or message.without_readings == "quarantine":
            where = ".".join(several.at_keys) or "the payload"
            whole.fault("wrong_shape", f"{where} is not what holds the devices")
        return
    for name, part in named:
        if not 0 < len(name) <= _LONGEST_ID:
            whole.fault("bad_device", f"{name!r:.80} cannot be a device's id")
        elif time_key and type(part) is dict:
            yield name, {**part, time_key: stamp}
        else:
            yield name, part


def _identified(several: Several, elements: list[Json], whole: DecodeResult) -> Iterator[tuple[str, Json]]:
    for element in elements:
        name = element
        for key in several.id_keys:
            name = name.get(key) if type(name) is dict else None
        if type(name) is str or type(name) is int:
            yield str(name), element
        else:
            whole.fault("bad_device", "an element of the telegram does not say which device it is")
