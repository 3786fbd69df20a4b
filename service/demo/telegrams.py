"""Telegrams in the shape real devices send them, for the templates the twin knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import numpy as np

from core.errors import ConfigError, Problem
from core.park import DeviceAssignment, Park, Point
from service.demo.meters import heard, read_meter, read_sensor, sensors
from service.demo.noise import Floats, generator
from service.demo.plant import Plant

PHASE_V = (228.0, 234.0)
MAINS_HZ = 50.0
PHASES = ("a", "b", "c")
PHASE_SHARES = (0.36, 0.33, 0.31)
POWER_FACTOR = 0.95
PHASE_SHARE_OF_INTERVAL = 0.6  # devices spread their telegrams over this much of an interval
JITTER_SHARE = 0.2  # and are late by up to this much of it, but no later than
JITTER_MAX_S = 3.0
COARSE_BELOW_S = 5.0  # faster devices need milliseconds


@dataclass(frozen=True)
class Telegram:
    """One message of a device; registers in kWh as the device counts them, None where it has none."""

    time: datetime
    device: str
    topic: str
    payload: bytes
    import_kwh: float | None = None
    export_kwh: float | None = None


@dataclass(frozen=True)
class Shown:
    """What the device's display shows when it sends."""

    plant: Plant
    point: Point
    device: DeviceAssignment
    time_s: float
    import_kwh: float
    export_kwh: float
    power_kw: float

    @property
    def local(self) -> datetime:
        """The instant in park time."""
        return datetime.fromtimestamp(self.time_s, self.plant.park.zone)

    def voltage_v(self, phase: str) -> float:
        """Return a phase's voltage at this instant."""
        draw = generator(self.plant.seed, "voltage", phase, self.device.id, int(self.time_s * 1000))
        return round(float(draw.uniform(*PHASE_V)), 1)


Shape: TypeAlias = Callable[[Shown], Iterator[tuple[str, dict[str, object]]]]


def check_templates(park: Park) -> None:
    """Refuse a park with devices whose telegrams the twin cannot write."""
    problems = [
        Problem(
            f"points[{p}].devices[{d}].template",
            f"the simulator writes no telegrams of {device.template}",
            f"it knows {', '.join(SHAPES)}",
        )
        for p, point in enumerate(park.points)
        for d, device in enumerate(point.devices)
        if device.template not in SHAPES or (point.role == "weather" and device.template != "json")
    ]
    if problems:
        raise ConfigError(problems)


def telegrams(plant: Plant, start: datetime, end: datetime, interval_s: float) -> list[Telegram]:
    """Return every telegram sent in (start, end], oldest first.

    When a device sends is fixed by its id and the interval alone, so that the same span asked for twice gives the
    same bytes.
    """
    found: list[Telegram] = []
    for point in plant.park.points:
        for device in point.devices:
            times = _send_times(plant, device, start, end, interval_s)
            found += _device(plant, point, device, times[heard(plant, point, times)])
    return sorted(found, key=lambda t: t.time)


