"""`parkwatt alerts`: list, acknowledge, comment on and silence alerts, through the running service."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from core.errors import ConfigError
from core.park import Park
from core.park_file import load_park
from core.text import Language
from service import address

View = Mapping[str, Any]  # Any: JSON


def add_parser(command: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    command.add_argument("park", type=Path, metavar="PARK.yaml")
    what = "list | ack | unack | comment | silence | unsilence"
    add = command.add_subparsers(title="what to do", required=True, metavar=what).add_parser
    listed = add("list", help="open alerts and silences in force")
    listed.add_argument("--lang", type=Language, choices=list(Language), default=Language.EN, help="default en")
    listed.set_defaults(command=lambda a: _list(load_park(a.park), a.lang))
    for name, text in (
        ("ack", "take an open alert on"),
        ("unack", "give it back"),
        ("comment", "say something about an open alert"),
    ):
        act = add(name, help=text)
        act.add_argument("fingerprint", help="as `list` shows it, e.g. meter_silent/hall")
        act.add_argument("--author", required=True, help="who says so")
        act.add_argument("--text", required=name == "comment", default="", help="what you do or found")
        act.set_defaults(command=lambda a, name=name: _act(load_park(a.park), name, a))
    quiet = add("silence", help="notify nobody of a rule, an entity or both for a time")
    quiet.add_argument("--rule", help="id of a rule")
    quiet.add_argument("--entity", help="id of a point or an array, or of the park")
    quiet.add_argument("--from", dest="start", metavar="TIME", help="default now; park time, or with an offset")
    quiet.add_argument("--until", dest="end", metavar="TIME", required=True)
    _sign(quiet)
    quiet.set_defaults(command=lambda a: _silence(load_park(a.park), a))
    ended = add("unsilence", help="end a silence before its time")
    ended.add_argument("id", type=int)
    _sign(ended)
    ended.set_defaults(command=lambda a: _end(load_park(a.park), a))


def _sign(command: argparse.ArgumentParser) -> None:
    command.add_argument("--author", required=True, help="who says so")
    command.add_argument("--reason", required=True, help="why")


def _service(park: Park) -> address.Address:
    owner = address.running(park)
    if owner is None:
        raise ConfigError("the park is not running", "start it with `parkwatt run` or `parkwatt serve`")
    return owner


def _list(park: Park, language: Language) -> int:
    shown: View = address.ask(_service(park), "GET", f"/api/v1/alerts/view?lang={language}").json()
    for alert in shown["open"]:
        print(f"{alert['fingerprint']}  [{alert['severity_word']}] {alert['title']}")
        for line in [*alert["handled_text"], *(_said(act) for act in alert["acts"] if act["kind"] == "comment")]:
            print(f"    {line}")
    if not shown["open"]:
        print("no open alerts")
    for silence in shown["silences"]:
        if silence["in_force"] or silence["planned"]:
            when = f"{silence['start_text']} – {silence['end_text']}"
            print(f"silence {silence['id']}: {silence['what']}, {when}, {silence['author']}: {silence['reason']}")
    return 0


def _said(act: View) -> str:
    return f"{act['at_text']} {act['author']}: {act['text']}"


def _act(park: Park, name: str, asked: argparse.Namespace) -> int:
    owner = _service(park)
    shown: View = address.ask(owner, "GET", "/api/v1/alerts/view?lang=en").json()
    found = [a for a in shown["open"] if a["fingerprint"] == asked.fingerprint]
    if not found:
        raise ConfigError(f"there is no open alert {asked.fingerprint}", "`parkwatt alerts PARK.yaml list` shows them")
    body = {
        "fingerprint": asked.fingerprint,
        "active_at": found[0]["since"],
        "author": asked.author,
        "text": asked.text,
    }
    made: View = _post(owner, f"alerts/{name}", body)
    print(f"{asked.fingerprint}: {made['word']} · {made['author']}, {made['at_text']}")
    return 0


def _silence(park: Park, asked: argparse.Namespace) -> int:
    body = {name: getattr(asked, name) for name in ("rule", "entity", "start", "end", "author", "reason")}
    made = _post(_service(park), "silences", {k: v for k, v in body.items() if v is not None})
    print(f"silence {made['id']}: {made['what']}, {made['start_text']} – {made['end_text']}")
    return 0


def _end(park: Park, asked: argparse.Namespace) -> int:
    body = {"author": asked.author, "reason": asked.reason}
    made = _post(_service(park), f"silences/{asked.id}/end", body)
    print(f"silence {made['id']}: {made['what']}, over since {made['until_text']}")
    return 0


def _post(owner: address.Address, path: str, body: Mapping[str, object]) -> View:
    told: View = address.ask(owner, "POST", f"/api/v1/{path}?{urlencode({'lang': 'en'})}", json=body).json()
    return told
