"""One figure of the bench, and how a list of them is shown."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass
class Row:
    """One figure; `goal` is what the project wants of it, `peer` who else was measured in the same run."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    peer: str | None = None
    ratio: float | None = None
    more_is_better: bool = False

    @property
    def holds(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.more_is_better else self.value <= self.goal


def show(rows: Iterable[Row], out: Path) -> None:
    """Print the table and write it as JSON."""
    rows = list(rows)
    print(f"{os.cpu_count()} cores")
    for row in rows:
        verdict = {None: "", True: "holds", False: "MISSED"}[row.holds]
        beside = f"  {row.peer}: ratio {row.ratio:.2f}" if row.ratio is not None else ""
        goal = "-" if row.goal is None else f"{row.goal:,g}"
        print(f"{row.name:62} {row.value:14,.1f} {row.unit:12} goal {goal:>9} {verdict}{beside}")
    out.write_text(json.dumps([asdict(r) for r in rows], indent=1) + "\n")
