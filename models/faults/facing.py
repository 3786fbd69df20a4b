"""An array that faces another way than PARK.yaml says, or stands elsewhere: the shape of its days is another's."""

from __future__ import annotations

import numpy as np

from core.findings import Fault, Finding
from models.faults import lag
from models.faults.pictures import by_hour
from models.faults.sight import Facing, Sight
from models.series import Floats

STRANGE = 0.004  # misfit of the shape of a day, by the median of the days: a tenth of it is the model's and the clouds'
FEWEST_DAYS = 10
APART_DEG = 15.0
BETTER = 0.75  # of the RMSE that is left with the other plane
LEFT = 0.5  # of the misfit of shape that is left


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
