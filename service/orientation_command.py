"""`parkwatt orientation`: does an array face where PARK.yaml says? Through the running service where there is one."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from core.clock import SystemClock
from core.errors import ConfigError
from core.park import Park
from core.park_file import load_park
from core.rungs import RUNG_WORDS
from core.store import Store
from models import orientation
from service import address
from service.runner import opened

Told = Mapping[str, Any]  # Any: JSON
DAYS, MOST_DAYS = 90, 120
_REFUSED = {
    "no_own_meter": "its meter serves other arrays too",
    "too_few_days": f"fewer than {orientation.FEWEST_DAYS} days of its energy can be used",
    "too_little_light": "too few bright quarters of an hour can be used",
}


def add_parser(command: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    command.add_argument("park", type=Path, metavar="PARK.yaml")
    command.add_argument("--array", metavar="ID", help="one array; default all")
    command.add_argument("--days", type=int, default=DAYS, help=f"of the past (default {DAYS})")
    command.set_defaults(command=lambda a: _show(load_park(a.park), a.array, a.days))


def told(park: Park, store: Store, array: str | None, days: int, now: datetime) -> list[Told]:
    """Return what the energy of arrays says of their orientation, as plain values."""
    ids = list(dict.fromkeys(a.id for a in park.arrays))
    if array is not None and array not in ids:
        raise ConfigError(f"there is no array {array}", f"there are: {', '.join(ids)}")
    found: list[Told] = []
    for array_id in [array] if array else ids:
        said = orientation.of_stored(park, store, array_id, min(max(days, 1), MOST_DAYS), now)
        written = next(a for a in reversed(park.arrays) if a.id == array_id)
        more = {"refused": said} if isinstance(said, str) else {**asdict(said), "differs": said.differs}
        found.append({"array": array_id, "written": {"tilt": written.tilt, "azimuth": written.azimuth}, **more})
    return found


def _show(park: Park, array: str | None, days: int) -> int:
    owner = address.running(park)
    if owner:
        question = urlencode({"days": days, **({"array": array} if array else {})})
        found = address.ask(owner, "GET", f"/api/v1/orientation?{question}").json()
    else:
        with opened(park, SystemClock(), "") as runtime:
            found = told(runtime.park, runtime.store, array, days, runtime.clock.now())
    for line in found:
        print(_words(line))
    return 0


def _words(line: Told) -> str:
    written = (
        f"{line['array']}: PARK.yaml says tilt {line['written']['tilt']:g}, azimuth {line['written']['azimuth']:g}"
    )
    if "refused" in line:
        return f"{written}; nobody can tell: {_REFUSED[line['refused']]}"
    says = f"tilt {line['tilt']:g}, azimuth {line['azimuth']:g}"
    basis = f"{line['days']} days, {RUNG_WORDS[line['rung']].en}"
    if not line["differs"]:
        return f"{written}; its energy agrees ({says}; {basis})"
    rmse = f"RMSE {line['rmse']:.0%} instead of {line['rmse_written']:.0%}"
    return f"{written}; its energy looks like {says}, {line['apart_deg']:.0f} degrees apart ({rmse}; {basis})"
