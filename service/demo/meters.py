"""What the devices show of the truth: class errors, counting steps, sensor errors, replaced and silent meters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from core.park import DeviceAssignment, Point
from service.demo.noise import Floats, generator
from service.demo.plant import WEATHER, Plant

# Largest systematic error of a kind of meter, as a share; drawn evenly inside.
METER_ERROR = {"grid": 0.001, "pv": 0.003, "load": 0.006}
# Step of the energy register in kWh, and of power in kW, by template.
STEPS = {"json": (0.01, 0.01), "shelly-gen2-em": (0.00001, 0.0001), "tasmota-energy": (0.001, 0.001)}
DEFAULT_STEPS = (0.01, 0.01)
START_HOURS = (300.0, 1500.0)  # what a register has counted before, in hours at full rating
DEFAULT_RATING_KW = 50.0
# Sensor: largest gain error, largest offset, noise of one sample, step.
SENSOR = {
    "ghi_wm2": (0.012, 1.5, 1.0, 0.1),
    "temp_air_c": (0.0, 0.3, 0.05, 0.1),
    "wind_speed_ms": (0.02, 0.0, 0.1, 0.1),
    "temp_module_c": (0.0, 0.8, 0.15, 0.1),
}


@dataclass(frozen=True)
class Reading:
    """What a meter shows at some Unix times: registers in kWh, power in kW with import positive."""

    import_kwh: Floats
    export_kwh: Floats
    power_kw: Floats


def read_meter(plant: Plant, point: Point, device: DeviceAssignment, times_s: Floats) -> Reading:
    """Return what the device at a point shows at Unix times in seconds, before its own ratio is applied."""
    draw = generator(plant.seed, "meter", device.id)
    error = METER_ERROR[point.role]
    gain = 1 + float(draw.uniform(-error, error))
    rating = device.rating_kw or DEFAULT_RATING_KW
    starts = [round(rating * float(draw.uniform(*START_HOURS)), 1) for _ in range(2)]
    if point.role == "load":
        starts[1] = 0.0
    elif point.role == "pv":
        starts[0] *= 0.002  # what inverters draw at night is little
    true = plant.sample(point.id, times_s)
    flows = [true.import_kwh, true.export_kwh]
    shown = [
        _register(plant, point, flow, start, gain, side, times_s)
        for side, (flow, start) in enumerate(zip(flows, starts, strict=True))
    ]
    energy_step, power_step = STEPS.get(device.template, DEFAULT_STEPS)
    sign = -1.0 if device.direction == "reversed" else 1.0
    if device.direction == "reversed":
        shown.reverse()
    return Reading(
        _floor(shown[0] / device.ratio, energy_step),
        _floor(shown[1] / device.ratio, energy_step),
        _round(sign * gain * true.power_kw / device.ratio, power_step),
    )


def read_sensor(plant: Plant, device: DeviceAssignment, quantity: str, times_s: Floats) -> Floats:
    """Return what a weather station shows at Unix times, in seconds."""
    gain, offset, noise, step = SENSOR[quantity]
    draw = generator(plant.seed, "sensor", device.id, quantity)
    scale, zero = 1 + float(draw.uniform(-gain, gain)), float(draw.uniform(-offset, offset))
    true = plant.weather(quantity, times_s)
    # Drawn from the instant itself, so that a reading that is sent twice says the same twice.
    jitter = np.array([generator(plant.seed, quantity, int(t * 1000)).standard_normal() for t in times_s])
    shown = true * scale + zero + noise * jitter
    return _round(np.maximum(shown, 0.0) if quantity == "wind_speed_ms" else shown, step)


def sensors() -> Iterator[str]:
    """Yield the quantities a weather station sends."""
    yield from WEATHER


def heard(plant: Plant, point: Point, times_s: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Say at which instants the meter of a point does send."""
    silent = np.zeros(len(times_s), dtype=np.bool_)
    for fault in plant.faults.silences:
        if fault.point == point.id:
            silent |= (times_s >= fault.start.timestamp()) & (times_s < fault.end.timestamp())
    return ~silent


def _register(
    plant: Plant, point: Point, flow: Floats, start_kwh: float, gain: float, side: int, times_s: Floats
) -> Floats:
    shown = start_kwh + gain * flow
    for fault in plant.faults.replacements:
        if fault.point != point.id:
            continue
        main = side == (1 if point.role == "pv" else 0)
        before = _flow_at(plant, point, fault.start, side)
        fresh = (fault.register_kwh if main else 0.0) + gain * (flow - before)
        shown = np.where(times_s >= fault.start.timestamp(), fresh, shown)
    return shown


def _flow_at(plant: Plant, point: Point, instant: datetime, side: int) -> float:
    true = plant.sample(point.id, np.array([instant.timestamp()]))
    return float((true.import_kwh, true.export_kwh)[side][0])


def _floor(values: Floats, step: float) -> Floats:
    decimals = max(0, round(-np.log10(step)))
    return np.round(np.floor(values / step + 1e-6) * step, decimals)


def _round(values: Floats, step: float) -> Floats:
    decimals = max(0, round(-np.log10(step)))
    return np.round(values, decimals) + 0.0  # no minus zero
