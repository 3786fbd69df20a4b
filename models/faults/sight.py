"""What the search for faults sees of one array: its slots, what of them is measured, and what is explained already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from core.quality import Reason
from core.rungs import lasting_uncertainty
from core.timebase import SLOT_HOURS
from models.orientation import Orientation
from models.series import Bools, Floats, Grid, Ints, SlotSeries, bit, from_us, reason_text
from models.sky import Sky

_RUNGS = tuple(r for r in Reason if r.value.startswith("rung_"))
Z90 = 1.6449
LIT_WM2 = 20.0
LIT = 0.01  # of the rating


@dataclass(frozen=True)
class Facing:
    """Which plane an array's energy looks like, and what was due from that plane, kWh per slot at nameplate."""

    found: Orientation
    declared: tuple[float, float]  # tilt, azimuth
    expected: Floats


@dataclass(frozen=True)
class Sight:
    """One array, or the arrays behind one meter, on a grid of local days.

    Per slot: `generation`, `expected` in kWh, `irradiation` in kWh/m² in the plane, `rating_kw` of the inverters.
    `measured` is where generation and expectation both rest on measurement: filled slots and the clear-sky envelope
    never feed a finding. `free` is what no more specific cause has explained yet.
    """

    entity: str
    point: str
    under: str  # the weather point it shares with other arrays
    zone: ZoneInfo
    grid: Grid
    sky: Sky
    generation: Floats
    expected: Floats
    irradiation: Floats
    measured: Bools
    rungs: Ints
    rating_kw: Floats
    free: Bools
    power_kw: Floats  # as the meter showed it, import negative; NaN where it shows none
    drawn: Floats  # kWh the meter counted as import
    weather: Mapping[str, SlotSeries] = field(default_factory=dict)
    strings: int | None = None
    allowed: Floats | None = None  # kWh per slot under the orders in the log; None where there never was one
    per_reading: int = 1  # slots from one reading of the meter to the next
    counted: Bools | None = None  # where the meter alone measured as good as whole
    by_measurement: Bools | None = None  # where the expectation alone rests on measurement
    clear: Floats | None = None  # kWh per slot under a cloudless sky, by nameplate
    light: Floats | None = None  # W/m² as the station shows it, believed or not; None where it has no such sensor
    clear_light: Floats | None = None  # W/m² a cloudless sky would show it
    light_name: str = "poa_wm2"
    latitude: float = float("nan")
    facing: Facing | None = None  # only where the shape of its days is strange

    @cached_property
    def days(self) -> Ints:
        """Number of the local day of every slot."""
        return self.grid.day_numbers()

    @cached_property
    def whole(self) -> Bools:
        """Slots the meter measured as good as whole, whatever is known of the light."""
        return self.measured if self.counted is None else self.counted

    @property
    def due_known(self) -> Bools:
        """Slots whose expectation rests on measurement, whatever the meter did."""
        known: Bools = np.isfinite(self.expected) & (
            self.measured if self.by_measurement is None else self.by_measurement
        )
        return known

    @property
    def usable(self) -> Bools:
        """Slots that may feed a finding."""
        return self.measured & self.free

    @property
    def bright(self) -> Bools:
        """Slots in which there is enough light that no inverter may stand still: 5 % of the rating."""
        return np.nan_to_num(self.expected) > 0.05 * self.rating_kw * SLOT_HOURS

    @property
    def bright_sky(self) -> Bools:
        """Slots in which there would be that much light under a cloudless sky."""
        due = np.nan_to_num(self.expected if self.clear is None else self.clear)
        return due > 0.05 * self.rating_kw * SLOT_HOURS

    def rung_of(self, where: Bools) -> str:
        """Name the source of irradiance that most of these slots rest on."""
        masks, counts = np.unique(self.rungs[where & (self.rungs != 0)], return_counts=True)
        return reason_text(int(masks[np.argmax(counts)])) if len(masks) else ""

    def uncertainty(self, rung: str) -> float:
        """Return the relative uncertainty, k=1, of an expectation on this rung."""
        return lasting_uncertainty(rung.split())

    def doubted(self, quantity: str) -> Bools:
        """Return the slots in which a sensor of the weather point is not believed."""
        series = self.weather.get(quantity)
        if series is None:
            return np.ones(self.grid.size, dtype=bool)
        where: Bools = (series.reasons & bit(Reason.SENSOR_FAULT)) != 0
        return where

    def without(self, where: Bools) -> Sight:
        """Return the sight with these slots explained."""
        return replace(self, free=self.free & ~where)

    def unlit(self, where: Bools) -> Sight:
        """Return the sight with no expectation to be held against in these slots."""
        return replace(self, measured=self.measured & ~where, by_measurement=self.due_known & ~where)

    def made_light(self) -> tuple[Bools, Bools]:
        """Return in which slots there was light, by the station or, without one, by what the array made; and where that is known."""
        with np.errstate(invalid="ignore"):
            if self.light is not None:
                return self.light > LIT_WM2, np.isfinite(self.light)
            return self.whole & (self.generation > LIT * self.rating_kw * SLOT_HOURS), self.whole

    def seen_as(self, expected: Floats) -> Sight:
        """Return the sight held against another expectation."""
        return replace(self, expected=expected)

    def at(self, slot: int) -> datetime:
        """Return the first instant of a slot, or the end of the last one."""
        return from_us(self.grid.edges_us[slot])

    def by_day(self, values: Floats, where: Bools) -> dict[date, float]:
        """Return the sum over the chosen slots of every local day that has any."""
        numbers = self.days[where]
        sums = np.bincount(numbers, weights=values[where], minlength=len(self.grid.days))
        return {self.grid.days[n]: float(sums[n]) for n in np.unique(numbers)}

    def sums(self, values: Floats, where: Bools) -> Floats:
        """Return the sum over the chosen slots per local day, zero where there are none."""
        return np.bincount(self.days[where], weights=values[where], minlength=len(self.grid.days)).astype(float)


def rung_masks(expected: SlotSeries) -> Ints:
    """Return for every slot the bits that say where its irradiance came from."""
    every = 0
    for reason in _RUNGS:
        every |= bit(reason)
    return expected.reasons & every
