from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from core.errors import ConfigError
from core.park import Park
from core.park_file import load_park, parse_park
from service.demo.faults import Faults, Replacement, Silence, StringLoss
from service.demo.history import write_history
from service.demo.plant import DAY_S, Plant
from service.demo.site import history_start, park_yaml

UNTIL = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def demo_park() -> Park:
    return parse_park(park_yaml(UNTIL).encode())


@pytest.fixture(scope="module")
def year() -> pd.DataFrame:
    """Energy of every UTC day of 2026 without faults, one column per point, kWh; and the day's GHI, kWh/m2."""
    park = demo_park()
    plant = Plant(park, 1, Faults.none(), epoch=YEAR)
    first = int(YEAR.timestamp()) // DAY_S
    rows = []
    for number in range(first, first + 365):
        day = plant.day(number)
        row = {p: float(v.sum()) / 60 for p, v in day.power_kw.items()}
        row["export"] = float(np.maximum(-day.power_kw["grid"], 0).sum()) / 60
        row["unmetered"] = float(day.unmetered_kw.sum()) / 60
        row["ghi"] = float(day.weather["ghi_wm2"].sum()) / 60_000
        row["temp"] = float(day.weather["temp_air_c"].mean())
        row["generation"] = -sum(row[p.id] for p in park.by_role("pv"))
        row["load"] = row["generation"] + row["grid"]
        rows.append(row)
    return pd.DataFrame(rows, index=pd.date_range("2026-01-01", periods=365))


@cache
def sound() -> Plant:
    return Plant(demo_park(), 1)


def history(plant: Plant, folder: Path, until: datetime = UNTIL) -> pd.DataFrame:
    write_history(plant, until, folder / "history.parquet")
    with duckdb.connect() as connection:
        rows = connection.execute("select * from read_parquet(?)", [str(folder / "history.parquet")]).fetchnumpy()
    return pd.DataFrame(rows).assign(time=lambda f: pd.to_datetime(f["time"], utc=True))


def test_park_file_is_right_and_carries_the_agreed_ids(tmp_path: Path) -> None:
    (tmp_path / "PARK.yaml").write_text(
        park_yaml(UNTIL, http_port=8123, broker_port=1999, username="demo", password_file=Path("secret")),
        encoding="utf-8",
    )
    park = load_park(tmp_path / "PARK.yaml")
    assert park.id == "lingang-demo"
    assert (park.timezone, park.area_ha, park.http.port, park.mqtt.port) == ("Asia/Shanghai", 4.7, 8123, 1999)
    assert [p.id for p in park.points] == [
        "grid", "pv-expo-roof", "pv-hub-roof", "pv-carport-1", "pv-carport-2", "bldg-expo", "bldg-hub", "bldg-lab",
        "street-lamps", "smart-poles", "lake-pumps", "weather",
    ]  # fmt: skip
    assert [a.id for a in park.arrays] == ["expo-roof", "hub-roof", "carport-1", "carport-2"]
    assert park.notice is not None
    assert "纽约" in park.notice.zh
    assert "New York" in park.notice.en


def test_energy_is_conserved(year: pd.DataFrame) -> None:
    park = demo_park()
    loads = year[[p.id for p in park.by_role("load")]].sum(axis=1)
    difference = year["grid"] + year["generation"] - loads - year["unmetered"]
    assert (difference.abs() / year["load"]).max() < 0.001


def test_year_is_a_shanghai_year(year: pd.DataFrame) -> None:
    monthly = year.groupby(year.index.month).mean()
    assert monthly["ghi"].between(2.0, 5.5).all()
    assert monthly["ghi"].idxmin() == 12
    assert monthly["temp"].idxmax() == 7
    assert year["ghi"].sum() == pytest.approx(1377, abs=30)
    assert year["generation"].sum() / 1010 == pytest.approx(1165, abs=40)  # kWh per kWp


def test_park_carries_itself_for_more_than_half(year: pd.DataFrame) -> None:
    own = (year["generation"] - year["export"]).sum() / year["load"].sum()
    assert 0.55 < own < 0.70
    autumn = year[year.index.month.isin([10, 11])]
    above = (autumn["generation"] > autumn["load"]).mean()
    assert 0.3 < above < 0.7


