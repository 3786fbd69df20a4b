"""Stretches whose readings are archived and left the store: their numbers stand, and are not computed anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from core.store import State

DROPPED = "archive/dropped/"  # with the month behind it, a value of State: "<from> <to>" in microseconds, or ""

Span: TypeAlias = tuple[int, int]  # microseconds since 1970, UTC, half-open


def dropped_spans(state: State) -> list[Span]:
    """Return the stretches whose readings are away; an import of the archived file brings them back."""
    spans = [value.split() for value in state.values(DROPPED).values() if value]
    return [(int(first), int(last)) for first, last in spans]


def without_dropped(spans: Sequence[Span], stretches: Iterable[tuple[int, int]]) -> list[bool]:
    """Say of each stretch (microseconds, half-open) whether the store still has all its readings and the next one."""
    return [not any(first <= until and since < last for first, last in spans) for since, until in stretches]
