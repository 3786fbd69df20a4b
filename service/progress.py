"""A bar on the terminal for work that takes a while."""

from __future__ import annotations

import sys
from collections.abc import Callable


def bar(what: str) -> Callable[[int, int], None]:
    """Return a progress callback that draws one line on a terminal and stays quiet elsewhere."""
    if not sys.stderr.isatty():
        return lambda _done, _total: None

    def draw(done: int, total: int) -> None:
        share = done / total if total else 1.0
        end = "\n" if done >= total else ""
        sys.stderr.write(f"\r{what} {'#' * int(30 * share):<30} {100 * share:3.0f} % {end}")
        sys.stderr.flush()

    return draw
