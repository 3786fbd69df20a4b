"""Users, sessions, tokens and the audit log, in the state file."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from core.access import ApiToken, AuditEntry, Deed, Person, Role, Session, name_key, role_of
from core.errors import ConfigError
from store.rows import instant_of, micros
from store.sqlite_file import SqliteFile
from store.state import schema

SESSIONS_EACH = 20  # a browser that never keeps its cookie must not fill the disk
LONGEST_TEXT = 500
LONGEST_DETAIL = 8000
DEEPEST_DETAIL = 12
LONGEST_NUMBER = 1024  # bits that are written out

_PERSON = "p.id, p.name, p.role, p.password, p.created_us, p.disabled_us, p.signed_in_us"
_TOKEN = "id, name, prefix, scopes, created_us, expires_us, revoked_us, used_us"  # noqa: S105 - names of columns
_AUDIT = """
    SELECT b.id, b.at_us, b.who, b.how, b.address, coalesce(e.action, b.action), coalesce(e.subject, b.subject),
           coalesce(e.detail, b.detail), coalesce(e.outcome, b.outcome)
    FROM audit b LEFT JOIN audit e ON e.of = b.id
    WHERE b.of IS NULL AND b.at_us >= ?1 AND b.id < ?2 AND (?3 IS NULL OR b.who = ?3) ORDER BY b.id DESC LIMIT ?4
