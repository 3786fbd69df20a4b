"""A park of 500 meters with twelve months behind it, for the bench of the page.

The year of derived values is put into the store's own file by its own tables and names, a local day at a time, in the
order in which the service writes them; only the comparison with what is stored already is left out, for there is
nothing. The last two days have readings too, so that the service can go on computing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml

from core.frames import readings_frame
from core.park import Park
from core.park_file import load_park
from core.quantities import Period, Scope
from core.timebase import day_bounds, day_of, days_between, month_bounds, month_of, slot_index, slot_start
from service.runner import COMPACT_LAG
from store.embedded import EmbeddedStore
from store.rows import micros

Floats = npt.NDArray[np.float64]
Name = tuple[str, str, str]  # scope, entity, quantity

METERS = 500
ARRAYS = 12
LOADS = METERS - ARRAYS - 2  # the others are the grid connection and the weather station
DAYS = 365
READ_DAYS = 2
INTERVAL_S = 900
KWP = 1000.0
PARK_AMOUNTS = (
    "generation_kwh", "expected_kwh", "load_kwh", "import_kwh", "export_kwh", "self_consumed_kwh", "net_balance_kwh",
    "residual_kwh", "carbon_kg",
)  # fmt: skip
PARK_RATIOS = ("self_sufficiency", "self_consumption", "net_zero_ratio", "energy_performance_index")


def park_file(folder: Path, http_port: int, broker_port: int) -> Path:
    """Write the description of the park."""
    points = [_point("grid", "grid", 0, 20_000), _point("weather", "weather", 0, None)]
    points += [_point(f"pv-{n:02}", "pv", n, 1100) for n in range(ARRAYS)]
    points += [_point(f"load-{n:03}", "load", n, 100) for n in range(LOADS)]
    park = {
        "id": "year",
        "name": {"zh": "测速园", "en": "Bench park"},
        "latitude": 31.2,
        "longitude": 121.5,
        "timezone": "Asia/Shanghai",
        "mqtt": {"port": broker_port},
        "http": {"port": http_port},
        "points": points,
        "arrays": [
            {
                "id": f"array-{n:02}", "name": {"zh": f"阵列 {n}", "en": f"Array {n}"}, "point": f"pv-{n:02}",
                "dc_kwp": KWP, "ac_kw": KWP, "tilt": 20, "azimuth": 180, "weather": "weather",
            }
            for n in range(ARRAYS)
        ],
        "targets": [{"quantity": "self_sufficiency", "green": 0.4, "yellow": 0.2}],
    }  # fmt: skip
    path = folder / "PARK.yaml"
    path.write_text(yaml.safe_dump(park, allow_unicode=True))
    return path


def _point(name: str, role: str, number: int, rating_kw: float | None) -> dict[str, object]:
    device = {"id": name, "template": "json", "interval_s": INTERVAL_S}
    return {
        "id": name,
        "role": role,
        "name": {"zh": f"{role} {number}", "en": f"{role.title()} {number}"},
        "devices": [device | ({"rating_kw": rating_kw} if rating_kw else {})],
    }


@dataclass(frozen=True)
class Day:
    """What flowed on some slots: in columns as `names` has them."""

    slots: pd.DatetimeIndex
    names: list[Name]
    amounts: Floats


class Plant:
    """Makes up what flows: the same at the same time, whoever asks."""

    def __init__(self, park: Park) -> None:
        self.park = park
        rng = np.random.default_rng(4)
        self._base = rng.uniform(4, 36, LOADS)
        self._phase = rng.uniform(-2, 2, LOADS)
        self._health = rng.uniform(0.86, 1.02, ARRAYS)

    def day(self, start: datetime, end: datetime) -> Day:
        """Return the amounts of every series in [start, end), slot by slot."""
        slots = slot_index(start, end)
        hour = (slots.tz_convert(self.park.zone).hour + slots.minute / 60).to_numpy(dtype=float)[:, None]
        seed = int(slots[0].timestamp()) // 900 if len(slots) else 0
        noise = np.random.default_rng(seed).uniform(0.9, 1.1, (len(slots), LOADS + 1))
        load = 0.25 * self._base * (0.65 + 0.35 * np.sin((hour - 8 + self._phase) * np.pi / 12)) * noise[:, :-1]
        sun = np.clip(np.sin((hour - 6) * np.pi / 12), 0, None)
        expected = np.repeat(0.25 * 0.7 * KWP * sun * noise[:, -1:], ARRAYS, axis=1)
        made = expected * self._health
        park = self._park(load.sum(axis=1), made.sum(axis=1), expected.sum(axis=1))
        weather = np.column_stack([900 * sun[:, 0], 12 + 10 * sun[:, 0]])
        columns = [load, load, made, made, made, expected, park[:, 3:5], park, weather]
        return Day(slots, self._names(), np.column_stack(columns).round(3))  # whole Wh, as registers give them

    @staticmethod
    def _park(load: Floats, made: Floats, expected: Floats) -> Floats:
        export = np.clip(made - load, 0, None)
        bought = np.clip(load - made, 0, None)
        nothing = np.zeros_like(load)
        return np.column_stack(
            [made, expected, load, bought, export, made - export, made - load, nothing, 0.58 * bought]
        )

    def _names(self) -> list[Name]:
        loads, pv = ([p.id for p in self.park.by_role(r)] for r in ("load", "pv"))
        arrays = [a.id for a in self.park.arrays]
        point, array = Scope.POINT.value, Scope.ARRAY.value
        return [
            *((point, n, q) for q in ("import_kwh", "load_kwh") for n in loads),
            *((point, n, q) for q in ("export_kwh", "generation_kwh") for n in pv),
            *((array, n, q) for q in ("generation_kwh", "expected_kwh") for n in arrays),
            *((point, "grid", q) for q in ("import_kwh", "export_kwh")),
            *((Scope.PARK.value, self.park.id, q) for q in PARK_AMOUNTS),
            *((point, "weather", q) for q in ("ghi_wm2", "temp_air_c")),
        ]


def build(folder: Path, park: Park, now: datetime) -> int:
    """Fill the store of the park with a year up to `now`; returns how many values it holds per slot."""
    path = folder / "data" / "parkwatt.duckdb"
    path.parent.mkdir(parents=True, exist_ok=True)
    store = EmbeddedStore(path, park.id)
    until, plant, count = slot_start(now), Plant(park), 0
    months: dict[datetime, list[tuple[list[Name], Floats]]] = {}
    today = day_of(now, park.zone)
    for day in (today - timedelta(days=n) for n in range(DAYS, -1, -1)):
        start, end = day_bounds(day, park.zone)
        made = plant.day(start, min(end, until))
        if not len(made.slots):
            continue
        count += len(made.slots) * len(made.names)
        _insert(store, Period.SLOT, made.slots, made.names, made.amounts)
        daily = _summed(park, made.names, made.amounts.sum(axis=0))
        _insert(store, Period.DAY, pd.DatetimeIndex([start]), *daily)
        first, _ = month_bounds(*month_of(start, park.zone), park.zone)
        months.setdefault(first, []).append((made.names, made.amounts.sum(axis=0)))
    for first, parts in months.items():
        total = np.sum([values for _, values in parts], axis=0)
        _insert(store, Period.MONTH, pd.DatetimeIndex([first]), *_summed(park, parts[0][0], total))
    since, _ = day_bounds(today - timedelta(days=READ_DAYS), park.zone)
    store.compact(now - COMPACT_LAG)  # as the service does four times a day
    store.append_readings(pd.concat(_readings(park, plant, since, until), ignore_index=True))
    store.close()
    return count


def _summed(park: Park, names: list[Name], total: Floats) -> tuple[list[Name], Floats]:
    """Return the sums of a period and the ratios made of them, as one row."""
    of = {q: float(v) for (scope, _, q), v in zip(names, total, strict=True) if scope == Scope.PARK.value}
    load, made, expected = of["load_kwh"], of["generation_kwh"], of["expected_kwh"]
    used = of["self_consumed_kwh"]
    ratios = [used / load, used / made if made else np.nan, made / load, made / expected if expected else np.nan]
    by_array = {n: float(v) for (_, n, q), v in zip(names, total, strict=True) if q == "expected_kwh"}
    own = [
        (n, float(v) / by_array[n] if by_array[n] else np.nan)
        for (scope, n, q), v in zip(names, total, strict=True)
        if scope == Scope.ARRAY.value and q == "generation_kwh"
    ]
    more = [(Scope.PARK.value, park.id, q) for q in PARK_RATIOS]
    more += [(Scope.ARRAY.value, n, "energy_performance_index") for n, _ in own]
    return [*names, *more], np.array([*total, *ratios, *(v for _, v in own)])[None, :]


def _insert(store: EmbeddedStore, period: Period, starts: pd.DatetimeIndex, names: list[Name], values: Floats) -> None:
    keys = pd.DataFrame([(period.value, *n) for n in names], columns=["period", "scope", "entity", "quantity"])
    with store._file.writing() as cursor:  # the bench fills the file below the store's comparison
        series, new = store._slots.number(cursor, keys)
        order = np.argsort(series)
        rows = {
            "series": np.tile(series[order].astype("int32"), len(starts)),
            "start_us": np.repeat([micros(t.to_pydatetime()) for t in starts], len(names)),
            "value": values[:, order].ravel(),
        }
        cursor.register("made", pd.DataFrame(rows))
        cursor.execute("INSERT INTO slot SELECT series, start_us, value, 1.0, 0.0, '' FROM made")
        cursor.unregister("made")
    store._slots.remember(new)


def _readings(park: Park, plant: Plant, start: datetime, end: datetime) -> Iterator[pd.DataFrame]:
    """Yield registers and powers on every slot edge, as the devices send them."""
    parts = [plant.day(*day_bounds(d, park.zone)) for d in days_between(start, end, park.zone)]
    edges = slot_index(start, end + timedelta(minutes=15))
    for column, (scope, device, quantity) in enumerate(parts[0].names):
        if scope != Scope.POINT.value or quantity in {"load_kwh", "generation_kwh"}:
            continue
        flowed = np.concatenate([p.amounts[:, column] for p in parts])[: len(edges)]
        if quantity.endswith("_kwh"):
            way = quantity.removesuffix("_kwh")
            register = 1000 + np.concatenate([[0.0], np.cumsum(flowed)])[: len(edges)]
            yield _sent(edges, device, f"energy_{way}_kwh", register)
            if device != "grid" or way == "import":
                sign = -1 if way == "export" else 1
                yield _sent(edges, device, "active_power_kw", sign * 4 * flowed)
        else:
            yield _sent(edges, device, quantity, flowed)


def _sent(times: pd.DatetimeIndex, device: str, quantity: str, values: Floats) -> pd.DataFrame:
    columns = {"time": times, "device": device, "quantity": quantity, "channel": "", "value": values.round(3)}
    return readings_frame(pd.DataFrame({**columns, "received_at": times, "flags": 0}))


def prepared(folder: Path, http_port: int, broker_port: int) -> tuple[Path, Park, int]:
    """Write the park and fill its store; returns its file, its description and how many slot values there are."""
    path = park_file(folder, http_port, broker_port)
    park = load_park(path)
    return path, park, build(folder, park, datetime.now(UTC))


def a_year_back(park: Park) -> tuple[date, date]:
    """Return the first and last local day of the year that is asked for."""
    today = day_of(datetime.now(UTC), park.zone)
    return today - timedelta(days=DAYS - 1), today
