"""What the split of a balance is made from, as plain arrays: some local days, each in one or more cells.

A cell is a stretch of one day: all of it where everything was measured, a slot where something was not. Energies are
kWh of a cell (last index) or of a day; NaN is unknown. Days are whole, or whole up to now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from models.series import Bools, Floats, Ints


@dataclass(frozen=True)
class ArrayFacts:
    """`planned` and `lost` (by a finding's code) per day, `expected` per cell.

    `clear_only` says on which days nobody measured the sky; `planned` is NaN where the plan did not know the array.
    `rescale` is by what the plan would have to be multiplied per day to be on the scale of `expected`; without it both
    are on one.
    """

    id: str
    planned: Floats
    expected: Floats
    clear_only: Bools
    lost: Mapping[str, Floats] = field(default_factory=dict)
    rescale: Floats | None = None


@dataclass(frozen=True)
class MeterFacts:
    """Generation of a PV point per cell, and the arrays behind it; where none is `described` it is planned itself."""

    id: str
    arrays: tuple[ArrayFacts, ...]
    actual: Floats
    measured: Bools
    described: bool = True


@dataclass(frozen=True)
class LoadFacts:
    """Consumption of a top load per cell.

    `weight` is the share of a day's consumption that usually falls into a cell. `predicted` holds the baseline per
    day: as planned, by the actual calendar, by the actual temperature, by both; NaN where there is no baseline.
    `in_rest` says on which days a plan that does not name it has it in one sum with what is unmetered.
    """

    id: str
    planned: Floats
    predicted: tuple[Floats, Floats, Floats, Floats]
    actual: Floats
    measured: Bools
    weight: Floats
    in_rest: Bools


@dataclass(frozen=True)
class Flow:
    """One metered flow per cell, and what was planned of it per day."""

    planned: Floats
    actual: Floats
    measured: Bools


@dataclass(frozen=True)
class ParkFacts:
    """A park's days. `of` maps cells to days; `time` is the share of a day a cell lasts.

    `balance` is what is booked per cell: generation less consumption less what storage kept, NaN where a meter it
    hangs on is unknown. `unmetered` is consumption less its top loads, measured where all of these are. `gone` is what
    the plan says of arrays (positive) and loads (negative) that are no more.
    """

    of: Ints
    days: int
    time: Floats
    balance: Floats
    meters: tuple[MeterFacts, ...]
    loads: tuple[LoadFacts, ...]
    unmetered: Flow
    storage: Flow
    warm: Bools
    gone: Mapping[str, Floats] = field(default_factory=dict)

    def by_day(self, cells: Floats) -> Floats:
        """Return the sum of cells per day."""
        return np.bincount(self.of, weights=cells, minlength=self.days).astype(float)

    def planned(self) -> Floats:
        """Return the planned balance per day."""
        made = sum((np.nan_to_num(a.planned) for m in self.meters for a in m.arrays), np.zeros(self.days))
        used = sum((np.nan_to_num(one.planned) for one in self.loads), np.zeros(self.days))
        gone = sum(self.gone.values(), np.zeros(self.days))
        return made - used - self.unmetered.planned - self.storage.planned + gone
