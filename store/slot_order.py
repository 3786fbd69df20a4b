"""Slots of weeks that are over, laid by series, so that a year of one series is read from few places.

Slots are written as time goes on: all series of a quarter of an hour, then all of the next. One series lies scattered
over the whole table then. A chart asks the other way round, and DuckDB passes over a block of rows only where it
knows from the block's bounds that nothing wanted is inside.
"""

from __future__ import annotations

import duckdb

WEEK_US = 7 * 86_400_000_000

_SCRIPT = "CREATE TABLE IF NOT EXISTS slot_order (week BIGINT NOT NULL, rows BIGINT NOT NULL)"
# An update leaves a row where it is; only new rows disturb the order, and they change the number of rows.
_CHANGED = """
    SELECT now.week FROM (SELECT start_us // 604800000000 AS week, count(*) AS rows FROM slot GROUP BY ALL) now
    LEFT JOIN slot_order USING (week)
    WHERE now.week < ? AND now.rows IS DISTINCT FROM slot_order.rows
    ORDER BY now.week
"""
_WEEK = "start_us >= ? AND start_us < ?"


def prepare(cursor: duckdb.DuckDBPyConnection) -> None:
    """Create the table of what is in order where a file has none yet."""
    cursor.execute(_SCRIPT)


def disordered(cursor: duckdb.DuckDBPyConnection, before_us: int) -> list[int]:
    """Return the weeks that end at or before an instant and hold rows that are not in order."""
    return [int(week) for (week,) in cursor.execute(_CHANGED, [before_us // WEEK_US]).fetchall()]


def put_in_order(cursor: duckdb.DuckDBPyConnection, week: int) -> None:
    """Lay the rows of one week by series and time; to be called in a transaction."""
    span = [week * WEEK_US, (week + 1) * WEEK_US]
    cursor.execute(f"CREATE TEMP TABLE ordering AS SELECT * FROM slot WHERE {_WEEK}", span)  # noqa: S608 - text of ours
    cursor.execute(f"DELETE FROM slot WHERE {_WEEK}", span)  # noqa: S608 - text of ours
    cursor.execute("INSERT INTO slot SELECT * FROM ordering ORDER BY series, start_us")
    cursor.execute("DROP TABLE ordering")
    cursor.execute("DELETE FROM slot_order WHERE week = ?", [week])
    cursor.execute(f"INSERT INTO slot_order SELECT ?, count(*) FROM slot WHERE {_WEEK}", [week, *span])  # noqa: S608 - text of ours
