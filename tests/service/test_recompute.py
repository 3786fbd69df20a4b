"""History follows a PARK.yaml that was put right."""

from __future__ import annotations

import logging
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.archived import DROPPED
from core.clock import ManualClock
from core.errors import ConfigError
from core.frames import readings_frame
from core.park_file import load_park
from core.quantities import Period
from models.series import to_us
from service import address, basis, recompute_command
from service.recompute_command import recompute
from service.runner import Runtime, catch_up, opened
from tests.conftest import SMALL_PARK

NOW = datetime(2026, 10, 5, 4, 0, tzinfo=UTC)  # noon in the park
FIRST = datetime(2026, 9, 30, 16, 0, tzinfo=UTC)  # midnight in the park


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Five October days of one roof and a light sensor, computed with the roof 10 degrees to the south."""
    path = tmp_path / "PARK.yaml"
    shutil.copy(SMALL_PARK, path)
    times = pd.date_range(FIRST, NOW, freq="15min", unit="us")
    hours = np.arange(len(times)) / 4
    light = 700.0 * np.clip(np.sin((hours % 24 - 6) / 12 * np.pi), 0, None)
    with opened(load_park(path), ManualClock(NOW), "", "ingest", "serve") as runtime:
        for device, quantity, values in (
            ("inv-a", "energy_export_kwh", 100 + np.cumsum(light) / 50),
            ("met-1", "ghi_wm2", light),
        ):
            frame = {"time": times, "device": device, "quantity": quantity, "channel": "", "value": values}
            runtime.store.append_readings(readings_frame(pd.DataFrame({**frame, "received_at": times, "flags": 0})))
            runtime.state.mark_dirty({(device, t.date()) for t in times})
        catch_up(runtime)
    return path


def turned(config: Path) -> None:
    text = config.read_text(encoding="utf-8")
    assert text.count("tilt: 10, azimuth: 180") == 1
    config.write_text(text.replace("tilt: 10, azimuth: 180", "tilt: 40, azimuth: 0"), encoding="utf-8")


def expected(runtime: Runtime) -> dict[date, float]:
    rows = runtime.store.slots(Period.DAY, FIRST, NOW, scope="array", entities=["roof-a"], quantities=["expected_kwh"])
    zone = runtime.park.zone
    return {t.astimezone(zone).date(): v for t, v in zip(rows["start"], rows["value"], strict=True)}


def test_the_expectation_of_past_days_follows_a_changed_tilt(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened(load_park(config), ManualClock(NOW), "", "serve") as runtime:
        before = expected(runtime)
    turned(config)
    with opened(load_park(config), ManualClock(NOW), "", "serve") as runtime:
        with caplog.at_level(logging.WARNING):
            catch_up(runtime)
        assert basis.DIFFERS in caplog.messages
        stood = expected(runtime)
        assert stood[date(2026, 10, 2)] == before[date(2026, 10, 2)] > 300
        caplog.clear()
        assert recompute(runtime).told() == "5 days computed anew, 2026-10-01 to 2026-10-05"
        assert basis.DIFFERS not in caplog.messages
        after = expected(runtime)
        for day in (1, 2, 3, 4):
            assert after[date(2026, 10, day)] < 0.8 * before[date(2026, 10, day)]


def test_a_range_leaves_other_days_as_they_were(config: Path) -> None:
    with opened(load_park(config), ManualClock(NOW), "", "serve") as runtime:
        before = expected(runtime)
    turned(config)
    with opened(load_park(config), ManualClock(NOW), "", "serve") as runtime:
        recompute(runtime, date(2026, 10, 3), date(2026, 10, 3))
        after = expected(runtime)
    assert after[date(2026, 10, 1)] == before[date(2026, 10, 1)]
    assert after[date(2026, 10, 3)] < before[date(2026, 10, 3)]


def test_days_whose_readings_are_archived_stand(config: Path) -> None:
    turned(config)
    with opened(load_park(config), ManualClock(NOW), "", "serve") as runtime:
        before = expected(runtime)
        second = datetime(2026, 10, 1, 16, 0, tzinfo=UTC)
        runtime.state.set_value(DROPPED + "2026-10", f"{to_us(FIRST)} {to_us(second)}")
        told = recompute(runtime).told()
        after = expected(runtime)
    assert "days stand as they were, 2026-10-01 to 2026-10-01: their readings are archived" in told
    assert after[date(2026, 10, 1)] == before[date(2026, 10, 1)]
    assert after[date(2026, 10, 3)] < before[date(2026, 10, 3)]


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (date(2026, 10, 3), date(2026, 10, 2), "--from 2026-10-03 is after --to 2026-10-02"),
        (None, date(2026, 10, 6), "2026-10-06 is yet to come"),
        (None, date(2026, 9, 1), "there are no readings up to 2026-09-01"),
    ],
)
def test_a_bad_range_is_refused(config: Path, first: date | None, last: date | None, words: str) -> None:
    with opened(load_park(config), ManualClock(NOW), "", "serve") as runtime:
        with pytest.raises(ConfigError, match=words):
            recompute(runtime, first, last)
        assert runtime.state.dirty() == []


def test_a_running_park_is_not_recomputed_behind_its_back(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "running", lambda _park: address.Address("http://127.0.0.1:1", "token", 1))
    with pytest.raises(ConfigError, match="stop it, recompute"):
        recompute_command.command(load_park(config), None, None)
