"""A stand-in for InfluxDB 2: its own addresses, tokens and error answers in front of a real InfluxDB 1.x.

Points and InfluxQL go through to the real server; organisations, buckets, mappings and refusals are answered here, in
the words of InfluxDB 2's own handlers (`http/write_handler.go`, `http/points`, `dbrp`, `tenant`).
"""

from __future__ import annotations

import gzip
import itertools
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import requests

ORG, ORG_ID = "park org", "0000000000000001"
ADMIN, KEEPER, READER = "admin-token", "keeper-token", "reader-token"
_CODES = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not found",
    413: "request too large",
    422: "unprocessable entity",
    429: "too many requests",
    500: "internal error",
    503: "unavailable",
}
_PRECISIONS = {"us": "u", "ns": "n"}


@dataclass
class Write:
    """One write as it came in."""

    bucket: str
    encoding: str | None
    agent: str
    lines: list[str]


@dataclass
class Told:
    """What the next writes are answered, whatever is in them."""

    status: int
    message: str = "because"
    headers: dict[str, str] = field(default_factory=dict)


_stand_ins = itertools.count(1)


class Influx2(ThreadingHTTPServer):
    """ADMIN may do everything, KEEPER read and write buckets that are there, READER only read them."""

    daemon_threads = True

    def __init__(self, behind: str = "") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behind = behind
        self.number = next(_stand_ins)
        self.version = "v2.9.1"
        self.buckets: dict[str, str] = {}
        self.mappings: list[dict[str, object]] = []
        self.virtual = False  # newer 2.x: every bucket is a database by its own name
        self.maps_by_keeper = True
        self.most_bytes = 1 << 30
        self.told: list[Told] = []
        self.writes: list[Write] = []
        self.asked: list[str] = []
        self.queries: list[str | None] = []
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add_bucket(self, name: str) -> str:
        self.buckets[name] = f"{len(self.buckets) + 16:016x}"
        if self.behind:
            requests.post(f"{self.behind}/query", data={"q": f'CREATE DATABASE "{self.kept_in(name)}"'}, timeout=9)
        return self.buckets[name]

    def kept_in(self, bucket: str) -> str:
        """The database of the real server; other stand-ins use it too, and may get this one's port later."""
        return f"{self.number} {bucket}"

    def mapped(self, database: str) -> list[dict[str, object]]:
        found = [m for m in self.mappings if m["database"] == database]
        if self.virtual and not found and database in self.buckets:
            common = {"id": self.buckets[database], "orgID": ORG_ID, "retention_policy": "autogen", "default": True}
            found = [{**common, "database": database, "bucketID": self.buckets[database], "virtual": True}]
        return found

    def stop(self) -> None:
        self.shutdown()
        self.thread.join()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Influx2

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers["Content-Length"])))

    def _serve(self, body: bytes) -> None:
        url = urlparse(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.server.asked.append(f"{self.command} {url.path}")
        if url.path == "/ping":
            self._say(204, b"")
        elif self._token() not in {ADMIN, KEEPER, READER}:
            self._refuse(401, "unauthorized access")
        elif handle := getattr(self, f"_{self.command.lower()}_{url.path.rpartition('/')[2]}", None):
            handle(asked, body)
        else:
            self._say(404, b"404 page not found\n")

    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Token ")

    def _get_buckets(self, asked: dict[str, str], _body: bytes) -> None:
        if asked["org"] != ORG:
            self._refuse(404, f'organization name "{asked["org"]}" not found')
        elif asked["name"] not in self.server.buckets:
            self._refuse(404, f'bucket "{asked["name"]}" not found')
        else:
            self._document(200, {"buckets": [self._bucket(asked["name"])]})

    def _get_orgs(self, _asked: dict[str, str], _body: bytes) -> None:
        self._document(200, {"orgs": [{"id": ORG_ID, "name": ORG}] if self._token() == ADMIN else []})

    def _post_buckets(self, _asked: dict[str, str], body: bytes) -> None:
        wanted = json.loads(body)
        if self._token() != ADMIN:
            self._refuse(401, f"write:orgs/{wanted['orgID']}/buckets is unauthorized")
            return
        self.server.add_bucket(wanted["name"])
        self._document(201, self._bucket(wanted["name"]))

    def _bucket(self, name: str) -> dict[str, object]:
        return {"id": self.server.buckets[name], "orgID": ORG_ID, "name": name, "retentionRules": []}

    def _get_dbrps(self, asked: dict[str, str], _body: bytes) -> None:
        self._document(200, {"content": self.server.mapped(asked["db"])})

    def _post_dbrps(self, _asked: dict[str, str], body: bytes) -> None:
        wanted = json.loads(body)
        if self._token() == READER or not self.server.maps_by_keeper:
            self._refuse(401, f"write:orgs/{wanted['orgID']}/buckets/{wanted['bucketID']} is unauthorized")
            return
        self.server.mappings.append({**wanted, "id": "1", "virtual": False})
        self._document(201, self.server.mappings[-1])

    def _post_write(self, asked: dict[str, str], body: bytes) -> None:
        encoding = self.headers["Content-Encoding"]
        plain = gzip.decompress(body) if encoding == "gzip" else body
        write = Write(asked["bucket"], encoding, self.headers.get("User-Agent", ""), plain.decode().split("\n"))
        self.server.writes.append(write)
        if self.server.told:
            told = self.server.told.pop(0)
            self._refuse(told.status, told.message, told.headers)
        elif asked["org"] != ORG:
            self._refuse(404, f'organization name "{asked["org"]}" not found')
        elif asked["bucket"] not in self.server.buckets:
            self._refuse(404, f'bucket "{asked["bucket"]}" not found')
        elif self._token() == READER:
            self._refuse(403, "insufficient permissions for write")
        elif len(plain) > self.server.most_bytes:
            self._refuse(413, "unable to read data: points batch is too large")
        elif not self.server.behind:
            self._say(204, b"")
        else:
            self._store(asked, plain)

    def _store(self, asked: dict[str, str], plain: bytes) -> None:
        place = {"db": self.server.kept_in(asked["bucket"]), "precision": _PRECISIONS[asked["precision"]]}
        answer = requests.post(f"{self.server.behind}/write", params=place, data=plain, timeout=20)
        if answer.status_code == 204:
            self._say(204, b"")
            return
        words = answer.json()["error"]
        if "partial write" in words:
            self._refuse(422, f"failure writing points to database: {words}")
        else:
            self._refuse(answer.status_code, words)

    def _post_query(self, asked: dict[str, str], body: bytes) -> None:
        self.server.queries.append(self.headers.get("Accept-Encoding"))
        statement = parse_qs(body.decode())["q"][0]
        bucket = next((str(m["bucketID"]) for m in self.server.mapped(asked["db"]) if m["default"]), None)
        name = next((n for n, i in self.server.buckets.items() if i == bucket), None)
        if name is None:
            error = (
                "retention policy not found: " if statement.startswith("SELECT") else "default retention policy not set"
            )
            self._document(200, {"results": [{"statement_id": 0, "error": error}]})
            return
        place = {**asked, "db": self.server.kept_in(name)}
        with requests.post(f"{self.server.behind}/query", params=place, data={"q": statement}, timeout=20) as answer:
            self._say(answer.status_code, answer.content)

    def _document(self, status: int, document: object) -> None:
        self._say(status, json.dumps(document).encode(), {"Content-Type": "application/json; charset=utf-8"})

    def _refuse(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        code = _CODES.get(status, "internal error")
        body = json.dumps({"code": code, "message": message}).encode()
        self._say(status, body, {"X-Platform-Error-Code": code, **(headers or {})})

    def _say(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        named = {"X-Influxdb-Build": "OSS", "X-Influxdb-Version": self.server.version}
        for name, value in {**named, **(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Keep the test's output clean."""
