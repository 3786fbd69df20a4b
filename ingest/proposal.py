"""From messages heard on a broker to points and devices as they could stand in PARK.yaml."""

from __future__ import annotations

import itertools
import re
import statistics
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson
from pydantic import TypeAdapter, ValidationError

from core.park import DeviceId, Park
from core.quality import ReadingFlag
from ingest.decode import DecodeResult
from ingest.several import decode_telegram
from ingest.templates import Message, Template

MOST_TOPICS = 2000
MOST_QUANTITIES = 100
MOST_FITS = 500  # devices that one topic tells of, counted per template
KEPT_STAMPS = 200
SAMPLE_BYTES = 160
MOST_LISTED = 100
_ROUND_FROM_S = 5.0

_WEATHER = {"poa_wm2", "ghi_wm2", "temp_air_c", "temp_module_c", "wind_speed_ms"}
_UNCERTAIN = int(ReadingFlag.TIME_UNCERTAIN)
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_YAML_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_DEVICE_ID: TypeAdapter[str] = TypeAdapter(DeviceId)


@dataclass
class Fit:
    """What one template makes of one topic."""

    device: str
    quantities: dict[tuple[str, str], None] = field(default_factory=dict)
    stamps_us: deque[int] = field(default_factory=lambda: deque(maxlen=KEPT_STAMPS))
    uncertain: bool = False


@dataclass
class Topic:
    """What was heard on one topic.

    `fits` is by template and device, of which a gateway's telegram names many; `alike` names templates that read it on
    another topic.
    """

    name: str
    messages: int = 0
    sample: bytes = b""
    fits: dict[tuple[str, str], Fit] = field(default_factory=dict)
    alike: set[str] = field(default_factory=set)

    def best(self) -> tuple[str, list[Fit]] | None:
        """Return the template that reads the most quantities; of equals the first by name."""
        readable: dict[str, list[Fit]] = {}
        for (name, _), fit in sorted(self.fits.items()):
            if fit.quantities:
                readable.setdefault(name, []).append(fit)
        return max(readable.items(), key=lambda f: sum(len(fit.quantities) for fit in f[1]), default=None)


@dataclass(frozen=True)
class FoundDevice:
    """A device that was heard. `configured` says in words what PARK.yaml has of it, "" where nothing."""

    device: str
    template: str
    quantities: tuple[tuple[str, str], ...]
    interval_s: float | None
    has_time: bool
    topics: tuple[str, ...]
    configured: str

    def seen(self) -> str:
        """Return the quantities with their channels, as a person reads them."""
        channels: dict[str, list[str]] = {}
        for quantity, channel in self.quantities:
            channels.setdefault(quantity, []).append(channel)
        return ", ".join(q if c == [""] else f"{q} ({', '.join(x or 'total' for x in c)})" for q, c in channels.items())

    @property
    def role(self) -> str:
        """A guess at what it measures: what a meter stands for, no telegram says."""
        names = {q for q, _ in self.quantities}
        if names & _WEATHER and not any(q.startswith(("energy_", "active_")) for q in names):
            return "weather"
        return "pv" if "dc_power_kw" in names else "load"


@dataclass(frozen=True)
class Discovery:
    """What publishes on a broker."""

    seconds: float
    messages: int
    devices: tuple[FoundDevice, ...]
    unread: tuple[Topic, ...]
    left_off: int
    taken: frozenset[str]

    def told(self) -> str:
        """Return YAML to paste, what is known already and what nothing reads in comments."""
        new = [d for d in self.devices if not d.configured]
        lines = [f"# {self.messages:,} messages in {self.seconds:g} s from {len(self.devices)} devices, {len(new)} new"]
        if new:
            lines += ["# Choose each role: grid, pv, load, storage or weather; and add rating_kw.", "points:"]
        names = _names((d.device for d in new), self.taken)
        for device, name in zip(new, names, strict=True):
            lines += _proposed(device, name)
        known = [d for d in self.devices if d.configured]
        lines += ["# In PARK.yaml already:"] if known else []
        lines += [f"#   {_shown(d.device)}: {d.configured}; {d.seen()}" for d in known]
        lines += ["# No template reads these topics:"] if self.unread else []
        for topic in self.unread[:MOST_LISTED]:
            alike = f" (built like {', '.join(sorted(topic.alike))}, on another topic)" if topic.alike else ""
            lines.append(f"#   {_shown(topic.name)}{alike}: {_shown(topic.sample.decode('utf-8', 'replace'))}")
        more = self.left_off + max(0, len(self.unread) - MOST_LISTED)
        lines += [f"#   and {more:,} more topics"] if more else []
        return "\n".join(lines)


