from __future__ import annotations

from datetime import date, timedelta

import pytest

from core.errors import Retryable
from core.quality import Event
from core.store import AlertRecord

D13, D14, D15, D16 = (date(2026, 11, d) for d in (13, 14, 15, 16))
MINUTE = timedelta(minutes=1)
WELL = [1.02, 1.00, 1.03, 1.02, 1.04, 1.01, 1.02, 1.03, 0.99, 1.02, 1.05, 1.02, 1.01, 1.02]


def test_a_day_is_judged_half_an_hour_after_its_end(world) -> None:
    world.store.balance(D13, net=-500.0, plan=0.0)
    engine, at = world.engine(), world.morning(D13)
    assert engine.evaluate(at - MINUTE) == []
    assert [a.rule for a in engine.evaluate(at)] == ["deficit_day"]


def test_late_readings_of_the_last_day_still_count(world) -> None:
    engine, at = world.engine(), world.morning(D13)
    world.store.balance(D13, net=-500.0, plan=0.0, coverage=0.5)
    assert engine.evaluate(at) == []
    world.store.balance(D13, net=-500.0, plan=0.0)
    (alert,) = engine.evaluate(at + 60 * MINUTE)
    assert alert.fired_at == at + 60 * MINUTE
    world.store.balance(D13, net=-5.0, plan=0.0)
    engine.evaluate(at + 90 * MINUTE)
    assert [a.state for a in world.history("deficit_day")] == ["resolved"]


def test_days_missed_while_we_were_away_are_judged_in_order(world) -> None:
    world.store.balance(D13, net=0.0, plan=0.0)
    world.engine().evaluate(world.morning(D13))
    world.store.balance(D14, net=-500.0, plan=0.0)
    world.store.balance(D15, net=0.0, plan=0.0)
    world.store.balance(D16, net=-600.0, plan=0.0)
    found = world.engine().evaluate(world.morning(D16) + 300 * MINUTE)
    assert [(a.state, a.params["day"]) for a in found] == [("resolved", "2026-11-14"), ("firing", "2026-11-16")]
    assert found[0].resolved_at == world.morning(D15)
    assert [a.fired_at for a in world.history("deficit_day")] == [world.morning(D14), world.morning(D16)]


def test_evaluating_twice_saves_nothing_new(world) -> None:
    world.store.balance(D13, net=-500.0, plan=0.0)
    engine, at = world.engine(), world.morning(D13)
    engine.evaluate(at)
    saves, rows = world.state.saves, dict(world.state.rows)
    engine.evaluate(at + MINUTE)
    assert (world.state.saves, world.state.rows) == (saves, rows)


def test_a_store_that_fails_leaves_every_alert_as_it_was(world) -> None:
    world.store.balance(D13, net=-500.0, plan=0.0)
    engine = world.engine()
    engine.evaluate(world.morning(D13))
    rows, small = dict(world.state.rows), dict(world.state.small)
    world.store.broken = True
    with pytest.raises(Retryable):
        engine.evaluate(world.morning(D14))
    assert (world.state.rows, world.state.small) == (rows, small)
    world.store.broken = False
    world.store.balance(D14, net=0.0, plan=0.0)
    assert [a.state for a in engine.evaluate(world.morning(D14))] == ["resolved"]


def test_an_alert_whose_rule_or_entity_is_gone_ends(make_world) -> None:
    world = make_world(rules={"disable": ["deficit_day"]})
    at = world.morning(D13)
    for rule, entity in (("deficit_day", "small"), ("meter_silent", "demolished")):
        world.state.save_alerts([AlertRecord(f"{rule}/{entity}", rule, entity, "warning", "firing", at, fired_at=at)])
    world.engine().evaluate(at + MINUTE)
    assert world.state.alerts() == []
    assert [a.resolved_at for a in world.history("meter_silent")] == [at + MINUTE]


def test_a_pending_alert_that_passes_never_fired(make_world, tmp_path) -> None:
    rules = tmp_path / "own.yaml"
    rules.write_text(
        "rules:\n"
        "  - id: dear_night\n    severity: info\n    for: 60h\n"
        "    watch: {kind: threshold, scope: park, quantity: import_kwh, above: 500, clear: 400}\n"
        "    text: {title: t, detail: d, advice: a, resolved: r}\n"
    )
    world = make_world(rules={"files": [str(rules)]})
    for day, value in ((D13, 600.0), (D14, 450.0), (D15, 450.0), (D16, 300.0)):
        world.store.set("park", "small", day, import_kwh=value)
    # The condition holds since 13 November, 00:00; 60 hours have passed in the night after the 15th.
    assert world.walk([D13, D14, D15, D16], "dear_night") == ["pending", "pending", "firing", "resolved"]
    world.store.set("park", "small", date(2026, 11, 17), import_kwh=600.0)
    world.store.set("park", "small", date(2026, 11, 18), import_kwh=300.0)
    assert world.walk([date(2026, 11, 17), date(2026, 11, 18)], "dear_night") == ["pending", "resolved"]
    assert world.history("dear_night")[-1].fired_at is None


