"""A store and a state in memory, and a month whose figures can be worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.corrections import Entry
from core.frames import SLOT_KEY, slots_frame
from core.park import Park
from core.park_file import parse_park
from core.quality import Event
from core.quantities import Period, Scope
from core.statements import Statement
from core.store import AlertRecord
from core.text import Language
from core.timebase import SLOT, day_bounds, days_between, month_bounds, slot_index
from core.words import AlertWords

SMALL = Path(__file__).parent.parent / "data" / "small_park.yaml"
STORAGE_POINT = """
  - id: battery
    role: storage
    name: {zh: 储能, en: Battery}
    devices:
      - {id: bat-1, template: json, rating_kw: 50}
"""


@dataclass
class MemoryStore:
    """Slots by period, as a Store would answer; nothing else is asked of it here."""

    frames: dict[Period, pd.DataFrame] = field(default_factory=lambda: {p: slots_frame() for p in Period})

    def slots(self, period, start, end, *, scope=None, entities=None, quantities=None):
        frame = self.frames[period]
        keep = (frame["start"] >= start) & (frame["start"] < end)
        for column, wanted in (("scope", [scope] if scope else None), ("entity", entities), ("quantity", quantities)):
            if wanted is not None:
                keep &= frame[column].isin([str(w) for w in wanted])
        return frame[keep].sort_values(list(SLOT_KEY)).reset_index(drop=True)

    def revisions(self, start, _end):
        return self.frames[Period.SLOT].iloc[:0].assign(period="", replaced_at=start)


@dataclass
class MemoryState:
    """Events, alerts and configurations as given."""

    all_events: list[Event] = field(default_factory=list)
    all_alerts: list[AlertRecord] = field(default_factory=list)
    all_configs: list[tuple[str, datetime]] = field(default_factory=list)

    def events(self, start, end):
        return [e for e in self.all_events if e.start < end and e.end >= start]

    def alerts(self, since=None):
        return [a for a in self.all_alerts if a.resolved_at is None or (since and a.resolved_at >= since)]

    all_corrections: list[Entry] = field(default_factory=list)
    all_statements: list[Statement] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)

    def statements(self, kind, start=None, end=None):
        return [s for s in self.all_statements if s.kind is kind and s.start < end and s.end > start]

    def value(self, key):
        return self.values.get(key)

    def corrections(self, start, end):
        return [e for e in self.all_corrections if e.touches(start, end)]

    def configs(self):
        return self.all_configs


def say(record: AlertRecord, language: Language) -> AlertWords:
    """Speak like the rules do."""
    if language is Language.ZH:
        return AlertWords(f"{record.rule} 告警", "连续三日能效指数低于 0.90", "检查组串")
    return AlertWords(f"{record.rule} alert", "three-day energy performance index below 0.90", "check the strings")


@dataclass
class Rows:
    """Collects rows of a SLOTS frame."""

    rows: list[tuple] = field(default_factory=list)

    def add(self, start, scope, entity, quantity, value, coverage=1.0, estimated=0.0, reasons=""):
        self.rows.append((start, str(scope), entity, quantity, float(value), coverage, estimated, reasons))

    def frame(self):
        names = ("start", "scope", "entity", "quantity", "value", "coverage", "estimated", "reasons")
        return slots_frame(pd.DataFrame(self.rows, columns=list(names)))


@dataclass(frozen=True)
class Shape:
    """One slot of the month: kWh of both arrays, both halls, lamps (unmetered), storage, and what was expected."""

    roof: np.ndarray
    car: np.ndarray
    hall_a: np.ndarray
    hall_b: np.ndarray
    rest: np.ndarray
    charge: np.ndarray
    discharge: np.ndarray
    expected_roof: np.ndarray
    expected_car: np.ndarray


def flat_shape(index: pd.DatetimeIndex) -> Shape:
    """08:00-16:00 local: 10 kWh and 5 kWh a slot; halls 4 and 3 kWh a slot and 1 kWh unmetered around the clock."""
    hour = index.tz_convert("Asia/Shanghai").hour
    sun = ((hour >= 8) & (hour < 16)).astype(float)
    ones, zeros = np.ones(len(index)), np.zeros(len(index))
    return Shape(10 * sun, 5 * sun, 4 * ones, 3 * ones, ones, zeros, zeros, 10 * sun, 6.25 * sun)


def lifelike_shape(index: pd.DatetimeIndex, seed: int = 7) -> Shape:
    """A seeded month with clouds, working days and a string fault on the car park from the 12th."""
    local = index.tz_convert("Asia/Shanghai")
    generator = np.random.default_rng(seed)
    hour = np.asarray(local.hour + local.minute / 60 + 0.125)
    sun = np.clip(np.sin((hour - 5.8) / 11.6 * np.pi), 0, None) ** 1.3
    clouds = {d: generator.uniform(0.15, 1.0) for d in range(1, 32)}
    light = sun * np.array([clouds[d] for d in local.day]) * generator.uniform(0.8, 1.0, len(index))
    fault = np.where((local.day >= 12) & (local.day < 24), 0.72, 1.0)
    work = np.where(local.day_of_week < 5, 1.0, 0.45) * np.exp(-(((hour - 13) / 4.5) ** 2))
    wh = lambda values: np.round(values, 3)  # noqa: E731 - one line says it
    zeros = np.zeros(len(index))
    return Shape(
        wh(light * 23), wh(light * 13.5 * fault), wh(3 + 14 * work), wh(2 + 8 * work),
        wh(0.6 + 0.2 * generator.random(len(index))), zeros, zeros, light * 23.4, light * 13.7,
    )  # fmt: skip


@dataclass
class Month:
    """Writes slots, days and the month of a small park from a shape, the way the models do."""

    park: Park
    year: int
    month: int
    until: datetime | None = None
    coverage: float = 1.0
    planned: bool = True
    unknown_days: tuple[int, ...] = ()

    def store(self, shape_of=flat_shape) -> MemoryStore:
        start, end = month_bounds(self.year, self.month, self.park.zone)
        end = min(end, self.until or end)
        index = slot_index(start, end)
        series = _series(self.park, shape_of(index))
        slots, days, month = Rows(), Rows(), Rows()
        known = np.array([d not in self.unknown_days for d in index.tz_convert(self.park.zone).day])
        generation = np.where(known, series[Scope.PARK, self.park.id, "generation_kwh"], np.nan)
        for at, value in zip(index, generation, strict=True):
            slots.add(at, Scope.PARK, self.park.id, "generation_kwh", value)
        for day in days_between(start, end, self.park.zone):
            first, last = day_bounds(day, self.park.zone)
            inside = np.asarray((index >= first) & (index < last))
            if day.day in self.unknown_days:
                continue
            self._period(days, series, inside, first, "partial" if last > end else "")
            if self.planned:
                days.add(first, Scope.PARK, self.park.id, "plan_net_balance_kwh", -250)
        reasons = "partial" if self.until else ""
        self._period(month, series, known, start, reasons, whole_month=True)
        if self.planned:
            count = len(days_between(start, end, self.park.zone))
            month.add(start, Scope.PARK, self.park.id, "plan_net_balance_kwh", -250 * count)
        frames = {Period.SLOT: slots.frame(), Period.DAY: days.frame(), Period.MONTH: month.frame()}
        return MemoryStore(frames)

    def _period(self, rows, series, inside, start, reasons, *, whole_month=False):
        sums = {key: float(values[inside].sum()) for key, values in series.items()}
        for (scope, entity, name), value in sums.items():
            rung = " rung_poa" if name == "expected_kwh" else ""
            rows.add(start, scope, entity, name, round(value, 6), self.coverage, 1 - self.coverage, reasons + rung)
        park = self.park.id
        g, load, e = (sums[Scope.PARK, park, n] for n in ("generation_kwh", "load_kwh", "export_kwh"))
        ratios = {
            "self_sufficiency": (g - e) / load if load else np.nan,
            "self_consumption": (g - e) / g if g else np.nan,
            "net_zero_ratio": g / load if load else np.nan,
            "self_sufficiency_15min": (g - e) / load if load else np.nan,
            "energy_performance_index": g / x if (x := sums[Scope.PARK, park, "expected_kwh"]) else np.nan,
        }
        if whole_month:
            ratios |= dict.fromkeys(
                ("self_sufficiency_day", "self_sufficiency_month"), min(g, load) / load if load else np.nan
            )
        for name, value in ratios.items():
            rows.add(start, Scope.PARK, park, name, value, self.coverage, 1 - self.coverage, reasons)
        for array in self.park.arrays:
            gen, exp = (sums[Scope.ARRAY, array.id, n] for n in ("generation_kwh", "expected_kwh"))
            rows.add(start, Scope.ARRAY, array.id, "energy_performance_index", gen / exp if exp else np.nan)
            rows.add(start, Scope.ARRAY, array.id, "performance_ratio", 0.82 * gen / exp if exp else np.nan)
            rows.add(start, Scope.ARRAY, array.id, "irradiation_kwh_m2", exp / (array.dc_kwp * 0.82))
        rows.add(start, Scope.POINT, "weather", "poa_wm2", 200, self.coverage, 0.0, reasons)


def _series(park: Park, s: Shape) -> dict[tuple[Scope, str, str], np.ndarray]:
    generation, load = s.roof + s.car, s.hall_a + s.hall_b + s.rest
    flow = load + s.charge - generation - s.discharge
    imported, exported = np.clip(flow, 0, None), np.clip(-flow, 0, None)
    of_park = {
        "generation_kwh": generation, "load_kwh": load, "import_kwh": imported, "export_kwh": exported,
        "self_consumed_kwh": generation - exported, "residual_kwh": s.rest, "net_balance_kwh": generation - load,
        "expected_kwh": s.expected_roof + s.expected_car, "carbon_kg": imported * 0.5737,
    }  # fmt: skip
    if park.by_role("storage"):
        of_park |= {"charge_kwh": s.charge, "discharge_kwh": s.discharge}
    series = {(Scope.PARK, park.id, name): values for name, values in of_park.items()}
    for point, name, values in (
        ("grid", "import_kwh", imported), ("grid", "export_kwh", exported), ("pv-a", "generation_kwh", s.roof),
        ("pv-b", "generation_kwh", s.car), ("hall-a", "load_kwh", s.hall_a), ("hall-b", "load_kwh", s.hall_b),
    ):  # fmt: skip
        series[Scope.POINT, point, name] = values
    for array, generated, expected in (("roof-a", s.roof, s.expected_roof), ("car-park", s.car, s.expected_car)):
        series[Scope.ARRAY, array, "generation_kwh"] = generated
        series[Scope.ARRAY, array, "expected_kwh"] = expected
    return series


def october_alerts() -> list[AlertRecord]:
    """Two alerts of October 2026: one about the car park with energy, one open about the park."""
    day = lambda d: datetime(2026, 10, d, 1, tzinfo=UTC)  # noqa: E731 - one line says it
    return [
        AlertRecord(
            "f1", "pv_underperformance", "car-park", "warning", "resolved", day(12), day(14), day(24),
            value=0.72, params={"lost_kwh": 100.0},
        ),
        AlertRecord("f2", "net_deficit", "small", "critical", "firing", day(20), day(20)),
        AlertRecord("f3", "pv_zero_output", "roof-a", "warning", "pending", day(21)),
    ]  # fmt: skip


def october_events() -> list[Event]:
    at = datetime(2026, 10, 9, 2, tzinfo=UTC)
    return [
        Event("hall-b", "replaced", at, at, {"before": 48213.5, "after": 0.4}),
        Event("pv-b", "gap", at, at + timedelta(hours=6), {"hours": 6.0, "energy": 113.25}),
    ]


NOVEMBER = datetime(2026, 11, 3, 0, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def park() -> Park:
    return parse_park(SMALL.read_bytes())


@pytest.fixture
def state() -> MemoryState:
    return MemoryState(october_events(), october_alerts(), [("ab" * 32, datetime(2026, 9, 1, tzinfo=UTC))])


def renamed(name: str) -> Park:
    """Return the small park under another name."""
    raw = SMALL.read_text(encoding="utf-8").replace("{zh: 小园区, en: Small park}", "NAME")
    import json  # noqa: PLC0415 - JSON strings are YAML strings

    return parse_park(raw.replace("NAME", json.dumps(name, ensure_ascii=False)).encode())


__all__ = ["SLOT", "MemoryState", "MemoryStore", "Month"]
