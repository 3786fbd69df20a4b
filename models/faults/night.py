"""Energy a PV point draws while the sun is down: standby, or something else on the same circuit."""

from __future__ import annotations

import numpy as np

from core.findings import Fault, Finding, Picture
from core.timebase import SLOT_HOURS, day_bounds
from models.faults.sight import Sight
from models.faults.spans import joined

DEEP_NIGHT_DEG = 96.0  # zenith
SHARE = 0.01  # of the inverters' rating, mean of a night
NIGHTS = 3
FEWEST = 16  # slots of a night that must be measured
SHOWN = 40


def night_consumption(sight: Sight) -> list[Finding]:
    """Return the times in which a PV point drew more than 1 % of its rating, night after night."""
    dark = (sight.sky.zenith > DEEP_NIGHT_DEG) & np.isfinite(sight.drawn)
    count = sight.sums(np.ones(sight.grid.size), dark)
    drawn, rating = sight.sums(np.nan_to_num(sight.drawn), dark), sight.sums(sight.rating_kw, dark)
    # Mean power over mean rating: both are sums over the same slots.
    with np.errstate(invalid="ignore", divide="ignore"):
        heavy = (count >= FEWEST) & (drawn / SLOT_HOURS > SHARE * rating) & (rating > 0)
    found = []
    for first, last in joined((sight.grid.days[n] for n in np.flatnonzero(heavy)), 1):
        begin, end = (sight.grid.days.index(d) for d in (first, last))
        nights = [n for n in range(begin, end + 1) if heavy[n]]
        if len(nights) < NIGHTS:
            continue
        by_day = {sight.grid.days[n]: float(drawn[n]) for n in nights}
        limit = SHARE * rating * SLOT_HOURS
        shown = range(max(0, begin - 7), min(len(sight.grid.days), begin + SHOWN))
        total = sum(by_day.values())
        found.append(
            Finding(
                entity=sight.entity,
                code=Fault.NIGHT_CONSUMPTION,
                start=day_bounds(first, sight.zone)[0],
                end=None if end >= len(sight.grid.days) - 2 else day_bounds(last, sight.zone)[1],
                days=by_day,
                low_kwh=0.98 * total,
                high_kwh=1.02 * total,
                confidence=0.95,
                rung="",
                picture=Picture(
                    "days",
                    "kWh",
                    tuple(sight.grid.days[n].isoformat() for n in shown),
                    tuple(float(drawn[n]) if count[n] >= FEWEST else None for n in shown),
                    tuple(float(limit[n]) if count[n] >= FEWEST else None for n in shown),
                    begin - shown.start,
                    min(end + 1, shown.stop) - shown.start,
                    {"nights": float(len(nights))},
                ),
            )
        )
    return found
