"""Where a measured array really faces: SERF East at NREL, tilt 45°, azimuth 158°."""

from __future__ import annotations

import numpy as np
import pytest

from models import orientation
from models.series import grid_of
from models.sky import sky_over
from tests.accuracy import plants


def east(**terms):
    return plants.array(dc_kwp=5.4, ac_kw=5.6, gamma_pdc=-0.0045, **terms)


@pytest.mark.parametrize("by", ["satellite", "nothing"])
@pytest.mark.parametrize(
    ("tilt", "azimuth", "wrong"), [(45, 158, False), (10, 180, True), (45, 220, True), (30, 270, True)]
)
def test_a_wrong_description_is_noticed_and_the_right_one_agrees(by, tilt, azimuth, wrong):
    case = plants.serf()
    service = case.gauges if by == "satellite" else None
    found = orientation.inferred(
        east(tilt=tilt, azimuth=azimuth), plants.known(case.made["east"]), {}, case.sky, case.grid, service
    )
    print(found)
    assert found.differs is wrong
    assert abs(found.tilt - 45) <= 5
    assert abs(found.azimuth - 158) <= 8
    assert found.rung == ("rung_service" if by == "satellite" else "rung_clear_sky")


def test_too_little_to_tell_says_so():
    case = plants.serf()
    few = np.where(case.daily < 5, case.made["east"], np.nan)
    plane = east(tilt=45, azimuth=158)
    assert orientation.inferred(plane, plants.known(few), {}, case.sky, case.grid) == "too_few_days"
    dark = np.where(case.sky.zenith > 72, case.made["east"], np.nan)
    dark[case.sky.zenith > 74] = np.nan
    assert orientation.inferred(plane, plants.known(dark), {}, case.sky, case.grid) in {
        "too_little_light",
        "too_few_days",
    }


def test_a_polar_night_tells_nothing():
    park = plants.site(78.2, 15.6, 10.0, "Europe/Oslo")
    grid = grid_of(plants.date(2026, 12, 1), plants.date(2026, 12, 31), park.zone, plants.FAR)
    nothing = plants.known(np.zeros(grid.size))
    assert orientation.inferred(east(tilt=45, azimuth=180), nothing, {}, sky_over(park, grid), grid) == "too_few_days"
