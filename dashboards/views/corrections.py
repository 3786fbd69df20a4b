"""Corrections to history as people read them, and what a form needs to make one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from core.correction_words import KIND_NAMES, by_words, undone_words, what_words
from core.corrections import Entry, Kind
from core.park import Park
from core.text import Language

Json: TypeAlias = "dict[str, object]"

SHOWN = 20


def correction_view(entry: Entry, park: Park, language: Language) -> Json:
    """Return one correction: as it was asked for, and in words."""
    undone = entry.undone
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        **entry.correction.model_dump(mode="json", exclude_none=True),
        "undone": {"at": undone.at.isoformat(), "author": undone.author, "reason": undone.reason} if undone else None,
        "text": what_words(entry.correction, park, language),
        "by_text": by_words(entry, park, language),
        "undone_text": undone_words(entry, park, language) or None,
    }


def corrections(entries: Sequence[Entry], park: Park, language: Language) -> Json:
    """Return the newest corrections, and the kinds and points to choose from."""
    newest = sorted(entries, key=lambda e: e.id, reverse=True)
    return {
        "entries": [correction_view(e, park, language) for e in newest[:SHOWN]],
        "more": max(0, len(newest) - SHOWN),
        "zone": park.timezone,
        "kinds": [{"id": k.value, "name": name.say(language)} for k, name in KIND_NAMES.items()],
        "points": [
            {
                "id": p.id,
                "name": p.name.say(language),
                "kinds": _kinds(p.role),
                "devices": [d.id for d in p.devices],
            }
            for p in park.points
            if p.devices
        ],
    }


def _kinds(role: str) -> list[str]:
    weather = {Kind.EXCLUDE, Kind.SHIFT}
    return [k.value for k in Kind if role != "weather" or k in weather]
