"""Speed and memory on this machine: `make bench`. Prints a table and writes bench.json.

Never part of the tests: machines are noisy. Times are medians; `goal` is what the project wants.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from tests.bench import demo, imports, influx, ingest, page, peers, portfolio, registers, why
from tests.bench.row import Row, show

PARTS: dict[str, Callable[[], list[Row]]] = {
    "demo": demo.measure,
    "ingest": ingest.measure,
    "registers": registers.measure,
    "imports": imports.measure,
    "influx": influx.measure,
    "page": page.measure,
    "portfolio": portfolio.measure,
    "why": why.measure,
}
# Only by name, for it installs a peer: `make bench-peers`.
PEERS = {"peers": peers.measure}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, *PEERS, []], help="what to measure; everything if nothing is named"
    )
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    arguments = parser.parse_args()
    rows: list[Row] = []
    for part in arguments.parts or PARTS:
        print(f"measuring: {part}", flush=True)
        rows += (PARTS | PEERS)[part]()
    show(rows, arguments.out)


if __name__ == "__main__":
    main()
