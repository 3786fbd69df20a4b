"""What a template declares of its registers reaches the park, and meters that net differently are not mixed unknowingly."""

from __future__ import annotations

from datetime import UTC, datetime

from core.park import DeviceAssignment, Park, Point
from ingest.templates import Template, load_templates, template_problems, with_templates

CHANGE = datetime(2026, 7, 1, tzinfo=UTC)


def park(first: dict[str, object], second: dict[str, object]) -> Park:
    devices = (
        DeviceAssignment(id="a", valid_to=CHANGE, **first),
        DeviceAssignment(id="b", valid_from=CHANGE, **second),
    )
    terms = {"id": "p", "name": "P", "latitude": 1.0, "longitude": 2.0, "timezone": "UTC"}
    return Park(**terms, points=(Point(id="grid", role="grid", name="Grid", devices=devices),))


def faults(first: dict[str, object], second: dict[str, object]) -> list[tuple[str, str]]:
    return [(p.path, p.reason) for p in template_problems(park(first, second), load_templates())]


def test_two_meters_that_net_differently_are_a_fault_until_somebody_says_so():
    sums, phases = {"template": "dsmr-reader"}, {"template": "shelly-gen1-3em"}
    path = "points[0].devices[1].netting"
    assert faults(sums, phases) == [(path, "counts every phase on its own, the meter before it the sum of its phases")]
    assert faults(sums, {**phases, "netting": "phases"}) == []
    assert faults(sums, {"template": "dsmr-reader"}) == []
    assert faults(sums, {"template": "json"}) == []


def test_registers_of_single_phases_cannot_be_netted_afterwards():
    ((path, reason),) = faults({"template": "json"}, {"template": "shelly-gen1-3em", "netting": "sum"})
    assert path == "points[0].devices[1].netting"
    assert reason == "a shelly-gen1-3em counts every phase on its own, which cannot be netted afterwards"


def test_the_park_takes_from_the_template_what_it_does_not_say():
    acme = Template(template="acme", netting="sum", rollover_kwh=5000.0, messages=[
        {"topic": "a/{device}", "readings": [{"quantity": "energy_import_kwh", "path": ""}]}])  # fmt: skip
    given = park({"template": "acme"}, {"template": "acme", "netting": "phases", "rollover_kwh": 100.0})
    first, second = with_templates(given, {"acme": acme}).points[0].devices
    assert (first.netting, first.rollover_kwh) == ("sum", 5000.0)
    assert (second.netting, second.rollover_kwh) == ("phases", 100.0)
    assert with_templates(given, {}).points == given.points
