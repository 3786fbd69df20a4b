"""What publishes on a broker, and what could stand in PARK.yaml for it.

Listens with a clean session of its own, so the collector's session and its queue stay as they are.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from datetime import datetime

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from core.clock import Clock
from core.errors import ConfigError
from core.park import Broker, Park
from ingest.credentials import CONNECT_TIMEOUT_S, passing_client, words_of
from ingest.proposal import Discovery, Hearing
from ingest.templates import load_templates

log = logging.getLogger(__name__)

EVERYTHING = "#"

Heard = Callable[[str, bytes, datetime, bool], None]


def discover(park: Park, seconds: float, clock: Clock, *, listening: threading.Event | None = None) -> Discovery:
    """Listen for so many seconds and return what was heard; `listening` is set once the broker sends.

    Raises ConfigError where the broker cannot be reached or refuses us.
    """
    templates = load_templates()
    hearing = Hearing(park, templates)
    subscriptions = sorted({m.subscription for t in templates.values() for m in t.messages})
    ear = _Ear(park.mqtt, f"parkwatt-discover-{secrets.token_hex(4)}", subscriptions, hearing.note, clock)
    ear.listen(seconds, listening or threading.Event())
    return hearing.found(seconds)


class _Ear:
    """A client that only listens. Where a broker refuses `#`, it asks for the templates' own topics."""

    def __init__(
        self, broker: Broker, client_id: str, subscriptions: Sequence[str], heard: Heard, clock: Clock
    ) -> None:
        self._broker = broker
        self._subscriptions = tuple(subscriptions)
        self._heard = heard
        self._clock = clock
        self._listening = threading.Event()
        self._failed = threading.Event()
        self._error = ""
        self._asked_one_by_one = False
        client = passing_client(broker, client_id)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        self._client = client

    def listen(self, seconds: float, listening: threading.Event) -> None:
        """Listen for so long, counted from when the broker accepted the subscription."""
        place = f"broker {self._broker.host}:{self._broker.port}"
        try:
            self._client.connect(self._broker.host, self._broker.port, self._broker.keepalive_s)
        except (OSError, ValueError) as error:
            raise ConfigError(f"{place}: {words_of(error)}", "see mqtt in PARK.yaml") from error
        self._client.loop_start()
        try:
            if not self._listening.wait(CONNECT_TIMEOUT_S):
                raise ConfigError(f"{place}: {self._error or 'does not answer'}", "see mqtt in PARK.yaml")
            listening.set()
            self._failed.wait(seconds)
        finally:
            self._client.disconnect()
            self._client.loop_stop()

    def _on_connect(
        self, client: mqtt.Client, _data: object, _flags: mqtt.ConnectFlags, code: ReasonCode, _props: Properties | None
    ) -> None:
        if code.is_failure:
            self._error = f"refuses us: {code}"
        else:
            self._asked_one_by_one = False
            client.subscribe(EVERYTHING)

    def _on_subscribe(
        self, client: mqtt.Client, _data: object, _mid: int, codes: list[ReasonCode], _props: Properties | None
    ) -> None:
        if not all(code.is_failure for code in codes):
            self._listening.set()
        elif self._asked_one_by_one:
            self._error = "refuses every subscription"
        else:
            # Asked for only then: a broker may deliver once for every filter that matches.
            self._asked_one_by_one = True
            client.subscribe([(topic, 0) for topic in self._subscriptions])

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        try:
            self._heard(message.topic, bytes(message.payload), self._clock.now(), message.retain)
        except UnicodeDecodeError:
            return  # a topic that is no text belongs to no template
        except Exception:
            # An exception here would end paho's thread unseen.
            log.exception("could not look at a message")
