"""The demo park's 60 days, with its planted faults, must not make any check of meters or readings speak."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.park_file import parse_park
from core.words import EVENT_WORDS
from ingest.batch import BatchReader
from ingest.checks import LiveChecks
from ingest.device_time import microseconds
from ingest.handoff import Received
from ingest.router import Router
from ingest.templates import load_templates
from service.demo.plant import Plant
from service.demo.simulate import plan
from service.demo.site import park_yaml
from service.demo.telegrams import telegrams
from service.runner import Runtime

UNTIL = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)

CHECKS = {
    "conflict",
    "stale_time",
    "over_rating",
    "stuck",
    "phase_reversed",
    "phase_mismatch",
    "tariff_mismatch",
    "children_exceed_parent",
}


def test_the_demo_park_has_none_of_the_new_events(demo_park: Runtime) -> None:
    assert set(EVENT_WORDS) >= CHECKS
    events = demo_park.state.events(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    assert events
    assert [e for e in events if e.code in CHECKS] == []


@pytest.mark.parametrize("faults", ["none", "demo"])
def test_the_live_telegrams_of_the_twin_raise_no_eyebrow(faults: str) -> None:
    park = parse_park(park_yaml(UNTIL).encode())
    sent = telegrams(Plant(park, 1, plan(park, faults, 1, 60)), UNTIL, UNTIL + timedelta(hours=2), 60)
    messages = [Received(t.topic, t.payload, microseconds(t.time), n, 1, 1) for n, t in enumerate(sent)]
    checks, reader = LiveChecks(park), BatchReader(Router(park, load_templates()), park.zone)
    assert len(messages) > 1000
    for at in range(0, len(messages), 50):
        batch = reader.read(messages[at : at + 50])
        found = checks.look(batch.readings)
        assert (dict(batch.counts), dict(found.counts), found.events) == ({}, {}, [])
