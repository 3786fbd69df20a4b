"""InfluxDB 2: lines by the vendor's client into a bucket, InfluxQL out of the database that is mapped to it.

Older 2.x need that mapping made for every bucket, newer ones find a bucket by its own name.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import requests
from requests.structures import CaseInsensitiveDict

from core.clock import Clock
from core.errors import ConfigError, Retryable
from store.influx_answers import NOT_ALLOWED, Answer, answer_of
from store.influx_http import InfluxHttp, major_version

_OLD = (
    "leave out store.bucket, store.org and the token: InfluxDB 1.x and openGemini have store.database, store.username "
    "and a password"
)


@dataclass(frozen=True)
class _Bucket:
    id: str
    org: str

    @classmethod
    def of(cls, document: Mapping[str, object]) -> _Bucket:
        return cls(str(document.get("id", "")), str(document.get("orgID", "")))


class InfluxV2(InfluxHttp):
    """One bucket of one organisation, by token."""

    def __init__(
        self,
        url: str,
        bucket: str,
        org: str,
        token: str,
        database: str = "",
        timeout_s: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(url, database or bucket, timeout_s, clock)
        self._bucket, self._org, self._token = bucket, org, token
        self._session.auth = self._signed  # no header: a .netrc of this machine would go before it
        self._client: Any = None  # Any: the client carries no types
        self._client_lock = threading.Lock()

    def close(self) -> None:
        """Release the connections."""
        super().close()
        if self._client is not None:
            pool = self._client.api_client.rest_client.pool_manager
            self._client.close()
            pool.clear()  # its connections, which the client leaves to whoever collects the garbage

    def _make(self) -> None:
        bucket = self._found_bucket() or self._make_bucket()
        mapped = self._mapped(bucket)
        if mapped is None:
            self._map(bucket)
        elif mapped != bucket.id:
            raise ConfigError(
                f"in InfluxDB at {self.url} the database {self.database} is another bucket than {self._bucket}",
                "name another one in store.database; it is mapped to the bucket by itself",
            )

    def _found_bucket(self) -> _Bucket | None:
        answer = self._asked("/api/v2/buckets", {"org": self._org, "name": self._bucket})
        if answer.status == requests.codes.not_found:
            if "organization" in answer.words:
                raise Retryable(
                    f"InfluxDB at {self.url} has no organisation {self._org}, or does not show it to this token: check "
                    f"store.org; data are kept until then ({answer.words})"
                )
            if "bucket" in answer.words:
                return None
            raise ConfigError(f"the server at {self.url} is no InfluxDB 2: it has no buckets", _OLD)
        found = _listed(self._worked(answer), "buckets")
        return next((_Bucket.of(b) for b in found if b.get("name") == self._bucket), None)

    def _make_bucket(self) -> _Bucket:
        answer = self._asked("/api/v2/orgs", {"org": self._org})
        org = next((str(o["id"]) for o in _listed(answer, "orgs") if o.get("name") == self._org), None)
        if org is not None:
            answer = self._create("/api/v2/buckets", {"orgID": org, "name": self._bucket, "retentionRules": []})
            if answer.worked:
                return _Bucket.of(_document(answer))
        if org is None or answer.status in NOT_ALLOWED:
            raise Retryable(
                f"InfluxDB at {self.url} has no bucket {self._bucket} that this token may see, and the token may not make "
                f"one: check store.bucket, make the bucket, or give the token read and write on it; data are kept until "
                f"then ({answer.words})"
            )
        raise self._refused(answer)

    def _mapped(self, bucket: _Bucket) -> str | None:
        """Return the bucket that InfluxQL finds under the name of the database."""
        # By id: a token for one bucket may not look up the organisation by name.
        answer = self._asked("/api/v2/dbrps", {"orgID": bucket.org, "db": self.database})
        found = _listed(self._worked(answer), "content")
        return next(
            (str(m["bucketID"]) for m in found if m.get("default") and m.get("database") == self.database), None
        )

    def _map(self, bucket: _Bucket) -> None:
        wanted = {"database": self.database, "retention_policy": "autogen", "default": True}
        answer = self._create("/api/v2/dbrps", {**wanted, "orgID": bucket.org, "bucketID": bucket.id})
        if answer.status in NOT_ALLOWED:
            raise Retryable(
                f"in InfluxDB at {self.url} no database is mapped to the bucket {self._bucket}, and this token may not do "
                f"it: give it write on the bucket, or run influx v1 dbrp create --db {self.database} --rp autogen "
                f"--default --bucket-id {bucket.id}; data are kept until then ({answer.words})"
            )
        self._worked(answer)

    def _send(self, body: bytes, encoding: str) -> Answer:
        # Half a second that only InfluxDB 2 should cost.
        from influxdb_client.rest import ApiException  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        try:
            self._writing().post_write(
                self._org,
                self._bucket,
                body,
                precision="ns",
                content_encoding=encoding,
                content_type="text/plain; charset=utf-8",
            )
        except ApiException as error:
            return Answer(error.status or 0, error.reason or "", _bytes(error.body), CaseInsensitiveDict(error.headers))
        except HTTPError as error:
            raise self._unreachable(error) from error
        return Answer(requests.codes.no_content, "")

    def _writing(self) -> Any:  # Any: see __init__
        """Return the part of the client that its synchronous write API posts with: retries and packing are ours."""
        from influxdb_client.client.influxdb_client import InfluxDBClient  # noqa: PLC0415 - see _send
        from influxdb_client.service.write_service import WriteService  # noqa: PLC0415

        with self._client_lock:
            if self._client is None:
                timeout_ms = round(self._timeout_s * 1000)
                self._client = InfluxDBClient(self.url, self._token, org=self._org, timeout=timeout_ms, retries=False)
        make: Any = WriteService
        return make(self._client.api_client)

    def _signed(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Token {self._token}"
        return request

    def _asked(self, path: str, parameters: Mapping[str, str]) -> Answer:
        with self._get(path, parameters) as response:
            return answer_of(response)

    def _create(self, path: str, document: Mapping[str, object]) -> Answer:
        with self._post(path, {}, orjson.dumps(document), {"Content-Type": "application/json"}) as response:
            return answer_of(response)

    def _worked(self, answer: Answer) -> Answer:
        if not answer.worked:
            raise self._refused(answer)
        return answer

    def _not_let_in(self) -> str:
        return (
            f"this token on bucket {self._bucket} of organisation {self._org}: check store.token_env or store.token_file, "
            "and that the token may read and write the bucket"
        )

    def _refuse_version(self, version: str) -> None:
        self._refuse_three(version)
        if major_version(version) == 1:
            raise ConfigError(f"the server at {self.url} is InfluxDB {version}, which has no buckets", _OLD)


def _document(answer: Answer) -> dict[str, Any]:  # Any: a foreign document
    try:
        document = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        document = None
    return document if isinstance(document, dict) else {}


def _listed(answer: Answer, key: str) -> list[dict[str, Any]]:  # Any: a foreign document
    return [item for item in _document(answer).get(key) or () if isinstance(item, dict)]


def _bytes(body: object) -> bytes:
    return body if isinstance(body, bytes) else str(body or "").encode()
