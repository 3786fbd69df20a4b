"""The three kinds of error, decided at the edge where the fault is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class Retryable(Exception):
    """The other side may accept the same request later; nothing may be dropped."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Rejected(Exception):
    """These items will never be accepted; they go to quarantine with the reason."""

    def __init__(self, reason: str, items: Sequence[object] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.items = tuple(items)


@dataclass(frozen=True)
class Problem:
    """One fault of a configuration, in words its author can act on."""

    path: str
    reason: str
    hint: str = ""
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: {self.path}" if self.line else self.path
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}: {self.reason}{hint}"


class ConfigError(Exception):
    """Something the operator wrote or set up is wrong; carries every problem found."""

    def __init__(self, problems: Sequence[Problem] | str, hint: str = "", file: str = "") -> None:
        """Take the problems, and the file they stand in where there is one: it then stands before each of them."""
        self.problems: tuple[Problem, ...] = (
            (Problem("", problems, hint),) if isinstance(problems, str) else tuple(problems)
        )
        told = [str(p).removeprefix(": ") for p in self.problems]
        super().__init__("\n".join(f"{file}: {text}" if file and file not in text else text for text in told))
