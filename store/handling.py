"""What people do with alerts, in the state file; and the history of alerts, page by page."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from core.errors import ConfigError
from core.handling import Act, ActKind, Ended, Silence
from core.store import AlertFilter, AlertRecord
from store.alert_rows import ALERT_COLUMNS, alert_of
from store.rows import instant_of, micros
from store.sqlite_file import SqliteFile

_ACT = "id, fingerprint, active_us, kind, at_us, author, text, severity"
_SILENCE = """
    SELECT s.id, s.rule, s.entity, s.start_us, s.end_us, s.made_us, s.author, s.reason, e.ended_us, e.author, e.reason
    FROM silence s LEFT JOIN silence_ended e ON e.silence = s.id
"""


class Handling:
    """The part of the state file that holds what people do with alerts."""

    _file: SqliteFile

    def add_act(self, act: Act) -> Act:
        with self._file.writing() as connection:
            known = connection.execute(
                "SELECT 1 FROM alert WHERE fingerprint = ? AND active_us = ?", [act.fingerprint, micros(act.active_at)]
            ).fetchone()
            if known is None:
                raise ConfigError("there is no such alert", "look at the list again: it may have begun anew")
            (number,) = connection.execute(
                "INSERT INTO alert_act (fingerprint, active_us, kind, at_us, author, text, severity) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
                [act.fingerprint, micros(act.active_at), act.kind, micros(act.at), act.author, act.text, act.severity],
            ).fetchone()
        return replace(act, id=int(number))

    def acts(self, lives: Iterable[tuple[str, datetime]]) -> list[Act]:
        wanted = json.dumps([[fingerprint, micros(active)] for fingerprint, active in lives])
        with self._file.reading() as connection:
            rows = connection.execute(
                f"SELECT {_ACT} FROM alert_act WHERE (fingerprint, active_us) IN "  # noqa: S608 - our own columns
                "(SELECT value ->> 0, value ->> 1 FROM json_each(?)) ORDER BY id",
                [wanted],
            ).fetchall()
        return [
            Act(fingerprint, instant_of(active), ActKind(kind), instant_of(at), author, text, severity, number)
            for number, fingerprint, active, kind, at, author, text, severity in rows
        ]

    def add_silence(self, silence: Silence) -> Silence:
        values = [silence.rule, silence.entity, micros(silence.start), micros(silence.end), micros(silence.made_at)]
        with self._file.writing() as connection:
            (number,) = connection.execute(
                "INSERT INTO silence (rule, entity, start_us, end_us, made_us, author, reason) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
                [*values, silence.author, silence.reason],
            ).fetchone()
        return replace(silence, id=int(number))

    def end_silence(self, number: int, ended: Ended) -> Silence:
        with self._file.writing() as connection:
            row = connection.execute(f"{_SILENCE} WHERE s.id = ?", [number]).fetchone()
            if row is None:
                raise ConfigError(f"there is no silence {number}")
            silence = _silence(row)
            if silence.until <= ended.at:
                by = f", by {silence.ended.author}" if silence.ended else ""
                raise ConfigError(f"silence {number} is over already{by}")
            connection.execute(
                "INSERT INTO silence_ended VALUES (?, ?, ?, ?)",
                [number, micros(ended.at), ended.author, ended.reason],
            )
        return replace(silence, ended=ended)

    def silences(self, since: datetime | None = None) -> list[Silence]:
        first = -(2**62) if since is None else micros(since)
        with self._file.reading() as connection:
            rows = connection.execute(f"{_SILENCE} WHERE s.end_us > ? ORDER BY s.id", [first]).fetchall()
        return [_silence(row) for row in rows]

    def alert_history(
        self, wanted: AlertFilter, limit: int, after: tuple[datetime, str] | None = None
    ) -> list[AlertRecord]:
        conditions, values = _conditions(wanted)
        if after is not None:
            conditions.append("(active_us, fingerprint) < (?, ?)")
            values += [micros(after[0]), after[1]]
        with self._file.reading() as connection:
            rows = connection.execute(
                f"SELECT {ALERT_COLUMNS} FROM alert WHERE {' AND '.join(conditions)} "  # noqa: S608 - our own conditions
                "ORDER BY active_us DESC, fingerprint DESC LIMIT ?",
                [*values, max(0, limit)],
            ).fetchall()
        return [alert_of(row) for row in rows]


def _conditions(wanted: AlertFilter) -> tuple[list[str], list[str | int]]:
    # One that gave way to the same alert with its true beginning has no length and is no history.
    conditions = ["fired_us IS NOT NULL", "(resolved_us IS NULL OR resolved_us > active_us)"]
    values: list[str | int] = []
    bounds = (("active_us < ?", wanted.end), ("(resolved_us IS NULL OR resolved_us >= ?)", wanted.start))
    for condition, bound in bounds:
        if bound is not None:
            conditions.append(condition)
            values.append(micros(bound))
    for column in ("rule", "entity", "severity", "state"):
        found = getattr(wanted, column)
        if found is not None:
            conditions.append(f"{column} = ?")
            values.append(found)
    return conditions, values


def adopt(connection: sqlite3.Connection, alerts: Sequence[AlertRecord]) -> None:
    """Hand on what people did with an open alert to the one that takes its place with another beginning."""
    heirs = {a.fingerprint: a for a in alerts if a.state != "resolved"}
    for alert in alerts:
        heir = heirs.get(alert.fingerprint)
        if heir and alert.resolved_at == alert.active_at != heir.active_at:
            connection.execute(
                "UPDATE alert_act SET active_us = ? WHERE fingerprint = ? AND active_us = ?",
                [micros(heir.active_at), alert.fingerprint, micros(alert.active_at)],
            )


def _silence(row: tuple[object, ...]) -> Silence:
    number, rule, entity, start, end, made, author, reason, ended, by, why = row
    return Silence(
        rule=None if rule is None else str(rule),
        entity=None if entity is None else str(entity),
        start=instant_of(int(str(start))),
        end=instant_of(int(str(end))),
        made_at=instant_of(int(str(made))),
        author=str(author),
        reason=str(reason),
        id=int(str(number)),
        ended=None if ended is None else Ended(instant_of(int(str(ended))), str(by), str(why)),
    )
