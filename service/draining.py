"""`parkwatt ingest --drain`: nothing may be left in a session that nobody resumes."""

from __future__ import annotations

from core.clock import SystemClock
from core.park import Park
from ingest.drain import drain as fetch
from service.runner import opened


def drain(park: Park, config_text: str, client_id: str) -> None:
    """Store what the broker keeps for a collector that is no more, and end its session."""
    # An embedded store has room for one process; beside InfluxDB the collectors of today go on meanwhile.
    lease = "ingest" if park.store.kind == "embedded" else "drain"
    with opened(park, SystemClock(), config_text, lease) as runtime:
        count = fetch(park, runtime.store, runtime.state, runtime.clock, client_id)
    print(f"{client_id}: {count} messages stored, its session at the broker is ended")
