"""`parkwatt correct`: add, list and undo corrections, through the running service where there is one."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from core.clock import SystemClock
from core.corrections import Entry, Kind
from core.park import Park
from core.park_file import load_park
from core.text import Language
from dashboards.views.corrections import correction_view
from service import address, corrections
from service.progress import bar
from service.runner import Runtime, opened
from store.state import SqliteState

NAMES = ("point", "device", "quantity", "factor", "total_kwh", "shape", "seconds", "last_kwh", "first_kwh")
View = Mapping[str, Any]  # Any: JSON


def add_parser(command: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    command.add_argument("park", type=Path, metavar="PARK.yaml")
    add = command.add_subparsers(title="what to do", required=True, metavar="add | list | undo").add_parser
    made = add("add", help="correct a stretch of history")
    made.add_argument("kind", choices=[k.value for k in Kind])
    target = made.add_mutually_exclusive_group(required=True)
    target.add_argument("--point", help="id of a point in PARK.yaml")
    target.add_argument("--device", help="id of a device in PARK.yaml")
    made.add_argument("--from", required=True, dest="start", metavar="TIME", help="park time, or with an offset")
    made.add_argument("--to", dest="end", metavar="TIME", help="first instant after the stretch; not for replace")
    made.add_argument("--quantity", help="exclude, replace: of the device; set, estimate: import_kwh or export_kwh")
    made.add_argument("--factor", type=_finite, help="ratio: what counted energy is multiplied by")
    made.add_argument("--total-kwh", type=_finite, help="set: the energy of the whole stretch")
    made.add_argument("--shape", choices=("even", "own"), help="set: spread evenly or as the point's readings ran")
    made.add_argument("--seconds", type=_finite, help="shift: how far the readings move, later is positive")
    made.add_argument("--last-kwh", type=_finite, help="replace: last count of the old display")
    made.add_argument("--first-kwh", type=_finite, help="replace: first count of the new display")
    _sign(made)
    made.set_defaults(command=lambda a: _add(load_park(a.park), a))
    add("list", help="show every correction, undone ones too").set_defaults(command=lambda a: _list(load_park(a.park)))
    taken = add("undo", help="take a correction back; it stays on record")
    taken.add_argument("id", type=int)
    _sign(taken)
    taken.set_defaults(command=lambda a: _undo(load_park(a.park), a))


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text} is no finite number")
    return number


def _sign(command: argparse.ArgumentParser) -> None:
    command.add_argument("--author", required=True, help="who says so")
    command.add_argument("--reason", required=True, help="why")


def _add(park: Park, asked: argparse.Namespace) -> int:
    given = {name: value for name in NAMES if (value := getattr(asked, name)) is not None}
    given |= {"kind": asked.kind, "start": asked.start, "author": asked.author, "reason": asked.reason}
    given |= {"end": asked.end} if asked.end else {}
    return _write(park, "/api/v1/corrections", given, lambda runtime: corrections.add(runtime, given, bar("computing")))


def _undo(park: Park, asked: argparse.Namespace) -> int:
    given = {"author": asked.author, "reason": asked.reason}
    path = f"/api/v1/corrections/{asked.id}/undo"
    return _write(park, path, given, lambda runtime: corrections.undo(runtime, asked.id, given, bar("computing")))


def _write(park: Park, path: str, given: dict[str, Any], work: Callable[[Runtime], Entry]) -> int:
    owner = address.running(park)
    if owner:
        _tell(address.ask(owner, "POST", f"{path}?lang=en", json=given).json())
        return 0
    with opened(park, SystemClock(), "", "ingest", "serve") as runtime:
        _tell(correction_view(work(runtime), park, Language.EN))
    return 0


def _list(park: Park) -> int:
    owner = address.running(park)
    if owner:
        found = address.ask(owner, "GET", "/api/v1/corrections?lang=en").json()
    else:
        with closing(SqliteState(park.state)) as state:
            found = [correction_view(e, park, Language.EN) for e in state.corrections()]
    for view in found:
        _tell(view)
    if not found:
        print("no corrections")
    return 0


def _tell(view: View) -> None:
    print(f"{view['id']:>4}  {view['text']}\n      {view['by_text']}")
    if view["undone_text"]:
        print(f"      {view['undone_text']}")
