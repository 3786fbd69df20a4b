"""A park with two months of seeded data in a store that lives in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.corrections import Entry
from core.frames import READING_COLUMNS, SLOT_KEY, readings_frame, slots_frame
from core.handling import Act, Silence
from core.park import Park
from core.park_file import load_park
from core.quality import Event
from core.quantities import Period
from core.statements import Kind as StatementKind
from core.statements import Statement
from core.store import AlertRecord, StoreInfo
from core.text import Language
from core.timebase import day_bounds, days_between, month_bounds
from core.words import AlertWords
from tests.dashboards.pages import answer, browser, site, views, visit  # noqa: F401 - fixtures

NOW = datetime(2026, 11, 21, 6, 20, tzinfo=UTC)  # Saturday, 14:20 in Shanghai
FIRST = date(2026, 9, 28)
SHARES = {
    "bldg-expo": 0.42,
    "bldg-hub": 0.22,
    "bldg-lab": 0.18,
    "street-lamps": 0.05,
    "smart-poles": 0.03,
    "lake-pumps": 0.06,
}


@dataclass
class MemoryStore:
    """As much of core.store.Store as views ask for."""

    frames: dict[Period, pd.DataFrame] = field(default_factory=dict)
    newest: pd.DataFrame = field(default_factory=readings_frame)
    calls: int = 0

    def slots(
        self,
        period: Period,
        start: datetime,
        end: datetime,
        *,
        scope: str | None = None,
        entities: Sequence[str] | None = None,
        quantities: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        self.calls += 1
        frame = self.frames.get(period, slots_frame())
        chosen = (frame["start"] >= start) & (frame["start"] < end)
        if scope is not None:
            chosen &= frame["scope"] == scope
        if entities is not None:
            chosen &= frame["entity"].isin(list(entities))
        if quantities is not None:
            chosen &= frame["quantity"].isin(list(quantities))
        return frame[chosen].sort_values(list(SLOT_KEY)).reset_index(drop=True)

    def latest(self) -> pd.DataFrame:
        return self.newest

    def info(self) -> StoreInfo:
        slots = self.frames.get(Period.SLOT)
        first = None if slots is None or slots.empty else slots["start"].min().to_pydatetime()
        return StoreInfo("memory", 0, first, None, None)


@dataclass
class MemoryState:
    """As much of core.store.State as views ask for."""

    open: list[AlertRecord] = field(default_factory=list)
    happened: list[Event] = field(default_factory=list)
    corrected: list[Entry] = field(default_factory=list)

    acted: list[Act] = field(default_factory=list)
    quiet: list[Silence] = field(default_factory=list)
    said: list[Statement] = field(default_factory=list)

    def statements(self, kind: StatementKind, start=None, end=None, *, entity=None) -> list[Statement]:
        own = [s for s in self.said if s.kind is kind and entity in {None, s.entity}]
        return [s for s in own if (start is None or s.end > start) and (end is None or s.start < end)]

    def acts(self, lives: Iterable[tuple[str, datetime]]) -> list[Act]:
        wanted = set(lives)
        return [a for a in self.acted if (a.fingerprint, a.active_at) in wanted]

    def silences(self, since: datetime | None = None) -> list[Silence]:
        return [s for s in self.quiet if since is None or s.end > since]

    def corrections(self) -> list[Entry]:
        return self.corrected

    def alerts(self, since: datetime | None = None) -> list[AlertRecord]:
        return [a for a in self.open if a.state != "resolved" or (since and a.resolved_at and a.resolved_at >= since)]

    def events(self, start: datetime, end: datetime) -> list[Event]:
        return sorted((e for e in self.happened if e.end >= start and e.start < end), key=lambda e: e.start)


def say(alert: AlertRecord, language: Language) -> AlertWords:
    """Speak of an alert as rules would."""
    words = json.loads(str((alert.params or {})["words"]))[language.value]
    return AlertWords(*words)


def _block(start: pd.DatetimeIndex, scope: str, entity: str, quantity: str, value, coverage=1.0, estimated=0.0):
    columns = {"start": start, "scope": scope, "entity": entity, "quantity": quantity, "value": value}
    frame = pd.DataFrame(columns | {"coverage": coverage, "estimated": estimated, "reasons": ""})
    lost = frame["value"].isna()
    frame.loc[lost, "coverage"] = 0.0
    frame.loc[lost, "reasons"] = "missing"
    return frame


@dataclass
class Seeded:
    """The seeded slots as columns, before they become frames."""

    park: Park
    index: pd.DatetimeIndex
    generation: dict[str, np.ndarray]
    expected: dict[str, np.ndarray]
    loads: dict[str, np.ndarray]
    residual: np.ndarray
    estimated: np.ndarray


def seeded(park: Park, now: datetime = NOW) -> Seeded:
    """Make two months of plausible slots: weather by the day, a weekly rhythm, a weak array and a silent building."""
    rng = np.random.default_rng(20261121)
    start = day_bounds(FIRST, park.zone)[0]
    index = pd.date_range(start, now - timedelta(minutes=20), freq="15min", inclusive="left")
    local = index.tz_convert(park.zone)
    hour = np.asarray(local.hour + local.minute / 60 + 0.125)
    day = np.asarray((local.normalize() - local.normalize()[0]).days)
    weather = rng.uniform(0.35, 1.0, day.max() + 1)[day]
    clouds = 1 - 0.25 * (1 - weather) * rng.random(len(index))
    sun = np.clip(np.sin(np.pi * (hour - 6.3) / 10.9), 0, None) ** 1.25 * weather * clouds * 0.24 * 0.82
    expected = {a.id: a.dc_kwp * sun for a in park.arrays}
    healthy = {a.id: rng.normal(0.985, 0.02, len(index)).clip(0.9, 1.04) for a in park.arrays}
    healthy["carport-2"] = np.where(day >= day.max() - 9, healthy["carport-2"] * 0.68, healthy["carport-2"])
    healthy["hub-roof"] = healthy["hub-roof"] * 0.945
    generation = {a: e * healthy[a] for a, e in expected.items()}
    work = np.asarray(local.day_of_week < 5)
    shape = 0.35 + 0.65 * np.exp(-(((hour - 14) / 4.6) ** 2)) * np.where(work, 1.0, 0.55)
    base = 62.0 * shape * rng.normal(1, 0.03, len(index))
    loads = {p: base * s * rng.normal(1, 0.04, len(index)) for p, s in SHARES.items()}
    night = (hour < 6) | (hour > 17.5)
    loads["street-lamps"] = np.where(night, 5.5, 0.05)
    loads["lake-pumps"] = np.where((hour % 6) < 2, 4.0, 0.6) * rng.normal(1, 0.05, len(index))
    loads["bldg-lab"] = loads["bldg-lab"] * np.where(day == day.max(), 1.31, 1.0)
    silent = (day == day.max() - 3) & (hour > 9) & (hour < 15)
    loads["smart-poles"] = np.where(silent | ((day == day.max()) & (hour > 9.5)), np.nan, loads["smart-poles"])
    outage = (day == day.max()) & (hour > 3) & (hour < 4.25)
    for values in (*generation.values(), *loads.values()):
        values[outage] = np.nan
    residual = base * 0.04
    residual[outage] = np.nan
    estimated = np.where((day == day.max()) & (hour > 8) & (hour < 9), 1.0, 0.0)
    return Seeded(park, index, generation, expected, loads, residual, estimated)


def slot_frame(made: Seeded) -> pd.DataFrame:
    """Write the seeded columns as a SLOTS frame."""
    index, park = made.index, made.park.id
    generation = sum(made.generation.values())
    load = sum(np.nan_to_num(v) for v in made.loads.values()) + made.residual
    flow = load - generation
    columns = {
        "generation_kwh": generation,
        "expected_kwh": sum(made.expected.values()),
        "load_kwh": load,
        "import_kwh": np.clip(flow, 0, None),
        "export_kwh": np.clip(-flow, 0, None),
        "self_consumed_kwh": np.minimum(generation, load),
        "net_balance_kwh": -flow,
        "residual_kwh": made.residual,
        "carbon_kg": np.clip(flow, 0, None) * 0.5737,
    }
    filled, measured = made.estimated, 1.0 - made.estimated
    blocks = [_block(index, "park", park, q, v, measured, filled) for q, v in columns.items()]
    for array in made.park.arrays:
        generated = made.generation[array.id]
        blocks.append(_block(index, "array", array.id, "generation_kwh", generated, measured, filled))
        blocks.append(_block(index, "array", array.id, "expected_kwh", made.expected[array.id]))
        blocks.append(_block(index, "point", array.point, "export_kwh", generated, measured, filled))
        blocks.append(_block(index, "point", array.point, "import_kwh", np.where(generated > 0, 0.0, 0.01)))
    for point, values in made.loads.items():
        blocks.append(_block(index, "point", point, "load_kwh", values, measured, filled))
        blocks.append(_block(index, "point", point, "import_kwh", values, measured, filled))
    blocks.append(_block(index, "point", "grid", "import_kwh", columns["import_kwh"], measured, filled))
    blocks.append(_block(index, "point", "weather", "poa_wm2", sum(made.expected.values()) * 3.0))
    return slots_frame(pd.concat(blocks, ignore_index=True))


def _ratios(park: Park, sums: pd.DataFrame, *, month: bool) -> list[pd.DataFrame]:
    """Derive ratios of sums, as models would."""
    table = sums.pivot_table(index=["scope", "entity", "start"], columns="quantity", values="value")
    covered = sums.pivot_table(index=["scope", "entity", "start"], columns="quantity", values="coverage")
    filled = sums.pivot_table(index=["scope", "entity", "start"], columns="quantity", values="estimated")
    blocks = []

    def add(scope: str, entity: str, name: str, part: str, whole: str, factor: float = 1.0) -> None:
        rows = table.loc[(scope, entity)]
        ratio = (rows[part] / rows[whole]).to_numpy() * factor
        base = "generation_kwh" if part == "generation_kwh" else whole
        coverage, estimated = (t.loc[(scope, entity)][base].to_numpy() for t in (covered, filled))
        blocks.append(_block(rows.index, scope, entity, name, ratio, coverage, estimated))

    add("park", park.id, "self_sufficiency", "self_consumed_kwh", "load_kwh")
    add("park", park.id, "self_sufficiency_15min", "self_consumed_kwh", "load_kwh", 1.02)
    add("park", park.id, "net_zero_ratio", "generation_kwh", "load_kwh")
    add("park", park.id, "energy_performance_index", "generation_kwh", "expected_kwh")
    if month:
        add("park", park.id, "self_sufficiency_day", "self_consumed_kwh", "load_kwh", 1.35)
        add("park", park.id, "self_sufficiency_month", "self_consumed_kwh", "load_kwh", 1.4)
    else:
        for array in park.arrays:
            add("array", array.id, "energy_performance_index", "generation_kwh", "expected_kwh")
    return blocks


def longer(park: Park, slots: pd.DataFrame, now: datetime, *, month: bool) -> pd.DataFrame:
    """Add slots up to local days or months."""
    frame = slots.copy()
    days = days_between(frame["start"].min(), now, park.zone)
    bounds = {month_bounds(d.year, d.month, park.zone) if month else day_bounds(d, park.zone) for d in days}
    edges = sorted(start for start, _ in bounds)
    marks = pd.DatetimeIndex(edges).tz_convert("UTC").as_unit("us")
    frame["start"] = marks[marks.searchsorted(pd.DatetimeIndex(frame["start"]), "right") - 1]
    group = frame.groupby(["scope", "entity", "quantity", "start"], as_index=False)
    sums = group.agg(
        value=("value", lambda v: v.sum(min_count=1)), coverage=("coverage", "mean"), estimated=("estimated", "mean")
    )
    sums["reasons"] = ""
    blocks = [sums, *_ratios(park, sums, month=month)]
    if month:
        plan = pd.Series([-14_200.0] * len(edges))
        blocks.append(_block(pd.DatetimeIndex(marks), "park", park.id, "plan_net_balance_kwh", plan.to_numpy()))
    else:
        daily = sums[(sums["quantity"] == "net_balance_kwh") & (sums["scope"] == "park")]
        plan = daily["value"].rolling(7, min_periods=1).mean().to_numpy()
        blocks.append(_block(pd.DatetimeIndex(daily["start"]), "park", park.id, "plan_net_balance_kwh", plan))
    return slots_frame(pd.concat(blocks, ignore_index=True))


def readings_now(park: Park, now: datetime = NOW) -> pd.DataFrame:
    """Give every meter a power a few seconds old; the smart poles went silent in the morning."""
    power = {"grid": -41.0, "pv-expo-roof": -196.0, "pv-hub-roof": -71.2, "pv-carport-1": -55.9, "pv-carport-2": -37.4}
    power |= {"bldg-expo": 148.0, "bldg-hub": 73.0, "bldg-lab": 66.0, "street-lamps": 0.2, "lake-pumps": 15.1}
    power |= {"smart-poles": 8.0}
    late = {"smart-poles": timedelta(hours=4, minutes=50)}
    rows = [
        (now - late.get(p, timedelta(seconds=20)), park.point(p).devices[0].id, "active_power_kw", "", kw, now, 0)
        for p, kw in power.items()
    ]
    return readings_frame(pd.DataFrame(rows, columns=list(READING_COLUMNS)))


def _alerts(now: datetime) -> list[AlertRecord]:
    def record(rule, entity, severity, since, words, **params):
        spoken = {"words": json.dumps(words), **params}
        return AlertRecord(f"{rule}:{entity}", rule, entity, severity, "firing", since, since, params=spoken)

    return [
        record(
            "meter_stale",
            "smart-poles",
            "warning",
            now - timedelta(hours=4, minutes=35),
            {
                "zh": ["智慧灯杆电表失联", "最后一条数据 09:30，此后无任何消息", "检查网关与供电"],
                "en": ["Smart poles: meter silent", "Last message at 09:30, nothing since", "Check gateway and supply"],
            },
        ),
        record(
            "pv_underperformance",
            "carport-2",
            "critical",
            now - timedelta(days=6, hours=2),
            {
                "zh": ["2 号车棚发电低于应发", "近 3 天中位数为应发的 67 %，疑似一路组串断开", "检查 2 号汇流箱熔丝"],
                "en": [
                    "Car park 2 below expectation",
                    "Median of 3 days is 67 % of expectation; one string is probably open",
                    "Check the fuses in combiner 2",
                ],
            },
            lost_kwh=713.0,
            lost_money=513.4,
            currency="CNY",
        ),
    ]


def _events() -> list[Event]:
    def at(day: int, hour: int) -> datetime:
        return datetime(2026, 11, day, hour, tzinfo=UTC)

    return [
        Event("bldg-lab", "replaced", at(9, 2), at(9, 2), {"before": 48211.4, "after": 0.3}),
        Event("smart-poles", "missing", at(18, 1), at(18, 7), {"hours": 6.0}),
        Event("grid", "gap", at(20, 19), at(20, 20), {"hours": 1.25, "energy": 24.6}),
    ]


@pytest.fixture
def lakeside(tmp_path: Path) -> Park:
    """The richer park of the page."""
    copy = tmp_path / "LAKESIDE.yaml"
    copy.write_bytes((Path(__file__).parent / "park.yaml").read_bytes())
    return load_park(copy)


def filled_store(park: Park, now: datetime = NOW) -> MemoryStore:
    """Return a store with two months of seeded data."""
    slots = slot_frame(seeded(park, now))
    frames = {
        Period.SLOT: slots,
        Period.DAY: longer(park, slots, now, month=False),
        Period.MONTH: longer(park, slots, now, month=True),
    }
    return MemoryStore(frames, readings_now(park, now))


def filled_state(now: datetime = NOW) -> MemoryState:
    """Return a state with two open alerts and three events."""
    return MemoryState(_alerts(now), _events())


@pytest.fixture(scope="session")
def _filled() -> MemoryStore:
    return filled_store(load_park(Path(__file__).parent / "park.yaml"))


@pytest.fixture
def store(_filled: MemoryStore) -> MemoryStore:
    """The seeded store; what a test changes in it is gone for the next."""
    return MemoryStore({p: f.copy() for p, f in _filled.frames.items()}, _filled.newest.copy())


@pytest.fixture
def state() -> MemoryState:
    return filled_state()


@pytest.fixture
def now() -> datetime:
    return NOW
