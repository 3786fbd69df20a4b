"""Whether the registers of the tariffs make up the total register of their meter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from core.park import DeviceAssignment, Point
from core.quality import Event
from models.judging import resolution_wh
from models.points import EXPORT, IMPORT, TARIFF, span_of
from models.registers import Curve, read_register
from models.samples import DeviceSamples, Samples
from models.series import Grid, Ints, bit
from models.slotting import counts_at, slot_energy

TOLERANCE = 0.005  # of the total: telegrams of the registers may lie apart
WHOLE = 0.9999  # of a day measured, or it proves nothing


def tariff_events(point: Point, samples: Mapping[str, DeviceSamples], grid: Grid) -> list[Event]:
    """Return one event per closed day and device whose tariff registers and total register counted differently, in kWh.

    Different is beyond what the displays round off and 0.5 % of the total. The total counts; the tariffs only split it.
    """
    found: list[Event] = []
    for device in point.devices:
        own = samples.get(device.id, {})
        for quantity in (IMPORT, EXPORT):
            parts = [s for (q, channel), s in own.items() if q == quantity and TARIFF.fullmatch(channel)]
            if (quantity, "") in own and parts:
                found += _differing(point, device, own[quantity, ""], parts, grid)
    return found


def _differing(
    point: Point, device: DeviceAssignment, total: Samples, parts: list[Samples], grid: Grid
) -> Iterator[Event]:
    edges = grid.edges_us[grid.day_at]
    curves = [_curve(device, s) for s in (total, *parts)]
    if any(len(c.times_us) < 2 for c in curves):  # noqa: PLR2004 - a lone reading counts nothing
        return
    counted = [np.diff(counts_at(edges, c.times_us, c.count_wh)) for c in curves]
    grain = 2 * sum(resolution_wh(np.rint(s.readings * 1000.0).astype(np.int64)) for s in (total, *parts))
    sound = np.all([_sound(c, grid) for c in curves], axis=0)
    served_from, served_to = span_of(device)
    for day in np.flatnonzero(sound & (edges[:-1] >= served_from) & (edges[1:] <= served_to)):
        whole, split = int(counted[0][day]), sum(int(c[day]) for c in counted[1:])
        if abs(split - whole) > grain + TOLERANCE * whole:
            params: dict[str, float | str] = {
                "energy": (split - whole) / 1000.0 * device.ratio,
                "total": whole / 1000.0 * device.ratio,
            }
            if whole > 0:
                params["share"] = f"{100 * (split - whole) / whole:.1f} %"
            yield Event(point.id, "tariff_mismatch", *grid.day_span(int(day)), params)


def _curve(device: DeviceAssignment, samples: Samples) -> Curve:
    rating_kw = device.rating_kw / device.ratio if device.rating_kw else None
    return read_register(
        samples.times_us,
        samples.readings,
        rating_kw=rating_kw,
        interval_s=device.interval_s,
        rollover_kwh=device.rollover_kwh,
    )


def _sound(curve: Curve, grid: Grid) -> Ints:
    """Return per closed day whether the register was measured throughout, without any fault."""
    slots = slot_energy(curve, grid.edges_us, (int(grid.edges_us[0]), int(grid.edges_us[-1])))
    plain = (slots.reasons & ~bit("jitter")) == 0
    fine = np.add.reduceat(np.where(plain, slots.coverage, 0.0), grid.day_at[:-1])
    sizes = np.diff(grid.day_at)
    closed = grid.elapsed() == sizes
    sound: Ints = (fine >= WHOLE * sizes) & closed
    return sound
