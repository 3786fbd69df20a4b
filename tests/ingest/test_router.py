from __future__ import annotations

import pytest

from core.errors import ConfigError
from core.park import Park
from ingest.router import Router, Unrouted, covers, without_covered
from ingest.templates import load_templates

TEMPLATES = load_templates()


def with_mqtt(park: Park, **changes: object) -> Park:
    return park.model_copy(update={"mqtt": park.mqtt.model_copy(update=changes)})


def test_subscribes_to_what_the_parks_templates_publish(small_park: Park) -> None:
    assert Router(small_park, TEMPLATES).subscriptions == (
        "parkwatt/+/telemetry",
        "+/events/rpc",
        "+/status/em:0",
        "+/status/emdata:0",
        "tele/+/SENSOR",
    )


def test_routes_a_topic_to_its_device(small_park: Park) -> None:
    route = Router(small_park, TEMPLATES).route("shelly-a/status/emdata:0")
    assert (route.device, route.template.name, route.points) == ("shelly-a", "shelly-gen2-em", ("hall-a",))


def test_routes_a_topic_with_open_levels(small_park: Park) -> None:
    point = small_park.points[0]
    devices = tuple(d.model_copy(update={"id": "20", "template": "victron-pvinverter"}) for d in point.devices)
    changed = point.model_copy(update={"devices": devices})
    router = Router(small_park.model_copy(update={"points": (changed, *small_park.points[1:])}), TEMPLATES)
    route = router.route("N/e0ff50a097c0/pvinverter/20/Ac/Power")
    assert (route.device, route.template.name, route.points) == ("20", "victron-pvinverter", (point.id,))
    assert "N/+/pvinverter/+/Ac/Power" in router.subscriptions
    stranger = router.route("N/e0ff50a097c0/pvinverter/21/Ac/Power")
    assert (stranger.reason, stranger.device) == ("unknown_device", "21")
    assert router.route("N/e0ff50a097c0/pvinverter/20/Ac/L1/Power").reason == "unknown_topic"


def test_a_device_that_left_still_has_its_route(small_park: Park) -> None:
    assert Router(small_park, TEMPLATES).route("tele/old-b/SENSOR").points == ("hall-b",)


@pytest.mark.parametrize(
    ("topic", "reason", "detail"),
    [
        ("parkwatt/grid-2/telemetry", "unknown_device", "did you mean grid-1?"),
        ("parkwatt/shelly-a/telemetry", "unknown_device", "another template"),
        ("parkwatt//telemetry", "unknown_topic", "no template"),
        ("parkwatt/a/b/telemetry", "unknown_topic", "no template"),
        ("", "unknown_topic", "no template"),
    ],
)
def test_tells_why_a_topic_is_nobodys(small_park: Park, topic: str, reason: str, detail: str) -> None:
    found = Router(small_park, TEMPLATES).route(topic)
    assert isinstance(found, Unrouted)
    assert found.reason == reason
    assert detail in found.detail


def test_topics_of_the_park_file_replace_the_list(small_park: Park) -> None:
    park = with_mqtt(small_park, topics=("parkwatt/#", "parkwatt/+/telemetry", "tele/+/SENSOR", "tele/+/SENSOR"))
    assert Router(park, TEMPLATES).subscriptions == ("parkwatt/#", "tele/+/SENSOR")


def test_an_unknown_template_is_a_fault_of_the_park_file(small_park: Park) -> None:
    point = small_park.points[0]
    device = point.devices[0].model_copy(update={"template": "jsn"})
    park = small_park.model_copy(
        update={"points": (point.model_copy(update={"devices": (device,)}), *small_park.points[1:])}
    )
    with pytest.raises(ConfigError, match=r"points\[0\].devices\[0\].template: .*jsn.*did you mean json"):
        Router(park, TEMPLATES)


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ("#", "a/b", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("a/#", "a", True),
        ("a/#", "a/+/c", True),
        ("a/+", "a/b", True),
        ("a/+", "a/#", False),
        ("a/b", "a/+", False),
        ("a/+/c", "a/b/+", False),
        ("a/b", "a/b/c", False),
    ],
)
def test_covers(wide: str, narrow: str, expected: bool) -> None:
    assert covers(wide, narrow) is expected


def test_leaves_out_covered_filters() -> None:
    assert without_covered(["a/b", "a/+", "c", "c"]) == ("a/+", "c")
