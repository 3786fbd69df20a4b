"""InfluxDB 1.x and openGemini: `/write` and `/query`, a user and a database. InfluxDB 2 answers there as well."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

import requests

from core.clock import Clock
from core.errors import Rejected, Retryable
from store import influxql
from store.influx_answers import Answer, answer_of
from store.influx_http import InfluxHttp


class InfluxV1(InfluxHttp):
    """One database, by name and password."""

    def __init__(
        self,
        url: str,
        database: str,
        username: str | None = None,
        password: str | None = None,
        timeout_s: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(url, database, timeout_s, clock)
        self._username = username
        if username:
            self._session.auth = (username, password or "")

    def _make(self) -> None:
        # InfluxDB 2 maps a database to a bucket and cannot create one here; there, being listed is enough.
        if self._has_database():
            return
        statement = f"CREATE DATABASE {influxql.name(self.database)}"
        with self._post("/query", {}, {"q": statement}) as response:
            answer = answer_of(response)
            # Only an administrator may create; everybody else uses what is there.
            if not (answer.status == requests.codes.forbidden and "admin" in answer.words):
                self._raise_unless_worked(response)
                deque(self._series(response), maxlen=0)

    def _has_database(self) -> bool:
        with self._post("/query", {}, {"q": "SHOW DATABASES"}) as response:
            if not answer_of(response).worked:
                return False
            with suppress(Rejected, Retryable):
                return any(self.database in column for series in self._series(response) for column in series.columns)
        return False

    def _send(self, body: bytes, encoding: str) -> Answer:
        # No precision named, so nanoseconds: 1.x calls microseconds u, and InfluxDB 2, whose 1.x interface calls them us,
        # takes every name it does not know for nanoseconds without a word.
        with self._post("/write", {"db": self.database}, body, {"Content-Encoding": encoding}) as response:
            return answer_of(response)

    def _not_let_in(self) -> str:
        who = f"the user {self._username}" if self._username else "a client without a user name"
        return f"{who} on database {self.database}: check store.username and the password"

    def _refuse_version(self, version: str) -> None:
        self._refuse_three(version)
