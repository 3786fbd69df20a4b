"""The collector: session and writer wired together for one park."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime

from core.clock import Clock, SteadyClock
from core.failpoint import failpoint_from_environment
from core.park import Park
from core.store import State, Store
from ingest.checks import LiveChecks
from ingest.handoff import Handoff
from ingest.router import Router
from ingest.session import Session
from ingest.sparkplug import KEPT_UNDER, Nodes
from ingest.templates import load_templates
from ingest.writer import Writer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CollectorStatus:
    """How the collector is doing, counted since it started.

    `received` and `quarantined` count messages, `stored`, `future` and `out_of_range` readings; `pending` messages are
    received and not stored yet; `checks` counts readings by what ingest/checks.py noticed. `error` says in words what
    keeps readings from coming; None while all is well.
    """

    connected: bool
    received: int
    stored: int
    quarantined: int
    last_message_at: datetime | None
    pending: int
    error: str | None
    future: int = 0
    out_of_range: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    checks: dict[str, int] = field(default_factory=dict)


class Collector:
    """Receives the readings of a park's devices and stores them, until stopped.

    Raises ConfigError where PARK.yaml cannot be served: an unknown template, a password that is not there.
    """

    def __init__(self, park: Park, store: Store, state: State, clock: Clock, handoff: Handoff | None = None) -> None:
        router = Router(park, load_templates())
        self._handoff = handoff or Handoff()
        client_id = park.mqtt.client_id or f"parkwatt-{park.id}"
        # What devices without a clock send is stamped by ours: a clock set back must not shuffle their registers.
        self._session = Session(park.mqtt, client_id, router.subscriptions, self._handoff, SteadyClock(clock))
        kept = {k.removeprefix(KEPT_UNDER): v for k, v in state.values(KEPT_UNDER).items()} if router.sparkplug else {}
        self._writer = Writer(
            router,
            park.zone,
            store,
            state,
            self._handoff,
            self._session.acknowledge,
            clock,
            failpoint_from_environment(),
            LiveChecks(park),
            sparkplug=Nodes(clock, self._session.publish, kept) if router.sparkplug else None,
        )

    def start(self) -> None:
        """Begin receiving; a broker that cannot be reached is waited for."""
        self._writer.start()
        self._session.start()

    def stop(self) -> None:
        """Store and acknowledge what was received, then disconnect; the broker keeps the session."""
        self._session.pause()
        self._writer.stop()
        self._session.stop()
        log.info("collector stopped", extra={"pending": self._handoff.pending})

    def status(self) -> CollectorStatus:
        """Say how it is doing."""
        totals = self._writer.totals.copy()
        return CollectorStatus(
            connected=self._session.connected,
            received=self._handoff.received,
            stored=totals["readings"],
            quarantined=totals["quarantined"],
            last_message_at=self._handoff.last_received_at,
            pending=self._handoff.pending,
            error=self._writer.error or self._session.error,
            future=totals["future"],
            out_of_range=totals["out_of_range"],
            reasons={k.partition(".")[2]: n for k, n in totals.items() if k.startswith("quarantined.")},
            checks={k.partition(".")[2]: n for k, n in totals.items() if k.startswith("check.")},
        )
