"""Telegrams as ready MQTT packets, made before the clock starts: publishing them is then nothing but sending bytes.

All packets of a run are equally long, so they are one array of bytes into which columns of digits are written. The
device's time is its own: telegrams of one device are at least a second apart, all lie in the past, and the registers
only rise. So no check has anything to say, and no two readings share a key.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

TOPIC = "parkwatt/m{:05}/telemetry"
QOS_1_PUBLISH = 0x32
PACKET_IDS = 60_000  # unacknowledged are far fewer
LONGEST_SPAN_S = 80_000  # a device whose time lies more than a day back is looked at as one with a wrong clock

ONE = ("energy_import_kwh",)
FOUR = ("energy_import_kwh", "energy_export_kwh", "active_power_kw", "voltage_v.l1")
TWENTY = (
    "energy_import_kwh",
    *(f"energy_import_kwh.t{n}" for n in (1, 2, 3, 4)),
    "energy_export_kwh",
    *(f"{name}{phase}" for name in ("active_power_kw", "reactive_power_kvar") for phase in ("", ".l1", ".l2", ".l3")),
    *(f"{name}.l{n}" for name in ("voltage_v", "current_a") for n in (1, 2, 3)),
)
VALUES = {len(names): names for names in (ONE, FOUR, TWENTY)}


def device_id(number: int) -> str:
    """Return what PARK.yaml calls the device of that number."""
    return f"m{number:05}"


@dataclass(frozen=True)
class Packets:
    """QoS 1 PUBLISH packets, one a row."""

    array: npt.NDArray[np.uint8]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.array)

    @property
    def payload_bytes(self) -> int:
        """How long each payload is."""
        return self.array.shape[1] - _payload_at(self.array[0])

    def payload(self, row: int) -> bytes:
        """Return what one packet carries."""
        return bytes(self.array[row, _payload_at(self.array[row]) :])

    def bytes(self) -> memoryview:
        """Return all packets one after another."""
        return memoryview(self.array.reshape(-1))


def packets(telegrams: int, devices: int, names: tuple[str, ...], now: datetime) -> Packets:
    """Return so many telegrams with these values, the devices in turn, the newest a minute before `now`."""
    rounds = -(-telegrams // devices)
    interval_s = max(1, min(60, LONGEST_SPAN_S // rounds))
    newest = now.astimezone(UTC).replace(microsecond=0, tzinfo=None) - timedelta(minutes=1)
    first = np.datetime64(newest - timedelta(seconds=interval_s * (rounds - 1)), "s")
    number = np.arange(telegrams, dtype=np.int64)
    turn, device = np.divmod(number, devices)
    times = np.datetime_as_string(first + np.arange(rounds) * np.timedelta64(interval_s, "s"))
    columns: list[tuple[bytes, npt.NDArray[np.uint8]]] = [(b"@" * 5, _digits(device, 5))]
    document: dict[str, object] = {"time": "T" * 20}
    columns.append((b"T" * 20, _text([f"{t}Z" for t in times])[turn]))
    for k, name in enumerate(names):
        whole, start = (5, 10_000_000) if name.startswith("energy") else (3, 200_000)
        step = 10 if name.startswith("energy") else 1
        mark = chr(ord("a") + k) * whole + "." + chr(ord("a") + k) * 3
        # Marks are quoted here and lose their quotes below: JSON numbers of a fixed width.
        document[name] = f"#{mark}#"
        thousandths = start + 1000 * k + device % 1000 + step * turn
        digits = _digits(thousandths, whole + 3)
        dots = np.full((telegrams, 1), ord("."), dtype=np.uint8)
        columns.append((mark.encode(), np.hstack([digits[:, :whole], dots, digits[:, whole:]])))
    payload = json.dumps(document, separators=(",", ":")).replace('"#', "").replace('#"', "").encode()
    topic = TOPIC.replace("{:05}", "@" * 5).encode()
    body = len(topic).to_bytes(2, "big") + topic + b"\0\0" + payload
    row = bytes([QOS_1_PUBLISH]) + _length(len(body)) + body
    array = np.tile(np.frombuffer(row, dtype=np.uint8), (telegrams, 1))
    for mark_bytes, column in columns:
        at = row.index(mark_bytes)
        array[:, at : at + len(mark_bytes)] = column
    id_at = row.index(topic) + len(topic)
    ids = 1 + number % PACKET_IDS
    array[:, id_at], array[:, id_at + 1] = ids >> 8, ids & 255
    return Packets(array)


def _digits(numbers: npt.NDArray[np.int64], width: int) -> npt.NDArray[np.uint8]:
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    digits: npt.NDArray[np.uint8] = (numbers[:, None] // powers % 10 + ord("0")).astype(np.uint8)
    return digits


def _text(words: list[str]) -> npt.NDArray[np.uint8]:
    return np.frombuffer("".join(words).encode(), dtype=np.uint8).reshape(len(words), -1)


def _length(number: int) -> bytes:
    """Return MQTT's remaining length: seven bits a byte, the lowest first."""
    out = bytearray()
    while True:
        number, low = divmod(number, 128)
        out.append(low | (128 if number else 0))
        if not number:
            return bytes(out)


def _payload_at(row: npt.NDArray[np.uint8]) -> int:
    at = 1
    while row[at] & 128:
        at += 1
    return int(at + 1 + 2 + (int(row[at + 1]) << 8 | int(row[at + 2])) + 2)
