"""The MQTT session: receives at QoS 1 and acknowledges only what the writer says is stored.

MQTT 3.1.1, a persistent session under a stable client id, acknowledgements by hand. The broker is the spool: what is
not acknowledged it delivers again, after a crash of ours or a cut line. One thread of ours drives paho's client
through its interface for external event loops, so an exception can neither end that thread unseen nor stop its pings.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from core.clock import Clock
from core.errors import ConfigError
from core.park import Broker
from ingest.backoff import Backoff
from ingest.credentials import CONNECT_TIMEOUT_S, check_credentials, introduce, words_of
from ingest.device_time import microseconds
from ingest.handoff import Handoff, Received
from ingest.wire import Wire

log = logging.getLogger(__name__)

TICK_S = 0.5
HELD_TICK_S = 0.01
HOLD_S = 2.0  # so long the writer may be behind before the broker is left alone
MOST_TO_PUBLISH = 1000
# paho finds a dead line after two of its keepalives: with this share of ours, within one and a half.
KEEPALIVE_SHARE = 0.75
ASIDE_ATTEMPTS = 2  # connections lost over the extra topics before they are given up
SUCCESS = MQTTErrorCode.MQTT_ERR_SUCCESS


class Session:
    """One persistent session with a broker, kept up for ever by its own thread."""

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        subscriptions: Sequence[str],
        handoff: Handoff,
        clock: Clock,
        backoff: Backoff | None = None,
        aside: Mapping[str, Callable[[bytes], None]] | None = None,
        outdated: Sequence[str] = (),
    ) -> None:
        """Prepare a session.

        `aside` names topics that are no devices', received at QoS 0 by a callable each, which must not block;
        `outdated` filters the session may still be subscribed to and should not be.
        """
        self._broker = broker
        self._client_id = client_id
        self._subscriptions = tuple(subscriptions)
        self._aside = dict(aside or {})
        self._aside_mid: int | None = None
        self._aside_lost = 0
        self._outdated = [f for f in outdated if f not in self._subscriptions]
        self._handoff = handoff
        self._clock = clock
        self._backoff = backoff or Backoff()
        check_credentials(broker)
        self._refusal: str | None = None
        self._acks: deque[list[Received]] = deque()
        self._to_publish: deque[tuple[str, bytes]] = deque(maxlen=MOST_TO_PUBLISH)
        self._late: dict[int, Received] = {}
        self._burst: list[Received] = []
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._paused = threading.Event()
        self._failures = 0
        self._epoch = 0
        self._callback_error: Exception | None = None
        self._held_since_s: float | None = None
        self._up = False
        self._error: str | None = None
        self._renewing = threading.Event()
        self.sessions: deque[bool] = deque()  # for every connection, whether the broker still knew the session
        self.pauses = 0
        self.restarts = 0
        self.storing_first = False

    # -- asked from any thread

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and the thread that serves it lives."""
        return self._up and self._thread is not None and self._thread.is_alive()

    @property
    def error(self) -> str | None:
        """What keeps messages from coming, in words; None while all is well."""
        if self._thread is not None and not self._thread.is_alive() and not self._stopping.is_set():
            return "the thread that receives has ended"
        if self.storing_first:
            return "receiving faster than storing: waiting until what was received is stored"
        return self._error

    @property
    def alive(self) -> bool:
        """Whether the receiving thread runs, or is not meant to."""
        return self._thread is None or self._thread.is_alive() or self._stopping.is_set()

    def start(self) -> None:
        """Begin connecting; an unreachable broker is no failure."""
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    def restart(self) -> None:
        """Start the receiving thread again, where it has ended; it holds nothing that could be lost."""
        if not self.alive:
            self.restarts += 1
            self.start()

    def renew(self) -> None:
        """Connect and subscribe anew: the connection seems to stand, yet nothing comes."""
        self._renewing.set()
        self._wake()

    def pause(self) -> None:
        """Receive no more, but stay connected for acknowledgements."""
        self._paused.set()
        self._wake()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Send what is left to acknowledge, disconnect and keep the session at the broker."""
        self._stopping.set()
        self._wake()
        if self._thread is not None:
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                return  # hangs in a connect; as a daemon it ends with the process
        self._wake_read.close()
        self._wake_write.close()

    def acknowledge(self, messages: Sequence[Received]) -> None:
        """Tell the broker that these are ours now."""
        self._acks.append([m for m in messages if m.qos > 0])
        self._wake()

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message at QoS 0 while there is a connection; who needs it to arrive has to ask again."""
        self._to_publish.append((topic, payload))
        self._wake()

    def _wake(self) -> None:
        # Full: a wake-up is already on its way. Closed: nobody is left to wake.
        with contextlib.suppress(OSError):
            self._wake_write.send(b"\0")

    # -- the thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._one_connection()
            except (
                OSError,
                ValueError,
                ConfigError,
            ) as error:  # paho raises ValueError for a bad host name or certificate
                self._lost(words_of(error))
            except Exception as error:
                log.exception("receiving failed unexpectedly")
                self._lost(f"{type(error).__name__}: {error}")
            self._up = False
            if not self._stopping.is_set() and self._failures:
                self._stopping.wait(self._backoff.delay_s(self._failures))

    def _lost(self, reason: str) -> None:
        """Note a failure; the log gets one line per cause, not one per attempt."""
        self._failures += 1
        self._up = False
        self._note_aside(answered=False)
        message = f"broker {self._broker.host}:{self._broker.port}: {reason}"
        if message != self._error:
            log.warning("%s; trying again until it answers", message, extra={"reason": reason})
        self._error = message

    def _one_connection(self) -> None:
        while self._handoff.over_high_water and not self._stopping.wait(TICK_S / 10):
            pass
        if self._stopping.is_set():
            return
        # A new epoch: packet ids of the last connection mean nothing on this one.
        self._epoch += 1
        self._held_since_s = None
        self._burst = []  # read, but not handed over before the line broke: the broker brings it again
        client = self._client()
        try:
            client.connect(self._broker.host, self._broker.port, int(KEEPALIVE_SHARE * self._broker.keepalive_s))
            full = self._serve(client)
        finally:
            _drop(client)
            self._up = False
        if full:
            self._wait_until_drained()

    def _client(self) -> Wire:
        # A client per connection carries nothing over from the last one; the session itself lives at the broker.
        client = Wire(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=False,
            protocol=mqtt.MQTTv311,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.suppress_exceptions = True
        introduce(client, self._broker)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _serve(self, client: Wire) -> bool:
        """Serve one connection until it ends; True where we ended it because the writer cannot keep up."""
        give_up_s = self._clock.monotonic_s() + CONNECT_TIMEOUT_S
        next_check_s = 0.0
        while (line := client.socket()) is not None:
            self._send_acks(client)
            if self._to_publish and self._up:
                client.publish(*self._to_publish.popleft(), qos=0)
            if self._stopping.is_set() and not self._acks and not client.want_write():
                return False
            if self._renewing.is_set():
                self._renewing.clear()
                return False
            if self._up and (self._handoff.over_high_water or self._held_for_s() > HOLD_S):
                self.pauses += 1
                log.warning(
                    "receiving faster than storing: disconnected until %d messages are stored",
                    self._handoff.pending,
                    extra={"pending": self._handoff.pending},
                )
                return True
            self._exchange(client, line)
            self._raise_callback_error()
            now_s = self._clock.monotonic_s()
            if now_s >= next_check_s:
                next_check_s = now_s + 2 * TICK_S
                client.loop_misc()
            if not self._up and now_s > give_up_s:
                raise TimeoutError("connected, but it does not answer as an MQTT broker")
        # A broker may close before its reason for that reaches us: the last one it gave still holds.
        self._refusal = words_of(client.refusal) if client.refusal else self._refusal
        if self._refusal is not None and not self._up and not self._stopping.is_set():
            raise ConnectionError(self._refusal)
        if not self._stopping.is_set() and self._error is None:
            raise ConnectionError("closed the connection")
        return False

    def _held_for_s(self) -> float:
        """Say how long we have read nothing because what came is not stored yet."""
        if not (self._handoff.filling and self._up):
            self._held_since_s = None
            return 0.0
        now_s = self._clock.monotonic_s()
        self._held_since_s = now_s if self._held_since_s is None else self._held_since_s
        return now_s - self._held_since_s

    def _raise_callback_error(self) -> None:
        error, self._callback_error = self._callback_error, None
        if error is not None:
            raise error

    def _exchange(self, client: Wire, line: mqtt.SocketLike) -> None:
        """Wait for the broker or for acknowledgements to send, and move bytes both ways."""
        # The line itself holds the broker back for a moment. Not for long: what we do not read is also its pings.
        reading = not self._paused.is_set() and self._held_since_s is None
        poller = select.poll()
        poller.register(self._wake_read, select.POLLIN)
        poller.register(line, (select.POLLIN if reading else 0) | (select.POLLOUT if client.want_write() else 0))
        buffered = reading and isinstance(line, ssl.SSLSocket) and line.pending() > 0
        tick_s = TICK_S if reading else HELD_TICK_S
        ready = dict(poller.poll(0 if buffered else tick_s * 1000))
        if self._wake_read.fileno() in ready:
            self._wake_read.recv(65536)
        events = ready.get(line.fileno(), 0)
        if events & select.POLLOUT:
            client.flush()
            client.loop_write()
        if buffered or events & ~select.POLLOUT:
            self._read(client)

    def _read(self, client: Wire) -> None:
        """Read what has come, and hand it over at once."""
        client.read_ahead()
        now_us = microseconds(self._clock.now())
        while True:
            if not self._late:
                self._burst += client.messages(now_us + len(self._burst), self._epoch)
            if not client.wants_paho or client.loop_read() != SUCCESS:
                break
        burst, self._burst = self._burst, []
        if aside := [m for m in burst if m.topic in self._aside]:
            burst = [m for m in burst if m.topic not in self._aside]
            for message in aside:
                self._aside[message.topic](message.payload)
            self._acks.append([m for m in aside if m.qos])
        if burst:
            self._handoff.put(burst)

    def _send_acks(self, client: Wire) -> None:
        while self._acks and client.socket() is not None:
            messages = self._acks.popleft()
            client.acknowledge([m.mid for m in messages if m.epoch == self._epoch])
            # Of another connection: that one is gone, and the packet id may belong to another message by now.
            # Remembered until the broker brings it again: otherwise a backlog that overfills us would be stored from
            # its start on every connection, and never end.
            self._late |= {m.mid: m for m in messages if m.epoch != self._epoch}

    def _wait_until_drained(self) -> None:
        self.storing_first = True
        try:
            while not self._handoff.drained and not self._stopping.wait(TICK_S / 10):
                pass
        finally:
            self.storing_first = False
        log.info("caught up; connecting again")

    # -- paho's callbacks; they only take note

    def _on_connect(
        self, client: mqtt.Client, _data: object, flags: mqtt.ConnectFlags, code: ReasonCode, _props: Properties | None
    ) -> None:
        self._refusal = None
        if code.is_failure:
            self._lost(f"refuses us: {code}")
            return
        self._up = True
        self._failures = 0
        self._error = None
        if not flags.session_present:
            self._late.clear()  # a new session counts its packets anew
        self.sessions.append(flags.session_present)
        if self._outdated:
            client.unsubscribe(self._outdated)
        # Also on a resumed session: the list may have changed since, and subscribing again costs nothing.
        if self._subscriptions:
            client.subscribe([(topic, 1) for topic in self._subscriptions])
        if self._aside and self._aside_lost < ASIDE_ATTEMPTS:
            _, self._aside_mid = client.subscribe([(topic, 0) for topic in self._aside])
        log.info(
            "connected to broker %s:%d",
            self._broker.host,
            self._broker.port,
            extra={"session_present": flags.session_present, "subscriptions": list(self._subscriptions)},
        )

    def _on_subscribe(
        self, _client: mqtt.Client, _data: object, mid: int, codes: list[ReasonCode], _props: Properties | None
    ) -> None:
        if mid == self._aside_mid:
            self._note_aside(answered=True)
            return
        refused = [t for t, c in zip(self._subscriptions, codes, strict=False) if c.is_failure]
        if refused:
            self._error = f"the broker refuses the subscription to {', '.join(refused)}"
            log.error("%s", self._error)

    def _note_aside(self, *, answered: bool) -> None:
        """Remember whether the broker minds being asked for the extra topics: some close the connection over it."""
        waited, self._aside_mid = self._aside_mid is not None, None
        if waited:
            self._aside_lost = 0 if answered else self._aside_lost + 1

    def _on_disconnect(
        self,
        _client: mqtt.Client,
        _data: object,
        _flags: mqtt.DisconnectFlags,
        code: ReasonCode,
        _props: Properties | None,
    ) -> None:
        if self._up and code.is_failure:
            self._lost(f"connection lost: {code}")
        self._up = False

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        try:
            self._take(message)
        except Exception as error:  # noqa: BLE001 - raised again by the thread, outside of paho
            # Neither handed over nor acknowledged: only a new connection brings it again.
            self._callback_error = error

    def _take(self, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "\N{REPLACEMENT CHARACTER}"
        now_us = microseconds(self._clock.now())
        received = Received(topic, bytes(message.payload), now_us, message.mid, message.qos, self._epoch)
        late = self._late.pop(message.mid, None) if message.qos else None
        if late is not None and message.dup and (late.topic, late.payload) == (received.topic, received.payload):
            self._acks.append([received])  # stored already
        else:
            self._burst.append(received)


def _drop(client: mqtt.Client) -> None:
    """Say goodbye where anybody still listens, and close."""
    if client.socket() is not None:
        client.disconnect()
    if client.socket() is not None:
        client.loop_write()
