"""Two measured 20 MW plants, one year hourly, through store and models: the sick one is found, the healthy one is not.

PARK.yaml knows only their nominal 20 MW; the program learns the rest from April and May 2018. Everything after is
prediction.
"""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from core.timebase import day_of
from tests import measured


@pytest.fixture(scope="module")
def replay(tmp_path_factory):
    """What the program made of both plants, computed once."""
    return {name: measured.replay(name, tmp_path_factory.mktemp(name)) for name in measured.PLANTS}


def median3(days: pd.DataFrame) -> pd.Series:
    """3-day median of the index over the days with more than 1 kWh/m²."""
    bright = days[days["irradiation_kwh_m2"] > 1.0]
    return bright["energy_performance_index"].rolling(3).median()


def test_each_plant_learns_its_factor_from_april_and_may(replay):
    for name, factor in (("R10", 1.1405), ("R15", 1.0520)):
        said = replay[name].calibration
        assert said.body["factor"] == pytest.approx(factor, abs=0.001)
        assert said.body["rung"] == "rung_poa"
        assert said.body["days"] >= 30
        assert day_of(said.start, replay[name].park.zone) == date(2018, 5, 27)
        first, last = (date.fromisoformat(said.body[k]) for k in ("first_day", "last_day"))
        assert date(2018, 4, 1) <= first < last <= date(2018, 5, 31)


def test_june_to_september_is_predicted_within_five_percent_of_capacity_and_two_of_energy(replay):
    print("\n" + "\n".join(measured.report(replay)))
    error, bias = measured.pooled_summer(list(replay.values()))
    assert error < 0.045
    assert abs(bias) < 0.02
    for plant in replay.values():
        assert measured.hourly_error(measured.between(measured.compared(plant), *measured.SUMMER), 20_000.0)[0] < 0.045


def test_four_of_five_days_lie_in_the_band_as_far_as_so_many_days_can_tell(replay):
    share, (low, high), width = measured.coverage(list(replay.values()))
    assert low <= 0.80 <= high
    assert low <= share <= high
    assert width < 0.10
    for name, plant in replay.items():
        own, (lowest, highest), wide = measured.coverage([plant])
        print(f"{name}: {own:.1%} within ({lowest:.1%} to {highest:.1%}), mean width {wide:.1%}")
        assert lowest <= 0.80 <= highest
        assert wide < 0.10


def test_the_band_of_a_day_knows_only_days_before_it(replay):
    """R15's fault fell on the array from one day to the next: the band of that day cannot have known of it."""
    days = replay["R15"].days
    low = days["expected_p10_kwh"] / days["expected_kwh"]
    assert low[pd.Timestamp("2018-10-28")] == pytest.approx(low[pd.Timestamp("2018-10-25")], abs=0.02)


def test_the_sick_plant_is_found_within_days_and_seen_to_recover(replay):
    low = median3(replay["R15"].days) < 0.90
    bad = low.index[low]
    assert bad[0].date() == date(2018, 10, 28)
    assert bad[-1].date() == date(2019, 2, 11)


def test_the_healthy_plant_never_falls_below(replay):
    days = median3(replay["R10"].days)
    assert len(days) > 340
    assert days.min() > 0.90


def test_a_temperature_converted_twice_is_recognised_and_a_good_one_believed(replay):
    faulty = {name: [e for e in plant.events if e.code == "sensor_fault"] for name, plant in replay.items()}
    assert faulty["R15"] == []
    assert {e.params["quantity"] for e in faulty["R10"]} == {"temp_air_c"}
    assert len(faulty["R10"]) > 340


def test_monthly_indices(replay):
    index = {name: plant.months["energy_performance_index"].round(3) for name, plant in replay.items()}
    print("\n" + pd.DataFrame(index).to_string())
    # April 2018 to March 2019
    assert index["R15"].tolist() == pytest.approx(
        [1.053, 1.033, 0.979, 0.974, 0.982, 0.986, 0.939, 0.664, 0.612, 0.651, 0.928, 1.012], abs=0.002
    )
    assert index["R10"].tolist() == pytest.approx(
        [1.103, 1.092, 0.995, 0.993, 0.985, 0.990, 0.979, 0.985, 1.041, 1.044, 1.035, 0.998], abs=0.002
    )
