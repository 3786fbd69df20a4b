"""Mutated payloads over all device templates: `make torture ARGS=payloads`.

Every golden payload is mutated in its structure (types swapped, keys gone, renamed or doubled, numbers huge or no
numbers, lists nested, times out of range) or in its bytes, and goes the collector's own way from topic to batch. It
holds where nothing raises, every telegram becomes readings or a reason, or is one the template passes over, and no
reading is without bounds in value or time. At least half of the payloads must still be JSON.
"""

from __future__ import annotations

import copy
import json
import math
import random
import re
import resource
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson
import yaml

from core.clock import SystemClock
from core.park import Park
from core.park_file import load_park
from core.quantities import READING
from ingest import tahu
from ingest.batch import BatchReader
from ingest.decode import FUTURE_LIMIT_US
from ingest.device_time import CLOCKS_EXIST_US, microseconds
from ingest.handoff import Received
from ingest.router import Router
from ingest.sparkplug import Nodes
from ingest.templates import Template, load_templates

PAYLOADS = 1_000_000
AT_ONCE = 500
STRUCTURAL = 0.75  # of the mutations of a payload that is JSON
NEW_MEMORY_MB = 100  # at most, over a whole run
NOW = datetime(2026, 10, 1, 0, 15, 2, tzinfo=UTC)
DEVICES = Path(__file__).parents[1] / "devices"
PARK = Path(__file__).parents[1] / "data" / "small_park.yaml"

