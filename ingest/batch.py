"""A batch of messages: decoded, with the marks and quarantine items that go with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.quality import ReadingFlag
from core.store import QuarantineItem
from ingest.decode import MAX_PAYLOAD_BYTES, Row, decode_message, rows_frame
from ingest.handoff import Received
from ingest.router import Router, Unrouted

KEPT_OF_TOO_LARGE = 4096  # bytes; a payload over the limit would fill the quarantine's disk

Pairs = list[tuple[str, date]]


@dataclass
class Batch:
    """What a run of messages means.

    `origin` tells which message each row of `readings` came from, `faulty` the same of each quarantine item, `counts`
    how many messages went to quarantine for which reason.
    """

    messages: Sequence[Received]
    readings: pd.DataFrame
    origin: npt.NDArray[np.int64]
    quarantine: list[QuarantineItem]
    faulty: list[int]
    counts: Counter[str]


def read_batch(messages: Sequence[Received], router: Router, zone: ZoneInfo) -> Batch:
    """Decode messages; what is no reading becomes a quarantine item, one per message."""
    rows: list[Row] = []
    devices: list[str] = []
    received_us: list[int] = []
    origin: list[int] = []
    quarantine: list[QuarantineItem] = []
    faulty: list[int] = []
    counts: Counter[str] = Counter()
    for index, message in enumerate(messages):
        route = router.route(message.topic)
        if isinstance(route, Unrouted):
            counts[route.reason] += 1
            quarantine.append(quarantine_item(message, route.reason, route.detail, route.device))
            faulty.append(index)
            continue
        result = decode_message(route.template, route.message, route.device, message.payload, message.received_at, zone)
        if result.problems:
            reason, detail = result.problems[0]
            more = f" (and {len(result.problems) - 1} more)" if len(result.problems) > 1 else ""
            counts[reason] += 1
            quarantine.append(quarantine_item(message, reason, detail + more, route.device))
            faulty.append(index)
        found = len(result.rows)
        if found:
            rows += result.rows
            devices += [route.device] * found
            received_us += [message.received_us] * found
            origin += [index] * found
    readings = rows_frame(rows, devices, received_us)
    return Batch(messages, readings, np.array(origin, np.int64), quarantine, faulty, counts)


def quarantine_item(message: Received, reason: str, detail: str, device: str = "") -> QuarantineItem:
    """Keep a message with the reason it became no reading: whole, unless it is beyond the size that is ever read."""
    payload = message.payload
    if len(payload) > MAX_PAYLOAD_BYTES:
        payload = payload[:KEPT_OF_TOO_LARGE]
        detail = f"{detail}; the first {KEPT_OF_TOO_LARGE} bytes are kept"
    return QuarantineItem(message.received_at, message.topic, payload, reason, detail, device)


def touched(readings: pd.DataFrame) -> Pairs:
    """Return the (device, UTC day) pairs whose derived values these readings can change.

    Readings flagged FUTURE change none, now or later: they are never used, and a day that has not come cannot be
    computed.
    """
    usable = readings[(readings["flags"].to_numpy() & int(ReadingFlag.FUTURE)) == 0]
    if usable.empty:
        return []
    days = usable["time"].to_numpy("datetime64[us]").astype("datetime64[D]")
    pairs = pd.DataFrame({"device": usable["device"].to_numpy(), "day": days.astype("int64")}).drop_duplicates()
    return [
        (str(device), np.datetime64(int(day), "D").astype(object))
        for device, day in zip(pairs["device"], pairs["day"], strict=True)
    ]
