"""What the expectation of history rests on, remembered so that a changed PARK.yaml is noticed."""

from __future__ import annotations

import hashlib
import logging

from core.park import Park
from core.store import State

log = logging.getLogger(__name__)

_KEY = "service/basis"
DIFFERS = (
    "PARK.yaml describes the site or arrays differently from when history was computed: "
    "`parkwatt recompute PARK.yaml` computes it anew"
)


def digest(park: Park) -> str:
    """Return a digest over site and arrays; names, and keys left at their defaults, do not count."""
    site = {"latitude", "longitude", "altitude_m", "timezone"}
    parts = [park.model_dump_json(include=site, exclude_defaults=True)]
    parts += sorted(a.model_dump_json(exclude={"name"}, exclude_defaults=True) for a in park.arrays)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def keep(park: Park, state: State) -> None:
    """Remember that history is computed by this description."""
    state.set_value(_KEY, digest(park))


def compare(park: Park, state: State) -> None:
    """Warn where history was computed by another description; the first one is remembered."""
    kept = state.value(_KEY)
    if kept is None:
        keep(park, state)
    elif kept != digest(park):
        log.warning(DIFFERS)
