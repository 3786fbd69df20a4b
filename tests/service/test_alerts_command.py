"""Alerts from a terminal, through the running service."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.clock import ManualClock
from core.park_file import load_park
from core.store import AlertRecord
from service.cli import main
from service.runner import Runtime, opened
from tests.service.conftest import SIX_WEEKS, written

NOW = datetime(2026, 11, 12, 4, 0, tzinfo=UTC)
SIGN = ["--author", "Li Wei"]


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    with opened(load_park(written(tmp_path)), ManualClock(NOW), SIX_WEEKS, "ingest", "serve") as made:
        since = NOW - timedelta(hours=3)
        params = {"since_at": since.isoformat(), "silent_minutes": 180.0, "device": "hall-1"}
        made.state.save_alerts(
            [AlertRecord("meter_silent/hall", "meter_silent", "hall", "warning", "firing", since, since, params=params)]
        )
        yield made


@pytest.mark.usefixtures("server")
def test_alerts_are_handled_from_a_terminal(runtime: Runtime, capsys) -> None:
    path = str(runtime.park.state.parent / "PARK.yaml")
    asked = ["alerts", path]
    assert main([*asked, "ack", "meter_silent/hall", *SIGN, "--text", "on my way"]) == 0
    assert main([*asked, "comment", "meter_silent/hall", *SIGN, "--text", "fuse"]) == 0
    quiet = ["silence", "--entity", "hall", "--until", "2026-11-13T08:00", *SIGN, "--reason", "moved"]
    assert main([*asked, *quiet]) == 0
    assert main([*asked, "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "meter_silent/hall: acknowledged · Li Wei, 2026-11-12 12:00",
        "meter_silent/hall: comment · Li Wei, 2026-11-12 12:00",
        "silence 1: every alert · Hall 1, 2026-11-12 12:00 – 2026-11-13 08:00",
        "meter_silent/hall  [warning] Hall 1: no data since 12 November, 09:00",
        "    Acknowledged by Li Wei, 2026-11-12 12:00: on my way",
        "    Silenced until 2026-11-13 08:00 by Li Wei: moved",
        "    2026-11-12 12:00 Li Wei: fuse",
        "silence 1: every alert · Hall 1, 2026-11-12 12:00 – 2026-11-13 08:00, Li Wei: moved",
    ]
    assert main([*asked, "unack", "meter_silent/hall", *SIGN]) == 0
    assert main([*asked, "unsilence", "1", *SIGN, "--reason", "done"]) == 0
    assert main([*asked, "unsilence", "1", *SIGN, "--reason", "again"]) == 2
    assert main([*asked, "ack", "meter_silent/roof", *SIGN]) == 2
    assert "there is no open alert meter_silent/roof" in capsys.readouterr().err


def test_without_a_service_it_says_what_to_do(runtime: Runtime, capsys) -> None:
    assert main(["alerts", str(runtime.park.state.parent / "PARK.yaml"), "list"]) == 2
    assert "the park is not running" in capsys.readouterr().err
