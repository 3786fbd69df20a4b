"""Two months of the twin's readings as one file, in the importer's long form."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from core.park import DeviceAssignment, Point
from service.demo.meters import heard, read_meter, read_sensor, sensors
from service.demo.noise import Floats, generator
from service.demo.plant import Plant

METER_STEP_S = 900
WEATHER_STEP_S = 300
LATEST_S = 6  # a data logger asks its meters within these seconds after the mark


def write_history(plant: Plant, until: datetime, path: Path) -> int:
    """Write every reading from the plant's epoch until `until` to a Parquet file; return how many.

    Columns: time (UTC), device, quantity, channel ("" for the total), value in the quantity's unit.
    """
    rows = pd.concat(_frames(plant, until), ignore_index=True)
    with duckdb.connect() as connection:
        connection.register("rows", rows)
        target = str(path).replace("'", "''")
        connection.execute(f"copy rows to '{target}' (format parquet, compression zstd)")
    return len(rows)


def _frames(plant: Plant, until: datetime) -> Iterator[pd.DataFrame]:
    for point in plant.park.points:
        for device in point.devices:
            step = WEATHER_STEP_S if point.role == "weather" else METER_STEP_S
            times = _times(plant, point, device, until, step)
            yield from _device(plant, point, device, times)


def _times(plant: Plant, point: Point, device: DeviceAssignment, until: datetime, step: int) -> Floats:
    """Return when a device was read: shortly after each mark, while it served the point and was heard."""
    start = max(plant.epoch, device.valid_from or plant.epoch).timestamp()
    end = min(until, device.valid_to or until).timestamp()
    marks = np.arange(np.ceil(start / step) * step, end + 1, step)
    late = generator(plant.seed, "logger", device.id).uniform(0, LATEST_S, len(marks))
    times = np.round(marks + late)
    # The last mark is read on the mark: `until` is the end of what is known.
    times = np.where(times > end, marks, times)
    return times[heard(plant, point, times)]


def _device(plant: Plant, point: Point, device: DeviceAssignment, times: Floats) -> Iterator[pd.DataFrame]:
    if point.role == "weather":
        for quantity in sensors():
            yield _rows(device.id, quantity, times, read_sensor(plant, device, quantity, times))
        return
    shown = read_meter(plant, point, device, times)
    yield _rows(device.id, "energy_import_kwh", times, shown.import_kwh)
    if point.role != "load":
        yield _rows(device.id, "energy_export_kwh", times, shown.export_kwh)
    yield _rows(device.id, "active_power_kw", times, shown.power_kw)


def _rows(device: str, quantity: str, times: Floats, values: Floats) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "time": pd.to_datetime(times.astype(np.int64), unit="s", utc=True),
            "device": device,
            "quantity": quantity,
            "channel": "",
            "value": values,
        }
    )
