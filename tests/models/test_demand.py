"""Baselines of consumption: what was put in comes out, on measured load shapes too; what cannot be learned is refused."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from core.holidays import Calendar
from core.park_file import parse_park
from core.timebase import day_bounds
from models import demand
from models.demand import Daily, baseline, change_of_use, predict
from models.sky import night_hours
from service.demo import source_years
from service.demo.loads import load_power_kw
from service.demo.site import park_yaml
from service.demo.sky import sky

CALENDAR = Calendar("CN")


def days_from(first: date, count: int) -> list[date]:
    return [first + timedelta(days=n) for n in range(count)]


def air(days, seed=1) -> np.ndarray:
    """A year's course of 5 to 29 degrees C with spells of weather of a few days."""
    number = np.array([d.timetuple().tm_yday for d in days])
    spells = np.convolve(np.random.default_rng(seed).normal(0, 3, len(days) + 4), np.ones(5) / 2.2, "valid")
    return 17 + 12 * np.cos(2 * np.pi * (number - 205) / 365) + spells


def office(days, temp, *, work=1000.0, off=300.0, heating=20.0, cooling=30.0, noise=0.02, seed=2) -> Daily:
    """An office: 20 kWh/K below 12 degrees, 30 kWh/K above 22, off on weekends and holidays."""
    classes = CALENDAR.day_classes(days)
    level = np.array([work if c in {"mon", "tue", "wed", "thu", "fri", "makeup"} else off for c in classes])
    used = level + heating * np.maximum(12 - temp, 0) + cooling * np.maximum(temp - 22, 0)
    return Daily(days, used * (1 + np.random.default_rng(seed).normal(0, noise, len(days))), temp, classes)


def test_change_points_and_slopes_that_were_put_in_come_out():
    days = days_from(date(2025, 1, 1), 365)
    body = baseline(office(days, air(days)))
    assert body["model"] == "both/work/added"
    assert body["heating_c"] == pytest.approx(12, abs=1)
    assert body["cooling_c"] == pytest.approx(22, abs=1)
    assert body["heating"] == pytest.approx(20, rel=0.1)
    assert body["cooling"] == pytest.approx(30, rel=0.1)
    assert body["levels"] == {"work": pytest.approx(1000, rel=0.01), "off": pytest.approx(300, rel=0.02)}
    assert body["cv_rmse"] < 0.025
    assert abs(body["nmbe"]) < 0.005  # ASHRAE Guideline 14 asks for 5 %
    assert (body["first_day"], body["last_day"], body["days"]) == (
        "2025-01-01",
        "2025-12-31",
        365 - len(body["left_out"]),
    )


def test_a_baseline_survives_being_kept_as_json():
    days = days_from(date(2025, 1, 1), 365)
    body = baseline(office(days, air(days)))
    kept = json.loads(json.dumps(body, allow_nan=False))
    warm = np.array([5.0, 17.0, 30.0])
    assert predict(kept, warm, ["wed", "holiday", "makeup"]) == pytest.approx([1140, 300, 1240], rel=0.02)


def test_a_load_without_weather_gets_no_slope():
    days = days_from(date(2025, 3, 1), 200)
    body = baseline(office(days, air(days), heating=0.0, cooling=0.0))
    assert (body["heating_c"], body["cooling_c"]) == (None, None)


def test_closed_on_other_days_than_the_weekend():
    days = days_from(date(2025, 3, 1), 60)
    closed = {"mon", "tue"}
    classes = Calendar().day_classes(days)
    used = np.array([400.0 if c in closed else 1400.0 for c in classes]) + np.arange(60) % 7
    body = baseline(Daily(days, used, air(days), classes))
    assert predict(body, np.full(7, 15.0), ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]) == pytest.approx(
        [400, 400, 1400, 1400, 1400, 1400, 1400], rel=0.02
    )
    assert body["assumed"] == ["holiday", "makeup"]


def test_an_unknown_temperature_counts_as_the_mean_of_those_learned_from():
    days = days_from(date(2025, 1, 1), 365)
    body = baseline(office(days, air(days)))
    unknown = predict(body, np.array([np.nan]), ["wed"])
    assert unknown == pytest.approx(predict(body, np.array([body["temp_mean_c"]]), ["wed"]))


