from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.quality import Event

NOON = datetime(2026, 11, 13, 4, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DEVICES = ("grid-1", "inv-a", "inv-b", "shelly-a", "new-b", "met-1")


def hear(world, at: datetime, *, but: str = "") -> None:
    world.store.heard |= {d: at for d in DEVICES if d != but}


def states(world, at: datetime, engine=None) -> dict[str, str]:
    found = (engine or world.engine()).evaluate(at)
    return {a.fingerprint: a.state for a in found if "silent" in a.rule}


def test_a_device_silent_for_half_an_hour_is_told_and_dated(world) -> None:
    hear(world, NOON)
    engine = world.engine()
    assert states(world, NOON, engine) == {}
    for n in range(1, 30):
        hear(world, NOON + n * MINUTE, but="inv-a")
        assert states(world, NOON + n * MINUTE, engine) == {}
    hear(world, NOON + 30 * MINUTE, but="inv-a")
    assert states(world, NOON + 30 * MINUTE, engine) == {"meter_silent/pv-a": "firing"}
    alert = world.open("meter_silent")
    assert (alert.active_at, alert.value, alert.params["device"]) == (NOON, 30.0, "inv-a")
    hear(world, NOON + 31 * MINUTE)
    assert states(world, NOON + 31 * MINUTE, engine) == {"meter_silent/pv-a": "resolved"}
    assert states(world, NOON + 32 * MINUTE, engine) == {}


def test_slow_devices_have_three_of_their_intervals(make_world) -> None:
    points = [
        {"id": "grid", "role": "grid", "name": "g", "devices": [{"id": "g1", "template": "json"}]},
        {"id": "lake", "role": "load", "name": "l", "devices": [{"id": "l1", "template": "json", "interval_s": 900}]},
    ]
    world = make_world(points=points, arrays=[])
    for minutes, expected in ((44, {}), (45, {"meter_silent/lake": "firing"})):
        world.store.heard = {"g1": NOON + minutes * MINUTE, "l1": NOON}
        assert states(world, NOON + minutes * MINUTE) == expected


def test_when_nobody_reports_it_is_one_alert_of_the_park(world) -> None:
    hear(world, NOON)
    engine = world.engine()
    hear(world, NOON + 10 * MINUTE, but="inv-a")
    assert states(world, NOON + 35 * MINUTE, engine) == {"meter_silent/pv-a": "firing"}
    # The point's own alert is held, no other joins it.
    assert states(world, NOON + 40 * MINUTE, engine) == {
        "meter_silent/pv-a": "firing",
        "park_silent/small": "firing",
    }
    assert world.open("park_silent").active_at == NOON + 10 * MINUTE


def test_after_our_own_pause_everybody_gets_time_to_report(world) -> None:
    hear(world, NOON)
    assert states(world, NOON) == {}
    back = NOON + timedelta(hours=5)
    assert states(world, back) == {}  # we were away: nobody is blamed
    world.store.heard["grid-1"] = back + MINUTE
    assert states(world, back + MINUTE) == {}
    engine = world.engine()
    for n in range(2, 31):
        hear(world, back + n * MINUTE, but="inv-b")
        assert states(world, back + n * MINUTE, engine) == {}
    hear(world, back + 31 * MINUTE, but="inv-b")
    assert states(world, back + 31 * MINUTE, engine) == {"meter_silent/pv-b": "firing"}
    assert world.open("meter_silent").active_at == NOON


def test_a_device_never_heard_is_silent_since_we_listen(world) -> None:
    engine = world.engine()
    for n in range(0, 31, 10):
        hear(world, NOON + n * MINUTE, but="met-1")
        found = states(world, NOON + n * MINUTE, engine)
    assert found == {"meter_silent/weather": "firing"}
    assert world.open("meter_silent").active_at == NOON


def test_a_device_that_was_replaced_is_not_waited_for(world) -> None:
    hear(world, NOON)
    world.store.heard["old-b"] = NOON - timedelta(days=44)
    assert states(world, NOON) == {}


@pytest.mark.parametrize("code", ["gap", "missing"])
def test_a_past_silence_is_history_after_a_replay(world, code: str) -> None:
    hear(world, NOON)
    began = NOON - timedelta(days=5)
    ended = began + timedelta(hours=3)
    short = Event("pv-b", code, began, began + timedelta(minutes=20))
    world.state.happened = [Event("pv-a", code, began, ended), Event("pv-a", code, began + MINUTE, ended), short]
    world.engine().replay(NOON - timedelta(days=30), NOON)
    (alert,) = world.history("meter_silent")
    assert (alert.entity, alert.state) == ("pv-a", "resolved")
    assert (alert.active_at, alert.fired_at, alert.resolved_at) == (began, began + 30 * MINUTE, ended)


def test_a_silence_that_lasts_is_open_after_a_replay(world) -> None:
    hear(world, NOON, but="inv-a")
    world.store.heard["inv-a"] = NOON - timedelta(days=2)
    engine = world.engine()
    engine.replay(NOON - timedelta(days=30), NOON)
    alert = world.open("meter_silent")
    assert (alert.entity, alert.active_at) == ("pv-a", NOON - timedelta(days=2))
    assert alert.fired_at == NOON - timedelta(days=2) + 30 * MINUTE
    assert states(world, NOON + MINUTE, engine) == {"meter_silent/pv-a": "firing"}
    assert world.open("meter_silent").fired_at == alert.fired_at
