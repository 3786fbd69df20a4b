"""Ten days and two months of the demo park, each split and held against the twin's truth: `python -m tests.whys`."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

from core.text import Language
from core.why_words import part_name, sentence
from tests.why_twin import DAYS, MONTHS, Held, held


def table(park: Held, first: date, last: date) -> list[str]:
    """Return the waterfall of some days in numbers, each part beside its truth, and the sentences."""
    said, rows = park.rows(first, last)
    days = f"{first} to {last}" if first != last else f"{first:%Y-%m-%d %A}"
    lines = [f"{days:<40} {'kWh':>8} {'truth':>8} {'removed':>8}"]
    lines.append(f"  {'plan':<38} {said.plan_kwh:>8,.0f}")
    for part, truth, removed, _ in rows:
        name = part_name(part, park.park, Language.EN)
        lines.append(f"  {name:<38} {part.kwh:>+8,.0f} {truth:>+8,.0f} {removed:>+8,.0f}")
    lines.append(f"  {'unexplained':<38} {said.unexplained_kwh:>+8,.0f}")
    lines.append(f"  {'actual':<38} {said.actual_kwh:>8,.0f}")
    far = sum(not r.right for r in rows)
    lines.append(f"  parts: {len(rows)}, beyond 15 % of the truth and 2 % of consumption: {far}")
    return [*lines, *(f"  {sentence(said, park.park, language)}" for language in Language)]


def main() -> None:
    """Print every day and month."""
    with tempfile.TemporaryDirectory(prefix="parkwatt-why-") as folder, held(Path(folder)) as park:
        for first, last in [*((d, d) for d in DAYS), *MONTHS]:
            print("\n".join(table(park, first, last)) + "\n")


if __name__ == "__main__":
    main()
