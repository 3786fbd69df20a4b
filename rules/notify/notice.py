"""What a receiver is handed, and what every receiver can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from core.park import Park
from core.store import AlertRecord
from core.text import Language
from core.words import AlertWords

Why = Literal["new", "worse", "resolved", "repeat"]


@dataclass(frozen=True)
class Told:
    """One alert of a notice: why it is told, and how in each language."""

    alert: AlertRecord
    why: Why
    words: Mapping[Language, AlertWords]


@dataclass(frozen=True)
class Notice:
    """Everything a receiver is told at once, the gravest first."""

    park: Park
    at: datetime
    language: Language
    told: tuple[Told, ...]


class Sender(Protocol):
    """A way to tell somebody. Raises Retryable or Rejected; anything else counts as sent."""

    def send(self, notice: Notice) -> None:
        """Deliver a notice whole."""
        ...
