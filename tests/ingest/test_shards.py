"""Which collector receives what: every device in exactly one shard, no topic in two."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConfigError
from core.park import Park
from core.park_file import parse_park
from ingest.shards import checked_shard, client_id_of, collectors_of, intersect, shard_filters, unheard
from ingest.templates import load_templates

SMALL = (Path(__file__).parents[1] / "data" / "small_park.yaml").read_text(encoding="utf-8")
EVERYTHING = "grid-1, inv-a, inv-b, met-1, shelly-a, old-b, new-b"


def park_with(shards: str, store: str = "store: {kind: influx, url: 'http://127.0.0.1:1'}") -> Park:
    return parse_park(f"{SMALL}{store}\nmqtt: {{shards: {shards}}}\n".encode())


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/c", False),
        ("a/+", "+/b", True),
        ("a/+/c", "a/b", False),
        ("a/#", "a", True),
        ("a/#", "+/b/c", True),
        ("a/#", "b/#", False),
        ("#", "a/b", True),
        ("#", "$SYS/x", False),
        ("$SYS/#", "+/x", False),
        ("a/b/#", "a/+", True),
        ("a/b/c/#", "a/+", False),
    ],
)
def test_filters_that_share_a_topic(one: str, other: str, expected: bool) -> None:
    assert intersect(one, other) is expected
    assert intersect(other, one) is expected


def test_topics_and_devices_make_a_share() -> None:
    park = park_with("{north: {topics: ['parkwatt/#']}, south: {devices: [shelly-a, old-b, new-b]}}")
    assert shard_filters(park, load_templates()) == {
        "north": ("parkwatt/#",),
        "south": (
            "shelly-a/events/rpc",
            "shelly-a/status/em:0",
            "shelly-a/status/emdata:0",
            "tele/old-b/SENSOR",
            "tele/new-b/SENSOR",
        ),
    }
    assert collectors_of(park) == ("north", "south")
    assert client_id_of(park, "north") == "parkwatt-small-north"
    heard = unheard(park, load_templates(), shard_filters(park, load_templates()))
    assert "tele/+/SENSOR" in heard
    assert "parkwatt/+/telemetry" not in heard


@pytest.mark.parametrize(
    ("shards", "words"),
    [
        (
            "{a: {devices: [grid-1]}, b: {topics: ['tele/#']}}",
            "no shard receives parkwatt/inv-a/telemetry of device inv-a",
        ),
        (f"{{a: {{devices: [{EVERYTHING}]}}, b: {{topics: ['tele/#']}}}}", "some topics reach both"),
        (f"{{a: {{devices: [{EVERYTHING}]}}, b: {{devices: [grid-1]}}}}", "device grid-1 is in shard a already"),
        ("{a: {devices: [grid-2]}}", "there is no device grid-2"),
        ("{a: {}}", "names topics or devices"),
        ("{a: {topics: ['x#']}}", "is no MQTT filter"),
        (
            "{a: {topics: ['+/events/rpc', 'parkwatt/#', 'tele/#']}, b: {topics: ['+/status/+']}}",
            "several shards receive device shelly-a",
        ),
    ],
)
def test_a_device_outside_or_in_two_shards_is_refused(shards: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        shard_filters(park_with(shards), load_templates())


def test_shards_need_a_store_for_several_processes_and_exclude_topics() -> None:
    with pytest.raises(ConfigError, match="the embedded store belongs to one process"):
        park_with("{a: {topics: ['#']}}", store="")
    with pytest.raises(ConfigError, match="topics and shards exclude each other"):
        parse_park(f"{SMALL}mqtt: {{topics: ['#'], shards: {{a: {{topics: ['#']}}}}}}\n".encode())


def test_a_collector_is_told_which_shards_there_are() -> None:
    park = park_with("{a: {topics: ['#']}}")
    assert checked_shard(park, "a") == "a"
    with pytest.raises(ConfigError, match="several collectors: a"):
        checked_shard(park, "")
    with pytest.raises(ConfigError, match="no shard b"):
        checked_shard(park, "b")
    whole = parse_park(SMALL.encode())
    assert checked_shard(whole, "") == ""
    with pytest.raises(ConfigError, match="mqtt.shards declares them"):
        checked_shard(whole, "a")
