"""A bar on the terminal for work that takes a while."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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


@contextmanager
def interruptible() -> Iterator[Callable[[Callable[[int, int], None]], Callable[[int, int], None]]]:
    """Yield what makes a progress callback raise KeyboardInterrupt after a Ctrl-C.

    A Ctrl-C that meets a library's own callback is swallowed there; at the next step of the work it is raised.
    """
    asked = threading.Event()
    before = signal.signal(signal.SIGINT, lambda _number, _frame: asked.set())

    def watching(progress: Callable[[int, int], None]) -> Callable[[int, int], None]:
        def step(done: int, total: int) -> None:
            progress(done, total)
            if asked.is_set():
                raise KeyboardInterrupt

        return step

    try:
        yield watching
        if asked.is_set():
            raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, before)
