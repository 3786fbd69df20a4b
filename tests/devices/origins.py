"""Where the golden payload of each device template comes from, as a table: `python -m tests.devices.origins`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import yaml

FOLDER = Path(__file__).parent


class Origin(NamedTuple):
    """Of one golden payload: its template and case, and whether it was captured, documented or constructed."""

    template: str
    case: str
    kind: str
    source: str

    @property
    def counts(self) -> bool:
        """Say whether somebody else wrote it down: what we made up ourselves proves nothing."""
        return self.kind in {"captured", "documented"}


def origins() -> list[Origin]:
    """Return the origin of every golden payload, sorted by template and case."""
    found = []
    for file in FOLDER.rglob("provenance.yaml"):
        template, *case = file.parent.relative_to(FOLDER).parts
        told = yaml.safe_load(file.read_text(encoding="utf-8"))
        found.append(Origin(template, "/".join(case), told["kind"], told["source"]))
    return sorted(found)


def table() -> str:
    """Return the table as Markdown."""
    rows = [f"| {o.template} | {o.case or '-'} | {o.kind} | {o.source} |" for o in origins()]
    founded = len({o.template for o in origins() if o.counts})
    return "\n".join(
        ["| template | payload | provenance | source |", "|---|---|---|---|", *rows, "", f"founded: {founded}"]
    )


if __name__ == "__main__":
    print(table())
