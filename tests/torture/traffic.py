"""A park, a publisher that knows what it sent, and the comparison of its ledger with what was stored.

Every telegram is a pure function of its number, so the ledger is two counters and the numbers the broker acknowledged.
Four meters send device time, spread over past days as late data do; one sends none. All registers grow with time alone:
whatever gets lost or comes twice, the energy between the first and the last reading is known to the watt-hour.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue

import numpy as np
import paho.mqtt.client as mqtt
import pandas as pd

from core.clock import SystemClock
from core.park import Park
from core.park_file import load_park
from core.timebase import day_of
from ingest.router import Router
from ingest.templates import load_templates
from models.points import point_series
from models.samples import split
from models.series import grid_of
from store.opening import open_store
from store.state import SqliteState
from tests.conftest import wait_for

TIMED = ("grid-1", "hall-1", "hall-2", "roof-1")
BARE = "hall-3"
PROBE = "met-1"
DAY_US = 86_400_000_000
FIRST_WH = 1_000_000
BARE_STEP_WH = 7
BARE_EVERY_S = 1.0
MOST_UNACKNOWLEDGED = 4000
QUANTITY = "energy_import_kwh"

PARK = """
id: torture
name: Torture
latitude: 31.2
longitude: 121.5
timezone: Asia/Shanghai
http: {port: 0}
state: STATE
store: STORE
mqtt: {port: PORT, keepalive_s: KEEPALIVE}
points:
  - {id: grid, role: grid, name: Grid, devices: [{id: grid-1, template: json, rating_kw: 500}]}
  - {id: hall-1, role: load, name: Hall 1, devices: [{id: hall-1, template: json, rating_kw: 500}]}
  - {id: hall-2, role: load, name: Hall 2, devices: [{id: hall-2, template: json, rating_kw: 500}]}
  - {id: hall-3, role: load, name: Hall 3, devices: [{id: hall-3, template: json, rating_kw: 500, interval_s: 2}]}
  - {id: roof-1, role: load, name: Roof, devices: [{id: roof-1, template: json, rating_kw: 500}]}
  - {id: weather, role: weather, name: Weather, devices: [{id: met-1, template: json}]}
carbon:
  - {scheme: location, region: CN-SH}
"""


def write_park(
    folder: Path,
    port: int,
    *,
    influx_url: str | None = None,
    store: Path | None = None,
    state: Path | None = None,
    keepalive_s: int = 30,
    timeout_s: float = 10.0,
) -> Path:
    """Write PARK.yaml of the tortured park, on the embedded store unless it is given an InfluxDB."""
    kept = f"{{path: {store or folder / 'data' / 'park.duckdb'}}}"
    if influx_url:
        kept = f"{{kind: influx, url: '{influx_url}', database: torture, timeout_s: {timeout_s}}}"
    words = {
        "STORE": kept,
        "STATE": str(state or folder / "data" / "state.sqlite"),
        "PORT": str(port),
        "KEEPALIVE": str(keepalive_s),
    }
    text = PARK
    for name, value in words.items():
        text = text.replace(name, value)
    path = folder / "PARK.yaml"
    path.write_text(text)
    return path


def begin_session(park_file: Path) -> None:
    """Make the collector's persistent session: what nobody has asked for a broker keeps for nobody."""
    park = load_park(park_file)
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"parkwatt-{park.id}", clean_session=False)
    granted: list[object] = []
    client.on_subscribe = lambda *_: granted.append(True)
    client.connect(park.mqtt.host, park.mqtt.port)
    client.loop_start()
    client.subscribe([(t, 1) for t in Router(park, load_templates()).subscriptions])
    wait_for(lambda: granted, what="SUBACK")
    client.disconnect()
    client.loop_stop()


