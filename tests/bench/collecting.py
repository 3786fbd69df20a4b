"""The collector as a process of its own, for the bench: says on its output when it is connected and when it is done.

`python -m tests.bench.collecting PARK.yaml READINGS` prints `connected`, and `done TIME` on the machine's monotonic
clock as soon as so many readings are committed; it ends when told to. `--bare` receives with as little as possible
instead: paho, orjson and DuckDB without one check, as something to measure ours by.
"""

from __future__ import annotations

import argparse
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import orjson
import paho.mqtt.client as mqtt
import pandas as pd

from core.clock import SystemClock
from core.park import Park
from core.park_file import load_park
from ingest.collector import Collector
from ingest.router import Router
from ingest.templates import load_templates
from service.memory import be_frugal, give_back
from store.opening import open_store
from store.state import SqliteState

LOOK_S = 0.01
BATCH, BATCH_S = 5000, 0.2


def collect(park: Park, report: Callable[[Callable[[], int]], None]) -> None:
    """Serve the park with everything that is ours."""
    clock = SystemClock()
    store, state = open_store(park), SqliteState(park.state, clock)
    collector = Collector(park, store, state, clock)
    give_back()  # as `parkwatt ingest` does
    collector.start()
    while not collector.status().connected:
        time.sleep(LOOK_S)
    report(lambda: collector.status().stored)
    collector.stop()
    store.close()
    state.close()


class Bare:
    """The least that brings telegrams into a table: no routes, no checks, no marks, acknowledged on receipt."""

    def __init__(self, park: Park) -> None:
        park.store.path.parent.mkdir(parents=True, exist_ok=True)
        self._table = duckdb.connect(park.store.path)
        self._table.execute("CREATE TABLE reading (time DOUBLE, topic VARCHAR, quantity VARCHAR, value DOUBLE)")
        self._waiting: list[mqtt.MQTTMessage] = []
        self.stored = 0
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=f"parkwatt-{park.id}", clean_session=False
        )
        self.client.on_message = lambda _client, _data, message: self._waiting.append(message)
        self.client.connect(park.mqtt.host, park.mqtt.port)

    def serve(self, ending: threading.Event) -> None:
        """Store what has come until told to end."""
        self.client.loop_start()
        since_s = time.monotonic()
        while not ending.is_set():
            batch = self._waiting[:BATCH]
            if len(batch) < BATCH and (not batch or time.monotonic() - since_s < BATCH_S):
                time.sleep(LOOK_S)
                continue
            del self._waiting[: len(batch)]
            self._store(batch)
            since_s = time.monotonic()
        self.client.loop_stop()
        self._table.close()

    def _store(self, batch: list[mqtt.MQTTMessage]) -> None:
        times, topics, quantities, values = [], [], [], []
        for message in batch:
            document = orjson.loads(message.payload)
            at, topic = datetime.fromisoformat(document.pop("time")).timestamp(), message.topic
            for quantity, value in document.items():
                times.append(at)
                topics.append(topic)
                quantities.append(quantity)
                values.append(value)
        # As numpy arrays they reach DuckDB at half the cost of lists.
        names = (np.array(column, dtype=object) for column in (topics, quantities))
        columns = zip(("time", "topic", "quantity", "value"), (np.array(times), *names, np.array(values)), strict=True)
        rows = pd.DataFrame(dict(columns))
        self._table.register("rows", rows)
        self._table.execute("INSERT INTO reading SELECT * FROM rows")
        self._table.unregister("rows")
        self.stored += len(rows)


def collect_bare(park: Park, report: Callable[[Callable[[], int]], None]) -> None:
    """Receive the park's telegrams with nothing that is ours."""
    bare, ending = Bare(park), threading.Event()
    thread = threading.Thread(target=bare.serve, args=(ending,))
    thread.start()
    while not bare.client.is_connected():
        time.sleep(LOOK_S)
    report(lambda: bare.stored)
    ending.set()
    thread.join()


def begin_session(port: int, client_id: str, topics: Sequence[str]) -> None:
    """Make a persistent session at the broker: from now on it is kept everything, whoever takes it over."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
    granted = threading.Event()
    client.on_subscribe = lambda *_: granted.set()
    client.connect("127.0.0.1", port)
    client.subscribe([(topic, 1) for topic in topics])
    client.loop_start()
    if not granted.wait(20):
        raise SystemExit("the broker does not answer")
    client.disconnect()
    client.loop_stop()


def begin_park_session(park: Park) -> None:
    """The same for the collector of a park."""
    begin_session(park.mqtt.port, f"parkwatt-{park.id}", Router(park, load_templates()).subscriptions)


def main() -> None:
    """Collect until told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("park", type=Path)
    parser.add_argument("readings", type=int)
    parser.add_argument("--bare", action="store_true")
    arguments = parser.parse_args()
    be_frugal()  # as every command does
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())

    def report(stored: Callable[[], int]) -> None:
        print("connected", flush=True)
        while stored() < arguments.readings and not ended.wait(LOOK_S):
            pass
        print(f"done {time.monotonic()}", flush=True)
        ended.wait()

    (collect_bare if arguments.bare else collect)(load_park(arguments.park), report)


if __name__ == "__main__":
    main()
