"""The search for faults: the most specific cause first, and what it explains is taken from those after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from core.findings import Finding
from models.faults.losing import losses, sun_days
from models.faults.outage import outages
from models.faults.sight import Sight
from models.series import Bools, to_us

Search = Callable[[Sight], list[Finding]]

# In this order: each takes the slots of what it finds from all that follow.
SEARCHES: tuple[Search, ...] = (outages,)


def diagnose(sights: Sequence[Sight]) -> list[Finding]:
    """Return every finding of the arrays of one park; no loss is told twice."""
    found: list[Finding] = []
    left = []
    for sight in sights:
        seen = sight
        for search in SEARCHES:
            own = search(seen)
            found += own
            for finding in own:
                seen = seen.without(slots_of(seen, finding))
        left.append(seen)
    days = [sun_days(s) for s in left]
    for n, sight in enumerate(left):
        beside = [days[k] for k, other in enumerate(left) if k != n and other.under == sight.under]
        found += losses(sight, beside)
    return sorted(found, key=lambda f: (f.start, f.entity, f.code))


def slots_of(sight: Sight, finding: Finding) -> Bools:
    """Return the slots a finding lies in."""
    starts = sight.grid.edges_us[:-1]
    end = sight.grid.edges_us[-1] if finding.end is None else to_us(finding.end)
    inside: Bools = (starts >= to_us(finding.start)) & (starts < end)
    return inside & np.isin(sight.days, [sight.grid.days.index(d) for d in finding.days if d in sight.grid.days])