def test_same_seed_same_park_other_seed_other_park() -> None:
    moments = np.array([(history_start(UNTIL) + timedelta(days=5)).timestamp()])
    first, again, other = (Plant(demo_park(), s).sample("grid", moments).import_kwh[0] for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_registers_never_run_backwards_and_do_not_depend_on_the_question() -> None:
    plant = sound()
    times = np.arange(UNTIL.timestamp() - 86_400, UNTIL.timestamp(), 37.0)
    whole = plant.sample("grid", times)
    assert (np.diff(whole.import_kwh) >= 0).all()
    assert (np.diff(whole.export_kwh) >= 0).all()
    fresh = Plant(demo_park(), 1)  # asked for one instant only, as after a restart
    assert fresh.sample("grid", times[-1:]).import_kwh[0] == whole.import_kwh[-1]


def test_grid_registers_come_from_minutes_not_from_quarter_hours() -> None:
    plant = sound()
    start = datetime(2026, 10, 3, tzinfo=UTC).timestamp()
    edges = plant.sample("grid", np.arange(start, start + 86_401, 900.0))
    both = np.minimum(np.diff(edges.import_kwh), np.diff(edges.export_kwh))
    assert (both > 0).any()  # in some quarter hours the park imported and exported


def test_history_holds_every_device_for_sixty_days(tmp_path: Path) -> None:
    rows = history(sound(), tmp_path)
    assert list(rows.columns) == ["time", "device", "quantity", "channel", "value"]
    assert rows["device"].nunique() == 12
    assert rows["time"].min() >= history_start(UNTIL)
    assert rows["time"].max() == UNTIL
    assert not rows.duplicated(["time", "device", "quantity", "channel"]).any()
    assert np.isfinite(rows["value"]).all()
    grid = rows[(rows["device"] == "grid-7f3a") & (rows["quantity"] == "energy_import_kwh")]
    assert len(grid) == 60 * 96 + 1


def test_a_lost_string_shows_in_the_energy_of_its_array() -> None:
    start = history_start(UNTIL)
    lost = StringLoss("carport-2", UNTIL - timedelta(days=9), 1)
    broken = Plant(demo_park(), 1, Faults((lost,)))
    moments = np.array([start.timestamp(), lost.start.timestamp(), UNTIL.timestamp()])
    before, after = np.diff(broken.sample("pv-carport-2", moments).export_kwh) / np.diff(
        sound().sample("pv-carport-2", moments).export_kwh
    )
    assert before == pytest.approx(1.0)
    assert after == pytest.approx(0.9, abs=0.01)


def test_replaced_meter_starts_again_and_silent_meter_goes_on_counting(tmp_path: Path) -> None:
    at, quiet = UNTIL - timedelta(days=21), UNTIL - timedelta(days=12)
    faults = Faults((Replacement("bldg-hub", at, 3.5), Silence("bldg-lab", quiet, quiet + timedelta(days=1))))
    rows = history(Plant(demo_park(), 1, faults), tmp_path)
    imports = rows[rows["quantity"] == "energy_import_kwh"].set_index("time")
    hub = imports.loc[imports["device"] == "shellypro3em-hub", "value"].sort_index()
    assert hub[hub.index < at].iloc[-1] > 50_000
    assert 3.5 <= hub[hub.index >= at].iloc[0] < 30
    lab = imports.loc[imports["device"] == "meter-lab-02c1", "value"].sort_index()
    assert lab[(lab.index >= quiet) & (lab.index < quiet + timedelta(days=1))].empty
    assert lab.is_monotonic_increasing


def test_demo_plan_is_fixed_by_seed_and_start() -> None:
    park, start = demo_park(), history_start(UNTIL)
    plan = Faults.demo(park, 1, start)
    assert plan == Faults.demo(park, 1, start)
    assert [type(f).__name__ for f in plan.planned] == ["StringLoss", "Replacement", "Silence"]
    (loss,) = plan.string_losses
    assert loss.array in {"carport-1", "carport-2"}  # where one string is a twelfth or more
    assert UNTIL - loss.start == timedelta(days=9)
    assert Faults.demo(park, 1, UNTIL - timedelta(days=10), days=10).replacements == ()


def test_random_plans_differ_and_stay_inside_the_history() -> None:
    park, start = demo_park(), history_start(UNTIL)
    plans = [Faults.random(park, seed, start) for seed in range(30)]
    assert len({p.planned for p in plans}) > 20
    for fault in (f for p in plans for f in p.planned):
        assert start < fault.start < UNTIL
    assert {len(p.planned) for p in plans} >= {1, 2, 3}


def test_a_park_without_arrays_is_refused() -> None:
    text = park_yaml(UNTIL).split("arrays:")[0]
    with pytest.raises(ConfigError, match="no array is behind pv-expo-roof"):
        Plant(parse_park(text.encode()), 1)


def test_another_park_gets_a_twin_by_roles_and_ratings(small_park: Park) -> None:
    plant = Plant(small_park, 1, epoch=YEAR)
    year = plant.sample("grid", np.array([datetime(2026, 1, 9, tzinfo=UTC).timestamp()]))
    assert year.import_kwh[0] > 1000
