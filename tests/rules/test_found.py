"""Findings that nobody else tells: each once, never beside an alert of the same cause, gone when they are taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from core.findings import Fault, Finding, Picture, statement_of, withdrawn
from core.statements import Statement
from core.timebase import day_bounds

DAY = date(2026, 10, 15)


def found(world, entity: str, code: Fault, lost_kwh: float, since: date = DAY, **facts: str) -> Statement:
    start = day_bounds(since, world.park.zone)[0] + timedelta(hours=10)
    picture = Picture("days", "kWh", (), (), (), facts=facts)
    days = {since: lost_kwh}
    made = Finding(entity, code, start, None, days, 0.5 * lost_kwh, 2 * lost_kwh, 0.9, "rung_poa", picture)
    return statement_of(made, world.morning(since))


def open_now(world, day: date = DAY) -> dict[str, str]:
    return {a.rule: a.entity for a in world.engine().evaluate(world.morning(day)) if a.state == "firing"}


@pytest.mark.parametrize(
    ("entity", "code", "per_kwp", "rule"),
    [
        ("roof-a", Fault.OUTAGE, 1.5, "pv_outage"),
        ("roof-a", Fault.OUTAGE, 0.5, None),
        ("roof-a", Fault.SHADING, 6.0, "pv_shadow_or_dirt"),
        ("roof-a", Fault.SOILING, 4.0, None),
        ("roof-a", Fault.TIME_SHIFT, 0.0, "readings_wrong"),
        ("weather", Fault.UNITS, 0.0, "readings_wrong"),
        ("roof-a", Fault.CURTAILMENT, 50.0, None),
        ("roof-a", Fault.SNOW, 50.0, None),
        ("roof-a", Fault.STRING_LOSS, 50.0, None),
    ],
)
def test_what_goes_on_and_costs_enough_is_told_by_its_rule(world, entity, code, per_kwp, rule) -> None:
    kwp = sum(a.dc_kwp for a in world.park.arrays if a.id == entity)
    world.state.said = [found(world, entity, code, per_kwp * kwp)]
    assert open_now(world) == ({rule: entity} if rule else {})


def test_it_is_dated_to_the_fault_and_ends_with_the_finding(world) -> None:
    said = found(world, "roof-a", Fault.OUTAGE, 1e4)
    world.state.said = [said]
    assert open_now(world) == {"pv_outage": "roof-a"}
    assert open_now(world) == {"pv_outage": "roof-a"}
    alert = world.open("pv_outage")
    assert (alert.active_at, alert.params["since_day"], alert.params["lost_kwh"]) == (said.start, "2026-10-15", 1e4)
    world.state.said = [replace(said, end=world.morning(DAY) + timedelta(hours=9))]
    assert open_now(world, DAY + timedelta(days=1)) == {}
    (ended,) = world.history("pv_outage")
    assert ended.state == "resolved"


def test_a_finding_taken_back_is_no_longer_told(world) -> None:
    said = found(world, "roof-a", Fault.SOILING, 1e4)
    world.state.said = [said]
    assert open_now(world) == {"pv_shadow_or_dirt": "roof-a"}
    world.state.said = [withdrawn(said, world.morning(DAY))]
    assert open_now(world) == {}


def lay_dead(world) -> None:
    """A fortnight that was well, and a dead day."""
    for n in range(14, -1, -1):
        for array in ("roof-a", "car-park"):
            dead = n == 0 and array == "roof-a"
            world.store.array(array, DAY - timedelta(days=n), 0.0 if dead else 1.0)


@pytest.mark.parametrize("way", ["evaluated", "replayed"])
def test_an_alert_of_the_same_cause_is_enough(world, way: str) -> None:
    lay_dead(world)
    world.state.said = [found(world, "roof-a", Fault.OUTAGE, 1e4)]
    if way == "evaluated":
        assert open_now(world) == {"pv_below_expectation": "roof-a"}
    else:
        end = world.morning(DAY) + timedelta(minutes=1)
        told = world.engine().replay(end - timedelta(days=10), end)
        assert [(a.rule, a.entity) for a in told if a.rule != "meter_silent"] == [("pv_below_expectation", "roof-a")]


def test_a_replay_tells_what_goes_on_at_its_end(world) -> None:
    world.state.said = [found(world, "car-park", Fault.SHADING, 1e5)]
    end = world.morning(DAY)
    told = world.engine().replay(end - timedelta(days=10), end)
    assert [(a.rule, a.state) for a in told if a.rule != "meter_silent"] == [("pv_shadow_or_dirt", "firing")]
    assert open_now(world) == {"pv_shadow_or_dirt": "car-park"}


def test_where_both_began_the_finding_gives_way(world) -> None:
    world.state.said = [found(world, "roof-a", Fault.OUTAGE, 1e4)]
    assert open_now(world) == {"pv_outage": "roof-a"}
    lay_dead(world)
    assert open_now(world, DAY) == {"pv_below_expectation": "roof-a"}
