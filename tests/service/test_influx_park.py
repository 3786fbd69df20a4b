"""The demo park on a real InfluxDB, from import to panel: it must say what the embedded store says."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.clock import ManualClock
from core.frames import readings_frame
from core.park import InfluxStore
from core.park_file import load_park
from core.quantities import Period
from core.text import Language
from dashboards.grafana import build
from dashboards.look import look_of
from dashboards.panel import Panel
from dashboards.panels import DASHBOARDS
from dashboards.queries import AlertQuery, PanelQuery, queries_of, variables_of
from ingest.collector import CollectorStatus
from ingest.files import import_files
from service.lateness import Lateness
from service.runner import Runtime, catch_up, opened
from service.watching import CollectorLog
from tests.grafana_says import answers, interpolated
from tests.service.conftest import SIX_WEEKS, written

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


NO_COLLECTOR = "its history was imported: no collector ever ran"
DEMO_HAS_NONE = {
    "collector": NO_COLLECTOR,
    "telegrams-now": NO_COLLECTOR,
    "quarantine": NO_COLLECTOR,
    "telegrams": NO_COLLECTOR,
    "collector-over-time": NO_COLLECTOR,
    "quarantine-over-time": NO_COLLECTOR,
    "array-dc-yield": "its inverters send no DC power",
    "lateness": "its history was imported: a file says nothing of when a reading came",
}
COLUMNS = f"{'dashboard':14}{'panel':24}{'quantity':28}{'rows':>7}  agrees with the store"


def same_numbers(query: PanelQuery, got: pd.DataFrame, asked: pd.DataFrame) -> bool:
    """Say whether the same values stand at the same times; a ranking has no times."""
    if got.empty or asked.empty:
        return got.empty and asked.empty
    entities = query.series.per_entity
    keys = [*(["entity"] if entities else []), *([] if query.panel.kind == "ranking" else ["start"])]
    value = query.series.title.en if query.newest_only else "value"
    left = got.assign(start=pd.to_datetime(got["time"], unit="us", utc=True), value=got[value].astype(float))
    left, right = (f.set_index(keys)["value"].sort_index() for f in (left.dropna(subset=["value"]), asked))
    return left.index.equals(right.index) and np.allclose(left, right, rtol=1e-9, atol=1e-9)


def targets(panel: Panel, document: Mapping) -> list[str]:
    return [t["query"] for p in document["panels"] if p["title"] == panel.title.en for t in p["targets"]]


@pytest.fixture(scope="module")
def documents(influx_park: Runtime) -> Mapping[str, Mapping]:
    """The dashboards of the demo park, as `parkwatt dashboards build` writes them."""
    return build([look_of(influx_park.park, language, influx_park.clock.now()) for language in Language])


def chosen(park, entities: Mapping[str, Sequence[str]] | None = None) -> Mapping[str, Sequence[str]]:
    every = look_of(park, Language.EN, datetime(2026, 11, 20, tzinfo=UTC)).choices
    return {**every, **(entities or {})}


SOME = {"array": ["carport-2"], "building": ["bldg-hub", "lake-pumps"], "meter": ["grid", "bldg-lab"]}


@pytest.mark.parametrize("choice", [None, SOME], ids=["all", "some"])
@pytest.mark.parametrize("dashboard", list(DASHBOARDS))
def test_every_panel_query_agrees_with_the_store(
    influx_park: Runtime,
    demo_park: Runtime,
    influxd: str,
    documents: Mapping[str, Mapping],
    dashboard: str,
    choice: Mapping[str, Sequence[str]] | None,
    shown: Callable[..., None],
) -> None:
    park, now = influx_park.park, influx_park.clock.now()
    # A range that begins amid a day: its bar is there too, whole.
    start, end = now - timedelta(days=30), now - timedelta(minutes=1)
    lines, wrong = [], []
    for panel in DASHBOARDS[dashboard]:
        asked_of = zip(queries_of(panel), targets(panel, documents[f"{dashboard}-en.json"]), strict=True)
        for query, text in asked_of if panel.series else ():
            got = answers(influxd, DATABASE, interpolated(text, park.id, start, end, chosen(park, choice), now))
            entities = chosen(park, choice).get(query.series.choice or "")
            last = now if query.newest_only or query.newest_each else end
            same = [
                same_numbers(query, got, query.ask(r.store, park.id, start, last, entities))
                for r in (influx_park, demo_park)
            ]
            none = DEMO_HAS_NONE.get(panel.id)
            told = "NO" if not all(same) else f"none: {none}" if none and got.empty else "yes"
            lines.append(f"{dashboard:14}{panel.id:24}{query.series.quantity:28}{len(got):7d}  {told}")
            if not all(same) or got.empty is (none is None):
                wrong.append(lines[-1])
    if choice is None:
        shown(COLUMNS, *lines)
    assert wrong == []


def test_the_table_of_alerts_and_the_marks_agree_with_the_store(
    influx_park: Runtime, demo_park: Runtime, influxd: str, documents: Mapping[str, Mapping],
    shown: Callable[..., None],
) -> None:  # fmt: skip
    park, now = influx_park.park, influx_park.clock.now()
    start = now - timedelta(days=30)
    history = next(p for p in DASHBOARDS["alerts"] if p.id == "alert-history")
    lines = []
    for name, document in documents.items():
        language = Language(name[-7:-5])
        queries = [a["query"] for a in document["annotations"]["list"]]
        if name == "alerts-en.json":
            queries += targets(history, document)
        for text in queries:
            got = answers(influxd, DATABASE, interpolated(text, park.id, start, now, {}, now))
            for runtime in (influx_park, demo_park):
                asked = AlertQuery().ask(runtime.store, start, now)
                same_alerts(got, asked, language)
        lines.append(f"{name[:-8]:14}{'marks ' + language:24}{'alert':28}{len(got):7d}  yes")
    assert len(got) > 5
    assert got["until"].isna().sum() == sum(a.state == "firing" for a in influx_park.state.alerts())
    shown(*lines)


def same_alerts(got: pd.DataFrame, asked: pd.DataFrame, language: Language) -> None:
    key = ["start", "rule", "entity"]
    left = got.assign(
        start=pd.to_datetime(got["time"], unit="us", utc=True).astype("datetime64[us, UTC]"),
        until=pd.to_datetime(got["until"], unit="ms", utc=True).astype("datetime64[us, UTC]"),
    ).sort_values(key, ignore_index=True)
    right = asked.sort_values(key, ignore_index=True).rename(columns={f"title_{language}": "title"})
    columns = [*key, "severity", "title"]
    pd.testing.assert_frame_equal(left[columns], right[columns], check_dtype=False)
    assert left["until"].isna().equals(right["until"].isna())
    assert ((left["until"] - right["until"]).abs().dropna() < pd.Timedelta(milliseconds=1)).all()


def test_alerts_that_began_before_the_range_and_last_into_it_are_there(influx_park: Runtime, influxd: str) -> None:
    park, now = influx_park.park, influx_park.clock.now()
    text = interpolated(AlertQuery().grafana(Language.EN), park.id, now - timedelta(hours=1), now, {}, now)
    got = answers(influxd, DATABASE, text)
    assert len(got) >= len([a for a in influx_park.state.alerts() if a.state == "firing"]) > 0
    assert (pd.to_datetime(got["time"], unit="us", utc=True) < now - timedelta(hours=1)).any()


@pytest.mark.parametrize("dashboard", list(DASHBOARDS))
def test_every_variable_lists_what_the_store_has(influx_park: Runtime, influxd: str, dashboard: str) -> None:
    park, now = influx_park.park, influx_park.clock.now()
    for variable in variables_of(DASHBOARDS[dashboard]):
        got = answers(influxd, DATABASE, interpolated(variable.influxql(), park.id, now, now, {}, now))
        listed = sorted(got["value"])
        if variable.quantity is None:
            assert listed == [park.id]
            continue
        span = (now - timedelta(days=70), now)
        rows = influx_park.store.slots(Period.DAY, *span, scope=variable.scope, quantities=[variable.quantity])
        assert listed == sorted(set(rows["entity"]))
        assert set(listed) <= set(chosen(park)[variable.name])
        assert len(listed) >= 4


def test_the_bar_of_a_day_that_began_before_the_range_is_there_whole(influx_park: Runtime, influxd: str) -> None:
    park = influx_park.park
    load = next(q for p in DASHBOARDS["park-overview"] if p.id == "days" for q in queries_of(p))
    midnight = datetime(2026, 11, 9, 16, 0, tzinfo=UTC)  # 10 November begins in Shanghai
    for start, first in ((midnight, midnight), (midnight + timedelta(hours=9), midnight)):
        text = interpolated(load.grafana(Language.EN), park.id, start, midnight + timedelta(days=3), {}, start)
        got = answers(influxd, DATABASE, text)
        assert pd.Timestamp(got["time"].min(), unit="us", tz="UTC") == first
        assert len(got) == 4  # its range includes its end


def test_what_only_a_running_service_writes_is_found_too(influxd: str, tmp_path: Path) -> None:
    park = load_park(written(tmp_path))
    park = park.model_copy(update={"store": InfluxStore(kind="influx", url=influxd, database="watched")})
    now = datetime(2026, 11, 12, 4, 5, tzinfo=UTC)
    status = CollectorStatus(
        connected=True, received=100, stored=0, quarantined=0, last_message_at=None, pending=0, error=None
    )
    with opened(park, ManualClock(now), SIX_WEEKS, "ingest", "serve") as runtime:
        log = CollectorLog(park, runtime.store, runtime.state)
        for minutes in range(0, 60, 10):
            at = now - timedelta(minutes=50 - minutes)
            log.run(at, {"": dataclasses.replace(status, received=100 + minutes)})
        times = pd.date_range(now - timedelta(hours=1), periods=50, freq="1min", unit="us")
        frame = {"time": times, "device": "grid-1", "quantity": "energy_import_kwh", "channel": "", "value": 1.0}
        received = {"received_at": times + pd.Timedelta(seconds=3), "flags": 0}
        runtime.store.append_readings(readings_frame(pd.DataFrame({**frame, **received})))
        Lateness(park, runtime.store, runtime.state).run(now)
        found = {}
        for panel in DASHBOARDS["data"]:
            for query in queries_of(panel) if panel.id in DEMO_HAS_NONE else ():
                start = now - timedelta(hours=2)
                text = interpolated(query.grafana(Language.EN), park.id, start, now, {"meter": ["grid"]}, now)
                got = answers(influxd, "watched", text)
                assert same_numbers(query, got, query.ask(runtime.store, park.id, start, now, ["grid"])), panel.id
                found[panel.id] = len(got)
    assert found == {
        "collector": 1, "telegrams-now": 1, "quarantine": 1, "lateness": 4, "telegrams": 4, "collector-over-time": 4,
        "quarantine-over-time": 4,
    }  # fmt: skip
