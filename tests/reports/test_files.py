"""The three files: what stands in them, what they refuse, how they appear."""

import errno
import math
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
from fontTools.ttLib import TTFont
from openpyxl.utils import range_boundaries

from core.errors import ConfigError, Retryable
from core.park_file import parse_park
from core.text import Language, Text
from reports import files, pdf
from reports.characters import FONTS, shown_characters
from reports.fonts.cut import characters
from reports.monthly import build, write
from reports.view import texts, view
from tests.conftest import need
from tests.reports.conftest import (
    NOVEMBER,
    SMALL,
    STORAGE_POINT,
    MemoryState,
    MemoryStore,
    Month,
    lifelike_shape,
    renamed,
    say,
)  # fmt: skip


def report_of(park, state=None, **options):
    return build(park, Month(park, 2026, 10, **options).store(), state or MemoryState(), 2026, 10, NOVEMBER, say)


def pages_of(path: Path) -> list[str]:
    program = need("pdftotext", "poppler-utils")
    text = subprocess.run([program, "-layout", str(path), "-"], capture_output=True, check=True, text=True).stdout
    return text.replace("\u00a0", " ").split("\f")[:-1]


@pytest.fixture
def written(park, state, tmp_path):
    return {p.name.removeprefix("parkwatt-small-2026-10."): p for p in write(report_of(park, state), tmp_path)}


def test_files_of_a_month(written):
    assert sorted(written) == ["en.pdf", "json", "xlsx", "zh.pdf"]
    assert all(p.stat().st_size > 10_000 for p in written.values())


@pytest.mark.parametrize(
    ("language", "verdict", "balance", "page"),
    [
        ("zh", "2026 年 10 月：距净零差 8,930 kWh；原计划短缺 7,750 kWh。", "30,752.000", "第 1 页，共 7 页"),
        ("en", "October 2026: 8,930 kWh short of net zero; the plan was", "30,752.000", "page 1 of 7"),
    ],
)
def test_pdf_says_the_verdict_and_the_balance(written, language, verdict, balance, page):
    pages = pages_of(written[f"{language}.pdf"])
    assert len(pages) == 7
    assert verdict in pages[0]
    assert page in pages[0]
    assert "Asia/Shanghai (UTC+08:00)" in pages[0]
    assert balance in pages[1]
    assert "2026-10-31" in pages[2]
    assert "0.5737" in pages[4]


def test_pdf_embeds_the_shipped_font_and_no_other(written):
    program = need("pdffonts", "poppler-utils")
    listing = subprocess.run([program, str(written["zh.pdf"])], capture_output=True, check=True, text=True).stdout
    names = {line.split()[0].split("+")[-1] for line in listing.splitlines()[2:]}
    assert {n.split("-Identity")[0] for n in names} == {"ParkwattSans-Bold", "ParkwattSans-Regular"}


def test_empty_month_still_makes_every_file(park, tmp_path):
    report = build(park, MemoryStore(), MemoryState(), 2026, 10, NOVEMBER, say)
    paths = write(report, tmp_path)
    assert len(paths) == 4
    first = pages_of(tmp_path / "parkwatt-small-2026-10.en.pdf")[0]
    assert "There are no data at all for this month." in first
    assert "not enough data" in first
    assert "– " in first


def test_first_instant_of_a_month_makes_every_file(park, tmp_path):
    start = datetime(2026, 9, 30, 16, 0, tzinfo=UTC)
    assert len(write(build(park, MemoryStore(), MemoryState(), 2026, 10, start, say), tmp_path)) == 4


def test_running_month_says_to_date_in_the_pdf(park, state, tmp_path):
    now = datetime(2026, 10, 11, 4, 0, tzinfo=UTC)
    report = build(park, Month(park, 2026, 10, until=now).store(), state, 2026, 10, now, say)
    write(report, tmp_path)
    pages = pages_of(tmp_path / "parkwatt-small-2026-10.en.pdf")
    assert "The month is still running: every figure reaches to 2026-10-11 12:00" in pages[0]
    assert "2026-10-11 …" in pages[2]
    assert "2026-10-12" not in pages[2]


