"""What we know of the sessions brokers keep for us, across restarts.

A broker tells on connecting whether it still has the session. Only who remembers that there was one can tell a first
connection from a loss; and only who remembers its filters can leave those that PARK.yaml no longer has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.park import Park
from core.quality import Event
from core.store import State
from ingest.shards import client_id_of, collectors_of

CODE = "session_forgotten"
REMEMBER_EVERY = timedelta(minutes=1)
_KEY = "ingest:session:"


@dataclass(frozen=True)
class Kept:
    """A session at a broker: when it was last known to stand and what it is subscribed to."""

    broker: str
    at: datetime
    filters: tuple[str, ...]


class SessionMemory:
    """Remembers one client id's session at the broker of today."""

    def __init__(self, park: Park, shard: str, state: State) -> None:
        self._entity = park.id
        self._shard = shard
        self._client_id = client_id_of(park, shard)
        self._broker = place_of(park)
        self._state = state
        known = kept_sessions(state).get(self._client_id)
        self._last = known if known and known.broker == self._broker else None

    @property
    def filters(self) -> tuple[str, ...]:
        """What the session is subscribed to as far as we know."""
        return self._last.filters if self._last else ()

    def connected(self, filters: Sequence[str], now: datetime, *, present: bool) -> bool:
        """Note a connection; return whether the broker has forgotten the session we had. Raises Retryable."""
        forgotten = self._last is not None and not present
        if self._last is not None and forgotten:
            params: dict[str, float | str] = {"shard": self._shard} if self._shard else {}
            self._state.notice([Event(self._entity, CODE, self._last.at, now, params)])
            self._state.add_counts({f"ingest.{CODE}": 1})
        self._keep(filters, now)
        return forgotten

    def stands(self, filters: Sequence[str], now: datetime) -> None:
        """Note that the session stands now, every so often. Raises Retryable."""
        if self._last is not None and now - self._last.at >= REMEMBER_EVERY:
            self._keep(filters, now)

    def _keep(self, filters: Sequence[str], now: datetime) -> None:
        record = {"broker": self._broker, "at": now.isoformat(), "filters": list(filters)}
        self._state.set_value(_KEY + self._client_id, json.dumps(record))
        self._last = Kept(self._broker, now, tuple(filters))


def place_of(park: Park) -> str:
    """Return a broker as it is told apart from others."""
    return f"{park.mqtt.host}:{park.mqtt.port}"


def kept_sessions(state: State) -> dict[str, Kept]:
    """Return the sessions brokers keep for us as far as we know, by client id."""
    stored: Mapping[str, str] = state.values(_KEY)
    found = {key.removeprefix(_KEY): json.loads(text) for key, text in stored.items() if text}
    return {
        client: Kept(record["broker"], datetime.fromisoformat(record["at"]), tuple(record["filters"]))
        for client, record in found.items()
    }


def left_sessions(park: Park, state: State) -> dict[str, Kept]:
    """Return sessions that no collector of today's PARK.yaml resumes: what lies in their queues would be stranded."""
    today = {client_id_of(park, name) for name in collectors_of(park)}
    return {
        client: kept
        for client, kept in kept_sessions(state).items()
        if client not in today or kept.broker != place_of(park)
    }


def forget_session(state: State, client_id: str) -> None:
    """Note that a session is no more."""
    state.set_value(_KEY + client_id, "")
