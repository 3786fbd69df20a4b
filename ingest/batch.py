"""A batch of messages: decoded, with the marks and quarantine items that go with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from core.frames import coded, readings_frame
from core.quality import ReadingFlag
from core.store import QuarantineItem
from ingest.decode import MAX_PAYLOAD_BYTES, DecodeResult, Fault, decode_message
from ingest.handoff import Received
from ingest.parts import SparkplugReader, decode_parts, of_no_concern, worse
from ingest.router import Route, Router, Unrouted
from ingest.shapes import MOST_LANES, Holder, Ints, Lanes, Plan, Sheet, holders_of

KEPT_OF_TOO_LARGE = 4096  # bytes; a payload over the limit would fill the quarantine's disk

Pairs = list[tuple[str, date]]


@dataclass
class Batch:
    """What a run of messages means.

    `origin` tells which message each row of `readings` came from, `faulty` the same of each quarantine item, `counts`
    how many messages went to quarantine for which reason, `endless` which messages hold a value that is no number.
    """

    messages: Sequence[Received]
    readings: pd.DataFrame = field(default_factory=readings_frame)
    origin: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    quarantine: list[QuarantineItem] = field(default_factory=list)
    faulty: list[int] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    endless: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    not_kept: int = 0  # of `counts`, messages of strangers beyond what quarantine takes of them

    def refuse(self, index: int, reason: str, detail: str, device: str) -> None:
        """Send a message to quarantine."""
        self.counts[reason] += 1
        self.quarantine.append(quarantine_item(self.messages[index], reason, detail, device))
        self.faulty.append(index)


class BatchReader:
    """Reads batches of messages, and remembers the shapes it has seen.

    `sparkplug` knows the births of edge nodes; without it such a telegram is read alone.
    """

    def __init__(self, router: Router, zone: ZoneInfo, sparkplug: SparkplugReader | None = None) -> None:
        self._router = router
        self._zone = zone
        self._sparkplug = sparkplug
        self._parts: dict[int, list[DecodeResult]] = {}
        self._passed: dict[int, bool] = {}
        self._forget()

    def _forget(self) -> None:
        self._lanes = Lanes()
        self._plans: dict[str, Plan] = {}
        self._holders: dict[tuple[str, str], list[Holder] | None] = {}

    def read(self, messages: Sequence[Received]) -> Batch:
        """Decode messages; what is no reading becomes a quarantine item, one per message."""
        if len(self._lanes) > MOST_LANES or len(self._plans) > MOST_LANES:
            self._forget()
        self._parts.clear()
        self._passed.clear()
        batch = self._read(messages, frozenset())
        if len(batch.endless):
            # A number times its unit was too large: those messages are read again, one value after the other.
            batch = self._read(messages, frozenset(batch.endless.tolist()))
        return batch

    def _read(self, messages: Sequence[Received], one_by_one: frozenset[int]) -> Batch:
        sheet = Sheet(self._lanes)
        batch = Batch(messages)
        for index, message in enumerate(messages):
            plan = self._plans.get(message.topic)
            if plan is None or index in one_by_one or not plan.read(message, index, sheet):
                self._read_slowly(message, index, sheet, batch)
        batch.readings, batch.origin, batch.endless = sheet.frame()
        return batch

    def _read_slowly(self, message: Received, index: int, sheet: Sheet, batch: Batch) -> None:
        route = self._router.route(message.topic)
        if isinstance(route, Unrouted):
            if not self._of_no_concern(message, index):
                batch.refuse(index, route.reason, route.detail, route.device)
            return
        if not route.message.plain:
            self._read_parts(route, message, index, sheet, batch)
            return
        if message.topic not in self._plans:
            self._plan(message.topic, route)
        result = decode_message(
            route.template, route.message, route.device, message.payload, message.received_at, self._zone
        )
        if result.problems:
            reason, detail = result.problems[0]
            more = f" (and {len(result.problems) - 1} more)" if len(result.problems) > 1 else ""
            batch.refuse(index, reason, detail + more, route.device)
        sheet.add_rows(route.device, result.rows, message.received_us, index)

    def _of_no_concern(self, message: Received, index: int) -> bool:
        if self._sparkplug is None:
            return False
        if index not in self._passed:
            self._passed[index] = of_no_concern(message, self._sparkplug)
        return self._passed[index]

    def _read_parts(self, route: Route, message: Received, index: int, sheet: Sheet, batch: Batch) -> None:
        if index not in self._parts:  # read a second time, a Sparkplug telegram would be out of its sequence
            self._parts[index] = decode_parts(route, message, self._router, self._zone, self._sparkplug)
        problem = Fault("", "")
        for part in self._parts[index]:
            problem = worse(problem, part)
            sheet.add_rows(part.device, part.rows, message.received_us, index)
        if problem.reason:
            batch.refuse(index, problem.reason, problem.detail, route.device)

    def _plan(self, topic: str, route: Route) -> None:
        kind = (route.template.name, route.message.topic)
        if kind not in self._holders:
            self._holders[kind] = holders_of(route.message, route.template.blocks)
        holders = self._holders[kind]
        if holders is not None:
            self._plans[topic] = Plan(route, holders, self._zone, self._lanes)


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
    usable = (readings["flags"].to_numpy() & int(ReadingFlag.FUTURE)) == 0
    if not usable.any():
        return []
    codes, devices = coded(readings["device"])
    days = readings["time"].to_numpy("datetime64[us]").astype("datetime64[D]").view(np.int64)
    first = int(days.min())
    width = int(days.max()) - first + 1
    pairs = np.unique((codes * width + days - first)[usable])
    return [
        (devices[pair // width], np.datetime64(pair % width + first, "D").astype(object)) for pair in pairs.tolist()
    ]
