"""What the report's own font can show."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FONTS = Path(__file__).parent / "fonts"
STAND_IN = "\u25a1"


@cache
def shown_characters() -> frozenset[str]:
    """Return every character both weights of the report's font can show."""
    found: set[str] = set()
    for run in (FONTS / "characters.txt").read_text(encoding="ascii").split():
        first, last = (int(end, 16) for end in run.split("-"))
        found.update(map(chr, range(first, last + 1)))
    return frozenset(found)


def showable(text: str) -> str:
    """Return a text with a box for every character the font lacks: a note typed in haste must not stop the report."""
    return "".join(c if c in shown_characters() else STAND_IN for c in text)