def history(world) -> None:
    """Sixty days: two short days, a string lost nine days ago, one that was mended, two silences."""
    first = D16 - timedelta(days=59)
    for n in range(60):
        day = first + timedelta(days=n)
        world.store.balance(day, net=-600.0 if n in {20, 21, 40} else -100.0, plan=-100.0)
        world.store.set("park", "small", day, self_consumed_kwh=600.0)
        usual = WELL[n % len(WELL)]
        world.store.array("roof-a", day, usual * (0.9 if n >= 51 else 1.0))
        world.store.array("car-park", day, usual * (0.85 if 20 <= n < 30 else 1.0))
    at = world.morning(first) + timedelta(days=10)
    world.state.happened = [Event("pv-a", "gap", at, at + timedelta(hours=n + 1)) for n in range(2)]
    devices = ("grid-1", "inv-a", "inv-b", "shelly-a", "new-b", "met-1")
    world.store.heard = dict.fromkeys(devices, world.morning(D16) + 60 * MINUTE)


def told(alerts: list[AlertRecord]) -> list[tuple[object, ...]]:
    return sorted((a.fingerprint, a.active_at, a.fired_at, a.resolved_at, a.state) for a in alerts)


def test_replay_tells_what_happened_and_since_when(world) -> None:
    history(world)
    end = world.morning(D16) + 60 * MINUTE
    found = world.engine().replay(end - timedelta(days=60), end)
    assert [(a.fingerprint, a.state, f"{a.active_at.astimezone(world.park.zone):%m-%d}") for a in found] == [
        ("deficit_day/small", "resolved", "10-08"),
        ("deficit_day/small", "resolved", "10-28"),
        ("meter_silent/pv-a", "resolved", "09-29"),
        ("pv_below_expectation/roof-a", "firing", "11-08"),
        ("pv_below_expectation/car-park", "resolved", "10-08"),
    ]
    assert told(world.state.alerts(since=end - timedelta(days=70))) == told(found)
    assert world.store.queries == 1


def test_replay_may_be_repeated(world) -> None:
    history(world)
    end = world.morning(D16) + 60 * MINUTE
    engine = world.engine()
    engine.replay(end - timedelta(days=60), end)
    rows = dict(world.state.rows)
    engine.replay(end - timedelta(days=60), end)
    world.engine().replay(end - timedelta(days=30), end)
    assert world.state.rows == rows


def test_replay_and_daily_evaluation_agree(world, make_world) -> None:
    history(world)
    end = world.morning(D16)
    replayed = [a for a in world.engine().replay(end - timedelta(days=59), end) if a.rule != "meter_silent"]
    lived = make_world()
    history(lived)
    lived.walk([D16 - timedelta(days=n) for n in range(59, -1, -1)], "none")
    seen = lived.state.alerts(since=end - timedelta(days=90))
    assert told(seen) == told(replayed)


def test_evaluation_goes_on_where_replay_ended(world) -> None:
    history(world)
    end = world.morning(D16) + 60 * MINUTE
    engine = world.engine()
    engine.replay(end - timedelta(days=60), end)
    rows = dict(world.state.rows)
    (alert,) = engine.evaluate(end + MINUTE)
    assert alert.fingerprint == "pv_below_expectation/roof-a"
    assert world.state.rows == rows


def test_an_alert_opened_too_late_gives_way_to_its_true_beginning(world) -> None:
    history(world)
    at = world.morning(D15)
    late = AlertRecord("pv_below_expectation/roof-a", "pv_below_expectation", "roof-a", "warning", "firing", at, at)
    world.state.save_alerts([late])
    world.engine().replay(at - timedelta(days=59), world.morning(D16))
    assert f"{world.open('pv_below_expectation').active_at.astimezone(world.park.zone):%m-%d}" == "11-08"


def test_replay_leaves_on_record_what_people_were_told(world) -> None:
    history(world)
    day = world.morning(D16) - timedelta(days=40)
    told_then = AlertRecord(
        "deficit_day/small", "deficit_day", "small", "warning", "resolved", day, day, day + timedelta(days=3), day
    )
    world.state.save_alerts([told_then])
    world.engine().replay(day - timedelta(days=19), world.morning(D16))
    assert [a for a in world.history("deficit_day") if a.active_at < day + timedelta(days=10)] == [told_then]