"""


class AccessTables:
    """Implements core.access.People on the state file.

    It reads through a connection of its own: who asks a question is found out while another process, or the state
    itself, writes. Raises what SqliteFile raises.
    """

    def __init__(self, path: Path) -> None:
        steps = schema()
        self._path = path
        self._reads = SqliteFile(path, steps)
        try:
            self._writes = SqliteFile(path, steps)
        except BaseException:
            self._reads.close()
            raise

    def close(self) -> None:
        """Release the file."""
        self._reads.close()
        self._writes.close()

    def anyone(self) -> bool:
        with self._reads.reading() as connection:
            (found,) = connection.execute("SELECT EXISTS (SELECT 1 FROM person)").fetchone()
        return bool(found)

    def persons(self) -> list[Person]:
        with self._reads.reading() as connection:
            rows = connection.execute(f"SELECT {_PERSON} FROM person p ORDER BY p.key").fetchall()  # noqa: S608 - our own columns
        return [_person(row) for row in rows]

    def person(self, name: str) -> Person | None:
        with self._reads.reading() as connection:
            return _find(connection, name)

    def add_person(self, name: str, role: Role, password: str, at: datetime) -> Person:
        self._shut_to_strangers()
        with self._writes.writing() as connection:
            if role is not Role.ADMIN and not _admins(connection):
                raise ConfigError("the first user has to be an admin", "add one with --role admin")
            if _find(connection, name):
                raise ConfigError(f"there is a user {name} already", "names that differ only in case are the same")
            if name_key(name) in _token_names(connection):
                raise ConfigError(f"there is a token {name} already", "revoke it first, or choose another name")
            connection.execute(
                "INSERT INTO person (key, name, role, password, created_us) VALUES (?, ?, ?, ?, ?)",
                [name_key(name), name, role.word, password, micros(at)],
            )
            return _known(connection, name)

    def set_password(self, name: str, password: str, keep: bytes | None = None) -> None:
        with self._writes.writing() as connection:
            person = _known(connection, name)
            connection.execute("UPDATE person SET password = ? WHERE id = ?", [password, person.id])
            connection.execute("DELETE FROM session WHERE person = ? AND digest IS NOT ?", [person.id, keep])

    def set_role(self, name: str, role: Role) -> None:
        with self._writes.writing() as connection:
            person = _known(connection, name)
            connection.execute("UPDATE person SET role = ? WHERE id = ?", [role.word, person.id])
            _needs_admin(connection, name)

    def disable(self, name: str, at: datetime | None) -> None:
        with self._writes.writing() as connection:
            person = _known(connection, name)
            disabled = None if at is None else micros(at)
            connection.execute("UPDATE person SET disabled_us = ? WHERE id = ?", [disabled, person.id])
            connection.execute("DELETE FROM session WHERE person = ?", [person.id])
            _needs_admin(connection, name)

    def change_person(
        self,
        name: str,
        at: datetime,
        role: Role | None = None,
        password: str | None = None,
        *,
        disabled: bool | None = None,
    ) -> None:
        with self._writes.writing() as connection:
            number = _known(connection, name).id
            if password is not None:
                connection.execute("UPDATE person SET password = ? WHERE id = ?", [password, number])
            if role is not None:
                connection.execute("UPDATE person SET role = ? WHERE id = ?", [role.word, number])
            if disabled is not None:
                shut = micros(at) if disabled else None
                connection.execute("UPDATE person SET disabled_us = ? WHERE id = ?", [shut, number])
            if password is not None or disabled is not None:
                connection.execute("DELETE FROM session WHERE person = ?", [number])
            if role is not None or disabled is not None:
                _needs_admin(connection, name)

    def remove_person(self, name: str) -> None:
        with self._writes.writing() as connection:
            person = _known(connection, name)
            connection.execute("DELETE FROM session WHERE person = ?", [person.id])
            connection.execute("DELETE FROM person WHERE id = ?", [person.id])
            _needs_admin(connection, name)

    def open_session(self, digest: bytes, person: Person, at: datetime, until: datetime, address: str) -> None:
        with self._writes.writing() as connection:
            connection.execute("DELETE FROM session WHERE expires_us <= ?", [micros(at)])
            # The password may have been changed, or the user shut out, while it was being verified.
            done = connection.execute(
                "INSERT INTO session SELECT ?, id, ?, ?, ? FROM person "
                "WHERE id = ? AND password = ? AND disabled_us IS NULL",
                [digest, micros(at), micros(until), address, person.id, person.password],
            )
            if not done.rowcount:
                raise ConfigError("this user was changed meanwhile", "sign in again")
            connection.execute(
                "DELETE FROM session WHERE digest IN "
                "(SELECT digest FROM session WHERE person = ? ORDER BY created_us DESC, digest LIMIT -1 OFFSET ?)",
                [person.id, SESSIONS_EACH],
            )
            connection.execute("UPDATE person SET signed_in_us = ? WHERE id = ?", [micros(at), person.id])

    def session(self, digest: bytes) -> Session | None:
        with self._reads.reading() as connection:
            row = connection.execute(
                f"SELECT s.created_us, s.expires_us, {_PERSON} FROM session s JOIN person p ON p.id = s.person "  # noqa: S608 - our own columns
                "WHERE s.digest = ? AND p.disabled_us IS NULL",
                [digest],
            ).fetchone()
        return None if row is None else Session(_person(row[2:]), instant_of(row[0]), instant_of(row[1]))

    def close_session(self, digest: bytes) -> None:
        with self._writes.writing() as connection:
            connection.execute("DELETE FROM session WHERE digest = ?", [digest])

    def add_token(self, token: ApiToken, digest: bytes) -> ApiToken:
        expires = None if token.expires_at is None else micros(token.expires_at)
        with self._writes.writing() as connection:
            if _find(connection, token.name):
                raise ConfigError(f"there is a user {token.name} already", "a token signs with a name of its own")
            if name_key(token.name) in _token_names(connection):
                raise ConfigError(f"there is a token {token.name} already", "revoke it first, or choose another name")
            (number,) = connection.execute(
                "INSERT INTO api_token (digest, name, prefix, scopes, created_us, expires_us) "
                "VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
                [digest, token.name, token.prefix, " ".join(token.scopes), micros(token.created_at), expires],
            ).fetchone()
        return replace(token, id=int(number))

    def tokens(self) -> list[ApiToken]:
        return self._tokens("TRUE ORDER BY id", [])

    def token(self, digest: bytes) -> ApiToken | None:
        return next(iter(self._tokens("digest = ?", [digest])), None)

    def _tokens(self, where: str, values: list[bytes]) -> list[ApiToken]:
        with self._reads.reading() as connection:
            rows = connection.execute(f"SELECT {_TOKEN} FROM api_token WHERE {where}", values).fetchall()  # noqa: S608 - our own conditions
        return [_token(row) for row in rows]

    def token_used(self, number: int, at: datetime) -> None:
        with self._writes.writing() as connection:
            connection.execute("UPDATE api_token SET used_us = ? WHERE id = ?", [micros(at), number])

    def revoke_token(self, number: int, at: datetime) -> ApiToken:
        with self._writes.writing() as connection:
            row = connection.execute(f"SELECT {_TOKEN} FROM api_token WHERE id = ?", [number]).fetchone()  # noqa: S608 - our own columns
            if row is None:
                raise ConfigError(f"there is no token {number}", "`parkwatt token PARK.yaml list` shows them")
            connection.execute(
                "UPDATE api_token SET revoked_us = ? WHERE id = ? AND revoked_us IS NULL", [micros(at), number]
            )
        return _token(row)

    def begin(self, deed: Deed, at: datetime) -> int:
        return self._record(None, deed, at)

    def end(self, number: int, deed: Deed, at: datetime) -> None:
        self._record(number, deed, at)

    def _record(self, of: int | None, deed: Deed, at: datetime) -> int:
        detail = None if deed.detail is None else json.dumps(_plain(deed.detail), ensure_ascii=False)
        if detail and len(detail) > LONGEST_DETAIL:
            detail = json.dumps({"cut": detail[:LONGEST_DETAIL]}, ensure_ascii=False)
        texts = (deed.who, deed.how, deed.address, deed.action, deed.subject)
        # Outsiders choose some of these, and a lone surrogate cannot be stored.
        safe = [t[:LONGEST_TEXT].encode("utf-8", "replace").decode() for t in texts]
        with self._writes.writing() as connection:
            (number,) = connection.execute(
                "INSERT INTO audit (of, at_us, who, how, address, action, subject, detail, outcome) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                [of, micros(at), *safe, detail and detail.encode("utf-8", "replace").decode(), deed.outcome],
            ).fetchone()
        return int(number)

    def audit(
        self, since: datetime | None = None, limit: int = 200, before: int | None = None, who: str | None = None
    ) -> list[AuditEntry]:
        first = -(2**62) if since is None else micros(since)
        values = [first, 2**62 if before is None else before, who, max(0, limit)]
        with self._reads.reading() as connection:
            rows = connection.execute(_AUDIT, values).fetchall()
        return [
            AuditEntry(
                number,
                instant_of(at),
                Deed(by, how, address, action, subject, _detail(detail), outcome),
            )
            for number, at, by, how, address, action, subject, detail, outcome in rows
        ]

    def _shut_to_strangers(self) -> None:
        """Let nobody outside the file's owner and group read it from now on."""
        for path in (self._path, *(self._path.with_name(self._path.name + end) for end in ("-wal", "-shm"))):
            with suppress(OSError):
                path.chmod(path.stat().st_mode & 0o770)