def _send_times(plant: Plant, device: DeviceAssignment, start: datetime, end: datetime, interval_s: float) -> Floats:
    from_s = max(start, plant.epoch, device.valid_from or start).timestamp()
    to_s = min(end, device.valid_to or end).timestamp()
    # Tasmota writes whole seconds; two telegrams in one of them would be the same reading twice.
    step = max(interval_s, 1.0) if device.template == "tasmota-energy" else interval_s
    phase = float(generator(plant.seed, "phase", device.id).uniform(0, PHASE_SHARE_OF_INTERVAL * step))
    turns = range(int(from_s // step) - 1, int(to_s // step) + 1)
    late = min(JITTER_MAX_S, JITTER_SHARE * step)
    times = [k * step + phase + float(generator(plant.seed, "late", device.id, k).uniform(0, late)) for k in turns]
    whole = device.template == "tasmota-energy" or step >= COARSE_BELOW_S
    rounded = np.floor(times) if whole else np.round(times, 3)
    return np.asarray(rounded[(rounded > from_s) & (rounded <= to_s)], dtype=np.float64)


def _device(plant: Plant, point: Point, device: DeviceAssignment, times: Floats) -> Iterator[Telegram]:
    if len(times) == 0:
        return
    if point.role == "weather":
        yield from _weather(plant, device, times)
        return
    read = read_meter(plant, point, device, times)
    shape = SHAPES[device.template]
    columns = zip(times, read.import_kwh, read.export_kwh, read.power_kw, strict=True)
    for time_s, import_kwh, export_kwh, power_kw in columns:
        shown = Shown(plant, point, device, float(time_s), float(import_kwh), float(export_kwh), float(power_kw))
        for topic, payload in shape(shown):
            yield Telegram(
                datetime.fromtimestamp(float(time_s), UTC),
                device.id,
                topic,
                _bytes(payload),
                shown.import_kwh,
                shown.export_kwh,
            )


def _weather(plant: Plant, device: DeviceAssignment, times: Floats) -> Iterator[Telegram]:
    columns = {q: read_sensor(plant, device, q, times) for q in sensors()}
    for row, time_s in enumerate(times):
        moment = datetime.fromtimestamp(float(time_s), plant.park.zone)
        payload: dict[str, object] = {"time": moment.isoformat()}
        payload |= {q: float(values[row]) for q, values in columns.items()}
        yield Telegram(moment.astimezone(UTC), device.id, f"parkwatt/{device.id}/telemetry", _bytes(payload))


def _json(shown: Shown) -> Iterator[tuple[str, dict[str, object]]]:
    payload: dict[str, object] = {"time": shown.local.isoformat(), "energy_import_kwh": shown.import_kwh}
    if shown.point.role != "load":
        payload["energy_export_kwh"] = shown.export_kwh
    payload["active_power_kw"] = shown.power_kw
    yield f"parkwatt/{shown.device.id}/telemetry", payload


def _shelly(shown: Shown) -> Iterator[tuple[str, dict[str, object]]]:
    """Write the two notifications of a Shelly Pro 3EM: power, and the counters it keeps each minute."""
    em: dict[str, object] = {"id": 0}
    total_current = 0.0
    for phase, share in zip(PHASES, PHASE_SHARES, strict=True):
        power = 1000 * shown.power_kw * share
        voltage = shown.voltage_v(phase)
        current = abs(power) / (voltage * POWER_FACTOR)
        total_current += current
        em |= {
            f"{phase}_current": round(current, 3),
            f"{phase}_voltage": voltage,
            f"{phase}_act_power": round(power, 1),
            f"{phase}_aprt_power": round(abs(power) / POWER_FACTOR, 1),
            f"{phase}_pf": POWER_FACTOR,
            f"{phase}_freq": MAINS_HZ,
        }
    em |= {
        "n_current": None,
        "total_current": round(total_current, 3),
        "total_act_power": round(1000 * shown.power_kw, 3),
        "total_aprt_power": round(1000 * abs(shown.power_kw) / POWER_FACTOR, 3),
        "user_calibrated_phase": [],
    }
    data: dict[str, object] = {"id": 0}
    for phase, share in zip(PHASES, PHASE_SHARES, strict=True):
        data[f"{phase}_total_act_energy"] = round(1000 * shown.import_kwh * share, 2)
        data[f"{phase}_total_act_ret_energy"] = round(1000 * shown.export_kwh * share, 2)
    data |= {"total_act": round(1000 * shown.import_kwh, 2), "total_act_ret": round(1000 * shown.export_kwh, 2)}
    for name, status in (("em:0", em), ("emdata:0", data)):
        yield (
            f"{shown.device.id}/events/rpc",
            {
                "src": shown.device.id,
                "dst": f"{shown.device.id}/events",
                "method": "NotifyStatus",
                "params": {"ts": shown.time_s, name: status},
            },
        )


def _tasmota(shown: Shown) -> Iterator[tuple[str, dict[str, object]]]:
    midnight = shown.local.replace(hour=0, minute=0, second=0, microsecond=0)
    marks = np.array([m.timestamp() for m in (midnight - timedelta(days=1), midnight)])
    marks = np.maximum(marks, shown.plant.epoch.timestamp())
    before, at_midnight = read_meter(shown.plant, shown.point, shown.device, marks).import_kwh
    apparent = 1000 * abs(shown.power_kw) / POWER_FACTOR
    voltage = shown.voltage_v("a")
    yield (
        f"tele/{shown.device.id}/SENSOR",
        {
            "Time": shown.local.strftime("%Y-%m-%dT%H:%M:%S"),
            "ENERGY": {
                "TotalStartTime": shown.plant.epoch.astimezone(shown.plant.park.zone).strftime("%Y-%m-%dT%H:%M:%S"),
                "Total": shown.import_kwh,
                "Yesterday": round(max(0.0, float(at_midnight - before)), 3),
                "Today": round(max(0.0, shown.import_kwh - float(at_midnight)), 3),
                "Power": round(1000 * shown.power_kw),
                "ApparentPower": round(apparent),
                "ReactivePower": round(apparent * (1 - POWER_FACTOR**2) ** 0.5),
                "Factor": POWER_FACTOR,
                "Voltage": round(voltage),
                "Current": round(apparent / voltage, 3),
            },
        },
    )


SHAPES: dict[str, Shape] = {"json": _json, "shelly-gen2-em": _shelly, "tasmota-energy": _tasmota}


def _bytes(payload: dict[str, object]) -> bytes:
    return json.dumps(payload, separators=(",", ":")).encode()
