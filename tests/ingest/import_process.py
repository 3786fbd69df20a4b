"""An import in a process of its own, so that it can be killed."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from core.clock import ManualClock
from core.park_file import load_park
from ingest.files import import_files
from ingest.mapping import load_mapping
from store.opening import open_store
from store.state import SqliteState

park = load_park(Path(sys.argv[1]))
clock = ManualClock(datetime(2026, 11, 1, tzinfo=UTC))
state = SqliteState(park.state, clock)
store = open_store(park)
mapping = load_mapping(Path(sys.argv[3])) if len(sys.argv) > 3 else None
import_files(park, store, state, [Path(sys.argv[2])], clock, None, mapping)
store.close()
state.close()
