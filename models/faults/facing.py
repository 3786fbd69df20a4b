"""An array that faces another way than PARK.yaml says, or stands elsewhere: the shape of its days is another's."""

from __future__ import annotations

import numpy as np

from core.findings import Fault, Finding, Picture
from models.faults import lag
from models.faults.pictures import by_hour
from models.faults.sight import Facing, Sight
from models.series import Floats

STRANGE = 0.004  # misfit of the shape of a day, by the median of the days: a tenth of it is the model's and the clouds'
FEWEST_DAYS = 10
APART_DEG = 15.0
BETTER = 0.75  # of the RMSE that is left with the other plane
LEFT = 0.5  # of the misfit of shape that is left
LIT_DEG = 3.0  # of elevation: there is light enough to be seen
PLACE_DAYS = 21
PLACE_H = 0.75  # by which days are too long or too short
HILLS_H = 2.0  # that hills may take of every day
PLACE_LEFT = 0.4  # of that at another latitude
PLACE_DEG = 10.0
MOST_SHOWN = 60


def is_strange(sight: Sight) -> bool:
    """Say whether the shape of an array's days fits neither its expectation nor that of another hour."""
    misfit = lag.misfits(_due(sight, sight.expected), _made(sight), sight.grid)
    known = misfit[np.isfinite(misfit[:, lag.FARTHEST])]
    if len(known) < FEWEST_DAYS:
        return False
    return float(np.median(np.nanmin(known, axis=1))) > STRANGE


def turned(sight: Sight) -> tuple[Finding | None, Sight]:
    """Return that an array faces another way, and the sight as it looks from there."""
    facing = sight.facing
    if facing is None or not _is_turned(sight, facing):
        return None, sight
    (tilt, azimuth), found = facing.declared, facing.found
    facts: dict[str, float | str] = {
        "tilt": found.tilt,
        "azimuth": found.azimuth,
        "what": f"{tilt:g}°/{azimuth:g}° → {found.tilt:g}°/{found.azimuth:g}°",
    }
    where = sight.usable & sight.bright
    finding = Finding(
        entity=sight.entity,
        code=Fault.ORIENTATION,
        start=sight.at(int(np.argmax(where))),
        end=None,
        days={},
        low_kwh=0.0,
        high_kwh=0.0,
        confidence=0.8,
        rung=sight.rung_of(where),
        picture=by_hour(sight, where, sight.expected, [], facts),
    )
    return finding, sight.seen_as(facing.expected)


def misplaced(sight: Sight) -> Finding | None:
    """Return that the site lies at another latitude: its days are longer or shorter than the sun's there.

    Only the first and the last light of a day count, which clouds leave alone. A valley shortens the days of all seasons,
    and no latitude does.
    """
    days = np.array([d.timetuple().tm_yday for d in sight.grid.days], dtype=float)
    seen = lag.lengths(*sight.made_light(), sight.grid)
    known = np.flatnonzero(np.isfinite(seen))
    if len(known) < PLACE_DAYS or not np.isfinite(sight.latitude):
        return None
    tried = np.arange(-65.0, 66.0)
    misses = [_missed(seen[known], day_length(phi, days[known])) for phi in tried]
    best = float(tried[int(np.argmin(misses))])
    written = _missed(seen[known], day_length(sight.latitude, days[known]))
    if written < PLACE_H or min(misses) > PLACE_LEFT * written or abs(best - sight.latitude) < PLACE_DEG:
        return None
    shown = known[:MOST_SHOWN]
    what = f"{sight.latitude:g}° → {best:g}°"
    return Finding(
        entity=sight.under or sight.entity,
        code=Fault.ORIENTATION,
        start=sight.at(int(sight.grid.day_at[known[0]])),
        end=None,
        days={},
        low_kwh=0.0,
        high_kwh=0.0,
        confidence=0.8,
        rung="",
        picture=Picture(
            "trend",
            "h",
            tuple(sight.grid.days[n].isoformat() for n in shown),
            tuple(float(seen[n]) for n in shown),
            tuple(float(h) for h in day_length(sight.latitude, days[shown])),
            0,
            len(shown),
            {"latitude": best, "what": what},
        ),
    )


def _missed(seen: Floats, due: Floats) -> float:
    """Return by how many hours days are longer or shorter than due, once hills have taken the same of all."""
    hidden = float(np.clip(np.median(due - seen), 0.0, HILLS_H))
    return float(np.median(np.abs(due - hidden - seen)))


def day_length(latitude: float, day_of_year: Floats) -> Floats:
    """Return for how many hours of a day the sun stands higher than 3°; declination by Cooper 1969."""
    phi = np.radians(latitude)
    declination = np.radians(23.45) * np.sin(2 * np.pi * (284.0 + day_of_year) / 365.0)
    cosine = (np.sin(np.radians(LIT_DEG)) - np.sin(phi) * np.sin(declination)) / (np.cos(phi) * np.cos(declination))
    hours: Floats = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))) * 2.0 / 15.0
    return hours


def _is_turned(sight: Sight, facing: Facing) -> bool:
    found = facing.found
    if not (found.apart_deg > APART_DEG and found.rmse < BETTER * found.rmse_written):
        return False
    made = _made(sight)
    other = lag.misfits(_due(sight, facing.expected), made, sight.grid)[:, lag.FARTHEST]
    moved = lag.misfits(_due(sight, sight.expected), made, sight.grid)
    known = np.isfinite(other) & np.isfinite(moved[:, lag.FARTHEST])
    if np.count_nonzero(known) < FEWEST_DAYS:
        return False
    # A clock that is off leaves the clouds where they are: then no plane explains the days as well as another hour.
    by_hour_moved = np.nanmin([np.nanmedian(c) for c in moved[known].T if np.isfinite(c).any()])
    return float(np.median(other[known])) < LEFT * float(by_hour_moved)


def _due(sight: Sight, expected: Floats) -> Floats:
    return np.where(sight.due_known, expected, np.nan)


def _made(sight: Sight) -> Floats:
    return np.where(sight.whole, sight.generation, np.nan)
