"""An array that faces another way than PARK.yaml says is told as that, with what its energy looks like."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.findings import Fault, details
from core.quality import Event, Reason
from core.text import Language
from models.faults.diagnose import diagnose
from models.faults.facing import day_length, is_strange, misplaced
from models.faults.sight import Facing, Sight
from models.orientation import Orientation

sys.path.insert(0, str(Path(__file__).parent))
from test_faults import day, healthy, on
from test_faults_clock import late_meter, under_station

LOOKS = Orientation(10.0, 270.0, 0.05, 0.5, 60.0, 60, "rung_ghi")


def faced(sight: Sight, declared: np.ndarray) -> Sight:
    """The array held against another plane's days, with what its energy looks like beside it."""
    return replace(sight, expected=declared, facing=Facing(LOOKS, (30.0, 90.0), sight.expected))


def morning(sight: Sight) -> np.ndarray:
    """What a plane that faces east would give: the same light, earlier and steeper."""
    quarter = np.tile(np.arange(96), 60)
    tilt = np.clip((64 - quarter) / 30, 0.05, 1.5)
    return sight.expected * tilt


def test_days_of_another_plane_are_told_with_the_plane_and_nothing_else():
    sight = under_station(healthy())
    askew = faced(sight, morning(sight))
    assert is_strange(askew)
    (found,) = diagnose([askew])
    assert (found.code, found.end, found.lost_kwh) == (Fault.ORIENTATION, None, 0.0)
    assert (found.picture.facts["tilt"], found.picture.facts["azimuth"]) == (10.0, 270.0)
    assert "azimuth 270°" in details(found, Language.EN)
    assert "方位角 270°" in details(found, Language.ZH)


def test_an_outage_behind_it_is_still_told():
    sight = under_station(healthy())
    askew = faced(sight, morning(sight))
    out = replace(askew, generation=np.where(on(sight, 30, 31), 0.0, askew.generation))
    assert {f.code for f in diagnose([out])} == {Fault.ORIENTATION, Fault.OUTAGE}


def test_a_clock_is_no_orientation_and_a_fitting_plane_is_none():
    sight = under_station(healthy())
    assert not is_strange(sight)
    ever = np.ones(sight.grid.size, dtype=bool)
    late = late_meter(sight, 4, ever)
    assert not is_strange(late)
    (found,) = diagnose([replace(late, facing=Facing(LOOKS, (30.0, 90.0), sight.expected))])
    assert (found.code, found.start) == (Fault.TIME_SHIFT, day(0))


def at_latitude(latitude: float, days: np.ndarray) -> np.ndarray:
    """Light from sunrise to sunset of a place, 60 days long."""
    hours = day_length(latitude, days)
    quarter = np.abs(np.arange(96) + 0.5 - 48) / 4
    return np.where(quarter < hours[:, None] / 2, 500.0, 0.0).ravel()


@pytest.mark.parametrize(("true", "written"), [(31.0, -31.0), (31.0, 80.0), (13.0, 52.0)])
def test_a_site_on_another_latitude_is_told_by_the_length_of_its_days_and_nothing_else_is(true, written):
    sight = under_station(healthy())
    light = at_latitude(true, np.arange(1.0, 61.0))
    events = [
        Event("station", Reason.SENSOR_FAULT.value, day(n), day(n + 1), {"quantity": "ghi_wm2", "what": "ghi_wm2 480 W/m²"})
        for n in range(20, 40)
    ]  # fmt: skip
    (found,) = diagnose([replace(sight, light=light, latitude=written)], events)
    assert (found.entity, found.code) == ("station", Fault.ORIENTATION)
    assert abs(found.picture.facts["latitude"] - true) < 16  # the tropics' days are all alike
    assert "latitude" in details(found, Language.EN)


def test_days_that_a_valley_shortens_are_at_their_place():
    light = at_latitude(31.0, np.arange(1.0, 61.0)).reshape(-1, 96)
    light[:, :33] = 0.0
    sight = replace(under_station(healthy()), light=light.ravel(), latitude=31.0)
    assert misplaced(sight) is None


@pytest.mark.parametrize(
    ("latitude", "day_of_year", "hours"), [(0.0, 81, 11.6), (31.0, 172, 13.5), (31.0, 355, 9.6), (70.0, 355, 0.0)]
)
def test_the_length_of_a_day(latitude, day_of_year, hours):
    assert day_length(latitude, np.array([float(day_of_year)]))[0] == pytest.approx(hours, abs=0.15)
