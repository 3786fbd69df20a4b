"""What no single field of PARK.yaml can see: ids used twice, terms that overlap, logs that cannot be."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from core.errors import Problem
from core.park import Array, Dated, Park, overlapping
from core.park_pv import MOST_RATIO

FULL_CIRCLE_DEG = 360.0


def cross_checks(park: Park) -> Iterator[Problem]:
    """Yield every fault that no single field can see."""
    yield from _duplicates(park)
    yield from _references(park)
    yield from _device_terms(park)
    yield from _shards(park)
    for name in ("tariffs", "carbon"):
        yield from _overlap(getattr(park, name), name)
    if len(park.by_role("grid")) == 0:
        yield Problem("points", "no point has the role grid", "the balance hangs on the grid connection: add its meter")
    for name in ("arrays", "tariffs", "targets", "carbon"):
        for index, element in enumerate(getattr(park, name)):
            yield from _ordered(element, f"{name}[{index}]")
    for index, array in enumerate(park.arrays):
        yield from _horizon(array, f"arrays[{index}].horizon")
        yield from _orders(array, f"arrays[{index}].curtailments")
        yield from _in_order([c.day for c in array.cleanings], f"arrays[{index}].cleanings")
    if park.weather_service and not any(p.source == "service" for p in park.points):
        reason = "no point takes the service's weather"
        yield Problem("weather_service", reason, "add a point of the role weather with `source: service`")


def _horizon(array: Array, path: str) -> Iterator[Problem]:
    for index, (one, other) in enumerate(itertools.pairwise(array.horizon), start=1):
        if other[0] <= one[0]:
            reason = f"azimuth {other[0]:g} comes after {one[0]:g}"
            yield Problem(f"{path}[{index}]", reason, "go once around from north, every azimuth once")
    if array.horizon and array.horizon[-1][0] - array.horizon[0][0] == FULL_CIRCLE_DEG:
        low, high = array.horizon[0][1], array.horizon[-1][1]
        if low != high:
            reason = f"azimuth 360 is azimuth 0, where the elevation is {low:g}, not {high:g}"
            yield Problem(f"{path}[{len(array.horizon) - 1}]", reason, "leave one of them out")


def _orders(array: Array, path: str) -> Iterator[Problem]:
    for index, order in enumerate(array.curtailments):
        at = f"{path}[{index}]"
        yield from _ordered(order, at)
        if order.valid_from is None:
            yield Problem(f"{at}.valid_from", "is missing", "an order begins some time: add it")
        if order.limit_kw > MOST_RATIO * array.ac_kw:
            reason = f"{order.limit_kw:g} is {order.limit_kw / array.ac_kw:.3g} times ac_kw {array.ac_kw:g}"
            yield Problem(f"{at}.limit_kw", reason, "both are written in kW, not in W")
    yield from _in_order([o.valid_from for o in array.curtailments if o.valid_from], path)
    yield from _overlap(array.curtailments, path)


def _in_order(begun: Sequence[date], path: str) -> Iterator[Problem]:
    """Complain of a log that is not in order: an entry in the wrong place mostly bears a wrong year."""
    for index, (one, other) in enumerate(itertools.pairwise(begun), start=1):
        if other == one:
            yield Problem(f"{path}[{index}]", f"is the same time as number {index}", "write each entry once")
        elif other < one:
            yield Problem(
                f"{path}[{index}]", f"is earlier than number {index}", "write the oldest first; is the year right?"
            )


def _duplicates(park: Park) -> Iterator[Problem]:
    for name in ("points", "arrays", "receivers"):
        seen: dict[str, int] = {}
        for index, element in enumerate(getattr(park, name)):
            if element.id in seen and not (name == "arrays" and _apart(park, element)):
                yield Problem(f"{name}[{index}].id", f"{element.id} is used twice", "every id is used once")
            seen[element.id] = index


def _apart(park: Park, array: Array) -> bool:
    return overlapping([a for a in park.arrays if a.id == array.id]) is None


def _references(park: Park) -> Iterator[Problem]:
    roles = {p.id: p.role for p in park.points}
    for index, point in enumerate(park.points):
        if point.parent is not None and point.parent not in roles:
            yield Problem(f"points[{index}].parent", f"there is no point {point.parent}", _near(point.parent, roles))
        elif point.parent is not None and _circular(point.id, park):
            yield Problem(f"points[{index}].parent", f"{point.id} is its own ancestor", "the meter tree has no circles")
    for index, array in enumerate(park.arrays):
        for field, role in (("point", "pv"), ("weather", "weather")):
            wanted = getattr(array, field)
            if wanted is not None and roles.get(wanted) != role:
                candidates = [i for i, r in roles.items() if r == role]
                yield Problem(
                    f"arrays[{index}].{field}", f"there is no {role} point {wanted}", _near(wanted, candidates)
                )


def _circular(start: str, park: Park) -> bool:
    parents = {p.id: p.parent for p in park.points}
    at, seen = parents.get(start), {start}
    while at is not None and at not in seen:
        seen.add(at)
        at = parents.get(at)
    return at == start


def _device_terms(park: Park) -> Iterator[Problem]:
    holders: dict[str, list[tuple[str, Dated]]] = {}
    for p, point in enumerate(park.points):
        yield from _overlap(point.devices, f"points[{p}].devices")
        for d, device in enumerate(point.devices):
            yield from _ordered(device, f"points[{p}].devices[{d}]")
            if point.role != "weather":
                holders.setdefault(device.id, []).append((f"points[{p}].devices[{d}]", device))
    for device_id, held in holders.items():
        clash = overlapping([d for _, d in held])
        if clash:
            yield Problem(held[clash[1]][0], f"device {device_id} serves two points at once", "end one with valid_to")


def _shards(park: Park) -> Iterator[Problem]:
    known = {d.id for _, d in park.assignments()}
    held: dict[str, str] = {}
    for name, shard in park.mqtt.shards.items():
        for index, device in enumerate(shard.devices):
            at = f"mqtt.shards.{name}.devices[{index}]"
            if device not in known:
                yield Problem(at, f"there is no device {device}", _near(device, known))
            elif device in held:
                yield Problem(at, f"device {device} is in shard {held[device]} already", "every device is in one shard")
            held.setdefault(device, name)
    if park.mqtt.shards and park.store.kind == "embedded":
        reason = "the embedded store belongs to one process, so there is one collector"
        yield Problem("mqtt.shards", reason, "remove them, or give store.url of an InfluxDB")


def _overlap(elements: tuple[Dated, ...], path: str) -> Iterator[Problem]:
    clash = overlapping(elements)
    if clash:
        reason = f"overlaps in time with number {clash[0] + 1}"
        yield Problem(f"{path}[{clash[1]}]", reason, "end the earlier one with valid_to")


def _ordered(element: Dated, path: str) -> Iterator[Problem]:
    if element.valid_from and element.valid_to and element.valid_to <= element.valid_from:
        yield Problem(f"{path}.valid_to", "is not after valid_from")


def _near(word: str, known: Any) -> str:  # Any: any collection of names
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]}?" if near else "see `points`"
