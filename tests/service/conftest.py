"""One demo park with its 60 days of history, computed once for all tests that look at it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.clock import ManualClock
from core.park_file import load_park
from ingest.files import import_files
from service.demo.faults import Faults
from service.demo.history import write_history
from service.demo.plant import Plant, epoch_of
from service.demo.site import park_yaml
from service.runner import Runtime, catch_up, opened

UNTIL = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)  # noon in the park
NOW = datetime(2026, 11, 20, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="session")
def demo_park(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """The demo park at noon of 20 November 2026; no test may change it."""
    folder: Path = tmp_path_factory.mktemp("demo")
    text = park_yaml(UNTIL)
    config = folder / "PARK.yaml"
    config.write_text(text, encoding="utf-8")
    park = load_park(config)
    plant = Plant(park, 1, Faults.demo(park, 1, epoch_of(park)))
    write_history(plant, UNTIL, folder / "history.parquet")
    with opened(park, ManualClock(NOW), text, "ingest", "serve") as runtime:
        import_files(park, runtime.store, runtime.state, [folder / "history.parquet"], runtime.clock, None)
        catch_up(runtime)
        yield runtime
