"""What a weather service answers: the one interface behind which all of them are."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import numpy as np
import pandas as pd

from core.errors import Rejected

WEATHER_COLUMNS = ("start", "ghi_wm2", "temp_air_c", "wind_speed_ms")
# Of an hour's mean on the ground: no more light than above the atmosphere, nothing beyond the records of the weather.
POSSIBLE = {"ghi_wm2": (-5.0, 1420.0), "temp_air_c": (-90.0, 60.0), "wind_speed_ms": (0.0, 115.0)}


class WeatherService(Protocol):
    """Computed weather of a place. `name` is that of the service, as statements and figures name their basis.

    Both methods return a frame of WEATHER_COLUMNS, oldest first and without gaps in `start`: the first instant of each
    interval (aware UTC), and the interval's means. What the service does not know is NaN. They raise Retryable where
    the service may answer later, Rejected where it never will, ConfigError where something is set up wrongly.
    """

    name: str

    def past(self, lat: float, lon: float, start: datetime, end: datetime) -> pd.DataFrame:
        """Return the weather that was, for intervals that begin in [start, end)."""

    def forecast(self, lat: float, lon: float, now: datetime, hours: int) -> pd.DataFrame:
        """Return the weather that is expected: the interval `now` lies in and those after it, `hours` long in all."""


def believable(service: str, weather: pd.DataFrame) -> pd.DataFrame:
    """Return what a service answered; raise Rejected where it is no table of hours, or holds what no weather can be.

    One such value says that the others are not to be believed either: another unit, another place, another clock. A
    trace of light below zero is a weather model's rounding, and none.
    """
    if not isinstance(weather, pd.DataFrame):
        raise Rejected(f"{service} answers with no table")
    if missing := [name for name in WEATHER_COLUMNS if name not in weather]:
        raise Rejected(f"{service} answers without {', '.join(missing)}")
    try:
        starts, numbers = pd.DatetimeIndex(weather["start"]), weather[list(POSSIBLE)].astype(float)
    except (TypeError, ValueError) as error:
        raise Rejected(f"{service} answers with what is no time or no number: {error}") from None
    if starts.tz is None:
        raise Rejected(f"{service} answers with times that name no zone")
    steps = np.diff(starts.as_unit("us").asi8)
    if (steps <= 0).any():
        at = starts[int(np.argmax(steps <= 0)) + 1]
        raise Rejected(f"{service} answers with hours that are double or out of order: {_written(at)}")
    for name, (low, high) in POSSIBLE.items():
        values = numbers[name].to_numpy()
        beyond = (values < low) | (values > high)
        if beyond.any():
            at, value = starts[int(np.argmax(beyond))], values[beyond][0]
            raise Rejected(
                f"{service} answers {name} {value:g} for {_written(at)}, which lies outside {low:g} to {high:g}"
            )
    return weather.assign(**numbers).assign(ghi_wm2=numbers["ghi_wm2"].clip(lower=0.0))


def _written(at: pd.Timestamp) -> str:
    # Not by strftime, which knows no years beyond 9999.
    return at.tz_convert("UTC").isoformat(sep=" ", timespec="minutes").removesuffix("+00:00") + " UTC"
