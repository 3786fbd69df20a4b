"""Two measured plants of about 20 MW, a year of hours, through readings, models and store: `python -m tests.measured`.

PARK.yaml knows of each only what its operator would: 20 MW. Printed are what the program learned by itself, how far
off it is afterwards, month by month, and how often the energy of a day lay within its band of 80 %.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from core.frames import readings_frame
from core.park import Park
from core.park_file import load_park
from core.quality import Event
from core.quantities import Period
from core.statements import Kind, Statement
from core.timebase import day_of, month_bounds
from models.compute import Compute
from store.embedded import EmbeddedStore
from store.state import SqliteState
from tests.data.pvops import fit

DATA = Path(__file__).parent / "data" / "pvops"
PLANTS = ("R10", "R15")
SUMMER = (date(2018, 6, 1), date(2018, 9, 30))
R15_LOSS = (date(2018, 10, 27), date(2019, 2, 24))  # from where its alert begins to where it ends
BLOCK_DAYS = 14
DRAWS = 2000
LEAST_SUN = 1.0  # kWh/m²


@dataclass(frozen=True)
class Replay:
    """What the program made of one plant's year."""

    park: Park
    days: pd.DataFrame
    months: pd.DataFrame
    slots: pd.DataFrame
    events: list[Event]
    statements: list[Statement]

    @property
    def calibration(self) -> Statement:
        """The one that holds a factor."""
        return next(s for s in self.statements if "factor" in s.body)


