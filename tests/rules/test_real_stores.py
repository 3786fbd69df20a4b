from __future__ import annotations

from datetime import date, timedelta

from core.clock import ManualClock
from core.frames import slots_frame
from core.quantities import Period
from core.timebase import day_bounds
from rules.engine import RuleEngine
from rules.notify.pipeline import Notifier
from store.opening import open_store
from store.state import SqliteState

D13, D14 = date(2026, 11, 13), date(2026, 11, 14)


def test_rules_work_over_files_and_survive_a_restart(small_park) -> None:
    def day(when: date, net: float) -> list[tuple[object, ...]]:
        start = day_bounds(when, small_park.zone)[0]
        values = {"net_balance_kwh": net, "plan_net_balance_kwh": -100.0, "load_kwh": 1000.0}
        return [(start, "park", "small", q, v, 1.0, 0.0, "") for q, v in values.items()]

    columns = ("start", "scope", "entity", "quantity", "value", "coverage", "estimated", "reasons")
    rows = dict(zip(columns, zip(*day(D13, -500.0), *day(D14, -90.0), strict=True), strict=True))
    morning = day_bounds(D14, small_park.zone)[0] + timedelta(hours=7)
    clock = ManualClock(morning)
    store = open_store(small_park)
    store.write_slots(Period.DAY, slots_frame(rows))

    state = SqliteState(small_park.state, clock)
    RuleEngine(small_park, store, state).replay(morning - timedelta(days=7), morning)
    (alert,) = [a for a in state.alerts() if a.rule == "deficit_day"]
    assert (alert.state, alert.value, alert.params["deficit_kwh"]) == ("firing", -500.0, 500.0)
    Notifier(small_park, state).send(morning)
    state.close()

    state = SqliteState(small_park.state, clock)
    (told,) = [a for a in state.alerts() if a.rule == "deficit_day"]
    assert told.last_sent_at == morning
    found = RuleEngine(small_park, store, state).evaluate(morning + timedelta(days=1))
    assert [(a.state, a.active_at) for a in found if a.rule == "deficit_day"] == [("resolved", alert.active_at)]
    state.close()
    store.close()
