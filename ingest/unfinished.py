"""The days an import is about to change, on record until they are marked for good.

A recompute may settle the mark that is set before rows are stored, and then a crash keep the second mark from being
set. The rows are there already when the file is imported again, so nothing would ask for their days any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import orjson

from core.store import State

_KEY = "import/unfinished"


def remember(state: State, pairs: Iterable[tuple[str, date]]) -> None:
    """Put on record what is about to be stored."""
    state.set_value(_KEY, orjson.dumps([(device, day.isoformat()) for device, day in pairs]).decode())


def forget(state: State) -> None:
    """Say that all of it is stored and marked."""
    state.set_value(_KEY, "")


def finish(state: State) -> None:
    """Mark what a crash left unmarked."""
    text = state.values(_KEY).get(_KEY)
    if text:
        state.mark_dirty([(str(device), date.fromisoformat(day)) for device, day in orjson.loads(text)])
        forget(state)
