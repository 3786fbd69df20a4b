"""What every InfluxDB with InfluxQL has in common: `/query`, and the lines it is sent.

`influx_v1` and `influx_v2` add who we are, what has to be there, and where lines go.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import orjson
import requests
from isal import igzip

from core.clock import Clock, SystemClock
from core.errors import ConfigError, Rejected, Retryable
from store.influx_answers import NOT_ALLOWED, Answer, answer_of
from store.influx_writing import Batches, Refusal
from store.negative_zero import with_signs

_CHUNK_ROWS = 10_000
_READ_BYTES = 1 << 18
_OBJECT = re.compile(r"<[^<>]* at 0x[0-9a-f]+>(: )?")
_MAJOR = re.compile(r"v?(\d+)\.")
_NO_DELETE = (
    "use InfluxDB 1.x or 2.x: InfluxDB 3 cannot erase single points and fixes the tags of a table with its first line, "
    "and Parkwatt needs the one and varies the other"
)


@dataclass(frozen=True)
class Series:
    """Rows of one series; the first column is the time in microseconds."""

    tags: Mapping[str, str]
    columns: tuple[tuple[object, ...], ...]


class InfluxHttp(ABC):
    """Talks to one database; safe to call from several threads."""

    def __init__(self, url: str, database: str, timeout_s: float = 10.0, clock: Clock | None = None) -> None:
        self.url = url.rstrip("/")
        self.database = database
        self._timeout_s = timeout_s
        self._clock = clock or SystemClock()
        # On this very machine, packing costs both sides more than it saves.
        self._far = not _on_this_machine(url)
        self._session = requests.Session()
        self._session.headers["Accept-Encoding"] = "gzip" if self._far else "identity"
        self._ready = False

    def prepare(self) -> None:
        """Make sure that there is a place to write to and read from.

        Raises ConfigError where only PARK.yaml can be at fault, Retryable where the server may change its mind.
        """
        if not self._ready:
            self._refuse_version(self._version())
            self._make()
            self._ready = True

    def write(self, lines: Sequence[str]) -> Refusal:
        """Store lines with times in nanoseconds, and return those that InfluxDB will never take; raises Retryable for everything else."""
        self._prepared()
        return Batches(lambda body: self._send(*self._packed(body)), self._refused).write(lines)

    def query(self, statement: str) -> Iterator[Series]:
        """Run InfluxQL and yield what it returns, chunk by chunk."""
        self._prepared()
        yield from self._ask(statement)

    def execute(self, statement: str) -> None:
        """Run an InfluxQL statement that returns nothing."""
        deque(self.query(statement), maxlen=0)

    def close(self) -> None:
        """Release the connections."""
        self._session.close()

    @abstractmethod
    def _make(self) -> None:
        """Create what is not there yet."""

    @abstractmethod
    def _send(self, body: bytes, encoding: str) -> Answer:
        """Post lines; raises Retryable where nobody answers."""

    @abstractmethod
    def _not_let_in(self) -> str:
        """Say whom the server refuses and what to check."""

    @abstractmethod
    def _refuse_version(self, version: str) -> None:
        """Raise ConfigError for a server whose version this does not fit; "" where it does not say."""

    def _prepared(self) -> None:
        try:
            self.prepare()
        except ConfigError as error:
            # Whoever calls holds data by now. The server may be exchanged, and until then they are kept.
            raise Retryable(str(error)) from error

    def _version(self) -> str:
        with self._get("/ping", {}) as response:
            return response.headers.get("X-Influxdb-Version", "")

    def _refuse_three(self, version: str) -> None:
        if major_version(version) == 3:  # noqa: PLR2004 - InfluxDB 3
            raise ConfigError(f"the server at {self.url} is InfluxDB {version}", _NO_DELETE)

    def _packed(self, body: bytes) -> tuple[bytes, str]:
        return (igzip.compress(body, compresslevel=1), "gzip") if self._far else (body, "identity")

    def _ask(self, statement: str) -> Iterator[Series]:
        parameters = {"db": self.database, "epoch": "u", "chunked": "true", "chunk_size": str(_CHUNK_ROWS)}
        with self._post("/query", parameters, {"q": statement}, stream=True) as answer:
            self._raise_unless_worked(answer)
            yield from self._series(answer)

    def _get(self, path: str, parameters: Mapping[str, str]) -> requests.Response:
        return self._reached(
            lambda: self._session.get(
                f"{self.url}{path}", params=parameters, timeout=self._timeout_s, allow_redirects=False
            )
        )

    def _post(
        self,
        path: str,
        parameters: Mapping[str, str],
        data: bytes | dict[str, str],
        headers: Mapping[str, str] | None = None,
        *,
        stream: bool = False,
    ) -> requests.Response:
        return self._reached(
            lambda: self._session.post(
                f"{self.url}{path}",
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

    def _unreachable(self, error: Exception) -> Retryable:
        # Objects are told by their address, and a new one each time would be a new line in the log each time.
        words = _OBJECT.sub("", str(error))
        return Retryable(f"InfluxDB at {self.url} does not answer; nothing is lost meanwhile ({words})")

    def _series(self, answer: requests.Response) -> Iterator[Series]:
        more = False
        try:
            for line in _lines_of(answer):
                document = orjson.loads(with_signs(line))
                self._raise_error(document.get("error"))
                for result in document.get("results", ()):
                    self._raise_error(result.get("error"))
                    more = bool(result.get("partial"))
                    for rows in result.get("series", ()):
                        yield Series(rows.get("tags") or {}, tuple(zip(*rows.get("values", ()), strict=True)))
        except requests.RequestException as error:
            raise self._unreachable(error) from error
        except orjson.JSONDecodeError as error:
            raise Retryable(f"InfluxDB at {self.url} broke off its answer ({error})") from error
        if more:
            raise Retryable(f"InfluxDB at {self.url} broke off its answer")

    def _raise_unless_worked(self, response: requests.Response) -> None:
        answer = answer_of(response) if response.status_code != requests.codes.ok else None
        if answer and not answer.worked:
            raise self._refused(answer)

    def _raise_error(self, words: object) -> None:
        if not words:
            return
        self._forget_if_gone(str(words))
        if "parsing query" in str(words):
            raise Rejected(f"InfluxDB does not understand a query: {words}")
        raise Retryable(f"InfluxDB at {self.url} could not answer: {words}")

    def _refused(self, answer: Answer) -> Exception:
        words = answer.words
        self._forget_if_gone(words)
        wait_s = answer.retry_after_s(self._clock.now())
        if answer.status in NOT_ALLOWED:
            return Retryable(
                f"InfluxDB at {self.url} refuses {self._not_let_in()}; data are kept until it lets us in ({words})",
                wait_s,
            )
        if answer.status == requests.codes.bad_request and "parsing query" in words:
            return Rejected(f"InfluxDB does not understand a query: {words}")
        return Retryable(f"InfluxDB at {self.url} answered {answer.status}: {words}", wait_s)

    def _forget_if_gone(self, words: str) -> None:
        """See to it that the next call makes again what somebody removed: database, bucket or mapping."""
        self._ready = self._ready and not ("not found" in words or "policy not set" in words)


def major_version(version: str) -> int | None:
    """Return 2 of "v2.7.12"; None where that is no version."""
    found = _MAJOR.match(version)
    return int(found[1]) if found else None


def _lines_of(answer: requests.Response) -> Iterator[bytes]:
    parts: list[bytes] = []  # of a line that has not ended
    for piece in answer.iter_content(_READ_BYTES):
        first, *others = piece.split(b"\n")
        parts.append(first)
        for line in others:
            if whole := b"".join(parts):
                yield whole
            parts = [line]
    if whole := b"".join(parts):
        yield whole


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
