"""Puts a park's dashboards into a Grafana that is already there: folder, data source, dashboards.

Everything is looked at before anything is written, so a fault leaves nothing half done that could have been foreseen.
A second push of the same changes nothing. What is not ours is never overwritten: our dashboards carry our tag.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import niquests
from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException, GrafanaServerError, TokenAuth

from core.errors import ConfigError, Retryable
from dashboards.look import TAG

LEAST = (10, 3)  # gaps in state timelines
FOLDER = "Parkwatt"
FOLDER_UID = "parkwatt"
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, PRECONDITION, TOO_MANY = 401, 403, 404, 409, 412, 429

T = TypeVar("T")
Document = Mapping[str, Any]  # Any: a dashboard is a JSON document


@dataclass(frozen=True)
class Source:
    """The data source Grafana reads the park from. Secrets never show."""

    uid: str
    name: str
    url: str
    database: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    def document(self) -> dict[str, Any]:  # Any: a JSON document
        """Return it as Grafana stores it, without secrets."""
        options = {"version": "InfluxQL", "dbName": self.database, "httpMode": "POST", "timeInterval": "15m"}
        if self.token:
            options["httpHeaderName1"] = "Authorization"
        return {
            "uid": self.uid,
            "name": self.name,
            "type": "influxdb",
            "access": "proxy",
            "url": self.url,
            "user": self.user or "",
            "jsonData": options,
        }

    def secrets(self) -> dict[str, str]:
        """Return what Grafana keeps and never shows again."""
        found = {"password": self.password} if self.password else {}
        return found | ({"httpHeaderValue1": f"Token {self.token}"} if self.token else {})


@dataclass
class Pushed:
    """What a push did, by title."""

    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)


def park_source_uid(park_id: str) -> str:
    """Return the uid of a park's own data source."""
    return f"{TAG}-{hashlib.sha256(park_id.encode()).hexdigest()[:8]}"


