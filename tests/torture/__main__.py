"""The long, seeded fault runs: `make torture`. Prints a table per part; exits non-zero where anything was lost or invented."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from tests.torture import broker_kills, clock_steps, disk, histories, kills, payloads, refusing, sockets

# A part takes (how thorough: 1 is the whole run, seed) and says whether everything held.
PARTS: dict[str, Callable[[float, int], bool]] = {
    "kills": kills.run,
    "broker": broker_kills.run,
    "refusing": refusing.run,
    "disk": disk.run,
    "sockets": sockets.run,
    "clock": clock_steps.run,
    "payloads": payloads.run,
    "histories": histories.run,
}


def main() -> int:
    """Run the parts and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what to try; everything if nothing is named")
    parser.add_argument("--share", type=float, default=1.0, help="of the whole run: 0.1 makes 5 kills of 50")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    held = True
    for part in arguments.parts or PARTS:
        print(f"== {part}", flush=True)
        held &= PARTS[part](arguments.share, arguments.seed)
    return int(not held)


if __name__ == "__main__":
    sys.exit(main())
