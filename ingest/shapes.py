"""Messages read many at a time: what a document of a known shape holds, without asking its template again.

`decode.py` says what a message means. Here that is remembered per device and set of keys: the next telegram of the same
shape only has its values taken out, and range, unit and names follow for the whole batch in arrays. Whatever is not
plain (a null, a text, a list, a key never seen, a time that means nothing) is left to `decode.py`, message by message.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd

from core.frames import readings_frame
from core.quality import ReadingFlag
from ingest.decode import BOUNDS, MAX_PAYLOAD_BYTES, Row, own_name, stamp, utc, walk
from ingest.handoff import Received
from ingest.router import Route
from ingest.templates import Message, ReadingSpec

MOST_LANES = 1_000_000  # a sender that invents names without end must not fill the memory
MOST_SHAPES = 10_000
_NUMBERS = frozenset({float, int})  # by identity: a boolean is an int to isinstance

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
# What the holder's values are called: quantity, channel, multiply, divide.
Named = tuple[str, str, float, float]


class Names:
    """Texts by number, and the numbers as a column of a frame."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._dtype: pd.CategoricalDtype | None = None

    def code(self, name: str) -> int:
        """Return the number of a text, a new one where it is new."""
        code = self._codes.get(name)
        if code is None:
            code = self._codes[name] = len(self._codes)
            self._dtype = None
        return code

    def column(self, codes: npt.NDArray[np.int32]) -> pd.Categorical:
        """Return a column of these texts."""
        if self._dtype is None:
            self._dtype = pd.CategoricalDtype(pd.Index(list(self._codes), dtype="object"))
        return pd.Categorical.from_codes(codes, dtype=self._dtype, validate=False)


class Lanes:
    """Where values go: a lane is a series and the scale its value is sent in. Lanes of one shape stand together."""

    def __init__(self) -> None:
        self._names = {"device": Names(), "quantity": Names(), "channel": Names()}
        self._codes = {name: array("i") for name in self._names}
        self._multiply, self._divide, self._low, self._high = (array("d") for _ in range(4))
        self._single: dict[tuple[str, str, str], int] = {}

    def __len__(self) -> int:
        return len(self._multiply)

    def block(self, device: str, named: Iterable[Named]) -> int:
        """Make lanes for the values of one device's shape; return the first."""
        start = len(self)
        for quantity, channel, multiply, divide in named:
            for column, text in (("device", device), ("quantity", quantity), ("channel", channel)):
                self._codes[column].append(self._names[column].code(text))
            low, high = BOUNDS[quantity]
            for numbers, number in zip(
                (self._multiply, self._divide, self._low, self._high), (multiply, divide, low, high), strict=True
            ):
                numbers.append(number)
        return start

    def single(self, device: str, quantity: str, channel: str) -> int:
        """Return the lane of a value that is in its quantity's own unit already."""
        key = (device, quantity, channel)
        lane = self._single.get(key)
        if lane is None:
            lane = self._single[key] = self.block(device, [(quantity, channel, 1.0, 1.0)])
        return lane

    def texts(self, lanes: Ints) -> dict[str, pd.Categorical]:
        """Return device, quantity and channel of every lane."""
        return {c: names.column(np.frombuffer(self._codes[c], np.int32)[lanes]) for c, names in self._names.items()}

    def scaled(self, lanes: Ints, numbers: Floats) -> Floats:
        """Bring numbers as sent into the unit of their quantity."""
        with np.errstate(over="ignore"):
            return numbers * np.frombuffer(self._multiply)[lanes] / np.frombuffer(self._divide)[lanes]

    def out_of_range(self, lanes: Ints, values: Floats) -> npt.NDArray[np.bool_]:
        """Say which values their quantity cannot have."""
        low, high = np.frombuffer(self._low)[lanes], np.frombuffer(self._high)[lanes]
        return ~((low <= values) & (values <= high))


@dataclass
class Sheet:
    """Values of a batch as they are taken out: runs of (first lane, count, time, flags, time of receipt, message)."""

    lanes: Lanes
    runs: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add_rows(self, device: str, rows: Sequence[Row], received_us: int, index: int) -> None:
        """Take over what `decode.py` made of a message."""
        for time_us, quantity, channel, value, flags in rows:
            self.runs.append((self.lanes.single(device, quantity, channel), 1, time_us, flags, received_us, index))
            self.values.append(value)

    def frame(self) -> tuple[pd.DataFrame, Ints, Ints]:
        """Return a READINGS frame, the message of each row, and the messages that hold a value without end."""
        nothing = np.empty(0, np.int64)
        if not self.runs:
            return readings_frame(), nothing, nothing
        runs = np.array(self.runs, np.int64)
        start, count = runs[:, 0], runs[:, 1]
        lane = np.repeat(start - (np.cumsum(count) - count), count) + np.arange(count.sum())
        time_us, flags, received_us, origin = (np.repeat(runs[:, k], count) for k in range(2, 6))
        values = self.lanes.scaled(lane, np.array(self.values, np.float64))
        endless = np.unique(origin[~np.isfinite(values)])
        flags |= np.where(self.lanes.out_of_range(lane, values), int(ReadingFlag.OUT_OF_RANGE), 0)
        columns = {
            "time": utc(time_us),
            **self.lanes.texts(lane),
            "value": values,
            "received_at": utc(received_us),
            "flags": flags.astype(np.int16),
        }
        return readings_frame(columns), origin, endless


