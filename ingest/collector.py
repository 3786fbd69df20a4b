"""The collector: session and writer wired together for one park."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime

from core.clock import Clock, SteadyClock
from core.failpoint import failpoint_from_environment
from core.park import Park
from core.store import State, Store
from ingest.broker_drops import DROPPED_TOPIC, DropWatch
from ingest.checks import LiveChecks
from ingest.handoff import Handoff
from ingest.router import Router
from ingest.session import Session
from ingest.session_memory import SessionMemory, left_sessions, place_of
from ingest.shards import WHOLE, checked_shard, client_id_of, collectors_of, shard_filters
from ingest.sparkplug import KEPT_UNDER, Nodes
from ingest.templates import load_templates
from ingest.warden import Warden, quiet_after_s
from ingest.writer import Writer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CollectorStatus:
    """How the collector is doing, counted since it started.

    `received` and `quarantined` count messages, `stored`, `future` and `out_of_range` readings; `pending` messages are
    received and not stored yet; `checks` counts readings by what ingest/checks.py noticed. `error` says in words what
    keeps readings from coming; None while all is well. `broker_dropped` is what the broker itself has thrown away, None
    where it does not tell; `forgotten` how often it had lost our session; `pauses` how often receiving stopped for the
    store to catch up; `renewed` and `restarts` how often the connection and its thread were begun anew.
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
    broker_dropped: int | None = None
    forgotten: int = 0
    pauses: int = 0
    renewed: int = 0
    restarts: int = 0


class Collector:
    """Receives the readings of a park's devices, or of one shard of them, and stores them, until stopped.

    Raises ConfigError where PARK.yaml cannot be served: an unknown template, a password that is not there, a shard it
    does not have.
    """

    def __init__(
        self, park: Park, store: Store, state: State, clock: Clock, handoff: Handoff | None = None, shard: str = WHOLE
    ) -> None:
        templates = load_templates()
        router = Router(park, templates)
        checked_shard(park, shard)
        filters = shard_filters(park, templates)[shard] if shard else router.subscriptions
        self._handoff = handoff or Handoff()
        memory = SessionMemory(park, shard, state)
        # The counter is the broker's, not ours: one of several collectors reads it.
        first = shard == collectors_of(park)[0]
        self._drops = DropWatch(park.id, place_of(park), state) if first else None
        self._session = Session(
            park.mqtt,
            client_id_of(park, shard),
            filters,
            self._handoff,
            # What devices without a clock send is stamped by ours: set back, it must not shuffle their registers.
            SteadyClock(clock),
            aside={DROPPED_TOPIC: self._drops.hear} if self._drops else {},
            outdated=memory.filters,
        )
        births = (
            {k.removeprefix(KEPT_UNDER): v for k, v in state.values(KEPT_UNDER).items()} if router.sparkplug else {}
        )
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
            sparkplug=Nodes(clock, self._session.publish, births) if router.sparkplug else None,
        )
        quiet_s = quiet_after_s([d.interval_s for _, d in park.assignments()])
        self._warden = Warden(self._session, self._writer, self._handoff, memory, filters, clock, quiet_s, self._drops)
        for client, kept in left_sessions(park, state).items():
            log.warning(
                "the broker %s may still keep messages for %s, which nobody resumes now: parkwatt ingest --drain %s",
                kept.broker,
                client,
                client,
            )

    def start(self) -> None:
        """Begin receiving; a broker that cannot be reached is waited for."""
        self._writer.start()
        self._session.start()
        self._warden.start()

    def stop(self) -> None:
        """Store and acknowledge what was received, then disconnect; the broker keeps the session."""
        self._warden.stop()
        self._session.pause()
        self._writer.stop()
        self._session.stop()
        log.info("collector stopped", extra={"pending": self._handoff.pending})

    @property
    def broken(self) -> bool:
        """Whether it cannot go on and its process has to end; the broker keeps what is not stored."""
        return self._warden.broken.is_set()

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
            error="the thread that stores has ended" if self.broken else self._writer.error or self._session.error,
            future=totals["future"],
            out_of_range=totals["out_of_range"],
            reasons={k.partition(".")[2]: n for k, n in totals.items() if k.startswith("quarantined.")},
            checks={k.partition(".")[2]: n for k, n in totals.items() if k.startswith("check.")},
            broker_dropped=self._drops.dropped if self._drops else None,
            forgotten=self._warden.forgotten,
            pauses=self._session.pauses,
            renewed=self._warden.renewed,
            restarts=self._session.restarts,
        )
