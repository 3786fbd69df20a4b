from __future__ import annotations

from datetime import date, timedelta

import pytest

RULE = "self_sufficiency_month"


def lay(world, first: date, shares: list[float], coverage: float = 1.0) -> list[date]:
    laid = [first + timedelta(days=n) for n in range(len(shares))]
    for day, share in zip(laid, shares, strict=True):
        world.store.set(
            "park", "small", day, coverage, self_consumed_kwh=1000 * share, load_kwh=1000.0, generation_kwh=2000 * share
        )
    return laid


def test_a_month_is_judged_from_its_third_day_on_and_by_tier(world) -> None:
    laid = lay(world, date(2026, 11, 1), [0.1, 0.4, 0.7, 0.9, 0.2, 0.0])
    # to date: 0.1, 0.25, 0.40 yellow, 0.525 green, 0.46 yellow, 0.383 red
    assert world.walk(laid, RULE) == ["-", "-", "firing", "resolved", "firing", "firing"]
    alert = world.open(RULE)
    assert (alert.severity, alert.params["tier"], alert.params["month"]) == ("warning", "red", "2026-11")
    assert alert.value == pytest.approx(2300 / 6000)
    assert alert.params["short_kwh"] == pytest.approx(700.0)


def test_it_ends_half_a_point_above_green(world) -> None:
    laid = lay(world, date(2026, 11, 1), [0.45, 0.45, 0.45, 0.66, 0.52])
    # to date on the 4th: 0.5025, on the 5th: 0.506
    assert world.walk(laid, RULE) == ["-", "-", "firing", "firing", "resolved"]


def test_it_ends_with_its_month_and_says_how_it_stood(world) -> None:
    laid = lay(world, date(2026, 10, 1), [0.3] * 34)
    assert world.walk(laid, RULE) == ["-"] * 2 + ["firing"] * 29 + ["resolved", "-", "firing"]
    october, november = world.history(RULE)
    assert (october.params["month"], october.value) == ("2026-10", pytest.approx(0.3))
    assert october.active_at.isoformat() == "2026-09-30T16:00:00+00:00"
    assert november.params["month"] == "2026-11"


def test_thin_data_are_not_judged(world) -> None:
    laid = lay(world, date(2026, 11, 1), [0.1] * 10)
    for day in laid[2:4]:
        world.store.set("park", "small", day, 0.2, self_consumed_kwh=1.0, load_kwh=10.0)
    # covered: 2.4 of 4 days on the 4th, 8.4 of 10 on the 10th
    assert set(world.walk(laid, RULE)) == {"-"}


def test_without_a_target_there_is_no_verdict(make_world) -> None:
    world = make_world(targets=[])
    laid = lay(world, date(2026, 11, 1), [0.0] * 5)
    assert set(world.walk(laid, RULE)) == {"-"}
