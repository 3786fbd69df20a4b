"""What changes beside the series, in one SQLite file that `ingest` and `serve` share.

Each table has one writing process: `ingest` marks days dirty and quarantines, `serve` does the rest. The marks alone
have two: `settle` removes what was computed. It compares a mark's number in the same transaction, and numbers only
ever grow, so a mark set anew since it was read stays.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from importlib import resources
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from core.clock import Clock, SystemClock
from core.corrections import Correction, Entry, Undoing
from core.errors import ConfigError, Retryable
from core.quality import Event
from core.store import AlertRecord, DirtyMark, QuarantineItem
from store.alert_rows import ALERT_COLUMNS, alert_of, alert_row, optional, written
from store.handling import Handling, adopt
from store.lease import ProcessId
from store.rows import instant_of, micros
from store.sqlite_file import SqliteFile
from store.state_copy import copy_state
from store.statements import Statements

# After the versions in state.sql, each file brings the next.
STEPS = ("corrections.sql", "marks.sql", "handling.sql", "access.sql", "statements.sql")
NOTICED_KEPT = 10_000  # a device that contradicts itself all day must not fill the disk

_MARK = """
    INSERT INTO mark (device, day, seq) SELECT value, ?2, ?3 + key FROM json_each(?1) WHERE true
    ON CONFLICT (device, day) DO UPDATE SET seq = excluded.seq
