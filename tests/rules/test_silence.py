from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.quality import Event
from rules.sun import sun_elevation_deg

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


# Sunset near Shanghai on 13 November is at 16:56 local time, sunrise on the 14th at 06:18.
DUSK = datetime(2026, 11, 13, 9, 5, tzinfo=UTC)


def test_an_inverter_that_sleeps_at_night_is_not_silent(world) -> None:
    engine = world.engine()
    world.store.heard |= {"inv-a": DUSK, "met-1": DUSK}
    for n in range(0, 14 * 60 + 31, 15):
        world.store.heard |= dict.fromkeys(("grid-1", "inv-b", "shelly-a", "new-b"), DUSK + n * MINUTE)
        # At 07:35 on the 14th, 14.5 hours later, the sun has been above 10 degrees for less than half an hour.
        assert states(world, DUSK + n * MINUTE, engine) == {}
    awake = DUSK + timedelta(hours=15)
    hear(world, awake, but="inv-a")
    assert states(world, awake, engine) == {"meter_silent/pv-a": "firing"}
    evening = DUSK + timedelta(hours=24)
    hear(world, evening, but="inv-a")
    assert states(world, evening, engine) == {"meter_silent/pv-a": "firing"}


def test_an_inverter_heard_in_the_night_does_not_sleep(world) -> None:
    night = DUSK + timedelta(hours=4)
    hear(world, night + 30 * MINUTE)
    world.store.heard["inv-a"] = night
    assert states(world, night + 30 * MINUTE) == {"meter_silent/pv-a": "firing"}


def test_nights_are_no_silence_in_a_replay_but_a_lost_day_is(world) -> None:
    hear(world, NOON)
    morning = timedelta(hours=13, minutes=30)
    world.state.happened = [
        Event("pv-a", "missing", d, d + morning) for n in (2, 3, 4) if (d := DUSK - n * timedelta(days=1))
    ]
    lost = DUSK - timedelta(days=8)
    world.state.happened.append(Event("pv-a", "missing", lost, lost + timedelta(days=2)))
    world.engine().replay(NOON - timedelta(days=30), NOON)
    (alert,) = world.history("meter_silent")
    assert (alert.active_at, alert.resolved_at) == (lost, lost + timedelta(days=2))
    assert timedelta(hours=14) < alert.fired_at - lost < timedelta(hours=16)


@pytest.mark.parametrize(
    ("at", "place", "expected"),
    # By pvlib 0.16 (NREL SPA, without refraction).
    [
        ("2026-11-13T09:05:00+00:00", (31.2, 121.5), -2.44),
        ("2026-06-21T04:00:00+00:00", (31.2, 121.5), 82.18),
        ("2026-03-20T12:00:00+00:00", (-33.9, 18.4), 52.76),
        ("2026-12-21T18:00:00+00:00", (52.5, 13.4), -26.7),
    ],
)
def test_the_sun_stands_where_pvlib_says(at: str, place: tuple[float, float], expected: float) -> None:
    assert sun_elevation_deg(datetime.fromisoformat(at), *place) == pytest.approx(expected, abs=0.6)
