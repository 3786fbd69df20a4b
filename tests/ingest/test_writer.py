"""The writer's order and what it does when store or state say no, without a broker."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pandas as pd
import pytest

from core.errors import Rejected, Retryable
from core.frames import READING_KEY
from core.park import Park
from core.store import QuarantineItem
from ingest import batch
from ingest.backoff import Backoff
from ingest.checks import LiveChecks
from ingest.handoff import Handoff, Received
from ingest.router import Router
from ingest.stranger_limit import StrangerLimit
from ingest.templates import load_templates
from ingest.writer import BatchLimits, Writer
from tests.conftest import wait_for
from tests.ingest.fakes import FakeState, FakeStore, FastClock

NOW = datetime(2026, 10, 1, 4, 0, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000


class Bench:
    """A writer between a hand-off and fakes that note the order of calls."""

    def __init__(self, park: Park) -> None:
        self.calls: list[str] = []
        self.store = FakeStore()
        self.store.calls = self.calls
        self.state = FakeState(self.calls)
        self.handoff = Handoff()
        self.acked: list[int] = []
        self.mid = 0
        self.writer = Writer(
            Router(park, load_templates()),
            park.zone,
            self.store,
            self.state,
            self.handoff,
            self._acknowledge,
            FastClock(NOW),
            self.calls.append,
            LiveChecks(park),
            BatchLimits(age_s=0.05),
            Backoff(0.01, 0.02),
        )

    def _acknowledge(self, messages: list[Received]) -> None:
        self.calls.append("ack")
        self.acked += [m.mid for m in messages]

    def put(self, payload: object, topic: str = "parkwatt/grid-1/telemetry") -> int:
        self.mid += 1
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.handoff.put([Received(topic, raw, NOW_US, self.mid, 1, 1)])
        return self.mid

    def finish(self) -> None:
        wait_for(lambda: self.handoff.pending == 0, what="the writer")


@pytest.fixture
def bench(small_park: Park) -> Iterator[Bench]:
    made = Bench(small_park)
    yield made
    made.writer.stop()


def reading(second: int, value: float = 1.0) -> dict[str, object]:
    return {"time": 1790820000 + second, "energy_import_kwh": value}


def test_marks_appends_marks_again_and_only_then_acknowledges(bench: Bench) -> None:
    bench.put(reading(0))
    bench.put(b"{", "parkwatt/inv-a/telemetry")
    bench.writer.start()
    bench.finish()
    assert bench.calls == [
        "mark", "after_mark", "append", "after_commit", "mark", "quarantine", "before_ack", "ack",
    ]  # fmt: skip
    assert list(bench.state.marks) == [("grid-1", date(2026, 10, 1))]
    assert bench.acked == [1, 2]


def test_keeps_everything_while_the_store_cannot_take_it(bench: Bench) -> None:
    bench.store.failures = [Retryable("disk full"), Retryable("disk full", 0.0), RuntimeError("odd")]
    bench.state.failures = [Retryable("locked")]
    bench.put(reading(0))
    bench.writer.start()
    bench.finish()
    assert bench.calls.count("append") == 4
    assert bench.calls.count("ack") == 1
    assert len(bench.store.rows) == 1
    wait_for(lambda: bench.writer.error is None, what="the writer to say that all is well")


def test_says_why_nothing_is_stored(bench: Bench) -> None:
    bench.store.failures = [Retryable("disk full", 60.0)]
    bench.put(reading(0))
    bench.writer.start()
    wait_for(lambda: bench.writer.error == "disk full")
    assert bench.handoff.pending == 1
    bench.writer.stop(timeout_s=0.1)
    assert bench.acked == []
    assert not bench.writer.alive


def test_rows_the_store_never_takes_go_to_quarantine_with_their_message(bench: Bench) -> None:
    def refuse(frame: pd.DataFrame) -> None:
        bad = frame[frame["value"] > 100]
        if len(bad):
            raise Rejected("too much", [tuple(r) for r in bad[list(READING_KEY)].itertuples(index=False)])

    bench.store.reject = refuse
    for second, value in enumerate([1.0, 500.0, 2.0]):
        bench.put(reading(second, value))
    bench.writer.start()
    bench.finish()
    assert sorted(r["value"] for r in bench.store.rows.values()) == [1.0, 2.0]
    (item,) = bench.state.items
    assert (item.reason, item.detail, item.device) == ("rejected", "too much", "grid-1")
    assert json.loads(item.payload) == reading(1, 500.0)
    assert bench.acked == [1, 2, 3]
    assert (bench.writer.totals["readings"], bench.writer.totals["quarantined"]) == (2, 1)


def test_finds_the_bad_row_where_the_store_does_not_name_it(bench: Bench) -> None:
    def refuse(frame: pd.DataFrame) -> None:
        if (frame["value"] == 37).any():
            raise Rejected("unable to parse")

    bench.store.reject = refuse
    for second in range(64):
        bench.put(reading(second, float(second)))
    bench.writer.start()
    bench.finish()
    assert len(bench.store.rows) == 63
    assert [json.loads(i.payload)["energy_import_kwh"] for i in bench.state.items] == [37.0]


def test_a_message_partly_readable_is_stored_and_kept(bench: Bench) -> None:
    bench.put(b'{"time": 1790820000, "energy_import_kwh": 5, "voltage_v": NaN}')
    bench.writer.start()
    bench.finish()
    assert len(bench.store.rows) == 1
    assert [(i.reason, i.device) for i in bench.state.items] == [("non_finite", "grid-1")]


def test_counts_survive_in_the_state(bench: Bench) -> None:
    bench.put(reading(0))
    bench.put({"time": 1790820000 + 86_400, "power_factor": 3})
    bench.put(b"")
    bench.put(b"{}", "parkwatt/nobody/telemetry")
    bench.writer.start()
    bench.finish()
    bench.writer.stop()
    assert dict(bench.state.counted) == {
        "ingest.messages": 4,
        "ingest.readings": 2,
        "ingest.quarantined": 2,
        "ingest.quarantined.empty": 1,
        "ingest.quarantined.unknown_device": 1,
        "ingest.future": 1,
        "ingest.out_of_range": 1,
    }
    assert [i.reason for i in bench.state.items] == ["empty", "unknown_device"]


def test_readings_of_the_future_mark_no_day(bench: Bench) -> None:
    bench.put({"time": 1790820000 + 86_400, "energy_import_kwh": 3})
    bench.writer.start()
    bench.finish()
    assert bench.state.marks == {}
    assert len(bench.store.rows) == 1


def test_ten_megabytes_are_kept_in_part(bench: Bench) -> None:
    bench.put(b"x" * (10 << 20))
    bench.writer.start()
    bench.finish()
    (item,) = bench.state.items
    assert (item.reason, len(item.payload)) == ("too_large", 4096)
    assert "first 4096 bytes" in item.detail


def test_a_fault_of_ours_in_one_message_does_not_hold_up_the_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = batch.decode_message

    def faulty(*arguments: object) -> object:
        if b"poison" in arguments[3]:
            raise KeyError("ours")
        return real(*arguments)

    monkeypatch.setattr(batch, "decode_message", faulty)
    bench.put(reading(0))
    bench.put(b'{"poison": 1}')
    bench.put(reading(1))
    bench.writer.start()
    bench.finish()
    assert len(bench.store.rows) == 2
    assert [(i.reason, i.payload) for i in bench.state.items] == [("decoder_fault", b'{"poison": 1}')]
    assert bench.acked == [1, 2, 3]


def test_a_silent_queue_is_written_without_waiting_for_its_time(small_park: Park) -> None:
    slow = Bench(small_park)
    slow.writer._limits = BatchLimits(age_s=30.0, stalled_messages=20)
    for second in range(20):
        slow.put(reading(second))
    slow.writer.start()
    wait_for(lambda: len(slow.acked) == 20, what="20 acknowledgements")
    slow.writer._limits = BatchLimits(age_s=0.01)
    slow.writer._abandoned.set()


def test_stop_stores_what_is_in_the_queue(bench: Bench) -> None:
    for second in range(5000):
        bench.put(reading(second))
    bench.writer.start()
    bench.writer.stop()
    assert len(bench.store.rows) == 5000
    assert sorted(bench.acked) == list(range(1, 5001))


def test_strangers_fill_no_disk() -> None:
    limit = StrangerLimit(per_topic=2, in_all=5, period_s=10)
    bench_items = [item(f"t{n % 4}", "unknown_device") for n in range(40)] + [item("t", "not_json")] * 9
    kept = limit.kept(bench_items, 0.0)
    assert [i.reason for i in kept].count("unknown_device") == 5
    assert [i.reason for i in kept].count("not_json") == 9
    assert limit.kept([item("t0", "unknown_topic")], 5.0) == []
    assert len(limit.kept([item("t0", "unknown_topic")], 11.0)) == 1


def item(topic: str, reason: str) -> QuarantineItem:
    return QuarantineItem(NOW, topic, b"", reason)


def test_handoff_knows_when_it_is_full() -> None:
    handoff = Handoff(high_water_messages=3, high_water_bytes=100)
    small, large = (Received("t", b"x" * size, NOW_US, 1, 1, 1) for size in (1, 100))
    handoff.put([small, small])
    assert not handoff.over_high_water
    handoff.put([small])
    assert handoff.over_high_water
    assert handoff.take(0) == [small, small]
    handoff.done([small, small])
    assert not handoff.over_high_water
    assert not handoff.drained
    handoff.put([large])
    assert handoff.over_high_water
    handoff.done([small, large])
    assert handoff.drained
    assert handoff.received == 4


def test_backoff_grows_is_capped_and_jittered() -> None:
    backoff = Backoff(1.0, 8.0, random.Random(1))  # noqa: S311 - no secret hangs on it
    for failures, ceiling in ((1, 1), (2, 2), (3, 4), (4, 8), (50, 8), (5000, 8)):
        assert ceiling / 2 <= backoff.delay_s(failures) <= ceiling
    assert backoff.delay_s(9) != backoff.delay_s(9)


def test_no_thread_is_left_behind(bench: Bench) -> None:
    bench.writer.start()
    assert bench.writer.alive
    bench.writer.stop()
    assert not bench.writer.alive


def test_what_the_checks_notice_is_kept_before_the_acknowledgement_and_counted(bench: Bench) -> None:
    bench.put(reading(0, 1.0))
    bench.put(reading(0, 2.0))
    bench.put(reading(0, 2.0))
    bench.writer.start()
    bench.finish()
    bench.writer.stop()
    assert bench.calls[-3:] == ["notice", "before_ack", "ack"]
    (event,) = bench.state.noticed
    assert (event.entity, event.code, event.params["before"], event.params["after"]) == ("grid", "conflict", 1.0, 2.0)
    assert (bench.state.counted["ingest.check.conflict"], bench.state.counted["ingest.check.duplicate"]) == (1, 1)


def test_a_fault_in_the_checks_costs_no_reading(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LiveChecks, "_order", lambda *_: 1 / 0)
    bench.put(reading(0))
    bench.writer.start()
    bench.finish()
    assert (len(bench.store.rows), bench.acked) == (1, [1])


def test_what_is_late_for_an_archived_month_waits_in_quarantine_until_it_is_back(bench: Bench) -> None:
    """September left the store; a lone reading of it would make its known days unknown."""
    september = [int(datetime(2026, month, 1, tzinfo=UTC).timestamp() * 1e6) for month in (9, 10)]
    bench.state.small["archive/dropped/2026-09"] = f"{september[0]} {september[1]}"
    mids = [
        bench.put({"time": time, "energy_import_kwh": 5}) for time in ("2026-09-30T23:59:59Z", "2026-10-01T00:00:00Z")
    ]
    bench.writer.start()
    wait_for(lambda: sorted(bench.acked) == mids, what="both acknowledged")
    assert [(i.reason, i.device) for i in bench.state.items] == [("archived", "grid-1")]
    assert b"23:59:59" in bench.state.items[0].payload
    assert set(bench.state.marks) == {("grid-1", date(2026, 10, 1))}
    assert len(bench.store.rows) == 1
    bench.state.small["archive/dropped/2026-09"] = ""
    bench.put({"time": "2026-09-30T23:59:59Z", "energy_import_kwh": 5})
    wait_for(lambda: len(bench.acked) == 3, what="the third")
    assert len(bench.store.rows) == 2


def test_half_full_is_when_to_read_no_further() -> None:
    handoff = Handoff(high_water_messages=4, high_water_bytes=100)
    small, large = (Received("t", b"x" * size, NOW_US, 1, 1, 1) for size in (1, 50))
    handoff.put([small])
    assert not handoff.filling
    handoff.put([small])
    assert handoff.filling
    assert not handoff.over_high_water
    handoff.done([small, small])
    assert not handoff.filling
    handoff.put([large])
    assert handoff.filling
