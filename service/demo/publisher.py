"""A paho client that hands every telegram to the broker at least once and writes down what was acknowledged."""

from __future__ import annotations

import csv
import hashlib
import threading
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from core.park import Broker, secret
from service.demo.telegrams import Telegram

LEDGER_COLUMNS = ("time", "device", "topic", "sha256", "import_kwh", "export_kwh", "acked")
MOST_UNACKNOWLEDGED = 500
INFLIGHT = 100
RECONNECT_S = (1, 15)


class Ledger:
    """A CSV of what was sent (acked 0) and acknowledged (acked 1), one line each."""

    def __init__(self, path: Path) -> None:
        fresh = not path.exists() or path.stat().st_size == 0
        self._file = path.open("a", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file)
        if fresh:
            self._rows.writerow(LEDGER_COLUMNS)

    def write(self, telegram: Telegram, acked: bool) -> None:
        """Add a line."""
        digest = hashlib.sha256(telegram.payload).hexdigest()
        registers = ("" if r is None else r for r in (telegram.import_kwh, telegram.export_kwh))
        self._rows.writerow(
            (telegram.time.isoformat(), telegram.device, telegram.topic, digest, *registers, int(acked))
        )

    def flush(self) -> None:
        """Hand the lines to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def last_acknowledged(path: Path) -> datetime | None:
    """Return the newest device time a ledger shows as acknowledged."""
    if not path.exists():
        return None
    with path.open(newline="", encoding="utf-8") as file:
        # A line that a kill cut short has no `acked`.
        times = [r["time"] for r in csv.DictReader(file) if r.get("acked") == "1"]
    return max((datetime.fromisoformat(t).astimezone(UTC) for t in times), default=None)


class Publisher:
    """Publishes with QoS 1; paho sends again after a reconnect what was not acknowledged."""

    def __init__(self, broker: Broker, client_id: str, ledger: Ledger | None = None, qos: int = 1) -> None:
        self._qos = qos
        self._ledger = ledger
        self._pending: dict[int, Telegram] = {}
        self._acknowledged: SimpleQueue[int] = SimpleQueue()
        self.sent = 0
        self.acked = 0
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True, protocol=MQTTProtocolVersion.MQTTv311
        )
        # Runs in paho's thread, where an exception would end it: only hand over.
        self._client.on_publish = lambda _c, _u, mid, _code, _properties: self._acknowledged.put(mid)
        self._client.max_inflight_messages_set(INFLIGHT)
        self._client.max_queued_messages_set(0)
        self._client.reconnect_delay_set(*RECONNECT_S)
        if broker.username:
            self._client.username_pw_set(broker.username, secret(broker.password_env, broker.password_file))
        if broker.tls:
            own, authority, key = (str(f) if f else None for f in (broker.cert_file, broker.ca_file, broker.key_file))
            self._client.tls_set(ca_certs=authority, certfile=own, keyfile=key)
        self._broker = broker

    def __enter__(self) -> Self:
        self._client.connect_async(self._broker.host, self._broker.port, self._broker.keepalive_s)
        self._client.loop_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self.collect()

    @property
    def unacknowledged(self) -> int:
        """How many telegrams the broker has not confirmed."""
        return len(self._pending)

    def publish(self, telegram: Telegram, stop: threading.Event) -> None:
        """Send a telegram; waits while too many are unconfirmed, unless told to stop."""
        while len(self._pending) >= MOST_UNACKNOWLEDGED and not stop.wait(0.05):
            self.collect()
        if self._ledger:
            self._ledger.write(telegram, acked=False)
        info = self._client.publish(telegram.topic, telegram.payload, self._qos)
        self._pending[info.mid] = telegram
        self.sent += 1

    def collect(self) -> None:
        """Take in confirmations."""
        while True:
            try:
                telegram = self._pending.pop(self._acknowledged.get_nowait(), None)
            except Empty:
                break
            if telegram:
                self.acked += 1
                if self._ledger:
                    self._ledger.write(telegram, acked=True)
        if self._ledger:
            self._ledger.flush()

    def settle(self, seconds: float) -> bool:
        """Wait until everything is confirmed; say whether it is."""
        pause = threading.Event()
        for _ in range(int(seconds / 0.02)):
            self.collect()
            if not self._pending:
                return True
            pause.wait(0.02)
        return not self._pending
