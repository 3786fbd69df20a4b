"""Take the README's pictures: the demo park at noon, in Chromium. `make pictures`."""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from playwright.sync_api import sync_playwright

from core.clock import ManualClock
from core.park_file import load_park
from ingest.files import import_files
from service.demo.faults import Faults
from service.demo.history import write_history
from service.demo.plant import Plant, epoch_of
from service.demo.site import park_yaml
from service.http import make_app
from service.runner import catch_up, opened
from tests.conftest import free_port, need

NOON = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)  # 13:00 in the park
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
VIEWS = {"page": (1440, 900), "phone": (390, 844)}


def shoot(url: str, out: Path) -> None:
    """Save a picture per language and width."""
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=need("chromium", "chromium"), args=ARGUMENTS)
        for name, (width, height) in VIEWS.items():
            for language in ("zh", "en"):
                page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
                page.goto(f"{url}/?lang={language}")
                page.wait_for_load_state("networkidle")
                page.wait_for_timeout(1500)
                page.screenshot(path=out / f"{name}-{language}.png", full_page=True)
        browser.close()


def main() -> None:
    """Build the demo park at a fixed noon and take its pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, text = Path(name), park_yaml(NOON)
        (folder / "PARK.yaml").write_text(text, encoding="utf-8")
        park = load_park(folder / "PARK.yaml")
        plant = Plant(park, 1, Faults.demo(park, 1, epoch_of(park)))
        write_history(plant, NOON, folder / "history.parquet")
        with opened(park, ManualClock(NOON + timedelta(minutes=3)), text, "ingest", "serve") as runtime:
            import_files(park, runtime.store, runtime.state, [folder / "history.parquet"], runtime.clock, None)
            catch_up(runtime)
            port = free_port()
            server = uvicorn.Server(uvicorn.Config(make_app(runtime, ""), port=port, log_config=None))
            thread = threading.Thread(target=server.run)
            thread.start()
            while not server.started:
                time.sleep(0.05)
            shoot(f"http://127.0.0.1:{port}", arguments.out)
            server.should_exit = True
            thread.join()


if __name__ == "__main__":
    main()