@pytest.mark.parametrize("kind", ["days", "no_air", "constant", "holidays", "nothing", "noise"])
def test_what_cannot_be_learned_is_refused_with_its_reason(kind):
    days = days_from(date(2026, 2, 1), 120)
    whole = office(days, air(days))
    cases = {
        "days": (whole.where(np.arange(120) < 27), "too_few_days"),
        "no_air": (Daily(days, whole.kwh, np.full(120, np.nan), whole.day_class), "no_temperature"),
        "constant": (Daily(days, whole.kwh, np.full(120, 21.5), whole.day_class), "constant_temperature"),
        "holidays": (Daily(days, whole.kwh, whole.temp_air_c, ["holiday"] * 120), "too_few_workdays"),
        "nothing": (Daily(days, np.zeros(120), whole.temp_air_c, whole.day_class), "no_consumption"),
        "noise": (
            Daily(days, np.random.default_rng(0).exponential(500, 120), whole.temp_air_c, whole.day_class),
            "poor_fit",
        ),
    }
    daily, code = cases[kind]
    body = baseline(daily)
    assert body["refused"] == code
    json.dumps(body, allow_nan=False)


def test_a_thermometer_that_sleeps_on_sundays_leaves_nothing_to_learn_of_them():
    days = days_from(date(2025, 3, 1), 90)
    classes = Calendar().day_classes(days)
    temp = np.where(np.array(classes) == "sun", np.nan, air(days))
    body = baseline(Daily(days, office(days, air(days)).kwh, temp, classes))
    assert body["refused"] == "too_few_workdays"


def test_no_days_at_all():
    none = Daily([], np.zeros(0), np.zeros(0), [])
    assert baseline(none) == {"refused": "too_few_days", "days": 0, "first_day": None, "last_day": None}


def test_days_without_energy_are_not_learned_from():
    days = days_from(date(2025, 1, 1), 100)
    whole = office(days, air(days))
    gaps = np.where(np.arange(100) % 5 == 0, np.nan, whole.kwh)
    body = baseline(Daily(days, gaps, whole.temp_air_c, whole.day_class))
    assert body["days"] + len(body["left_out"]) == 80


@pytest.mark.parametrize("factor", [0.6, 1.5])
def test_a_change_of_use_is_found_and_only_what_follows_is_learned_from(factor):
    days = days_from(date(2025, 1, 1), 300)
    whole = office(days, air(days))
    changed = np.where(np.arange(300) >= 170, whole.kwh * factor, whole.kwh)
    body = baseline(Daily(days, changed, whole.temp_air_c, whole.day_class))
    assert abs((date.fromisoformat(body["changed_on"]) - days[170]).days) <= 3
    assert date.fromisoformat(body["first_day"]) >= days[167]
    assert predict(body, np.array([17.0]), ["wed"]) == pytest.approx([1000 * factor], rel=0.05)


def test_a_change_of_use_a_fortnight_ago_is_refused():
    days = days_from(date(2025, 3, 1), 120)
    whole = office(days, air(days))
    changed = np.where(np.arange(120) >= 102, whole.kwh * 1.6, whole.kwh)
    body = baseline(Daily(days, changed, whole.temp_air_c, whole.day_class))
    assert body["refused"] == "change_of_use"
    assert abs((date.fromisoformat(body["changed_on"]) - days[102]).days) <= 3


def test_a_steady_drift_is_no_change_of_use():
    days = days_from(date(2025, 3, 1), 120)
    whole = office(days, air(days))
    assert (
        demand.change_of_use(Daily(days, whole.kwh * np.linspace(1, 1.3, 120), whole.temp_air_c, whole.day_class))
        is None
    )


def measured(profile: str, first: date, count: int) -> Daily:
    """Days of a measured SimBench load shape (2016, laid over other dates by weekday), with no weather in it."""
    days = days_from(first, count)
    times = pd.date_range(first, periods=count * 96, freq="15min", tz="Asia/Shanghai")
    kwh = source_years.profile(profile, times).reshape(count, 96).sum(axis=1) * 25.0
    return Daily(days, kwh, air(days), Calendar().day_classes(days))


