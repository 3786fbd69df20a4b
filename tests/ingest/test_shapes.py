"""Reading in arrays gives what reading one value after the other gives, whatever a device sends."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import yaml

from core.frames import coded
from core.park_file import parse_park
from ingest import shapes
from ingest.batch import Batch, BatchReader
from ingest.decode import decode
from ingest.device_time import microseconds
from ingest.handoff import Received
from ingest.router import Router
from ingest.templates import load_templates

DEVICES = Path(__file__).parents[1] / "devices"
TEMPLATES = load_templates()
NOW = datetime(2026, 11, 1, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
INSTEAD = [
    None,
    True,
    "x",
    "12.5",
    1e308,
    -1e308,
    -1,
    0,
    7,
    10**400,
    [],
    [1, 2, 3],
    {},
    {"a": 1},
    "2026-10-01T08:00:00+08:00",
    5e9,
]
PARK = """
id: shapes
name: {zh: 园, en: Shapes}
latitude: 31.2
longitude: 121.5
timezone: Asia/Shanghai
points:
  - {id: grid, role: grid, name: {zh: 网, en: Grid}, devices: [{id: '%s', template: %s, rating_kw: 500}]}
"""


def reader(template: str, device: str) -> BatchReader:
    return BatchReader(Router(parse_park((PARK % (device, template)).encode()), TEMPLATES), SHANGHAI)


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in inner:
        yield from places(value, (*path, key))


def changed(document: Any, path: tuple[Any, ...], value: Any, *, drop: bool = False) -> Any:
    found = copy.deepcopy(document)
    holder = found
    for key in path[:-1]:
        holder = holder[key]
    if drop:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return found


def variants(document: Any) -> Iterator[Any]:
    yield document
    for path in list(places(document))[:60]:
        yield changed(document, path, None, drop=True)
        for value in INSTEAD:
            yield changed(document, path, value)
    if isinstance(document, dict):
        yield {**document, "new_key": 1, "energy_import_kwh.l9": 4, "energy_import_kwh.L 9": 4}
        yield dict(reversed(document.items()))


def told(batch: Batch) -> list[set[tuple[Any, ...]]]:
    """Every message's readings."""
    found: list[set[tuple[Any, ...]]] = [set() for _ in batch.messages]
    frame = batch.readings
    names = [[texts[c] for c in codes] for codes, texts in (coded(frame[n]) for n in ("quantity", "channel"))]
    rows = zip(batch.origin, frame["time"].astype("int64"), *names, frame["value"], frame["flags"], strict=True)
    for origin, *row in rows:
        found[origin].add(tuple(row))
    return found


# Telegrams of several devices and of Sparkplug B are never read in arrays.
CASES = sorted(
    p.parent
    for p in DEVICES.rglob("payload.json")
    if all(m.plain for m in TEMPLATES[p.relative_to(DEVICES).parts[0]].messages)
)


@pytest.mark.parametrize("case", CASES, ids=lambda c: str(c.relative_to(DEVICES)))
def test_reading_in_arrays_is_reading_one_by_one(case: Path) -> None:
    origin = yaml.safe_load((case / "provenance.yaml").read_text())
    name, device, topic = case.relative_to(DEVICES).parts[0], origin["device"], origin["topic"]
    raw = (case / "payload.json").read_bytes()
    try:
        payloads = [json.dumps(v).encode() for v in variants(json.loads(raw))]
    except ValueError:
        payloads = [raw]  # a bare word, or no JSON at all
    payloads = [raw, *payloads, raw[:-2], b"", b"[]", b"7", b"null"]
    received_us = microseconds(datetime.fromisoformat(origin["received_at"]))
    messages = [Received(topic, p, received_us + n, 1, 1, 1) for n, p in enumerate(payloads)]
    read = reader(name, device)
    read.read(messages)  # learns the shapes
    batch = read.read(messages)
    refused = dict(zip(batch.faulty, batch.quarantine, strict=True))
    for n, (message, found) in enumerate(zip(messages, told(batch), strict=True)):
        alone = decode(TEMPLATES[name], device, topic, message.payload, message.received_at, SHANGHAI)
        assert {tuple(row) for row in alone.rows} == found, message.payload
        assert (alone.problems[0].reason if alone.problems else None) == (
            refused[n].reason if n in refused else None
        ), message.payload


def test_most_telegrams_of_a_device_are_read_in_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    read = reader("json", "grid-1")
    messages = [
        Received("parkwatt/grid-1/telemetry", b'{"time": %d, "energy_import_kwh": %d.5}' % (1790820000 + n, n), 1790820000_000_000, 1, 1, 1)
        for n in range(100)
    ]  # fmt: skip
    asked: list[int] = []
    slowly = BatchReader._read_slowly
    monkeypatch.setattr(
        BatchReader, "_read_slowly", lambda self, m, i, *rest: (asked.append(i), slowly(self, m, i, *rest))
    )
    batch = read.read(messages)
    assert asked == [0]
    assert batch.readings["value"].tolist() == [n + 0.5 for n in range(100)]
    assert batch.origin.tolist() == list(range(100))


def test_a_sender_that_invents_names_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.batch.MOST_LANES", 50)
    monkeypatch.setattr(shapes, "MOST_SHAPES", 10)
    read = reader("json", "grid-1")
    for n in range(200):
        payload = b'{"energy_import_kwh.t%d": 1, "energy_import_kwh": %d}' % (n, n)
        batch = read.read([Received("parkwatt/grid-1/telemetry", payload, n, 1, 1, 1)] * 2)
        assert told(batch)[1] == {(n, "energy_import_kwh", f"t{n}", 1.0, 1), (n, "energy_import_kwh", "", float(n), 1)}
        assert len(read._lanes) <= 60


def test_names_as_numbers_are_the_names() -> None:
    plain = pd.Series(["b", "a", None, "b"], dtype="object")
    kinds = pd.Series(pd.Categorical(["b", "a", None, "b"], categories=["z", "a", "y", "b"]))
    for column in (plain, kinds):
        codes, texts = coded(column)
        assert [None if c < 0 else texts[c] for c in codes] == ["b", "a", None, "b"]
        assert sorted(texts) == ["a", "b"]
