"""What a correction would change, found by computing with it and writing nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from core.corrections import Correction, Entry, concerned, placed, read
from core.frames import SLOT_KEY
from core.quality import Event
from core.quantities import Period
from core.statements import Statement
from core.store import State, Store
from core.timebase import day_bounds
from models.compute import Compute
from service import corrections
from service.runner import Runtime

MOST_DAYS = 92
OF_POINT = ("import_kwh", "export_kwh")
OF_PARK = ("generation_kwh", "load_kwh", "net_balance_kwh")
_LEAST = 1e-6  # kWh; less is rounding


@dataclass(frozen=True)
class Effect:
    """One day's value that would change; None is unknown."""

    day: date
    scope: str
    entity: str
    quantity: str
    before: float | None
    after: float | None


@dataclass(frozen=True)
class Trial:
    """What would change, and the days of it that were not tried because there are too many."""

    effects: tuple[Effect, ...]
    untried: int


class _Store:
    """A store whose readings and values are real and that keeps what would be written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.tried: list[pd.DataFrame] = []

    def __getattr__(self, name: str) -> Any:  # Any: whatever a store answers
        return getattr(self._store, name)

    def write_slots(self, period: Period, slots: pd.DataFrame) -> int:
        if period is Period.DAY:
            self.tried.append(slots)
        return 0


class _State:
    """A state file with one correction more, on which nothing is written."""

    def __init__(self, state: State, entry: Entry) -> None:
        self._state, self._entry = state, entry

    def __getattr__(self, name: str) -> Any:  # Any: whatever a state answers
        return getattr(self._state, name)

    def corrections(self, start: datetime | None = None, end: datetime | None = None) -> list[Entry]:
        return [*self._state.corrections(start, end), self._entry]

    def replace_events(self, entity: str, start: datetime, end: datetime, events: Sequence[Event]) -> None:
        del entity, start, end, events

    def set_value(self, key: str, value: str) -> None:
        del key, value

    def add_statements(self, statements: Sequence[Statement]) -> int:
        del statements
        return 0


def trial(runtime: Runtime, given: Mapping[str, Any]) -> Trial:
    """Compute the days a correction is about, with it. Raises ConfigError where it cannot be applied."""
    with runtime.working:
        now = runtime.clock.now()
        correction = placed(read(given), runtime.park, now)
        corrections.refuse_archived(runtime, correction)
        days, untried = _days(runtime, correction)
        store = _Store(runtime.store)
        state = _State(runtime.state, Entry(2**62, now, correction))
        Compute(runtime.park, store, state).recompute(days[0], days[-1], now)
        after = pd.concat(store.tried, ignore_index=True) if store.tried else pd.DataFrame()
        return Trial(_compared(runtime, correction, after, days), untried)


def _days(runtime: Runtime, correction: Correction) -> tuple[list[date], int]:
    """Return the local days to try, and how many more there are."""
    marked = sorted({day for _, day in corrections.affected(runtime, correction)})
    today = runtime.clock.now().astimezone(runtime.park.zone).date()
    first, last = marked[0], min(marked[-1] + timedelta(days=1), today)  # a UTC day reaches into two local ones
    count = max(1, (last - first).days + 1)
    return [first + timedelta(days=n) for n in range(min(count, MOST_DAYS))], max(0, count - MOST_DAYS)


def _compared(
    runtime: Runtime, correction: Correction, after: pd.DataFrame, days: Sequence[date]
) -> tuple[Effect, ...]:
    if after.empty:
        return ()
    zone = runtime.park.zone
    start, end = day_bounds(days[0], zone)[0], day_bounds(days[-1], zone)[1]
    before = runtime.store.slots(Period.DAY, start, end)
    points = {p.id for p in concerned(correction, runtime.park)}
    wanted = {("point", p, q) for p in points for q in OF_POINT} | {("park", runtime.park.id, q) for q in OF_PARK}
    both = pd.concat([_values(before, wanted), _values(after, wanted)], axis=1, keys=["before", "after"]).sort_index()
    old, new = both["before"].to_numpy(), both["after"].to_numpy()
    differ = ~(np.isclose(old, new, rtol=0, atol=_LEAST, equal_nan=True))
    return tuple(
        Effect(start.astimezone(zone).date(), scope, entity, quantity, _known(a), _known(b))
        for (start, scope, entity, quantity), a, b in zip(both.index[differ], old[differ], new[differ], strict=True)
    )


def _values(frame: pd.DataFrame, wanted: set[tuple[str, str, str]]) -> pd.Series:
    keys = zip(frame["scope"], frame["entity"], frame["quantity"], strict=True)
    kept = frame[np.array([key in wanted for key in keys], dtype=bool)]  # an empty list would choose columns
    columns = {name: kept[name] if name == "start" else kept[name].astype(str) for name in SLOT_KEY}
    table = pd.DataFrame({**columns, "value": kept["value"].astype(float)})
    last = table.drop_duplicates(list(SLOT_KEY), keep="last")
    return last.set_index(["start", "scope", "entity", "quantity"])["value"]


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