@pytest.mark.parametrize(("profile", "cv_rmse"), [("G0-A", 0.10), ("G0-M", 0.13), ("G3-H", 0.10), ("G3-M", 0.10)])
def test_on_measured_load_shapes_ten_months_foretell_the_eleventh(profile, cv_rmse):
    whole = measured(profile, date(2025, 1, 10), 335)
    learned, held_out = whole.where(np.arange(335) < 300), whole.where(np.arange(335) >= 300)
    body = baseline(learned)
    assert "refused" not in body
    assert body["cv_rmse"] < cv_rmse
    said = predict(body, held_out.temp_air_c, held_out.day_class)
    bias = float((said - held_out.kwh).sum() / held_out.kwh.sum())
    plain = float((np.mean(learned.kwh) - held_out.kwh).sum() / held_out.kwh.sum())
    assert abs(bias) < max(0.12, abs(plain))
    own, flat = np.abs(said - held_out.kwh).mean(), np.abs(np.mean(learned.kwh) - held_out.kwh).mean()
    assert own < flat


def lamps(first: date, count: int) -> Daily:
    """The demo's street lamps: dimmed after midnight, switched by the sun."""
    park = parse_park(park_yaml(datetime(2026, 11, 22, tzinfo=UTC)).encode())
    minute = int(day_bounds(first, park.zone)[0].timestamp()) // 60
    over = sky(park.latitude, park.longitude, park.altitude_m, 1, minute, count * 1440)
    kw = load_power_kw(park.point("street-lamps"), park, over, 1, minute)
    days = days_from(first, count)
    warm = over.temp_air_c.reshape(-1, 1440).mean(axis=1)
    return Daily(days, kw.reshape(-1, 1440).sum(axis=1) / 60, warm, CALENDAR.day_classes(days), park.latitude)


@pytest.mark.parametrize("first", [date(2026, 9, 24), date(2026, 3, 1), date(2026, 7, 10)])
def test_lamps_follow_the_length_of_the_night(first):
    whole = lamps(first, 90)
    learned, held_out = whole.where(np.arange(90) < 60), whole.where(np.arange(90) >= 60)
    body = baseline(learned)
    assert body["model"] == "none/none/night"
    assert body["cv_rmse"] < 0.01
    said = predict(body, held_out.temp_air_c, held_out.day_class, held_out.days)
    assert abs(said.sum() / held_out.kwh.sum() - 1) < 0.01
    blind = dataclasses.replace(learned, latitude=None)
    without = predict(baseline(blind), held_out.temp_air_c, held_out.day_class)
    assert np.abs(said - held_out.kwh).mean() < np.abs(without - held_out.kwh).mean() / 3


def test_half_a_year_of_lamps_is_no_change_of_use():
    whole = lamps(date(2026, 2, 1), 180)
    assert change_of_use(whole) is None
    assert baseline(whole)["cv_rmse"] < 0.01


def test_nights_that_hardly_differ_teach_nothing():
    solstice = lamps(date(2026, 12, 7), 28)
    assert solstice.dark is None
    assert "night" not in baseline(solstice)


def test_a_building_heated_in_autumn_does_not_follow_the_night():
    days = days_from(date(2026, 9, 20), 75)
    for seed in range(4):
        learned = dataclasses.replace(office(days, air(days, seed), noise=0.04, seed=seed), latitude=31.2)
        assert "night" not in baseline(learned)


def test_an_unknown_day_counts_as_the_mean_night_of_those_learned_from():
    body = baseline(lamps(date(2026, 9, 24), 60))
    said = predict(json.loads(json.dumps(body)), np.full(2, np.nan), ["mon", "sun"])
    assert said == pytest.approx([body["levels"]["all"]] * 2)


def test_nights_of_all_latitudes():
    days = np.array([80.0, 172.0, 355.0])
    assert night_hours(0.0, days) == pytest.approx([11.9, 11.9, 11.9], abs=0.05)
    assert night_hours(31.2, days) == pytest.approx([11.9, 9.8, 13.9], abs=0.15)
    assert night_hours(78.0, days)[1:].tolist() == [0.0, 24.0]
    assert night_hours(-90.0, days)[1:].tolist() == [24.0, 0.0]
