"""Clocks that are off: whose, by how much, and told once."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from core.findings import Fault, details
from core.quality import Event, Reason
from core.text import Language
from models.faults import lag
from models.faults.diagnose import diagnose
from models.faults.sight import Sight

sys.path.insert(0, str(Path(__file__).parent))
from test_faults import ZONE, day, healthy, on


def under_station(sight: Sight) -> Sight:
    """The array with the light its station shows: a cloudless sky of 1000 W/m2, and clouds that pass."""
    draw = np.random.default_rng(5)
    size = sight.grid.size
    clear = np.tile(
        np.where(np.abs(np.arange(96) - 47.5) < 24, np.cos((np.arange(96) - 47.5) / 24 * np.pi / 2), 0.0), 60
    )
    clouds = np.where(draw.random(size) < 0.3, draw.uniform(0.3, 0.8, size), 1.0)
    clouds = np.where(np.isin(sight.days, range(0, 60, 3)), 1.0, clouds)  # every third day has none
    due = clear * 22.0 * clouds
    return replace(
        sight,
        generation=due.copy(),
        expected=due,
        irradiation=clear * clouds / 4,
        power_kw=-due * 4,
        counted=np.ones(size, dtype=bool),
        by_measurement=np.ones(size, dtype=bool),
        clear=clear * 22.0,
        light=clear * clouds * 1000.0,
        clear_light=clear * 1000.0,
    )


def late_meter(sight: Sight, slots: int, where: np.ndarray) -> Sight:
    return replace(sight, generation=np.where(where, np.roll(sight.generation, slots), sight.generation))


def late_station(sight: Sight, slots: int, where: np.ndarray) -> Sight:
    """The expectation follows the station as far as anybody believes it: light at night makes it worth nothing."""
    light = np.where(where, np.roll(sight.light, slots), sight.light)
    due = np.where(where, np.roll(sight.expected, slots), sight.expected)
    believed = ~where if abs(slots) > 4 else np.ones(sight.grid.size, dtype=bool)
    return replace(sight, light=light, expected=due, measured=believed, by_measurement=believed)


@pytest.mark.parametrize("slots", [32, -32, 4, -4, 2, -2, 1, -1, 48])
def test_a_meters_clock_is_told_once_with_its_minutes(slots):
    sight = under_station(healthy())
    beside = replace(sight, entity="shed", point="shed-meter")
    off = late_meter(sight, slots, on(sight, 20, 39))
    (found,) = diagnose([off, beside])
    assert (found.entity, found.code, found.picture.facts["minutes"]) == ("roof", Fault.TIME_SHIFT, 15.0 * slots)
    assert abs(found.start - day(20)) <= timedelta(days=1)
    assert found.end is not None
    assert abs(found.end - day(40)) <= timedelta(days=1)
    assert found.lost_kwh == 0.0


@pytest.mark.parametrize("slots", [32, -32, 4, -4, 2, 1])
def test_a_stations_clock_is_the_stations_finding_not_that_of_its_arrays(slots):
    sight = late_station(under_station(healthy()), slots, on(healthy(), 20, 39))
    events = [
        Event("station", Reason.SENSOR_FAULT.value, day(n), day(n + 1), {"quantity": "ghi_wm2", "what": "ghi_wm2 480 W/m²"})
        for n in range(20, 40)
    ]  # fmt: skip
    (found,) = diagnose([sight, replace(sight, entity="shed", point="shed-meter")], events)
    assert (found.entity, found.code, found.picture.facts["minutes"]) == ("station", Fault.TIME_SHIFT, 15.0 * slots)


@pytest.mark.parametrize("slots", [32, -32, 4, 1])
def test_one_meter_and_one_station_are_told_apart_by_the_sun(slots):
    sight = under_station(healthy())
    (meter,) = diagnose([late_meter(sight, slots, on(sight, 20, 39))])
    (station,) = diagnose([late_station(sight, slots, on(sight, 20, 39))])
    assert (meter.entity, station.entity) == ("roof", "station")


def test_all_clocks_alike_are_one_finding_that_doubts_the_place():
    sight = under_station(healthy())
    ever = np.ones(sight.grid.size, dtype=bool)
    off = late_station(late_meter(sight, 32, ever), 32, ever)
    stuck = [Event("roof-meter", "stuck", day(n), day(n) + timedelta(hours=5), {"value": -0.1}) for n in range(20, 40)]
    (found,) = diagnose([off, replace(off, entity="shed", point="shed-meter")], stuck)
    assert (found.entity, found.picture.facts["minutes"], found.picture.facts["clocks"]) == ("station", 480.0, "all")
    english, chinese = details(found, Language.EN), details(found, Language.ZH)
    assert english.startswith("readings stamped 480 min too late, every clock here alike")
    assert "120° too far east" in english
    assert chinese.startswith("时间戳晚 480 分钟，所有电表和气象站都如此")


def test_without_a_station_the_sun_alone_tells_a_shift_of_hours():
    sight = under_station(healthy())
    nobody = np.zeros(sight.grid.size, dtype=bool)
    blind = replace(sight, light=None, clear_light=None, measured=nobody, by_measurement=nobody)
    assert diagnose([blind]) == []
    (found,) = diagnose([late_meter(blind, 32, on(sight, 20, 59))])
    assert (found.entity, found.picture.facts["what"]) == ("roof", "+480 min")


def shifts(sight: Sight) -> list[float]:
    return [f.picture.facts["minutes"] for f in diagnose([sight]) if f.code is Fault.TIME_SHIFT]


def test_what_moves_all_days_a_little_is_no_clock_and_a_shift_counts_from_there():
    """An expectation that is some minutes late on all days and follows the clouds badly, as a satellite's does."""
    sight = under_station(healthy())
    draw = np.random.default_rng(8)
    clouds = 1.0 - 0.1 * (draw.random(sight.grid.size) < 0.2) * np.isin(sight.days, range(0, 60, 3))
    due = 0.5 * (sight.clear + np.roll(sight.clear, 1)) * clouds
    far = replace(sight, expected=due, light=None, clear_light=None)
    assert shifts(far) == []
    (minutes,) = shifts(late_meter(far, 5, on(sight, 20, 39)))
    assert abs(minutes - 75.0) <= 15.0


def test_a_morning_that_was_cut_is_no_clock():
    sight = under_station(healthy())
    morning = on(sight, 20, 39) & (np.tile(np.arange(96), 60) < 40)
    assert Fault.TIME_SHIFT not in {
        f.code for f in diagnose([replace(sight, generation=np.where(morning, 0.0, sight.generation))])
    }


def test_a_fault_behind_a_shifted_clock_is_still_seen():
    sight = under_station(healthy())
    ever = np.ones(sight.grid.size, dtype=bool)
    less = replace(sight, generation=np.where(on(sight, 40, 59), 0.8 * sight.generation, sight.generation))
    found = {f.code: f for f in diagnose([late_meter(less, 4, ever)])}
    assert set(found) == {Fault.TIME_SHIFT, Fault.STRING_LOSS}
    assert found[Fault.STRING_LOSS].start.astimezone(ZONE).date() == date(2026, 2, 10)


def test_the_lag_of_a_day_is_where_its_shape_fits():
    sight = under_station(healthy())
    misfit = lag.misfits(sight.expected, np.roll(sight.generation, 5), sight.grid)
    assert lag.LAGS[np.argmin(misfit[30])] == 5
    assert misfit[30].min() < 1e-9
    assert np.isnan(lag.misfits(sight.expected, np.full(sight.grid.size, np.nan), sight.grid)).all()
