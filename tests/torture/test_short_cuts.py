"""A few rounds of every fault; `make torture` does the whole of it."""

from __future__ import annotations

import pytest

from tests.torture import broker_kills, clock_steps, disk, kills, refusing, sockets
from tests.torture.traffic import Outcome

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def right(outcome: Outcome) -> None:
    assert (outcome.lost, outcome.invented, outcome.wrong) == ([], 0, [])
    assert outcome.expected_wh == outcome.energy_wh


# The other places are killed at in tests/ingest/test_crash.py.
@pytest.mark.parametrize("place", ["amid_compaction", "after_compaction"])
def test_killed_at_a_named_place(place: str) -> None:
    right(kills.torture(kills.at_failpoint(place), 1, 1, influx=False))


@pytest.mark.influx
def test_killed_before_influxdb() -> None:
    right(kills.torture(kills.at_failpoint("before_ack"), 1, 1, influx=True))


@pytest.mark.influx
def test_influxdb_killed() -> None:
    right(kills.torture(kills.of_influx, 2, 1, influx=True, beside=True))


def test_the_broker_killed() -> None:
    outcome, traffic, killed_at, autosave_s = broker_kills.torture(3, 1, autosave_s=1)
    assert broker_kills.outside(outcome, traffic, killed_at, autosave_s) == []
    outcome.lost = []
    right(outcome)


@pytest.mark.influx
def test_a_store_that_refuses() -> None:
    outcome, memory = refusing.torture(4.0, 1000.0, 1)
    right(outcome)
    assert max(memory.away, memory.refusing) < refusing.BOUND_MB


@pytest.mark.parametrize("what", ["store", "state"])
def test_a_full_disk(what: str) -> None:
    outcome, words = disk.torture(what, 1, 1)
    right(outcome)
    assert (words.told, words.mute) == (1, 0)


@pytest.mark.influx
@pytest.mark.parametrize(("line", "fault"), [("broker", "cut amid a packet"), ("influx", "stalled")])
def test_a_line_disturbed(line: str, fault: str) -> None:
    right(sockets.torture(line, fault, 1, 1))


def test_the_clock_stepped() -> None:
    outcome, stalled = clock_steps.torture(2, 1, live=True)
    right(outcome)
    assert stalled == 0
