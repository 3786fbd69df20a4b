"""The same month out of the real store and the real state file."""

import json

from core.clock import ManualClock
from core.quantities import Period
from reports.jsonfile import json_bytes
from reports.monthly import build
from store.embedded import EmbeddedStore
from store.state import SqliteState
from tests.reports.conftest import NOVEMBER, Month, lifelike_shape, october_alerts, october_events, say


def test_report_out_of_the_embedded_store_is_that_of_the_memory(park, state, tmp_path):
    memory = Month(park, 2026, 10, unknown_days=(9,)).store(lifelike_shape)
    clock = ManualClock(NOVEMBER)
    store = EmbeddedStore(tmp_path / "park.duckdb", park.id, clock=clock)
    kept = SqliteState(tmp_path / "state.sqlite", clock)
    try:
        for period in Period:
            store.write_slots(period, memory.frames[period])
        for event in october_events():
            kept.replace_events(event.entity, event.start, event.end.replace(year=2027), [event])
        kept.save_alerts(october_alerts())
        state.all_configs = []
        stored = build(park, store, kept, 2026, 10, NOVEMBER, say)
        in_memory = build(park, memory, state, 2026, 10, NOVEMBER, say)
        expected = json.loads(json_bytes(in_memory)[0])
        found = json.loads(json_bytes(stored)[0])
        expected["quality"]["events"].sort(key=lambda e: e["event"]["entity"])
        found["quality"]["events"].sort(key=lambda e: e["event"]["entity"])
        del expected["digest"], found["digest"]
        assert found == expected
    finally:
        store.close()
        kept.close()


def test_values_recalculated_later_are_counted(park, state, tmp_path):
    memory = Month(park, 2026, 10).store()
    store = EmbeddedStore(tmp_path / "park.duckdb", park.id, clock=ManualClock(NOVEMBER))
    try:
        days = memory.frames[Period.DAY]
        for period in Period:
            store.write_slots(period, memory.frames[period])
        late = days[(days["entity"] == "hall-a")].assign(value=days["value"] + 1.0)
        store.write_slots(Period.DAY, late.head(3))
        assert build(park, store, state, 2026, 10, NOVEMBER, say).quality.replaced_values == 3
    finally:
        store.close()
