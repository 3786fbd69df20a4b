"""The demo park on a real InfluxDB, from import to panel: it must say what the embedded store says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
import requests

from core.park import InfluxStore
from core.quantities import Period
from dashboards.panels import DASHBOARDS
from dashboards.queries import PanelQuery, queries_of
from ingest.files import import_files
from service.runner import Runtime, catch_up, opened

pytestmark = [pytest.mark.influx, pytest.mark.slow]

DATABASE = "demo"


@pytest.fixture(scope="module")
def influx_park(demo_park: Runtime, influxd: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    folder: Path = tmp_path_factory.mktemp("influx-park")
    changed = {"store": InfluxStore(kind="influx", url=influxd, database=DATABASE), "state": folder / "state.sqlite"}
    park = demo_park.park.model_copy(update=changed)
    history = demo_park.park.state.parent.parent / "history.parquet"
    with opened(park, demo_park.clock, "", "ingest", "serve") as runtime:
        import_files(park, runtime.store, runtime.state, [history], runtime.clock, None)
        catch_up(runtime)
        yield runtime


@pytest.mark.parametrize("period", list(Period))
def test_both_stores_hold_the_same_numbers(demo_park: Runtime, influx_park: Runtime, period: Period) -> None:
    now = demo_park.clock.now()
    span = (now - timedelta(days=70), now) if period is not Period.SLOT else (now - timedelta(days=4), now)
    embedded, influx = (r.store.slots(period, *span) for r in (demo_park, influx_park))
    assert len(embedded) > 20
    pd.testing.assert_frame_equal(embedded, influx, rtol=1e-9)


def test_both_stores_raise_the_same_alerts(demo_park: Runtime, influx_park: Runtime) -> None:
    since = demo_park.clock.now() - timedelta(days=70)
    embedded, influx = (sorted(map(str, r.state.alerts(since))) for r in (demo_park, influx_park))
    assert len(embedded) > 5
    assert embedded == influx


def answer(url: str, query: str) -> pd.DataFrame:
    """What Grafana would get."""
    reply = requests.get(f"{url}/query", params={"db": DATABASE, "q": query, "epoch": "u"}, timeout=20).json()
    result = reply["results"][0]
    assert "error" not in result, result
    rows = [
        (time, series.get("tags", {}).get("entity"), values[0])
        for series in result.get("series", [])
        for time, *values in series["values"]
    ]
    return pd.DataFrame(rows, columns=["start", "entity", "value"])


def agrees(query: PanelQuery, got: pd.DataFrame, asked: pd.DataFrame) -> bool:
    """Say whether the same values stand at the same times."""
    stamps = asked["start"].astype("int64")
    left = pd.Series(
        got["value"].to_numpy(float), index=pd.MultiIndex.from_arrays([got["start"], got["entity"].fillna("")])
    )
    entities = asked["entity"] if query.series.per_entity else [""] * len(asked)
    right = pd.Series(asked["value"].to_numpy(float), index=pd.MultiIndex.from_arrays([stamps, entities]))
    both = pd.concat([left, right], axis=1)
    return len(left) == len(right) == len(both) and bool(
        ((both[0] - both[1]).abs() <= 1e-9 * both[1].abs() + 1e-9).all()
    )


@pytest.mark.parametrize("dashboard", list(DASHBOARDS))
def test_every_panel_query_agrees_with_the_store(
    influx_park: Runtime, demo_park: Runtime, influxd: str, dashboard: str, capsys: pytest.CaptureFixture[str]
) -> None:
    park, now = influx_park.park, influx_park.clock.now()
    lines, wrong = [], []
    for panel in DASHBOARDS[dashboard]:
        for query in queries_of(panel):
            got = answer(influxd, query.influxql(park.id, now - timedelta(days=30), now))
            same = [
                agrees(query, got, query.ask(r.store, park.id, now - timedelta(days=30), now))
                for r in (influx_park, demo_park)
            ]
            lines.append(f"{panel.id:24}{query.series.quantity:28}{len(got):7d}  {'yes' if all(same) else 'NO'}")
            if not all(same) or got.empty:
                wrong.append(lines[-1])
    with capsys.disabled():
        print(f"\n{'panel':24}{'quantity':28}{'rows':>7}  agrees with the store", *lines, sep="\n")
    assert wrong == []
