"""What a weather service answers: the one interface behind which all of them are."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import pandas as pd

WEATHER_COLUMNS = ("start", "ghi_wm2", "temp_air_c", "wind_speed_ms")


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
