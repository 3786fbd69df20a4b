"""What the models said, in the state file: added to, never changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core.statements import Kind, Statement
from store.rows import instant_of, micros
from store.sqlite_file import SqliteFile

_COLUMNS = "kind, entity, subject, start_us, end_us, issued_us, version, body"
_FOREVER = 2**62


class Statements:
    """The part of the state file that holds statements."""

    _file: SqliteFile

    def add_statements(self, statements: Sequence[Statement]) -> int:
        added = 0
        with self._file.writing() as connection:
            for statement in statements:
                row = _row(statement)
                last = connection.execute(
                    "SELECT end_us, version, body FROM statement WHERE kind = ? AND entity = ? AND subject = ? "
                    "AND start_us = ? ORDER BY id DESC LIMIT 1",
                    row[:4],
                ).fetchone()
                # Said again in the same words it is nothing new: a repeated run adds nothing.
                if last != (row[4], row[6], row[7]):
                    connection.execute(f"INSERT INTO statement ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608 - our own columns
                    added += 1
        return added

    def statements(
        self,
        kind: Kind,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        entity: str | None = None,
        as_of: datetime | None = None,
        every: bool = False,
    ) -> list[Statement]:
        conditions = ["kind = ?", "start_us < ?", "(end_us > ? OR start_us >= ?)", "issued_us <= ?"]
        first = -_FOREVER if start is None else micros(start)
        values: list[int | str] = [kind, _FOREVER if end is None else micros(end), first, first]
        values.append(_FOREVER if as_of is None else micros(as_of))
        if entity is not None:
            conditions.append("entity = ?")
            values.append(entity)
        query = f"SELECT id, {_COLUMNS} FROM statement WHERE {' AND '.join(conditions)}"  # noqa: S608 - our own columns
        with self._file.reading() as connection:
            rows = connection.execute(f"{query} ORDER BY start_us, id", values).fetchall()
        if not every:
            newest = {row[1:5]: row for row in rows}  # kind, entity, subject, start: the last one said
            rows = sorted(newest.values(), key=lambda row: (row[4], row[0]))
        return [_statement(row[1:]) for row in rows]


def _row(statement: Statement) -> tuple[str, str, str, int, int, int, str, str]:
    body = json.dumps(statement.body, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    start, end, issued = (micros(t) for t in (statement.start, statement.end, statement.issued_at))
    return statement.kind, statement.entity, statement.subject, start, end, issued, statement.version, body


def _statement(row: Sequence[Any]) -> Statement:  # Any: what SQLite holds
    kind, entity, subject, start, end, issued, version, body = row
    span = (instant_of(start), instant_of(end), instant_of(issued))
    return Statement(Kind(kind), entity, *span, version=version, body=json.loads(body), subject=subject)
