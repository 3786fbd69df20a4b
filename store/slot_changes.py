"""What really changes when computed values are written again, and what that supersedes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.frames import SLOT_COLUMNS, SLOT_KEY, slots_frame
from core.quality import Reason
from store.rows import Floats, known

REVISION_COLUMNS = (*SLOT_COLUMNS, "period", "replaced_at")

_NUMBERS = ("value", "coverage", "estimated")
# A recompute may add the same numbers in another order; the last bits of a sum are no news.
_SAME_RELATIVE = 1e-12
_SAME_ABSOLUTE = 1e-12


@dataclass(frozen=True)
class SlotChanges:
    """`written` is new or different, `superseded` are earlier rows to keep on record, `blanked` lost a number."""

    written: pd.DataFrame
    superseded: pd.DataFrame
    blanked: pd.DataFrame


def slot_changes(stored: pd.DataFrame, incoming: pd.DataFrame) -> SlotChanges:
    """Compare incoming rows with those stored under the same keys.

    An earlier row is superseded where its value differs, unknown and known being different, unless its period was
    still running when it was written.
    """
    fresh = incoming.drop_duplicates(list(SLOT_KEY), keep="last").assign(
        **{name: known(incoming[name])[~incoming.duplicated(list(SLOT_KEY), keep="last")] for name in _NUMBERS}
    )
    both = fresh.merge(stored, on=list(SLOT_KEY), how="left", suffixes=("", "_old"), indicator="origin")
    found = (both["origin"] == "both").to_numpy()
    new = {n: both[n].to_numpy(dtype="float64") for n in _NUMBERS}
    old = {n: both[f"{n}_old"].to_numpy(dtype="float64") for n in _NUMBERS}
    moved = {n: ~_same(old[n], new[n]) for n in _NUMBERS}
    reworded = (both["reasons"] != both["reasons_old"]).to_numpy()
    running = both["reasons_old"].map(lambda r: isinstance(r, str) and Reason.PARTIAL in r.split()).to_numpy(dtype=bool)
    lost = np.any([np.isfinite(old[n]) & np.isnan(new[n]) for n in _NUMBERS], axis=0)
    different = np.any([*moved.values(), reworded], axis=0)
    before = both.loc[:, list(SLOT_KEY)].assign(**{n: both[f"{n}_old"] for n in (*_NUMBERS, "reasons")})
    return SlotChanges(
        written=slots_frame(both[~found | different]),
        superseded=slots_frame(before[found & moved["value"] & ~running]),
        blanked=slots_frame(both[found & lost]),
    )


def _same(old: Floats, new: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.isclose(old, new, rtol=_SAME_RELATIVE, atol=_SAME_ABSOLUTE, equal_nan=True)


def revisions_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return superseded rows with REVISION_COLUMNS and their types, sorted by key and time of replacement."""
    if frame.empty:
        frame = pd.DataFrame({name: [] for name in REVISION_COLUMNS})
    slots = slots_frame(frame).assign(
        period=frame["period"].astype("object"), replaced_at=frame["replaced_at"].astype("datetime64[us, UTC]")
    )
    return slots.sort_values([*SLOT_KEY, "period", "replaced_at"], kind="stable", ignore_index=True)
