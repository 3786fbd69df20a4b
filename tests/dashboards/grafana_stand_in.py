"""A small stand-in for Grafana's HTTP interface: as much of it as a push uses, with the answers Grafana gives.

Status codes and bodies follow Grafana 10 to 12: error bodies carry `message`, some `status` or `messageId` too.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

TOKEN = "glsa_test_0123456789"  # noqa: S105 - of this stand-in
Answer = tuple[int, Any]


class GrafanaStandIn:
    """What it holds, and how it is to behave; `writes` counts what changed anything."""

    def __init__(self, path: str = "") -> None:
        self.path = path  # a Grafana served below a path
        self.version = "11.2.0"
        self.folders: dict[str, dict[str, Any]] = {}
        self.sources: dict[str, dict[str, Any]] = {}
        self.dashboards: dict[str, dict[str, Any]] = {}
        self.meta: dict[str, dict[str, Any]] = {}
        self.forbidden: set[str] = set()  # permissions the token lacks
        self.failing: Answer | None = None
        self.html = False
        self.before_write: Any = None
        self.writes: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{self.path}"

    @property
    def server(self) -> ThreadingHTTPServer:
        return self._server

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, path: str, body: Any) -> Answer:  # noqa: C901, PLR0911 - one line per address
        steps = [unquote(s) for s in path.strip("/").split("/")]
        match method, steps:
            case "GET", ["frontend", "settings"]:
                return 200, {"buildInfo": {"version": self.version, "commit": "abc", "edition": "Open Source"}}
            case "GET", ["folders"]:
                return 200, list(self.folders.values())
            case "GET", ["folders", uid]:
                missing = {"message": "folder not found", "status": "not-found"}
                return (200, self.folders[uid]) if uid in self.folders else (404, missing)
            case "POST", ["folders"]:
                return self._allowed("folders:create") or self._new_folder(body)
            case "GET", ["datasources", "uid", uid]:
                return self._source(self.sources.get(uid))
            case "GET", ["datasources", "name", name]:
                return self._source(next((s for s in self.sources.values() if s["name"] == name), None))
            case "POST", ["datasources"]:
                return self._allowed("datasources:create") or self._new_source(body)
            case "PUT", ["datasources", "uid", uid]:
                return self._allowed("datasources:write") or self._changed_source(uid, body)
            case "GET", ["dashboards", "uid", uid]:
                if uid not in self.dashboards:
                    return 404, {"message": "Dashboard not found"}
                return 200, {"dashboard": self.dashboards[uid], "meta": self.meta[uid]}
            case "POST", ["dashboards", "db"]:
                return self._allowed("dashboards:create") or self._saved(body)
        return 404, {"message": "Not found"}

    def _allowed(self, permission: str) -> Answer | None:
        if permission not in self.forbidden:
            return None
        said = f"You'll need additional permissions to perform this action. Permissions needed: {permission}"
        return 403, {"accessErrorId": "ACE0123456789", "message": said, "title": "Access denied"}

    def _new_folder(self, body: Any) -> Answer:
        uid = body.get("uid") or f"f{len(self.folders)}"
        if uid in self.folders:
            return 409, {"message": "a folder with the same uid already exists"}
        self.folders[uid] = {"uid": uid, "title": body["title"], "id": len(self.folders) + 1}
        self.writes.append(f"folder {uid}")
        return 200, self.folders[uid]

    @staticmethod
    def _source(source: dict[str, Any] | None) -> Answer:
        if source is None:
            return 404, {"message": "Data source not found", "messageId": "datasource.notFound", "statusCode": 404}
        return 200, {k: v for k, v in source.items() if k != "secret"}

    def _new_source(self, body: Any) -> Answer:
        if any(s["name"] == body["name"] for s in self.sources.values()):
            return 409, {"message": "data source with the same name already exists", "traceID": ""}
        return self._kept_source(body, "Datasource added")

    def _changed_source(self, uid: str, body: Any) -> Answer:
        if self.sources[uid].get("readOnly"):
            return 403, {"message": "Cannot update read-only data source", "traceID": ""}
        return self._kept_source(body, "Datasource updated")

    def _kept_source(self, body: Any, said: str) -> Answer:
        body = dict(body)
        secret = body.pop("secureJsonData", {})
        self.sources[body["uid"]] = {
            **body, "id": 1, "orgId": 1, "typeLogoUrl": "", "basicAuth": False, "readOnly": False, "version": 1,
            "secureJsonFields": dict.fromkeys(secret, True), "secret": secret,
        }  # fmt: skip
        self.writes.append(f"source {body['uid']}")
        return 200, {"datasource": self._source(self.sources[body["uid"]])[1], "id": 1, "message": said}

    def _saved(self, body: Any) -> Answer:
        if self.before_write:
            self.before_write()
        new = dict(body["dashboard"])
        uid = new["uid"]
        old = self.dashboards.get(uid)
        if old is not None and self.meta[uid].get("provisioned"):
            return 400, {"message": "Cannot save provisioned dashboard"}
        if old is not None and not body["overwrite"] and new.get("version") != old["version"]:
            return 412, {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
        for other, there in self.dashboards.items():
            if other != uid and there["title"] == new["title"] and self.meta[other]["folderUid"] == body["folderUid"]:
                return 412, {
                    "message": "A dashboard with the same name in the folder already exists", "status": "name-exists"
                }  # fmt: skip
        version = old["version"] + 1 if old else 1
        self.dashboards[uid] = new | {"id": old["id"] if old else len(self.dashboards) + 1, "version": version}
        self.meta.setdefault(uid, {"provisioned": False})["folderUid"] = body["folderUid"]
        self.writes.append(f"dashboard {uid}")
        return 200, {"id": 1, "slug": "x", "status": "success", "uid": uid, "url": f"/d/{uid}/x", "version": version}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        held = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                status, said = self._answer(body)
                text = said if isinstance(said, str) else json.dumps(said)
                self.send_response(status)
                self.send_header("Content-Type", "text/html" if held.html else "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the names http.server asks for

            def _answer(self, body: Any) -> Answer:
                if held.html:
                    return 200, "<html>a router's page</html>"
                if held.failing:
                    return held.failing
                if not self.path.startswith(f"{held.path}/api/"):
                    return 404, {"message": "Not found"}
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    return 401, {
                        "extra": None, "message": "Invalid API key", "messageId": "api-key.invalid", "statusCode": 401,
                        "traceID": "",
                    }  # fmt: skip
                return held.answer(self.command, self.path.removeprefix(f"{held.path}/api"), body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
