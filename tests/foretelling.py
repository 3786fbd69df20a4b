"""How good is the outlook? Measured series, rolling origin, pinball loss: `python -m tests.foretelling`.

PV: two measured plants of 20 MW, 2018-04 to 2019-03 (tests/data/pvops), R15 with a real loss of a third over the winter.
Consumption: measured load shapes of SimBench, 2016 (service/demo/data), laid over the same weekdays and scaled so that
the year's consumption is the plant's generation. The two were measured in different places: nothing links them.

Every outlook is made from whole days before its issue alone. Beside it stand persistence (yesterday as the answer, and
with the spread of past changes from day to day) and climatology (quantiles of the last 60 days; for a month, days drawn
one by one from them). No forecasts were recorded beside these plants, so the line with forecasts is a stand-in: the
day's measured clearness with a normal error of 0.12, as a service of that skill would have said.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from core.park import Park
from core.park_file import parse_park
from models import outlook, plan
from models.baselines import Baselines
from models.outlook import LEVELS, Foretold
from models.outlooks import days_of
from models.past import Clear, Past
from models.series import Floats, SlotSeries
from service.demo import source_years

DATA = Path(__file__).parent / "data" / "pvops"
PLANTS = ("R10", "R15")
LOADS = {"office": "G1-B", "hotel": "G0-M", "shop": "G3-M"}
FIRST = 60  # days of history before the first outlook
RECENT = 60
STAND_IN_ERROR = 0.12
QUANTITIES = ("generation_kwh", "load_kwh", "net_balance_kwh", "self_sufficiency")
DAYLIGHT_HOURS = 12
PARK = """
id: {id}
name: {id}
latitude: 35
longitude: -118
altitude_m: 800
timezone: America/Los_Angeles
points:
  - {{id: grid, role: grid, name: Grid, devices: [{{id: g, template: json}}]}}
  - {{id: pv, role: pv, name: PV, devices: [{{id: p, template: json}}]}}
  - {{id: weather, role: weather, name: Weather, devices: [{{id: w, template: json}}]}}
  - {{id: office, role: load, name: Office, devices: [{{id: a, template: json}}]}}
  - {{id: hotel, role: load, name: Hotel, devices: [{{id: b, template: json}}]}}
  - {{id: shop, role: load, name: Shop, devices: [{{id: c, template: json}}]}}
arrays:
  - {{id: plant, name: Plant, point: pv, weather: weather, dc_kwp: 20960, ac_kw: 19760, tilt: 25, azimuth: 180}}
"""


class NothingSaid:
    """A state in which nothing was said yet."""

    def statements(self, *_args: object, **_options: object) -> list[object]:
        return []


@dataclass(frozen=True)
class World:
    """A measured year as a park's past, and what is needed to foretell it."""

    park: Park
    past: Past
    clear: Clear
    baselines: Baselines

    def known(self, day: date) -> plan.Known:
        """Return what was known when `day` began."""
        return plan.known(self.park, self.past.before(day), self.clear, self.baselines.on(day))

    def actual(self, days: Sequence[date]) -> dict[str, float] | None:
        """Return what came of some days; None where one of them was not measured."""
        at = [self.past.days.index(d) for d in days]
        made, used, own = (
            np.array([self.past.table["park", self.park.id, q].value[n] for n in at])
            for q in ("generation_kwh", "load_kwh", "self_consumed_kwh")
        )
        if not (np.isfinite(made).all() and np.isfinite(used).all()):
            return None
        return dict(
            zip(QUANTITIES, (made.sum(), used.sum(), made.sum() - used.sum(), own.sum() / used.sum()), strict=True)
        )


