"""The limits of docs/accuracy.md, on reference outputs and measured plants nobody here made."""

from __future__ import annotations

import numpy as np
import pytest

from core.park import Park
from models import pv
from models.light import light_of
from models.series import bit
from tests.accuracy import plants
from tests.accuracy import pv as accuracy


@pytest.mark.parametrize("kind", ["rack", "roof"])
def test_pvwatts_own_hours_from_its_own_beam_and_diffuse(kind):
    error = accuracy.pvwatts_error(kind)
    print(kind, error)
    assert abs(error.bias) < 0.01
    assert error.rmse < 0.005


@pytest.mark.parametrize("kind", ["rack", "roof"])
def test_pvwatts_from_one_pyranometer(kind):
    error = accuracy.pvwatts_error(kind, from_sum=True)
    assert abs(error.bias) < 0.01
    assert error.rmse < 0.01


def test_modelchain_on_the_same_inputs():
    error = accuracy.modelchain_error()
    assert abs(error.bias) < 0.001
    assert error.rmse < 0.001


def test_the_default_transposition_is_the_one_that_scatters_less():
    errors = {model: accuracy.transposition_error(model) for model in (None, "hay-davies", "perez-driesse")}
    assert errors[None] == errors["hay-davies"]
    assert errors["hay-davies"].rmse < errors["perez-driesse"].rmse
    assert all(abs(error.bias) < 0.015 for error in errors.values())


def test_a_roof_by_satellite():
    error = accuracy.serf_error()
    print(error)
    assert error.daily < 0.09
    assert abs(error.bias) < 0.03
    case = plants.serf()
    light = light_of({}, case.sky, case.gauges)
    assert set(light.reasons[case.sky.up]) == {bit("rung_service")}


def test_a_plant_by_its_own_pyranometers_inverter_by_inverter():
    errors = accuracy.inverter_errors()
    assert len(errors) == 8
    assert max(abs(e.bias) for e in errors.values()) < 0.025
    assert max(e.rmse for e in errors.values()) < 0.02


def test_a_meter_against_the_sum_of_its_inverters():
    shares = accuracy.meter_share()
    assert shares.min() > 0.94
    assert shares.max() < 0.97


def test_an_inverter_by_its_neighbours():
    errors = accuracy.peer_errors()
    assert max(e.rmse for e in errors.values()) < 0.002
    assert max(abs(e.bias) for e in errors.values()) < 0.002


def test_without_any_light_days_are_guesses_and_say_so():
    errors = accuracy.temperature_errors()
    assert errors["temperature"].daily < errors["clear_sky"].daily
    assert abs(errors["temperature"].bias) < 0.2
    case = plants.pvwatts()
    clear = plants.sky_over(case.park, case.grid)
    made = pv.array_series(plants.pvwatts_array("rack"), case.gauges, clear, case.grid).expected
    assert made.estimated[clear.up].min() == 1.0
    assert (made.reasons[clear.up] & bit("rung_temperature")).all()


def test_the_places_of_the_plants_are_parks():
    assert isinstance(plants.captest().park, Park)
    assert np.isfinite(plants.serf().made["east"]).all()
