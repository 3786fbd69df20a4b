"""Splitting a month of a park with fifty buildings: `make bench ARGS=why`."""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np

from core.text import Language
from core.timebase import day_bounds
from core.why_waterfall import document
from models.why import why
from tests.bench.row import Row
from tests.why_park import Series, baseline, days_from, finding, make_park, opened, plan, predict, write

BUILDINGS, ARRAYS, SILENT = 50, 10, 12  # a meter that was silent on a fifth of the days
TIMES = 7
FIRST, DAYS = date(2026, 6, 1), 30


def measure() -> list[Row]:
    """Build the month once, split it several times, cold and warm alike read from the store."""
    days = days_from(FIRST, DAYS)
    halls, roofs = [f"hall{n}" for n in range(BUILDINGS)], [f"roof{n}" for n in range(ARRAYS)]
    meters = {f"pv{n}": "pv" for n in range(ARRAYS)}
    points = {"grid": "grid", "mast": "weather", **meters, **dict.fromkeys(halls, "load")}
    park = make_park(points, dict(zip(roofs, meters, strict=True)))
    used, made = 500.0, 900.0
    kwh: dict[Series, float] = {
        ("park", "test", "net_balance_kwh"): ARRAYS * made - BUILDINGS * used,
        ("park", "test", "load_kwh"): BUILDINGS * used,
        ("park", "test", "residual_kwh"): 0.0,
        ("point", "mast", "temp_air_c"): 4.0,
    }
    kwh |= {("point", m, "generation_kwh"): made for m in meters}
    kwh |= {("array", r, "expected_kwh"): made * 1.1 for r in roofs}
    kwh |= {("point", h, "load_kwh"): used for h in halls}
    with tempfile.TemporaryDirectory(prefix="parkwatt-bench-") as folder:
        store, state = opened(Path(folder))
        gone = np.random.default_rng(1).choice(DAYS * 96, SILENT, replace=False).tolist()
        write(park, store, days, kwh, {("point", halls[0], "load_kwh"): gone, ("park", "test", "residual_kwh"): gone})
        state.add_statements(
            [
                *(plan(park, d, dict.fromkeys(roofs, 1000.0), dict.fromkeys(halls, 480.0)) for d in days),
                *(baseline(h, 480.0, 2.0) for h in halls),
                *(finding(r, code, dict.fromkeys(days, 40.0)) for r in roofs for code in ("string_loss", "soiling")),
            ]
        )
        until = day_bounds(days[-1], park.zone)[1]
        took = []
        for _ in range(TIMES):
            began = time.perf_counter()
            found = why(park, store, state, days[0], days[-1], until, predict, lambda _: "mon")
            document(found, park, Language.EN)
            took.append(time.perf_counter() - began)
        store.close()
        state.close()
    return [
        Row("why: split a month of 50 buildings and 10 arrays, median", statistics.median(took) * 1000, "ms", 1000.0),
        Row("why: the same, longest", max(took) * 1000, "ms", 1000.0),
    ]
