"""Backups while a real collector stores what a real broker brings: nothing stored before is missing, all settles."""

from __future__ import annotations

import copy
import time
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import ManualClock, SystemClock
from core.park_file import load_park
from core.quantities import Period
from models.compute import Compute
from service import address
from service.runner import catch_up, opened
from tests.conftest import wait_for
from tests.service.backups import EVER, done
from tests.torture.programs import Broker, Influx, Parkwatt
from tests.torture.traffic import Traffic, begin_session, compare, write_park

pytestmark = [pytest.mark.broker, pytest.mark.slow]
BACKUPS = 2


@pytest.mark.parametrize("influx", [False, pytest.param(True, marks=pytest.mark.influx)])
def test_backups_amid_traffic(tmp_path: Path, *, influx: bool) -> None:
    home = tmp_path / "home"
    home.mkdir()
    broker, store = Broker(tmp_path / "broker"), Influx(tmp_path / "influx") if influx else None
    broker.start()
    if store:
        store.start()
    try:
        config = write_park(home, broker.port, influx_url=store.url if store else None)
        begin_session(config)
        commands = (("ingest",), ("serve", "--port", "0")) if influx else (("run", "--port", "0"),)
        programs = [Parkwatt(c[0], str(config), *c[1:], log=home / f"{c[0]}.log") for c in commands]
        wait_for(lambda: address.running(load_park(config)), 60, "the service")
        traffic = Traffic(broker.port, 1)
        traffic.open(config)
        traffic.start()
        taken = []
        for number in range(BACKUPS):
            time.sleep(3)
            ledger = copy.copy(traffic)
            ledger.timed_acked, ledger.bare_acked = dict(traffic.timed_acked), dict(traffic.bare_acked)
            traffic.settle_stored(config)
            done("backup", config, tmp_path / f"backup-{number}")
            ledger.timed, ledger.bare = traffic.timed, traffic.bare
            taken.append(ledger)
        traffic.stop()
        traffic.close()
        for program in programs:
            program.stop()
        for number, ledger in enumerate(taken):
            elsewhere = tmp_path / f"elsewhere-{number}"
            elsewhere.mkdir()
            restored = write_park(elsewhere, broker.port)
            done("restore", tmp_path / f"backup-{number}", "--park", restored)
            outcome = compare(restored, ledger)
            assert (outcome.lost, outcome.invented, outcome.wrong) == ([], 0, [])
            assert len(ledger.timed_acked) > 500
            settles(restored)
    finally:
        broker.stop()
        if store:
            store.stop()


def settles(config: Path) -> None:
    """Compute what the backup says is outstanding; after that every day follows from the readings that are there."""
    park = load_park(config)
    # One moment for both: a slot that closes between them makes the month to date a longer one.
    with opened(park, ManualClock(SystemClock().now()), "", "ingest", "serve") as runtime:
        catch_up(runtime)
        assert runtime.state.dirty() == []
        days = runtime.store.slots(Period.DAY, *EVER)["start"]
        now = runtime.clock.now()
        first, last = (t.to_pydatetime().astimezone(park.zone).date() for t in (days.min(), days.max()))
        compute = Compute(park, runtime.store, runtime.state)
        found = compute.recompute(first, last - timedelta(days=1), now)
        assert (found.days >= 3, found.changed) == (True, 0)
