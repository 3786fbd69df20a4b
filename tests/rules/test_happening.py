from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.quality import Event
from core.text import Language
from rules.facts import Happened
from rules.words import speaker

NOON = datetime(2026, 11, 13, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_replaced_meter_is_asked_for_until_a_fortnight_has_passed(world) -> None:
    at = NOON - DAY
    world.state.happened = [Event("hall-a", "reset", at, at, {"before": 9000.0, "after": 1.5})]
    engine = world.engine()
    engine.evaluate(NOON)
    alert = world.open("meter_replaced")
    assert (alert.entity, alert.active_at, alert.severity) == ("hall-a", at, "warning")
    assert (alert.params["before"], alert.params["after"]) == (9000.0, 1.5)
    engine.evaluate(at + 14 * DAY)
    assert world.open("meter_replaced").state == "firing"
    engine.evaluate(at + 14 * DAY + timedelta(minutes=1))
    assert world.history("meter_replaced")[0].state == "resolved"


def test_a_change_written_in_the_park_file_answers_it(world) -> None:
    # hall-b has a new device from 1 October, local time, on.
    change = datetime(2026, 9, 30, 16, 0, tzinfo=UTC)
    near, far = change + timedelta(hours=20), change + 5 * DAY
    world.state.happened = [Event("hall-b", "replaced", near, near, {})]
    world.engine().evaluate(change + 6 * DAY)
    assert world.history("meter_replaced") == []
    world.state.happened.append(Event("hall-b", "replaced", far, far, {}))
    world.engine().evaluate(change + 6 * DAY)
    assert world.open("meter_replaced").active_at == far


def test_a_faulty_sensor_is_information(world) -> None:
    world.state.happened = [Event("weather", "sensor_fault", NOON - DAY, NOON - DAY / 2, {"what": "GHI/POA"})]
    world.engine().evaluate(NOON)
    alert = world.open("sensor_fault")
    assert (alert.entity, alert.severity, alert.params["what"]) == ("weather", "info", "GHI/POA")


def test_a_meter_that_contradicts_itself_and_a_late_clock_are_warnings(world) -> None:
    engine = world.engine()
    engine.evaluate(NOON)
    assert world.history("meter_doubtful") == world.history("device_clock") == []
    world.state.happened = [
        Event("hall-a", "phase_mismatch", NOON - DAY, NOON, {"energy": 48.0, "share": "16.7 %"}),
        Event("hall-b", "stale_time", NOON - DAY / 8, NOON - DAY / 8, {"device": "new-b", "hours": 30.0}),
        Event("pv-a", "conflict", NOON - DAY / 8, NOON - DAY / 8, {"before": 1.0, "after": 2.0}),
    ]
    engine.evaluate(NOON)
    doubtful, clock = world.open("meter_doubtful"), world.open("device_clock")
    assert (doubtful.entity, doubtful.severity, doubtful.params["share"]) == ("hall-a", "warning", "16.7 %")
    assert (clock.entity, clock.severity, clock.params["hours"]) == ("hall-b", "warning", 30.0)
    engine.evaluate(NOON + 3 * DAY)
    assert [world.history(r)[0].state for r in ("meter_doubtful", "device_clock")] == ["resolved", "resolved"]


def test_replay_gives_past_events_their_own_time(world) -> None:
    at = NOON - 40 * DAY
    world.state.happened = [Event("hall-a", "replaced", at, at, {})]
    world.engine().replay(NOON - 60 * DAY, NOON)
    (alert,) = world.history("meter_replaced")
    assert (alert.state, alert.active_at, alert.fired_at) == ("resolved", at, at)
    assert alert.resolved_at == at + 14 * DAY + timedelta(seconds=1)


def test_what_the_broker_lost_is_a_warning_of_the_park_until_a_day_has_passed(world) -> None:
    begin, end = NOON - DAY / 8, NOON - DAY / 12
    world.state.happened = [
        Event(world.park.id, "broker_dropped", begin, end, {"messages": 2000.0}),
        Event(world.park.id, "session_forgotten", begin, end, {"shard": "north"}),
    ]
    engine = world.engine()
    engine.evaluate(NOON)
    dropped, forgotten = world.open("broker_dropped"), world.open("session_forgotten")
    assert (dropped.entity, dropped.severity, dropped.active_at) == (world.park.id, "warning", begin)
    say = speaker(world.park)
    assert say(dropped, Language.EN).title == "Small park: messages dropped by the MQTT broker: 2,000"
    assert say(dropped, Language.ZH).title == "小园区：MQTT 代理丢弃了 2,000 条消息"
    assert say(dropped, Language.EN).detail.startswith("Between 13 November, 09:00 and 13 November, 10:00 a client's")
    assert say(forgotten, Language.EN).title.endswith("forgotten the collector's session (north)")
    engine.evaluate(end + DAY + timedelta(minutes=1))
    assert world.history("broker_dropped")[0].state == world.history("session_forgotten")[0].state == "resolved"


def test_without_a_loss_nothing_is_said_of_the_broker(world) -> None:
    world.state.happened = [Event(world.park.id, "conflict", NOON - DAY / 8, NOON - DAY / 8, {})]
    world.engine().evaluate(NOON)
    assert world.history("broker_dropped") == world.history("session_forgotten") == []


def test_a_long_event_outlives_those_that_began_after_it() -> None:
    hour = timedelta(hours=1)
    long, early, late = (
        Event("hall-a", "implausible", NOON + a * hour, NOON + b * hour, {}) for a, b in ((0, 10), (2, 3), (5, 6))
    )
    happened = Happened.of([late, long, early])
    assert happened.within(NOON + 4 * hour, NOON + 5 * hour) == (2, late)
    assert happened.within(NOON + 7 * hour, NOON + 8 * hour) == (1, long)
    assert happened.within(NOON + 11 * hour, NOON + 12 * hour) == (0, None)
    assert happened.within(NOON - 2 * hour, NOON - hour) == (0, None)
