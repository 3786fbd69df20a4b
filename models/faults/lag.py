"""By how much one series is late against another, day by day: the shape of the day decides, never its height."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.timebase import SLOT_HOURS
from models.series import Bools, Floats, Grid, Ints

QUARTERS = 96  # slots of a day
FARTHEST = 48  # slots either way: twelve hours, beyond which late is early
LAGS = np.arange(-FARTHEST, FARTHEST + 1)
LOOKS = 8.0  # independent looks at the sun in a day's quarters of an hour: clouds last for some of them
FLOOR = 0.01  # of the misfit: no model knows a day's shape better
CHANGE = 12.0  # what one change of the lag must save: clocks are not set twice a week
DARK = 4  # slots before and after the light that must be known
COMMON = 0.9  # of a day's light that both must have seen

Matrix = npt.NDArray[np.float64]


def by_day(values: Floats, grid: Grid, around: int = 0) -> Matrix:
    """Return a row of 96 slots per local day, with `around` more at both ends; NaN beyond the grid.

    A day that changes the clocks has 92 or 100 slots; its row is as long as every other.
    """
    at = grid.day_at[:-1, None] + np.arange(-around, QUARTERS + around)
    inside = (at >= 0) & (at < grid.size)
    return np.where(inside, values[np.clip(at, 0, grid.size - 1)], np.nan)


def misfits(due: Floats, made: Floats, grid: Grid) -> Matrix:
    r"""Return per day and lag what share of the shape of `made` that lag does not explain; NaN where too little is known.

    .. math:: 1 - (\sum m_{t+l} d_t)^2 / (\sum m_{t+l}^2 \sum d_t^2)

    over a day's slots: the squared sine of the angle between the two. A lag of l slots means that `made` comes late.
    """
    known, wanted = by_day(made, grid, FARTHEST), by_day(due, grid)
    seen, light = np.isfinite(known).astype(float), np.nan_to_num(wanted)
    told = np.isfinite(wanted).astype(float)
    known = np.nan_to_num(known)
    both, power = _slid(known, light), _slid(known**2, told)
    met, whole = _slid(seen, light**2), (light**2).sum(axis=1)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        misfit = 1.0 - both**2 / (power * met)
    fit = (met >= COMMON * whole) & (whole > 0) & (power > 0)
    return np.where(fit, np.clip(misfit, 0.0, 1.0), np.nan)


def _slid(series: Matrix, row: Matrix) -> Matrix:
    """Return per day and lag the sum of products of a series of three half days and a row of one."""
    windows = np.lib.stride_tricks.sliding_window_view(series, QUARTERS, axis=1)
    found: Matrix = np.einsum("dlk,dk->dl", windows, row)
    return found


def steady(misfit: Matrix) -> Ints:
    """Return every day's lag in slots: that which explains the days best while it changes seldom (Viterbi 1967).

    A day that cannot be judged as it stands follows its neighbours.
    """
    cost = LOOKS / 2.0 * np.log(np.where(np.isfinite(misfit), misfit, 1.0) + FLOOR)
    cost[np.isnan(misfit[:, FARTHEST])] = 0.0
    reached = np.zeros(len(LAGS))
    came = np.zeros(cost.shape, dtype=np.int64)
    for n, own in enumerate(cost):
        best = int(np.argmin(reached))
        stays = reached <= reached[best] + CHANGE
        came[n] = np.where(stays, np.arange(len(LAGS)), best)
        reached = np.where(stays, reached, reached[best] + CHANGE) + own
    path = np.zeros(len(cost), dtype=np.int64)
    at = int(np.argmin(reached + np.where(LAGS == 0, 0.0, 1e-9)))
    for n in range(len(cost) - 1, -1, -1):
        path[n] = at
        at = int(came[n, at])
    found: Ints = LAGS[path]
    return found


def middles(made: Floats, floor: Floats | float, grid: Grid, lag: int) -> Floats:
    """Return per day the middle of the time in which a series is above `floor`, in slots from the day's start.

    Sought within the day as a clock sees it that is `lag` slots late. Clouds dim the day and move neither its first
    light nor its last.
    """
    lit = by_day((np.nan_to_num(made) > floor).astype(float), grid, FARTHEST)
    own = np.nan_to_num(lit[:, FARTHEST + lag : FARTHEST + lag + QUARTERS])
    first, last = np.argmax(own, axis=1), QUARTERS - 1 - np.argmax(own[:, ::-1], axis=1)
    return np.where(own.any(axis=1), (first + last) / 2.0 + lag, np.nan)


def lengths(lit: Bools, known: Bools, grid: Grid) -> Floats:
    """Return for how many hours of each day there was light, from the first to the last of it; NaN where there was none.

    Where nothing is known of the dark before and after it, or light lies on both sides of midnight, there is no length.
    """
    own, seen = by_day(lit.astype(float), grid) > 0, by_day(known.astype(float), grid) > 0
    first, last = np.argmax(own, axis=1), QUARTERS - 1 - np.argmax(own[:, ::-1], axis=1)
    whole = own.any(axis=1) & ~own[:, 0] & ~own[:, -1]
    days = np.arange(len(own))
    for k in range(1, DARK + 1):
        whole &= seen[days, np.maximum(first - k, 0)] & seen[days, np.minimum(last + k, QUARTERS - 1)]
    return np.where(whole, (last + 1 - first) * SLOT_HOURS, np.nan)
