"""Numbers in another unit, and meters that never counted: told as that, at no invented loss."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from core.findings import Fault
from core.quality import Event, Reason
from models.faults.diagnose import diagnose

sys.path.insert(0, str(Path(__file__).parent))
from test_faults import day, healthy, on, worse
from test_faults_clock import under_station


@pytest.mark.parametrize(("factor", "what"), [(1000.0, "×1000"), (0.001, "÷1000")])
def test_watts_where_kilowatts_are_declared_are_a_unit_and_their_night_draw_is_none(factor, what):
    sight = under_station(healthy())
    dark = ~(sight.expected > 0)
    drawn = np.where(dark, 0.02, 0.0)  # 0.08 kW of standby
    where = on(sight, 20, 39)
    scale = np.where(where, factor, 1.0)
    off = replace(worse(sight, where, factor), drawn=drawn * scale, power_kw=sight.power_kw * scale)
    (found,) = diagnose([off])
    assert (found.code, found.picture.facts["what"], found.picture.facts["factor"]) == (Fault.UNITS, what, factor)
    assert (found.start, found.lost_kwh, found.high_kwh) == (day(20), 0.0, 0.0)


def test_counts_no_rating_allows_tell_the_unit_though_they_were_booked_as_nothing():
    sight = under_station(healthy())
    where = on(sight, 20, 59) & (sight.expected > 0.5)
    events = [
        Event(
            "roof-meter", "implausible", sight.at(n), sight.at(n + 1),
            {"before": 5e8, "after": 5e8 + 1000.0 * sight.expected[n], "energy": 0.0},
        )
        for n in np.flatnonzero(where)
    ]  # fmt: skip
    refused = np.where(where, np.nan, sight.generation)
    refused = np.where(on(sight, 20, 59) & ~where, sight.generation * 1000.0, refused)
    blind = replace(
        sight, generation=refused, measured=~where, counted=~where, power_kw=np.full(sight.grid.size, np.nan)
    )
    (found,) = diagnose([blind], events)
    assert (found.code, found.picture.facts["what"], found.start) == (Fault.UNITS, "×1000", day(20))


def test_power_alone_in_watts_is_told_of_the_power():
    sight = under_station(healthy())
    (found,) = diagnose([replace(sight, power_kw=sight.power_kw * 1000.0)])
    assert (found.code, found.picture.facts["what"]) == (Fault.UNITS, "active_power_kw ×1000")


@pytest.mark.parametrize(("factor", "unit"), [(0.001, "kW/m²"), (0.1, "%"), (0.0036, "MJ/m² / h")])
def test_light_in_another_unit_is_the_stations_finding_and_no_meters(factor, unit):
    sight = under_station(healthy())
    where = on(sight, 20, 39)
    light = np.where(where, sight.light * factor, sight.light)
    due = np.where(where, sight.expected * factor, sight.expected)
    off = replace(sight, light=light, expected=due, light_name="ghi_wm2")
    (found,) = diagnose([off, replace(off, entity="shed", point="shed-meter")])
    assert (found.entity, found.code, found.picture.facts["what"]) == ("station", Fault.UNITS, f"ghi_wm2: {unit}")
    assert (found.start, found.end) == (day(20), day(40))


def test_two_dark_weeks_are_no_percent():
    sight = under_station(healthy())
    where = on(sight, 20, 33)
    dark = {
        name: np.where(where, getattr(sight, name) * 0.1, getattr(sight, name))
        for name in ("light", "expected", "generation")
    }
    assert diagnose([replace(sight, **dark)]) == []


@pytest.mark.parametrize(
    ("undo", "what"), [(lambda c: c * 1.8 + 32.0, "temp_air_c: °F"), (lambda c: c + 273.15, "temp_air_c: K")]
)
def test_degrees_in_another_scale_are_a_unit_and_no_broken_sensor(undo, what):
    sight = under_station(healthy())
    sight = replace(sight, sky=replace(sight.sky, zenith=np.where(sight.clear > 0, 40.0, 120.0)))
    air = sight.weather["temp_air_c"]
    warm = replace(air, value=np.where(on(sight, 20, 59), undo(air.value + 6.0), air.value))
    events = [
        Event("station", Reason.SENSOR_FAULT.value, day(n), day(n + 1), {"quantity": "temp_air_c", "what": "", "check": "climate"})
        for n in range(20, 60)
    ]  # fmt: skip
    (found,) = diagnose([replace(sight, weather={"temp_air_c": warm})], events)
    assert (found.entity, found.code, found.picture.facts["what"]) == ("station", Fault.UNITS, what)


def test_faults_of_two_sensors_from_one_day_on_are_one_statement():
    events = [
        Event("station", Reason.SENSOR_FAULT.value, day(n), day(n + 1), {"quantity": q, "what": f"{q} = 0", "check": "stuck"})
        for n in (20, 21)
        for q in ("ghi_wm2", "wind_speed_ms")
    ]  # fmt: skip
    (found,) = diagnose([under_station(healthy())], events)
    assert found.picture.facts["what"] == "ghi_wm2 = 0; wind_speed_ms = 0"


def test_a_meter_that_never_counted_is_out_since_the_start_even_where_nobody_measures_the_light():
    sight = under_station(healthy())
    nobody = np.zeros(sight.grid.size, dtype=bool)
    dead = replace(
        sight,
        generation=np.zeros(sight.grid.size),
        light=None,
        clear_light=None,
        measured=nobody,
        by_measurement=nobody,
    )
    (found,) = diagnose([dead])
    assert (found.code, found.end, found.confidence) == (Fault.OUTAGE, None, 0.6)
    assert found.start - day(0) < timedelta(hours=12)
    assert found.lost_kwh == pytest.approx(0.6 * float(sight.clear[sight.bright_sky].sum()))
    assert found.low_kwh < found.lost_kwh / 2
    assert found.high_kwh > 1.5 * found.lost_kwh


@pytest.mark.parametrize(("factor", "what"), [(1000.0, "×1000"), (0.001, "÷1000")])
def test_a_cloudless_sky_is_enough_to_tell_a_thousand(factor, what):
    sight = under_station(healthy())
    nobody = np.zeros(sight.grid.size, dtype=bool)
    blind = replace(sight, light=None, clear_light=None, measured=nobody, by_measurement=nobody)
    assert diagnose([blind]) == []
    off = replace(
        worse(blind, on(sight, 0, 59), factor),
        power_kw=sight.power_kw * factor,
        drawn=0.02 * factor * ~(sight.expected > 0),
    )
    (found,) = diagnose([off])
    assert (found.code, found.picture.facts["what"]) == (Fault.UNITS, what)
