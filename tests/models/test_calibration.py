"""What an array learns of itself, and what it must not: faults put into the learning weeks of two measured plants."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache

import numpy as np
import pandas as pd
import pytest

from core.park import Array, Park
from core.park_file import load_park
from core.reasons import CALIBRATION_REFUSALS
from core.statements import FOREVER, Kind, Statement
from core.timebase import day_bounds
from models import calibration, plant
from models.calibration import Calibration, builds_of, calibrated, of_build
from models.derive import derive
from models.learning import Learning, Verdict
from models.points import PointSeries
from models.series import SlotSeries, grid_of, unknown
from store.embedded import EmbeddedStore
from store.state import SqliteState
from tests.data.pvops import fit
from tests.measured import DATA, PLANTS

FIRST, LAST = date(2018, 4, 1), date(2018, 6, 10)
NOW = datetime(2018, 6, 11, 8, tzinfo=UTC)
CLEAN = {"R10": 1.1405, "R15": 1.0520}
Change = Callable[[pd.DataFrame, np.ndarray], None]  # of the hours; day numbers since FIRST


@cache
def hours(name: str) -> pd.DataFrame:
    return fit.hours(name)


def park_of(name: str, **changes: object) -> Park:
    park = load_park(DATA / f"{name}.yaml")
    return park.model_copy(update=changes)


def learned(tmp_path, name: str, change: Change | None = None, park: Park | None = None) -> list[Verdict]:
    """What a plant's first ten weeks say, with a change of what its meters sent."""
    park = park or park_of(name)
    rows = hours(name).copy()
    if change:
        days = np.array([(t.date() - FIRST).days for t in rows.index.tz_convert(park.zone)])
        change(rows, days)
    end = day_bounds(LAST, park.zone)[1]
    grid = grid_of(FIRST, LAST, park.zone, end)
    gauges = {q: fit.slot_means(rows[q].dropna(), grid.edges_us) for q in fit.WEATHER}
    exported = fit.slot_means(rows["generated_kw"].dropna(), grid.edges_us).times(0.25)
    points = {p.id: PointSeries(p) for p in park.points}
    points["pv"] = PointSeries(park.point("pv"), imported=none(exported), exported=exported)
    points["weather"] = PointSeries(park.point("weather"), gauges=gauges)
    points["grid"] = PointSeries(park.point("grid"), imported=unknown(grid.size), exported=unknown(grid.size))
    store, state = EmbeddedStore(tmp_path / "park.duckdb", park.id), SqliteState(tmp_path / "state.sqlite")
    try:
        return Learning(park, store, state).judge(derive(park, points, grid), grid)
    finally:
        store.close()
        state.close()


def none(like: SlotSeries) -> SlotSeries:
    return SlotSeries(np.where(like.known, 0.0, np.nan), like.coverage, like.estimated, like.reasons)


def refusals(verdicts: list[Verdict]) -> list[object]:
    return [v.body["refused"] for v in verdicts if not v.learned]


def factor_of(verdicts: list[Verdict]) -> float | None:
    found = [v.body["factor"] for v in verdicts if v.learned]
    return float(found[0]) if found else None


def scaled(column: str, factor: float, first: int, last: int) -> Change:
    def change(rows: pd.DataFrame, days: np.ndarray) -> None:
        rows.loc[(days >= first) & (days < last), column] *= factor

    return change


def capped(kw: float, first: int, last: int, every: int = 1) -> Change:
    def change(rows: pd.DataFrame, days: np.ndarray) -> None:
        hit = (days >= first) & (days < last) & (days % every == 0)
        rows.loc[hit, "generated_kw"] = rows.loc[hit, "generated_kw"].clip(upper=kw)

    return change


def snow(rows: pd.DataFrame, days: np.ndarray) -> None:
    for day, left in enumerate((0.0, 0.02, 0.05, 0.05, 0.2, 0.4, 0.5, 0.7, 0.9), start=12):
        rows.loc[days == day, "generated_kw"] *= left


def mounting_dirt(rows: pd.DataFrame, days: np.ndarray) -> None:
    rows["poa_wm2"] *= 1.0 - 0.12 * np.clip((days - 10) / 46.0, 0.0, 1.0)


FAULTS: dict[str, Change] = {
    "a string of ten lost half-way": scaled("generated_kw", 0.9, 28, 99),
    "a string of ten lost at first, mended after three weeks": scaled("generated_kw", 0.9, 0, 21),
    "a string of twenty lost half-way": scaled("generated_kw", 0.95, 28, 99),
    "a third lost for ten days": scaled("generated_kw", 0.67, 20, 30),
    "an outage of eight days": scaled("generated_kw", 0.0, 15, 23),
    "a sensor dirty from half-way on": scaled("poa_wm2", 0.92, 28, 99),
    "a sensor dirty at first": scaled("poa_wm2", 0.90, 0, 25),
    "a sensor that gets dirtier": mounting_dirt,
    "curtailed to 12 MW every third day": capped(12_000.0, 0, 99, every=3),
    "curtailed to 8 MW for two weeks": capped(8_000.0, 20, 34),
    "inverters that stop at 17 MW": capped(17_000.0, 0, 99),
    "snow for nine days": snow,
}


@pytest.mark.parametrize("name", PLANTS)
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_is_learned(tmp_path, name: str, fault: str) -> None:
    """Either the factor is the one of the clean plant, or there is none."""
    verdicts = learned(tmp_path, name, FAULTS[fault])
    factor = factor_of(verdicts)
    print(f"{name}, {fault}: {factor or verdicts[-1].body}")
    assert factor is None or factor == pytest.approx(CLEAN[name], rel=0.025)


