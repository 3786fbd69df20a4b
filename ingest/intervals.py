"""Energies per interval are no registers: found out, and where the operator says so made into one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.quantities import READING, Kind
from core.store import Store
from ingest.cells import Series

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_STEPS = 8  # fewer say nothing
_FALLING = 0.2  # of the steps that move; a register falls when a meter is replaced, energies every other time
_DECIMALS = 6  # of a kWh; sums of floats would otherwise differ in their last digits
_DAY_US = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def falling(readings: pd.DataFrame) -> Iterator[Series]:
    """Yield the register series of a READINGS frame whose values go up and down as energies per interval do."""
    registers = [q.name for q in READING.values() if q.kind is Kind.REGISTER]
    rows = readings[readings["quantity"].isin(registers)]
    for key, part in rows.groupby(["device", "quantity", "channel"], sort=True, observed=True):
        values = part.sort_values("time", kind="stable")["value"].to_numpy()
        moves = np.diff(values)
        moves = moves[moves != 0]
        if len(moves) >= _STEPS and np.count_nonzero(moves < 0) >= _FALLING * len(moves):
            device, quantity, channel = (str(k) for k in key)
            yield device, quantity, channel


@dataclass
class IntervalSeries:
    """Energies per interval of one series, as a file has them, and at which end of its interval each stands."""

    label: str
    times_us: list[Ints] = field(default_factory=list)
    energies: list[Floats] = field(default_factory=list)
    faults: int = 0

    def add(self, times_us: Ints, energies: Floats) -> None:
        """Take further rows."""
        self.times_us.append(times_us)
        self.energies.append(energies)


@dataclass(frozen=True)
class Register:
    """A register that no meter showed: what the energies add up to."""

    times_us: Ints
    counts: Floats


Known = dict[Series, tuple[int, float]]  # where the register of an earlier file of this import ended


def register_of(key: Series, found: IntervalSeries, store: Store, known: Known, zone: ZoneInfo) -> Register | str:
    """Return the register of one series, or in words why there can be none.

    It goes on where the stored register of the same series ends, so that files imported one after another join.
    """
    times = np.concatenate(found.times_us) if found.times_us else np.empty(0, dtype=np.int64)
    energies = np.concatenate(found.energies) if found.energies else np.empty(0)
    if found.faults:
        return f"{found.faults} of its intervals are empty or unreadable"
    order = np.argsort(times, kind="stable")
    times, energies = times[order], energies[order]
    if len(times) < 2:  # noqa: PLR2004 - a step needs two
        return "it has fewer than two intervals"
    if (energies < 0).any():
        return "an energy per interval is never negative"
    edges = _edges(times, found.label, zone)
    if edges is None:
        return "its intervals are doubled, missing or of different lengths"
    counted = np.concatenate(([0.0], np.cumsum(energies)))
    base = _base(key, edges, counted, store, known)
    if isinstance(base, str):
        return base
    known[key] = (int(edges[-1]), float(np.round(base + counted[-1], _DECIMALS)))
    return Register(edges, np.round(base + counted, _DECIMALS))


def _edges(times: Ints, label: str, zone: ZoneInfo) -> Ints | None:
    """Return the ends of consecutive intervals of one length, or of consecutive local days."""
    steps = np.diff(times)
    if (steps == steps[0]).all() and steps[0] > 0:
        return np.append(times, times[-1] + steps[0]) if label == "start" else np.insert(times, 0, times[0] - steps[0])
    local = pd.DatetimeIndex(times.view("datetime64[us]"), tz=UTC).tz_convert(zone)
    if not ((local.normalize() == local).all() and _consecutive(local)):
        return None
    other = local[-1] + pd.DateOffset(days=1) if label == "start" else local[0] - pd.DateOffset(days=1)
    edge = int((other.tz_convert(UTC).to_pydatetime() - _EPOCH) / timedelta(microseconds=1))
    return np.append(times, edge) if label == "start" else np.insert(times, 0, edge)


def _consecutive(days: pd.DatetimeIndex) -> bool:
    numbers = np.array([d.toordinal() for d in days.date])
    return bool((np.diff(numbers) == 1).all())


def _base(key: Series, edges: Ints, counted: Floats, store: Store, known: Known) -> float | str:
    """Return the register's value at the first edge, so that it agrees with what is stored."""
    if key in known:
        end_us, value = known[key]
        return value if end_us == edges[0] else "it does not go on where the file before it ends"
    start, end = (_EPOCH + timedelta(microseconds=int(t)) for t in (edges[0], edges[-1] + 1))
    device, quantity, channel = key
    rows = store.readings(start, end, devices=[device], quantities=[quantity], edges=True)
    rows = rows[rows["channel"] == channel]
    if rows.empty:
        return 0.0
    times = rows["time"].to_numpy("datetime64[us]").view("int64")
    values = rows["value"].to_numpy()
    at_start = values[times == edges[0]]
    if not len(at_start):
        return "the store has other readings of it, and none where the file begins; import the oldest file first"
    base = float(at_start[-1])
    inside = (times >= edges[0]) & (times <= edges[-1])
    wanted = np.interp(times[inside], edges, np.round(base + counted, _DECIMALS))
    off_grid = ~np.isin(times[inside], edges)
    if off_grid.any() or not np.allclose(values[inside], wanted, rtol=0, atol=10.0**-_DECIMALS):
        return "the store has a register of it over the same time that says something else"
    after = times > edges[-1]
    whole = np.count_nonzero(inside) == len(edges)
    if after.any() and not whole:
        return "the store has later readings of it; the register could not go on to them"
    return base


Refusal = Callable[[Series, str], None]


def registers_of(
    series: dict[Series, IntervalSeries], store: Store, known: Known, zone: ZoneInfo, refuse: Refusal
) -> dict[Series, Register]:
    """Return the register of every series, and tell `refuse` about those that cannot have one."""
    made: dict[Series, Register] = {}
    for key in sorted(series):
        found = register_of(key, series[key], store, known, zone)
        if isinstance(found, str):
            refuse(key, found)
        else:
            made[key] = found
    return made


def pieces(register: Register, size: int) -> Iterator[Register]:
    """Cut a register into parts that are stored one after another."""
    for first in range(0, len(register.times_us), size):
        yield Register(register.times_us[first : first + size], register.counts[first : first + size])
