"""The report as a PDF, set by typst with the shipped font and no other."""

from __future__ import annotations

from pathlib import Path

from core.errors import ConfigError, Problem
from core.park import Park
from core.text import Language
from reports.characters import FONTS, shown_characters
from reports.report import MonthlyReport
from reports.typesetting import typeset
from reports.view import texts, unbroken, view

FOLDER = Path(__file__).parent
TEMPLATES = FOLDER / "templates"
LINE_BREAK = "\n"


def pdf_bytes(report: MonthlyReport, language: Language, digest: str) -> bytes:
    """Set the report in one language; words and numbers go in as JSON, so that nothing in them is read as markup.

    Raises ConfigError naming every character the report's font cannot show.
    """
    data = unbroken(view(report, language, digest))
    _check(texts(data))
    return typeset(TEMPLATES / "report.typ", FONTS, data, int(report.scope.generated_at.timestamp()))


def check_characters(report: MonthlyReport) -> None:
    """Refuse what would print as an empty box; another font is never taken silently."""
    _check([text for language in report.park.languages for text in texts(view(report, language, ""))])


def check_names(park: Park) -> None:
    """Refuse a park's names before any report is made where the report's font cannot show them."""
    named = [("name", park.name), *((f"points {p.id}", p.name) for p in park.points)]
    named += [(f"arrays {a.id}", a.name) for a in park.arrays]
    named += [("notice", park.notice)] if park.notice else []
    _check([(place, text.say(language)) for place, text in named for language in park.languages])


def _check(found: list[tuple[str, str]]) -> None:
    allowed = shown_characters() | {LINE_BREAK}
    problems: dict[str, Problem] = {}
    for place, text in found:
        for character in sorted(set(text) - allowed):
            problems.setdefault(character, Problem(place, _reason(character, text), "write it with another character"))
    if problems:
        raise ConfigError(list(problems.values()))


def _reason(character: str, text: str) -> str:
    return f"the report's font cannot show {character!r} (U+{ord(character):04X}) in {text!r}"
