"""Several collectors for one park: which of them receives what.

Shares are static and by topic: a session's queue at the broker stays with its client id, so a share that moved by
itself would leave messages behind. Every device is in exactly one share and no two shares receive the same topic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

from core.errors import ConfigError, Problem
from core.park import Park, Shard
from ingest.router import covers, without_covered
from ingest.templates import Template

WHOLE = ""  # the name of the one collector of a park without shards


def client_id_of(park: Park, shard: str = WHOLE) -> str:
    """Return the stable client id of a collector."""
    whole = park.mqtt.client_id or f"parkwatt-{park.id}"
    return f"{whole}-{shard}" if shard else whole


def collectors_of(park: Park) -> tuple[str, ...]:
    """Return the names of a park's collectors, in the file's order; the first one watches the broker."""
    return tuple(park.mqtt.shards) or (WHOLE,)


def checked_shard(park: Park, shard: str) -> str:
    """Return `shard` where the park has it; raises ConfigError where a collector of that name is none of its."""
    if shard in collectors_of(park):
        return shard
    names = ", ".join(park.mqtt.shards)
    if not names:
        raise ConfigError(f"PARK.yaml has no shard {shard}", "mqtt.shards declares them")
    if not shard:
        raise ConfigError(
            f"this park has several collectors: {names}", "start one for each: parkwatt ingest --shard NAME"
        )
    raise ConfigError(f"PARK.yaml has no shard {shard}", f"mqtt.shards has {names}")


def shard_filters(park: Park, templates: Mapping[str, Template]) -> dict[str, tuple[str, ...]]:
    """Return what each shard subscribes to; raises ConfigError where a device is in none or more than one."""
    if not park.mqtt.shards:
        return {}
    own = _topics_by_device(park, templates)
    filters = {name: _filters(shard, own) for name, shard in park.mqtt.shards.items()}
    problems = [*_shared(filters), *_unserved(filters, own)]
    if problems:
        raise ConfigError(problems)
    return filters


def unheard(park: Park, templates: Mapping[str, Template], filters: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the topics of the park's templates that no shard receives as a whole: a new meter there goes unnoticed."""
    used = sorted({d.template for _, d in park.assignments()})
    wanted = dict.fromkeys(m.subscription for name in used for m in templates[name].messages)
    received = [f for own in filters.values() for f in own]
    return [w for w in wanted if not any(covers(f, w) for f in received)]


def _topics_by_device(park: Park, templates: Mapping[str, Template]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for _, device in park.assignments():
        topics = found.setdefault(device.id, [])
        topics += [t for m in templates[device.template].messages if (t := m.topic_of(device.id)) not in topics]
    return found


def _filters(shard: Shard, topics: Mapping[str, list[str]]) -> tuple[str, ...]:
    return without_covered([*shard.topics, *(t for d in shard.devices for t in topics[d])])


def _shared(filters: Mapping[str, tuple[str, ...]]) -> Iterator[Problem]:
    for (one, left), (other, right) in combinations(filters.items(), 2):
        for a, b in ((a, b) for a in left for b in right if intersect(a, b)):
            reason = f"receives {b}, and shard {one} receives {a}: some topics reach both"
            yield Problem(f"mqtt.shards.{other}", reason, "every topic belongs to one shard")


def _unserved(filters: Mapping[str, tuple[str, ...]], topics: Mapping[str, list[str]]) -> Iterator[Problem]:
    for device, own in topics.items():
        serving = {_receiver(filters, topic) for topic in own}
        if len(serving) == 1 and None not in serving:
            continue
        lost = next((topic for topic in own if _receiver(filters, topic) is None), None)
        reason = f"no shard receives {lost} of device {device}" if lost else f"several shards receive device {device}"
        yield Problem("mqtt.shards", reason, "name the device in one shard")


def _receiver(filters: Mapping[str, tuple[str, ...]], topic: str) -> str | None:
    return next((name for name, own in filters.items() if any(covers(f, topic) for f in own)), None)


def intersect(one: str, other: str) -> bool:
    """Say whether some topic is matched by both filters."""
    a, b = one.split("/"), other.split("/")
    if any(x[0] in {"+", "#"} and y[0].startswith("$") for x, y in ((a, b), (b, a))):
        return False
    for i in range(max(len(a), len(b))):
        left, right = (x[i] if i < len(x) else None for x in (a, b))
        if "#" in {left, right}:
            return True  # also one level up: a/# matches a
        if left is None or right is None:
            return "#" in {*a[i : i + 1], *b[i : i + 1]}
        if left != right and "+" not in {left, right}:
            return False
    return True
