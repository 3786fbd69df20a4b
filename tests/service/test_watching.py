"""What Grafana sees of the service itself: the copy of the alerts, the collector, and how late data come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from core.clock import ManualClock
from core.frames import readings_frame
from core.park_file import load_park
from core.quality import ReadingFlag
from core.quantities import Period
from core.store import AlertRecord, QuarantineItem
from ingest.collector import CollectorStatus
from models.compute import ComputeResult
from service.lateness import Lateness
from service.runner import Runtime, opened
from service.watching import EVER, AlertCopy, CollectorLog
from tests.service.conftest import SIX_WEEKS, written

NOW = datetime(2026, 11, 12, 4, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STATUS = CollectorStatus(
    connected=True, received=100, stored=0, quarantined=0, last_message_at=None, pending=0, error=None
)


@pytest.fixture
def park(tmp_path: Path) -> Iterator[Runtime]:
    with opened(load_park(written(tmp_path)), ManualClock(NOW), SIX_WEEKS, "ingest", "serve") as made:
        yield made


def alert(
    hours_ago: float, lasted: float | None = None, entity: str = "hall", severity: str = "warning"
) -> AlertRecord:
    began = NOW - timedelta(hours=hours_ago)
    ended = None if lasted is None else began + timedelta(hours=lasted)
    state = "firing" if ended is None else "resolved"
    return AlertRecord(f"meter_silent/{entity}", "meter_silent", entity, severity, state, began, began, ended)


def copy(park: Runtime) -> AlertCopy:
    return AlertCopy(park.park, park.store, park.state, park.say)


def slots(park: Runtime, quantity: str, *, entity: str | None = None) -> dict[str, float]:
    rows = park.store.slots(Period.SLOT, *EVER, quantities=[quantity], entities=[entity] if entity else None)
    return dict(zip(rows["start"].dt.strftime("%H:%M"), rows["value"], strict=True))


def test_an_alert_is_told_in_both_languages_with_its_level_and_its_end(park: Runtime) -> None:
    park.state.save_alerts([alert(1.0, lasted=0.5), alert(0.25, entity="roof", severity="critical")])
    copy(park).run(NOW)
    told = park.store.alerts(*EVER)
    assert told["entity"].tolist() == ["hall", "roof"]
    assert told["severity"].tolist() == [2.0, 3.0]
    assert told["until"].tolist() == [pd.Timestamp("2026-11-12T03:35Z"), pd.NaT]
    assert told["title_zh"].str.startswith(("一号馆", "屋顶")).all()
    assert told["title_en"].str.startswith(("Hall 1", "Roof")).all()


def test_the_slots_an_alert_stood_in_have_its_level_and_the_one_after_has_none(park: Runtime) -> None:
    park.state.save_alerts([alert(1.0, lasted=0.5), alert(0.25, entity="roof", severity="critical")])
    copy(park).run(NOW)
    assert slots(park, "alert_level", entity="hall") == {"03:00": 2.0, "03:15": 2.0, "03:30": 2.0, "03:45": 0.0}
    assert slots(park, "alert_level", entity="roof") == {"03:45": 3.0, "04:00": 3.0}
    assert slots(park, "open_alerts") == {"03:00": 1.0, "03:15": 1.0, "03:30": 0.0, "03:45": 1.0, "04:00": 1.0}


def test_telling_again_and_a_restart_change_nothing(park: Runtime) -> None:
    park.state.save_alerts([alert(1.0, lasted=0.5)])
    first = copy(park)
    first.run(NOW)
    before = park.store.slots(Period.SLOT, *EVER)
    first.run(NOW)
    copy(park).run(NOW)
    pd.testing.assert_frame_equal(park.store.slots(Period.SLOT, *EVER), before)
    assert len(park.store.alerts(*EVER)) == 1
    assert park.store.revisions(*EVER).empty


def test_a_later_change_of_the_past_follows(park: Runtime) -> None:
    park.state.save_alerts([alert(2.0, lasted=1.0)])
    told = copy(park)
    told.run(NOW)
    park.state.save_alerts([alert(2.0, lasted=0.25)])
    told.run(NOW + MINUTE)
    levels = slots(park, "alert_level")
    assert levels == {"02:00": 2.0, "02:15": 2.0, "02:30": 0.0, "02:45": 0.0, "03:00": 0.0, "03:15": 0.0}
    assert park.store.alerts(*EVER)["until"].tolist() == [pd.Timestamp("2026-11-12T02:20Z")]


def test_an_alert_dated_otherwise_is_not_told_twice(park: Runtime) -> None:
    old = alert(1.0)
    park.state.save_alerts([old])
    told = copy(park)
    told.run(NOW)
    # What rules do when a replay dates an open alert otherwise: the one on record closes without length.
    park.state.save_alerts([replace(old, state="resolved", resolved_at=old.active_at), alert(3.0)])
    told.run(NOW)
    assert park.store.alerts(*EVER)["start"].tolist() == [pd.Timestamp(NOW - timedelta(hours=3))]


def test_a_pending_alert_is_nobodys_business(park: Runtime) -> None:
    park.state.save_alerts([replace(alert(0.1), state="pending", fired_at=None)])
    copy(park).run(NOW)
    assert park.store.alerts(*EVER).empty
    assert slots(park, "open_alerts") == {"04:00": 0.0}


def test_what_a_crash_left_half_done_is_done_by_the_next_start(park: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    park.state.save_alerts([alert(1.0, lasted=0.5)])
    with monkeypatch.context() as broken:
        broken.setattr(type(park.store), "replace_alerts", _pull_the_plug)
        with pytest.raises(OSError, match="pulled the plug"):
            copy(park).run(NOW)
    copy(park).run(NOW + 20 * MINUTE)
    assert len(park.store.alerts(*EVER)) == 1
    assert slots(park, "alert_level") == {"03:00": 2.0, "03:15": 2.0, "03:30": 2.0, "03:45": 0.0}


def _pull_the_plug(*_: object) -> int:
    raise OSError("pulled the plug")


def test_the_collector_is_counted_per_slot_through_restarts(park: Runtime) -> None:
    for minute, received, connected in ((0, 100, True), (1, 160, True), (2, 160, False), (3, 20, True), (10, 50, True)):
        status = replace(STATUS, received=received, connected=connected)
        # Each sample from a service that has just begun: what it knows is in the state file.
        CollectorLog(park.park, park.store, park.state).run(NOW + minute * MINUTE, {"": status})
    assert slots(park, "telegrams") == {"04:00": 180.0, "04:15": 30.0}
    assert slots(park, "collector_connected") == {"04:00": 0.75, "04:15": 1.0}
    assert park.store.revisions(*EVER).empty


def test_a_collector_not_heard_of_has_received_nothing_and_loses_nothing(park: Runtime) -> None:
    log = CollectorLog(park.park, park.store, park.state)
    gone = replace(STATUS, connected=False, received=0, error="not heard of")
    for minute, status in enumerate((STATUS, gone, replace(STATUS, received=105))):
        log.run(NOW + minute * MINUTE, {"": status})
    assert slots(park, "telegrams") == {"04:00": 105.0}


def test_without_a_collector_nothing_is_said_of_one(park: Runtime) -> None:
    CollectorLog(park.park, park.store, park.state).run(NOW, {})
    assert slots(park, "telegrams") == {}


def test_quarantine_is_told_as_it_stands(park: Runtime) -> None:
    park.state.quarantine([QuarantineItem(NOW, f"t/{n}", b"?", "no_template") for n in range(3)])
    CollectorLog(park.park, park.store, park.state).run(NOW, {"": STATUS})
    assert slots(park, "quarantined") == {"04:00": 3.0}


def readings(park: Runtime, *sent: tuple[str, float, float, int]) -> None:
    """Store readings of (device, minutes before NOW, delay in seconds, flags)."""
    times = [NOW - before * MINUTE for _, before, _, _ in sent]
    park.store.append_readings(
        readings_frame(
            pd.DataFrame(
                {
                    "time": times,
                    "device": [d for d, *_ in sent],
                    "quantity": "energy_import_kwh",
                    "channel": "",
                    "value": 1.0,
                    "received_at": [t + timedelta(seconds=s[2]) for t, s in zip(times, sent, strict=True)],
                    "flags": [s[3] for s in sent],
                }
            )
        )
    )


def late(park: Runtime) -> dict[tuple[str, str], float]:
    rows = park.store.slots(Period.SLOT, *EVER, quantities=["lateness_s"])
    return {
        (e, s.strftime("%d %H:%M")): v for e, s, v in zip(rows["entity"], rows["start"], rows["value"], strict=True)
    }


def test_the_longest_delay_of_a_closed_slot_counts(park: Runtime) -> None:
    readings(park, ("grid-1", 10, 2.0, 0), ("grid-1", 9, 31.5, 0), ("hall-1", 12, -4.0, 0), ("grid-1", 1, 900.0, 0))
    Lateness(park.park, park.store, park.state).run(NOW)
    assert late(park) == {("grid", "12 03:45"): 31.5, ("hall", "12 03:45"): 0.0}


def test_what_has_no_time_of_its_own_or_came_from_a_file_is_never_late(park: Runtime) -> None:
    readings(
        park, ("grid-1", 10, 99.0, int(ReadingFlag.TIME_UNCERTAIN)), ("hall-1", 10, 86_400.0, int(ReadingFlag.IMPORTED))
    )
    Lateness(park.park, park.store, park.state).run(NOW)
    assert late(park) == {}


def test_data_that_come_a_day_late_change_the_slot_they_belong_to(park: Runtime) -> None:
    lateness = Lateness(park.park, park.store, park.state)
    readings(park, ("grid-1", 26 * 60, 2.0, 0))
    lateness.run(NOW - timedelta(hours=25, minutes=30))
    assert late(park) == {("grid", "11 02:00"): 2.0}
    lateness.run(NOW)
    readings(park, ("grid-1", 26 * 60 - 1, 90_000.0, 0))
    yesterday = (NOW - timedelta(days=1)).date()
    lateness.touched(ComputeResult(2, yesterday, NOW.date(), NOW, 1, 0))
    Lateness(park.park, park.store, park.state).run(NOW)
    assert late(park) == {("grid", "11 02:00"): 90_000.0}
