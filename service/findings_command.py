"""`parkwatt findings`: the faults that were found, from the running service or out of the state file."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from core.clock import SystemClock
from core.park import Park
from core.park_file import load_park
from core.text import Language
from core.timebase import day_bounds
from dashboards import views
from service import address, found
from service.runner import opened


def add_parser(command: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    command.add_argument("park", type=Path, metavar="PARK.yaml")
    command.add_argument("--from", dest="first", type=date.fromisoformat, metavar="D", help="first local day")
    command.add_argument("--to", dest="last", type=date.fromisoformat, metavar="D", help="last local day")
    command.add_argument("--lang", type=Language, choices=list(Language), default=Language.EN, help="default en")
    command.set_defaults(command=lambda a: show(load_park(a.park), a.first, a.last, a.lang))


def show(park: Park, first: date | None, last: date | None, language: Language) -> int:
    """Print every finding in a line, with what to do below it."""
    shown = _asked(park, first, last, language)["findings"]
    for one in shown:
        print(one["title"])
        figures = [one["kind"], one["money_text"], f"{one['confidence_text']}", one["rung"]]
        print(f"    {' · '.join(f for f in figures if f)}")
        print(f"    {one['advice']}")
    if not shown:
        print("没有发现故障" if language is Language.ZH else "no faults found")
    return 0


def _asked(park: Park, first: date | None, last: date | None, language: Language) -> Mapping[str, Any]:  # Any: JSON
    owner = address.running(park)
    if owner:
        asked = {"lang": language.value} | {k: d.isoformat() for k, d in (("from", first), ("to", last)) if d}
        answer: Mapping[str, Any] = address.ask(owner, "GET", f"/api/v1/findings?{urlencode(asked)}").json()
        return answer
    start = day_bounds(first, park.zone)[0] if first else None
    end = day_bounds(last, park.zone)[1] if last else None
    with opened(park, SystemClock(), "") as runtime:
        return views.findings(park, found.findings(runtime.state, start, end), language)
