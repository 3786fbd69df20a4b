"""Outlooks on measured series: better than persistence and climatology, bands that hold; and their edges in literal cases."""

from __future__ import annotations

import json
from datetime import date, timedelta

import numpy as np
import pytest

from models import outlook, past, plan
from models.outlook import Foretold
from models.outlooks import days_of
from models.past import Past
from tests import foretelling
from tests.foretelling import PLANTS, World, days_ahead, months_ahead, pinball, world

SUMMER = date(2018, 8, 20)


def test_pinball_loss_in_literal_numbers():
    # 0.1 * 10, 0.5 * 5 and 0.1 * 2 below, over three
    assert pinball(100.0, [90.0, 95.0, 102.0]) == pytest.approx((1.0 + 2.5 + 0.2) / 3)
    assert pinball(100.0, [100.0, 100.0, 100.0]) == 0.0


@pytest.mark.parametrize("plant", PLANTS)
def test_a_day_ahead_beats_persistence_and_is_no_worse_than_climatology(plant: str, shown) -> None:
    scores = days_ahead(plant, every=4)  # the whole table: python -m tests.foretelling
    shown(*foretelling.lines("day", {plant: scores}))
    for quantity, ways in scores.items():
        assert ways["outlook"].loss < ways["persistence"].loss, quantity
        assert ways["outlook"].loss <= ways["climatology"].loss, quantity
    for quantity in ("generation_kwh", "net_balance_kwh"):
        assert scores[quantity]["with forecasts"].loss < scores[quantity]["climatology"].loss
        assert scores[quantity]["with forecasts"].loss < scores[quantity]["outlook"].loss
        assert 0.65 < scores[quantity]["outlook"].coverage < 0.92
    net = scores["net_balance_kwh"]
    assert net["outlook"].loss < net["persistence + spread"].loss


@pytest.mark.parametrize("plant", PLANTS)
def test_a_month_ahead_beats_persistence_and_climatology(plant: str, shown) -> None:
    scores = months_ahead(plant)
    shown(*foretelling.lines("month", {plant: scores}))
    for quantity in ("generation_kwh", "load_kwh", "net_balance_kwh"):
        ways = scores[quantity]
        assert ways["outlook"].loss < ways["persistence"].loss
        assert ways["outlook"].loss <= ways["climatology"].loss
        # An 80 % band; forty outlooks of ten months overlap so much that no more can be told from them.
        assert 0.6 < ways["outlook"].coverage < 0.95


def test_how_fast_a_level_moves_is_learned_from_the_parks_own_months() -> None:
    steady, stepped = np.ones(60), np.repeat([1.0, 1.2], 30)
    assert outlook.walk(steady[:29], 0.1) == (
        0.1,
        4,
    )  # no two months: what is taken for granted, and little trust in it
    assert outlook.walk(stepped, 0.0)[0] == 0.0  # known from other years
    # One month against the other counts one, what is taken for granted four: of ln(1.2)² · 3/2, and of 0.1².
    assert outlook.walk(stepped, 0.1) == (pytest.approx(((0.04986 + 4 * 0.01) / 5) ** 0.5, rel=1e-3), 5)
    assert outlook.walk(steady, 0.1) == (pytest.approx((4 * 0.01 / 5) ** 0.5), 5)
    # Days that vary about one level are not taken for a level that moves.
    noisy = 1 + 0.3 * np.random.default_rng(1).standard_normal(300)
    assert outlook.walk(noisy, 0.1)[0] < 0.1


def test_a_level_walks_from_the_days_that_were_drawn() -> None:
    assert outlook.lag_days(np.array([0.0, 0.0, 1.0])) == 0.0
    # The mean of n days of a random walk lies as far off as a third of them ago.
    assert outlook.lag_days(np.ones(60)) == pytest.approx(60 / 3, abs=0.5)


@pytest.fixture(scope="module")
def here() -> World:
    return world("R15")


def test_an_outlook_is_json_and_says_what_it_stands_on(here: World) -> None:
    body = outlook.body(here.known(SUMMER), days_of("month", SUMMER), SUMMER)
    assert json.loads(json.dumps(body, allow_nan=False)) == body
    assert (body["basis"], body["weather"], body["open_days"]) == ("climatology", "recent", 12)
    assert body["to_date"]["days"] == 19
    for quantity in ("generation_kwh", "load_kwh", "net_balance_kwh", "self_sufficiency"):
        low, middle, high = body[quantity]
        assert low < middle < high


def test_the_same_outlook_twice_is_the_same(here: World) -> None:
    days = days_of("month", SUMMER)
    assert outlook.body(here.known(SUMMER), days, SUMMER) == outlook.body(here.known(SUMMER), days, SUMMER)


def test_nothing_after_its_day_enters(here: World) -> None:
    cut = here.past.days.index(SUMMER)
    seeing = foretelling.as_world(here.park, here.past.days, here.past.table)
    blind = {
        k: foretelling.as_series(np.where(np.arange(365) < cut, s.value, np.nan)) for k, s in here.past.table.items()
    }
    unseen = foretelling.as_world(here.park, here.past.days, blind)
    days = days_of("month", SUMMER)
    assert outlook.body(unseen.known(SUMMER), days, SUMMER) == outlook.body(seeing.known(SUMMER), days, SUMMER)


def test_the_band_closes_as_the_month_goes_by(here: World) -> None:
    widths = []
    for number in (1, 10, 20, 30):
        day = SUMMER.replace(day=number)
        low, _, high = outlook.body(here.known(day), days_of("month", day), day)["net_balance_kwh"]
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < widths[0] / 4


