"""Two plants that learned their own factor, and how often their days lay in the band."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd

from tests import measured
from tests.accuracy.row import Row

DATA = "pvOps R10 and R15, about 20 MW each, hourly, April 2018 to March 2019"


def rows() -> list[Row]:
    """Replay both plants and return their figures."""
    plants = {}
    for name in measured.PLANTS:
        with tempfile.TemporaryDirectory(prefix="parkwatt-measured-") as folder:
            plants[name] = measured.replay(name, Path(folder))
    found = [_factor(name, plant) for name, plant in plants.items()]
    error, bias = measured.pooled_summer(list(plants.values()))
    text = f"bias {100 * bias:+.2f}%, hourly RMSE {100 * error:.2f}% of capacity"
    found.append(Row("June to September, both plants", DATA, text, "±2 %, 4.5 %"))
    for month in pd.period_range("2018-04", "2019-03", freq="M"):
        cells = []
        for name, plant in plants.items():
            slots = measured.between(measured.compared(plant), month.start_time.date(), month.end_time.date())
            error, bias = measured.hourly_error(slots, plant.park.arrays[0].ac_kw)
            cells.append(f"{name} bias {100 * bias:+.1f}%, hourly RMSE {100 * error:.1f}%")
        found.append(Row(str(month), DATA, "; ".join(cells), note=_note(month)))
    share, (low, high), width = measured.coverage(list(plants.values()))
    text = (
        f"{100 * share:.1f}% of the days within ({100 * low:.1f} to {100 * high:.1f}%), mean width {100 * width:.1f}%"
    )
    note = f"R15 without {measured.R15_LOSS[0]} to {measured.R15_LOSS[1]}; interval by bootstrap in blocks of two weeks"
    found.append(Row("band of 80 %, each day by earlier days only", DATA, text, "80 % within the interval", note))
    for name, plant in plants.items():
        share, (low, high), width = measured.coverage([plant])
        text = f"{len(measured.inside(plant))} days, {100 * share:.1f}% within ({100 * low:.1f} to {100 * high:.1f}%)"
        found.append(Row("the same", name, f"{text}, mean width {100 * width:.1f}%", "80 % within the interval"))
    return found


def _factor(name: str, plant: measured.Replay) -> Row:
    body = plant.calibration.body
    text = f"{body['factor']} from {plant.calibration.start:%Y-%m-%d}, scatter {body['scatter']}"
    learned = f"learned on {body['days']} days, {body['first_day']} to {body['last_day']}, of a nameplate of 20 MW"
    return Row("factor learned by itself", name, text, note=learned)


def _note(month: pd.Period) -> str:
    if month <= pd.Period("2018-05", "M"):
        return "mostly before the factor: nameplate only"
    if pd.Period("2018-10", "M") <= month <= pd.Period("2019-02", "M"):
        return "R15 lost a third from 27 October to 24 February"
    return ""