class Traffic:
    """Publishes at QoS 1 from a thread of its own until stopped."""

    def __init__(
        self, port: int, seed: int, rate_per_s: float = 400.0, twice: float = 0.05, *, days: int = 3, live: bool = False
    ) -> None:
        """Spread device times over so many past days, a reading a second; or let them be those of now."""
        now = SystemClock().now().replace(microsecond=0)
        self.days = 1 if live else days
        self.start_at = now if live else now.replace(hour=0, minute=0, second=0) - timedelta(days=days + 1)
        self.step_us = round(1e6 * len(TIMED) / rate_per_s) if live else 1_000_000
        self._start_us = round(self.start_at.timestamp() * 1e6)
        self._draw = random.Random(seed)  # noqa: S311 - a seeded choice of telegrams, no secret
        self._rate_per_s, self._twice = rate_per_s, twice
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="ledger", clean_session=False)
        self._client.max_inflight_messages_set(1000)
        self._client.max_queued_messages_set(0)
        self._client.reconnect_delay_set(1, 1)
        self._confirmed: SimpleQueue[int] = SimpleQueue()
        self._client.on_publish = lambda _c, _u, mid, _code, _p: self._confirmed.put(mid)
        self._client.connect("127.0.0.1", port)
        self._pending: dict[int, tuple[str, int]] = {}
        self._stopping, self._thread = threading.Event(), threading.Thread(target=self._run, daemon=True)
        self._probes = 0
        self.telegrams = 0
        self.timed = self.bare = 0  # how many of each were published
        self.timed_acked: dict[int, float] = {}  # number -> when
        self.bare_acked: dict[int, float] = {}

    @property
    def acknowledged(self) -> int:
        """How many different telegrams the broker has confirmed."""
        return len(self.timed_acked) + len(self.bare_acked)

    @property
    def published(self) -> int:
        """How many different telegrams were published."""
        return self.timed + self.bare

    def open(self, park_file: Path) -> None:
        """Send a first reading of every meter and see it stored: in a burst later it would say nothing of its time."""
        self._client.loop_start()
        wait_for(self._client.is_connected, what="the publisher's connection")
        for _ in range(len(TIMED) * self.days):
            self._publish_timed()
        self._publish_bare()
        self._settle()
        self.settle_stored(park_file)
        time.sleep(1.2 * BARE_EVERY_S)

    def start(self) -> None:
        """Begin to publish."""
        self._thread.start()

    def stop(self) -> None:
        """End with a last reading of every meter, everything acknowledged."""
        self._stopping.set()
        self._thread.join()
        self._settle()
        time.sleep(1.2 * BARE_EVERY_S)
        self._publish_bare()
        self._settle()

    def close(self) -> None:
        """Hang up."""
        self._stopping.set()
        self._client.disconnect()
        self._client.loop_stop()

    def settle_stored(self, park_file: Path, seconds: float = 120.0) -> None:
        """Wait until a telegram published after all others is marked: the broker delivers in order."""
        self._probes += 1
        day = self.start_at - timedelta(days=self._probes)
        payload = json.dumps({"time": day.isoformat(), "temp_air_c": 20})
        state = SqliteState(load_park(park_file).state, SystemClock())

        def arrived() -> bool:
            self._client.publish(f"parkwatt/{PROBE}/telemetry", payload, 1)
            time.sleep(0.2)
            return any(m.device == PROBE and m.day == day.date() for m in state.dirty())

        try:
            wait_for(arrived, seconds, "everything to be stored")
        finally:
            state.close()

    # -- what a telegram holds

    def timed_reading(self, number: int) -> tuple[str, int, int]:
        """Return device, microseconds since 1970 and register in Wh of one telegram."""
        turn, device = divmod(number, len(TIMED))
        step, day = divmod(turn, self.days)
        assert step * self.step_us < DAY_US, "one day's readings would run into the next"
        after_us = day * DAY_US + step * self.step_us
        return TIMED[device], self._start_us + after_us, FIRST_WH + after_us // self.step_us

    def number_at(self, device: str, times_us: np.ndarray) -> np.ndarray:
        """Return the numbers of the telegrams that hold these readings; -1 where none can."""
        day, rest = np.divmod(times_us - self._start_us, DAY_US)
        step, odd = np.divmod(rest, self.step_us)
        number = (step * self.days + day) * len(TIMED) + TIMED.index(device)
        return np.where((odd == 0) & (day >= 0) & (day < self.days), number, -1)

    # -- the thread

    def _run(self) -> None:
        begun = bare_at = time.monotonic()
        made = 0
        while not self._stopping.wait(0.01):
            now = time.monotonic()
            self._collect()
            if now >= bare_at:
                bare_at += BARE_EVERY_S
                self._publish_bare()
            due = int((now - begun) * self._rate_per_s)
            # Behind a broker that is away nothing is made up for: the ledger would only grow.
            while made < due and len(self._pending) < MOST_UNACKNOWLEDGED:
                self._publish_timed()
                made += 1
            made = max(made, due - 200)

    def _publish_timed(self) -> None:
        device, time_us, register_wh = self.timed_reading(self.timed)
        at = datetime.fromtimestamp(time_us / 1e6, UTC).isoformat()
        payload = json.dumps({"time": at, QUANTITY: register_wh / 1000})
        self._send(device, payload, ("timed", self.timed))
        self.timed += 1
        if self._draw.random() < self._twice:
            self._client.publish(f"parkwatt/{device}/telemetry", payload, 1)

    def _publish_bare(self) -> None:
        payload = json.dumps({QUANTITY: (FIRST_WH + BARE_STEP_WH * self.bare) / 1000})
        self._send(BARE, payload, ("bare", self.bare))
        self.bare += 1

    def _send(self, device: str, payload: str, key: tuple[str, int]) -> None:
        info = self._client.publish(f"parkwatt/{device}/telemetry", payload, 1)
        self._pending[info.mid] = key

    def _collect(self) -> None:
        now = time.monotonic()
        while True:
            try:
                kind, number = self._pending.pop(self._confirmed.get_nowait(), ("", 0))
            except Empty:
                return
            if kind:
                (self.timed_acked if kind == "timed" else self.bare_acked)[number] = now

    def _settle(self) -> None:
        def confirmed() -> bool:
            self._collect()
            return not self._pending

        wait_for(confirmed, what="the broker to acknowledge")


