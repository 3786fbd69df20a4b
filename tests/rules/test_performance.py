from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

RULE = "pv_below_expectation"
SMALL_PARK = Path(__file__).parents[1] / "data" / "small_park.yaml"
FIRST = date(2026, 10, 1)


def days(count: int, first: date = FIRST) -> list[date]:
    return [first + timedelta(days=n) for n in range(count)]


def lay(world, array: str, indexes: list[float | None], sun: float = 3.0, first: date = FIRST) -> list[date]:
    laid = days(len(indexes), first)
    for day, index in zip(laid, indexes, strict=True):
        if index is not None:
            world.store.array(array, day, index, sun)
        if array == "roof-a" and ("array", "car-park", "energy_performance_index", day) not in world.store.rows:
            world.store.array("car-park", day, WELL[day.toordinal() % len(WELL)], sun)
    return laid


# A healthy array of a model 2 % too low, with its scatter, twice over.
WELL = [1.02, 1.00, 1.03, 1.02, 1.04, 1.01, 1.02, 1.03, 0.99, 1.02, 1.05, 1.02, 1.01, 1.02]


def test_a_string_of_ten_is_found_on_the_third_day_and_dated_to_the_first(world) -> None:
    laid = lay(world, "roof-a", [*WELL, 0.92, 0.91, 0.92, 0.93])
    assert world.walk(laid, RULE) == ["-"] * 16 + ["firing"] * 2
    alert = world.open(RULE)
    assert (alert.entity, alert.severity, alert.params["since_day"]) == ("roof-a", "warning", "2026-10-15")
    assert alert.active_at.isoformat() == "2026-10-14T16:00:00+00:00"  # local midnight
    assert alert.fired_at == world.morning(laid[16])
    assert alert.params["reference_index"] == pytest.approx(1.02)
    # 300 kWh a day expected: 4 x 300 x 1.02 - 300 x (0.92 + 0.91 + 0.92 + 0.93)
    assert alert.params["lost_kwh"] == pytest.approx(120.0)
    assert alert.params["lost_money"] == pytest.approx(120.0 * 0.72)
    assert alert.params["shortfall_share"] == pytest.approx(120.0 / 1224.0)


def test_one_bad_day_or_two_are_no_fault(world) -> None:
    laid = lay(world, "roof-a", [*WELL, 0.70, 1.02, 1.01, 0.93, 0.94, 1.02, 1.03])
    assert set(world.walk(laid, RULE)) == {"-"}


def test_cloudy_days_are_not_judged(world) -> None:
    laid = lay(world, "roof-a", WELL)
    cloudy = lay(world, "roof-a", [0.60, 0.55, 0.65, 0.70, 0.58], sun=0.8, first=date(2026, 10, 15))
    assert set(world.walk([*laid, *cloudy], RULE)) == {"-"}


def test_it_ends_after_three_good_days(world) -> None:
    laid = lay(world, "roof-a", [*WELL, 0.92, 0.91, 0.92, 1.02, 1.01, 1.03, 1.02])
    assert world.walk(laid, RULE)[14:] == ["-", "-", "firing", "firing", "firing", "resolved", "-"]
    (alert,) = world.history(RULE)
    assert alert.resolved_at == world.morning(laid[19])
    assert alert.params["lost_kwh"] == pytest.approx(300 * (6 * 1.02 - 0.92 - 0.91 - 0.92 - 1.02 - 1.01 - 1.03))


def test_missing_days_hold_it(world) -> None:
    laid = lay(world, "roof-a", [*WELL, 0.92, 0.91, 0.92, *[None] * 20, 1.02, 1.02, 1.02])
    seen = world.walk(laid, RULE)
    assert seen[16:] == ["firing"] * 23 + ["resolved"]


def test_days_of_low_coverage_or_not_yet_over_do_not_count(world) -> None:
    lay(world, "roof-a", [*WELL, 0.80, 0.80, 0.80])
    world.store.array("roof-a", date(2026, 10, 16), 0.80, coverage=0.89)
    world.store.array("roof-a", date(2026, 10, 17), 0.80, reasons="partial rung_poa")
    assert set(world.walk(days(17), RULE)) == {"-"}


def test_an_index_below_expectation_fires_without_any_past(world) -> None:
    laid = lay(world, "roof-a", [0.91, 0.85, 0.86, 0.87])
    assert world.walk(laid, RULE) == ["-", "-", "firing", "firing"]
    alert = world.open(RULE)
    assert (alert.params["since_day"], alert.params["reference_index"], alert.params["clear_index"]) == (
        "2026-10-02",
        1.0,
        0.95,
    )


def test_dirt_of_a_few_percent_is_no_lost_string(world) -> None:
    dirt = [1.0 - 0.003 * n for n in range(1, 21)]
    laid = lay(world, "roof-a", [*[1.0] * 14, *dirt])
    assert set(world.walk(laid, RULE)) == {"-"}


def test_dirt_beyond_ten_percent_is_told(world) -> None:
    dirt = [1.0 - 0.003 * n for n in range(1, 41)]
    laid = lay(world, "roof-a", [*[1.0] * 14, *dirt])
    seen = world.walk(laid, RULE)
    # The 34th dirty day is the first below 0.90; the median of three follows a day later.
    assert seen.index("firing") == 14 + 34
    assert world.open(RULE).params["reference_index"] == 1.0


def test_a_fall_of_all_arrays_is_not_a_string(world) -> None:
    low = [*WELL, 0.93, 0.93, 0.93, 0.93]
    laid = lay(world, "roof-a", low)
    lay(world, "car-park", [v - 0.01 for v in low])
    assert set(world.walk(laid, RULE)) == {"-"}


