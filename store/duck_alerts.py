"""The copy of the alerts in the embedded store."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd

from core.frames import ALERT_KEY, alerts_frame
from store.alert_changes import AlertChanges
from store.rows import micros_of, times_of

# As a table of its own it joins a file made before there was one.
_TABLE = """
    CREATE TABLE IF NOT EXISTS alert (
        start_us BIGINT NOT NULL, rule VARCHAR NOT NULL, entity VARCHAR NOT NULL, severity DOUBLE NOT NULL,
        until_us BIGINT, title_zh VARCHAR NOT NULL, title_en VARCHAR NOT NULL
    )
"""
_DELETE = """
    DELETE FROM alert USING forgotten f
    WHERE alert.start_us = f.start_us AND alert.rule = f.rule AND alert.entity = f.entity
"""
_COLUMNS = ("start_us", "rule", "entity", "severity", "until_us", "title_zh", "title_en")


def prepare(cursor: duckdb.DuckDBPyConnection) -> None:
    """Create the table where it is missing."""
    cursor.execute(_TABLE)


def read(cursor: duckdb.DuckDBPyConnection, first_us: int, last_us: int) -> pd.DataFrame:
    """Return the alerts that began in [first_us, last_us)."""
    found = cursor.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM alert WHERE start_us >= ? AND start_us < ?",  # noqa: S608 - the names are ours
        [first_us, last_us],
    ).df()
    until = times_of(found["until_us"].fillna(0).to_numpy(dtype="int64")).to_series().reset_index(drop=True)
    frame = found.assign(
        start=times_of(found["start_us"].to_numpy(dtype="int64")), until=until.where(found["until_us"].notna())
    )
    return alerts_frame(frame).sort_values(list(ALERT_KEY), kind="stable", ignore_index=True)


def write(cursor: duckdb.DuckDBPyConnection, changes: AlertChanges) -> None:
    """Set what changed."""
    forgotten = pd.concat([changes.gone, changes.written[list(ALERT_KEY)]], ignore_index=True)
    if forgotten.empty:
        return
    cursor.register("forgotten", forgotten.assign(start_us=micros_of(forgotten["start"])))
    cursor.execute(_DELETE)
    new = changes.written
    if len(new):
        until = np.where(new["until"].notna(), micros_of(new["until"].fillna(new["start"])), 0)
        rows = new.assign(start_us=micros_of(new["start"]), until_us=pd.Series(until).where(new["until"].notna()))
        cursor.register("told", rows[list(_COLUMNS)].astype({"until_us": "Int64"}))
        cursor.execute("INSERT INTO alert SELECT * FROM told")