def _plain(value: object, deep: int = 0) -> Any:  # Any: JSON
    """Return a detail that every reader of JSON can read: outsiders choose what a request holds."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return _number(value)
    if deep >= DEEPEST_DETAIL:
        return "…"
    if isinstance(value, Mapping):
        return {str(name): _plain(each, deep + 1) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, deep + 1) for each in value]
    return str(value)


def _number(value: float) -> float | str:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    bits = value.bit_length()
    if -(2**63) <= value < 2**64:
        return value
    return str(value) if bits <= LONGEST_NUMBER else f"a number of {bits} bits"


def _detail(written: str | None) -> dict[str, Any] | None:  # Any: JSON
    """Read a detail; one that was written before details were bounded keeps nobody from reading the others."""
    if written is None:
        return None
    try:
        read = _plain(json.loads(written))
    except (ValueError, RecursionError):
        read = {"cut": written[:LONGEST_TEXT]}
    return read if isinstance(read, dict) else {"cut": read}


def _find(connection: sqlite3.Connection, name: str) -> Person | None:
    row = connection.execute(f"SELECT {_PERSON} FROM person p WHERE p.key = ?", [name_key(name)]).fetchone()  # noqa: S608 - our own columns
    return None if row is None else _person(row)


def _known(connection: sqlite3.Connection, name: str) -> Person:
    found = _find(connection, name)
    if found is None:
        raise ConfigError(f"there is no user {name}", "`parkwatt user PARK.yaml list` shows them")
    return found


def _token_names(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM api_token WHERE revoked_us IS NULL").fetchall()
    return {name_key(name) for (name,) in rows}


def _admins(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("SELECT count(*) FROM person WHERE role = 'admin' AND disabled_us IS NULL").fetchone()
    return int(count)


def _needs_admin(connection: sqlite3.Connection, name: str) -> None:
    if not _admins(connection):
        raise ConfigError(f"{name} is the last admin who can sign in", "make another user an admin first")


def _person(row: Sequence[Any]) -> Person:  # Any: SQLite's values
    number, name, role, password, created, disabled, signed_in = row
    return Person(number, name, role_of(role), password, instant_of(created), _optional(disabled), _optional(signed_in))


def _token(row: Sequence[Any]) -> ApiToken:  # Any: SQLite's values
    number, name, prefix, scopes, created, *times = row
    return ApiToken(number, name, prefix, tuple(scopes.split()), instant_of(created), *map(_optional, times))


def _optional(us: int | None) -> datetime | None:
    return None if us is None else instant_of(us)
