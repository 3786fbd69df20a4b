"""Fetches what a broker keeps for a collector that is no more: after shards or the client id in PARK.yaml changed."""

from __future__ import annotations

import threading

from core.clock import Clock
from core.errors import ConfigError, Retryable
from core.failpoint import failpoint_from_environment
from core.park import Broker, Park
from core.store import State, Store
from ingest.checks import LiveChecks
from ingest.credentials import CONNECT_TIMEOUT_S, passing_client, words_of
from ingest.handoff import Handoff
from ingest.router import Router
from ingest.session import Session
from ingest.session_memory import forget_session, kept_sessions, left_sessions
from ingest.shards import client_id_of, collectors_of
from ingest.sparkplug import KEPT_UNDER, Nodes
from ingest.templates import load_templates
from ingest.writer import Writer

QUIET_S = 5.0  # nothing for so long: the queue is empty
LOOK_S = 0.1


def drain(park: Park, store: Store, state: State, clock: Clock, client_id: str, quiet_s: float = QUIET_S) -> int:
    """Store what lies in a session's queue, end the session, and return how many messages it held.

    Raises ConfigError where a collector of today's PARK.yaml uses the session, Retryable where the broker cannot be
    reached.
    """
    kept = left_sessions(park, state).get(client_id)
    if kept is None and client_id in {client_id_of(park, name) for name in collectors_of(park)}:
        raise ConfigError(f"{client_id} is the session of a collector of this PARK.yaml", "start that collector")
    broker = park.mqtt
    if kept is not None:
        host, _, port = kept.broker.rpartition(":")
        broker = broker.model_copy(update={"host": host, "port": int(port)})
    handoff = Handoff()
    outdated = kept_sessions(state)[client_id].filters if kept else ()
    session = Session(broker, client_id, (), handoff, clock, outdated=outdated)
    router = Router(park, load_templates())
    births = {k.removeprefix(KEPT_UNDER): v for k, v in state.values(KEPT_UNDER).items()} if router.sparkplug else {}
    writer = Writer(
        router, park.zone, store, state, handoff, session.acknowledge, clock, failpoint_from_environment(),
        LiveChecks(park), sparkplug=Nodes(clock, session.publish, births) if router.sparkplug else None,
    )  # fmt: skip
    writer.start()
    session.start()
    try:
        _wait_until_quiet(session, handoff, clock, quiet_s)
    finally:
        session.pause()
        writer.stop()
        session.stop()
    if handoff.pending:
        raise Retryable(f"{handoff.pending} messages are not stored yet: {writer.error}")
    _end(broker, client_id)
    forget_session(state, client_id)
    return handoff.received


def _wait_until_quiet(session: Session, handoff: Handoff, clock: Clock, quiet_s: float) -> None:
    began_s = moved_s = clock.monotonic_s()
    seen, pause = -1, threading.Event()
    while True:
        now_s = clock.monotonic_s()
        if not session.sessions and now_s - began_s > CONNECT_TIMEOUT_S:
            raise Retryable(session.error or "the broker does not answer")
        if handoff.received != seen or handoff.pending or not session.connected:
            seen, moved_s = handoff.received, now_s
        elif now_s - moved_s > quiet_s:
            return
        pause.wait(LOOK_S)


def _end(broker: Broker, client_id: str) -> None:
    """Let the broker forget a session: a clean one of the same name takes its place and ends."""
    client = passing_client(broker, client_id)
    accepted = threading.Event()
    client.on_connect = lambda *_: accepted.set()
    try:
        client.connect(broker.host, broker.port, broker.keepalive_s)
    except (OSError, ValueError) as error:
        raise Retryable(f"broker {broker.host}:{broker.port}: {words_of(error)}") from error
    client.loop_start()
    accepted.wait(CONNECT_TIMEOUT_S)
    client.disconnect()
    client.loop_stop()