def test_park_with_storage(tmp_path):
    raw = SMALL.read_text().replace("\narrays:", STORAGE_POINT + "arrays:", 1)
    park = parse_park(raw.encode())
    write(report_of(park), tmp_path)
    assert "storage discharge" in pages_of(tmp_path / "parkwatt-small-2026-10.en.pdf")[1]


@pytest.mark.parametrize("name", ["#let x = 1", "=cmd()", "*a_ $b$ <c> @d [e] \\f // g", "-1+1", "@SUM(A1)", '"{}'])
def test_hostile_names_stay_names(name, tmp_path):
    park = renamed(name)
    write(report_of(park), tmp_path)
    assert name in pages_of(tmp_path / "parkwatt-small-2026-10.zh.pdf")[0]
    book = openpyxl.load_workbook(tmp_path / "parkwatt-small-2026-10.xlsx")
    cell = book.worksheets[0]["A2"]
    assert (cell.value, cell.data_type) == (name, "s")


def test_character_the_font_lacks_is_named_and_nothing_is_written(tmp_path):
    report = report_of(renamed("𠮷野园区"))
    with pytest.raises(ConfigError, match=r"cannot show '𠮷' \(U\+20BB7\) in '𠮷野园区'"):
        write(report, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_half_a_character_is_named_too(park, tmp_path):
    with pytest.raises(ConfigError, match=r"U\+D842"):
        write(report_of(park.model_copy(update={"name": Text(zh="\ud842", en="x")})), tmp_path)


def test_listed_characters_are_those_of_the_fonts():
    shown = shown_characters()
    for weight in ("Regular", "Bold"):
        cmap = TTFont(FONTS / f"ParkwattSans-{weight}.otf").getBestCmap()
        assert shown <= {chr(c) for c in cmap}
    hanzi = [bytes((row, cell)).decode("gb2312", "ignore") for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF)]
    assert len("".join(hanzi)) == 6763
    assert set("".join(hanzi)) <= shown
    assert {ord(c) for c in shown} <= characters()


def test_every_text_of_the_view_and_the_template_can_be_shown(park, state):
    report = report_of(park, state)
    for language in Language:
        found = "".join(text for _, text in texts(view(report, language, "ab" * 32)))
        assert set(found) - shown_characters() <= {"\n"}


class Calculator:
    """Calculates the few kinds of formula the workbook holds, from the cells themselves."""

    REFERENCE = re.compile(r"'([^']+)'!(\$?[A-Z]+\$?\d+(?::\$?[A-Z]+\$?\d+)?)")

    def __init__(self, formulas: openpyxl.Workbook) -> None:
        self.book = formulas

    def cells(self, sheet: str, reference: str) -> list:
        first_column, first_row, last_column, last_row = range_boundaries(reference.replace("$", ""))
        rows = self.book[sheet].iter_rows(first_row, last_row, first_column, last_column)
        return [self.value(sheet, cell) for row in rows for cell in row]

    def value(self, _sheet: str, cell) -> object:
        return self.calculate(cell.value) if cell.data_type == "f" else cell.value

    def calculate(self, formula: str) -> object:
        found: list[object] = []

        def keep(match: re.Match) -> str:
            values = self.cells(match[1], match[2])
            found.append(values if ":" in match[2] else values[0])
            return f"found[{len(found) - 1}]"

        body = self.REFERENCE.sub(keep, formula.removeprefix("="))
        body = re.sub(r"(?<![<>!])=(?!=)", "==", body.replace("<>", "!="))

        def flat(arguments: tuple) -> list[float]:
            every = [v for a in arguments for v in (a if isinstance(a, list) else [a])]
            return [v for v in every if isinstance(v, int | float)]

        condition = re.fullmatch(r'IF\((.+?),(.+),"–"\)', body)
        names = {
            "found": found,
            "SUM": lambda *a: math.fsum(flat(a)),
            "COUNT": lambda *a: len(flat(a)),
            "ROUND": round,
            "AND": lambda *a: all(a),
        }
        if condition is None:
            return eval(body, {"__builtins__": {}}, names)  # noqa: S307 - formulas of our own making
        test, then = _split(body)
        return eval(then, {"__builtins__": {}}, names) if eval(test, {"__builtins__": {}}, names) else "–"  # noqa: S307


