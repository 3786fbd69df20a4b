"""Something that casts its shadow at the same hours every bright day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from core.findings import Fault, Finding
from core.timebase import day_bounds
from models.faults.pictures import by_hour, quarter_of_day
from models.faults.sight import Z90, Sight
from models.faults.spans import runs
from models.series import Bools, Floats

WINDOW = 14  # days looked at together
STEP = 7
FEWEST_DAYS = 5  # bright ones, in the same quarter-hour of a window
RETURNS = 10  # bright days on which it must have been seen
SHADED = 0.85  # of what the rest of the day shows
REST_WELL = 0.90  # of expectation: where the rest is weak too the array is, and no shade
OFTEN = 0.75  # of the bright days
DEEPER = 0.6  # of what the earlier half of the days lacked
SHORTEST, LONGEST = 4, 20  # quarter-hours
BRIGHT = 0.7  # of the brightest the quarter-hour saw in the window: there is a beam to block
HIGH_SUN_DEG = 75.0  # zenith; lower down glass reflects and horizons begin
QUARTERS = 96
REST = 12  # quarter-hours that must be left to compare with

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Shade:
    first: int  # quarter-hours of the day
    last: int
    begin: int  # days
    end: int
    usual: float


def shadings(sight: Sight) -> list[Finding]:
    """Return the hours of the day in which the array yields clearly less than in the others, bright day after bright day.

    The rest of the same days is what it is held against, so a weak array is not shaded and a shaded one is not weak.
    """
    made, due, sun = _by_quarter(sight)
    found: list[_Shade] = []
    for begin in range(0, max(1, len(sight.grid.days) - WINDOW + 1), STEP):
        window = slice(begin, begin + WINDOW)
        usual, shaded = _shaded(made[window], due[window], sun[window])
        for first, last in runs(shaded):
            if SHORTEST <= last - first <= LONGEST:
                _take(found, _Shade(first, last, begin, min(begin + WINDOW, len(sight.grid.days)), usual))
    said: list[Finding] = []
    for shade in found:
        finding = _finding(sight, shade, made, due, sun)
        if finding is not None:
            said.append(finding)
            sight = sight.without(slots_in(sight, finding))
    return said


def _by_quarter(sight: Sight) -> tuple[Matrix, Matrix, Matrix]:
    """Return generation, expectation and irradiation by day and quarter-hour of its clock; NaN where not usable."""
    at = sight.days * QUARTERS + quarter_of_day(sight)
    size = len(sight.grid.days) * QUARTERS
    use = sight.usable & sight.bright & (sight.sky.zenith < HIGH_SUN_DEG)

    def table(values: Floats) -> Matrix:
        whole = np.full(size, np.nan)
        whole[at[use]] = values[use]
        return whole.reshape(-1, QUARTERS)

    return table(sight.generation), table(sight.expected), table(sight.irradiation)


def _shaded(made: Matrix, due: Matrix, sun: Matrix) -> tuple[float, Bools]:
    """Return what the array shows outside the shade, and in which quarter-hours it is shaded."""
    top = np.nanmax(np.where(np.isfinite(sun), sun, 0.0), axis=0)
    bright = np.isfinite(due) & (sun >= BRIGHT * top)
    ratio = np.where(bright, made / np.where(bright, due, 1.0), np.nan)
    count = bright.sum(axis=0)
    enough = count >= FEWEST_DAYS
    if np.count_nonzero(enough) < REST:
        return 1.0, np.zeros(QUARTERS, dtype=bool)
    level = np.array(
        [float(np.median(c[np.isfinite(c)])) if ok else np.nan for c, ok in zip(ratio.T, enough, strict=True)]
    )
    usual = float(np.quantile(level[enough], 0.6))
    often = np.array(
        [
            np.mean(c[np.isfinite(c)] < (1 + SHADED) / 2 * usual) >= OFTEN if ok else False
            for c, ok in zip(ratio.T, enough, strict=True)
        ]
    )
    shaded = enough & often & (level < SHADED * usual)
    if usual < REST_WELL or np.count_nonzero(enough & ~shaded) < REST:
        return usual, np.zeros(QUARTERS, dtype=bool)
    return usual, shaded


def _take(found: list[_Shade], new: _Shade) -> None:
    """Add a shade, to one of the window before where it lies at the same hours."""
    for n, old in enumerate(found):
        if old.first < new.last and new.first < old.last and new.begin <= old.end:
            found[n] = _Shade(min(old.first, new.first), max(old.last, new.last), old.begin, new.end, old.usual)
            return
    found.append(new)


def _finding(sight: Sight, shade: _Shade, made: Matrix, due: Matrix, sun: Matrix) -> Finding | None:
    quarters = slice(shade.first, shade.last)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.nansum(made[:, quarters], axis=1) / np.nansum(due[:, quarters], axis=1)
        outside = np.r_[0 : shade.first, shade.last : QUARTERS]
        rest = np.nansum(made[:, outside], axis=1) / np.nansum(due[:, outside], axis=1)
    bright = np.nansum(sun[:, quarters], axis=1) >= BRIGHT * _brightest(sun[:, quarters])
    # Held against the rest of the same day: where that is weak too, more than a shadow is at work.
    dark = bright & (ratio < (1 + SHADED) / 2 * rest) & (rest >= REST_WELL * shade.usual)
    core = np.flatnonzero(dark[shade.begin : shade.end]) + shade.begin
    if len(core) < FEWEST_DAYS:
        return None
    begin, end = _reach(dark, bright, int(core[0]), int(core[-1]))
    low = [n for n in range(begin, end + 1) if dark[n]]
    if len(low) < RETURNS or not _is_steady(ratio[low] / rest[low]):
        return None
    quarter = quarter_of_day(sight)
    inside = (quarter >= shade.first) & (quarter < shade.last) & (sight.days >= begin) & (sight.days <= end)
    where = inside & sight.usable & sight.bright
    expected = shade.usual * sight.expected
    lost_by_day = sight.by_day(expected - sight.generation, where)
    lost = sum(lost_by_day.values())
    if lost <= 0:
        return None
    rung = sight.rung_of(where)
    spread = Z90 * sight.uncertainty(rung) * float(np.sum(expected[where]))
    days: list[date] = list(sight.grid.days)
    shown = sight.usable & (sight.days >= begin) & (sight.days <= end) & np.isin(sight.days, low)
    share = float(np.sum(sight.generation[where]) / np.sum(expected[where]))
    over = end < len(days) - STEP
    return Finding(
        entity=sight.entity,
        code=Fault.SHADING,
        start=day_bounds(days[begin], sight.zone)[0],
        end=day_bounds(days[end], sight.zone)[1] if over else None,
        days=lost_by_day,
        low_kwh=lost - spread,
        high_kwh=lost + spread,
        confidence=min(0.95, 0.7 + 0.02 * len(low)),
        rung=rung,
        picture=by_hour(
            sight, shown, expected, [shade.first, shade.last - 1],
            {"share": share, "what": f"{_clock(shade.first)}–{_clock(shade.last)}"},
        ),
    )  # fmt: skip


def _is_steady(shares: Floats) -> bool:
    """Say whether the hours lack about as much on the later days as on the earlier: what deepens day by day is no shadow."""
    early, late = (float(np.median(part)) for part in np.array_split(shares, 2))
    return early - late < DEEPER * (1 - early)


def _brightest(sun: Matrix) -> Floats:
    """Return for every day the light of the brightest of each quarter-hour in the days around it: summer is no measure of winter."""
    seen = np.where(np.isfinite(sun), sun, 0.0)
    around = [seen[max(0, n - WINDOW) : n + WINDOW + 1] for n in range(len(seen))]
    return np.array([float(np.sum(np.max(days, axis=0))) for days in around])


def _reach(dark: Bools, bright: Bools, begin: int, end: int) -> tuple[int, int]:
    """Return the stretch with the days before and after it up to the next bright one without the shade."""
    while begin > 0 and (dark[begin - 1] or not bright[begin - 1]):
        begin -= 1
    while end + 1 < len(dark) and (dark[end + 1] or not bright[end + 1]):
        end += 1
    shown = np.flatnonzero(dark[begin : end + 1]) + begin
    return int(shown[0]), int(shown[-1])


def _clock(quarter: int) -> str:
    return f"{quarter // 4:02d}:{quarter % 4 * 15:02d}"


def slots_in(sight: Sight, finding: Finding) -> Bools:
    """Return the slots a shade explains: its hours of its days."""
    said = str(finding.picture.facts["what"])
    first, last = (int(t[:2]) * 4 + int(t[3:]) // 15 for t in said.split("–"))
    quarter = quarter_of_day(sight)
    inside: Bools = (quarter >= first) & (quarter < last)
    return inside & np.isin(sight.days, [sight.grid.days.index(d) for d in finding.days])
