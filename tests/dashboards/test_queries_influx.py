"""Every panel's InfluxQL on a real InfluxDB says what the store says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
import requests

from core.quantities import FORETOLD, WATCHED, Period
from dashboards.panels import DASHBOARDS
from dashboards.queries import PanelQuery, queries_of
from store.influx import InfluxStore
from store.influx_v1 import InfluxV1

pytestmark = pytest.mark.influx

DATABASE = "panels"
NOW = datetime(2026, 11, 21, 6, 20, tzinfo=UTC)
START = NOW - timedelta(days=3)


def _answer(url: str, query: str) -> pd.DataFrame:
    reply = requests.get(f"{url}/query", params={"db": DATABASE, "q": query}, timeout=10).json()["results"][0]
    assert "error" not in reply, reply
    rows = [
        {"start": time, "entity": series.get("tags", {}).get("entity"), "value": value, "coverage": (*more, None)[0]}
        for series in reply.get("series", [])
        for time, value, *more in series["values"]
    ]
    frame = pd.DataFrame(rows, columns=["start", "entity", "value", "coverage"])
    return frame.assign(start=pd.to_datetime(frame["start"], format="ISO8601", utc=True).astype("datetime64[us, UTC]"))


def _agrees(query: PanelQuery, answer: pd.DataFrame, asked: pd.DataFrame) -> bool:
    keys = ["entity", "start"] if query.series.per_entity else ["start"]
    if query.summed:
        keys = ["entity"]  # InfluxDB dates a sum by the range
    values = ["value", "coverage"] if query.newest_only else ["value"]
    left, right = (f.sort_values(keys, ignore_index=True)[[*keys, *values]] for f in (answer, asked))
    pd.testing.assert_frame_equal(left.astype(dict.fromkeys(values, float)), right, check_dtype=False, rtol=1e-12)
    return True


def test_every_panel_query_answers_like_the_store(influxd: str, lakeside, store, shown: Callable[..., None]):
    influx = InfluxStore(InfluxV1(influxd, DATABASE), lakeside.id)
    for period in Period:
        frame = store.frames[period]
        recent = frame if period is not Period.SLOT else frame[frame["start"] >= START - timedelta(hours=2)]
        assert influx.write_slots(period, recent) == len(recent)
    lines, silent = [], set()
    for panel in dict.fromkeys(p for panels in DASHBOARDS.values() for p in panels):
        for query in queries_of(panel):
            answer = _answer(influxd, query.influxql(lakeside.id, START, NOW))
            asked = query.ask(influx, lakeside.id, START, NOW)
            agrees = _agrees(query, answer, asked)
            if answer.empty:
                silent.add(query.series.quantity)
            lines.append(f"{panel.id:24}{query.series.quantity:28}{len(answer):6d}  {'yes' if agrees else 'NO'}")
    influx.close()
    shown(f"{'panel':24}{'quantity':28}{'rows':>6}  agrees", *lines)
    # The seeded park is looked at, not served: nobody watches it or foretells it, and nothing is learned of its arrays.
    assert silent == set(WATCHED) | set(FORETOLD) | {
        "performance_ratio", "irradiation_kwh_m2", "self_consumption", "energy_performance_index",
        "performance_ratio_25c", "specific_yield", "reference_yield", "final_yield", "array_yield", "availability",
        "calibration_factor", "expected_p10_kwh", "expected_p90_kwh",
    }  # fmt: skip
    assert len(lines) == 81


def test_a_hole_in_the_data_is_a_hole_in_the_answer(influxd: str, lakeside, store):
    influx = InfluxStore(InfluxV1(influxd, DATABASE), lakeside.id)
    outage = store.frames[Period.SLOT]
    rows = outage[(outage["entity"] == lakeside.id) & (outage["start"] >= NOW - timedelta(hours=14))]
    influx.write_slots(Period.SLOT, rows)
    load = next(q for p in DASHBOARDS["park-overview"] if p.id == "today" for q in queries_of(p))
    answer = _answer(influxd, load.influxql(lakeside.id, NOW - timedelta(hours=14), NOW))
    hours = set(answer["start"].dt.strftime("%H:%M"))
    assert {"18:45", "20:15"} <= hours  # 02:45 and 04:15 in Shanghai
    assert hours.isdisjoint({"19:00", "19:15", "19:30", "19:45", "20:00"})
    influx.close()