def _split(body: str) -> tuple[str, str]:
    """Cut IF(a,b,"–") at the comma that lies in no inner bracket."""
    inner, depth = body[3 : -len(',"–")')], 0
    for n, character in enumerate(inner):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            return inner[:n], inner[n + 1 :]
    raise AssertionError(body)


def formulas_of(path: Path) -> list[tuple[str, object, object]]:
    live, cached = openpyxl.load_workbook(path), openpyxl.load_workbook(path, data_only=True)
    calculator = Calculator(live)
    return [
        (
            f"{sheet.title}!{cell.coordinate}",
            calculator.calculate(cell.value),
            cached[sheet.title][cell.coordinate].value,
        )
        for sheet in live
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "f"
    ]


@pytest.mark.parametrize("shape", ["flat", "lifelike"])
@pytest.mark.parametrize("unknown", [(), (3, 17), tuple(range(1, 32))])
def test_formulas_and_the_values_beside_them_agree(park, state, tmp_path, shape, unknown):
    month = Month(park, 2026, 10, unknown_days=unknown)
    store = month.store() if shape == "flat" else month.store(lifelike_shape)
    write(build(park, store, state, 2026, 10, NOVEMBER, say), tmp_path)
    found = formulas_of(tmp_path / "parkwatt-small-2026-10.xlsx")
    assert len(found) > 35
    for place, calculated, cached in found:
        if isinstance(cached, str):
            assert calculated == cached, place
        else:
            assert calculated == pytest.approx(cached, abs=1e-6), place


def test_workbook_figures(written):
    book = openpyxl.load_workbook(written["xlsx"], data_only=True)
    energy = {row[0].value: [c.value for c in row[1:4]] for row in book["能量 Energy"].iter_rows(max_col=4)}
    assert energy["光伏发电 / PV generation"] == [14880, 14880, 0]
    assert energy["来源合计 / total supply"][:2] == [30752, 30752]
    assert energy["校核：来源 − 去向 / check: supply − use"][:2] == [0, 0]
    days = book["逐日 Days"]
    assert days["B1"].value == "光伏发电量 / PV generation"
    assert days["B2"].value == "kWh"
    assert days.freeze_panes == "B3"
    assert (days["A3"].value.isoformat()[:10], days["B3"].value) == ("2026-10-01", 480)
    assert book.sheetnames[0] == "摘要 Summary"


def test_unwritable_folder_is_the_operators_to_mend(park, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ConfigError, match="cannot write the report to"):
        write(report_of(park), blocked)


def test_full_disk_leaves_nothing_behind(park, tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(Retryable, match="no space left"):
        write(report_of(park), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_second_report_replaces_the_first(park, tmp_path):
    for _ in range(2):
        write(report_of(park), tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def test_long_names_and_many_alerts_fit(state, tmp_path):
    long_name = renamed("a very long name of a park without end " * 4 + "无" * 60)
    base = state.all_alerts[0]
    state.all_alerts = [base.__class__(**{**base.__dict__, "fingerprint": f"n{n}"}) for n in range(150)]
    state.all_events *= 50
    write(report_of(long_name, state), tmp_path)
    text = "".join(pages_of(tmp_path / "parkwatt-small-2026-10.en.pdf"))
    assert "90 more in the XLSX and JSON." in text
    assert "70 more in the XLSX and JSON." in text


def test_pdf_is_the_same_every_time(park, state):
    report = report_of(park, state)
    assert pdf.pdf_bytes(report, Language.ZH, "ab" * 32) == pdf.pdf_bytes(report, Language.ZH, "ab" * 32)
