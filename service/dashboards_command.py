"""`parkwatt dashboards build` and `push`: a park's own Grafana dashboards."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from core.clock import SystemClock
from core.errors import ConfigError
from core.park import InfluxStore, Park, secret
from core.park_file import load_park
from dashboards.grafana import build as build_all
from dashboards.grafana import write
from dashboards.look import DATASOURCE_UID, Look, look_of

if TYPE_CHECKING:
    from dashboards.pushing import Source

NEEDS = "pip install 'parkwatt[grafana]'"


def add_parser(command: argparse.ArgumentParser) -> None:
    """Add the two actions."""
    add = command.add_subparsers(title="what to do", required=True, metavar="build|push").add_parser
    action = add("build", help="write them as files, for Grafana's provisioning")
    action.add_argument("park", type=Path, metavar="PARK.yaml")
    action.add_argument("--out", type=Path, required=True, metavar="DIR")
    action.add_argument("--datasource", default=DATASOURCE_UID, metavar="UID", help=f"default {DATASOURCE_UID}")
    action.set_defaults(command=lambda a: build(load_park(a.park), a.out, a.datasource))

    action = add("push", help="put them into a Grafana that is already there")
    action.add_argument("park", type=Path, metavar="PARK.yaml")
    action.add_argument("--url", required=True, help="where Grafana's page is")
    token = action.add_mutually_exclusive_group(required=True)
    token.add_argument("--token-env", metavar="NAME", help="environment variable with a service account's token")
    token.add_argument("--token-file", type=Path, metavar="FILE", help="file with the token")
    action.add_argument("--folder", metavar="TITLE", help="default Parkwatt")
    action.add_argument("--ca-file", type=Path, metavar="FILE", help="who signed Grafana's certificate")
    action.add_argument("--datasource", metavar="UID", help="use this data source of Grafana and make none")
    action.add_argument("--datasource-url", metavar="URL", help="where Grafana finds InfluxDB; default as in PARK.yaml")
    action.add_argument("--datasource-user", metavar="NAME", help="who reads there; default as in PARK.yaml")
    action.add_argument("--datasource-password-env", metavar="NAME")
    action.add_argument("--datasource-password-file", type=Path, metavar="FILE")
    action.add_argument("--datasource-token-env", metavar="NAME", help="token that reads InfluxDB 2")
    action.add_argument("--datasource-token-file", type=Path, metavar="FILE")
    action.add_argument("--renew-secrets", action="store_true", help="hand Grafana the password or token again")
    action.set_defaults(command=_push)


def build(park: Park, folder: Path, datasource: str = DATASOURCE_UID) -> int:
    """Write the park's dashboards in its languages and name the files."""
    with _extra():
        files = write(folder, _looks(park, datasource))
    for path in files:
        print(path)
    return 0


def _looks(park: Park, datasource: str) -> list[Look]:
    now = SystemClock().now()
    return [look_of(park, language, now, datasource) for language in park.languages]


@contextlib.contextmanager
def _extra() -> Iterator[None]:
    """Say what to install where the extra is missing."""
    try:
        yield
    except ImportError as error:
        raise ConfigError(f"{error.name} is not installed, and Grafana's dashboards need it", NEEDS) from error


def _push(arguments: argparse.Namespace) -> int:
    park = load_park(arguments.park)
    with _extra():
        from dashboards.pushing import Push, park_source_uid  # noqa: PLC0415 - needs grafana-client, an extra

        documents = build_all(_looks(park, arguments.datasource or park_source_uid(park.id))).values()
    if arguments.ca_file and not arguments.ca_file.is_file():
        raise ConfigError(f"{arguments.ca_file} is not there", "see --ca-file")
    uid = arguments.datasource or park_source_uid(park.id)
    source = arguments.datasource or _source(park, arguments, uid)
    door = Push(arguments.url, _token(arguments), str(arguments.ca_file) if arguments.ca_file else None)
    try:
        done = door.push(documents, source, arguments.folder, renew_secrets=arguments.renew_secrets)
    finally:
        door.close()
    for word, titles in (("made", done.created), ("changed", done.changed)):
        for title in titles:
            print(f"{word}: {title}")
    print(f"{len(done.created)} made, {len(done.changed)} changed, {len(done.unchanged)} as they were")
    return 0


def _token(arguments: argparse.Namespace) -> str:
    if arguments.token_env:
        token = os.environ.get(arguments.token_env, "")
        where = f"the environment variable {arguments.token_env}"
    else:
        token, where = _text(arguments.token_file), str(arguments.token_file)
    token = token.strip()
    if not token:
        raise ConfigError(f"{where} holds no token", "put a token of a Grafana service account there")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(f"what {where} holds is no token", "a token is one word, like glsa_...")
    return token


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _source(park: Park, arguments: argparse.Namespace, uid: str) -> Source:
    from dashboards.pushing import Source  # noqa: PLC0415 - needs grafana-client, an extra

    store = park.store
    if not isinstance(store, InfluxStore):
        raise ConfigError(
            "Grafana reads InfluxDB, and this park has the embedded store",
            "set store in PARK.yaml to an InfluxDB; the built-in page shows the same panels without Grafana",
        )
    password = _secret(arguments.datasource_password_env, arguments.datasource_password_file)
    token = _secret(arguments.datasource_token_env, arguments.datasource_token_file)
    user = arguments.datasource_user
    if not (password or token or user):
        user, password = store.username, _secret(store.password_env, store.password_file)
        token = _secret(store.token_env, store.token_file)
    url = arguments.datasource_url or store.url
    return Source(uid, f"Parkwatt {park.id}", url, store.database, user, password, token)


def _secret(env: str | None, file: Path | None) -> str | None:
    found = secret(env, file)
    if env and found is None:
        raise ConfigError(f"the environment variable {env} is not set", "Grafana needs it to read InfluxDB")
    return found
