"""Yields and ratios of IEC 61724-1 by hand: one day of 100 kWp, four hours of sun."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from models import rollup, yields
from models.series import SlotSeries, grid_of
from models.sky import Sky

GRID = grid_of(date(2026, 6, 1), date(2026, 6, 1), ZoneInfo("UTC"), datetime(2026, 6, 2, tzinfo=UTC))
DAY = rollup.days_of(GRID)
NOON = slice(40, 56)  # sixteen slots
SIZE = GRID.size


def series(values: float | np.ndarray, coverage: float = 1.0) -> SlotSeries:
    found = np.zeros(SIZE)
    found[NOON] = values
    return SlotSeries(found, np.full(SIZE, coverage), np.zeros(SIZE), np.zeros(SIZE, dtype=np.int64))


def sky() -> Sky:
    zenith = np.full(SIZE, 120.0)
    zenith[NOON] = 30.0
    zero = np.zeros(SIZE)
    return Sky(zenith, zero, zero, zero, zero, zero, zero)


def array(made: SlotSeries, sun: SlotSeries, **changes: object) -> yields.Measured:
    valid = made.known & sun.known
    plain = yields.Measured(np.full(SIZE, 100.0), made, sun, np.full(SIZE, 0.93), None, valid)
    return replace(plain, **changes)


def test_yields_and_the_corrected_ratio_of_a_day() -> None:
    one = array(series(18.0), series(0.2))  # 72 kW at 800 W/m², modules at 45 °C
    found = yields.yields(one, DAY)
    assert found["reference_yield"].value == pytest.approx([3.2])
    assert found["final_yield"].value == pytest.approx([2.88])
    assert found["specific_yield"].value == pytest.approx([2.88])
    assert found["reference_yield_25c"].value == pytest.approx([2.976])
    assert "array_yield" not in found
    assert yields.ratio_25c(one, sky(), DAY).value == pytest.approx([2.88 / 2.976])


def test_slots_without_irradiance_count_neither_above_nor_below() -> None:
    sun = series(np.where(np.arange(16) < 8, 0.2, np.nan))
    found = yields.yields(array(series(18.0), sun), DAY)
    assert found["reference_yield"].value == pytest.approx([1.6])
    assert found["final_yield"].value == pytest.approx([1.44])
    assert found["specific_yield"].value == pytest.approx([2.88])


def test_a_ratio_is_one_of_sums_not_a_mean_of_ratios() -> None:
    made = series(np.repeat([20.0, 1.0], 8))
    sun = series(np.repeat([0.2, 0.02], 8))
    one = array(made, sun, correction=np.ones(SIZE))
    assert yields.ratio_25c(one, sky(), DAY).value == pytest.approx([168.0 / 176.0])  # the mean of ratios is 0.75


def test_dc_yield_only_where_dc_is_measured_throughout() -> None:
    one = array(series(18.0), series(0.2), dc=series(19.0))
    assert yields.yields(one, DAY)["array_yield"].value == pytest.approx([3.04])
    partly = replace(one, dc=series(np.where(np.arange(16) < 12, 19.0, np.nan)))
    assert np.isnan(yields.yields(partly, DAY)["array_yield"].value).all()


RATED = np.full(SIZE, 80.0)
EVERYWHERE = np.ones(SIZE, dtype=bool)


def available(made: SlotSeries, expected: SlotSeries) -> float:
    comparable = made.known & EVERYWHERE
    return float(yields.availability(made, expected, RATED, comparable, sky(), DAY).value[0])


def test_availability_is_what_was_made_over_that_and_what_standing_still_lost() -> None:
    assert available(series(18.0), series(18.0)) == 1.0
    stopped = series(np.where(np.arange(16) < 4, 0.0, 18.0))
    assert available(stopped, series(18.0)) == pytest.approx(0.75)


def test_a_quarter_of_an_hour_is_no_outage_nor_is_dusk_nor_a_silent_meter() -> None:
    blink = series(np.where(np.arange(16) == 4, 0.0, 18.0))
    assert available(blink, series(18.0)) == 1.0
    assert (
        available(series(np.where(np.arange(16) < 4, 0.0, 18.0)), series(np.where(np.arange(16) < 4, 0.5, 18.0))) == 1.0
    )
    assert available(series(np.where(np.arange(16) < 4, np.nan, 18.0)), series(18.0)) == 1.0
