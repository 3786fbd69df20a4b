"""Which days have to be computed again because a neighbour was: see `models.context`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date
from zoneinfo import ZoneInfo

from core.store import State
from core.timebase import days_between
from models.context import Seam
from models.series import Grid, from_us

_KEY = "models/seam/"


class DaySeams:
    """What is odd near the edges between days, as of the last time the days on both sides were computed."""

    def __init__(self, state: State, zone: ZoneInfo) -> None:
        self._state = state
        self._zone = zone
        self._known = state.values(_KEY)
        self._now: dict[str, str] = {}
        self._open: set[date] = set()

    def take(self, points: Mapping[str, Mapping[int, Seam]], grid: Grid) -> None:
        """Take note of what a computed grid says; the days that it changes are open."""
        for edge in grid.edges_us[grid.day_at].tolist():
            for point, seams in points.items():
                seam, key = seams.get(edge), f"{_KEY}{point}/{edge}"
                told = _digest(seam) if seam else ""
                if told == self._now.get(key, self._known.get(key, "")):
                    continue
                self._now[key] = told
                start = min(edge - 1, seam.start_us) if seam else edge - 1
                end = max(edge + 1, seam.end_us) if seam else edge + 1
                self._open.update(days_between(from_us(start), from_us(end), self._zone))

    def open_days(self, computed: Iterable[date], today: date) -> list[date]:
        """Return days up to today that have to be computed once more."""
        self._open.difference_update(computed)
        return sorted(d for d in self._open if d <= today)

    def remember(self) -> None:
        """Keep what was told, once everything that follows from it is stored."""
        for key, value in self._now.items():
            self._state.set_value(key, value)


def _digest(seam: Seam) -> str:
    return hashlib.sha256("\n".join(sorted(seam.texts)).encode()).hexdigest()[:16]
