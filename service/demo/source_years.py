"""The shipped source years, laid over any date: load shapes by weekday, weather by day of the year.

What they are, where they come from and under which licence stands in data/README.md.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import duckdb
import numpy as np
import pandas as pd

from service.demo.noise import Floats

PROFILE_YEAR_FIRST_WEEKDAY = 4  # 1 January 2016 was a Friday
PROFILE_DAYS = 366
HALF_WEEK = 3
QUARTERS = 96
WEATHER_HOURS = 8760
FEBRUARY_29 = 59  # day of the year, from 0, that the weather year does not have
FIXED_POINT = 10_000.0
HALF_YEAR_DAYS = 182


@cache
def _table(name: str) -> dict[str, Floats]:
    with resources.as_file(resources.files("service.demo") / "data" / name) as path, duckdb.connect() as connection:
        columns = connection.execute("select * from read_parquet(?)", [str(path)]).fetchnumpy()
    return {key: np.asarray(values, dtype=np.float64) for key, values in columns.items()}


def profile(name: str, local: pd.DatetimeIndex) -> Floats:
    """Return the measured load shape `name` as a share of its own peak, at park-local wall times.

    The day taken is the one of the same weekday nearest to the same day of the year.
    """
    values = _table("load_profiles.parquet")[name] / FIXED_POINT
    day = local.day_of_year.to_numpy() - 1
    ahead = (local.day_of_week.to_numpy() - PROFILE_YEAR_FIRST_WEEKDAY - day) % 7
    day = day + np.where(ahead > HALF_WEEK, ahead - 7, ahead)
    day = np.where(day < 0, day + 7, np.where(day >= PROFILE_DAYS, day - 7, day))
    minute = local.hour.to_numpy() * 60 + local.minute.to_numpy() + 0.5
    # A value stands for its quarter of an hour: it holds exactly in the middle, with straight lines between.
    return _between(values, day * QUARTERS + (minute - 7.5) / 15)


def weather(name: str, solar_local: pd.DatetimeIndex, shift_days: int = 0) -> Floats:
    """Return one column of the weather year at local standard times, moved by `shift_days`."""
    day = solar_local.day_of_year.to_numpy() - 1
    day = day - (solar_local.is_leap_year & (day >= FEBRUARY_29))
    hour = solar_local.hour.to_numpy() + (solar_local.minute.to_numpy() + 0.5) / 60
    # The satellite looked at every half hour past.
    return _between(_table("weather_year.parquet")[name], (day + shift_days) * 24 + hour - 0.5)


@cache
def weather_month_means(name: str) -> tuple[float, ...]:
    """Return the mean of one column of the weather year for each month."""
    months = pd.date_range("2019-01-01 00:30", periods=WEATHER_HOURS, freq="h").month
    return tuple(pd.Series(_table("weather_year.parquet")[name]).groupby(months).mean())


def _between(values: Floats, position: Floats) -> Floats:
    low = np.floor(position)
    share = position - low
    first = low.astype(np.int64) % len(values)
    return np.asarray(values[first] * (1 - share) + values[(first + 1) % len(values)] * share)