"""


def schema() -> list[str]:
    """Return what brings a state file to version 1, from there to 2, and so on."""
    own = resources.files("store")
    steps = re.split(r"^-- version \d+$", own.joinpath("state.sql").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return [*steps, *(own.joinpath(name).read_text(encoding="utf-8") for name in STEPS)]


class SqliteState(Handling, Statements):
    """Mutable state of one park; implements core.store.State and may be used from any thread.

    Raises ConfigError where the file is damaged, cannot be written or its lease is held, Retryable where the disk
    is full or another process keeps the file for too long.
    """

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._leases: set[str] = set()
        self._last_settled: set[tuple[str, date]] = set()
        self._followed: list[set[tuple[str, date]]] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"the folder of {path} cannot be made: {error}", "check the path under `state`"
            ) from error
        self._file = SqliteFile(path, schema())

    def mark_dirty(self, pairs: Iterable[tuple[str, date]]) -> None:
        wanted = sorted(set(pairs), key=itemgetter(1, 0))
        if not wanted:
            return
        with self._file.writing() as connection:
            (last,) = connection.execute(
                "UPDATE sequence SET value = value + ? WHERE name = 'mark' RETURNING value", [len(wanted)]
            ).fetchone()
            first = last - len(wanted) + 1
            # A list a day: ten thousand meters mark as many rows twice in every batch.
            for day, pairs_of_day in groupby(wanted, key=itemgetter(1)):
                devices = [device for device, _ in pairs_of_day]
                connection.execute(_MARK, [json.dumps(devices), day.isoformat(), first])
                first += len(devices)

    def quarantine(self, items: Sequence[QuarantineItem]) -> None:
        rows = [(micros(i.received_at), i.topic, i.payload, i.reason, i.detail, i.device) for i in items]
        if not rows:
            return
        with self._file.writing() as connection:
            connection.executemany(
                "INSERT INTO quarantine (received_us, topic, payload, reason, detail, device) VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )

    def replayed(self, items: Sequence[QuarantineItem]) -> None:
        rows = [(optional(i.replayed_at), i.reason, i.detail, i.device, i.id) for i in items]
        if not rows:
            return
        with self._file.writing() as connection:
            connection.executemany(
                "UPDATE quarantine SET replayed_us = ?, reason = ?, detail = ?, device = ? WHERE id = ?", rows
            )

    def notice(self, events: Sequence[Event]) -> None:
        if not events:
            return
        with self._file.writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO noticed VALUES (?, ?, ?, ?, ?)", map(_event_row, events))
            connection.execute(
                "DELETE FROM noticed WHERE start_us < "
                "(SELECT start_us FROM noticed ORDER BY start_us DESC LIMIT 1 OFFSET ?)",
                [NOTICED_KEPT - 1],
            )

    def add_counts(self, counts: Mapping[str, int]) -> None:
        if not counts:
            return
        with self._file.writing() as connection:
            connection.executemany(
                "INSERT INTO counter VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
                sorted(counts.items()),
            )

    def dirty(self) -> list[DirtyMark]:
        with self._file.reading() as connection:
            rows = connection.execute("SELECT device, day, seq FROM mark ORDER BY day, device").fetchall()
        return [DirtyMark(device, date.fromisoformat(day), seq) for device, day, seq in rows]

    def settle(self, marks: Iterable[DirtyMark]) -> None:
        marks = list(marks)
        rows = [(m.device, m.day.isoformat(), m.seq) for m in marks]
        if not rows:
            return
        self._last_settled = settled = {(m.device, m.day) for m in marks}
        for followed in list(self._followed):
            followed.update(settled)
        with self._file.writing() as connection:
            connection.executemany("DELETE FROM mark WHERE device = ? AND day = ? AND seq <= ?", rows)

    def replace_events(self, entity: str, start: datetime, end: datetime, events: Sequence[Event]) -> None:
        rows = [_event_row(e) for e in events]
        with self._file.writing() as connection:
            connection.execute(
                "DELETE FROM event WHERE entity = ? AND start_us >= ? AND start_us < ?",
                [entity, micros(start), micros(end)],
            )
            # An event that began before the range replaces itself instead of standing there twice.
            connection.executemany(
                "DELETE FROM event WHERE entity = ? AND code = ? AND start_us = ?", [row[:3] for row in rows]
            )
            connection.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?)", rows)

    def save_alerts(self, alerts: Sequence[AlertRecord]) -> None:
        if not alerts:
            return
        marks = ", ".join("?" * (ALERT_COLUMNS.count(",") + 1))
        with self._file.writing() as connection:
            connection.executemany(
                f"INSERT OR REPLACE INTO alert ({ALERT_COLUMNS}) VALUES ({marks})",  # noqa: S608 - our own columns
                [alert_row(a) for a in alerts],
            )
            adopt(connection, alerts)

    def set_value(self, key: str, value: str) -> None:
        with self._file.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO small_value VALUES (?, ?)", [key, value])

    def archive_config(self, digest: str, text: str, loaded_at: datetime) -> None:
        with self._file.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO config VALUES (?, ?, ?)", [digest, text, micros(loaded_at)])

    def add_correction(self, correction: Correction, at: datetime) -> Entry:
        first, last = (micros(t) for t in correction.stretch)
        with self._file.writing() as connection:
            (number,) = connection.execute(
                "INSERT INTO correction (made_us, start_us, end_us, content) VALUES (?, ?, ?, ?) RETURNING id",
                [micros(at), first, last, correction.model_dump_json(exclude_none=True)],
            ).fetchone()
        return Entry(int(number), at, correction)

    def undo_correction(self, correction_id: int, undoing: Undoing) -> Entry:
        with self._file.writing() as connection:
            found = _entries(connection, "c.id = ?", [correction_id])
            if not found:
                raise ConfigError(f"there is no correction {correction_id}")
            entry = found[0]
            if entry.undone:
                raise ConfigError(f"correction {correction_id} is undone already, by {entry.undone.author}")
            connection.execute(
                "INSERT INTO correction_undone VALUES (?, ?, ?, ?)",
                [correction_id, micros(undoing.at), undoing.author, undoing.reason],
            )
        return replace(entry, undone=undoing)

    def corrections(self, start: datetime | None = None, end: datetime | None = None) -> list[Entry]:
        first = -(2**62) if start is None else micros(start)
        last = 2**62 if end is None else micros(end)
        with self._file.reading() as connection:
            return _entries(connection, "c.start_us < ? AND (c.end_us > ? OR c.start_us >= ?)", [last, first, first])

    def events(self, start: datetime, end: datetime) -> list[Event]:
        first, last = micros(start), micros(end)
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT entity, code, start_us, end_us, params FROM event "
                "WHERE start_us < ?1 AND (end_us > ?2 OR start_us >= ?2) UNION ALL "
                "SELECT entity, code, start_us, end_us, params FROM noticed "
                "WHERE start_us < ?1 AND (end_us > ?2 OR start_us >= ?2) ORDER BY start_us, entity, code",
                [last, first],
            ).fetchall()
        return [Event(e, code, instant_of(a), instant_of(b), json.loads(params)) for e, code, a, b, params in rows]

    def alerts(self, since: datetime | None = None) -> list[AlertRecord]:
        history = [] if since is None else [micros(since)]
        condition = "state != 'resolved'" + (" OR resolved_us >= ?" if history else "")
        with self._file.reading() as connection:
            rows = connection.execute(
                f"SELECT {ALERT_COLUMNS} FROM alert WHERE {condition} ORDER BY active_us, fingerprint",  # noqa: S608
                history,
            ).fetchall()
        return [alert_of(row) for row in rows]

    def value(self, key: str) -> str | None:
        with self._file.reading() as connection:
            row = connection.execute("SELECT value FROM small_value WHERE key = ?", [key]).fetchone()
        return None if row is None else str(row[0])

    def values(self, prefix: str) -> dict[str, str]:
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT key, value FROM small_value WHERE key >= ? AND substr(key, 1, ?) = ? ORDER BY key",
                [prefix, len(prefix), prefix],
            ).fetchall()
        return dict(rows)

    def quarantined(
        self, limit: int = 100, *, reason: str | None = None, before: int | None = None, waiting: bool = False
    ) -> list[QuarantineItem]:
        conditions = ["id < ?" if before is not None else "", "reason = ?" if reason is not None else ""]
        conditions += ["replayed_us IS NULL" if waiting else ""]
        where = " AND ".join(filter(None, conditions)) or "TRUE"
        values = [v for v in (before, reason) if v is not None]
        return self._quarantined(f"{where} ORDER BY id DESC LIMIT ?", [*values, max(0, limit)])

    def quarantine_item(self, number: int) -> QuarantineItem | None:
        return next(iter(self._quarantined("id = ?", [number])), None)

    def _quarantined(self, where: str, values: Sequence[int | str]) -> list[QuarantineItem]:
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT received_us, topic, payload, reason, detail, device, id, replayed_us FROM quarantine "  # noqa: S608 - our own conditions
                f"WHERE {where}",
                values,
            ).fetchall()
        return [
            QuarantineItem(
                instant_of(received),
                topic,
                bytes(payload),
                reason,
                detail,
                device,
                number,
                replayed and instant_of(replayed),
            )
            for received, topic, payload, reason, detail, device, number, replayed in rows
        ]

    def quarantine_counts(self) -> dict[str, tuple[int, int]]:
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT reason, count(*), count(replayed_us) FROM quarantine GROUP BY reason ORDER BY 2 DESC, 1"
            ).fetchall()
        return {reason: (held - replayed, replayed) for reason, held, replayed in rows}

    def counts(self) -> dict[str, int]:
        with self._file.reading() as connection:
            counts: dict[str, int] = dict(
                connection.execute("SELECT name, value FROM counter ORDER BY name").fetchall()
            )
            (quarantined,) = connection.execute("SELECT count(*) FROM quarantine").fetchone()
        return counts | {"quarantined": int(quarantined)}

    def configs(self) -> list[tuple[str, datetime]]:
        with self._file.reading() as connection:
            rows = connection.execute("SELECT digest, loaded_us FROM config ORDER BY loaded_us, digest").fetchall()
        return [(digest, instant_of(loaded)) for digest, loaded in rows]

    def copy_to(self, path: Path) -> None:
        copy_state(self._file.path, path)

    def follow_settled(self) -> set[tuple[str, date]]:
        # With what was settled last: its readings may be on their way to the store still.
        followed = set(self._last_settled)
        self._followed.append(followed)
        return followed

    def unfollow_settled(self, followed: set[tuple[str, date]]) -> None:
        self._followed = [other for other in self._followed if other is not followed]

    def acquire(self, name: str) -> None:
        own = ProcessId.own()
        with self._file.writing() as connection:
            for held, pid, born in connection.execute("SELECT name, pid, born FROM lease ORDER BY name").fetchall():
                holder = ProcessId(pid, born)
                if _same_work(held, name) and holder != own and holder.alive():
                    raise ConfigError(
                        f"process {pid} already does `{held}` for {self._file.path}",
                        "stop it first; two would disagree",
                    )
            connection.execute(
                "INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?)",
                [name, own.pid, own.born, micros(self._clock.now())],
            )
        self._leases.add(name)

    def close(self) -> None:
        own = ProcessId.own()
        leases, self._leases = self._leases, set()
        # Where this fails the process still ends, and with it the lease counts for nothing.
        with suppress(Retryable):
            self._release(leases, own)
        self._file.close()

    def _release(self, leases: set[str], own: ProcessId) -> None:
        if not leases:
            return
        with self._file.writing() as connection:
            connection.executemany(
                "DELETE FROM lease WHERE name = ? AND pid = ? AND born = ?", [(n, own.pid, own.born) for n in leases]
            )


def _same_work(one: str, other: str) -> bool:
    """Say whether two leases exclude each other: the same, or a part (`ingest/north`) and its whole (`ingest`)."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _entries(connection: sqlite3.Connection, condition: str, values: list[int]) -> list[Entry]:
    rows = connection.execute(
        "SELECT c.id, c.made_us, c.content, u.undone_us, u.author, u.reason FROM correction c "  # noqa: S608 - our own conditions
        f"LEFT JOIN correction_undone u ON u.correction = c.id WHERE {condition} ORDER BY c.id",
        values,
    ).fetchall()
    return [
        Entry(
            number,
            instant_of(made),
            Correction.model_validate_json(content),
            None if undone is None else Undoing(instant_of(undone), author, reason),
        )
        for number, made, content, undone, author, reason in rows
    ]


def _event_row(event: Event) -> tuple[str, str, int, int, str]:
    return event.entity, event.code, micros(event.start), micros(event.end), written(event.params)
