"""A month that will probably miss net zero is told early, once, and by how it was planned."""

from __future__ import annotations

from datetime import date, timedelta

RULE = "month_foreseen"


def lay(world, first: date, chances: list[float], plan: float = 5000.0, net: float = -4000.0) -> list[date]:
    laid = [first + timedelta(days=n) for n in range(len(chances))]
    for day, chance in zip(laid, chances, strict=True):
        world.store.set(
            "park",
            "small",
            day,
            outlook_miss_probability=chance,
            outlook_net_p10_kwh=net - 5000,
            outlook_net_p50_kwh=net,
            outlook_net_p90_kwh=net + 5000,
            outlook_plan_kwh=plan,
        )
    return laid


def test_it_begins_at_eighty_percent_and_ends_below_sixty(world) -> None:
    laid = lay(world, date(2026, 11, 2), [0.5, 0.79, 0.85, 0.7, 0.6, 0.59, 0.7])
    assert world.walk(laid, RULE) == ["-", "-", "firing", "firing", "firing", "resolved", "-"]
    (alert,) = world.history(RULE)
    assert (alert.severity, alert.params["month"], alert.params["left_days"]) == ("warning", "2026-11", 23)
    assert (alert.params["low_kwh"], alert.params["net_kwh"], alert.params["high_kwh"]) == (-9000, -4000, 1000)
    assert alert.active_at.isoformat() == "2026-11-04T16:00:00+00:00"


def test_the_last_days_of_a_month_begin_nothing_but_end_it(world) -> None:
    laid = lay(world, date(2026, 11, 25), [0.5, 0.5, 0.5, 0.95, 0.95])
    assert world.walk(laid, RULE) == ["-"] * 5  # on the 28th two days are left


def test_the_evening_before_speaks_of_the_next_month(world) -> None:
    laid = lay(world, date(2026, 10, 30), [0.95, 0.95, 0.95])
    assert world.walk(laid, RULE) == ["-", "firing", "firing"]
    assert world.open(RULE).params["month"] == "2026-11"


def test_an_alert_ends_with_its_month(world) -> None:
    laid = lay(world, date(2026, 10, 20), [0.95] * 13)
    states = world.walk(laid, RULE)
    assert states[0] == "firing"
    assert states[11] == "resolved"  # 31 October: the next day is November's
    assert states[12] == "firing"


def test_a_winter_month_planned_short_is_told_only_if_it_gets_shorter(world) -> None:
    as_planned = lay(world, date(2026, 11, 2), [0.95, 0.95], plan=-4500.0)
    assert world.walk(as_planned, RULE) == ["-", "-"]
    worse = lay(world, date(2026, 11, 4), [0.95], plan=-1000.0)
    assert world.walk(worse, RULE) == ["firing"]
    assert world.open(RULE).severity == "info"


def test_without_an_outlook_nothing_is_said_and_nothing_resolved(world) -> None:
    laid = lay(world, date(2026, 11, 2), [0.9])
    assert world.walk([*laid, date(2026, 11, 3)], RULE) == ["firing", "firing"]
