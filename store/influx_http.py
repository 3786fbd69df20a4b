"""The two addresses of InfluxDB 1.x that Parkwatt uses, and what their answers mean.

openGemini and the 1.x interface of InfluxDB 2 answer at the same addresses.
"""

from __future__ import annotations

import gzip
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

import orjson
import requests

from core.clock import Clock
from core.errors import Rejected, Retryable
from store import influxql

MAX_LINES = 10_000

_CHUNK_ROWS = 10_000
_READ_BYTES = 1 << 16
_DROPPED = re.compile(r"dropped=(\d+)")
_OBJECT = re.compile(r"<[^<>]* at 0x[0-9a-f]+>(: )?")
# The operator can lift these, and then the same rows are welcome.
_LIFTABLE = ("limit exceeded", "database not found")
_WORKED = frozenset({requests.codes.ok, requests.codes.no_content})
_BAD_LINES = frozenset({requests.codes.bad_request, requests.codes.unprocessable_entity})
_NOT_ALLOWED = frozenset({requests.codes.unauthorized, requests.codes.forbidden})


@dataclass
class Refusal:
    """Lines that were refused, by position, and why the first of them was."""

    positions: list[int] = field(default_factory=list)
    reason: str = ""

    def add(self, positions: Sequence[int], reason: str) -> None:
        """Add lines refused for one reason."""
        self.positions.extend(positions)
        self.reason = self.reason or reason


@dataclass(frozen=True)
class Series:
    """Rows of one series; the first column is the time in microseconds."""

    tags: Mapping[str, str]
    columns: tuple[tuple[object, ...], ...]


