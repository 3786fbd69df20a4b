"""How the collectors of a park fare, also where they are other processes: each writes its state down, `serve` reads it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any

from core.park import Park
from core.store import State
from ingest.collector import CollectorStatus
from ingest.shards import WHOLE, collectors_of

WRITE_EVERY_S = 5.0
STALE = timedelta(seconds=60)  # a collector that has written nothing for so long is not at work
_KEY = "ingest:status:"
_SUMS = ("received", "stored", "quarantined", "pending", "future", "out_of_range", "forgotten", "pauses", "renewed",
         "restarts")  # fmt: skip


def write_status(state: State, shard: str, status: CollectorStatus | None, now: datetime) -> None:
    """Write down how a collector fares; None where it has ended."""
    plain = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in asdict(status).items()} if status else None
    state.set_value(_KEY + shard, json.dumps({"at": now.isoformat(), "status": plain}))


def read_status(park: Park, state: State, now: datetime) -> dict[str, CollectorStatus]:
    """Return how today's collectors fare, by shard; empty where none has ever written anything."""
    written = state.values(_KEY)
    if not any(_KEY + name in written for name in collectors_of(park)):
        return {}
    return {name: _status(name, written.get(_KEY + name), now) for name in collectors_of(park)}


def _status(name: str, text: str | None, now: datetime) -> CollectorStatus:
    record: dict[str, Any] = json.loads(text) if text else {}  # Any: a JSON document
    command = f"parkwatt ingest{f' --shard {name}' if name else ''}"
    if not record.get("status"):
        return _absent(f"`{command}` is not running")
    at = datetime.fromisoformat(record["at"])
    if now - at > STALE:
        return _absent(f"`{command}` has not been heard of since {at:%Y-%m-%d %H:%M} UTC")
    known = {f.name for f in fields(CollectorStatus)}
    values = {k: v for k, v in record["status"].items() if k in known}
    last = values.get("last_message_at")
    return CollectorStatus(**{**values, "last_message_at": datetime.fromisoformat(last) if last else None})


def _absent(reason: str) -> CollectorStatus:
    return CollectorStatus(
        connected=False, received=0, stored=0, quarantined=0, last_message_at=None, pending=0, error=reason
    )


def together(statuses: Mapping[str, CollectorStatus]) -> CollectorStatus | None:
    """Return several collectors as one: connected where all are, with the first one's error that has any."""
    if not statuses:
        return None
    each = list(statuses.values())
    errors = [f"{name}: {s.error}" if name != WHOLE else s.error for name, s in statuses.items() if s.error]
    dropped = [s.broker_dropped for s in each if s.broker_dropped is not None]
    return CollectorStatus(
        connected=all(s.connected for s in each),
        last_message_at=max((s.last_message_at for s in each if s.last_message_at), default=None),
        error="; ".join(errors) or None,
        reasons=dict(sum((Counter(s.reasons) for s in each), Counter())),
        checks=dict(sum((Counter(s.checks) for s in each), Counter())),
        broker_dropped=sum(dropped) if dropped else None,
        **{name: sum(getattr(s, name) for s in each) for name in _SUMS},
    )
