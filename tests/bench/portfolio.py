"""A hundred arrays of one site for a year, beside a hundred runs of pvlib's ModelChain: `make bench ARGS=portfolio`."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from datetime import UTC, date, datetime

import numpy as np

from core.park import Array
from models import pv
from models.series import Grid, SlotSeries, grid_of
from models.sky import sky_over
from tests.accuracy import plants
from tests.accuracy.pv import modelchain_ac
from tests.bench.row import Row

ARRAYS = 100
TIMES = 3
ALIKE = 10  # ModelChain runs at 1 min that are timed; a hundred would take minutes and each takes as long as the other
FIRST, LAST = date(2025, 1, 1), date(2025, 12, 31)


def arrays() -> list[Array]:
    """Return a hundred arrays, each with an orientation and size of its own."""
    angles = itertools.product(range(0, 40, 4), range(90, 290, 20))
    return [
        plants.array(id=f"a{n}", dc_kwp=50.0 + n, ac_kw=45.0 + n, tilt=tilt, azimuth=azimuth)
        for n, (tilt, azimuth) in enumerate(angles)
    ]


def _months(minutes: int) -> list[Grid]:
    """Return the year in the pieces the program computes it in, or whole where they are long."""
    park = plants.site(31.2, 121.5, 4.0, "Asia/Shanghai")
    if minutes == 15:
        return [grid_of(FIRST, LAST, park.zone, datetime(2100, 1, 1, tzinfo=UTC))]
    firsts = [date(2025, month, 1) for month in range(1, 13)]
    ends = [date.fromordinal(first.toordinal() - 1) for first in [*firsts[1:], date(2026, 1, 1)]]
    return [plants.every(minutes, first, end, park.zone) for first, end in zip(firsts, ends, strict=True)]


def _weather(grid: Grid) -> plants.Case:
    """Return a year of changing clouds over one site, as a horizontal pyranometer, a thermometer and a cup see it."""
    park = plants.site(31.2, 121.5, 4.0, "Asia/Shanghai")
    sky = sky_over(park, grid)
    cloud = 0.6 + 0.4 * np.sin(np.arange(grid.size) / 37.0)

    def known(values: np.ndarray) -> SlotSeries:
        return plants.known(values)

    gauges = {
        "ghi_wm2": known(cloud * sky.ghi),
        "temp_air_c": known(sky.typical_air_c),
        "wind_speed_ms": known(2 + cloud),
    }
    return plants.Case(park, grid, sky, gauges, {})


def _ours(minutes: int) -> float:
    """Return seconds for all arrays, the sun's position with them."""

    def work() -> None:
        for grid in _months(minutes):
            case = _weather(grid)
            pv.portfolio(arrays(), case.gauges, case.sky, grid)

    return _median(work, TIMES if minutes == 15 else 1)


def _theirs(minutes: int, runs: int) -> float:
    """Return seconds for so many ModelChain runs over the year; the sun's position is computed in each, as it does."""
    spent = 0.0
    for grid in _months(minutes):
        case = _weather(grid)
        start = time.perf_counter()
        for array in arrays()[:runs]:
            modelchain_ac(case, array.tilt, array.azimuth, array.dc_kwp, array.ac_kw)
        spent += time.perf_counter() - start
    return spent


def _median(work: Callable[[], None], times: int) -> float:
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def measure() -> list[Row]:
    """Take the figures, in one process."""
    quarter, minute = _ours(15), _ours(1)
    chains, fine = _theirs(15, ARRAYS), _theirs(1, ALIKE) * ARRAYS / ALIKE
    year = "100 arrays, one site, a year"
    return [
        Row(f"{year} at 15 min", quarter, "s", 2.0, "100 ModelChain runs", chains / quarter),
        Row("  times faster than 100 ModelChain runs", chains / quarter, "x", 10.0, more_is_better=True),
        Row(f"{year} at 1 min", minute, "s", None, f"100 ModelChain runs, by {ALIKE}", fine / minute),
        Row("  times faster than 100 ModelChain runs", fine / minute, "x", 10.0, more_is_better=True),
    ]
