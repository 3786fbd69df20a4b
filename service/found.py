"""Findings of a range of time, out of the statements."""

from __future__ import annotations

from datetime import datetime

from core.findings import Finding, findings_of
from core.statements import Kind
from core.store import State


def findings(state: State, start: datetime | None, end: datetime | None, entity: str = "") -> list[Finding]:
    """Return the findings held that lie in any part of [start, end)."""
    return findings_of(state.statements(Kind.FINDING, start, end, entity=entity or None))