class InfluxHttp:
    """Talks to one database; safe to call from several threads."""

    def __init__(
        self, url: str, database: str, username: str | None, password: str | None, timeout_s: float, clock: Clock
    ) -> None:
        self._url = url.rstrip("/")
        self.database = database
        self._timeout_s = timeout_s
        self._clock = clock
        # On this very machine, packing costs both sides more than it saves.
        self._far = not _on_this_machine(url)
        self._session = requests.Session()
        self._username = username
        self._made = False
        if username:
            self._session.auth = (username, password or "")

    def make_database(self) -> None:
        """Create the database where it is not there yet.

        InfluxDB 2 maps a database to a bucket and cannot create one here; there, being listed is enough.
        """
        if self._made or self._has_database():
            self._made = True
            return
        statement = f"CREATE DATABASE {influxql.name(self.database)}"
        with self._post("/query", {}, {"q": statement}) as answer:
            # Only an administrator may create; everybody else uses what is there.
            if not (answer.status_code == requests.codes.forbidden and "admin" in _error_words(answer)):
                self._raise_unless_worked(answer)
                deque(self._series(answer), maxlen=0)
        self._made = True

    def _has_database(self) -> bool:
        with self._post("/query", {}, {"q": "SHOW DATABASES"}) as answer:
            if answer.status_code not in _WORKED:
                return False
            with suppress(Rejected, Retryable):
                return any(self.database in column for series in self._series(answer) for column in series.columns)
        return False

    def write(self, lines: Sequence[str], precision: str = "u") -> Refusal:
        """Store lines and return those that InfluxDB will never take; raises Retryable for everything else."""
        self.make_database()
        refusal = Refusal()
        for first in range(0, len(lines), MAX_LINES):
            positions = range(first, min(first + MAX_LINES, len(lines)))
            self._write_part(lines, positions, precision, refusal)
        return refusal

    def query(self, statement: str) -> Iterator[Series]:
        """Run InfluxQL and yield what it returns, chunk by chunk."""
        self.make_database()
        parameters = {"db": self.database, "epoch": "u", "chunked": "true", "chunk_size": str(_CHUNK_ROWS)}
        with self._post("/query", parameters, {"q": statement}, stream=True) as answer:
            self._raise_unless_worked(answer)
            yield from self._series(answer)

    def execute(self, statement: str) -> None:
        """Run an InfluxQL statement that returns nothing."""
        deque(self.query(statement), maxlen=0)

    def close(self) -> None:
        """Release the connections."""
        self._session.close()

    def _write_part(self, lines: Sequence[str], positions: range, precision: str, refusal: Refusal) -> None:
        body = "\n".join(lines[positions.start : positions.stop]).encode()
        if self._far:
            body = gzip.compress(body, compresslevel=1)
        parameters = {"db": self.database, "precision": precision}
        with self._post("/write", parameters, body) as answer:
            if answer.status_code in _WORKED:
                return
            words = _error_words(answer)
            too_long = answer.status_code == requests.codes.request_entity_too_large
            bad = answer.status_code in _BAD_LINES and not any(w in words for w in _LIFTABLE)
            if not (too_long or bad):
                raise self._refused(answer)
        dropped = _DROPPED.search(words)
        if len(positions) == 1 or (bad and dropped and int(dropped[1]) == len(positions)):
            refusal.add(positions, words)
            return
        # Which line it was is found by halves; writing the good ones again changes nothing.
        middle = positions.start + len(positions) // 2
        self._write_part(lines, range(positions.start, middle), precision, refusal)
        self._write_part(lines, range(middle, positions.stop), precision, refusal)

    def _post(
        self, path: str, parameters: Mapping[str, str], data: bytes | dict[str, str], *, stream: bool = False
    ) -> requests.Response:
        headers = {"Content-Encoding": "gzip"} if self._far and isinstance(data, bytes) else {}
        return self._reached(
            lambda: self._session.post(
                f"{self._url}{path}",
                params=parameters,
                data=data,
                headers=headers,
                timeout=self._timeout_s,
                stream=stream,
                allow_redirects=False,
            )
        )

    def _reached(self, call: Callable[[], requests.Response]) -> requests.Response:
        try:
            return call()
        except requests.RequestException as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: requests.RequestException) -> Retryable:
        # Objects are told by their address, and a new one each time would be a new line in the log each time.
        words = _OBJECT.sub("", str(error))
        return Retryable(f"InfluxDB at {self._url} does not answer; nothing is lost meanwhile ({words})")

    def _series(self, answer: requests.Response) -> Iterator[Series]:
        more = False
        try:
            for line in answer.iter_lines(chunk_size=_READ_BYTES):
                if not line:
                    continue
                document = orjson.loads(line)
                self._raise_error(document.get("error"))
                for result in document.get("results", ()):
                    self._raise_error(result.get("error"))
                    more = bool(result.get("partial"))
                    for rows in result.get("series", ()):
                        yield Series(rows.get("tags") or {}, tuple(zip(*rows.get("values", ()), strict=True)))
        except requests.RequestException as error:
            raise self._unreachable(error) from error
        except orjson.JSONDecodeError as error:
            raise Retryable(f"InfluxDB at {self._url} broke off its answer ({error})") from error
        if more:
            raise Retryable(f"InfluxDB at {self._url} broke off its answer")

    def _raise_unless_worked(self, answer: requests.Response) -> None:
        if answer.status_code not in _WORKED:
            raise self._refused(answer)

    def _raise_error(self, words: object) -> None:
        if not words:
            return
        self._made = self._made and "database not found" not in str(words)
        if "parsing query" in str(words):
            raise Rejected(f"InfluxDB does not understand a query: {words}")
        raise Retryable(f"InfluxDB at {self._url} could not answer: {words}")

    def _refused(self, answer: requests.Response) -> Exception:
        words = _error_words(answer)
        self._made = self._made and "database not found" not in words
        if answer.status_code in _NOT_ALLOWED:
            who = f"the user {self._username}" if self._username else "a client without a user name"
            return Retryable(
                f"InfluxDB at {self._url} refuses {who} on database {self.database}: check store.username and the "
                f"password; data are kept until it lets us in ({words})",
                self._retry_after_s(answer),
            )
        if answer.status_code in _BAD_LINES and "parsing query" in words:
            return Rejected(f"InfluxDB does not understand a query: {words}")
        return Retryable(f"InfluxDB at {self._url} answered {answer.status_code}: {words}", self._retry_after_s(answer))

    def _retry_after_s(self, answer: requests.Response) -> float | None:
        wanted = answer.headers.get("Retry-After", "")
        with suppress(ValueError):
            return max(0.0, float(wanted))
        with suppress(ValueError):
            when = parsedate_to_datetime(wanted)
            aware = when if when.tzinfo else when.replace(tzinfo=UTC)
            return max(0.0, (aware - self._clock.now()).total_seconds())
        return None


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _error_words(answer: requests.Response) -> str:
    try:
        document = orjson.loads(answer.content)
    except (orjson.JSONDecodeError, requests.RequestException):
        return answer.reason or "no reason given"
    words = document.get("error") or document.get("message") if isinstance(document, dict) else None
    return str(words or answer.reason or "no reason given")