@dataclass
class Outcome:
    """The ledger held against the store."""

    published: int = 0
    acknowledged: int = 0
    stored: int = 0
    invented: int = 0
    lost: list[tuple[str, int]] = field(default_factory=list)  # kind and number
    wrong: list[str] = field(default_factory=list)
    energy_wh: dict[str, int] = field(default_factory=dict)
    expected_wh: dict[str, int] = field(default_factory=dict)

    @property
    def energy_right(self) -> bool:
        """Whether every meter's slots add up to its register difference."""
        return self.energy_wh == self.expected_wh

    @property
    def right(self) -> bool:
        """Whether nothing was lost or invented, not a watt-hour."""
        return not self.lost and not self.invented and self.energy_right


def compare(park_file: Path, traffic: Traffic, span: timedelta = timedelta(hours=6)) -> Outcome:
    """Hold the store against the ledger, reading by reading and watt-hour by watt-hour.

    `span` is how far from the truth the time of receipt may lie.
    """
    park = load_park(park_file)
    store = open_store(park)
    try:
        now = SystemClock().now()
        frame = store.readings(traffic.start_at - span, now + span, quantities=[QUANTITY])
    finally:
        store.close()
    outcome = Outcome(published=traffic.published, acknowledged=traffic.acknowledged, stored=len(frame))
    for device in TIMED:
        _compare_timed(frame[frame["device"] == device], device, traffic, outcome)
    _compare_bare(frame[frame["device"] == BARE], traffic, outcome)
    _energies(park, frame, traffic, outcome)
    return outcome


def _compare_timed(rows: pd.DataFrame, device: str, traffic: Traffic, outcome: Outcome) -> None:
    times_us = rows["time"].to_numpy("datetime64[us]").astype("int64")
    numbers = traffic.number_at(device, times_us)
    expected_wh = np.array([traffic.timed_reading(int(n))[2] if n >= 0 else -1 for n in numbers])
    sent = (numbers >= 0) & (numbers < traffic.timed)
    right = sent & (np.rint(rows["value"].to_numpy() * 1000) == expected_wh)
    outcome.invented += int(np.count_nonzero(~right)) + len(numbers) - len(np.unique(numbers))
    outcome.wrong += [f"{device} {t} µs was never sent so" for t in times_us[~right][:3].tolist()]
    mine = TIMED.index(device)
    found = set(numbers.tolist())
    outcome.lost += [("timed", n) for n in traffic.timed_acked if n % len(TIMED) == mine and n not in found]


def _compare_bare(rows: pd.DataFrame, traffic: Traffic, outcome: Outcome) -> None:
    values_wh = np.rint(rows["value"].to_numpy() * 1000).astype("int64")
    numbers, odd = np.divmod(values_wh - FIRST_WH, BARE_STEP_WH)
    never = (odd != 0) | (numbers < 0) | (numbers >= traffic.bare)
    outcome.invented += int(np.count_nonzero(never))
    found = set(numbers.tolist())
    outcome.lost += [("bare", n) for n in traffic.bare_acked if n not in found]


def _energies(park: Park, frame: pd.DataFrame, traffic: Traffic, outcome: Outcome) -> None:
    samples = split(frame)
    first, last = (day_of(t.to_pydatetime(), park.zone) for t in (frame["time"].min(), frame["time"].max()))
    grid = grid_of(first, last, park.zone, SystemClock().now() + timedelta(days=1))
    for point in park.points:
        if point.role == "weather":
            continue
        device = point.devices[0].id
        series = point_series(point, samples, grid)
        outcome.energy_wh[device] = round(float(np.nansum(series.imported.value)) * 1000)
    # What was published is what flowed, whatever of it was lost on the way.
    last_s = {d: max(traffic.timed_reading(n)[2] for n in _last_numbers(traffic, d)) for d in TIMED}
    outcome.expected_wh = {d: last_s[d] - FIRST_WH for d in TIMED} | {BARE: BARE_STEP_WH * (traffic.bare - 1)}


def _last_numbers(traffic: Traffic, device: str) -> list[int]:
    return [
        n
        for n in range(max(0, traffic.timed - len(TIMED) * traffic.days), traffic.timed)
        if n % len(TIMED) == TIMED.index(device)
    ]


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition; say whether it came about."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False
