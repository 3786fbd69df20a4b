"""A demo park in which much goes wrong, computed by the real park, and the truth of every cause by its twin.

The truth of a cause is what the twin's balance comes to with it less what it comes to when that cause alone is removed
and the park simulated anew: normal weather over the arrays, normal warmth at the loads, a load used as usual, a fault
that does not happen. What plan, baselines and findings say is made from the twin's truth with noise.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from core.clock import ManualClock
from core.park import Park
from core.park_file import load_park
from core.quantities import Period, Scope
from core.statements import FOREVER, Json, Kind, Statement
from core.timebase import day_bounds
from core.why import Cause, Part, Why
from ingest.files import import_files
from models.compute import Compute
from models.series import Floats
from models.why import why
from service.demo.faults import Closure, Curtailment, ExtraLoad, Faults, Outage, Silence, StringLoss
from service.demo.history import write_history
from service.demo.plant import DAY_S, Normal, Plant
from service.demo.site import park_yaml
from service.demo.sky import sky
from service.runner import Runtime, opened

ZONE_H = timedelta(hours=8)
FIRST, LAST = date(2026, 9, 1), date(2026, 10, 31)
CLEAN_DAYS = 13  # before the first fault
NOISE = 0.01  # of what a plan, a baseline or a finding says
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAYS = tuple(date(2026, m, d) for m, d in (
    (9, 8), (9, 15), (9, 22), (9, 25), (9, 30), (10, 7), (10, 13), (10, 16), (10, 21), (10, 28),
))  # fmt: skip
MONTHS = ((date(2026, 9, 1), date(2026, 9, 30)), (date(2026, 10, 1), date(2026, 10, 31)))


def at(month: int, day: int, hour: int = 0) -> datetime:
    """Return a time of the park in UTC."""
    return datetime(2026, month, day, hour, tzinfo=UTC) - ZONE_H


WRONG: tuple[StringLoss | Outage | Curtailment | ExtraLoad | Closure | Silence, ...] = (
    Outage("hub-roof", at(9, 14, 10), at(9, 15, 15), 0.5),
    ExtraLoad("bldg-lab", at(9, 22), at(9, 23), 18.0),
    *(Closure(p, at(9, 25), at(9, 26)) for p in ("bldg-hub", "bldg-lab", "lake-pumps")),
    StringLoss("carport-1", at(9, 28, 12), 3),
    Outage("expo-roof", at(10, 13), at(10, 14)),
    ExtraLoad("bldg-expo", at(10, 16, 7), at(10, 16, 19), 35.0),
    Curtailment("expo-roof", at(10, 16, 9), at(10, 16, 15), 90.0),
    Silence("pv-carport-2", at(10, 27, 12), at(10, 28, 12)),
    Silence("bldg-lab", at(10, 7, 4), at(10, 7, 16)),
)


ARRAY_FAULTS = tuple(f for f in WRONG if isinstance(f, StringLoss | Outage | Curtailment))
CLOSED = {(f.start + ZONE_H).date() for f in WRONG if isinstance(f, Closure)}
Key = tuple[Cause, str, str]
LEARNED = ("twin-1", "twin-2")  # stands for a baseline's last day, so that no other is taken for it


class Twin:
    """Daily energies of the twin, in kWh, as it is and with causes removed."""

    def __init__(self, park: Park) -> None:
        self.park = park
        self.days = tuple(FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1))
        self.loads = tuple(p.id for p in park.by_role("load"))
        self.meters = {a.id: a.point for a in park.arrays}
        self.faults = Faults(WRONG)
        self.habits = frozenset(self.loads)

    def energies(self, faults: Faults, normal: Normal) -> dict[str, Floats]:
        """Return generation by array, consumption by load and what is unmetered (""), per local day."""
        epoch = day_bounds(FIRST, self.park.zone)[0]
        plant = Plant(self.park, 1, faults, epoch, normal)
        first = int(epoch.timestamp())
        found: dict[str, Floats] = {}
        series = dict(self.meters) | {p: p for p in self.loads}
        numbers = range(first // DAY_S, first // DAY_S + len(self.days) + 1)
        days = [plant.day(n) for n in numbers]
        within = slice((first % DAY_S) // 60, (first % DAY_S) // 60 + len(self.days) * 1440)
        for name, point in series.items():
            power = np.concatenate([d.power_kw[point] for d in days])[within]
            flow = np.maximum(-power, 0.0) if name in self.meters else power
            found[name] = flow.reshape(-1, 1440).sum(axis=1) / 60
        standby = sum(
            np.maximum(np.concatenate([d.power_kw[p] for d in days])[within], 0.0) for p in self.meters.values()
        )
        rest = np.concatenate([d.unmetered_kw for d in days])[within] + standby
        return found | {"": np.asarray(rest).reshape(-1, 1440).sum(axis=1) / 60}

    @cached_property
    def actual(self) -> dict[str, Floats]:
        """Everything as it was."""
        return self.energies(self.faults, Normal())

    @cached_property
    def sound(self) -> dict[str, Floats]:
        """Nothing goes wrong and nobody draws more."""
        return self.energies(Faults.none(), Normal())

    @cached_property
    def dull(self) -> dict[str, Floats]:
        """Normal weather over the arrays, normal warmth at the loads; what goes wrong goes wrong."""
        return self.energies(self.faults, Normal(sky=True, warmth=True))

    @cached_property
    def usual(self) -> dict[str, Floats]:
        """Loads as they are usually used, by the actual warmth."""
        return self.energies(Faults(tuple(f for f in WRONG if isinstance(f, Closure))), Normal(habits=self.habits))

    @cached_property
    def settled(self) -> dict[str, Floats]:
        """Loads as they are usually used, by the actual warmth, on no day off that nobody planned."""
        return self.energies(Faults.none(), Normal(habits=self.habits))

    @cached_property
    def normal(self) -> dict[str, Floats]:
        """Everything normal: what a plan knows."""
        return self.energies(Faults.none(), Normal(True, True, self.habits))

    def balance(self) -> Floats:
        """Return the true balance per day."""
        return sum((self.actual[a] for a in self.meters), np.zeros(len(self.days))) - self.consumption()

    def consumption(self) -> Floats:
        """Return the true consumption per day."""
        return sum((self.actual[p] for p in (*self.loads, "")), np.zeros(len(self.days)))

    def removed(self, booked: Floats) -> dict[Key, Floats]:
        """Return what every cause did per day by removing it alone; `booked` is the balance as the store has it."""
        found = self._loads() | {(Cause.MISSING_DATA, "", ""): booked - self.balance()}
        found[Cause.WEATHER, "", ""] = sum((self.actual[a] - self.dull[a] for a in self.meters), self.zero)
        for fault in ARRAY_FAULTS:
            found[key_of(fault)] = self.lost(fault)
        return found

    def by_orders(self, booked: Floats) -> dict[Key, Floats]:
        """Return the same as the mean of coming first and coming last, so that no order is privileged."""
        found = self.removed(booked)
        others: dict[Key, Floats] = {
            (Cause.WEATHER, "", ""): sum((self.sound[a] - self.normal[a] for a in self.meters), self.zero),
            **{key_of(fault): self.lost(fault, dull=True) for fault in ARRAY_FAULTS},
        }
        warm = sum((self.normal[p] - self.settled[p] for p in self.loads), self.zero)
        others[Cause.TEMPERATURE, "", ""] = warm
        # What a day that did not take place would have had of its own beside the usual nobody can know.
        calendar = {(Cause.CALENDAR, "", ""): self._on_closed(self.settled, self.usual)}
        return found | {key: (found[key] + other) / 2 for key, other in others.items()} | calendar

    @property
    def zero(self) -> Floats:
        """Nothing on every day."""
        return np.zeros(len(self.days))

    def _loads(self) -> dict[Key, Floats]:
        found: dict[Key, Floats] = {
            (Cause.TEMPERATURE, "", ""): sum((self.dull[p] - self.actual[p] for p in self.loads), self.zero),
            (Cause.CALENDAR, "", ""): self._on_closed(self.sound, self.actual),
            (Cause.UNMETERED, "", ""): self.normal[""] - self.actual[""],
        }
        return found | {(Cause.ABOVE_BASELINE, p, ""): self.usual[p] - self.actual[p] for p in self.loads}

    def _on_closed(self, work: dict[str, Floats], shut: dict[str, Floats]) -> Floats:
        saved = sum((work[p] - shut[p] for p in self.loads), self.zero)
        return np.where([d in CLOSED for d in self.days], saved, 0.0)

    def lost(self, fault: StringLoss | Outage | Curtailment, *, dull: bool = False) -> Floats:
        """Return what a fault cost per day, negative, by actual or normal weather; no other is at its array then."""
        with_it, without = (self.dull, self.normal) if dull else (self.actual, self.sound)
        change = with_it[fault.array] - without[fault.array]
        end = getattr(fault, "end", None)
        spans = [day_bounds(d, self.park.zone) for d in self.days]
        on = [last > fault.start and (end is None or first < end) for first, last in spans]
        return np.where(on, change, 0.0)


def key_of(fault: StringLoss | Outage | Curtailment) -> Key:
    """Return the part a fault becomes."""
    if isinstance(fault, Curtailment):
        return Cause.CURTAILMENT, "", ""
    return Cause.FINDING, fault.array, "string_loss" if isinstance(fault, StringLoss) else "outage"


def statements(twin: Twin, metered: Mapping[str, float], expected: Mapping[str, float]) -> list[Statement]:
    """Return plans, baselines and findings in the shape the models give them, from the twin's truth with noise.

    `metered` is what a load's meter shows of what it draws, `expected` what an array's model says of what it yields:
    who learns from meters and plans by a model has their errors in it.
    """
    draw = np.random.default_rng(1)

    def noisy(values: Floats) -> Floats:
        return values * (1 + NOISE * draw.standard_normal(len(values)))

    arrays = {a: noisy(twin.normal[a]) * expected[a] for a in twin.meters}
    rest = twin.normal[""] + sum((twin.normal[p] * (1 - metered[p]) for p in twin.loads), twin.zero)
    warm, mild = (temperatures(twin.park, normal=n) for n in (False, True))
    found: list[Statement] = []
    learned = {p: baselines(twin.usual[p] * metered[p], twin.days, warm) for p in twin.loads}
    for number, (first, last) in enumerate(MONTHS):
        said = day_bounds(first, twin.park.zone)[0] - timedelta(hours=6)
        by = {p: bodies[number] for p, bodies in learned.items()}
        found += [Statement(Kind.BASELINE, p, said, FOREVER, said, "twin", b) for p, b in by.items()]
        for n, day in enumerate(twin.days):
            if first <= day <= last:
                body: dict[str, Json] = {
                    "arrays": {a: float(v[n]) for a, v in arrays.items()},
                    "loads": {p: _of_day(b, mild[n], day) for p, b in by.items()},
                    "residual_kwh": float(np.mean(rest)),
                    "storage_kwh": 0.0,
                    "temp_air_c": float(mild[n]),
                    "day_class": WEEKDAYS[day.weekday()],
                    "baselines": dict.fromkeys(twin.loads, LEARNED[number]),
                }
                found.append(Statement(Kind.PLAN, twin.park.id, *day_bounds(day, twin.park.zone), said, "twin", body))
    for fault in ARRAY_FAULTS:
        lost = noisy(-twin.lost(fault)) * expected[fault.array]
        days: dict[str, Json] = {d.isoformat(): float(k) for d, k in zip(twin.days, lost, strict=True) if k > 0}
        body = {"lost_kwh": float(lost.sum()), "days": days, "confidence": 0.9}
        end = getattr(fault, "end", FOREVER)
        subject = key_of(fault)[2] or "curtailment"
        found.append(Statement(Kind.FINDING, fault.array, fault.start, end, fault.start, "twin", body, subject))
    return found


def _of_day(body: Mapping[str, Json], temp: float, day: date) -> float:
    return float(predict(body, np.array([temp]), [WEEKDAYS[day.weekday()]])[0])


def temperatures(park: Park, normal: bool) -> Floats:
    """Return the mean air temperature of every local day as the twin has it, in degrees C."""
    first = int(day_bounds(FIRST, park.zone)[0].timestamp()) // 60
    count = ((LAST - FIRST).days + 1) * 1440
    over = sky(park.latitude, park.longitude, park.altitude_m, 1, first, count, normal=normal)
    return over.temp_air_c.reshape(-1, 1440).mean(axis=1)


def baselines(kwh: Floats, days: Sequence[date], warm: Floats) -> list[dict[str, Json]]:
    """Fit one for each month: a level per weekday of its own, and slopes at the balance points that leave least.

    A holiday has a level of its own, that of the days off.
    """
    learned = [n for n, d in enumerate(days) if d not in CLOSED]
    column = np.array([7 * (days[n].month - FIRST.month) + days[n].weekday() for n in learned])
    levels = column[:, None] == np.arange(14)
    air, best = warm[learned], (np.inf, np.zeros(16), 0.0, 0.0)
    for cold, hot in itertools.product(np.arange(8.0, 18.0), np.arange(15.0, 26.0)):
        design = np.hstack([levels, np.array([np.maximum(cold - air, 0.0), np.maximum(air - hot, 0.0)]).T])
        found = np.linalg.lstsq(design, kwh[learned], rcond=None)[0]
        left = float(((kwh[learned] - design @ found) ** 2).sum())
        if cold <= hot and left < best[0]:
            best = (left, found, cold, hot)
    fitted = [float(v) for v in best[1]]
    terms = dict(zip(("heating", "cooling", "cold_c", "hot_c"), (*fitted[14:], best[2], best[3]), strict=True))
    rise = fitted[14] * np.maximum(best[2] - warm, 0.0) + fitted[15] * np.maximum(warm - best[3], 0.0)
    holiday = float(np.mean([(kwh - rise)[n] for n, d in enumerate(days) if d in CLOSED]))
    by_month = (dict(zip(WEEKDAYS, fitted[n : n + 7], strict=True)) for n in (0, 7))
    levels_of = ({**by, "holiday": holiday} for by in by_month)
    return [{"levels": by, "last_day": day, **terms} for by, day in zip(levels_of, LEARNED, strict=True)]


def predict(
    body: Mapping[str, Json], temp_air_c: Floats, day_class: Sequence[str], _days: Sequence[date] = ()
) -> Floats:
    """Return kWh per day by such a baseline."""
    levels = body["levels"]
    assert isinstance(levels, dict)
    heating, cooling, cold, hot = (float(str(body[k])) for k in ("heating", "cooling", "cold_c", "hot_c"))
    base = np.array([float(str(levels[c])) for c in day_class])
    return base + heating * np.maximum(cold - temp_air_c, 0.0) + cooling * np.maximum(temp_air_c - hot, 0.0)


def class_of(day: date) -> str:
    """Return the class of a local day: one that nobody had planned was a holiday."""
    return "holiday" if day in CLOSED else WEEKDAYS[day.weekday()]


class Row(NamedTuple):
    """A part, its truth as the mean of the orders, its truth by removal alone, and how far off it may be."""

    part: Part
    truth: float
    removed: float
    allowed: float

    @property
    def right(self) -> bool:
        """Whether the part is near enough to its truth."""
        return abs(self.part.kwh - self.truth) <= self.allowed


class Held:
    """The park computed, its twin, and the split of any of its days."""

    def __init__(self, runtime: Runtime, twin: Twin) -> None:
        self.runtime, self.twin, self.park = runtime, twin, runtime.park
        self.until = day_bounds(LAST, self.park.zone)[1]
        self._calibrate()
        metered = {p: float(self._day(Scope.POINT, p, "load_kwh").sum() / twin.actual[p].sum()) for p in twin.loads}
        expected = {
            a: float(self._day(Scope.ARRAY, a, "expected_kwh").sum() / twin.sound[a].sum()) for a in twin.meters
        }
        runtime.state.add_statements(statements(twin, metered, expected))
        booked = self._day(Scope.PARK, self.park.id, "net_balance_kwh")
        self.removed, self.truths = twin.removed(booked), twin.by_orders(booked)

    def _calibrate(self) -> None:
        """Scale every array's expectation to its own first clean days, as the calibration does."""
        store, start = self.runtime.store, day_bounds(FIRST, self.park.zone)[0]
        factors = {}
        for array, point in self.twin.meters.items():
            made, said = self._day(Scope.POINT, point, "generation_kwh"), self._day(Scope.ARRAY, array, "expected_kwh")
            factors[array] = float(made[:CLEAN_DAYS].sum() / said[:CLEAN_DAYS].sum())
        for period in (Period.SLOT, Period.DAY):
            stored = store.slots(period, start, self.until, scope=Scope.ARRAY, quantities=["expected_kwh"])
            store.write_slots(period, stored.assign(value=stored["value"] * stored["entity"].map(factors)))

    def _day(self, scope: Scope, entity: str, quantity: str) -> Floats:
        start, end = day_bounds(FIRST, self.park.zone)[0], self.until
        found = self.runtime.store.slots(Period.DAY, start, end, scope=scope, entities=[entity], quantities=[quantity])
        return found["value"].to_numpy(dtype=float)

    def why(self, first: date, last: date) -> Why:
        """Split a range of days."""
        state, store = self.runtime.state, self.runtime.store
        return why(self.park, store, state, first, last, self.until, predict, class_of)

    def rows(self, first: date, last: date) -> tuple[Why, list[Row]]:
        """Return the split, and every part of it with its truth."""
        said = self.why(first, last)
        chosen = np.array([first <= d <= last for d in self.twin.days])
        allowed = 0.02 * float(self.twin.consumption()[chosen].sum())
        parts = {(p.cause, p.entity, p.subject if p.cause is Cause.FINDING else ""): p for p in said.parts}
        rows = []
        for cause, entity, subject in dict.fromkeys([*parts, *self.truths]):
            key = (cause, entity, subject)
            part = parts.get(key, Part(cause, 0.0, entity, subject))
            truth, removed = (float(t[key][chosen].sum()) if key in t else 0.0 for t in (self.truths, self.removed))
            if max(abs(part.kwh), abs(truth), abs(removed)) >= 1.0:
                rows.append(Row(part, truth, removed, max(0.15 * abs(truth), allowed)))
        return said, rows


@contextmanager
def held(folder: Path) -> Iterator[Held]:
    """Build the park's two months in a folder: readings of the twin with everything wrong, computed by the real park."""
    until = day_bounds(LAST, ZoneInfo("Asia/Shanghai"))[1]
    text = park_yaml(until, days=(LAST - FIRST).days + 1, store=folder / "park.duckdb", state=folder / "state.sqlite")
    path = folder / "PARK.yaml"
    path.write_text(text, encoding="utf-8")
    park = load_park(path)
    twin = Twin(park)
    history = folder / "history.parquet"
    write_history(Plant(park, 1, twin.faults), until, history)
    clock = ManualClock(until + timedelta(minutes=30))
    with opened(park, clock, text, "ingest", "serve") as runtime:
        import_files(park, runtime.store, runtime.state, [history], clock, None)
        Compute(park, runtime.store, runtime.state).run(clock.now())
        yield Held(runtime, twin)
