"""The day from which an array's expectation is calibrated: its index jumps, and nothing has happened."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

RULE = "pv_below_expectation"
FIRST = date(2026, 10, 1)
WELL = [1.02, 1.00, 1.03, 1.02, 1.04, 1.01, 1.02, 1.03, 0.99, 1.02, 1.05, 1.02, 1.01, 1.02]


def lay(world, raw: list[float], factors: list[float], array: str = "roof-a") -> list[date]:
    """Days of 300 kWh by nameplate; `raw` is the index against the nameplate."""
    laid = [FIRST + timedelta(days=n) for n in range(len(raw))]
    for day, index, factor in zip(laid, raw, factors, strict=True):
        world.store.set(
            "array",
            array,
            day,
            energy_performance_index=index / factor,
            irradiation_kwh_m2=3.0,
            expected_kwh=300.0 * factor,
            generation_kwh=300.0 * index,
            calibration_factor=factor,
            reasons="rung_poa",
        )
        if array == "roof-a":
            world.store.array("car-park", day, WELL[day.toordinal() % len(WELL)])
    return laid


@pytest.mark.parametrize("factor", [0.92, 1.15])
def test_the_jump_is_neither_fault_nor_recovery(world, factor: float) -> None:
    raw = [factor * v / 1.02 for v in [*WELL, *WELL]]
    laid = lay(world, raw, [1.0] * 14 + [factor] * 14)
    assert set(world.walk(laid, RULE)) == {"-"}


def test_a_string_lost_on_the_very_day_is_found_as_soon_as_on_any_other(world) -> None:
    laid = lay(world, [*WELL, 0.92, 0.91, 0.92, 0.93], [1.0] * 14 + [1.02] * 4)
    assert world.walk(laid, RULE) == ["-"] * 16 + ["firing"] * 2
    alert = world.open(RULE)
    assert alert.params["since_day"] == "2026-10-15"
    assert alert.params["lost_kwh"] == pytest.approx(120.0)


def test_a_standing_alert_is_not_ended_by_a_factor_but_by_the_array(world) -> None:
    raw = [*WELL, 0.92, 0.91, 0.92, 0.92, 0.91, 0.92, 0.92, 1.02, 1.01, 1.03]
    laid = lay(world, raw, [1.0] * 17 + [0.92] * 7)
    assert world.walk(laid, RULE)[14:] == ["-", "-", *["firing"] * 7, "resolved"]
    (alert,) = world.history(RULE)
    assert alert.params["lost_kwh"] == pytest.approx(300 * sum(1.02 - v for v in raw[14:]))


def test_more_modules_begin_anew(world) -> None:
    """Days of other modules are no baseline: against them the new array would seem to have fallen."""
    park = world.park
    array = next(a for a in park.arrays if a.id == "roof-a")
    change = world.morning(FIRST + timedelta(days=13)).replace(hour=16, minute=0)
    versions = (
        array.model_copy(update={"valid_to": change}),
        array.model_copy(update={"dc_kwp": array.dc_kwp * 2, "valid_from": change}),
    )
    others = tuple(a for a in park.arrays if a.id != "roof-a")
    world.park = park.model_copy(update={"arrays": (*versions, *others)})
    laid = lay(world, [*WELL, 0.94, 0.94, 0.94, 0.94, 0.94, 0.94], [1.0] * 20)
    assert set(world.walk(laid, RULE)) == {"-"}
