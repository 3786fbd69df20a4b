"""Ten days and two months of the demo park, each split and held against the twin's truth: `make whys`.

Prints them and writes docs/whys.md.
"""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

from core.text import Language
from core.why_waterfall import document
from core.why_words import part_name, sentence
from service.why_command import lines as lines_of
from tests.why_twin import DAYS, MONTHS, Held, held

TARGET = Path(__file__).parents[1] / "docs" / "whys.md"
HEAD = """# Why days of the demo park differ from their plan

Made by `make whys`; the pictures by `make pictures ARGS=--measured`. Ten days and two months of a demo park in which much goes
wrong: a string and an inverter lost, an outage, an order to curtail, a party, a closed day, silent meters. Each part is
what the park says of itself, in kWh; negative made the balance worse. *Truth* is the twin of the park simulated with and
without the cause, as the mean of putting it in first and last; *removed* is the same by removing it alone. A part is right where it
is within 15 % of the truth or 2 % of the consumption (tests/service/test_why_truth.py). The waterfalls are drawn as
`parkwatt why` draws them; how it is done stands in the [guide](guide.md#why-a-balance-differs-from-its-plan).

![16 October 2026](images/why-day-en.png)

![October 2026](images/why-month-en.png)
"""


def table(park: Held, first: date, last: date) -> list[str]:
    """Return the waterfall of some days in numbers, each part beside its truth, and the sentences."""
    said, rows = park.rows(first, last)
    days = f"{first:%A} {first}" if first == last else f"{first:%B %Y}"
    lines = [f"\n## {days}\n", *(f"{sentence(said, park.park, language)}\n" for language in reversed(Language))]
    drawn = lines_of(document(said, park.park, Language.EN))
    lines += ["```text", *drawn[: drawn.index("")], "```\n"]
    lines += ["| part | kWh | truth | removed | |", "|---|--:|--:|--:|---|", f"| plan | {said.plan_kwh:,.0f} | | | |"]
    for row in rows:
        name = part_name(row.part, park.park, Language.EN)
        right = "" if row.right else "too far off"
        lines.append(f"| {name} | {row.part.kwh:+,.0f} | {row.truth:+,.0f} | {row.removed:+,.0f} | {right} |")
    return [
        *lines,
        f"| unexplained | {said.unexplained_kwh:+,.0f} | | | |",
        f"| actual | {said.actual_kwh:,.0f} | | | |",
    ]


def main() -> None:
    """Print every day and month, and write the page."""
    lines = [HEAD.rstrip("\n")]
    with tempfile.TemporaryDirectory(prefix="parkwatt-why-") as folder, held(Path(folder)) as park:
        for first, last in [*((d, d) for d in DAYS), *MONTHS]:
            lines += table(park, first, last)
    text = "\n".join(lines).replace("-0 |", "0 |") + "\n"
    print(text)
    TARGET.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
