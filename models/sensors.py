"""Which weather columns are not credible, day by day, from physics alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from core.quality import Event, Reason
from models.series import Bools, Floats, Grid, SlotSeries, unknown
from models.sky import Sky

LARGE_SHARE = 0.5  # of the slots that can be judged
FEWEST_SLOTS = 8
RISE_LOW_K = -5.0  # modules radiate at night: a little below air is real
RISE_HIGH_K = 10.0  # beyond what light and wind explain, and beyond RISE_FACTOR of it
RISE_FACTOR = 1.4
RISE_UNKNOWN_MOUNTING = 0.06  # K per W/m²: insulated modules in still air (Sandia: exp(-2.81))
TYPICAL_RISE = 0.03  # K per W/m²
CLIMATE_K = 30.0  # a whole day this far from what is typical for latitude, season and altitude is no weather
CLOUD_EDGE = 1.3  # bright clouds lift a quarter of an hour above clear sky by less than this
# The plane of the sensor may follow the sun, so it is held against a plane that faces it; that leaves less room.
CLOUD_EDGE_FACING = 1.2
BRIGHT_WM2 = 200.0
LONGER_THAN_HALF_HOUR = 3  # slots
NEGATIVE_WM2 = -15.0  # thermal offset of a pyranometer stays above this
NIGHT_GLOW_WM2 = 30.0
DEEP_NIGHT_DEG = 96.0
STUCK_SLOTS = {"poa_wm2": 8, "ghi_wm2": 8, "temp_air_c": 48, "temp_module_c": 48, "wind_speed_ms": 48}
STUCK_ABOVE = {"poa_wm2": 20.0, "ghi_wm2": 20.0, "wind_speed_ms": 0.1}
IRRADIANCE = ("poa_wm2", "ghi_wm2")


@dataclass(frozen=True)
class Fault:
    """A column that is left out of the expectation on one day."""

    quantity: str
    check: str
    day: int  # number on the grid
    what: str  # figures that need no language


@dataclass(frozen=True)
class _Day:
    """One local day of a weather point; arrays are cut to it."""

    number: int
    gauges: Mapping[str, Floats]  # NaN where the sensor saw less than half of the slot
    rise_k: Floats | None  # of a module's cells over air, as light and wind explain it
    sky: Sky
    cut: slice

    def of_sky(self, column: Floats) -> Floats:
        """Return a column of the sky, cut to the day."""
        return column[self.cut]


def credible(
    entity: str, gauges: Mapping[str, SlotSeries], rise_k: Floats | None, sky: Sky, grid: Grid
) -> tuple[dict[str, SlotSeries], list[Event]]:
    """Return the gauges of a weather point without what is not credible, and an event per fault and day.

    `rise_k` is how much the cells of the hottest array it serves are above air, by light and wind as measured; None
    where no array is known. On a day on which a column is faulty all its slots become unknown and carry `sensor_fault`.
    """
    clean = dict(gauges)
    events = []
    number_of = grid.day_numbers()
    for fault in find_faults(gauges, rise_k, sky, grid):
        where = number_of == fault.day
        series = clean[fault.quantity]
        clean[fault.quantity] = _without(series, where)
        start, end = grid.day_span(fault.day)
        params = {"what": fault.what, "quantity": fault.quantity, "check": fault.check}
        events.append(Event(entity, Reason.SENSOR_FAULT.value, start, end, params))
    return clean, events


def find_faults(gauges: Mapping[str, SlotSeries], rise_k: Floats | None, sky: Sky, grid: Grid) -> list[Fault]:
    """Return the faults of every day, at most one per column and day."""
    found: dict[tuple[int, str], Fault] = {}
    for n in range(len(grid.days)):
        cut = slice(int(grid.day_at[n]), min(int(grid.day_at[n + 1]), grid.closed))
        readings = {q: np.where(g.coverage[cut] >= 0.5, g.value[cut], np.nan) for q, g in gauges.items()}  # noqa: PLR2004
        day = _Day(n, readings, None if rise_k is None else rise_k[cut], sky, cut)
        for check in _CHECKS:
            for fault in check(day):
                found.setdefault((n, fault.quantity), fault)
    return list(found.values())


def _impossible(day: _Day) -> Iterator[Fault]:
    """Irradiance below any thermal offset, or light in deep night."""
    deep_night = day.of_sky(day.sky.zenith) > DEEP_NIGHT_DEG
    for quantity in IRRADIANCE:
        column = _column(day, quantity)
        for bad in (column < NEGATIVE_WM2, (column > NIGHT_GLOW_WM2) & deep_night):
            if np.count_nonzero(bad) >= LONGER_THAN_HALF_HOUR:
                yield Fault(quantity, "impossible", day.number, f"{quantity} {np.mean(column[bad]):.0f} W/m²")


def _too_bright(day: _Day) -> Iterator[Fault]:
    """Brighter than a cloudless sky for more than half an hour."""
    ghi, facing = day.of_sky(day.sky.ghi), day.of_sky(day.sky.dni + day.sky.dhi)
    for quantity, clear, edge in (("ghi_wm2", ghi, CLOUD_EDGE), ("poa_wm2", facing, CLOUD_EDGE_FACING)):
        column = _column(day, quantity)
        bad = (clear > BRIGHT_WM2) & (column > edge * clear)
        if np.count_nonzero(bad) >= LONGER_THAN_HALF_HOUR:
            what = f"{quantity} {np.mean(column[bad]):.0f} > {edge:g} × {np.mean(clear[bad]):.0f} W/m²"
            yield Fault(quantity, "too_bright", day.number, what)


def _stuck(day: _Day) -> Iterator[Fault]:
    """The same value to the last digit for hours."""
    for quantity, column in day.gauges.items():
        length = STUCK_SLOTS.get(quantity)
        if length is None:
            continue
        same = np.diff(column) == 0
        same &= np.abs(column[1:]) > STUCK_ABOVE.get(quantity, -1.0)
        if _longest(same) >= length - 1:
            yield Fault(quantity, "stuck", day.number, f"{quantity} = {_mode(column[1:][same]):g}")


def _climate(day: _Day) -> Iterator[Fault]:
    """A day far from anything the site can have."""
    column = _column(day, "temp_air_c")
    fine = np.isfinite(column)
    if np.count_nonzero(fine) < FEWEST_SLOTS:
        return
    typical = day.of_sky(day.sky.typical_air_c)
    if abs(float(np.mean(column[fine] - typical[fine]))) > CLIMATE_K:
        what = f"temp_air_c {np.mean(column[fine]):.1f} °C ≠ {np.mean(typical):.0f} °C"
        yield Fault("temp_air_c", "climate", day.number, what)


def _rise(day: _Day) -> Iterator[Fault]:
    """Modules colder than air, or far warmer than light and wind explain.

    Air above 40 K cooler than a free-standing module at 700 W/m² is the textbook case; wind and mounting are known
    here, so the test is sharper than that and holds in low light too. The column to blame is the one that is farther from the climate: a module's reading, less what its light explains,
    is an air temperature too.
    """
    air, module = _column(day, "temp_air_c"), _column(day, "temp_module_c")
    light = np.where(day.sky.up[day.cut], _light(day), 0.0)
    warmth = RISE_UNKNOWN_MOUNTING * light if day.rise_k is None else day.rise_k
    rise = module - air
    judged = np.isfinite(rise) & np.isfinite(light)
    if np.count_nonzero(judged) < FEWEST_SLOTS:
        return
    light, rise, air, module = light[judged], rise[judged], air[judged], module[judged]
    bad = (rise < RISE_LOW_K) | (rise > RISE_HIGH_K + RISE_FACTOR * np.maximum(warmth[judged], 0.0))
    if np.mean(bad) < LARGE_SHARE:
        return
    typical = float(np.mean(day.of_sky(day.sky.typical_air_c)))
    implied = float(np.mean(module - TYPICAL_RISE * light))
    air_is_farther = abs(float(np.mean(air)) - typical) >= abs(implied - typical)
    quantity = "temp_air_c" if air_is_farther else "temp_module_c"
    means = [float(np.mean(column[bad])) for column in (air, module, light)]
    what = f"temp_air_c {means[0]:.1f} °C, temp_module_c {means[1]:.1f} °C, {means[2]:.0f} W/m²"
    yield Fault(quantity, "rise", day.number, what)


_CHECKS: tuple[Callable[[_Day], Iterator[Fault]], ...] = (_impossible, _too_bright, _stuck, _climate, _rise)


def _light(day: _Day) -> Floats:
    poa = _column(day, "poa_wm2")
    return np.where(np.isfinite(poa), poa, _column(day, "ghi_wm2"))


def _column(day: _Day, quantity: str) -> Floats:
    size = day.cut.stop - day.cut.start if day.cut.stop > day.cut.start else 0
    return day.gauges.get(quantity, np.full(size, np.nan))


def _longest(flags: Bools) -> int:
    """Return the length of the longest run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return int(np.max(edges[1::2] - edges[::2], initial=0))


def _mode(values: Floats) -> float:
    found, counts = np.unique(values, return_counts=True)
    return float(found[np.argmax(counts)])


def _without(series: SlotSeries, where: Bools) -> SlotSeries:
    nothing = unknown(len(where))
    cut = SlotSeries(
        np.where(where, nothing.value, series.value),
        np.where(where, 0.0, series.coverage),
        np.where(where, 0.0, series.estimated),
        np.where(where, nothing.reasons, series.reasons),
    )
    return cut.marked(where, Reason.SENSOR_FAULT)