@functools.cache
def world(plant: str) -> World:
    """Lay a measured plant and measured loads over the same days."""
    hours = pd.read_csv(DATA / "plants.csv.gz", parse_dates=["local_time"]).query("plant == @plant")
    daily = hours.groupby(hours["local_time"].dt.date)
    days = tuple(pd.date_range("2018-04-01", "2019-03-31").date)
    count = daily["generated_kw"].count().reindex(days).fillna(0).to_numpy()
    made = daily["generated_kw"].sum().clip(lower=0).reindex(days).to_numpy()
    made = np.where(count == DAYLIGHT_HOURS, made, np.nan)
    air = daily["temp_air_c"].mean().reindex(days).to_numpy()
    times = pd.date_range("2018-04-01", periods=len(days) * 96, freq="15min")
    shapes = {name: source_years.profile(shape, times).reshape(len(days), 96) for name, shape in LOADS.items()}
    expected = _expected(hours, days, made)
    total = sum(shapes.values())
    scale = float(np.nansum(made)) / float(total[np.isfinite(made)].sum()) * 4
    by_hour = total.reshape(len(days), 24, 4).sum(axis=2) * scale / 4
    power = hours.assign(day=hours["local_time"].dt.date, hour=hours["local_time"].dt.hour - 1)
    lit = power.pivot_table(index="day", columns="hour", values="generated_kw").reindex(index=days, columns=range(24))
    own = np.where(np.isfinite(made), np.minimum(np.nan_to_num(lit.to_numpy()), by_hour).sum(axis=1), np.nan)
    used = by_hour.sum(axis=1)
    park = parse_park(PARK.format(id=plant.lower()).encode())
    table = {
        ("array", "plant", "generation_kwh"): made,
        ("array", "plant", "expected_kwh"): expected,
        ("park", park.id, "expected_kwh"): expected,
        ("point", "weather", "temp_air_c"): air,
        ("park", park.id, "generation_kwh"): made,
        ("park", park.id, "load_kwh"): used,
        ("park", park.id, "net_balance_kwh"): made - used,
        ("park", park.id, "self_consumed_kwh"): own,
        ("park", park.id, "residual_kwh"): np.zeros(len(days)),
        **{("point", name, "load_kwh"): shape.sum(axis=1) * scale / 4 for name, shape in shapes.items()},
    }
    return as_world(park, days, {key: as_series(values) for key, values in table.items()})


def as_world(park: Park, days: tuple[date, ...], table: Mapping[tuple[str, str, str], SlotSeries]) -> World:
    """Return a park with this past, in which nothing was said yet."""
    past = Past(days, table, len(days))
    return World(park, past, Clear(park), Baselines(park, NothingSaid(), past, datetime(2019, 4, 1, tzinfo=UTC)))


def _expected(hours: pd.DataFrame, days: Sequence[date], made: Floats) -> Floats:
    """Return what the measured irradiance lets expect, at -0.4 %/K; the scale is that of April and May alone."""
    lit = hours["poa_wm2"] * (1 - 0.004 * (hours["temp_module_c"] - 25))
    daily = lit.groupby(hours["local_time"].dt.date).sum(min_count=DAYLIGHT_HOURS).reindex(days).to_numpy()
    both = np.isfinite(daily) & np.isfinite(made) & (np.arange(len(days)) < FIRST)
    return daily * made[both].sum() / daily[both].sum()


def as_series(values: Floats) -> SlotSeries:
    """Return day values as the models read them; NaN is unknown."""
    known = np.isfinite(values)
    return SlotSeries(
        np.asarray(values, dtype=float), known.astype(float), np.zeros(len(values)), (~known).astype(np.int64)
    )


def pinball(actual: float, said: Sequence[float]) -> float:
    """Return the mean pinball loss of P10, P50 and P90: max(q (y - f), (q - 1) (y - f))."""
    return float(np.mean([max(q * (actual - f), (q - 1) * (actual - f)) for q, f in zip(LEVELS, said, strict=True)]))


@dataclass
class Score:
    """Losses and hits of one way of foretelling one quantity."""

    losses: list[float] = field(default_factory=list)
    inside: list[bool] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    actual: list[float] = field(default_factory=list)

    def add(self, actual: float, said: Sequence[float]) -> None:
        """Take in one foretelling."""
        self.losses.append(pinball(actual, said))
        self.inside.append(said[0] <= actual <= said[2])
        self.widths.append(said[2] - said[0])
        self.actual.append(actual)

    @property
    def loss(self) -> float:
        """The mean loss."""
        return float(np.mean(self.losses))

    @property
    def coverage(self) -> float:
        """How often the 80 % band held."""
        return float(np.mean(self.inside))


Scores = dict[str, dict[str, Score]]  # quantity -> way -> score


def _blank(ways: Sequence[str]) -> Scores:
    return {q: {w: Score() for w in ways} for q in QUANTITIES}


