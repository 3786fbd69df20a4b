"""Take the README's pictures: the demo park at noon, in Chromium. `make pictures`, or `ARGS="--all DIR"` for every view.

`ARGS=--measured` takes those of measured plants and of the splits instead: see tests/pictures_measured.py.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, sync_playwright

from core.clock import ManualClock
from core.park_file import load_park
from ingest.files import import_files
from service.demo.faults import Faults
from service.demo.history import write_history
from service.demo.plant import Plant, epoch_of
from service.demo.site import park_yaml
from service.http import make_app
from service.live import Live
from service.runner import Runtime, catch_up, opened
from service.serving import Server
from tests.conftest import free_port, need
from tests.png import shrink

NOON = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)  # 13:00 in the park
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
WIDTHS = {"desk": (1440, 900), "phone": (390, 844)}
SHOWN = ("overview", "energy", "why", "pv", "buildings", "carbon", "alerts", "data", "reports", "corrections")
# What the README shows: view, language, theme, width, and what else stands in the address.
CHOSEN = {
    "page-zh": ("overview", "zh", "light", "desk", ""),
    "page-en": ("overview", "en", "light", "desk", ""),
    "phone-zh": ("overview", "zh", "light", "phone", ""),
    "phone-en": ("overview", "en", "light", "phone", ""),
    "pv-en": ("pv", "en", "light", "desk", "compare=month"),
    "pv-zh": ("pv", "zh", "light", "desk", "compare=month"),
    "energy-dark-en": ("energy", "en", "dark", "desk", "range=7d&compare=week"),
    "buildings-dark-zh": ("buildings", "zh", "dark", "desk", ""),
    "carbon-phone-zh": ("carbon", "zh", "dark", "phone", "range=12m"),
}


def picture(browser: Browser, url: str, file: Path, what: tuple[str, str, str, str, str], part: str = "") -> None:
    """Save one picture of one view, or of a part of it."""
    view, language, theme, size, more = what
    width, height = WIDTHS[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme, locale=language)
    page = context.new_page()
    page.goto(f"{url}/?view={view}&lang={language}&{more}")
    page.wait_for_selector("#page[aria-busy=false]")
    page.wait_for_timeout(1200)
    file.parent.mkdir(parents=True, exist_ok=True)
    png = (
        page.locator(part).screenshot() if part else page.screenshot(full_page=size == "desk")
    )  # a phone: what it shows first
    page.goto("about:blank")
    shrink(page, png, file)
    context.close()


def shoot(url: str, out: Path, everything: Path | None) -> None:
    """Save the chosen few, and on demand every view in both languages, light and dark, wide and narrow."""
    wanted = {out / f"{name}.png": what for name, what in CHOSEN.items()}
    if everything:
        for view, language, theme, size in itertools.product(SHOWN, ("zh", "en"), ("light", "dark"), WIDTHS):
            wanted[everything / f"{view}-{language}-{theme}-{size}.png"] = (
                view,
                language,
                theme,
                size,
                "compare=month",
            )
    with browsing() as browser:
        for file, what in wanted.items():
            picture(browser, url, file, what)


@contextmanager
def browsing() -> Iterator[Browser]:
    """Give a Chromium."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=need("chromium", "chromium"), args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def served(runtime: Runtime) -> Iterator[str]:
    """Serve a computed park and give its address."""
    port, live = free_port(), Live()
    server = Server(uvicorn.Config(make_app(runtime, "", live), port=port, log_config=None), live)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def main() -> None:
    """Build the demo park at a fixed noon and take its pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--all", type=Path, metavar="DIR", help="also every view, language, theme and width")
    parser.add_argument("--measured", action="store_true", help="measured plants and splits in place of the demo's")
    arguments = parser.parse_args()
    if arguments.measured:
        from tests.pictures_measured import take  # noqa: PLC0415 - it draws with what stands here

        take(arguments.out)
        return
    with tempfile.TemporaryDirectory() as name:
        folder, text = Path(name), park_yaml(NOON)
        (folder / "PARK.yaml").write_text(text, encoding="utf-8")
        park = load_park(folder / "PARK.yaml")
        plant = Plant(park, 1, Faults.demo(park, 1, epoch_of(park)))
        write_history(plant, NOON, folder / "history.parquet")
        with opened(park, ManualClock(NOON + timedelta(minutes=3)), text, "ingest", "serve") as runtime:
            import_files(park, runtime.store, runtime.state, [folder / "history.parquet"], runtime.clock, None)
            catch_up(runtime)
            with served(runtime) as url:
                shoot(url, arguments.out, arguments.all)


if __name__ == "__main__":
    main()
