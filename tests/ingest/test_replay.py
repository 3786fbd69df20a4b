"""Quarantined telegrams become readings once what was wrong is mended; with the real store and state."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from core.clock import ManualClock
from core.errors import ConfigError, Rejected, Retryable
from core.park import DeviceAssignment, Park
from core.store import QuarantineItem
from ingest import batch
from ingest.replay import replay
from store.embedded import EmbeddedStore
from store.state import SqliteState

NOW = datetime(2026, 10, 2, 8, 0, tzinfo=UTC)
THEN = datetime(2026, 10, 1, 4, 0, 1, tzinfo=UTC)
SENT = b'{"time": "2026-10-01T12:00:00+08:00", "energy_import_kwh": 48213.5}'


class Bench:
    def __init__(self, folder: Path, park: Park) -> None:
        self.park = park
        self.store = EmbeddedStore(folder / "park.duckdb", park.id)
        self.state = SqliteState(folder / "state.sqlite")

    def keep(self, topic: str, payload: bytes, reason: str) -> None:
        self.state.quarantine([QuarantineItem(THEN, topic, payload, reason, "then")])

    def replay(self, park: Park | None = None, **chosen: object) -> tuple[int, int, int, dict[str, int]]:
        result = replay(park or self.park, self.store, self.state, ManualClock(NOW), **chosen)
        return result.items, result.replayed, result.readings, result.reasons

    def readings(self) -> list[tuple[str, str, float, datetime]]:
        frame = self.store.readings(datetime(2026, 9, 1, tzinfo=UTC), NOW)
        rows = zip(frame["device"], frame["quantity"], frame["value"], frame["received_at"], strict=True)
        return [(d, q, v, r.to_pydatetime()) for d, q, v, r in rows]


@pytest.fixture
def bench(tmp_path: Path, small_park: Park) -> Iterator[Bench]:
    made = Bench(tmp_path, small_park)
    yield made
    made.store.close()
    made.state.close()


def with_device(park: Park, name: str) -> Park:
    grid = park.points[0]
    added = grid.model_copy(update={"devices": (*grid.devices, DeviceAssignment(id=name, template="json"))})
    return park.model_copy(update={"points": (added, *park.points[1:])})


def test_a_meter_written_into_the_park_file_gets_its_telegrams_back(bench: Bench) -> None:
    bench.keep("parkwatt/grid-2/telemetry", SENT, "unknown_device")
    bench.keep("parkwatt/stranger/telemetry", SENT, "unknown_device")
    assert bench.replay() == (2, 0, 0, {"unknown_device": 2})
    mended = with_device(bench.park, "grid-2")
    assert bench.replay(mended) == (2, 1, 1, {"unknown_device": 1})
    assert bench.readings() == [("grid-2", "energy_import_kwh", 48213.5, THEN)]
    assert [(m.device, m.day) for m in bench.state.dirty()] == [("grid-2", date(2026, 10, 1))]
    kept = bench.state.quarantined()
    assert [(i.topic, i.reason, i.replayed_at) for i in kept] == [
        ("parkwatt/stranger/telemetry", "unknown_device", None),
        ("parkwatt/grid-2/telemetry", "unknown_device", NOW),
    ]
    assert kept[1].payload == SENT


def test_doing_it_again_changes_nothing(bench: Bench) -> None:
    bench.keep("parkwatt/grid-1/telemetry", SENT, "not_json")
    assert bench.replay() == (1, 1, 1, {})
    before = bench.readings(), bench.state.quarantined(), bench.state.dirty()
    assert bench.replay() == (0, 0, 0, {})
    assert bench.replay(number=1) == (0, 0, 0, {})
    assert (bench.readings(), bench.state.quarantined(), bench.state.dirty()) == before
    assert bench.state.counts() == {"quarantined": 1, "replay.messages": 1, "replay.readings": 1}


def test_what_still_fails_stays_with_its_new_reason_and_its_good_part_counts(bench: Bench) -> None:
    bench.keep("parkwatt/grid-1/telemetry", SENT[:-1] + b', "active_power_kw": "x"}', "unknown_topic")
    assert bench.replay() == (1, 0, 1, {"wrong_type": 1})
    (item,) = bench.state.quarantined()
    assert (item.reason, item.device, item.replayed_at) == ("wrong_type", "grid-1", None)
    assert item.detail == "active_power_kw is a text, a number is expected"
    assert len(bench.readings()) == 1


def test_only_one_reason_or_one_number(bench: Bench) -> None:
    for reason in ("not_json", "bad_time", "not_json"):
        bench.keep("parkwatt/grid-1/telemetry", SENT, reason)
    assert bench.replay(reason="bad_time") == (1, 1, 1, {})
    assert bench.replay(number=3) == (1, 1, 1, {})
    assert [i.id for i in bench.state.quarantined(waiting=True)] == [1]
    with pytest.raises(ConfigError, match="no number 9 in quarantine"):
        bench.replay(number=9)


def test_rows_of_files_are_left_to_the_next_import(bench: Bench) -> None:
    bench.keep("file:old.csv", b'{"time": "x"}', "bad_time")
    result = replay(bench.park, bench.store, bench.state, ManualClock(NOW))
    assert (result.items, result.from_files, result.replayed) == (1, 1, 0)
    assert "mend the file and import it again" in result.told()
    assert bench.state.quarantined()[0].reason == "bad_time"


def test_more_than_one_page_and_a_message_that_breaks_the_decoder(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = batch.decode_message

    def faulty(*arguments: object) -> object:
        if b"poison" in arguments[3]:
            raise KeyError("ours")
        return real(*arguments)

    monkeypatch.setattr(batch, "decode_message", faulty)
    monkeypatch.setattr("ingest.replay.AT_ONCE", 2)
    for n in range(5):
        payload = b'{"poison": 1}' if n == 2 else b'{"time": %d, "energy_import_kwh": 1}' % (1790820000 + n)
        bench.keep("parkwatt/grid-1/telemetry", payload, "decoder_fault")
    assert bench.replay() == (5, 4, 4, {"decoder_fault": 1})
    assert bench.state.quarantined(waiting=True)[0].detail == "KeyError: 'ours'"


def test_a_refused_reading_stays_and_an_unreachable_store_leaves_all_as_it_was(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.keep("parkwatt/grid-1/telemetry", SENT, "not_json")

    def refuses(_frame: object) -> None:
        raise Rejected("name too long")

    def is_away(_frame: object) -> None:
        raise Retryable("no space left")

    monkeypatch.setattr(bench.store, "append_readings", is_away)
    with pytest.raises(Retryable):
        bench.replay()
    assert bench.state.quarantined()[0].reason == "not_json"
    monkeypatch.setattr(bench.store, "append_readings", refuses)
    assert bench.replay() == (1, 0, 0, {"rejected": 1})
    assert bench.state.quarantined()[0].detail == "name too long"


def test_a_late_telegram_of_an_archived_month_is_replayed_once_the_month_is_back(bench: Bench) -> None:
    first, last = (int(datetime(2026, month, 1, tzinfo=UTC).timestamp() * 1e6) for month in (10, 11))
    bench.state.set_value("archive/dropped/2026-10", f"{first} {last}")
    bench.keep("parkwatt/grid-1/telemetry", SENT, "archived")
    assert bench.replay() == (1, 0, 0, {"archived": 1})
    assert (bench.readings(), bench.state.dirty()) == ([], [])
    bench.state.set_value("archive/dropped/2026-10", "")
    assert bench.replay() == (1, 1, 1, {})
    assert [r[2] for r in bench.readings()] == [48213.5]