@functools.cache
def days_ahead(plant: str, every: int = 1) -> Scores:
    """Foretell every day, or every so many days, at its own beginning."""
    here = world(plant)
    scores = _blank(("outlook", "with forecasts", "persistence", "persistence + spread", "climatology"))
    rng = np.random.default_rng(1)
    for n in range(FIRST, len(here.past.days), every):
        day = here.past.days[n]
        actual, known = here.actual([day]), here.known(day)
        if actual is None:
            continue
        said = {
            "outlook": outlook.body(known, [day], day),
            "with forecasts": outlook.body(known, [day], day, stand_in(here, [day], rng)),
        }
        for quantity in QUANTITIES:
            series = _history(here, n, quantity)
            changes = np.quantile(np.diff(series[-RECENT:]), LEVELS)
            answers = {
                "persistence": [series[-1]] * 3,
                "persistence + spread": list(series[-1] + changes),
                "climatology": list(np.quantile(series[-RECENT:], LEVELS)),
                **{way: body[quantity] for way, body in said.items()},
            }
            for way, answer in answers.items():
                scores[quantity][way].add(actual[quantity], answer)
    return scores


@functools.cache
def months_ahead(plant: str) -> Scores:
    """Foretell every whole month on its 1st, 8th, 15th and 22nd."""
    here = world(plant)
    scores = _blank(("outlook", "persistence", "climatology"))
    rng = np.random.default_rng(2)
    for n in range(FIRST, len(here.past.days)):
        day = here.past.days[n]
        days = days_of("month", day)
        actual = here.actual(days) if day.day in {1, 8, 15, 22} else None
        if actual is None:
            continue
        body = outlook.body(here.known(day), days, day)
        left = [d for d in days if d >= day]
        done = [d for d in days if d < day]
        so_far = here.actual(done) if done else dict.fromkeys(QUANTITIES, 0.0)
        for quantity in QUANTITIES[:3]:
            series = _history(here, n, quantity)
            drawn = rng.choice(series[-RECENT:], size=(400, len(left))).sum(axis=1)
            answers = {
                "outlook": body[quantity],
                "persistence": [so_far[quantity] + float(series[-len(days) :].mean()) * len(left)] * 3,
                "climatology": list(so_far[quantity] + np.quantile(drawn, LEVELS)),
            }
            for way, answer in answers.items():
                scores[quantity][way].add(actual[quantity], answer)
    return scores


def stand_in(here: World, days: Sequence[date], rng: np.random.Generator) -> Foretold:
    """Return what a service with an error of 0.12 of clearness would have said."""
    cloudless = here.clear.of(days, "plant")[0]
    made = np.array(
        [here.past.table["park", here.park.id, "generation_kwh"].value[here.past.days.index(d)] for d in days]
    )
    said = np.clip(made / cloudless + rng.normal(0, STAND_IN_ERROR, len(days)), 0.02, None)
    return Foretold("stand-in", dict(zip(days, said.tolist(), strict=True)))


def _history(here: World, n: int, quantity: str) -> Floats:
    if quantity == "self_sufficiency":
        own, used = (here.past.table["park", here.park.id, q].value[:n] for q in ("self_consumed_kwh", "load_kwh"))
        values = own / used
    else:
        values = here.past.table["park", here.park.id, quantity].value[:n]
    return values[np.isfinite(values)]


def lines(title: str, found: Mapping[str, Scores]) -> list[str]:
    """Return a table of plants, quantities and ways."""
    head = f"{'plant':6}{'quantity':18}{'way':22}{'pinball':>9}{'of mean':>9}{'80 % band':>11}{'width':>8}{'n':>6}"
    told = ["", title, head]
    for plant, scores in found.items():
        for quantity, ways in scores.items():
            for way, score in ways.items():
                if not score.losses:
                    continue
                mean = float(np.mean(np.abs(score.actual)))
                held = "-" if way == "persistence" else f"{score.coverage:.1%}"
                figures = f"{score.loss:9.3g}{score.loss / mean:9.2%}{held:>11}{np.mean(score.widths) / mean:8.2f}"
                told.append(f"{plant:6}{quantity.removesuffix('_kwh'):18}{way:22}{figures}{len(score.losses):6d}")
    return told


def main() -> None:
    """Print both tables."""
    print(*lines("One day, foretold at its beginning", {p: days_ahead(p) for p in PLANTS}), sep="\n")
    months = {p: months_ahead(p) for p in PLANTS}
    print(*lines("A month, foretold on its 1st, 8th, 15th and 22nd", months), sep="\n")


if __name__ == "__main__":
    main()
