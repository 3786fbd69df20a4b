"""Is the collector of this state file at work? For container health checks: imports next to nothing, so that asking costs little.

python -m service.collector_health STATE.sqlite [SHARD]
"""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from core.clock import SystemClock

STALE = timedelta(seconds=60)  # as in service/collectors.py
_KEY = "ingest:status:"


def fault(state: Path, shard: str, now: datetime) -> str | None:
    """Return what is wrong with the collector, or None where it is connected and stores what it receives."""
    try:
        with closing(sqlite3.connect(f"{state.resolve().as_uri()}?mode=ro", uri=True, timeout=5.0)) as file:
            row = file.execute("SELECT value FROM small_value WHERE key = ?", (_KEY + shard,)).fetchone()
    except sqlite3.Error as error:
        return f"{state} cannot be read: {error}"
    record = json.loads(row[0]) if row else {}
    status = record.get("status")
    if not status:
        return "the collector is not running"
    at = datetime.fromisoformat(record["at"])
    if now - at > STALE:
        return f"the collector has not been heard of since {at:%Y-%m-%d %H:%M} UTC"
    if status.get("error"):
        return str(status["error"])
    return None if status.get("connected") else "not connected to the broker"


def main(arguments: list[str]) -> int:
    """Print the fault, if any, and return 1 where there is one."""
    found = fault(Path(arguments[0]), "".join(arguments[1:2]), SystemClock().now())
    if found:
        sys.stdout.write(found + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