def test_a_month_that_is_over_is_what_was_measured(here: World) -> None:
    after = date(2018, 9, 1)
    body = outlook.body(here.known(after), days_of("month", SUMMER), after)
    actual = here.actual(days_of("month", SUMMER))
    assert body["net_balance_kwh"] == [pytest.approx(actual["net_balance_kwh"], abs=0.1)] * 3
    assert body["miss_probability"] in {0.0, 1.0}


def test_a_new_park_is_refused(here: World) -> None:
    tenth = here.past.days[10]
    body = outlook.body(here.known(tenth), days_of("month", tenth), tenth)
    assert body["refused"] == "too_few_days"
    json.dumps(body, allow_nan=False)


def test_a_forecast_draws_the_day_its_way_and_narrows_it(here: World) -> None:
    known = here.known(SUMMER)
    plain = outlook.body(known, [SUMMER], SUMMER)
    grey = outlook.body(known, [SUMMER], SUMMER, Foretold("test", {SUMMER: 0.2}, error=0.05))
    assert grey["basis"] == "forecast:test"
    assert grey["foretold"] == {"2018-08-20": 0.2}
    assert grey["generation_kwh"][2] < plain["generation_kwh"][0]


def test_a_trustless_forecast_changes_little(here: World) -> None:
    known = here.known(SUMMER)
    plain = outlook.body(known, [SUMMER], SUMMER)["generation_kwh"][1]
    vague = outlook.body(known, [SUMMER], SUMMER, Foretold("test", {SUMMER: 0.2}, error=2.0))["generation_kwh"][1]
    assert vague == pytest.approx(plain, rel=0.05)


def test_a_leap_year_s_days_and_months() -> None:
    assert len(days_of("year", date(2028, 3, 1))) == 366
    assert len(days_of("month", date(2028, 2, 10))) == 29
    assert days_of("month", date(2026, 12, 31))[-1] == date(2026, 12, 31)
    assert days_of("day", date(2026, 12, 31)) == [date(2026, 12, 31)]


def test_how_much_pv_is_used_on_the_spot() -> None:
    load = np.full(3, 100.0)
    assert outlook.own_use(np.array([0.0, 1.0, 1e6]), load, 0.5) == pytest.approx([0.0, 0.99, 50.0], abs=0.01)
    made = np.linspace(10, 300, 30)
    assert outlook.saturation(
        made, np.full(30, 100.0), outlook.own_use(made, np.full(30, 100.0), 0.42)
    ) == pytest.approx(0.42)
    assert outlook.saturation(np.zeros(0), np.zeros(0), np.zeros(0)) == 0.5


def test_spells_of_weather_stay_together(here: World) -> None:
    known = here.known(SUMMER)
    pool = outlook.pool_of(known)
    days = [SUMMER + timedelta(days=n) for n in range(30)]
    ways = outlook.drawn(known, pool, days, SUMMER)
    assert ways.generation.shape == (outlook.PATHS, 30)
    assert (ways.generation >= 0).all()
    assert (ways.own <= np.minimum(ways.generation, ways.load) + 1e-6).all()


@pytest.mark.parametrize("factor", [0.85, 1.15])
def test_the_day_a_calibration_begins_is_no_change_of_weather(here: World, factor: float) -> None:
    begun = here.past.days.index(SUMMER) - 9
    since = np.arange(len(here.past.days)) >= begun
    wrong = np.where(since, factor, 1.0)
    table = dict(here.past.table)
    for key in (("array", "plant", "expected_kwh"), ("park", here.park.id, "expected_kwh")):
        table[key] = foretelling.as_series(here.past.table[key].value * wrong / factor)  # the nameplate is off by it
    table["array", "plant", "calibration_factor"] = foretelling.as_series(np.where(since, factor, 1.0))
    stepped = foretelling.as_world(here.park, here.past.days, table)
    pool, plain = outlook.pool_of(stepped.known(SUMMER)), outlook.pool_of(here.known(SUMMER))
    assert pool.share[pool.usable] * factor == pytest.approx(plain.share[plain.usable])
    assert pool.given == pytest.approx((plain.given[0] * factor, plain.given[1] * factor))
    days = days_of("month", SUMMER)
    said = outlook.body(stepped.known(SUMMER), days, SUMMER)["generation_kwh"]
    assert said == pytest.approx(outlook.body(here.known(SUMMER), days, SUMMER)["generation_kwh"], rel=0.005)


def test_a_day_of_which_nothing_is_stored_keeps_the_calibration_before_it(here: World) -> None:
    known = np.array([np.nan, 1.0, 1.1, np.nan, np.nan])
    table = {("array", "plant", "calibration_factor"): foretelling.as_series(known)}
    assert past.scale(Past(here.past.days[:5], table, 5), "plant").tolist() == [1.0, 1.0, 1.1, 1.1, 1.1]


def test_a_summer_no_earlier_year_knew_is_not_as_cold_as_the_winter_before_it(here: World) -> None:
    days = tuple(date(2025, 1, 1) + timedelta(days=n) for n in range(385))
    cold = np.where(
        [d.month <= 3 or d.year == 2026 for d in days], 2.0, np.nan
    )  # the thermometer was away from April on
    table = {("point", "weather", "temp_air_c"): foretelling.as_series(cold)}
    known = foretelling.as_world(here.park, days, table).known(date(2026, 1, 21))
    (january, july), basis = plan.normal_air(known, [date(2026, 1, 21), date(2026, 7, 21)])
    assert (basis, january) == ("own_years", 2.0)
    assert july == pytest.approx(2.0 + plan.typical_days(here.park, [date(2026, 7, 21)])[0] - plan.typical_days(here.park, [date(2026, 1, 14)])[0], abs=0.5)  # fmt: skip
    assert july > 18.0