class Hearing:
    """Takes messages and remembers of each topic what its templates make of it, within bounds."""

    def __init__(self, park: Park, templates: Mapping[str, Template]) -> None:
        self._park = park
        self._templates = templates
        self._topics: dict[str, Topic] = {}
        self._left_off: set[int] = set()
        self._messages = 0

    def note(self, name: str, payload: bytes, received_at: datetime, retained: bool) -> None:
        """Take one message; a retained one says what a device sends, but not when."""
        self._messages += 1
        topic = self._topics.get(name)
        if topic is None:
            if len(self._topics) >= MOST_TOPICS:
                if len(self._left_off) < MOST_TOPICS:
                    self._left_off.add(hash(name))
                return
            topic = self._topics[name] = Topic(name)
        topic.messages += 1
        topic.sample = payload[:SAMPLE_BYTES]
        on_topic = False
        for template in self._templates.values():
            message = template.message_for(name)
            if message is not None:
                on_topic = True
                device = message.device_in(name) or ""
                for result in decode_telegram(template, message, device, payload, received_at, self._park.zone):
                    self._note(topic, template, result, retained)
        if not on_topic and topic.messages == 1:
            topic.alike = self._alike(payload, received_at)

    def _note(self, topic: Topic, template: Template, result: DecodeResult, retained: bool) -> None:
        key = (template.name, result.device)
        if key not in topic.fits and len(topic.fits) >= MOST_FITS:
            return
        fit = topic.fits.setdefault(key, Fit(result.device))
        for row in result.rows:
            if len(fit.quantities) < MOST_QUANTITIES:
                fit.quantities.setdefault((row.quantity, row.channel))
            fit.uncertain |= bool(row.flags & _UNCERTAIN)
        if not retained:
            fit.stamps_us.extend({row.time_us for row in result.rows})

    def _alike(self, payload: bytes, received_at: datetime) -> set[str]:
        """Return the templates that read a payload, whatever its topic."""
        return {
            template.name
            for template in self._templates.values()
            for message in template.messages
            if self._reads(template, message, payload, received_at)
        }

    def _reads(self, template: Template, message: Message, payload: bytes, received_at: datetime) -> bool:
        return any(r.rows for r in decode_telegram(template, message, "", payload, received_at, self._park.zone))

    def found(self, seconds: float) -> Discovery:
        """Return what was heard so far: devices by name, unread topics by name."""
        by_device: dict[tuple[str, str], list[tuple[Topic, Fit]]] = {}
        for topic in sorted(self._topics.values(), key=lambda t: t.name):
            best = topic.best()
            for fit in best[1] if best is not None else ():
                if best is not None and _is_device(fit.device):
                    by_device.setdefault((fit.device, best[0]), []).append((topic, fit))
        devices = tuple(self._device(d, t, parts) for (d, t), parts in sorted(by_device.items()))
        heard = {d.device for d in devices}
        unread = tuple(
            topic
            for topic in sorted(self._topics.values(), key=lambda t: t.name)
            if topic.best() is None and not any(f.device in heard for f in topic.fits.values())
        )
        taken = frozenset(p.id for p in self._park.points)
        return Discovery(seconds, self._messages, devices, unread, len(self._left_off), taken)

    def _device(self, device: str, template: str, parts: Sequence[tuple[Topic, Fit]]) -> FoundDevice:
        quantities = dict.fromkeys(itertools.chain.from_iterable(fit.quantities for _, fit in parts))
        intervals = [s for _, fit in parts if (s := _interval_s(fit.stamps_us)) is not None]
        has_time = not all(fit.uncertain for _, fit in parts)
        return FoundDevice(
            device,
            template,
            tuple(quantities),
            min(intervals, default=None),
            has_time,
            tuple(topic.name for topic, _ in parts),
            self._configured(device, template),
        )

    def _configured(self, device: str, template: str) -> str:
        own = [(p, d) for p, d in self._park.assignments() if d.id == device]
        if not own:
            return ""
        points = ", ".join(dict.fromkeys(p.id for p, _ in own))
        others = sorted({d.template for _, d in own} - {template})
        return f"point {points}" + (f", but with template {others[0]}; {template} fits what it sends" if others else "")


def _interval_s(stamps_us: Iterable[int]) -> float | None:
    """Return the median spacing of a topic's times; None where fewer than two were heard."""
    steps = [b - a for a, b in itertools.pairwise(sorted(set(stamps_us)))]
    if not steps:
        return None
    seconds = statistics.median(steps) / 1e6
    return float(round(seconds)) if seconds >= _ROUND_FROM_S else max(0.1, round(seconds, 1))


def _is_device(name: str) -> bool:
    try:
        _DEVICE_ID.validate_python(name)
    except ValidationError:
        return False
    return True


def _proposed(device: FoundDevice, name: str) -> list[str]:
    interval = f", interval_s: {device.interval_s:g}" if device.interval_s else ""
    untimed = [] if device.has_time else ["    # sends no time of its own: the time of receipt is taken"]
    return [
        f"  - id: {_scalar(name)}",
        f"    role: {device.role}",
        f"    name: {_scalar(device.device)}",
        f"    # {device.seen()}",
        *untimed,
        "    devices:",
        f"      - {{id: {_scalar(device.device)}, template: {device.template}{interval}}}",
    ]


def _names(devices: Iterable[str], taken: Iterable[str]) -> list[str]:
    """Return an id for the point of every device that no other point has."""
    used, names = set(taken), []
    for device in devices:
        slug = re.sub(r"[^a-z0-9_-]+", "-", device.lower()).lstrip("_-")[:50] or "point"
        name = next(n for k in itertools.count(1) if (n := slug if k == 1 else f"{slug}-{k}") not in used)
        used.add(name)
        names.append(name)
    return names


def _scalar(text: str) -> str:
    """Write a text as a YAML scalar; a JSON string is one too."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS
    return text if plain else orjson.dumps(text).decode()


def _shown(text: str) -> str:
    """Return text without anything a terminal would obey: strangers wrote it."""
    return "".join(c if c.isprintable() else "·" for c in text)
