"""What InfluxDB's answers mean for what was sent: stored, refused for good, or to be kept and sent again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

import orjson
import requests

WORKED = frozenset({requests.codes.ok, requests.codes.created, requests.codes.no_content})
NOT_ALLOWED = frozenset({requests.codes.unauthorized, requests.codes.forbidden})

_BAD_LINES = frozenset({requests.codes.bad_request, requests.codes.unprocessable_entity})
# The operator can lift these, and then the same rows are welcome.
_LIFTABLE = ("limit exceeded", "database not found")
_CONFLICT = re.compile(
    r'field type conflict: input field "(.+?)" on measurement "(.+?)" is type (\w+), already exists as type (\w+)'
)
_DROPPED = re.compile(r"dropped=(\d+)")


class Fate(Enum):
    """What becomes of lines after an answer."""

    STORED = "stored"
    SPLIT = "split"  # too many at once
    REFUSED = "refused"  # some of them, or all
    KEPT = "kept"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, from whichever client it came."""

    status: int
    reason: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def worked(self) -> bool:
        """Whether it did what was asked."""
        return self.status in WORKED

    @property
    def words(self) -> str:
        """Return the server's own words: 1.x calls them `error`, 2.x `message`."""
        with suppress(orjson.JSONDecodeError):
            document = orjson.loads(self.body)
            if isinstance(document, dict):
                return str(document.get("error") or document.get("message") or self._name)
        return self._name

    @property
    def _name(self) -> str:
        return self.reason or "no reason given"

    @property
    def fate(self) -> Fate:
        """Return what becomes of lines that were answered so."""
        if self.worked:
            return Fate.STORED
        if self.status == requests.codes.request_entity_too_large:
            return Fate.SPLIT
        if self.status in _BAD_LINES and not any(w in self.words for w in _LIFTABLE):
            return Fate.REFUSED
        return Fate.KEPT

    @property
    def dropped(self) -> int | None:
        """Return how many lines a partial write says it left out; all others of it are stored."""
        found = _DROPPED.search(self.words)
        return int(found[1]) if found else None

    @property
    def refusal(self) -> str:
        """Return why lines were refused, in words to act on."""
        conflict = _CONFLICT.search(self.words)
        if conflict is None:
            return self.words
        name, measurement, given, held = conflict.groups()
        return (
            f"field type conflict: another program keeps {held} in the field {name} of measurement {measurement}, where "
            f"Parkwatt writes {given}; give Parkwatt a database or bucket of its own"
        )

    def retry_after_s(self, now: datetime) -> float | None:
        """Return the seconds for which the server asks to be left alone; it may name a time instead."""
        wanted = self.headers.get("Retry-After", "")
        with suppress(ValueError):
            return max(0.0, float(wanted))
        with suppress(ValueError):
            when = parsedate_to_datetime(wanted)
            aware = when if when.tzinfo else when.replace(tzinfo=UTC)
            return max(0.0, (aware - now).total_seconds())
        return None


def answer_of(response: requests.Response) -> Answer:
    """Return an answer that `requests` got, read to its end."""
    try:
        body = response.content
    except requests.RequestException:
        body = b""
    return Answer(response.status_code, response.reason or "", body, response.headers)
