"""On which calibration a past day is explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from core.park import Array
from core.statements import Kind
from core.store import State
from models.calibration import builds_of, calibrations_of, of_build
from models.series import Floats, Grid


class Scales(NamedTuple):
    """What puts an array's expectation, and its plan, on the calibration that is known by now; per day."""

    expected: Floats
    planned: Floats


def scales_of(versions: Sequence[Array], state: State, grid: Grid, plans: Sequence[Mapping[str, float]]) -> Scales:
    """Return what puts an array's expectation and plan on the calibration that is known by now, per day.

    `plans` says of every day by which factors, by array, it was planned.
    A factor counts from the day after it was learned, so that nothing is judged by what was not known yet. Why a day
    was as it was is asked afterwards: the days a factor was learned on are those it is best known for. It is not laid
    on days before these, nor on another build, nor where a plan does not say which calibration it was made by.
    """
    expected, planned = np.ones(len(plans)), np.ones(len(plans))
    said = state.statements(Kind.CALIBRATION, None, None, entity=versions[0].id)
    firsts = {s.start: str(s.body.get("first_day")) for s in said}
    learned = calibrations_of(said).get(versions[0].id, ())
    for build in builds_of(versions):
        known = of_build(build, learned)
        for n, by_array in enumerate(plans):
            start = grid.day_span(n)[0]
            by_plan = by_array.get(versions[0].id, np.nan)
            if known is None or not build.holds(start) or not by_plan > 0:
                continue
            if grid.days[n].isoformat() < firsts[known.start]:
                continue
            valid = next((a for a in build.versions if a.valid_at(start)), build.versions[-1])
            factor = known.factor_of(valid)
            expected[n] = 1.0 if start >= known.start else factor
            planned[n] = factor / by_plan
    return Scales(expected, planned)
