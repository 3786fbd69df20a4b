"""Plans as the park makes them and what a split says against them: what is unmetered is never more than is unmetered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.frames import slots_frame
from core.park import Park
from core.quantities import Period
from core.statements import Kind
from core.timebase import day_bounds
from core.why import Why
from models import demand
from models.foretelling import Foretelling
from models.why import why
from store.embedded import EmbeddedStore
from store.state import SqliteState
from tests.why_park import Series, days_from, make_park, opened, write

FIRST, COUNT = date(2026, 3, 2), 43
DAYS = days_from(FIRST, COUNT)
DAY = DAYS[-1]  # a Monday; everything before it is what its plan may know
ROLES = {"grid": "grid", "pv": "pv", "hall": "load", "lab": "load", "mast": "weather"}
REST = 5.0  # kWh a day that no sub-meter counts


@dataclass
class Made:
    """Six weeks of a park, and the last day against its plan."""

    park: Park
    store: EmbeddedStore
    state: SqliteState

    def plan(self) -> dict:
        (said,) = (
            s for s in self.state.statements(Kind.PLAN, *day_bounds(DAY, self.park.zone), entity=self.park.id)
            if not s.subject
        )  # fmt: skip
        return dict(said.body)

    def why(self) -> Why:
        until = day_bounds(DAY, self.park.zone)[1]
        return why(self.park, self.store, self.state, DAY, DAY, until, demand.predict, self.park.days.day_class)


@contextmanager
def made(
    folder: Path, arrays: dict[str, str], *, sky: bool, air: bool, lab_known: range = range(COUNT)
) -> Iterator[Made]:
    park = make_park(ROLES, arrays)
    store, state = opened(folder)
    draw = np.random.default_rng(3)
    rows: list[tuple[object, ...]] = []
    for n, day in enumerate(DAYS):
        cold = float(10 + 6 * np.sin(n / 3))
        hall = (100.0 if day.weekday() < 5 else 40.0) + 4.0 * max(15.0 - cold, 0.0) + float(draw.normal(0, 2))
        lab, sun = 60.0 + float(draw.normal(0, 1)), float(draw.uniform(150, 350))
        hall += 50.0 if day == DAY else 0.0
        load = hall + lab + REST
        kwh: dict[Series, float] = {
            ("park", "test", "net_balance_kwh"): sun - load,
            ("park", "test", "load_kwh"): load,
            ("park", "test", "generation_kwh"): sun,
            ("point", "pv", "generation_kwh"): sun,
            ("point", "hall", "load_kwh"): hall,
        }
        if n in lab_known:
            kwh |= {("point", "lab", "load_kwh"): lab, ("park", "test", "residual_kwh"): REST}
        if air:
            kwh["point", "mast", "temp_air_c"] = cold
        start = day_bounds(day, park.zone)[0]
        rows += [(start, *series, value, 1.0, 0.0, "") for series, value in kwh.items()]
        for a in arrays:  # who only knows a clear sky has estimated it
            rung = (sun, 1.0, 0.0, "rung_ghi") if sky else (400.0, 0.0, 1.0, "rung_clear_sky")
            rows.append((start, "array", a, "expected_kwh", rung[0] / len(arrays), *rung[1:]))
    expected = {("array", a, "expected_kwh"): (sun if sky else 400.0) / len(arrays) for a in arrays}
    reasons = dict.fromkeys(expected, "rung_ghi" if sky else "rung_clear_sky")
    write(park, store, [DAY], kwh | expected, reasons=reasons)  # its slots too: they are what is split
    columns = ("start", "scope", "entity", "quantity", "value", "coverage", "estimated", "reasons")
    store.write_slots(Period.DAY, slots_frame(pd.DataFrame(rows, columns=list(columns))))
    Foretelling(park, store, state).write_plans([DAY], day_bounds(DAY, park.zone)[0] + timedelta(minutes=5))
    yield Made(park, store, state)
    store.close()
    state.close()


TWO = {"east": "pv", "west": "pv"}


@pytest.mark.parametrize("sky", [True, False], ids=["lit", "clear sky alone"])
@pytest.mark.parametrize("air", [True, False], ids=["baselines", "refused baselines"])
@pytest.mark.parametrize("arrays", [{"east": "pv"}, TWO], ids=["one array", "two arrays"])
def test_what_is_unmetered_is_held_against_what_is_usually_unmetered(tmp_path, arrays, sky: bool, air: bool) -> None:
    with made(tmp_path, arrays, sky=sky, air=air) as park:
        found, plan = park.why(), park.plan()
        parts = {(p.cause.value, p.entity): p.kwh for p in found.parts}
        assert plan["residual_kwh"] == pytest.approx(REST, abs=0.02)
        assert abs(parts.get(("unmetered", ""), 0.0)) < 0.02
        whole = sum(plan["arrays"].values()) - sum(plan["loads"].values()) - plan["residual_kwh"]
        assert plan["net_balance_kwh"] == pytest.approx(whole, abs=0.01)
        assert sum(parts.values()) + found.unexplained_kwh == pytest.approx(found.difference_kwh, abs=0.005)
        by = "above_baseline" if plan["baselines"] else "load_not_split"
        assert parts[by, "hall"] < -30.0
        # Where nobody saw the sky two arrays at one meter have no measured past of their own.
        assert bool(plan["baselines"]) == (air and sky)


def test_a_load_that_was_silent_for_weeks_stands_in_one_part_with_what_is_unmetered(tmp_path) -> None:
    with made(tmp_path, TWO, sky=True, air=True, lab_known=range(COUNT - 1, COUNT)) as park:
        found, plan = park.why(), park.plan()
        assert "lab" not in plan["loads"]
        assert plan["residual_kwh"] == pytest.approx(60.0 + REST, abs=2.0)
        parts = {(p.cause.value, p.entity): p.kwh for p in found.parts}
        assert ("unmetered", "") not in parts
        assert ("not_planned", "lab") not in parts
        assert abs(parts.get(("not_apart", ""), 0.0)) < 3.0
        assert sum(parts.values()) + found.unexplained_kwh == pytest.approx(found.difference_kwh, abs=0.005)


def test_a_load_known_on_other_days_than_the_others_takes_the_days_all_are_known(tmp_path) -> None:
    with made(tmp_path, TWO, sky=False, air=False, lab_known=range(20, COUNT)) as park:
        plan = park.plan()
        assert set(plan["loads"]) == {"hall", "lab"}
        assert plan["residual_kwh"] == pytest.approx(REST, abs=0.02)
