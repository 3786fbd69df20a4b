"""Parks of any size whose derived series are simply said: what a split reads, without readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from core.clock import ManualClock
from core.frames import slots_frame
from core.park import Array, DeviceAssignment, Park, Point
from core.quantities import Period
from core.statements import FOREVER, Json, Kind, Statement
from core.store import Store
from core.timebase import day_bounds, slot_index
from models.series import Floats
from store.embedded import EmbeddedStore
from store.state import SqliteState

SAID = datetime(2026, 1, 1, tzinfo=UTC)
Series = tuple[str, str, str]  # scope, entity, quantity


def make_park(roles: Mapping[str, str], arrays: Mapping[str, str], zone: str = "Europe/Berlin") -> Park:
    """Return a park of points by role, and arrays by the PV point they are behind."""

    def device(name: str) -> tuple[DeviceAssignment, ...]:
        return (DeviceAssignment(id=f"{name}-1", template="json", rating_kw=200.0, interval_s=900.0),)

    return Park(
        id="test", name="Test", latitude=52.5, longitude=13.4, timezone=zone,
        points=tuple(Point(id=i, role=r, name=i.title(), devices=device(i)) for i, r in roles.items()),
        arrays=tuple(
            Array(id=a, name=a.title(), point=p, dc_kwp=100.0, ac_kw=90.0, tilt=10.0, azimuth=180.0)
            for a, p in arrays.items()
        ),
    )  # fmt: skip


def opened(folder: Path) -> tuple[EmbeddedStore, SqliteState]:
    """Open an empty store and state file."""
    return EmbeddedStore(folder / "park.duckdb", "test"), SqliteState(folder / "state.sqlite", ManualClock(SAID))


def write(
    park: Park,
    store: Store,
    days: Sequence[date],
    kwh: Mapping[Series, float],
    unknown: Mapping[Series, Sequence[int]] | None = None,
    reasons: Mapping[Series, str] | None = None,
) -> None:
    """Store every series evenly over each day, as slots and days; `unknown` slots are known to nobody."""
    starts: list[list[pd.Timestamp]] = [[], []]
    for day in days:
        first, last = day_bounds(day, park.zone)
        starts[0].extend(slot_index(first, last))
        starts[1].append(pd.Timestamp(first))
    lengths = [len(slot_index(*day_bounds(d, park.zone))) for d in days]
    frames: dict[Period, list[pd.DataFrame]] = {Period.SLOT: [], Period.DAY: []}
    for series, amount in kwh.items():
        scope, entity, quantity = series
        energy = quantity.endswith("_kwh")
        slots = np.concatenate([np.full(n, amount / n if energy else amount) for n in lengths])
        slots[list((unknown or {}).get(series, ()))] = np.nan
        parts = np.split(slots, np.cumsum(lengths)[:-1])
        known = np.array([np.isfinite(p).mean() for p in parts])
        total = np.array(
            [(np.nansum(p) if energy else np.nanmean(p)) if k else np.nan for p, k in zip(parts, known, strict=True)]
        )
        named = {"scope": scope, "entity": entity, "quantity": quantity, "estimated": 0.0}
        named["reasons"] = (reasons or {}).get(series, "")
        frames[Period.SLOT].append(
            pd.DataFrame({"start": starts[0], "value": slots, "coverage": np.isfinite(slots) * 1.0, **named})
        )
        frames[Period.DAY].append(pd.DataFrame({"start": starts[1], "value": total, "coverage": known, **named}))
    for period, found in frames.items():
        store.write_slots(period, slots_frame(pd.concat(found, ignore_index=True)))


def plan(park: Park, day: date, arrays: dict[str, Json], loads: dict[str, Json], **more: Json) -> Statement:
    """Return the plan of a day."""
    body: dict[str, Json] = {
        "arrays": arrays, "loads": loads, "residual_kwh": 0.0, "storage_kwh": 0.0, "temp_air_c": 10.0, "day_class": "mon",
    }  # fmt: skip
    return Statement(Kind.PLAN, park.id, *day_bounds(day, park.zone), SAID, "t", {**body, **more})


def finding(array: str, code: str, lost: Mapping[date, float]) -> Statement:
    """Return a finding that lost some kWh on some days."""
    days: dict[str, Json] = {d.isoformat(): kwh for d, kwh in lost.items()}
    return Statement(Kind.FINDING, array, SAID, FOREVER, SAID, "t", {"days": days}, code)


def baseline(load: str, per_day: float, per_k: float = 0.0) -> Statement:
    """Return a baseline: so many kWh a day, more for each K below 10 degrees C."""
    return Statement(Kind.BASELINE, load, SAID, FOREVER, SAID, "t", {"level": per_day, "slope": per_k})


def predict(
    body: Mapping[str, Json], temp_air_c: Floats, day_class: Sequence[str], _days: Sequence[date] = ()
) -> Floats:
    """Return kWh per day by such a baseline; a Sunday needs half."""
    level, slope = float(str(body["level"])), float(str(body["slope"]))
    base = np.array([level / 2 if c == "sun" else level for c in day_class])
    return base + slope * np.maximum(10.0 - temp_air_c, 0.0)


def days_from(first: date, count: int) -> list[date]:
    """Return consecutive days."""
    return [first + timedelta(days=n) for n in range(count)]