class Push:
    """One Grafana, entered with one token."""

    def __init__(self, url: str, token: str, ca_file: str | None = None, timeout_s: float = 10.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
            raise ConfigError(
                f"{_without_secret(url)} is no address of Grafana", "write it like https://grafana.example:3000"
            )
        self._place = _without_secret(url)
        path = parts.path.strip("/")
        # Any: the package calls itself typed, but its functions are not.
        self._api: Any = GrafanaApi(
            TokenAuth(token),  # type: ignore[no-untyped-call]  # the same
            host=f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname,
            port=parts.port,
            url_path_prefix=f"{path}/" if path else "",
            protocol=parts.scheme,
            verify=ca_file or True,
            timeout=timeout_s,
        )

    def push(
        self,
        documents: Iterable[Document],
        source: Source | str,
        folder: str | None = None,
        *,
        renew_secrets: bool = False,
    ) -> Pushed:
        """Bring everything up to date and say what that took; `source` may name a data source that is there already."""
        self._check_version()
        documents = list(documents)
        there = {d["uid"]: self._dashboard(d) for d in documents}
        folder_uid, folder_title = self._folder(folder)
        known = self._source(source)
        done = Pushed()
        if folder_uid is None:
            folder_uid = self._make_folder(folder_title, folder, done)
        if isinstance(source, Source):
            self._write_source(source, known, done, renew=renew_secrets)
        for document in documents:
            self._write_dashboard(document, there[document["uid"]], folder_uid, done)
        return done

    def close(self) -> None:
        """End the connections."""
        self._api.client.s.close()

    def _check_version(self) -> None:
        settings = self._ask(lambda: self._api.client.GET("/frontend/settings"), "read its settings")
        build = settings.get("buildInfo") if isinstance(settings, dict) else None
        if not isinstance(build, dict):
            raise self._stranger()
        version = str(build.get("version") or "")
        numbers = tuple(int(n) for n in re.findall(r"\d+", version)[:2])
        if numbers and numbers < LEAST:
            least = ".".join(map(str, LEAST))
            raise ConfigError(f"Grafana at {self._place} is {version}; the dashboards need {least} or later")

    def _folder(self, title: str | None) -> tuple[str | None, str]:
        """Return the uid of the folder where there is one, and its title."""
        if title is None and self._found(lambda: self._api.folder.get_folder(FOLDER_UID), "read the folder"):
            return FOLDER_UID, FOLDER
        wanted = title or FOLDER
        every = self._ask(self._api.folder.get_all_folders, "list folders")
        if not isinstance(every, list) or not all(isinstance(f, dict) and "uid" in f for f in every):
            raise self._stranger()
        same = [f for f in every if f.get("title") == wanted]
        if same and title is None:
            raise ConfigError(
                f"Grafana has a folder called {FOLDER} that is not ours (uid {same[0]['uid']})",
                f"to use it all the same, say --folder {FOLDER}; else name another one",
            )
        return (str(same[0]["uid"]) if same else None), wanted

    def _make_folder(self, title: str, asked: str | None, done: Pushed) -> str:
        uid = FOLDER_UID if asked is None else None
        made = self._ask(lambda: self._api.folder.create_folder(title, uid), f"make the folder {title}")
        if not isinstance(made, dict) or "uid" not in made:
            raise self._stranger()
        done.created.append(f"folder {title}")
        return str(made["uid"])

    def _source(self, source: Source | str) -> Document | None:
        uid = source if isinstance(source, str) else source.uid
        known: Document | None = self._found(
            lambda: self._api.datasource.get_datasource_by_uid(uid), "read the data source"
        )
        if known is None and isinstance(source, str):
            raise ConfigError(
                f"Grafana has no data source with the uid {uid}", "see Connections, Data sources in Grafana"
            )
        parts = [known.get(part) or {} for part in ("jsonData", "secureJsonFields")] if known is not None else []
        if not all(isinstance(part, dict) for part in parts):
            raise self._stranger()
        if known is not None and known.get("type") != "influxdb":
            raise ConfigError(f"the data source {uid} in Grafana is of type {known.get('type')}, not influxdb")
        if known is None and isinstance(source, Source):
            taken = self._found(lambda: self._api.datasource.get_datasource_by_name(source.name), "read data sources")
            if taken is not None:
                raise ConfigError(
                    f"Grafana has a data source called {source.name} that is not ours (uid {taken.get('uid')})",
                    f"rename it there, or use it with --datasource {taken.get('uid')}",
                )
        return known

    def _write_source(self, source: Source, known: Document | None, done: Pushed, *, renew: bool) -> None:
        ours, what = source.document(), f"data source {source.name}"
        whole = {**ours, "secureJsonData": source.secrets()}
        if known is None:
            self._ask(lambda: self._api.datasource.create_datasource(whole), f"make the {what}")
            done.created.append(what)
            return
        kept = known.get("secureJsonFields") or {}
        if known.get("readOnly") or (_holds(known, ours) and all(map(kept.get, source.secrets())) and not renew):
            done.unchanged.append(what)
            return
        self._ask(
            lambda: self._api.datasource.update_datasource_by_uid(
                source.uid, {**whole, "jsonData": {**known.get("jsonData", {}), **ours["jsonData"]}}
            ),
            f"change the {what}",
        )
        done.changed.append(what)

    def _dashboard(self, ours: Document) -> Document | None:
        """Return what stands under our uid; refuse to go on where it is somebody else's or comes from files."""
        there: Document | None = self._found(lambda: self._api.dashboard.get_dashboard(ours["uid"]), "read dashboards")
        if there is None:
            return None
        theirs = there.get("dashboard")
        if not isinstance(theirs, dict) or not isinstance(there.get("meta", {}), dict):
            raise self._stranger()
        tags = theirs.get("tags") or []
        if not isinstance(tags, list):
            raise self._stranger()
        if TAG not in tags:
            raise ConfigError(
                f"Grafana has a dashboard {theirs.get('title')!r} with the uid {ours['uid']} that is not ours (no tag {TAG})",
                "move it away, or give it the tag if it is ours after all",
            )
        if there.get("meta", {}).get("provisioned"):
            raise ConfigError(
                f"the dashboard {theirs.get('title')!r} comes from files of the Grafana server and cannot be pushed",
                "write those files anew with `parkwatt dashboards build`, or end their provisioning",
            )
        return there

    def _write_dashboard(self, ours: Document, there: Document | None, folder_uid: str, done: Pushed) -> None:
        title = str(ours["title"])
        if there is not None and _holds(there["dashboard"], ours):
            done.unchanged.append(title)
            return
        body: dict[str, Any] = {"dashboard": dict(ours), "folderUid": folder_uid, "overwrite": False}  # Any: JSON
        if there is not None:
            # Where somebody moved it to, it stays; whoever saved it since then is not run over.
            body["folderUid"] = there.get("meta", {}).get("folderUid") or ""
            body["dashboard"] |= {"id": there["dashboard"].get("id"), "version": there["dashboard"].get("version")}
        body["message"] = "parkwatt dashboards push"
        self._ask(lambda: self._api.dashboard.update_dashboard(body), f"write the dashboard {title!r}")
        (done.created if there is None else done.changed).append(title)

    def _found(self, ask: Callable[[], T], doing: str) -> T | None:
        """Return an answer, which is one document, None for 404."""
        try:
            answer = self._ask(ask, doing)
        except _NotThere:
            return None
        if not isinstance(answer, dict):
            raise self._stranger()
        return answer

    def _ask(self, ask: Callable[[], T], doing: str) -> T:
        """Ask Grafana something; every fault in words a person can act on."""
        try:
            answer = ask()
        except GrafanaException as error:
            raise self._explained(error, doing) from error
        except niquests.exceptions.JSONDecodeError as error:
            raise self._stranger() from error
        except niquests.exceptions.SSLError as error:
            raise ConfigError(
                f"the certificate of Grafana at {self._place} is not trusted: {_reason(error)}",
                "give the certificate of its authority with --ca-file",
            ) from error
        except niquests.exceptions.RequestException as error:
            raise Retryable(f"Grafana at {self._place} cannot be reached: {_reason(error)}") from error
        if not isinstance(answer, dict | list):
            raise self._stranger()
        return answer

    def _stranger(self) -> ConfigError:
        return ConfigError(
            f"what answers at {self._place} is not Grafana",
            "give the address Grafana's page has, with its path if it has one",
        )

    def _explained(self, error: GrafanaException, doing: str) -> Exception:
        said = _message(error)
        if error.status_code == NOT_FOUND:
            return _NotThere(
                f"Grafana at {self._place} does not know what is needed to {doing}", "is the address right?"
            )
        if error.status_code in {UNAUTHORIZED, FORBIDDEN}:
            return self._barred(error.status_code, said, doing)
        if error.status_code in {CONFLICT, PRECONDITION}:
            return self._taken(error, said, doing)
        busy = error.status_code == TOO_MANY or isinstance(error, GrafanaServerError)
        if busy or not isinstance(error, GrafanaClientError):
            why = f"{error.status_code} {said}" if error.status_code else "no answer in time"
            return Retryable(f"Grafana at {self._place} could not {doing}: {why}")
        return ConfigError(f"Grafana at {self._place} refused to {doing}: {error.status_code} {said}")

    def _barred(self, status: int, said: str, doing: str) -> ConfigError:
        if status == UNAUTHORIZED:
            return ConfigError(
                f"Grafana at {self._place} does not accept the token ({status} {said})",
                "make one for a service account with the role Admin: Administration, Users and access, Service accounts",
            )
        return ConfigError(
            f"the token may not {doing} in Grafana ({status} {said})",
            "its service account needs the role Editor, and Admin for the data source; or use --datasource UID",
        )

    def _taken(self, error: GrafanaException, said: str, doing: str) -> Exception:
        status = error.response.get("status") if isinstance(error.response, dict) else None
        if status == "version-mismatch":
            return Retryable(f"somebody saved it in Grafana at this very moment, so Parkwatt did not {doing}")
        return ConfigError(
            f"Grafana could not {doing}, the name is taken: {said}", "rename what is there, or use another --folder"
        )


class _NotThere(ConfigError):
    """What was asked for is not there."""


def _holds(theirs: object, ours: object) -> bool:
    """Say whether a document holds all of ours; Grafana adds fields of its own and may leave out empty ones."""
    if isinstance(ours, Mapping):
        return isinstance(theirs, Mapping) and all(_holds(theirs.get(k), v) for k, v in ours.items())
    if isinstance(ours, list):
        if not isinstance(theirs, list):
            return not ours and theirs is None
        return len(theirs) == len(ours) and all(map(_holds, theirs, ours))
    return theirs == ours or (theirs is None and not ours)


def _message(error: GrafanaException) -> str:
    said = error.response.get("message") if isinstance(error.response, dict) else None
    return str(said or "no reason given").strip()[:200]


def _reason(error: Exception) -> str:
    """Return the innermost reason of a fault of the connection."""
    text = str(error.args[0]) if error.args else type(error).__name__
    return re.sub(r"^.*(Caused by |: )", "", text)[:200].strip("()'\" ") or type(error).__name__


def _without_secret(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//", url).rstrip("/").split("?")[0]
