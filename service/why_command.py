"""`parkwatt why`: the waterfall of a day or month and its sentence, on a terminal."""

from __future__ import annotations

import argparse
from pathlib import Path
from urllib.parse import urlencode

from core.clock import SystemClock
from core.park import Park
from core.park_file import load_park
from core.text import Language
from core.why_waterfall import Document, document
from service import address
from service.runner import catch_up, opened
from service.why import explain, span_of

BAR = 30  # characters of the widest bar


def tell(park: Park, day: str | None, month: str | None, language: Language) -> int:
    """Print the waterfall of a day or month and its sentence."""
    first, last = span_of(day, month)
    owner = address.running(park)
    if owner:
        asked = urlencode({"from": first, "to": last, "lang": language})
        shown = address.ask(owner, "GET", f"/api/v1/why?{asked}").json()
    else:
        with opened(park, SystemClock(), "", "serve") as runtime:
            catch_up(runtime)
            found = explain(park, runtime.store, runtime.state, first, last, runtime.clock.now())
        shown = document(found, park, language)
    print("\n".join(lines(shown)))
    return 0


def lines(shown: Document) -> list[str]:
    """Return the waterfall as text: what every cause did, and where between plan and actual that lies."""
    steps = shown["steps"]
    ends = [0.0, *(s["end"] for s in steps)]
    low, high = min(ends), max(ends)
    width = max((_cells(s["name"]) for s in steps), default=0)

    def at(value: float) -> int:
        return int((value - low) / ((high - low) or 1.0) * BAR + 0.5)

    found = []
    for step in steps:
        left, right = sorted((at(step["start"]), at(step["end"])))
        mark = {"unexplained": "?", "plan": "=", "actual": "="}.get(step["kind"], "+" if step["kwh"] > 0 else "-")
        bar = " " * left + mark * max(1, right - left)
        line = f"{step['name']}{' ' * (width - _cells(step['name']))}  {step['text']:>12}  |{bar}"
        found.append(f"{line} ({step['found']})" if step["found"] else line.rstrip())
    return [*found, *([""] if found else []), shown["sentence"], *shown["notes"]]


def _cells(text: str) -> int:
    """Return how broad a text is on a terminal: Chinese characters take two cells."""
    return sum(2 if ord(character) >= 0x1100 else 1 for character in text)  # noqa: PLR2004 - where wide scripts begin


def add_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("park", type=Path, metavar="PARK.yaml")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--day", metavar="D", help="a local day, e.g. 2026-10-01")
    which.add_argument("--month", metavar="YYYY-MM", help="a local month; a running one as far as it has come")
    parser.add_argument("--lang", type=Language, choices=list(Language), default=Language.EN, help="default en")
    parser.set_defaults(command=lambda a: tell(load_park(a.park), a.day, a.month, a.lang))
