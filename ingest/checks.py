"""What can be noticed about readings the moment they come, from the last reading of each series alone.

Nothing is changed or held back: findings are counted, and told as events where a person has to act. All of it is
arithmetic on whole batches; the memory is one time and one value per series, and so many series per device.

Noticed are a key that comes again (`duplicate`: with the same value, `conflict`: with another one, which then counts)
as long as it is the newest of its series or stands in the same batch, and readings older than the newest
(`out_of_order`). An older key that comes again looks out of order: only the store could tell. A restart forgets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.frames import coded
from core.park import DeviceAssignment, Park, Point
from core.quality import UNUSABLE, Event, ReadingFlag

MOST_SERIES = 256  # per device; of what it sends beyond that, only its time and its power are looked at
OVER_RATING = 1.5
STALE_US = 86_400_000_000
LIVE_US = 600_000_000  # so long a device with an old clock is watched before it is said to send live
LIVE_RATE = (0.5, 2.0)  # of the device's clock to ours; a backlog runs far faster, a retained message stands still
EVENT_EVERY_US = 3_600_000_000  # one event per device and code
_POWER = "active_power_kw"
_NEVER = -(2**62)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass
class Findings:
    """What a batch showed: how often per reason code, and what a person should see."""

    counts: Counter[str] = field(default_factory=Counter)
    events: list[Event] = field(default_factory=list)


class _Repeat(NamedTuple):
    """Rows of a batch that came before in some way, as flags per row, and for each the value it met."""

    duplicate: Bools
    conflict: Bools
    late: Bools
    met: Floats


class LiveChecks:
    """Looks at batches in the order they came; used by one thread."""

    def __init__(self, park: Park) -> None:
        self._served: dict[str, list[tuple[Point, DeviceAssignment]]] = {}
        for point, device in park.assignments():
            self._served.setdefault(device.id, []).append((point, device))
        self._limits = {device: _limit_kw([a for _, a in served]) for device, served in self._served.items()}
        self._slots: dict[tuple[str, str, str], int] = {}
        self._series_of: Counter[str] = Counter()
        self._last_us = np.full(1024, _NEVER, dtype=np.int64)
        self._last = np.full(1024, np.nan)
        self._anchors: dict[str, tuple[int, int]] = {}
        self._stale: set[str] = set()
        self._told_us: dict[tuple[str, str], int] = {}

    def look(self, readings: pd.DataFrame) -> Findings:
        """Return what a READINGS frame shows, rows in the order they came."""
        found = Findings()
        if readings.empty:
            return found
        batch = _Batch.of(readings)
        self._over_rating(batch, found)
        certain = (batch.flags & int(ReadingFlag.TIME_UNCERTAIN | ReadingFlag.FUTURE)) == 0
        self._clocks(batch, certain, found)
        self._order(batch if certain.all() else batch.only(certain), found)
        return found

    # -- power

    def _over_rating(self, batch: _Batch, found: Findings) -> None:
        power = batch.quantity == batch.code_of(_POWER)
        if not power.any():
            return
        limits = np.array([self._limits.get(name, np.inf) for name in batch.devices])
        beyond = power & (np.abs(batch.value) > limits[batch.device]) & ((batch.flags & int(UNUSABLE)) == 0)
        _count(found, "over_rating", beyond)

    # -- the device's clock

    def _clocks(self, batch: _Batch, certain: Bools, found: Findings) -> None:
        old = certain & (batch.received_us - batch.time_us > STALE_US)
        if not old.any():
            if self._anchors:
                self._forget(batch, certain)
            return
        self._forget(batch, certain & ~old)
        for code in np.unique(batch.device[old]):
            rows = old & (batch.device == code)
            device = batch.devices[code]
            newest = int(batch.time_us[rows].max())
            received = int(batch.received_us[rows].max())
            self._watch_clock(device, newest, received, found)
            if device in self._stale:
                found.counts["stale_time"] += int(np.count_nonzero(rows))

    def _forget(self, batch: _Batch, fresh: Bools) -> None:
        for code in np.unique(batch.device[fresh]):
            self._anchors.pop(batch.devices[code], None)
            self._stale.discard(batch.devices[code])

    def _watch_clock(self, device: str, time_us: int, received_us: int, found: Findings) -> None:
        """Say whether a device with an old clock sends live: then its clock runs as fast as ours."""
        first_us, first_received_us = self._anchors.setdefault(device, (time_us, received_us))
        span_us = received_us - first_received_us
        if span_us < LIVE_US:
            return
        self._anchors[device] = (time_us, received_us)
        if not LIVE_RATE[0] * span_us <= time_us - first_us <= LIVE_RATE[1] * span_us:
            self._stale.discard(device)
            return
        self._stale.add(device)
        hours = round((received_us - time_us) / 3.6e9, 1)
        params: dict[str, float | str] = {
            "device": device,
            "hours": hours,
            "device_time": _instant(time_us).isoformat(),
        }
        self._tell(found, "stale_time", device, received_us, received_us, params)

    # -- order and repetition

    def _order(self, batch: _Batch, found: Findings) -> None:
        slots = self._slots_of(batch)
        order = np.argsort(slots, kind="stable")
        order = order[np.searchsorted(slots[order], 0) :]  # those beyond MOST_SERIES have no slot
        if not len(order):
            return
        s, t = slots[order], batch.time_us[order]
        begins = np.append(True, s[1:] != s[:-1])
        before = np.where(begins, self._last_us[s], np.append(_NEVER, t[:-1]))
        if (t > before).all():
            ends = np.append(begins[1:], True)
            self._last_us[s[ends]], self._last[s[ends]] = t[ends], batch.value[order][ends]
            return
        self._repeated(batch, order, s, found)

    def _repeated(self, batch: _Batch, order: Ints, s: Ints, found: Findings) -> None:
        """Look closely: some key came again or some reading is older than the newest of its series."""
        repeat = self._repeats(s, batch.time_us[order], batch.value[order])
        _count(found, "duplicate", repeat.duplicate)
        _count(found, "conflict", repeat.conflict)
        _count(found, "out_of_order", repeat.late)
        at = np.flatnonzero(repeat.conflict)
        _, first = np.unique(batch.device[order[at]], return_index=True)
        for k in at[first]:
            row = order[k]
            device = batch.devices[batch.device[row]]
            params: dict[str, float | str] = {
                "device": device,
                "quantity": batch.quantities[batch.quantity[row]],
                "channel": batch.channels[batch.channel[row]],
                "before": float(repeat.met[k]),
                "after": float(batch.value[row]),
            }
            time_us, received_us = int(batch.time_us[row]), int(batch.received_us[row])
            self._tell(found, "conflict", device, time_us, received_us, params)

    def _repeats(self, s: Ints, t: Ints, v: Floats) -> _Repeat:
        """Hold rows, sorted by series and arrival, against one another and against the last one of each series."""
        known = np.unique(s)
        known = known[self._last_us[known] != _NEVER]
        seeds = len(known)
        s, t, v = np.append(known, s), np.append(self._last_us[known], t), np.append(self._last[known], v)
        newest = pd.Series(t).groupby(s).cummax().to_numpy()
        late = t < newest
        order = np.lexsort((np.arange(len(s)), t, s))
        so, to, vo = s[order], t[order], v[order]
        again = np.append(False, (so[1:] == so[:-1]) & (to[1:] == to[:-1]))
        met = np.append(np.nan, vo[:-1])
        repeated, differs, before = np.zeros(len(s), bool), np.zeros(len(s), bool), np.full(len(s), np.nan)
        repeated[order], differs[order], before[order] = again, again & (vo != met), met
        ends = np.append(so[1:] != so[:-1], True)
        self._last_us[so[ends]], self._last[so[ends]] = to[ends], vo[ends]
        return _Repeat((repeated & ~differs)[seeds:], differs[seeds:], (late & ~repeated)[seeds:], before[seeds:])

    def _slots_of(self, batch: _Batch) -> Ints:
        """Return for every row where its series is remembered, -1 where it is not."""
        width = len(batch.channels)
        codes = (batch.device * len(batch.quantities) + batch.quantity) * width + batch.channel
        inverse, unique = pd.factorize(codes)
        devices, rest = np.divmod(unique, len(batch.quantities) * width)
        quantities, channels = np.divmod(rest, width)
        names = zip(devices.tolist(), quantities.tolist(), channels.tolist(), strict=True)
        slots = [self._slot(batch.devices[d], batch.quantities[q], batch.channels[c]) for d, q, c in names]
        return np.array(slots, dtype=np.int64)[inverse]

    def _slot(self, device: str, quantity: str, channel: str) -> int:
        slot = self._slots.get((device, quantity, channel))
        if slot is not None:
            return slot
        if self._series_of[device] >= MOST_SERIES:
            return -1
        self._series_of[device] += 1
        slot = self._slots[device, quantity, channel] = len(self._slots)
        if slot == len(self._last):
            self._last_us = np.append(self._last_us, np.full(slot, _NEVER, dtype=np.int64))
            self._last = np.append(self._last, np.full(slot, np.nan))
        return slot

    def _tell(
        self,
        found: Findings,
        code: str,
        device: str,
        time_us: int,
        received_us: int,
        params: Mapping[str, float | str],
    ) -> None:
        """Make an event at the point the device served, unless there was one a short while ago."""
        last_us = self._told_us.get((device, code))
        if last_us is not None and received_us - last_us < EVENT_EVERY_US:
            return
        at = _instant(time_us)
        point = next((p for p, d in self._served.get(device, ()) if d.valid_at(at)), None)
        if point is not None:
            self._told_us[device, code] = received_us
            found.events.append(Event(point.id, code, at, at, params))


@dataclass(frozen=True)
class _Batch:
    """The columns of a READINGS frame as arrays; names as codes into lists."""

    devices: Sequence[str]
    quantities: Sequence[str]
    channels: Sequence[str]
    device: Ints
    quantity: Ints
    channel: Ints
    time_us: Ints
    received_us: Ints
    value: Floats
    flags: npt.NDArray[np.int16]

    @staticmethod
    def of(readings: pd.DataFrame) -> _Batch:
        """Take the columns of a frame apart."""
        (device, devices), (quantity, quantities), (channel, channels) = (
            coded(readings[name]) for name in ("device", "quantity", "channel")
        )
        time_us, received_us = (
            readings[name].to_numpy("datetime64[us]").view(np.int64) for name in ("time", "received_at")
        )
        return _Batch(
            devices,
            quantities,
            channels,
            device,
            quantity,
            channel,
            time_us,
            received_us,
            readings["value"].to_numpy(),
            readings["flags"].to_numpy(),
        )

    def code_of(self, quantity: str) -> int:
        """Return the code of a quantity, -1 where the batch has none of it."""
        return self.quantities.index(quantity) if quantity in self.quantities else -1

    def only(self, rows: Bools) -> _Batch:
        """Return some of the rows."""
        return replace(
            self,
            device=self.device[rows],
            quantity=self.quantity[rows],
            channel=self.channel[rows],
            time_us=self.time_us[rows],
            received_us=self.received_us[rows],
            value=self.value[rows],
            flags=self.flags[rows],
        )


def _limit_kw(assignments: Sequence[DeviceAssignment]) -> float:
    """Return the largest power a device may show, before its ratio; inf where PARK.yaml does not say."""
    return max(OVER_RATING * a.rating_kw / a.ratio if a.rating_kw else np.inf for a in assignments)


def _count(found: Findings, code: str, rows: Bools) -> None:
    number = int(np.count_nonzero(rows))
    if number:
        found.counts[code] += number


def _instant(stamp_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=stamp_us)