def test_an_array_beside_a_healthy_one_is_found(world) -> None:
    laid = lay(world, "roof-a", [*WELL, 0.93, 0.93, 0.93])
    lay(world, "car-park", [*WELL, 1.02, 1.01, 1.03])
    assert world.walk(laid, RULE)[-1] == "firing"
    assert world.open(RULE).entity == "roof-a"


def test_without_an_array_beside_it_five_days_must_say_the_same(make_world) -> None:
    park = yaml.safe_load(SMALL_PARK.read_text())
    world = make_world(arrays=park["arrays"][:1])
    laid = lay(world, "roof-a", [*WELL, 0.92, 0.93, 0.92, 0.92, 0.93])
    assert world.walk(laid, RULE) == ["-"] * 18 + ["firing"]
    assert world.open(RULE).params["since_day"] == "2026-10-15"


def test_a_noisy_array_needs_a_deeper_fall(world) -> None:
    noisy = [1.0, 1.08, 0.93, 1.06, 0.92, 1.07, 0.94, 1.0, 1.08, 0.93, 1.06, 0.92, 1.07, 0.94]
    laid = lay(world, "roof-a", [*noisy, 0.92, 0.93, 0.92])
    assert set(world.walk(laid, RULE)) == {"-"}


def test_a_day_without_yield_is_told_next_morning(world) -> None:
    laid = lay(world, "roof-a", [*WELL, 0.02])
    assert world.walk(laid, RULE)[-1] == "firing"
    assert world.open(RULE).params["since_day"] == "2026-10-15"


def test_a_fault_at_noon_is_dated_to_its_own_day(world) -> None:
    lay(world, "roof-a", [*WELL, 0.95, 0.92, 0.91, 0.92])
    world.walk(days(18), RULE)
    assert world.open(RULE).params["since_day"] == "2026-10-15"


def test_a_fault_on_a_cloudy_day_is_dated_to_it(world) -> None:
    lay(world, "roof-a", WELL)
    lay(world, "roof-a", [0.90], sun=0.7, first=date(2026, 10, 15))
    lay(world, "roof-a", [0.91, 0.92, 0.91], first=date(2026, 10, 16))
    world.walk(days(18), RULE)
    assert world.open(RULE).params["since_day"] == "2026-10-15"


def test_another_sensor_starts_another_baseline(world) -> None:
    lay(world, "roof-a", WELL)
    for n, day in enumerate(days(4, date(2026, 10, 15))):
        world.store.array("roof-a", day, (0.94, 0.94, 0.95, 0.94)[n], reasons="rung_ghi")
    assert set(world.walk(days(18), RULE)) == {"-"}


def test_restarts_change_nothing(make_world) -> None:
    def states(restart: bool) -> list[str]:
        world = make_world()
        laid = lay(world, "roof-a", [*WELL, 0.92, 0.91, None, 0.92, 0.93, 1.02, None, 1.01, 1.03, 1.02])
        return world.walk(laid, RULE, restart=restart)

    assert states(restart=True) == states(restart=False)
    assert states(restart=True)[17] == "firing"


def test_without_a_sensor_the_best_day_is_held_against_clear_sky(world) -> None:
    sky = [0.3, 0.5, 0.75, 0.6, 0.4, 0.7, 0.2, 0.78, 0.5, 0.6, 0.65, 0.3, 0.86]
    for day, index in zip(days(13), sky, strict=True):
        world.store.array("roof-a", day, index, reasons="rung_clear_sky")
    rule = "pv_below_clear_sky"
    assert world.walk(days(13), rule) == ["-"] * 9 + ["firing"] * 3 + ["resolved"]
    assert world.history(rule)[0].params["since_day"] == "2026-09-27"
    assert world.history(RULE) == []


def test_arrays_beside_it_are_enough_to_judge_by_and_a_weather_service_is_not(world) -> None:
    for day, index in zip(days(10), [1.0, 1.01, 0.99, 0.98, 1.0, 0.8, 0.79, 0.8, 0.81, 0.8], strict=True):
        world.store.array("roof-a", day, index, reasons="rung_peers")
        world.store.array("car-park", day, index, reasons="rung_service")
    world.walk(days(10), RULE)
    assert {record.entity for record in world.history(RULE)} == {"roof-a"}


SERVICE = "pv_below_weather_service"


def test_a_weather_service_needs_seven_days_and_a_fifth(world) -> None:
    usual = [1.0, 1.1, 0.85, 0.95, 1.05, 0.9, 1.15, 0.82, 1.0, 1.3]
    indexes = [*usual, *[0.72, 0.7, 0.75, 0.78, 0.71, 0.79, 0.7], *[1.0, 0.95, 1.02, 0.97, 0.98, 1.1, 0.99]]
    for day, index in zip(days(24), indexes, strict=True):
        world.store.array("roof-a", day, index, reasons="rung_service")
    assert world.walk(days(24), SERVICE) == ["-"] * 13 + ["firing"] * 10 + ["resolved"]
    assert world.history(RULE) == []


def test_a_dead_array_under_a_weather_service_is_told_the_next_morning(world) -> None:
    for day, index in zip(days(8), [1.0] * 7 + [0.05], strict=True):
        world.store.array("roof-a", day, index, reasons="rung_service")
    assert world.walk(days(8), SERVICE) == ["-"] * 7 + ["firing"]


@pytest.mark.parametrize("reasons", ["rung_poa", "rung_peers", "rung_clear_sky rung_service", "rung_clear_sky"])
def test_the_rule_for_a_weather_service_judges_no_other_days(world, reasons: str) -> None:
    for day in days(10):
        world.store.array("roof-a", day, 0.6, reasons=reasons)
    world.walk(days(10), SERVICE)
    assert world.history(SERVICE) == []
