"""Writing one sheet of the workbook: text is always text, numbers carry formats, formulas their value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from xlsxwriter.utility import xl_rowcol_to_cell
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from core.text import MISSING, Text
from reports.figures import Figure

FORMATS: dict[str, dict[str, object]] = {
    "text": {"text_wrap": True, "valign": "top"},
    "title": {"bold": True, "font_size": 14},
    "part": {"bold": True, "font_size": 11, "top": 0},
    "head": {"bold": True, "bottom": 1, "top": 2, "text_wrap": True, "valign": "bottom"},
    "unit": {"font_color": "#6b7280", "italic": True, "bottom": 1},
    "kWh": {"num_format": "#,##0.000"},
    "kWh/m²": {"num_format": "#,##0.0"},
    "kW": {"num_format": "#,##0.0"},
    "kgCO2": {"num_format": "#,##0.0"},
    "kgCO2/kWh": {"num_format": "0.0000"},
    "percent": {"num_format": "0.0%"},
    "ratio": {"num_format": "0.000"},
    "count": {"num_format": "0"},
    "money": {"num_format": "#,##0.00"},
    "day": {"num_format": "yyyy-mm-dd", "align": "left"},
    "missing": {"align": "right", "font_color": "#6b7280"},
}


@dataclass(frozen=True)
class Formula:
    """A live formula and the value it has; NaN is shown as missing."""

    expression: str
    value: float
    style: str


@dataclass(frozen=True)
class Number:
    """A number and how it is shown."""

    value: float
    style: str


Cell = str | date | Figure | Formula | Number | Text


def both(text: Text) -> str:
    """Write both languages in one cell."""
    return text.zh if text.zh == text.en else f"{text.zh} / {text.en}"


def style_of(unit: str) -> str:
    """Return the number format of a unit; ratios read as percentages."""
    return "percent" if unit == "1" else unit if unit in FORMATS else "money"


@dataclass
class Book:
    """The workbook and its formats, in plain and bold."""

    workbook: Workbook
    formats: dict[tuple[str, bool], Any] = field(default_factory=dict)  # Any: xlsxwriter ships no types

    def format(self, style: str, *, bold: bool = False) -> Any:  # Any: xlsxwriter ships no types
        """Return a format by name."""
        key = (style, bold)
        if key not in self.formats:
            self.formats[key] = self.workbook.add_format(FORMATS[style] | ({"bold": True, "top": 1} if bold else {}))
        return self.formats[key]

    def sheet(self, name: str, widths: Sequence[float]) -> Sheet:
        """Add a sheet with column widths in characters."""
        worksheet = self.workbook.add_worksheet(name)
        for column, width in enumerate(widths):
            worksheet.set_column(column, column, width)
        worksheet.set_landscape()
        worksheet.set_paper(9)  # A4
        worksheet.fit_to_pages(1, 0)
        return Sheet(self, worksheet, name)


@dataclass
class Sheet:
    """A sheet that is written from top to bottom."""

    book: Book
    worksheet: Worksheet
    name: str
    row: int = 0

    def title(self, text: str, style: str = "title") -> None:
        """Write a heading of the sheet."""
        self.worksheet.write_string(self.row, 0, text, self.book.format(style))
        self.row += 1

    def part(self, text: str) -> None:
        """Write a heading of a part, with a line of space above."""
        self.row += 1
        self.title(text, "part")

    def head(self, *titles: str, style: str = "head") -> None:
        """Write column headings."""
        for column, title in enumerate(titles):
            self.worksheet.write_string(self.row, column, title, self.book.format(style))
        self.row += 1

    def add(self, *cells: Cell, bold: bool = False) -> int:
        """Write a row and return its number, counted from zero."""
        for column, cell in enumerate(cells):
            self._write(column, cell, bold=bold)
        self.row += 1
        return self.row - 1

    def freeze(self, columns: int = 0) -> None:
        """Keep what has been written so far, and the first columns, in sight."""
        self.worksheet.freeze_panes(self.row, columns)

    def ref(self, row: int, column: int) -> str:
        """Return an absolute reference that holds from every sheet."""
        return f"'{self.name}'!{xl_rowcol_to_cell(row, column, row_abs=True, col_abs=True)}"

    def span(self, first: int, last: int, column: int) -> str:
        """Return a reference to a stretch of one column."""
        end = xl_rowcol_to_cell(max(first, last), column, row_abs=True, col_abs=True)
        return f"{self.ref(first, column)}:{end}"

    def _write(self, column: int, cell: Cell, *, bold: bool) -> None:
        book, at, sheet = self.book, (self.row, column), self.worksheet
        match cell:
            case Figure():
                self._number(column, cell.value, style_of(cell.unit), bold=bold)
            case Number():
                self._number(column, cell.value, cell.style, bold=bold)
            case Formula():
                value = cell.value if math.isfinite(cell.value) else MISSING
                sheet.write_formula(*at, cell.expression, book.format(cell.style, bold=bold), value)
            case date():
                sheet.write_datetime(*at, cell, book.format("day", bold=bold))
            case Text():
                sheet.write_string(*at, both(cell), book.format("text", bold=bold))
            case _:
                # Never write(): a name that begins with = or @ must stay a name.
                sheet.write_string(*at, cell, book.format("text", bold=bold))

    def _number(self, column: int, value: float, style: str, *, bold: bool) -> None:
        if math.isfinite(value):
            self.worksheet.write_number(self.row, column, value, self.book.format(style, bold=bold))
        else:
            self.worksheet.write_string(self.row, column, MISSING, self.book.format("missing", bold=bold))


def guarded(references: Sequence[str], expression: str) -> str:
    """Return a formula that is a dash as long as one of its references holds no number."""
    return f'=IF(COUNT({",".join(references)})={len(references)},{expression},"{MISSING}")'
