"""Pictures of what was found on a measured plant, and of why days of the demo park differ from their plan.

`make pictures ARGS=--measured`. R15's year is read up to the end of November 2018, a month into its loss: the finding as
the page shows it, and its page of the report.
"""

from __future__ import annotations

import subprocess
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from unittest import mock

import pypdf

from core.clock import ManualClock
from core.park_file import load_park
from reports import monthly
from service.making import built_month
from service.runner import catch_up, opened
from tests import measured
from tests.conftest import need
from tests.data.pvops import fit
from tests.pictures import browsing, picture, served
from tests.why_twin import held

NOW = datetime(2018, 12, 1, 20, 0, tzinfo=UTC)  # noon at the plant
LANGUAGES = ("en", "zh")
WHYS = {"why-day": (date(2026, 10, 16), date(2026, 10, 16)), "why-month": (date(2026, 10, 1), date(2026, 10, 31))}


def take(out: Path) -> None:
    """Take all of them."""
    with tempfile.TemporaryDirectory(prefix="parkwatt-pictures-") as folder:
        found(Path(folder), out)
    with tempfile.TemporaryDirectory(prefix="parkwatt-pictures-") as folder:
        whys(Path(folder), out)


def found(folder: Path, out: Path) -> None:
    """Take the finding of R15 as the page and the report of its month show it."""
    text = (measured.DATA / "R15.yaml").read_text(encoding="utf-8")
    (folder / "PARK.yaml").write_text(text, encoding="utf-8")
    park = load_park(folder / "PARK.yaml")
    rows = fit.hours("R15")
    sent = measured.readings("R15", rows[rows.index <= NOW])
    with opened(park, ManualClock(NOW), text, "ingest", "serve") as runtime:
        runtime.store.append_readings(sent)
        runtime.state.mark_dirty({(d, t) for d, t in zip(sent["device"], sent["time"].dt.date, strict=True)})
        catch_up(runtime)
        with served(runtime) as url, browsing() as browser:
            for language in LANGUAGES:
                what = ("pv", language, "light", "desk", "from=2018-10-15&to=2018-11-30")
                picture(browser, url, out / f"found-page-{language}.png", what, "#panel-findings")
        for file in monthly.write(built_month(runtime, 2018, 11, NOW), folder):
            if file.suffix == ".pdf":
                _page(file, out / f"found-report-{file.stem[-2:]}")


def _page(pdf: Path, out: Path) -> None:
    """Save the page of a report on which the finding stands."""
    titles = ("Faults found", "发现的故障")
    pages = [n for n, page in enumerate(pypdf.PdfReader(pdf).pages, 1) if any(t in page.extract_text() for t in titles)]
    at = str(pages[0])
    tool = need("pdftoppm", "poppler-utils")
    subprocess.run([tool, "-png", "-r", "90", "-f", at, "-l", at, "-singlefile", pdf, out], check=True)


def whys(folder: Path, out: Path) -> None:
    """Take the split of a day and of a month of the demo park in which much goes wrong, as the page shows them."""
    with (
        held(folder) as park,
        mock.patch("service.http.why.explain", lambda *asked: park.why(asked[3], asked[4])),
        served(park.runtime) as url,
        browsing() as browser,
    ):
        for name, (first, last) in WHYS.items():
            for language in LANGUAGES:
                what = ("why", language, "light", "desk", f"from={first}&to={last}")
                picture(browser, url, out / f"{name}-{language}.png", what, "#why")
