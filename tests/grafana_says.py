"""What Grafana makes of a dashboard's queries before it sends them, and what it gets back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

import pandas as pd
import requests


def interpolated(
    query: str, park: str, start: datetime, end: datetime, chosen: Mapping[str, Sequence[str]], now: datetime
) -> str:
    """Fill in a query as Grafana does: variables, the range in milliseconds, several choices as (a|b), one as a."""
    first, last = (round(t.timestamp() * 1000) for t in (start, end))
    plain = {
        "$timeFilter": f"time >= {first}ms and time <= {last}ms",
        "${__from:date:seconds}": str(first // 1000),
        "${__from}": str(first),
        "${__to}": str(last),
        "${park}": park,
        # Grafana leaves this to the database; a test has its own present.
        "now()": f"'{now.isoformat().replace('+00:00', 'Z')}'",
    }
    for name, value in plain.items():
        query = query.replace(name, value)
    for name, values in chosen.items():
        query = query.replace(f"${{{name}:regex}}", values[0] if len(values) == 1 else f"({'|'.join(values)})")
    assert not re.search(r"\$[\w{]", query), query
    return query


def answers(url: str, database: str, query: str) -> pd.DataFrame:
    """Return the answer's rows, tags beside columns; an error fails the test."""
    reply = requests.get(f"{url}/query", params={"db": database, "q": query, "epoch": "u"}, timeout=30).json()
    result = reply["results"][0]
    assert "error" not in result, (query, result)
    rows = [
        dict(zip(series["columns"], values, strict=True)) | series.get("tags", {})
        for series in result.get("series", [])
        for values in series["values"]
    ]
    return pd.DataFrame(rows)
