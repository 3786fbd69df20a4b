"""From a topic to the device that published on it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.errors import ConfigError, Problem
from core.park import Park
from ingest.templates import Message, Template, template_problems


@dataclass(frozen=True)
class Route:
    """Who published: a device of the park, its template, the kind of message, the points it serves or has served.

    Where the telegram itself names its devices, the device is "" and there are no points.
    """

    device: str
    template: Template
    message: Message
    points: tuple[str, ...]


@dataclass(frozen=True)
class Unrouted:
    """Why a topic belongs to nobody: `unknown_device` or `unknown_topic`."""

    reason: str
    detail: str
    device: str = ""


class Router:
    """Knows every topic of a park's devices.

    Raises ConfigError where PARK.yaml names a template that does not exist.
    """

    def __init__(self, park: Park, templates: Mapping[str, Template]) -> None:
        problems = list(template_problems(park, templates))
        if problems:
            raise ConfigError(problems)
        self._devices = {d.id for _, d in park.assignments()}
        self._by_template: dict[str, set[str]] = {}
        for _, device in park.assignments():
            self._by_template.setdefault(device.template, set()).add(device.id)
        self._messages = _used_messages(park, templates)
        self.sparkplug = any(m.format == "sparkplug_b" for m in self._messages)
        self._routes = _routes(park, templates)
        self._open = {(m.topic.count("/") + 1, m.open_levels) for m in self._messages if m.open_levels}
        wanted = park.mqtt.topics or (m.subscription for m in self._messages)
        self.subscriptions = without_covered(wanted)

    def route(self, topic: str) -> Route | Unrouted:
        """Return whose message this is."""
        found = self._routes.get(topic) or (self._behind_open_levels(topic) if self._open else None)
        return found if found is not None else self._unrouted(topic)

    def serves(self, template: Template, device: str) -> bool:
        """Say whether the park has a device of this id and template."""
        return device in self._by_template.get(template.template, ())

    def stranger(self, device: str) -> Unrouted:
        """Say what is known of a device no route leads to."""
        if device in self._devices:
            return Unrouted("unknown_device", "PARK.yaml gives this device another template", device)
        near = difflib.get_close_matches(device, self._devices, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return Unrouted("unknown_device", f"no device in PARK.yaml has this id{hint}", device[:128])

    def _behind_open_levels(self, topic: str) -> Route | None:
        given = topic.split("/")
        for length, places in self._open:
            if len(given) == length:
                masked = ["+" if i in places else level for i, level in enumerate(given)]
                if (found := self._routes.get("/".join(masked))) is not None:
                    return found
        return None

    def _unrouted(self, topic: str) -> Unrouted:
        for message in self._messages:
            device = message.device_in(topic)
            if device is not None:
                return self.stranger(device)
        return Unrouted("unknown_topic", "no template of this park's devices publishes on this topic")


def _used_messages(park: Park, templates: Mapping[str, Template]) -> list[Message]:
    used = {d.template for _, d in park.assignments()}
    return [m for name in sorted(used) for m in templates[name].messages]


def _routes(park: Park, templates: Mapping[str, Template]) -> dict[str, Route]:
    points: dict[str, list[str]] = {}
    for point, device in park.assignments():
        if point.id not in points.setdefault(device.id, []):
            points[device.id].append(point.id)
    routes: dict[str, Route] = {}
    for _, device in park.assignments():
        template = templates[device.template]
        for message in template.messages:
            topic = message.topic_of(device.id)
            own = "" if message.several else device.id
            known = routes.setdefault(topic, Route(own, template, message, tuple(points.get(own, ()))))
            if (known.device, known.template) != (own, template):
                reason = f"devices {known.device or known.template.name} and {device.id} both publish on {topic}"
                raise ConfigError([Problem("points", reason, "give one of them another template")])
    return routes


def covers(wide: str, narrow: str) -> bool:
    """Say whether every topic the filter `narrow` matches is matched by `wide` too."""
    w, n = wide.split("/"), narrow.split("/")
    for i, level in enumerate(w):
        if level == "#":
            # A first-level wildcard never matches $SYS and its like.
            return not (i == 0 and n[0].startswith("$"))
        if i >= len(n) or n[i] == "#":
            return False
        if level == "+" and not (i == 0 and n[0].startswith("$")):
            continue
        if level != n[i]:
            return False
    return len(w) == len(n)


def without_covered(filters: Iterable[str]) -> tuple[str, ...]:
    """Return the filters without those another one covers: a broker may deliver once per matching filter."""
    unique = list(dict.fromkeys(filters))
    return tuple(f for f in unique if not any(o != f and covers(o, f) for o in unique))
