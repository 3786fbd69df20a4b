"""A collector with the real store and state, as a process of its own that tests may kill."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from core.clock import SystemClock
from core.park_file import load_park
from ingest.collector import Collector
from store.opening import open_store
from store.state import SqliteState


def main() -> None:
    park = load_park(Path(sys.argv[1]))
    clock = SystemClock()
    store, state = open_store(park), SqliteState(park.state, clock)
    collector = Collector(park, store, state, clock)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    collector.start()
    print("started", flush=True)
    ended.wait()
    collector.stop()
    store.close()
    state.close()


if __name__ == "__main__":
    main()