def test_a_factor_says_what_it_was_learned_on(tmp_path) -> None:
    *before, said = learned(tmp_path, "R15", FAULTS["an outage of eight days"])
    assert refusals(before) == ["too_early"]
    assert before[0].start == day_bounds(FIRST, park_of("R15").zone)[1]
    assert said.start == day_bounds(date(2018, 5, 27), park_of("R15").zone)[0]
    used, left_out = said.body["learned_on"], said.body["left_out"]
    assert len(used) == said.body["days"] == 42
    assert not set(used) & set(left_out)
    assert {f"2018-04-{n}" for n in range(16, 24)} & set(used) == set()
    low, middle, high = said.body["quantiles"]
    assert low < middle < high
    assert low == pytest.approx(1.0, abs=0.03)


def test_dim_days_teach_nothing(tmp_path) -> None:
    def dim(rows: pd.DataFrame, days: np.ndarray) -> None:
        rows.loc[days >= 0, ["poa_wm2", "generated_kw"]] *= 0.15

    assert refusals(learned(tmp_path, "R15", dim)) == ["too_early", "too_few_clean_days"]


def test_a_plant_that_makes_half_of_its_nameplate_is_not_calibrated_to_it(tmp_path) -> None:
    verdicts = learned(tmp_path, "R15", scaled("generated_kw", 0.6, 0, 99))
    assert refusals(verdicts) == ["too_early", "implausible_factor"]


def test_an_array_on_a_meter_with_another_is_refused(tmp_path) -> None:
    park = park_of("R15")
    half = park.arrays[0].model_copy(update={"dc_kwp": 10_000.0})
    two = park.model_copy(update={"arrays": (half, half.model_copy(update={"id": "other"}))})
    verdicts = learned(tmp_path, "R15", park=two)
    assert [(v.array, v.body) for v in verdicts] == [
        ("r15", {"refused": "shared_meter"}),
        ("other", {"refused": "shared_meter"}),
    ]


def test_more_modules_begin_a_new_learning_and_another_tilt_does_not(tmp_path) -> None:
    park = park_of("R15")
    array, zone = park.arrays[0], park.zone
    first = day_bounds(date(2018, 4, 11), zone)[0]
    more = (
        array.model_copy(update={"dc_kwp": 15_000.0, "valid_to": first}),
        array.model_copy(update={"valid_from": first}),
    )
    *before, said = learned(tmp_path, "R15", park=park.model_copy(update={"arrays": more}))
    assert refusals(before) == ["too_early", "too_early"]  # of the old modules, of the new ones
    assert said.start == day_bounds(date(2018, 6, 6), zone)[0]  # eight weeks after the new ones
    assert said.body["first_day"] == "2018-04-11"
    tilted = (more[0].model_copy(update={"dc_kwp": 20_000.0, "tilt": 20.0}), more[1])
    (tmp_path / "tilted").mkdir()
    said = learned(tmp_path / "tilted", "R15", park=park.model_copy(update={"arrays": tilted}))[-1]
    assert said.start == day_bounds(date(2018, 5, 27), zone)[0]


ARRAY = Array(id="a", name="A", point="pv", dc_kwp=100.0, ac_kw=80.0, tilt=20.0, azimuth=180.0)
START = datetime(2026, 3, 1, tzinfo=UTC)


def said(start: datetime, **body: object) -> Statement:
    return Statement(Kind.CALIBRATION, "a", start, FOREVER, start, calibration.VERSION, body)


def test_a_factor_scales_modules_not_inverters_and_only_from_its_day_on() -> None:
    found = calibration.calibrations_of([said(START, factor=1.05, scatter=0.01, nameplate_kwp=92.0)])["a"]
    (build,) = builds_of([ARRAY])
    assert of_build(build, found) == Calibration(START, 1.05, 0.01, 92.0)
    before, after = list(calibrated(build, found[0]))
    assert (before[0].dc_kwp, before[0].valid_to, before[1]) == (100.0, START, False)
    assert (after[0].dc_kwp, after[0].ac_kw, after[0].valid_from, after[1]) == (105.0, 80.0, START, True)


def test_a_nameplate_mended_later_does_not_change_what_was_learned() -> None:
    found = Calibration(START, 1.2, 0.01, 92.0)
    mended = ARRAY.model_copy(update={"dc_kwp": 120.0})
    assert found.factor_of(mended) == pytest.approx(1.0)


def test_a_factor_learned_on_other_modules_counts_for_those_only() -> None:
    later = START + timedelta(days=100)
    versions = (
        ARRAY.model_copy(update={"valid_to": later}),
        ARRAY.model_copy(update={"dc_kwp": 150.0, "valid_from": later}),
    )
    found = [Calibration(START, 1.05, 0.01, 92.0)]
    old, new = builds_of(versions)
    assert of_build(old, found) == found[0]
    assert of_build(new, found) is None
    pieces = list(plant.learned_versions(versions, found))
    assert [(a.dc_kwp, learned) for a, learned in pieces] == [(100.0, False), (105.0, True), (150.0, False)]


def test_a_refusal_is_no_factor() -> None:
    assert calibration.calibrations_of([said(START, refused="too_early")]) == {}


def test_every_refusal_has_words() -> None:
    codes = {
        calibration.TOO_EARLY,
        calibration.TOO_FEW_DAYS,
        calibration.UNSETTLED,
        calibration.IMPLAUSIBLE,
        calibration.SHARED_METER,
    }
    assert set(CALIBRATION_REFUSALS) == codes