def readings(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the plant's hours as a meter and a weather station would send them: at mid-hour, generation as export."""
    sent = rows.assign(active_power_kw=-rows["generated_kw"]).drop(columns="generated_kw")
    long = sent.rename_axis("time").reset_index().melt("time", var_name="quantity").dropna()
    device = np.where(long["quantity"] == "active_power_kw", f"{name.lower()}-meter", f"{name.lower()}-weather")
    return readings_frame(long.assign(device=device, channel="", received_at=long["time"], flags=0))


def replay(name: str, folder: Path) -> Replay:
    """Compute a plant's year in one run."""
    park = load_park(DATA / f"{name}.yaml")
    store, state = EmbeddedStore(folder / "park.duckdb", park.id), SqliteState(folder / "state.sqlite")
    try:
        sent = readings(name, fit.hours(name))
        store.append_readings(sent)
        state.mark_dirty({(d, t) for d, t in zip(sent["device"], sent["time"].dt.date, strict=True)})
        start, end = month_bounds(2018, 4, park.zone)[0], month_bounds(2019, 3, park.zone)[1] + timedelta(minutes=3)
        Compute(park, store, state).run(end)
        days, months = (table(store.slots(p, start, end, scope="array"), park) for p in (Period.DAY, Period.MONTH))
        slots = store.slots(Period.SLOT, start, end, scope="array")
        return Replay(park, days, months, slots, state.events(start, end), state.statements(Kind.CALIBRATION))
    finally:
        store.close()
        state.close()


def table(rows: pd.DataFrame, park: Park) -> pd.DataFrame:
    """Return one line per period, a column per quantity."""
    wide = rows.pivot_table(index="start", columns="quantity", values="value", dropna=False)
    wide.index = pd.DatetimeIndex([day_of(t.to_pydatetime(), park.zone) for t in wide.index])
    return wide


def compared(plant: Replay) -> pd.DataFrame:
    """Return the slots in which energy and irradiance are measured, in kWh, with their local day."""
    slots = plant.slots
    wide = slots.pivot_table(index="start", columns="quantity", values="value")
    estimated = slots[slots["quantity"] == "expected_kwh"].set_index("start")["estimated"]
    wide = wide[(estimated.reindex(wide.index) <= 0) & wide["generation_kwh"].notna() & (wide["expected_kwh"] > 0)]
    return wide.assign(day=pd.DatetimeIndex(wide.index).tz_convert(plant.park.zone).date)


def between(rows: pd.DataFrame, first: date, last: date) -> pd.DataFrame:
    """Return the rows of some local days."""
    return rows[(rows["day"] >= first) & (rows["day"] <= last)]


def hourly_error(slots: pd.DataFrame, ac_kw: float) -> tuple[float, float]:
    """Return (root mean square of the hourly error over capacity, bias over what was made)."""
    hours = slots.groupby(pd.DatetimeIndex(slots.index).floor("h"))[["generation_kwh", "expected_kwh"]].agg(
        ["sum", "count"]
    )
    whole = hours[hours["generation_kwh", "count"] == 4]
    made, expected = whole["generation_kwh", "sum"], whole["expected_kwh", "sum"]
    off = (expected - made).to_numpy()
    return float(np.sqrt(np.mean(off**2)) / ac_kw), float(off.sum() / made.sum())


def inside(plant: Replay) -> pd.DataFrame:
    """Return, for every day of enough sun since the calibration and outside the loss, whether it lay in its band."""
    began = day_of(plant.calibration.start, plant.park.zone)
    slots = compared(plant)
    days = slots.groupby("day")[
        ["generation_kwh", "expected_kwh", "expected_p10_kwh", "expected_p90_kwh", "irradiation_kwh_m2"]
    ].sum()
    days = days[(days["irradiation_kwh_m2"] > LEAST_SUN) & (days.index >= began)]
    if plant.park.id == "r15":
        days = days[[not R15_LOSS[0] <= day <= R15_LOSS[1] for day in days.index]]
    made = days["generation_kwh"]
    within = (made >= days["expected_p10_kwh"]) & (made <= days["expected_p90_kwh"])
    width = (days["expected_p90_kwh"] - days["expected_p10_kwh"]) / days["expected_kwh"]
    return pd.DataFrame({"within": within, "width": width})


def bootstrap(series: list[np.ndarray]) -> tuple[float, float]:
    """Return the 95 % interval of the pooled mean, drawn in blocks of two weeks: neighbouring days are alike."""
    draw = np.random.default_rng(1)
    means = []
    for _ in range(DRAWS):
        parts = []
        for values in series:
            starts = draw.integers(0, len(values) - BLOCK_DAYS + 1, -(-len(values) // BLOCK_DAYS))
            parts.append(np.concatenate([values[s : s + BLOCK_DAYS] for s in starts])[: len(values)])
        means.append(np.concatenate(parts).mean())
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def coverage(plants: list[Replay]) -> tuple[float, tuple[float, float], float]:
    """Return pooled coverage of the band of 80 %, its interval, and the mean width of the band."""
    found = [inside(p) for p in plants]
    pooled = pd.concat(found)
    return (
        float(pooled["within"].mean()),
        bootstrap([f["within"].to_numpy(dtype=float) for f in found]),
        float(pooled["width"].mean()),
    )


def report(plants: dict[str, Replay]) -> list[str]:
    """Return the tables in lines."""
    lines = []
    for name, plant in plants.items():
        said = plant.calibration
        lines.append(
            f"{name}: factor {said.body['factor']} from {said.start:%Y-%m-%d}, learned on {said.body['days']} days, "
            f"{said.body['first_day']} to {said.body['last_day']}, scatter {said.body['scatter']}"
        )
    lines += ["", "| month | " + " | ".join(f"{n} error | {n} bias" for n in plants) + " |", "|---" * 5 + "|"]
    months = pd.period_range("2018-04", "2019-03", freq="M")
    for month in months:
        cells = []
        for plant in plants.values():
            slots = between(compared(plant), month.start_time.date(), month.end_time.date())
            error, bias = hourly_error(slots, plant.park.arrays[0].ac_kw)
            cells.append(f"{100 * error:.1f} % | {100 * bias:+.1f} %")
        lines.append(f"| {month} | " + " | ".join(cells) + " |")
    error, bias = pooled_summer(list(plants.values()))
    lines += ["", f"June to September, both plants: {100 * error:.2f} % of capacity, bias {100 * bias:+.2f} %", ""]
    share, (low, high), width = coverage(list(plants.values()))
    lines.append(
        f"Band of 80 %: {100 * share:.1f} % of the days within ({100 * low:.1f} to {100 * high:.1f} %), "
        f"mean width {100 * width:.1f} % of what is expected; R15 without {R15_LOSS[0]} to {R15_LOSS[1]}"
    )
    for name, plant in plants.items():
        one = inside(plant)
        lines.append(
            f"{name}: {len(one)} days, {100 * one['within'].mean():.1f} %, width {100 * one['width'].mean():.1f} %"
        )
    return lines


def pooled_summer(plants: list[Replay]) -> tuple[float, float]:
    """Return hourly error and bias of June to September over all plants."""
    # Both plants have the same rating, so their hours can be put side by side as they are.
    slots = []
    for n, plant in enumerate(plants):
        summer = between(compared(plant), *SUMMER)
        slots.append(summer.set_axis(pd.DatetimeIndex(summer.index) + pd.Timedelta(days=365 * n)))
    return hourly_error(pd.concat(slots), plants[0].park.arrays[0].ac_kw)


def main() -> None:
    """Print the tables."""
    found = {}
    for name in PLANTS:
        with tempfile.TemporaryDirectory(prefix="parkwatt-measured-") as folder:
            found[name] = replay(name, Path(folder))
    sys.stdout.write("\n".join(report(found)) + "\n")


if __name__ == "__main__":
    main()
