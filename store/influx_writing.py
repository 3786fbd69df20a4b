"""Lines in batches, and in halves where one of them is too large or holds lines that are refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from store.influx_answers import Answer, Fate

MAX_LINES = 10_000


@dataclass
class Refusal:
    """Lines that were refused, by position, and why the first of them was."""

    positions: list[int] = field(default_factory=list)
    reason: str = ""

    def add(self, positions: Sequence[int], reason: str) -> None:
        """Add lines refused for one reason."""
        self.positions.extend(positions)
        self.reason = self.reason or reason


@dataclass(frozen=True)
class Batches:
    """Sends lines by `send`; what is neither stored nor refused raises what `kept` makes of the answer."""

    send: Callable[[bytes], Answer]
    kept: Callable[[Answer], Exception]

    def write(self, lines: Sequence[str]) -> Refusal:
        """Store lines and return those that will never be taken."""
        refusal = Refusal()
        for first in range(0, len(lines), MAX_LINES):
            self._write_part(lines, range(first, min(first + MAX_LINES, len(lines))), refusal)
        return refusal

    def _write_part(self, lines: Sequence[str], positions: range, refusal: Refusal) -> None:
        answer = self.send("\n".join(lines[positions.start : positions.stop]).encode())
        fate = answer.fate
        if fate is Fate.STORED:
            return
        if fate is Fate.KEPT:
            raise self.kept(answer)
        if len(positions) == 1 or (fate is Fate.REFUSED and answer.dropped == len(positions)):
            refusal.add(positions, answer.refusal)
            return
        # Which line it was is found by halves; writing the good ones again changes nothing.
        middle = positions.start + len(positions) // 2
        self._write_part(lines, range(positions.start, middle), refusal)
        self._write_part(lines, range(middle, positions.stop), refusal)
