"""One figure of the accuracy table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What was compared with what, over which data, and how far apart they are; `text` is the figure with its unit."""

    what: str
    data: str
    text: str
    wanted: str = ""
    note: str = ""