PIECES = [
    b"null", b"true", b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-0", b'""', b'"12"', b"[]", b"{}", b"[[[[",
    b"9" * 400, b'"\\ud800"', b"\xff", b"\x00", b'"9999-12-31T23:59:59+00:00"', b'"0001-01-01T00:00:00"', b"1e-400",
    b"253402300800", b"-62135596800", b'"2026-02-30T00:00:00Z"', b'{"a":' * 300, b",", b":", b'"', b"}", b"]",
    b"\\", b"=", b" ", b"\n", b"i", b"1554079521000000000", b"\x12\x00", b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
]  # fmt: skip
SCALARS: list[Any] = [
    None, True, False, 0, -0.0, 1, -1, 1e308, -1e308, 5e-324, 2**53 + 1, 2**63, -(2**63), 10**30, 10**300, "", "12",
    "-12.5", "1e5", "NaN", "Infinity", "1_000", "１２", "0x10", "电", "\ud800", "a\x00b", " 12 ", "12,5", [], {},
]  # fmt: skip
TIMES: list[Any] = [
    0, -1, 1, 946684799, 946684800, 1790812800, 1790812800000, 1790812800000000, 253402300800, 1e18, -1e18, 4102444800,
    "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00", "2026-02-30T00:00:00Z", "2026-10-01T08:15:00",
    "2026-10-01T08:15:00+08:00", "2026-10-01", "08:15", "", None, True, [1790812800], {"s": 1790812800},
]  # fmt: skip
NAMES = ["", "time", "timestamp", "value", "data", "é", "电能", "a.b", "x" * 300, "__proto__", *READING]
VALUES: dict[str, tuple[Any, ...]] = {
    "int_value": (0, 1, 255, 2**31, 2**32 - 1),
    "long_value": (0, 10231, 2**53 + 1, 2**63, 2**64 - 1),
    "float_value": (0.0, -1.5, math.inf, math.nan, 3e38),
    "double_value": (0.0, 10231.45, -math.inf, math.nan, 1e308),
    "boolean_value": (True, False),
    "string_value": ("", "12", "on"),
}
WORDS = [
    b"", b"0", b"-1.5", b"12i", b"12u", b"1e400", b"t", b"False", b'"on, \\"x\\" = 1"', b'"', b"\\ ", b"energy_import_kwh",
    b"active_power_kw.l1", b"active_power_kw.L1", b"1790812800000000000", b"-1", b"99999999999999999999", b"1790812800",
    b",", b" ", b"=", b"\n", b"#", "é".encode(), b"\xff", b"nan", b"inf", b"1_000",
]  # fmt: skip

Document = Any
Path_ = tuple[Document, Any]  # what holds a value, and under which key or place


class Golden(NamedTuple):
    """A payload as it was found, with its topic."""

    topic: str
    payload: bytes
    document: Document  # parsed, or None where it is no JSON


@dataclass
class Outcome:
    """What became of the payloads of one template."""

    template: str
    payloads: int = 0
    json: int = 0
    with_readings: int = 0
    with_reason: int = 0
    passed_over: int = 0
    readings: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def goldens(name: str) -> list[Golden]:
    """Return every payload beside a template."""
    found = []
    for file in sorted((DEVICES / name).rglob("payload.json")):
        origin = yaml.safe_load((file.parent / "provenance.yaml").read_text(encoding="utf-8"))
        others = [(topic, payload.encode()) for topic, payload in origin.get("also", {}).items()]
        for topic, payload in [(origin["topic"], file.read_bytes()), *others]:
            found.append(Golden(topic, payload, _parsed(payload)))
    return found


def _parsed(payload: bytes) -> Document:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None


def devices_of(name: str) -> set[str]:
    """Return the devices the payloads beside a template are of."""
    found: set[str] = set()
    for file in (DEVICES / name).rglob("provenance.yaml"):
        device = yaml.safe_load(file.read_text(encoding="utf-8"))["device"]
        found |= {device} if isinstance(device, str) else set(device)
    return found


def router_of(park: Park, template: Template) -> Router:
    """Return the router of a park that has nothing but the devices of one template."""
    example = next(p for p in park.points if p.devices)
    points = tuple(
        example.model_copy(
            update={
                "id": f"p{i}",
                "devices": (example.devices[0].model_copy(update={"id": device, "template": template.name}),),
            }
        )
        for i, device in enumerate(sorted(devices_of(template.name)))
    )
    return Router(park.model_copy(update={"points": points}), {template.name: template})


# -- mutations


def in_bytes(payload: bytes, rng: random.Random) -> bytes:
    """Cut, repeat, flip or replace a few places of a payload."""
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(payload) + 1)
        end = min(len(payload), at + rng.randint(0, 12))
        choice = rng.random()
        if choice < 0.2:
            payload = payload[:at] + payload[end:]
        elif choice < 0.45:
            payload = payload[:at] + rng.choice(PIECES) + payload[end:]
        elif choice < 0.75:
            payload = payload[:at] + bytes([rng.randrange(256)]) + payload[at + 1 :]
        else:
            payload = payload[:at] + payload[at:end] * 3 + payload[end:]
    return payload


def in_structure(document: Document, rng: random.Random) -> bytes:
    """Change a document at one to three places and write it again."""
    root = {"": orjson.loads(orjson.dumps(document))}
    for _ in range(rng.randint(1, 3)):
        places = _places(root)
        holder, key = rng.choice(places)
        rng.choice(CHANGES)(holder, key, rng)
    if rng.random() < 0.03:
        for _ in range(rng.choice((3, 50, 900))):
            root = {"": [root[""]] if rng.random() < 0.5 else {"a": root[""]}}
    written = json.dumps(root[""], ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    if rng.random() < 0.05 and written.startswith(b"{") and len(written) > 2:
        inner = written[1:-1]
        written = b"{" + inner + b", " + inner + b"}"  # every key twice
    return written


def _places(root: Document) -> list[Path_]:
    """Return every place of a document."""
    found: list[Path_] = []
    waiting = [root]
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])
    return found


def _fresh(values: list[Any], rng: random.Random) -> Any:
    """Return one of the values, a list or object as a new one: later changes must not reach into the next payload."""
    return copy.copy(rng.choice(values))


def _replace(holder: Document, key: Any, rng: random.Random) -> None:
    holder[key] = _fresh(SCALARS, rng)


def _time(holder: Document, key: Any, rng: random.Random) -> None:
    holder[key] = _fresh(TIMES, rng)


def _drop(holder: Document, key: Any, rng: random.Random) -> None:  # noqa: ARG001 - all changes are called alike
    if key != "":
        del holder[key]


def _rename(holder: Document, key: Any, rng: random.Random) -> None:
    if isinstance(holder, dict) and key != "":
        holder[rng.choice([*NAMES, str(key).upper(), f"{key} "])] = holder.pop(key)


def _nest(holder: Document, key: Any, rng: random.Random) -> None:
    value = holder[key]
    holder[key] = rng.choice(([value], [value, copy.deepcopy(value)], {"value": value}, [[value]], {str(key): value}))


def _repeat(holder: Document, key: Any, rng: random.Random) -> None:
    value = holder[key]
    if isinstance(value, list) and value:
        holder[key] = [copy.deepcopy(v) for v in value * rng.choice((2, 3, 30))]


def _text(holder: Document, key: Any, rng: random.Random) -> None:
    value = holder[key]
    if isinstance(value, int | float):
        holder[key] = rng.choice((str(value), -value, value * 1e6, value + 0.5, [value], f"{value} kWh"))
    elif isinstance(value, str):
        holder[key] = rng.choice((value[::-1], value * 2, value[:-1], len(value)))


def _add(holder: Document, key: Any, rng: random.Random) -> None:  # noqa: ARG001 - as above
    if isinstance(holder, dict):
        holder[rng.choice(NAMES)] = _fresh(SCALARS, rng)
    else:
        holder.append(_fresh(SCALARS, rng))


CHANGES: list[Callable[[Document, Any, random.Random], None]] = [
    _replace, _replace, _time, _drop, _rename, _nest, _repeat, _text, _text, _add,
]  # fmt: skip


def of_sparkplug(rng: random.Random) -> bytes:
    """Return a telegram of Sparkplug B with sequence, aliases, types and values that may not fit together."""
    metrics = []
    for _ in range(rng.randint(0, 5)):
        metric: dict[str, Any] = {}
        if rng.random() < 0.6:
            metric["name"] = rng.choice([*READING, *NAMES[:8], "bdSeq", "active_power_kw.l1"])
        if rng.random() < 0.6:
            metric["alias"] = rng.choice((0, 1, 2, 3, 9, 2**64 - 1))
        if rng.random() < 0.5:
            metric["timestamp"] = rng.choice((0, 1, 1790812800000, 1790812800, 2**63, 2**64 - 1))
        if rng.random() < 0.7:
            metric["datatype"] = rng.randint(0, 30)
        if rng.random() < 0.1:
            metric["is_null"] = True
        kind, values = rng.choice(tuple(VALUES.items()))
        metric[kind] = rng.choice(values)
        metrics.append(metric)
    seq = rng.choice((None, 0, 0, 1, 2, 3, 255, 256, 2**64 - 1))
    built = tahu.build(rng.choice((0, 1790812800000, 1790812860000, 2**64 - 1)), metrics, seq)
    return built if rng.random() < STRUCTURAL else in_bytes(built, rng)


def of_lines(payload: bytes, rng: random.Random) -> bytes:
    """Change whole words of line protocol: names, values, times."""
    words = re.split(rb"([ ,=\n])", payload)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(words))
        words[at] = rng.choice(WORDS)
    return b"".join(words)


def mutated(golden: Golden, template: Template, rng: random.Random) -> bytes:
    """Return a mutation of a payload."""
    if rng.random() >= STRUCTURAL:
        return in_bytes(golden.payload, rng)
    form = template.messages[0].format
    if form == "sparkplug_b":
        return of_sparkplug(rng)
    if form == "line_protocol":
        return of_lines(golden.payload, rng)
    return in_structure(golden.document, rng) if golden.document is not None else in_bytes(golden.payload, rng)


# -- one template


def torture(template: Template, payloads: int, seed: int) -> Outcome:
    """Send so many mutated payloads through router and decoder."""
    rng = random.Random(f"{template.name} {seed}")  # noqa: S311 - a seed that can be run again is the point
    router = router_of(load_park(PARK), template)
    nodes = Nodes(SystemClock(), lambda _topic, _payload: None) if router.sparkplug else None
    reader = BatchReader(router, ZoneInfo("Europe/Berlin"), nodes)
    found = goldens(template.name)
    outcome = Outcome(template.name)
    while outcome.payloads < payloads:
        messages = []
        for _ in range(min(AT_ONCE, payloads - outcome.payloads)):
            golden = rng.choice(found)
            payload = mutated(golden, template, rng)
            outcome.payloads += 1
            outcome.json += _parsed(payload) is not None or payload.strip() == b"null"
            messages.append(Received(golden.topic, payload, microseconds(NOW), 0, 1, 1))
        try:
            batch = reader.read(messages)
        except Exception as error:  # noqa: BLE001 - what is looked for
            outcome.wrong.append(f"{type(error).__name__}: {error}")
            continue
        _count(outcome, messages, batch, router)
    return outcome


def _count(outcome: Outcome, messages: list[Received], batch: Any, router: Router) -> None:
    read, faulty = set(batch.origin.tolist()), set(batch.faulty)
    outcome.with_readings += len(read)
    outcome.with_reason += len(faulty)
    outcome.readings += len(batch.readings)
    outcome.reasons += batch.counts
    times = batch.readings["time"].to_numpy("datetime64[us]").astype("int64")
    if not all(map(math.isfinite, batch.readings["value"])):
        outcome.wrong.append("a value without bounds")
    if len(times) and not (times.min() >= CLOCKS_EXIST_US and times.max() <= microseconds(NOW) + FUTURE_LIMIT_US):
        outcome.wrong.append(f"a time out of bounds: {times.min()} to {times.max()}")
    if any(not item.reason for item in batch.quarantine) or len(batch.quarantine) != len(batch.faulty):
        outcome.wrong.append("quarantine without a reason")
    for index in set(range(len(messages))) - read - faulty:
        route = router.route(messages[index].topic)
        message = getattr(route, "message", None)
        if message is not None and (message.without_readings == "ignore" or message.no_value):
            outcome.passed_over += 1
        else:
            outcome.wrong.append(f"neither readings nor a reason: {messages[index].payload!r:.120}")


def run(share: float, seed: int) -> bool:
    """Mutate payloads of every template and print what became of them."""
    templates = load_templates()
    each = math.ceil(PAYLOADS * share / len(templates))
    print(
        f"{'template':28}{'payloads':>10}{'JSON':>9}{'with readings':>15}{'with a reason':>15}{'passed over':>13}  most often"
    )
    outcomes: list[Outcome] = []
    first_mb = 0.0
    for name in sorted(templates):
        outcome = torture(templates[name], each, seed)
        outcomes.append(outcome)
        first_mb = first_mb or _memory_mb()
        often = ", ".join(f"{reason} {n}" for reason, n in outcome.reasons.most_common(3))
        print(
            f"{name:28}{outcome.payloads:10}{outcome.json:9}{outcome.with_readings:15}{outcome.with_reason:15}"
            f"{outcome.passed_over:13}  {often}",
            flush=True,
        )
        print("".join(f"  {line}\n" for line in outcome.wrong[:5]), end="")
    total, valid = sum(o.payloads for o in outcomes), sum(o.json for o in outcomes)
    grown_mb = _memory_mb() - first_mb
    wrong = sum(len(o.wrong) for o in outcomes)
    print(
        f"{total} payloads, {valid} of them still JSON ({100 * valid / total:.1f} %), "
        f"{sum(o.readings for o in outcomes)} readings, {wrong} wrong, {grown_mb:.0f} MB more memory than after the first"
    )
    return not wrong and valid * 2 >= total and grown_mb <= NEW_MEMORY_MB


def _memory_mb() -> float:
    """Return the most memory this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20)
