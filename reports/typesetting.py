"""Sets one document in a process of its own: typst remembers what it has set for as long as its process lives."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def typeset(template: Path, fonts: Path, data: object, timestamp: int) -> bytes:
    """Return the PDF that a template makes of JSON-able data, with the given fonts and no other."""
    order = {
        "template": str(template),
        "fonts": str(fonts),
        "data": json.dumps(data, ensure_ascii=False, allow_nan=False),
        "timestamp": timestamp,
    }
    child = [sys.executable, "-m", "reports.typesetting"]
    done = subprocess.run(child, input=json.dumps(order).encode(), capture_output=True, check=False)  # noqa: S603 - our own module
    if done.returncode:
        raise RuntimeError(f"typst could not set {template.name}: {done.stderr.decode(errors='replace')[-500:]}")
    return done.stdout


def _main(order: dict[str, Any]) -> bytes:  # Any: the JSON document `typeset` wrote
    import typst  # noqa: PLC0415 - only the child needs it

    template = Path(order["template"])
    content = typst.compile(
        template,
        root=template.parent,
        font_paths=typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=[Path(order["fonts"])]
        ),
        ignore_system_fonts=True,
        sys_inputs={"data": order["data"]},
        timestamp=order["timestamp"],
    )
    return bytes(content)


if __name__ == "__main__":
    sys.stdout.buffer.write(_main(json.load(sys.stdin.buffer)))
