"""`parkwatt findings`: the faults of the PV arrays, from the running service, or searched for here."""

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
from dashboards.views.spans import checked
from service import address, found
from service.progress import bar
from service.runner import catch_up, opened

Days = tuple[date | None, date | None]


def add_parser(command: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    command.add_argument("park", type=Path, metavar="PARK.yaml")
    command.add_argument("--from", dest="first", type=_day, metavar="D", help="first local day; default all searched")
    command.add_argument("--to", dest="last", type=_day, metavar="D", help="last local day; default today")
    command.add_argument("--lang", type=Language, choices=list(Language), default=Language.EN, help="default en")
    command.set_defaults(command=lambda a: show(load_park(a.park), (a.first, a.last), a.lang))


def show(park: Park, days: Days, language: Language) -> int:
    """Print every finding in a line, with what to do below it."""
    print("\n".join(lines(_asked(park, days, language))))
    return 0


def lines(answer: Mapping[str, Any]) -> list[str]:  # Any: JSON
    """Return findings as text; where there are none, whether anybody searched."""
    if not answer["findings"]:
        return [answer["none_text"]]
    told = []
    for one in answer["findings"]:
        figures = [one["money_text"], one["confidence_words"], one["rung_text"]]
        told += [one["title"], f"    {' · '.join(f for f in figures if f)}", f"    {one['advice']}"]
    return [*told, answer["unsearched"]] if answer["unsearched"] else told


def _asked(park: Park, days: Days, language: Language) -> Mapping[str, Any]:  # Any: JSON
    first, last = days
    if first and last:
        checked(first, last)
    owner = address.running(park)
    if owner:
        asked = {"lang": language.value} | {k: d.isoformat() for k, d in (("from", first), ("to", last)) if d}
        answer: Mapping[str, Any] = address.ask(owner, "GET", f"/api/v1/findings?{urlencode(asked)}").json()
        return answer
    with opened(park, SystemClock(), "", "serve") as runtime:
        catch_up(runtime, bar("computing"))
        now = runtime.clock.now()
        return found.told(park, runtime.state, found.days_of(park, runtime.state, first, last, now), now, language)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day; write it like 2026-10-01") from None