@dataclass(frozen=True, eq=False)
class Shape:
    """What the values of an object with these keys are called."""

    take: Callable[[dict[str, Any]], tuple[Any, ...]]  # Any: what a device wrote
    named: tuple[Named, ...]


class Holder:
    """An object in a document that values are read from; knows the sets of keys it has had."""

    def __init__(self, path: tuple[str, ...], specs: Sequence[ReadingSpec] = (), *, own_names: bool = False) -> None:
        self.path = path
        self._specs = specs
        self._own_names = own_names
        self._shapes: dict[tuple[str, ...], Shape | None] = {}

    def shape(self, holder: dict[str, Any]) -> Shape | None:
        """Return how to read this object, None where only `decode.py` can."""
        keys = tuple(holder)
        try:
            return self._shapes[keys]
        except KeyError:
            if len(self._shapes) >= MOST_SHAPES:
                self._shapes.clear()
            shape = self._shapes[keys] = self._compiled(keys)
            return shape

    def _compiled(self, keys: tuple[str, ...]) -> Shape | None:
        read = self._by_name(keys) if self._own_names else self._by_spec(keys)
        if read is None:
            return None
        wanted = [key for key, _ in read]
        named = tuple(name for _, name in read)
        if len(wanted) == 1:
            (only,) = wanted
            return Shape(lambda holder: (holder[only],), named)
        return Shape(itemgetter(*wanted) if wanted else lambda _holder: (), named)

    def _by_name(self, keys: tuple[str, ...]) -> list[tuple[str, Named]] | None:
        found: list[tuple[str, Named]] = []
        for key in keys:
            name = own_name(key)
            if name is None:
                continue
            if isinstance(name, str):
                return None
            found.append((key, (*name, 1.0, 1.0)))
        return found

    def _by_spec(self, keys: tuple[str, ...]) -> list[tuple[str, Named]] | None:
        present = [s for s in self._specs if s.keys[-1] in keys]
        if any(s.channels or s.minus_keys or s.numeric_text for s in present):
            return None
        return [(s.keys[-1], (s.quantity, s.channel, *s.scale)) for s in present]


def holders_of(message: Message, blocks: dict[str, tuple[ReadingSpec, ...]]) -> list[Holder] | None:
    """Return the objects a kind of message is read from, None where there is no telling before it comes."""
    if not message.plain or message.format != "json" or message.list_at or (message.own_names and message.read):
        return None
    if message.own_names:
        return [Holder(message.at_keys, own_names=True)]
    specs = [(tuple(path.split(".")) if path else (), s) for block, path in message.read.items() for s in blocks[block]]
    specs += [((), s) for s in message.readings]
    series = [(s.quantity, s.channel) for _, s in specs]
    if message.bare or len(set(series)) < len(series):
        return None
    by_path: dict[tuple[str, ...], list[ReadingSpec]] = {}
    for path, spec in specs:
        by_path.setdefault((*path, *spec.keys[:-1]), []).append(spec)
    return [Holder(path, found) for path, found in by_path.items()]


class Plan:
    """How the messages of one device on one topic are read."""

    def __init__(self, route: Route, holders: Sequence[Holder], zone: ZoneInfo, lanes: Lanes) -> None:
        self._device = route.device
        self._time = route.message.time
        self._holders = holders
        self._zone = zone
        self._lanes = lanes
        self._blocks: dict[Shape, int] = {}

    def read(self, message: Received, index: int, sheet: Sheet) -> bool:
        """Take the values of a message out; False, and nothing taken, where `decode.py` has to look."""
        document = _object(message.payload)
        if document is None:
            return False
        stamped = stamp(document, self._time, self._zone, message.received_us)
        taken = None if isinstance(stamped, str) else self._taken(document)
        if not taken or isinstance(stamped, str):
            return False
        time_us, flags = stamped
        for shape, values in taken:
            sheet.runs.append((self._block(shape), len(values), time_us, flags, message.received_us, index))
            sheet.values += values
        return True

    def _taken(self, document: dict[str, Any]) -> list[tuple[Shape, tuple[Any, ...]]] | None:
        """Return the values of every object; None where one of them is not plain."""
        taken: list[tuple[Shape, tuple[Any, ...]]] = []
        for holder in self._holders:
            found = walk(document, holder.path) if holder.path else document
            if found is None:
                continue
            shape = holder.shape(found) if type(found) is dict else None
            if shape is None:
                return None
            values = shape.take(found)
            if not _NUMBERS.issuperset(map(type, values)):
                return None
            if values:
                taken.append((shape, values))
        return taken

    def _block(self, shape: Shape) -> int:
        start = self._blocks.get(shape)
        if start is None:
            start = self._blocks[shape] = self._lanes.block(self._device, shape.named)
        return start


def _object(payload: bytes) -> dict[str, Any] | None:
    """Return the object a payload is, None where it is anything else."""
    try:
        document = orjson.loads(payload) if len(payload) <= MAX_PAYLOAD_BYTES else None
    except orjson.JSONDecodeError:
        return None
    return document if type(document) is dict else None
